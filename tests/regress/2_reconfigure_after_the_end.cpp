// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// RECONFIGURE starts a branch's task again. One that had come to its end then ended once more, and
// a catchersrc posted another DURATION_CHANGED, which an application answers with queries, at each.
#include "tests/support/channel.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

unsigned posted(Element& element, GstMessageType type) {
  unsigned count = 0;
  while (GstMessage* message = gst_bus_pop_filtered(element.bus(), type)) {
    gst_message_unref(message);
    ++count;
  }
  return count;
}

START_TEST(a_player_ends_once_however_often_it_is_reconfigured) {
  const NothingKept end;
  Writing writer("ended");
  writer.begin();
  writer.upstream.give_pattern(0, 1000);
  writer.upstream.eos();
  Playing player("ended");
  player.play();
  player.branch.wait_eos();

  for (int times = 0; times < 5; ++times) {
    ck_assert(player.branch.send(gst_event_new_reconfigure()));
    std::this_thread::yield();
  }
  // A seek still leads away from the end, and to another one.
  ck_assert_uint_ne(player.branch.seek(GST_FORMAT_BYTES, 500), GST_SEQNUM_INVALID);
  player.branch.wait_event(GST_EVENT_EOS, 2);

  ck_assert_uint_eq(posted(player.element, GST_MESSAGE_DURATION_CHANGED), 2);
  ck_assert_uint_eq(player.branch.count(GST_EVENT_EOS), 2);
  ck_assert_uint_eq(player.branch.bytes(), 1500);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "2_reconfigure_after_the_end",
                          {{"end", {a_player_ends_once_however_often_it_is_reconfigured}}});
}
