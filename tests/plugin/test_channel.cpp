// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A channel between a writer and players that share nothing but the process.
#include "tests/support/channel.hpp"

#include "tests/support/frames.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kBytes = 300'000;
constexpr unsigned kRate = 48000;

bool has_pattern(const Playing& playing, std::uint64_t offset, std::uint64_t size) {
  const auto all = playing.branch.all_bytes();
  return all.size() == size && is_pattern(all, offset);
}

#define ck_assert_story(player, expected)                        \
  do {                                                           \
    const std::string ck_told = (player).branch.story();         \
    ck_assert_msg(ck_told == (expected), "%s", ck_told.c_str()); \
  } while (0)

START_TEST(a_player_that_comes_second_gets_all_of_it) {
  const NothingKept end;
  Writing writer("second");
  writer.begin();
  writer.upstream.give_pattern(0, kBytes / 2);

  Playing player("second");
  player.play();
  player.branch.wait_bytes(kBytes / 2);
  writer.upstream.give_pattern(kBytes / 2, kBytes / 2);
  writer.upstream.eos();
  player.branch.wait_eos();

  ck_assert(has_pattern(player, 0, kBytes));
  ck_assert_story(player, "stream-start segment buffer eos");
}
END_TEST

START_TEST(a_player_that_comes_first_waits_for_the_writer) {
  const NothingKept end;
  Playing player("first");
  player.play();
  ck_assert_int_eq(GST_STATE(player.element.get()), GST_STATE_PLAYING);

  Writing writer("first");
  writer.begin();
  writer.upstream.give_pattern(0, kBytes);
  writer.upstream.eos();
  player.branch.wait_eos();

  ck_assert(has_pattern(player, 0, kBytes));
  player.element.demand_no_error();
}
END_TEST

START_TEST(a_catchertee_with_a_channel_is_a_writer_too) {
  const NothingKept end;
  Writing writer("tee", "catchertee");
  Branch branch(writer.element.get());
  branch.link();
  writer.begin();
  Playing player("tee");
  player.play();

  writer.upstream.give_pattern(0, kBytes);
  writer.upstream.eos();
  branch.wait_eos();
  player.branch.wait_eos();

  ck_assert(has_pattern(player, 0, kBytes));
  ck_assert(is_pattern(branch.all_bytes(), 0));
  ck_assert_uint_eq(branch.bytes(), kBytes);
}
END_TEST

START_TEST(a_catchertee_with_a_channel_and_without_a_branch_records) {
  const NothingKept end;
  Writing writer("branchless", "catchertee");
  writer.begin();
  writer.upstream.give_pattern(0, kBytes);
  writer.upstream.eos();

  Playing player("branchless");
  player.play();
  player.branch.wait_eos();

  ck_assert(has_pattern(player, 0, kBytes));
}
END_TEST

START_TEST(each_player_seeks_for_itself) {
  const NothingKept end;
  Writing writer("seeks");
  writer.begin();
  writer.upstream.give_pattern(0, kBytes);
  Playing still("seeks"), forward("seeks"), back("seeks");
  still.play();
  forward.play();
  back.play();
  for (Playing* one : {&still, &forward, &back}) one->branch.wait_bytes(kBytes);
  forward.branch.forget();
  back.branch.forget();

  ck_assert_uint_ne(forward.branch.seek(GST_FORMAT_BYTES, 200'000), GST_SEQNUM_INVALID);
  ck_assert_uint_ne(back.branch.seek(GST_FORMAT_BYTES, 1'000), GST_SEQNUM_INVALID);
  writer.upstream.eos();
  for (Playing* one : {&still, &forward, &back}) one->branch.wait_eos();

  ck_assert(has_pattern(still, 0, kBytes));
  ck_assert(has_pattern(forward, 200'000, kBytes - 200'000));
  ck_assert(has_pattern(back, 1'000, kBytes - 1'000));
  ck_assert_uint_eq(still.branch.count(GST_EVENT_FLUSH_START), 0);
}
END_TEST

START_TEST(raw_audio_is_sought_to_the_sample) {
  const NothingKept end;
  Writing writer("audio");
  writer.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(writer.upstream, 0, 2 * kRate, kRate);
  writer.upstream.eos();
  Playing player("audio");
  player.play();
  player.branch.wait_eos();

  for (const std::uint64_t frame : {0u, 1u, 12345u, 47999u, 95999u}) {
    player.branch.forget();
    const guint32 seqnum =
        player.branch.seek(GST_FORMAT_TIME, time_of_frame(frame, kRate), GST_SEEK_FLAG_ACCURATE);
    player.branch.wait_after(seqnum);
    player.branch.wait_eos();

    std::optional<std::uint64_t> first;
    for (const Arrival& one : player.branch.arrivals()) {
      if (one.buffer == nullptr || first) continue;
      first = first_frame(one.buffer.get());
      ck_assert_uint_eq(GST_BUFFER_PTS(one.buffer.get()), time_of_frame(frame, kRate));
    }
    ck_assert_uint_eq(first.value(), frame);
    ck_assert_uint_eq(player.branch.bytes(), (2 * kRate - frame) * kFrame);
  }
}
END_TEST

START_TEST(history_is_played_after_the_writer_has_ended_and_gone) {
  const NothingKept end;
  {
    Writing writer("history");
    writer.begin();
    writer.upstream.give_pattern(0, kBytes);
    writer.upstream.eos();
    writer.end();
  }

  for (int i = 0; i < 2; ++i) {
    Playing player("history");
    player.play();
    player.branch.wait_eos();

    ck_assert(has_pattern(player, 0, kBytes));
    player.element.demand_no_error();
  }
}
END_TEST

START_TEST(what_was_caught_until_the_writer_stopped_is_played_and_then_ends) {
  const NothingKept end;
  Writing writer("stopped");
  writer.begin();
  writer.upstream.give_pattern(0, kBytes);
  Playing player("stopped");
  player.play();
  player.branch.wait_bytes(kBytes);

  writer.end();
  player.branch.wait_eos();

  ck_assert(has_pattern(player, 0, kBytes));
  player.element.demand_no_error();
}
END_TEST

START_TEST(a_player_goes_on_with_the_old_recording_when_the_writer_starts_again) {
  const NothingKept end;
  Writing writer("again");
  writer.begin();
  writer.upstream.give_pattern(0, kBytes);
  Playing old("again");
  old.branch.admit(1);
  old.play();
  old.branch.wait_blocked();

  writer.element.settle(GST_STATE_READY);
  writer.begin();
  writer.upstream.give_pattern(0, 1'000);
  writer.upstream.eos();
  Playing fresh("again");
  fresh.play();
  fresh.branch.wait_eos();
  old.branch.unblock();
  old.branch.wait_eos();

  ck_assert(has_pattern(old, 0, kBytes));
  ck_assert(has_pattern(fresh, 0, 1'000));
  ck_assert_uint_ne(old.branch.seek(GST_FORMAT_BYTES, kBytes - 10), GST_SEQNUM_INVALID);
  old.branch.wait_event(GST_EVENT_EOS, 2);
  ck_assert_uint_eq(old.branch.bytes(), kBytes + 10);
}
END_TEST

START_TEST(a_player_starts_where_it_is_told) {
  const NothingKept end;
  Writing writer("start");
  writer.begin();
  writer.upstream.give_pattern(0, kBytes);
  Playing edge("start"), offset("start"), back("start");
  edge.element.set_text("start-from", "edge");
  offset.element.set_text("start-from", "offset");
  offset.element.set("start-offset", gint64{123'456});
  back.element.set_text("start-from", "offset");
  back.element.set("start-offset", gint64{-1'000});
  for (Playing* one : {&edge, &offset, &back}) one->play();
  edge.branch.wait_event(GST_EVENT_SEGMENT);
  offset.branch.wait_bytes(1);
  back.branch.wait_bytes(1);

  writer.upstream.give_pattern(kBytes, 100);
  writer.upstream.eos();
  for (Playing* one : {&edge, &offset, &back}) one->branch.wait_eos();

  ck_assert(has_pattern(edge, kBytes, 100));
  ck_assert(has_pattern(offset, 123'456, kBytes + 100 - 123'456));
  ck_assert(has_pattern(back, kBytes - 1'000, 1'100));
}
END_TEST

START_TEST(caps_and_tags_of_then_reach_who_comes_late) {
  const NothingKept end;
  Writing writer("stickies");
  writer.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  writer.upstream.send(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "then", nullptr)));
  give_frames(writer.upstream, 0, 1024, kRate);
  writer.upstream.send(gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, "later", nullptr)));
  give_frames(writer.upstream, 1024, 1024, kRate);
  writer.upstream.eos();
  writer.end();

  Playing player("stickies");
  player.play();
  player.branch.wait_eos();

  ck_assert_story(player, "stream-start caps segment tag buffer tag buffer eos");
}
END_TEST

START_TEST(position_and_lag_can_be_watched) {
  const NothingKept end;
  Writing writer("lag");
  writer.begin();
  writer.upstream.give_pattern(0, kBytes);
  Playing player("lag");
  player.play();
  player.branch.wait_bytes(kBytes);
  writer.upstream.eos();
  player.branch.wait_eos();

  ck_assert_int_eq(player.element.value<gint64>("position"), kBytes);
  ck_assert_uint_eq(player.element.value<guint64>("lag-bytes"), 0);
  ck_assert_uint_eq(writer.element.value<guint64>("current-level-bytes"), kBytes);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "channel",
      {{"sides",
        {a_player_that_comes_second_gets_all_of_it, a_player_that_comes_first_waits_for_the_writer,
         a_catchertee_with_a_channel_is_a_writer_too,
         a_catchertee_with_a_channel_and_without_a_branch_records}},
       {"seek", {each_player_seeks_for_itself, raw_audio_is_sought_to_the_sample}},
       {"history",
        {history_is_played_after_the_writer_has_ended_and_gone,
         what_was_caught_until_the_writer_stopped_is_played_and_then_ends,
         a_player_goes_on_with_the_old_recording_when_the_writer_starts_again}},
       {"start",
        {a_player_starts_where_it_is_told, caps_and_tags_of_then_reach_who_comes_late,
         position_and_lag_can_be_watched}}});
}
