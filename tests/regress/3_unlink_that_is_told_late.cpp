// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A pad hears of an unlink when it is over, and another thread may have linked it by then. One that
// was pulled again was put in push mode beneath whoever pulled. So was one beneath whoever was just
// about to pull, for which GStreamer warns.
#include "tests/support/pulling.hpp"
#include "tests/support/upstream.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

struct Held {
  Gate unlinked, told;
};

// Comes before the pad's own.
void hold(GstPad*, GstPad*, gpointer held) noexcept {
  static_cast<Held*>(held)->unlinked.open();
  static_cast<Held*>(held)->told.wait("a pad is told that it was unlinked");
}

START_TEST(a_pad_that_is_pulled_again_stays_so) {
  Element tee("catchertee");
  tee.set_text("pull-mode", "wait");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  link_to_pull(branch);
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  ck_assert_uint_eq(checked_size(pull(branch, 0, 1000), 0), 1000);

  Held held;
  const gulong handler = g_signal_connect(branch.src(), "unlinked", G_CALLBACK(hold), &held);
  std::jthread unlinker([&] { branch.unlink(); });
  held.unlinked.wait("the pads are unlinked");
  branch.link();
  held.told.open();
  unlinker.join();

  ck_assert_int_eq(GST_PAD_MODE(branch.src()), GST_PAD_MODE_PULL);
  ck_assert_uint_eq(checked_size(pull(branch, 5000, 1000), 5000), 1000);
  g_signal_handler_disconnect(branch.src(), handler);
}
END_TEST

START_TEST(whoever_is_about_to_pull_an_unlinked_pad_finds_it_flushing) {
  Element tee("catchertee");
  tee.set_text("pull-mode", "wait");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  link_to_pull(branch);
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  branch.unlink();

  // What is called of the peer, which was looked up before.
  GstBuffer* buffer = nullptr;
  ck_assert_int_eq(gst_pad_get_range(branch.src(), 0, 1000, &buffer), GST_FLOW_FLUSHING);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "3_unlink_that_is_told_late",
                          {{"unlinked",
                            {a_pad_that_is_pulled_again_stays_so,
                             whoever_is_about_to_pull_an_unlinked_pad_finds_it_flushing}}});
}
