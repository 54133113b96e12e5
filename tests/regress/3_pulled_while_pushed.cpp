// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Two threads that change the mode of one pad, as an unlink and whoever pulls next do, can put it
// in pull mode before push mode has ended. Its task then went on beside whoever pulled, and a flush
// of upstream waited for it in vain.
#include "tests/support/pulling.hpp"
#include "tests/support/upstream.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

// What GStreamer calls when it puts a pad in a mode.
void put_in_mode(GstElement* tee, GstPad* pad, GstPadMode mode) {
  ck_assert(GST_PAD_ACTIVATEMODEFUNC(pad)(pad, GST_OBJECT_CAST(tee), mode, TRUE));
}

START_TEST(a_pad_that_is_pulled_is_not_played) {
  Element tee("catchertee");
  tee.set_text("pull-mode", "wait");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  branch.wait_bytes(10'000);

  put_in_mode(tee.get(), branch.src(), GST_PAD_MODE_PULL);
  upstream.give_pattern(10'000, 10'000);
  Gate flushed;
  std::jthread flusher([&] {
    upstream.send(gst_event_new_flush_start());
    upstream.send(gst_event_new_flush_stop(TRUE));
    flushed.open();
  });
  flushed.wait("a flush of upstream comes to its end");
  ck_assert_uint_eq(branch.bytes(), 10'000);

  put_in_mode(tee.get(), branch.src(), GST_PAD_MODE_PUSH);
  upstream.set_segment(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  upstream.eos();
  branch.wait_eos();
  ck_assert_uint_eq(branch.bytes(), 20'000);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "pulled_while_pushed",
                          {{"modes", {a_pad_that_is_pulled_is_not_played}}});
}
