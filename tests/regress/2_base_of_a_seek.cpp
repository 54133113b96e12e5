// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a seek's segment says of running time. A seek by KEY_UNIT without a start kept the offset of
// where playing had been while its start moved to the key unit, so that all was late. One without a
// flush took its base before the piece in flight had gone down: the next one was to be rendered at
// the same time as that.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/parked.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;
constexpr GstClockTime kPacket = 100 * GST_MSECOND;
constexpr unsigned kPacketsPerKey = 10;

void give_packets(Upstream& upstream, unsigned count) {
  for (unsigned number = 0; number < count; ++number) {
    BufferPtr buffer = pattern_buffer(number * 100, 100);
    GST_BUFFER_PTS(buffer.get()) = GST_BUFFER_DTS(buffer.get()) = number * kPacket;
    GST_BUFFER_DURATION(buffer.get()) = kPacket;
    if (number % kPacketsPerKey != 0) {
      GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DELTA_UNIT);
    }
    upstream.give(std::move(buffer));
  }
}

guint32 seek(Branch& branch, double rate, int flags, GstSeekType type, gint64 start) {
  GstEvent* event =
      gst_event_new_seek(rate, GST_FORMAT_TIME, static_cast<GstSeekFlags>(flags), type, start,
                         GST_SEEK_TYPE_NONE, static_cast<gint64>(GST_CLOCK_TIME_NONE));
  const guint32 seqnum = gst_event_get_seqnum(event);
  demand(branch.send(event), "the seek is taken");
  return seqnum;
}

GstClockTime running_time(const Arrival& one, GstClockTime time) {
  return gst_segment_to_running_time(&one.segment, GST_FORMAT_TIME, time);
}

// The first buffer of a seek.
Arrival first_of(const Branch& branch, guint32 seqnum) {
  for (Arrival& one : branch.arrivals()) {
    if (one.buffer != nullptr && one.seqnum == seqnum) return std::move(one);
  }
  give_up("data comes after the seek");
}

START_TEST(a_rate_seek_to_a_key_unit_is_rendered_from_its_base) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, "video/x-test");
  give_packets(upstream, 100);
  branch.wait_buffers(100);
  branch.wait_after(seek(branch, 1.0, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 2550 * GST_MSECOND));
  branch.wait_buffers(100 + 80);

  const guint32 seqnum =
      seek(branch, 1.5, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT, GST_SEEK_TYPE_NONE, -1);
  branch.wait_after(seqnum);

  const Arrival first = first_of(branch, seqnum);
  const GstClockTime pts = GST_BUFFER_PTS(first.buffer.get());
  ck_assert_uint_eq(pts, 9 * GST_SECOND);
  ck_assert_uint_eq(first.segment.offset, 0);
  ck_assert_uint_eq(first.segment.start, pts);
  ck_assert_uint_eq(running_time(first, pts), first.segment.base);
}
END_TEST

START_TEST(a_seek_without_a_flush_goes_on_after_the_piece_in_flight) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(upstream, 0, 2 * kRate, kRate);
  Branch branch(tee.get());
  branch.admit(1);
  branch.link();
  branch.wait_buffers(1);
  branch.wait_blocked();

  Parked seeker;
  Gate done;
  std::atomic<guint32> seqnum = GST_SEQNUM_INVALID;
  const std::jthread thread([&] {
    seeker.enter();
    seqnum = seek(branch, 1.0, GST_SEEK_FLAG_ACCURATE, GST_SEEK_TYPE_SET, GST_SECOND);
    done.open();
  });
  seeker.wait("the seek waits for the piece in flight");
  branch.unblock();
  done.wait("the seek comes back");
  branch.wait_after(seqnum);

  GstClockTime end = 0;  // running time up to which all came before the seek
  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer == nullptr || one.seqnum == seqnum) continue;
    ck_assert_uint_eq(running_time(one, GST_BUFFER_PTS(one.buffer.get())), end);
    end =
        running_time(one, GST_BUFFER_PTS(one.buffer.get()) + GST_BUFFER_DURATION(one.buffer.get()));
  }
  const Arrival first = first_of(branch, seqnum);
  ck_assert_uint_gt(end, 0);
  ck_assert_uint_eq(first.segment.base, end);
  ck_assert_uint_eq(GST_BUFFER_PTS(first.buffer.get()), GST_SECOND);
  ck_assert_uint_eq(running_time(first, GST_SECOND), end);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "2_base_of_a_seek",
                          {{"base",
                            {a_rate_seek_to_a_key_unit_is_rendered_from_its_base,
                             a_seek_without_a_flush_goes_on_after_the_piece_in_flight}}});
}
