// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "plugin/support/segment_math.hpp"

#include <gst/check/gsttestclock.h>

#include "core/timeline.hpp"
#include "plugin/support/seek_bases.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::plugin;
using catcher::kNoTime;

constexpr GstClockTime kThousandHours = 1000 * 3600 * GST_SECOND;
constexpr GstClockTime kNone = GST_CLOCK_TIME_NONE;

GstSegment in_time(GstClockTime start, GstClockTime time, GstClockTime base = 0) {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = start;
  segment.time = time;
  segment.base = base;
  return segment;
}

GstSegment in_bytes() {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_BYTES);
  return segment;
}

START_TEST(timestamps_of_a_plain_segment_are_stream_time) {
  const GstSegment segment = in_time(0, 0);

  ck_assert_int_eq(stream_time_of(segment, 0), 0);
  ck_assert_int_eq(stream_time_of(segment, 5 * GST_SECOND), 5 * GST_SECOND);
  ck_assert_uint_eq(time_shift_of(segment), 0);
}
END_TEST

START_TEST(timestamps_a_thousand_hours_above_stream_time_are_moved_exactly) {
  const GstSegment segment = in_time(kThousandHours, 0);

  ck_assert_int_eq(stream_time_of(segment, kThousandHours), 0);
  ck_assert_int_eq(stream_time_of(segment, kThousandHours + 1), 1);
  ck_assert_uint_eq(time_shift_of(segment), kThousandHours);
  ck_assert_uint_eq(timestamp_of(1, kThousandHours), kThousandHours + 1);
}
END_TEST

START_TEST(a_segment_ends_in_stream_time) {
  GstSegment segment = in_time(kThousandHours, 3 * GST_SECOND);
  ck_assert_uint_eq(end_of(segment), kNone);
  segment.stop = kThousandHours + 5 * GST_SECOND;
  ck_assert_uint_eq(end_of(segment), 8 * GST_SECOND);
  ck_assert_uint_eq(end_of(in_bytes()), kNone);
}
END_TEST

START_TEST(what_lies_before_the_segment_has_a_stream_time_below_zero) {
  const GstSegment segment = in_time(kThousandHours, 0);
  const auto preroll = static_cast<std::int64_t>(80 * GST_MSECOND);

  ck_assert_int_eq(stream_time_of(segment, kThousandHours - 80 * GST_MSECOND), -preroll);
  ck_assert_uint_eq(timestamp_of(-preroll, kThousandHours), kThousandHours - 80 * GST_MSECOND);
}
END_TEST

START_TEST(preroll_of_a_stream_that_begins_at_zero_keeps_its_timestamps) {
  // As an Opus stream with 312 samples of pre-skip.
  const GstSegment segment = in_time(6500000, 0);

  const std::int64_t first = stream_time_of(segment, 0);

  ck_assert_int_eq(first, -6500000);
  ck_assert_uint_eq(timestamp_of(first, time_shift_of(segment)), 0);
  ck_assert_uint_eq(timestamp_of(0, time_shift_of(segment)), 6500000);
}
END_TEST

START_TEST(a_segment_that_begins_later_in_the_stream_says_when) {
  const GstSegment segment = in_time(10 * GST_SECOND, 3 * GST_SECOND);

  ck_assert_int_eq(stream_time_of(segment, 10 * GST_SECOND), 3 * GST_SECOND);
  ck_assert_uint_eq(time_shift_of(segment), 7 * GST_SECOND);
}
END_TEST

START_TEST(timestamps_below_stream_time_are_not_shifted) {
  const GstSegment segment = in_time(0, 3 * GST_SECOND);

  ck_assert_int_eq(stream_time_of(segment, GST_SECOND), 4 * GST_SECOND);
  ck_assert_uint_eq(time_shift_of(segment), 0);
}
END_TEST

START_TEST(an_applied_rate_stretches_stream_time) {
  GstSegment segment = in_time(0, 0);
  segment.applied_rate = 2.0;

  ck_assert_int_eq(stream_time_of(segment, 3 * GST_SECOND), 6 * GST_SECOND);
}
END_TEST

START_TEST(no_timestamp_and_no_time_segment_have_no_stream_time) {
  ck_assert_int_eq(stream_time_of(in_time(0, 0), kNone), kNoTime);
  ck_assert_int_eq(stream_time_of(in_bytes(), GST_SECOND), kNoTime);
  ck_assert_uint_eq(time_shift_of(in_bytes()), 0);
}
END_TEST

START_TEST(a_time_too_far_below_has_no_timestamp) {
  ck_assert_uint_eq(timestamp_of(-1, 0), kNone);
  ck_assert_uint_eq(timestamp_of(-6500001, 6500000), kNone);
  ck_assert_uint_eq(timestamp_of(kNoTime, kThousandHours), kNone);
}
END_TEST

START_TEST(a_sent_segment_is_moved_as_its_timestamps_are) {
  GstSegment segment = in_time(2 * GST_SECOND, 2 * GST_SECOND, 30 * GST_SECOND);
  segment.stop = 9 * GST_SECOND;
  segment.position = 4 * GST_SECOND;

  const GstSegment sent = shifted(segment, kThousandHours);

  ck_assert_uint_eq(sent.start, kThousandHours + 2 * GST_SECOND);
  ck_assert_uint_eq(sent.stop, kThousandHours + 9 * GST_SECOND);
  ck_assert_uint_eq(sent.position, kThousandHours + 4 * GST_SECOND);
  ck_assert_uint_eq(sent.time, 2 * GST_SECOND);
  ck_assert_uint_eq(sent.base, 30 * GST_SECOND);
  ck_assert_int_eq(stream_time_of(sent, timestamp_of(5 * GST_SECOND, kThousandHours)),
                   5 * GST_SECOND);
}
END_TEST

START_TEST(a_segment_without_an_end_stays_without_and_bytes_are_not_moved) {
  const GstSegment open = shifted(in_time(0, 0), kThousandHours);
  const GstSegment bytes = shifted(in_bytes(), kThousandHours);

  ck_assert_uint_eq(open.stop, kNone);
  ck_assert_uint_eq(bytes.start, 0);
}
END_TEST

START_TEST(running_time_of_a_stream_time_counts_from_the_base) {
  const GstSegment segment = in_time(kThousandHours, 3 * GST_SECOND, 20 * GST_SECOND);

  ck_assert_uint_eq(running_time_of(segment, 3 * GST_SECOND), 20 * GST_SECOND);
  ck_assert_uint_eq(running_time_of(segment, 5 * GST_SECOND), 22 * GST_SECOND);
}
END_TEST

START_TEST(outside_the_segment_there_is_no_running_time) {
  GstSegment segment = in_time(0, 3 * GST_SECOND);
  segment.stop = 10 * GST_SECOND;

  ck_assert_uint_eq(running_time_of(segment, 2 * GST_SECOND), kNone);
  ck_assert_uint_eq(running_time_of(segment, 14 * GST_SECOND), kNone);
  ck_assert_uint_eq(running_time_of(segment, -1), kNone);
  ck_assert_uint_eq(running_time_of(in_bytes(), 5), kNone);
}
END_TEST

START_TEST(an_element_that_does_not_play_stands_at_its_start_time) {
  GstElement* bin = GST_ELEMENT(gst_object_ref_sink(gst_bin_new(nullptr)));
  ck_assert_uint_eq(running_time_now(bin), 0);

  gst_element_set_start_time(bin, 7 * GST_SECOND);
  ck_assert_uint_eq(running_time_now(bin), 7 * GST_SECOND);

  gst_element_set_start_time(bin, kNone);
  ck_assert_uint_eq(running_time_now(bin), 0);
  gst_object_unref(bin);
}
END_TEST

START_TEST(an_element_that_plays_goes_by_clock_and_base_time) {
  GstElement* bin = GST_ELEMENT(gst_object_ref_sink(gst_bin_new(nullptr)));
  GstClock* clock = gst_test_clock_new_with_start_time(100 * GST_SECOND);
  gst_element_set_clock(bin, clock);
  gst_element_set_base_time(bin, 90 * GST_SECOND);
  gst_element_set_state(bin, GST_STATE_PLAYING);

  ck_assert_uint_eq(running_time_now(bin), 10 * GST_SECOND);
  gst_test_clock_advance_time(GST_TEST_CLOCK(clock), GST_SECOND);
  ck_assert_uint_eq(running_time_now(bin), 11 * GST_SECOND);

  gst_element_set_state(bin, GST_STATE_NULL);
  gst_object_unref(clock);
  gst_object_unref(bin);
}
END_TEST

START_TEST(all_branches_of_one_seek_get_the_base_of_the_first) {
  SeekBases bases;

  const int one = 1, other = 2;

  ck_assert_uint_eq(bases.of(&one, 1, 10), 10);
  ck_assert_uint_eq(bases.of(&one, 2, 20), 20);
  ck_assert_uint_eq(bases.of(&other, 1, 25), 25);
  ck_assert_uint_eq(bases.of(&one, 1, 30), 10);
  ck_assert_uint_eq(bases.of(&one, 2, 40), 20);
  ck_assert_uint_eq(bases.of(&other, 1, 50), 25);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return catcher::test::run_plugin_suite(
      argc, argv, "segment_math",
      {{"stream_time",
        {timestamps_of_a_plain_segment_are_stream_time, a_segment_ends_in_stream_time,
         timestamps_a_thousand_hours_above_stream_time_are_moved_exactly,
         what_lies_before_the_segment_has_a_stream_time_below_zero,
         preroll_of_a_stream_that_begins_at_zero_keeps_its_timestamps,
         a_segment_that_begins_later_in_the_stream_says_when,
         timestamps_below_stream_time_are_not_shifted, an_applied_rate_stretches_stream_time,
         no_timestamp_and_no_time_segment_have_no_stream_time,
         a_time_too_far_below_has_no_timestamp}},
       {"segment",
        {a_sent_segment_is_moved_as_its_timestamps_are,
         a_segment_without_an_end_stays_without_and_bytes_are_not_moved}},
       {"running_time",
        {running_time_of_a_stream_time_counts_from_the_base,
         outside_the_segment_there_is_no_running_time,
         an_element_that_does_not_play_stands_at_its_start_time,
         an_element_that_plays_goes_by_clock_and_base_time,
         all_branches_of_one_seek_get_the_base_of_the_first}}});
}
