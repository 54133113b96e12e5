// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Where the rate changed at an edge that stalled, what came next was rendered as late as if all
// before it had to be played again. A stop that was moved on behind the end was answered TRUE and
// played nothing. GAPs kept upstream's timestamps where buffers got those of the recording.
#include "tests/support/parked.hpp"
#include "tests/support/plugin_check.hpp"
#include "tests/support/reverse.hpp"

namespace {

using namespace catcher::test;

START_TEST(a_rate_that_changes_at_a_stalled_edge_goes_on_at_once) {
  for (const double rate : {2.0, 1.0, 0.5}) {
    Caught caught;
    Parked player;
    caught.branch.looks([&](const Arrival&) {
      player.enter();
      return GST_FLOW_OK;
    });
    caught.branch.link();
    give_frames(caught.upstream, 0, kFrames, kRate);
    caught.branch.wait_bytes(kFrames * kFrame);
    player.wait("it waits at the edge");
    const guint32 seqnum = caught.back(rate, kOpen, kOpen);
    player.wait("it has found that there is nothing yet");
    give_frames(caught.upstream, kFrames, kRate, kRate);
    caught.branch.wait_after(seqnum);

    const Arrival first = std::move(buffers_of(caught.branch, seqnum).front());
    ck_assert_uint_eq(first_frame(first.buffer.get()), kFrames);
    ck_assert_uint_eq(rendered_at(first), first.segment.base);
  }
}
END_TEST

START_TEST(a_stop_that_is_moved_on_behind_the_end_is_played_to) {
  Caught caught;
  caught.all();
  caught.back(1, 0, time_of(kRate));
  caught.branch.wait_eos();
  caught.branch.forget();

  const guint32 seqnum = caught.back(1, kOpen, time_of(2 * kRate), 0);
  caught.branch.wait_eos();

  const auto buffers = buffers_of(caught.branch, seqnum);
  ck_assert_uint_gt(buffers.size(), 0);
  ck_assert_uint_eq(first_frame(buffers.front().buffer.get()), kRate);
  GstBuffer* last = buffers.back().buffer.get();
  ck_assert_uint_eq(first_frame(last) + frame_count(last), 2 * kRate);
}
END_TEST

START_TEST(a_gap_has_the_time_that_a_buffer_would_have) {
  Caught caught;
  caught.branch.link();
  give_frames(caught.upstream, 0, kFrames, kRate);
  GstSegment later;
  gst_segment_init(&later, GST_FORMAT_TIME);
  later.start = later.position = 100 * GST_SECOND;
  later.time = time_of_frame(kFrames, kRate);
  caught.upstream.send(gst_event_new_segment(&later));
  caught.upstream.send(gst_event_new_gap(100 * GST_SECOND, GST_SECOND));
  caught.branch.wait_event(GST_EVENT_GAP);

  GstClockTime time = 0, duration = 0;
  gst_event_parse_gap(caught.branch.last_event(GST_EVENT_GAP).get(), &time, &duration);
  ck_assert_uint_eq(time, time_of_frame(kFrames, kRate));
  ck_assert_uint_eq(duration, GST_SECOND);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "time_behind_the_end",
                          {{"seek",
                            {a_rate_that_changes_at_a_stalled_edge_goes_on_at_once,
                             a_stop_that_is_moved_on_behind_the_end_is_played_to}},
                           {"gap", {a_gap_has_the_time_that_a_buffer_would_have}}});
}
