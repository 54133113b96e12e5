// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A flush of upstream that began while the pad was pushed from and ended while it was pulled was
// never over for the player. Of the next one, which began while it was pulled, it then sent the end
// alone.
#include "tests/support/doorstep.hpp"
#include "tests/support/flush_pairs.hpp"
#include "tests/support/pulling.hpp"
#include "tests/support/upstream.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

START_TEST(each_flush_begins_that_ends) {
  Element tee("catchertee");
  tee.set_text("pull-mode", "wait");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  FlushPairs::watch(branch.src());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  branch.wait_bytes(10'000);

  const FlushEvents first, second;
  upstream.send(first.begin);
  gst_pad_set_active(branch.sink(), FALSE);
  ck_assert(in_pull_mode(branch));
  upstream.send(first.end);

  upstream.send(second.begin);
  in_pull_mode(branch, false);
  // The pad is in no mode, and goes into one while the flush ends.
  Doorstep step;
  std::jthread flusher([&] {
    hold_before_lock(branch.src(), step);
    upstream.send(second.end);
  });
  step.reached.wait("the flush comes to its end");
  gst_pad_set_active(branch.sink(), TRUE);
  gst_pad_set_active(branch.src(), TRUE);
  step.opened.open();
  flusher.join();

  branch.forget();
  upstream.set_segment(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  upstream.eos();
  branch.wait_eos();
  ck_assert_uint_eq(branch.bytes(), 10'000);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "3_flush_that_was_pulled_over",
                          {{"flush", {each_flush_begins_that_ends}}});
}
