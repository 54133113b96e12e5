// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Seeks with any rate, and what tests of rates say about what came of them.
#pragma once

#include <string>

#include "tests/support/branch.hpp"
#include "tests/support/frames.hpp"

namespace catcher::test {

inline constexpr gint64 kOpen = -1;

// Without a type for kOpen: what was set before stays.
inline GstEvent* rate_seek(double rate, int flags, gint64 start, gint64 stop) {
  return gst_event_new_seek(rate, GST_FORMAT_TIME, static_cast<GstSeekFlags>(flags),
                            start == kOpen ? GST_SEEK_TYPE_NONE : GST_SEEK_TYPE_SET, start,
                            stop == kOpen ? GST_SEEK_TYPE_NONE : GST_SEEK_TYPE_SET, stop);
}

// Its seqnum, or GST_SEQNUM_INVALID if it was refused.
inline guint32 seek_rate(Branch& branch, double rate, int flags, gint64 start = kOpen,
                         gint64 stop = kOpen) {
  GstEvent* event = rate_seek(rate, flags, start, stop);
  const guint32 seqnum = gst_event_get_seqnum(event);
  return branch.send(event) ? seqnum : GST_SEQNUM_INVALID;
}

// Running time at which the buffer is to be heard or seen: in reverse its end comes first.
inline GstClockTime rendered_at(const Arrival& one) {
  const GstClockTime pts = GST_BUFFER_PTS(one.buffer.get());
  const GstClockTime time =
      one.segment.rate < 0 ? pts + GST_BUFFER_DURATION(one.buffer.get()) : pts;
  return gst_segment_to_running_time(&one.segment, GST_FORMAT_TIME, time);
}
inline GstClockTime rendered_until(const Arrival& one) {
  const GstClockTime pts = GST_BUFFER_PTS(one.buffer.get());
  const GstClockTime time =
      one.segment.rate < 0 ? pts : pts + GST_BUFFER_DURATION(one.buffer.get());
  return gst_segment_to_running_time(&one.segment, GST_FORMAT_TIME, time);
}

// The buffers that came in a segment with this seqnum.
inline std::vector<Arrival> buffers_of(const Branch& branch, guint32 seqnum) {
  std::vector<Arrival> found;
  for (Arrival& one : branch.arrivals()) {
    if (one.buffer != nullptr && one.seqnum == seqnum) found.push_back(std::move(one));
  }
  return found;
}

// Ends the test unless the buffers hold frames [from, to) once each, from back to front, with exact
// times in a stream that begins at 0.
inline void demand_backwards(const std::vector<Arrival>& buffers, std::uint64_t from,
                             std::uint64_t to, unsigned rate, const char* file = __builtin_FILE(),
                             int line = __builtin_LINE()) {
  std::uint64_t top = to;
  for (const Arrival& one : buffers) {
    const std::uint64_t first = first_frame(one.buffer.get(), file, line);
    const std::uint64_t count = frame_count(one.buffer.get());
    demand(first + count == top, "each piece ends where the one before begins", top, file, line);
    const GstClockTime pts = GST_BUFFER_PTS(one.buffer.get());
    demand(pts == time_of_frame(first, rate), "its time is exact", pts, file, line);
    demand(pts + GST_BUFFER_DURATION(one.buffer.get()) == time_of_frame(top, rate),
           "its duration is exact", top, file, line);
    top = first;
  }
  demand(top == from, "all is played down to the start", top, file, line);
}

// Frames [0, kFrames) behind a catchertee, and a branch that plays them.
inline constexpr unsigned kRate = 48000;
inline constexpr std::uint64_t kFrames = 3 * kRate;

inline gint64 time_of(std::uint64_t frame) {
  return static_cast<gint64>(time_of_frame(frame, kRate));
}

class Caught {
 public:
  explicit Caught(guint64 window = 0) : tee("catchertee"), upstream(tee.get()), branch(tee.get()) {
    if (window != 0) tee.set("max-size-bytes", window);
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  }
  Caught& all() {
    branch.link();
    give_frames(upstream, 0, kFrames, kRate);
    upstream.eos();
    branch.wait_eos();
    branch.forget();
    return *this;
  }
  // kOpen leaves what was set, -2 is none.
  guint32 back(double rate, gint64 start, gint64 stop, int flags = GST_SEEK_FLAG_FLUSH) {
    const guint32 seqnum = seek_rate(branch, rate, flags, start, stop);
    demand(seqnum != GST_SEQNUM_INVALID, "the seek is taken");
    return seqnum;
  }
  Element tee;
  Upstream upstream;
  Branch branch;
};

}  // namespace catcher::test
