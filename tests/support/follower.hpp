// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Compares what a branch plays with what was recorded: bytes at the place that their buffer's
// timestamp (or offset) and segment say, and without a gap until the next segment.
#pragma once

#include <gst/gst.h>

#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "tests/support/branch.hpp"
#include "tests/support/frames.hpp"

namespace catcher::test {

// Raw audio as it was recorded.
struct Audio {
  std::vector<std::byte> bytes;
  std::size_t frame = kFrame;  // bytes
  unsigned rate = 44100;

  std::uint64_t frames() const { return bytes.size() / frame; }
  std::span<const std::byte> at(std::uint64_t number, std::size_t count) const {
    return std::span(bytes).subspan(number * frame, count * frame);
  }
};

// Frames that are their own numbers.
inline Audio coded_audio(std::uint64_t count, unsigned rate) {
  Audio audio{std::vector<std::byte>(count * kFrame), kFrame, rate};
  for (std::uint64_t number = 0; number < count; ++number) {
    const auto code = static_cast<std::uint32_t>(number);
    std::memcpy(audio.bytes.data() + number * kFrame, &code, kFrame);
  }
  return audio;
}

inline std::int64_t stream_time(const Arrival& one) {
  guint64 time = 0;
  const int sign = gst_segment_to_stream_time_full(&one.segment, GST_FORMAT_TIME,
                                                   GST_BUFFER_PTS(one.buffer.get()), &time);
  demand(sign != 0, "a buffer's timestamp has a stream time", GST_BUFFER_PTS(one.buffer.get()));
  return sign * static_cast<std::int64_t>(time);
}

inline bool is_discont(const Arrival& one) {
  return GST_BUFFER_IS_DISCONT(one.buffer.get());
}

// What the segments of one branch began with. To be passed to Branch::looks(). Thread: any.
class Follower {
 public:
  explicit Follower(const Audio& audio) : seen_(std::make_shared<Seen>(audio)) {}

  GstFlowReturn operator()(const Arrival& one) const {
    Seen& seen = *seen_;
    GstMapInfo map;
    demand(gst_buffer_map(one.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
    demand(map.size > 0 && map.size % seen.audio.frame == 0, "it has whole frames", map.size);
    const std::size_t count = map.size / seen.audio.frame;
    const std::int64_t time = stream_time(one);
    demand(time >= 0, "its time is not below 0");
    const std::uint64_t first = frame_at(static_cast<GstClockTime>(time), seen.audio.rate);
    demand(time_of_frame(first, seen.audio.rate) == static_cast<GstClockTime>(time),
           "a timestamp is that of a frame", static_cast<std::uint64_t>(time));
    demand(first + count <= seen.audio.frames(), "it is within what was recorded", first);
    demand(std::memcmp(map.data, seen.audio.at(first, count).data(), map.size) == 0,
           "the samples are those of this time", first);
    gst_buffer_unmap(one.buffer.get(), &map);

    const std::lock_guard lock(seen.mutex);
    if (seen.segment != one.segments) {
      demand(is_discont(one), "the first buffer of a segment is a discontinuity", first);
      seen.segment = one.segments;
      seen.first[one.seqnum] = first;
    } else {
      demand(first == seen.next, "within a segment nothing is left out or doubled", first);
    }
    seen.next = first + count;
    seen.total += count;
    return GST_FLOW_OK;
  }

  // The frame with which the last segment with this seqnum began.
  std::optional<std::uint64_t> first_of(guint32 seqnum) const {
    const std::lock_guard lock(seen_->mutex);
    const auto found = seen_->first.find(seqnum);
    return found == seen_->first.end() ? std::nullopt : std::optional(found->second);
  }
  std::uint64_t total() const {
    const std::lock_guard lock(seen_->mutex);
    return seen_->total;
  }
  // The frame behind the last one that came.
  std::uint64_t next() const {
    const std::lock_guard lock(seen_->mutex);
    return seen_->next;
  }

 private:
  struct Seen {
    explicit Seen(const Audio& all) : audio(all) {}
    const Audio& audio;
    std::mutex mutex;
    std::map<guint32, std::uint64_t> first;
    std::uint64_t segment = 0, next = 0, total = 0;
  };
  std::shared_ptr<Seen> seen_;
};

}  // namespace catcher::test
