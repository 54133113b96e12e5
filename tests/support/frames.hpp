// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Raw audio in which each frame is its own number, so that any sample says where it comes from.
#pragma once

#include <gst/gst.h>

#include <cstring>
#include <string>

#include "tests/support/upstream.hpp"

namespace catcher::test {

inline constexpr std::size_t kFrame = 4;  // two channels of 16 bits

inline std::string frame_caps(unsigned rate) {
  return "audio/x-raw,format=S16LE,layout=interleaved,channels=2,channel-mask=(bitmask)3,rate=" +
         std::to_string(rate);
}

inline GstClockTime time_of_frame(std::uint64_t frame, unsigned rate) {
  return gst_util_uint64_scale(frame, GST_SECOND, rate);
}

// The frame that is heard at `time`: the last one that begins at or before it.
inline std::uint64_t frame_at(GstClockTime time, unsigned rate) {
  std::uint64_t frame = gst_util_uint64_scale(time, rate, GST_SECOND);
  while (time_of_frame(frame + 1, rate) <= time) ++frame;
  return frame;
}

// Frames [`frame`, `frame + count`), with timestamps.
inline BufferPtr frames(std::uint64_t frame, std::size_t count, unsigned rate) {
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, count * kFrame, nullptr));
  GstMapInfo map;
  demand(gst_buffer_map(buffer.get(), &map, GST_MAP_WRITE), "a new buffer can be written");
  for (std::size_t number = 0; number < count; ++number) {
    const auto code = static_cast<std::uint32_t>(frame + number);
    std::memcpy(map.data + number * kFrame, &code, kFrame);
  }
  gst_buffer_unmap(buffer.get(), &map);
  GST_BUFFER_PTS(buffer.get()) = time_of_frame(frame, rate);
  GST_BUFFER_DURATION(buffer.get()) =
      time_of_frame(frame + count, rate) - GST_BUFFER_PTS(buffer.get());
  return buffer;
}

// Which frame the buffer begins with; ends the test unless the others follow it. Thread: any.
inline std::uint64_t first_frame(GstBuffer* buffer, const char* file = __builtin_FILE(),
                                 int line = __builtin_LINE()) {
  GstMapInfo map;
  demand(gst_buffer_map(buffer, &map, GST_MAP_READ), "a buffer can be read");
  demand(map.size >= kFrame && map.size % kFrame == 0, "a buffer has whole frames", map.size, file,
         line);
  std::uint32_t first = 0;
  std::memcpy(&first, map.data, kFrame);
  for (std::size_t number = 1; number < map.size / kFrame; ++number) {
    std::uint32_t code = 0;
    std::memcpy(&code, map.data + number * kFrame, kFrame);
    demand(code == first + number, "each frame follows the one before", first + number, file, line);
  }
  gst_buffer_unmap(buffer, &map);
  return first;
}

inline std::uint64_t frame_count(GstBuffer* buffer) {
  return gst_buffer_get_size(buffer) / kFrame;
}

// Frames [`frame`, `frame + count`) in buffers of `each`, from upstream.
inline void give_frames(Upstream& upstream, std::uint64_t frame, std::uint64_t count, unsigned rate,
                        std::size_t each = 1024) {
  for (const std::uint64_t end = frame + count; frame < end;) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(each, end - frame));
    upstream.give(frames(frame, part, rate));
    frame += part;
  }
}

}  // namespace catcher::test
