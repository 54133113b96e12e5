// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Pads that are requested while the stream arrives or when it has ended, and where they begin.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/follower.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kBytes = 400'000;

bool has_pattern(Branch& branch, std::uint64_t offset, std::uint64_t size) {
  const auto all = branch.all_bytes();
  return all.size() == size && is_pattern(all, offset);
}

START_TEST(a_pad_requested_midway_gets_all_of_it) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch first(tee.get());
  first.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, kBytes / 2);
  first.wait_bytes(kBytes / 2);

  Branch late(tee.get());
  late.link();
  late.wait_bytes(kBytes / 2);
  upstream.give_pattern(kBytes / 2, kBytes - kBytes / 2);
  upstream.eos();
  first.wait_eos();
  late.wait_eos();

  ck_assert(has_pattern(first, 0, kBytes));
  ck_assert(has_pattern(late, 0, kBytes));
  tee.demand_no_error();
}
END_TEST

START_TEST(a_pad_requested_after_the_end_gets_all_of_it) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, kBytes);
  upstream.eos();

  Branch late(tee.get());
  late.link();
  late.wait_eos();

  ck_assert(has_pattern(late, 0, kBytes));
  ck_assert_text(late.story(), "stream-start segment buffer eos");
}
END_TEST

// A tee with `frames` of coded audio in it, and branches that begin where they are told.
class Timed {
 public:
  Timed() : tee("catchertee"), upstream(tee.get()) {
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
    give_frames(upstream, 0, 2 * kRate, kRate);
  }
  // What a branch begins with that is set up like this and linked now; ends once 3 s are there.
  std::uint64_t begins(const char* start_from, gint64 start_offset = 0) {
    Branch branch(tee.get());
    branch.set_text("start-from", start_from);
    branch.set("start-offset", start_offset);
    branch.link().wait_event(GST_EVENT_SEGMENT);
    give_frames(upstream, next, 1000, kRate);
    next += 1000;
    branch.wait_buffers(1);
    for (const Arrival& one : branch.arrivals()) {
      if (one.buffer == nullptr) continue;
      const std::uint64_t first = first_frame(one.buffer.get());
      demand(stream_time(one) == static_cast<std::int64_t>(time_of_frame(first, kRate)),
             "it has its own time", first);
      demand(one.segment.time <= time_of_frame(first, kRate), "it is within its segment", first);
      return first;
    }
    return ~0u;
  }
  static constexpr unsigned kRate = 48000;
  Element tee;
  Upstream upstream;
  std::uint64_t next = 2 * kRate;
};

START_TEST(a_branch_begins_with_the_oldest_unless_told) {
  Timed timed;
  Branch branch(timed.tee.get());
  branch.link().wait_buffers(1);
  ck_assert_uint_eq(timed.begins("oldest"), 0);
}
END_TEST

START_TEST(a_branch_begins_at_the_edge) {
  Timed timed;
  ck_assert_uint_eq(timed.begins("edge"), 2 * Timed::kRate);
  ck_assert_uint_eq(timed.begins("edge"), 2 * Timed::kRate + 1000);
}
END_TEST

START_TEST(a_branch_begins_at_an_offset) {
  Timed timed;
  ck_assert_uint_eq(timed.begins("offset", GST_SECOND / 2), Timed::kRate / 2);
  ck_assert_uint_eq(timed.begins("offset", GST_SECOND / 3), Timed::kRate / 3);
}
END_TEST

START_TEST(a_negative_offset_counts_back_from_the_edge) {
  Timed timed;
  ck_assert_uint_eq(timed.begins("offset", -gint64{GST_SECOND}), Timed::kRate);
  ck_assert_uint_eq(timed.begins("offset", -gint64{GST_SECOND}), Timed::kRate + 1000);
  ck_assert_uint_eq(timed.begins("offset", -gint64{100 * GST_SECOND}), 0);
}
END_TEST

START_TEST(offsets_in_bytes_are_bytes) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 100'000);
  upstream.eos();
  Branch from_start(tee.get()), from_edge(tee.get()), beyond(tee.get());
  for (Branch* branch : {&from_start, &from_edge, &beyond})
    branch->set_text("start-from", "offset");
  from_start.set("start-offset", gint64{12'345});
  from_edge.set("start-offset", gint64{-1'000});
  beyond.set("start-offset", gint64{1'000'000});

  for (Branch* branch : {&from_start, &from_edge, &beyond}) branch->link().wait_eos();

  ck_assert(has_pattern(from_start, 12'345, 100'000 - 12'345));
  ck_assert(has_pattern(from_edge, 99'000, 1'000));
  ck_assert_uint_eq(beyond.bytes(), 0);
}
END_TEST

START_TEST(what_is_set_between_request_and_link_counts) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);

  branch.set_text("start-from", "offset");
  branch.set("start-offset", gint64{4'000});
  branch.link().wait_bytes(6'000);

  ck_assert(has_pattern(branch, 4'000, 6'000));
}
END_TEST

START_TEST(a_launch_line_sets_what_a_pad_has) {
  Element pipeline = Element::launch(
      "fakesrc num-buffers=3 sizetype=fixed sizemax=100 ! catchertee name=t src_1::start-from=edge "
      "src_1::on-evicted=error src_2::start-offset=-7 t.src_0 ! fakesink async=false "
      "t.src_1 ! fakesink async=false t.src_2 ! fakesink async=false");
  const GstPtr<GstElement> tee = pipeline.child("t");
  const auto text = [&](const char* name) {
    GValue value = G_VALUE_INIT;
    gst_child_proxy_get_property(GST_CHILD_PROXY(tee.get()), name, &value);
    const TextPtr shown(gst_value_serialize(&value));
    g_value_unset(&value);
    return std::string(shown.get());
  };
  ck_assert_text(text("src_0::start-from"), "oldest");
  ck_assert_text(text("src_1::start-from"), "edge");
  ck_assert_text(text("src_1::on-evicted"), "error");
  ck_assert_text(text("src_2::start-offset"), "-7");
  ck_assert_uint_eq(gst_child_proxy_get_children_count(GST_CHILD_PROXY(tee.get())), 3);
  pipeline.to(GST_STATE_PLAYING);
  pipeline.wait_eos();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_late",
      {{"pads",
        {a_pad_requested_midway_gets_all_of_it, a_pad_requested_after_the_end_gets_all_of_it}},
       {"start",
        {a_branch_begins_with_the_oldest_unless_told, a_branch_begins_at_the_edge,
         a_branch_begins_at_an_offset, a_negative_offset_counts_back_from_the_edge,
         offsets_in_bytes_are_bytes, what_is_set_between_request_and_link_counts,
         a_launch_line_sets_what_a_pad_has}}});
}
