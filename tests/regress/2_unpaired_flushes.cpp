// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A pad counted the flushes that were under way, and every FLUSH_STOP took one off. A pad that was
// requested between the two ends of a flush came to below nothing; one that went through READY
// between them never came back to nothing. Either stood still for good.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kAfter = 50'000;  // where the pattern goes on after a flush

void start_flush(Upstream& upstream) {
  upstream.send(gst_event_new_flush_start());
}
void stop_flush(Upstream& upstream) {
  upstream.send(gst_event_new_flush_stop(TRUE));
}

// The branch plays what comes after the flush, and nothing else.
void check_plays(Upstream& upstream, Branch& branch) {
  branch.forget();
  upstream.set_segment(GST_FORMAT_BYTES);
  upstream.give_pattern(kAfter, 10'000);
  upstream.eos();
  branch.wait_eos();
  ck_assert_uint_eq(branch.bytes(), 10'000);
  ck_assert(is_pattern(branch.all_bytes(), kAfter));
}

START_TEST(a_pad_that_is_requested_within_a_flush_plays) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch sibling(tee.get());
  sibling.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 1000);
  sibling.wait_bytes(1000);

  start_flush(upstream);
  Branch branch(tee.get());
  branch.link();
  stop_flush(upstream);
  branch.wait_event(GST_EVENT_FLUSH_STOP);

  check_plays(upstream, branch);
  sibling.wait_eos();
  ck_assert_uint_eq(sibling.bytes(), 11'000);
}
END_TEST

START_TEST(a_flush_that_lost_its_end_in_ready_is_over) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 1000);
  branch.wait_bytes(1000);

  start_flush(upstream);
  tee.settle(GST_STATE_READY);
  stop_flush(upstream);  // the sink pad is inactive, and hears nothing of it
  tee.to(GST_STATE_PLAYING);
  upstream.start_stream();
  gst_pad_send_event(branch.sink(), gst_event_new_flush_stop(TRUE));  // as its element would

  check_plays(upstream, branch);
}
END_TEST

START_TEST(a_flush_may_end_that_never_began) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 1000);
  branch.wait_bytes(1000);

  stop_flush(upstream);

  check_plays(upstream, branch);
}
END_TEST

START_TEST(a_flush_that_begins_twice_ends_once) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 1000);
  branch.wait_bytes(1000);

  start_flush(upstream);
  start_flush(upstream);
  stop_flush(upstream);

  check_plays(upstream, branch);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "2_unpaired_flushes",
      {{"flush",
        {a_pad_that_is_requested_within_a_flush_plays, a_flush_that_lost_its_end_in_ready_is_over,
         a_flush_may_end_that_never_began, a_flush_that_begins_twice_ends_once}}});
}
