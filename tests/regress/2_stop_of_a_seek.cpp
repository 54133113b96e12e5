// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A seek's stop and the edge. A stop beyond the edge of a live stream was moved to the edge of that
// moment, where playing then ended. A stop that was the edge itself was never reached while nothing
// more came: the player waited for data that it was not to play.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/frames.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;

guint32 seek_up_to(Branch& branch, GstFormat format, std::uint64_t stop) {
  GstEvent* event = gst_event_new_seek(
      1.0, format, static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
      GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, static_cast<gint64>(stop));
  const guint32 seqnum = gst_event_get_seqnum(event);
  demand(branch.send(event), "the seek is taken");
  return seqnum;
}

START_TEST(a_stop_beyond_the_live_edge_stays_where_it_was_asked_for) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  upstream.is_live(0);
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(upstream, 0, kRate, kRate);
  branch.wait_bytes(kRate * kFrame);

  branch.forget();
  branch.wait_after(seek_up_to(branch, GST_FORMAT_TIME, 2 * GST_SECOND));
  give_frames(upstream, kRate, 2 * kRate, kRate);
  branch.wait_eos();

  ck_assert_uint_eq(branch.bytes(), 2 * kRate * kFrame);
  GstSegment segment;
  gst_event_copy_segment(branch.last_event(GST_EVENT_SEGMENT).get(), &segment);
  ck_assert_uint_eq(segment.stop, 2 * GST_SECOND);
}
END_TEST

START_TEST(a_stop_at_the_edge_of_bytes_ends_at_once) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 1000);
  branch.wait_bytes(1000);

  branch.forget();
  seek_up_to(branch, GST_FORMAT_BYTES, 1000);
  branch.wait_eos();

  ck_assert_uint_eq(branch.bytes(), 1000);
}
END_TEST

START_TEST(a_stop_at_the_edge_of_raw_audio_ends_at_once) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(upstream, 0, kRate, kRate);
  branch.wait_bytes(kRate * kFrame);

  branch.forget();
  seek_up_to(branch, GST_FORMAT_TIME, GST_SECOND);
  branch.wait_eos();

  ck_assert_uint_eq(branch.bytes(), kRate * kFrame);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "2_stop_of_a_seek",
      {{"live", {a_stop_beyond_the_live_edge_stays_where_it_was_asked_for}},
       {"edge",
        {a_stop_at_the_edge_of_bytes_ends_at_once, a_stop_at_the_edge_of_raw_audio_ends_at_once}}});
}
