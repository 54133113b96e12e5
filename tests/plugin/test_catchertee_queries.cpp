// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a branch answers about its place and its recording, and what it asks of upstream.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/follower.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;

struct Range {
  bool is = false;
  gint64 start = 0, end = 0;
  bool operator==(const Range&) const = default;
};

Range seeking(Branch& branch, GstFormat format) {
  const QueryPtr query(gst_query_new_seeking(format));
  gboolean is = FALSE;
  Range range;
  demand(branch.query(query), "SEEKING is answered");
  gst_query_parse_seeking(query.get(), nullptr, &is, &range.start, &range.end);
  range.is = is != FALSE;
  return range;
}

std::optional<gint64> duration(Branch& branch, GstFormat format) {
  gint64 value = 0;
  if (!gst_pad_peer_query_duration(branch.sink(), format, &value)) return std::nullopt;
  return value;
}

std::optional<gint64> position(Branch& branch, GstFormat format) {
  gint64 value = 0;
  if (!gst_pad_peer_query_position(branch.sink(), format, &value)) return std::nullopt;
  return value;
}

class Timed {
 public:
  explicit Timed(std::uint64_t count) : tee("catchertee"), upstream(tee.get()), branch(tee.get()) {
    branch.link();
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
    give_frames(upstream, 0, count, kRate);
    branch.wait_bytes(count * kFrame);
  }
  Element tee;
  Upstream upstream;
  Branch branch;
};

START_TEST(seeking_is_in_the_recordings_format_alone) {
  Timed timed(kRate / 2);
  ck_assert((seeking(timed.branch, GST_FORMAT_TIME) == Range{true, 0, GST_SECOND / 2}));
  ck_assert(!seeking(timed.branch, GST_FORMAT_BYTES).is);
  ck_assert(!seeking(timed.branch, GST_FORMAT_DEFAULT).is);
}
END_TEST

START_TEST(seeking_before_anything_came_is_no) {
  Element tee("catchertee");
  Branch branch(tee.get());
  branch.link();
  ck_assert(!seeking(branch, GST_FORMAT_TIME).is);
  tee.to(GST_STATE_PLAYING);
  ck_assert(!seeking(branch, GST_FORMAT_TIME).is);
  ck_assert(!seeking(branch, GST_FORMAT_BYTES).is);
}
END_TEST

START_TEST(duration_is_known_at_the_end) {
  Timed timed(kRate / 2);
  ck_assert(duration(timed.branch, GST_FORMAT_TIME) == -1);

  timed.upstream.eos();

  gst_message_unref(timed.tee.wait_message(GST_MESSAGE_DURATION_CHANGED));
  ck_assert(duration(timed.branch, GST_FORMAT_TIME) == GST_SECOND / 2);
  ck_assert(!duration(timed.branch, GST_FORMAT_BYTES).has_value());
}
END_TEST

START_TEST(duration_is_upstreams_until_the_end) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  upstream.knows_duration(GST_FORMAT_BYTES, 123'456);
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  branch.wait_bytes(10'000);
  ck_assert(duration(branch, GST_FORMAT_BYTES) == 123'456);

  upstream.eos();

  ck_assert(duration(branch, GST_FORMAT_BYTES) == 10'000);
}
END_TEST

START_TEST(position_is_what_is_pushed_next) {
  Timed timed(kRate / 2);
  timed.branch.admit(1);
  const guint32 seqnum = timed.branch.seek(GST_FORMAT_TIME, 100 * GST_MSECOND);
  timed.branch.wait_after(seqnum);
  timed.branch.wait_blocked();
  // Of the branch that is blocked in its second buffer.
  const auto all = timed.branch.arrivals();
  const Arrival& last = all.back();
  const auto next = static_cast<gint64>(GST_BUFFER_PTS(last.buffer.get()) +
                                        GST_BUFFER_DURATION(last.buffer.get()));
  ck_assert(position(timed.branch, GST_FORMAT_TIME) == next);
  ck_assert_int_eq(timed.branch.value<gint64>("position"), next);
  ck_assert_uint_eq(timed.branch.value<guint64>("lag-time"),
                    GST_SECOND / 2 - static_cast<guint64>(next));
  ck_assert(!position(timed.branch, GST_FORMAT_BYTES).has_value());
}
END_TEST

START_TEST(segment_is_that_of_the_last_seek) {
  Timed timed(kRate / 2);
  ck_assert(timed.branch.send(gst_event_new_seek(
      1.0, GST_FORMAT_TIME, static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
      GST_SEEK_TYPE_SET, 100 * GST_MSECOND, GST_SEEK_TYPE_SET, 200 * GST_MSECOND)));

  const QueryPtr query(gst_query_new_segment(GST_FORMAT_TIME));
  ck_assert(timed.branch.query(query));

  gdouble rate = 0;
  gint64 start = 0;
  gint64 stop = 0;
  gst_query_parse_segment(query.get(), &rate, nullptr, &start, &stop);
  ck_assert(rate == 1.0);
  ck_assert_int_eq(start, 100 * GST_MSECOND);
  ck_assert_int_eq(stop, 200 * GST_MSECOND);
}
END_TEST

START_TEST(latency_is_upstreams) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  upstream.is_live(30 * GST_MSECOND);
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(upstream, 0, 1000, kRate);
  branch.wait_bytes(1000 * kFrame);

  const QueryPtr query(gst_query_new_latency());
  ck_assert(branch.query(query));

  gboolean live = FALSE;
  GstClockTime least = 0;
  GstClockTime most = 0;
  gst_query_parse_latency(query.get(), &live, &least, &most);
  ck_assert(live);
  ck_assert_uint_ge(least, 30 * GST_MSECOND);
  ck_assert_uint_eq(most, GST_CLOCK_TIME_NONE);
}
END_TEST

START_TEST(caps_are_those_that_came) {
  Timed timed(1000);
  const CapsPtr caps(gst_pad_peer_query_caps(timed.branch.sink(), nullptr));
  const CapsPtr sent(gst_caps_from_string(frame_caps(kRate).c_str()));
  ck_assert(gst_caps_is_equal(caps.get(), sent.get()));
}
END_TEST

START_TEST(scheduling_is_push) {
  Timed timed(1000);
  const QueryPtr query(gst_query_new_scheduling());
  ck_assert(timed.branch.query(query));
  ck_assert(gst_query_has_scheduling_mode(query.get(), GST_PAD_MODE_PUSH));
}
END_TEST

START_TEST(nothing_is_allocated_for_anybody) {
  Timed timed(1000);
  const CapsPtr caps(gst_caps_from_string(frame_caps(kRate).c_str()));
  const QueryPtr query(gst_query_new_allocation(caps.get(), TRUE));
  ck_assert(!gst_pad_peer_query(timed.upstream.pad(), query.get()));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_queries",
      {{"seeking", {seeking_is_in_the_recordings_format_alone, seeking_before_anything_came_is_no}},
       {"duration", {duration_is_known_at_the_end, duration_is_upstreams_until_the_end}},
       {"place", {position_is_what_is_pushed_next, segment_is_that_of_the_last_seek}},
       {"other",
        {latency_is_upstreams, caps_are_those_that_came, scheduling_is_push,
         nothing_is_allocated_for_anybody}}});
}
