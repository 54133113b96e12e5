// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The writer of a channel begins again after its end: players of the channel go on with it.
#include "tests/support/channel.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kBytes = 100'000;

void give_stream(Writing& writer) {
  writer.upstream.begin(GST_FORMAT_BYTES);
  writer.upstream.give_pattern(0, kBytes);
  writer.upstream.eos();
}

// Ends the test unless each stream that came is the pattern from its beginning.
void demand_streams(const Branch& branch) {
  std::uint64_t offset = 0;
  for (const Arrival& one : branch.arrivals()) {
    if (one.event != nullptr && GST_EVENT_TYPE(one.event.get()) == GST_EVENT_SEGMENT) offset = 0;
    if (one.buffer == nullptr) continue;
    demand(GST_BUFFER_OFFSET(one.buffer.get()) == offset, "bytes follow each other", offset);
    GstMapInfo map;
    demand(gst_buffer_map(one.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
    demand_pattern(std::as_bytes(std::span(map.data, map.size)), offset);
    offset += map.size;
    gst_buffer_unmap(one.buffer.get(), &map);
  }
}

START_TEST(players_go_on_when_the_writer_begins_again) {
  const NothingKept end;
  for (const char* factory : {"catchersink", "catchertee"}) {
    Writing writer("again", factory);
    Playing player("again");
    writer.element.to(GST_STATE_PLAYING);
    player.play();
    give_stream(writer);
    player.branch.wait_eos();

    for (unsigned more = 0; more < 10; ++more) give_stream(writer);
    player.branch.wait_event(GST_EVENT_EOS, 11);
    Playing late("again");
    late.play().branch.wait_eos();

    ck_assert_uint_eq(player.branch.bytes(), 11 * kBytes);
    ck_assert_uint_eq(late.branch.bytes(), kBytes);
    demand_streams(player.branch);
    player.element.demand_no_error();
    writer.element.demand_no_error();
  }
}
END_TEST

START_TEST(a_player_at_its_end_ends_with_its_element) {
  const NothingKept end;
  Writing writer("ended");
  writer.element.to(GST_STATE_PLAYING);
  Playing player("ended");
  player.play();
  give_stream(writer);
  player.branch.wait_eos();
  writer.end();

  player.element.to(GST_STATE_READY);
  player.element.to(GST_STATE_PLAYING);
  player.branch.wait_event(GST_EVENT_EOS, 2);

  ck_assert_uint_eq(player.branch.bytes(), 2 * kBytes);
}
END_TEST

START_TEST(a_sink_posts_each_end) {
  const NothingKept end;
  Writing writer("posts");
  writer.element.to(GST_STATE_PLAYING);
  for (unsigned turn = 0; turn < 3; ++turn) {
    give_stream(writer);
    writer.element.wait_eos();
  }
}
END_TEST

START_TEST(six_players_come_and_go_while_the_writer_begins_ten_times) {
  const NothingKept end;
  Writing writer("churn");
  writer.element.to(GST_STATE_PLAYING);
  std::atomic<bool> over = false;
  std::atomic<unsigned> running = 6;
  std::vector<std::thread> players;
  for (unsigned number = 0; number < 6; ++number) {
    players.emplace_back([&over, &running, number] {
      for (std::uint64_t turn = number; !over; ++turn) {
        Playing player("churn");
        player.play();
        if (turn % 3 != 0) player.branch.wait_event(GST_EVENT_EOS, 1 + turn % 2);
        if (turn % 4 == 1) player.branch.seek(GST_FORMAT_BYTES, 0);
        player.end();
        if (turn % 4 != 1) demand_streams(player.branch);
      }
      --running;
    });
  }
  for (unsigned number = 1; number <= 10; ++number) {
    give_stream(writer);
    Playing watcher("churn");
    watcher.play().branch.wait_eos();
  }
  over = true;
  // Who waits for one end more gets it.
  while (running != 0) give_stream(writer);
  for (std::thread& player : players) player.join();

  Playing late("churn");
  late.play().branch.wait_eos();
  ck_assert_uint_eq(late.branch.bytes(), kBytes);
  writer.element.demand_no_error();
}
END_TEST

// A writer that goes to READY gives the name up: who comes next begins with the new recording, and
// who plays the old one stays with it to its end.
START_TEST(six_players_come_and_go_while_the_writers_pipeline_starts_ten_times) {
  const NothingKept end;
  std::atomic<bool> over = false;
  std::vector<std::thread> players;
  for (unsigned number = 0; number < 6; ++number) {
    players.emplace_back([&over, number] {
      for (std::uint64_t turn = number; !over; ++turn) {
        Playing player("starts");
        player.play();
        if (turn % 3 != 0) player.branch.wait_eos();
        player.end();
        demand_streams(player.branch);
      }
    });
  }
  for (unsigned number = 1; number <= 10; ++number) {
    Writing writer("starts");
    writer.element.to(GST_STATE_PLAYING);
    give_stream(writer);
    Playing watcher("starts");
    watcher.play().branch.wait_eos();
    ck_assert_uint_eq(watcher.branch.bytes(), kBytes);
    writer.end();
  }
  over = true;
  for (std::thread& player : players) player.join();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "channel_restart",
      {{"streams",
        {players_go_on_when_the_writer_begins_again, a_player_at_its_end_ends_with_its_element,
         a_sink_posts_each_end}},
       {"churn",
        {six_players_come_and_go_while_the_writer_begins_ten_times,
         six_players_come_and_go_while_the_writers_pipeline_starts_ten_times}}});
}
