// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A stream in each of the forms that a recording takes, whose every byte says in which generation
// (since which flush or new beginning) and at which place it was sent. Places are counted in units:
// bytes, frames of raw audio, or packets. Caps change from era to era, so that a piece proves its
// caps too.
#pragma once

#include <gst/gst.h>

#include <cstring>
#include <string>

#include "tests/support/frames.hpp"
#include "tests/support/pattern.hpp"

namespace catcher::test {

enum class Form : std::uint8_t { bytes, frames, packets };

inline constexpr unsigned kCodedRate = 48000;
inline constexpr GstClockTime kPacketTime = 20 * GST_MSECOND;
inline constexpr std::uint64_t kPacketsPerKey = 5;

inline const char* name_of(Form form) {
  return form == Form::bytes ? "bytes" : form == Form::frames ? "frames" : "packets";
}

inline GstFormat format_of(Form form) {
  return form == Form::bytes ? GST_FORMAT_BYTES : GST_FORMAT_TIME;
}

// ---- eras

constexpr std::uint64_t units_per_era(Form form) {
  return form == Form::packets ? 40 : 30'000;
}

// Nothing in bytes.
inline std::string coded_caps(Form form, std::uint64_t unit) {
  const bool odd = unit / units_per_era(form) % 2 != 0;
  if (form == Form::packets) {
    return std::string("audio/x-coded-packets,era=(int)") + (odd ? "1" : "0");
  }
  // A frame has the same size and rate in both.
  const std::string raw = "audio/x-raw,layout=interleaved,rate=" + std::to_string(kCodedRate);
  return raw + (odd ? ",format=S32LE,channels=1" : ",format=S16LE,channels=2");
}

// ---- pieces

inline std::uint64_t packet_code(std::uint64_t generation, std::uint64_t packet) {
  return (generation << 40) + (packet << 12);
}

inline std::size_t packet_size(std::uint64_t packet) {
  return 20 + packet * 37 % 700;
}

inline std::uint32_t frame_code(std::uint64_t generation, std::uint64_t frame) {
  return static_cast<std::uint32_t>((generation & 0x3f) << 26 | frame);
}

// Where `unit` stands in the format of the recording.
inline std::uint64_t place_of_unit(Form form, std::uint64_t unit) {
  switch (form) {
    case Form::bytes: return unit;
    case Form::frames: return time_of_frame(unit, kCodedRate);
    case Form::packets: return unit * kPacketTime;
  }
  return 0;
}

// Units [`first`, `first` + `count`); of packets one.
inline BufferPtr coded_piece(Form form, std::uint64_t generation, std::uint64_t first,
                             std::size_t count) {
  if (form == Form::bytes) return pattern_buffer((generation << 40) + first, count);
  if (form == Form::packets) {
    BufferPtr buffer = pattern_buffer(packet_code(generation, first), packet_size(first));
    GST_BUFFER_PTS(buffer.get()) = GST_BUFFER_DTS(buffer.get()) = first * kPacketTime;
    GST_BUFFER_DURATION(buffer.get()) = kPacketTime;
    if (first % kPacketsPerKey != 0) {
      GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DELTA_UNIT);
    }
    return buffer;
  }
  BufferPtr buffer = frames(first, count, kCodedRate);
  GstMapInfo map;
  demand(gst_buffer_map(buffer.get(), &map, GST_MAP_WRITE), "a new buffer can be written");
  for (std::size_t number = 0; number < count; ++number) {
    const std::uint32_t code = frame_code(generation, first + number);
    std::memcpy(map.data + number * kFrame, &code, kFrame);
  }
  gst_buffer_unmap(buffer.get(), &map);
  return buffer;
}

// The first unit of a piece that was played, by what the buffer says of itself.
inline std::uint64_t first_unit(Form form, GstBuffer* buffer) {
  if (form == Form::bytes) return GST_BUFFER_OFFSET(buffer);
  const GstClockTime time = GST_BUFFER_PTS(buffer);
  demand(GST_CLOCK_TIME_IS_VALID(time), "a buffer has a timestamp");
  return form == Form::packets ? time / kPacketTime : frame_at(time, kCodedRate);
}

inline std::uint64_t unit_count(Form form, GstBuffer* buffer) {
  const std::uint64_t size = gst_buffer_get_size(buffer);
  return form == Form::bytes ? size : form == Form::frames ? size / kFrame : 1;
}

// Ends the test unless the data is that of this place. Thread: any.
inline void demand_coded(Form form, std::uint64_t generation, std::uint64_t first,
                         GstBuffer* buffer) {
  GstMapInfo map;
  demand(gst_buffer_map(buffer, &map, GST_MAP_READ), "a buffer can be read");
  demand(map.size != 0, "a buffer has something in it", first);
  const auto bytes = std::as_bytes(std::span(map.data, map.size));
  switch (form) {
    case Form::bytes: demand_pattern(bytes, (generation << 40) + first); break;
    case Form::packets:
      demand(map.size == packet_size(first), "a packet is whole", first);
      demand(GST_BUFFER_PTS(buffer) == first * kPacketTime, "it has its own time", first);
      demand_pattern(bytes, packet_code(generation, first));
      break;
    case Form::frames:
      demand(map.size % kFrame == 0, "it has whole frames", map.size);
      demand(GST_BUFFER_PTS(buffer) == time_of_frame(first, kCodedRate),
             "a timestamp is that of a frame", first);
      for (std::size_t number = 0; number < map.size / kFrame; ++number) {
        std::uint32_t code = 0;
        std::memcpy(&code, map.data + number * kFrame, kFrame);
        demand(code == frame_code(generation, first + number), "the samples are those of this time",
               first + number);
      }
      break;
  }
  gst_buffer_unmap(buffer, &map);
}

// ---- generations: a sticky event of upstream tells which one follows.

inline GstEvent* generation_event(std::uint64_t generation) {
  return gst_event_new_custom(
      GST_EVENT_CUSTOM_DOWNSTREAM_STICKY,
      gst_structure_new("generation", "number", G_TYPE_UINT64, generation, nullptr));
}

// 0 if it is another event.
inline std::uint64_t generation_of(GstEvent* event) {
  const GstStructure* structure = gst_event_get_structure(event);
  guint64 number = 0;
  if (structure == nullptr || !gst_structure_has_name(structure, "generation")) return 0;
  gst_structure_get_uint64(structure, "number", &number);
  return number;
}

}  // namespace catcher::test
