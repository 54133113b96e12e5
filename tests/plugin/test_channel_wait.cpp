// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Waiting for a channel that nobody writes to, and writers that want the same one.
#include "tests/support/channel.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

bool names(const std::string& text, const char* what) {
  return text.find(what) != std::string::npos;
}

void demand_not_found(Playing& player, const char* channel) {
  const PostedError error = player.element.wait_error();
  demand(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND), error.text.c_str());
  demand(names(error.text, channel), error.text.c_str());
  demand(names(error.debug, "wait-timeout"), error.debug.c_str());
  demand(error.from == GST_OBJECT_NAME(player.element.get()), error.from.c_str());
}

START_TEST(a_player_that_is_not_to_wait_gives_up_at_once) {
  const NothingKept end;
  Playing player("nobody");
  player.element.set("wait-timeout", guint64{0});

  player.play();

  demand_not_found(player, "nobody");
  player.branch.wait_eos();
  ck_assert(gst_bus_pop_filtered(player.element.bus(), GST_MESSAGE_ERROR) == nullptr);
}
END_TEST

START_TEST(a_player_gives_up_when_the_timeout_has_passed) {
  const NothingKept end;
  Playing player("nobody");
  player.element.set("wait-timeout", guint64{50 * GST_MSECOND});
  const auto begun = std::chrono::steady_clock::now();

  player.play();

  demand_not_found(player, "nobody");
  ck_assert(std::chrono::steady_clock::now() - begun >= std::chrono::milliseconds(50));
}
END_TEST

START_TEST(a_player_that_gave_up_can_try_again) {
  const NothingKept end;
  Playing player("later");
  player.element.set("wait-timeout", guint64{0});
  player.play();
  demand_not_found(player, "later");
  player.element.settle(GST_STATE_READY);
  Writing writer("later");
  writer.begin();
  writer.upstream.give_pattern(0, 1000);
  writer.upstream.eos();
  player.branch.forget();

  player.element.to(GST_STATE_PLAYING);
  player.branch.wait_eos();

  ck_assert(is_pattern(player.branch.all_bytes(), 0));
  ck_assert_uint_eq(player.branch.bytes(), 1000);
  player.element.demand_no_error();
}
END_TEST

START_TEST(a_recording_that_is_there_needs_no_waiting) {
  const NothingKept end;
  Writing writer("there");
  writer.begin();
  writer.upstream.give_pattern(0, 1000);
  writer.upstream.eos();
  writer.end();
  Playing player("there");
  player.element.set("wait-timeout", guint64{0});

  player.play();
  player.branch.wait_eos();

  ck_assert_uint_eq(player.branch.bytes(), 1000);
  player.element.demand_no_error();
}
END_TEST

START_TEST(states_change_at_once_while_a_player_waits_for_ever) {
  const NothingKept end;
  for (int i = 0; i < 20; ++i) {
    Playing player("never");
    player.play();
    player.element.settle(GST_STATE_PAUSED);
    player.element.settle(GST_STATE_PLAYING);
    player.element.settle(GST_STATE_READY);
    player.element.settle(GST_STATE_PAUSED);
    player.element.settle(GST_STATE_NULL);
    player.element.demand_no_error();
  }
}
END_TEST

START_TEST(a_seek_while_a_player_waits_is_refused_and_it_goes_on_waiting) {
  const NothingKept end;
  Playing player("unsought");
  player.play();

  ck_assert_uint_eq(player.branch.seek(GST_FORMAT_BYTES, 0), GST_SEQNUM_INVALID);

  Writing writer("unsought");
  writer.begin();
  writer.upstream.give_pattern(0, 1000);
  writer.upstream.eos();
  player.branch.wait_eos();
  ck_assert_uint_eq(player.branch.bytes(), 1000);
  ck_assert_uint_eq(player.branch.count(GST_EVENT_FLUSH_START), 0);
}
END_TEST

START_TEST(a_player_waits_for_the_format_of_a_writer_that_has_sent_nothing) {
  const NothingKept end;
  Writing writer("silent");
  writer.element.to(GST_STATE_PLAYING);
  Playing player("silent");
  player.element.set("wait-timeout", guint64{0});
  player.play();

  writer.upstream.begin(GST_FORMAT_BYTES);
  writer.upstream.give_pattern(0, 1000);
  writer.upstream.eos();
  player.branch.wait_eos();

  ck_assert_uint_eq(player.branch.bytes(), 1000);
}
END_TEST

START_TEST(a_player_stops_while_the_writer_has_sent_nothing) {
  const NothingKept end;
  Writing writer("silent");
  writer.element.to(GST_STATE_PLAYING);
  Playing player("silent");
  player.play();

  player.element.settle(GST_STATE_NULL);

  ck_assert(player.branch.arrivals().empty());
}
END_TEST

START_TEST(a_second_writer_fails_on_its_way_to_paused_and_works_after_the_first) {
  const NothingKept end;
  for (const char* factory : {"catchersink", "catchertee"}) {
    Writing first("taken");
    first.begin();
    first.upstream.give_pattern(0, 1000);
    Writing second("taken", factory);
    ck_assert_int_eq(second.element.try_to(GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);

    ck_assert_int_eq(second.element.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);

    const PostedError error = second.element.wait_error();
    ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_BUSY));
    ck_assert(names(error.text, "taken"));
    ck_assert(names(error.debug, "another channel"));
    ck_assert(gst_bus_pop_filtered(second.element.bus(), GST_MESSAGE_ERROR) == nullptr);
    first.upstream.give_pattern(1000, 1000);
    first.upstream.eos();
    Playing player("taken");
    player.play();
    player.branch.wait_eos();
    ck_assert_uint_eq(player.branch.bytes(), 2000);
    player.end();

    first.end();
    second.begin();
    second.upstream.give_pattern(0, 500);
    second.upstream.eos();
    Playing other("taken");
    other.play();
    other.branch.wait_eos();
    ck_assert_uint_eq(other.branch.bytes(), 500);
    first.element.end();
    second.end();
  }
}
END_TEST

START_TEST(a_writer_that_has_ended_keeps_its_channel_until_it_stops) {
  const NothingKept end;
  Writing first("ended");
  first.begin();
  first.upstream.eos();
  Writing second("ended");

  ck_assert_int_eq(second.element.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  first.element.settle(GST_STATE_READY);

  second.element.settle(GST_STATE_PAUSED);
}
END_TEST

START_TEST(a_budget_of_nothing_keeps_no_recording_that_nobody_plays) {
  const NothingKept end;
  Writing writer("unkept");
  writer.begin();
  writer.upstream.give_pattern(0, 1000);
  writer.upstream.eos();
  Playing player("unkept");
  player.branch.block();
  player.play();
  player.branch.wait_blocked();
  player.element.set("cache-bytes", guint64{0});

  writer.end();
  Playing second("unkept");
  second.element.set("wait-timeout", guint64{0});
  second.play();
  second.branch.wait_eos();
  ck_assert_uint_eq(second.branch.bytes(), 1000);
  second.end();
  player.branch.unblock();
  player.branch.wait_eos();
  ck_assert_uint_eq(player.branch.bytes(), 1000);
  player.end();

  Playing late("unkept");
  late.element.set("wait-timeout", guint64{0});
  late.play();
  demand_not_found(late, "unkept");
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "channel_wait",
      {{"timeout",
        {a_player_that_is_not_to_wait_gives_up_at_once,
         a_player_gives_up_when_the_timeout_has_passed, a_player_that_gave_up_can_try_again,
         a_recording_that_is_there_needs_no_waiting}},
       {"interruption",
        {states_change_at_once_while_a_player_waits_for_ever,
         a_seek_while_a_player_waits_is_refused_and_it_goes_on_waiting,
         a_player_waits_for_the_format_of_a_writer_that_has_sent_nothing,
         a_player_stops_while_the_writer_has_sent_nothing}},
       {"writers",
        {a_second_writer_fails_on_its_way_to_paused_and_works_after_the_first,
         a_writer_that_has_ended_keeps_its_channel_until_it_stops}},
       {"budget", {a_budget_of_nothing_keeps_no_recording_that_nobody_plays}}});
}
