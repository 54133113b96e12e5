// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The life of feeds: who shares one, how long it goes on, and what stays of it.
#include "tests/support/feeding.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;
namespace channels = catcher::plugin::channels;

// A command that prints 100 000 bytes, and leaves a line in a file each time it is run.
struct Traced {
  const Folder& folder;
  std::string name;

  std::string command() const {
    return script("echo >> " + folder.path(name) + "; head -c 100000 /dev/zero");
  }
  std::size_t runs() const { return folder.text(name).size(); }
};

void play_through(const std::string& command) {
  FedPlaying player("command", command);
  player.play();
  player.branch.wait_eos();
  ck_assert_uint_eq(player.branch.bytes(), 100'000);
  player.element.demand_no_error();
}

// Bytes that count up, out of GStreamer's own test source.
std::string counting(int buffers, const char* more = "") {
  return "fakesrc num-buffers=" + std::to_string(buffers) +
         " sizetype=fixed sizemax=1000 filltype=pattern-span " + more;
}

START_TEST(a_description_fills_a_channel) {
  const NothingKept end;
  FedPlaying player("feed", counting(50) + " ! identity");

  player.play();
  player.branch.wait_eos();

  const auto bytes = player.branch.all_bytes();
  ck_assert_uint_eq(bytes.size(), 50'000);
  for (std::size_t i = 0; i < bytes.size(); ++i)
    ck_assert_uint_eq(static_cast<unsigned>(bytes[i]), i & 0xff);
  player.element.demand_no_error();
}
END_TEST

START_TEST(a_uri_gives_its_bytes_as_they_are) {
  const NothingKept end;
  const Folder folder;
  folder.write_pattern("a", 300'000);
  FedPlaying player("uri", folder.uri("a"));

  player.play();
  player.branch.wait_eos();

  ck_assert_uint_eq(player.branch.bytes(), 300'000);
  ck_assert(is_pattern(player.branch.all_bytes(), 0));
}
END_TEST

START_TEST(a_descriptor_is_read_though_its_owner_closes_it) {
  const NothingKept end;
  FeedPipe pipe;
  FedPlaying player(pipe.reader());
  player.play();
  pipe.close_reader();

  pipe.write(20'000);
  pipe.close();
  player.branch.wait_eos();

  ck_assert_uint_eq(player.branch.bytes(), 20'000);
  ck_assert(is_pattern(player.branch.all_bytes(), 0));
}
END_TEST

START_TEST(players_with_one_descriptor_all_get_what_comes) {
  const NothingKept end;
  FeedPipe pipe;
  FedPlaying first(pipe.reader());
  FedPlaying second(pipe.reader());
  first.play();
  second.play();

  pipe.write(20'000);
  first.branch.wait_bytes(20'000);
  second.branch.wait_bytes(20'000);
  pipe.close();
  first.branch.wait_eos();
  second.branch.wait_eos();
  FedPlaying late(pipe.reader());
  late.play();
  late.branch.wait_eos();

  ck_assert(is_pattern(second.branch.all_bytes(), 0));
  ck_assert_uint_eq(late.branch.bytes(), 20'000);
}
END_TEST

// The number alone says nothing: it is given to another file once it is free.
START_TEST(a_descriptor_with_the_number_of_an_old_one_is_another_feed) {
  const NothingKept end;
  FeedPipe first_pipe;
  FedPlaying first(first_pipe.reader());
  first.play();
  first_pipe.write(1000);
  first.branch.wait_bytes(1000);
  FeedPipe other;
  demand(::dup2(other.reader(), first_pipe.reader()) >= 0, "a number can be given to another file");
  FedPlaying second(first_pipe.reader());
  second.play();

  other.write(500);
  other.close();
  second.branch.wait_eos();
  ck_assert_uint_eq(second.branch.bytes(), 500);
  first_pipe.close();
  first.branch.wait_eos();

  ck_assert_uint_eq(first.branch.bytes(), 1000);
}
END_TEST

START_TEST(what_a_descriptor_gave_is_not_kept) {
  const NothingKept end;
  FeedPipe pipe;
  pipe.write(1000);
  pipe.close();
  for (const std::uint64_t wanted : {1000u, 0u}) {
    FedPlaying player(pipe.reader());
    player.play();
    player.branch.wait_eos();
    ck_assert_uint_eq(player.branch.bytes(), wanted);
    player.element.demand_no_error();
  }
}
END_TEST

START_TEST(players_with_one_command_share_one_feed) {
  const NothingKept end;
  const Folder folder;
  const Traced traced{folder, "runs"};
  FedPlaying first("command", traced.command());
  FedPlaying second("command", traced.command());

  first.play();
  second.play();
  first.branch.wait_eos();
  second.branch.wait_eos();

  ck_assert_uint_eq(first.branch.bytes(), 100'000);
  ck_assert_uint_eq(second.branch.bytes(), 100'000);
  ck_assert_uint_eq(traced.runs(), 1);
}
END_TEST

START_TEST(players_in_one_pipeline_share_one_feed) {
  const NothingKept end;
  const Folder folder;
  const Traced traced{folder, "runs"};
  const std::string source = "catchersrc command=\"" + traced.command() + "\" ! ";
  Element pipeline = Element::launch(source + "filesink location=" + folder.path("a") + " " +
                                     source + "filesink location=" + folder.path("b"));

  pipeline.settle(GST_STATE_PAUSED);
  pipeline.to(GST_STATE_PLAYING);
  pipeline.wait_eos();

  ck_assert_uint_eq(folder.text("a").size(), 100'000);
  ck_assert_text(folder.text("a"), folder.text("b"));
  ck_assert_uint_eq(traced.runs(), 1);
}
END_TEST

START_TEST(players_of_one_channel_share_the_feed_of_the_first) {
  const NothingKept end;
  const Folder folder;
  const Traced traced{folder, "runs"};
  const Traced unused{folder, "unused"};
  FedPlaying first("command", traced.command());
  first.element.set("channel", "shared");
  FedPlaying second("command", unused.command());
  second.element.set("channel", "shared");
  Playing third("shared");
  first.branch.block();

  first.play();
  first.branch.wait_blocked();
  second.play();
  third.play();
  second.branch.wait_eos();
  third.branch.wait_eos();

  ck_assert_uint_eq(second.branch.bytes(), 100'000);
  ck_assert_uint_eq(third.branch.bytes(), 100'000);
  ck_assert_uint_eq(traced.runs(), 1);
  ck_assert_uint_eq(unused.runs(), 0);
  first.branch.unblock();
}
END_TEST

START_TEST(a_channel_that_is_written_to_needs_no_feed) {
  const NothingKept end;
  const Folder folder;
  const Traced traced{folder, "runs"};
  Writing writer("written");
  writer.begin();
  FedPlaying player("command", traced.command());
  player.element.set("channel", "written");
  player.play();

  writer.upstream.give_pattern(0, 5000);
  writer.upstream.eos();
  player.branch.wait_eos();
  ck_assert_uint_eq(player.branch.bytes(), 5000);
  player.end();
  writer.end();
  FedPlaying late("command", traced.command());
  late.element.set("channel", "written");
  late.play();
  late.branch.wait_eos();

  ck_assert_uint_eq(late.branch.bytes(), 5000);
  ck_assert_uint_eq(traced.runs(), 0);
}
END_TEST

START_TEST(a_writer_finds_the_channel_of_a_feed_taken) {
  const NothingKept end;
  FeedPipe pipe;
  FedPlaying player(pipe.reader());
  player.element.set("channel", "fed");
  player.play();
  pipe.write(1000);
  player.branch.wait_bytes(1000);
  Writing writer("fed");

  ck_assert_int_eq(writer.element.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  ck_assert(writer.element.wait_error().is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_BUSY));
  player.end();

  writer.begin();
}
END_TEST

START_TEST(a_feed_goes_on_while_its_players_pause) {
  const NothingKept end;
  FeedPipe pipe;
  FedPlaying player(pipe.reader());
  player.element.set("channel", "on");
  player.branch.block();
  player.play();
  pipe.write(1000);
  player.branch.wait_blocked();
  player.element.settle(GST_STATE_PAUSED);

  for (int i = 0; i < 8; ++i) pipe.write(50'000);  // more than the pipe holds
  pipe.close();
  while (player.element.value<guint64>("current-level-bytes") < 401'000) std::this_thread::yield();

  player.branch.unblock();
  player.element.settle(GST_STATE_PLAYING);
  player.branch.wait_eos();
  ck_assert_uint_eq(player.branch.bytes(), 401'000);
  ck_assert(is_pattern(player.branch.all_bytes(), 0));
}
END_TEST

START_TEST(a_feed_lives_as_long_as_anybody_uses_it) {
  const NothingKept end;
  const std::string command = script("echo $$; exec sleep 1000");
  FedPlaying first("command", command);
  FedPlaying second("command", command);
  first.play();
  second.play();
  const pid_t pid = printed_pid(first.branch);
  ck_assert_int_eq(printed_pid(second.branch), pid);

  first.end();
  ck_assert(has_process(pid));
  second.element.settle(GST_STATE_READY);

  ck_assert(!has_process(pid));
  ck_assert(is_reaped(pid));
}
END_TEST

START_TEST(a_feed_that_was_left_is_not_kept_and_starts_again) {
  const NothingKept end;
  const std::string command = script("echo $$; exec sleep 1000");
  FedPlaying player("command", command);
  player.play();
  const pid_t first = printed_pid(player.branch);

  player.element.settle(GST_STATE_READY);
  player.branch.forget();
  player.element.to(GST_STATE_PLAYING);

  ck_assert_int_ne(printed_pid(player.branch), first);
  player.element.demand_no_error();
}
END_TEST

START_TEST(what_a_feed_recorded_to_its_end_is_played_again_without_it) {
  const NothingKept end;
  const Folder folder;
  const Traced traced{folder, "runs"};

  for (int i = 0; i < 3; ++i) play_through(traced.command());

  ck_assert_uint_eq(traced.runs(), 1);
}
END_TEST

START_TEST(what_was_used_least_recently_goes_first) {
  const NothingKept end;
  const Folder folder;
  const Traced one{folder, "one"}, two{folder, "two"}, three{folder, "three"};
  Element any("catchersrc");
  any.set("cache-bytes", guint64{280'000});  // two of them, with the memory around them

  play_through(one.command());
  play_through(two.command());
  play_through(one.command());
  play_through(three.command());
  play_through(one.command());
  play_through(two.command());

  ck_assert_uint_eq(one.runs(), 1);
  ck_assert_uint_eq(two.runs(), 2);
  ck_assert_uint_eq(three.runs(), 1);
}
END_TEST

START_TEST(what_is_in_use_is_never_dropped) {
  const NothingKept end;
  const Folder folder;
  const Traced one{folder, "one"}, two{folder, "two"};
  Element any("catchersrc");
  any.set("cache-bytes", guint64{0});
  FedPlaying player("command", one.command());
  player.play();
  player.branch.wait_eos();

  play_through(one.command());
  play_through(two.command());
  play_through(two.command());
  ck_assert_uint_eq(one.runs(), 1);
  ck_assert_uint_eq(two.runs(), 2);
  player.end();
  play_through(one.command());

  ck_assert_uint_eq(one.runs(), 2);
}
END_TEST

START_TEST(a_feed_records_as_its_first_player_says) {
  const NothingKept end;
  FeedPipe pipe;
  FedPlaying player(pipe.reader());
  player.element.set("max-size-bytes", guint64{65'536}, "chunk-size", guint64{1024},
                     "chunk-size-max", guint64{1024}, "when-full", 1);
  player.branch.block();
  player.play();
  std::jthread writer([&pipe] {
    for (int i = 0; i < 10; ++i) pipe.write(50'000);
    pipe.close();
  });
  player.branch.wait_blocked();
  while (player.element.value<guint64>("current-level-bytes") < 60'000) std::this_thread::yield();
  ck_assert_uint_le(player.element.value<guint64>("current-level-bytes"), 65'536);

  player.branch.unblock();
  player.branch.wait_eos();

  ck_assert_uint_eq(player.branch.bytes(), 500'000);
  ck_assert(is_pattern(player.branch.all_bytes(), 0));
}
END_TEST

START_TEST(a_feed_knows_whether_it_is_live) {
  const NothingKept end;
  const std::atomic<bool> never{false};
  for (const bool live : {true, false}) {
    FedPlaying player("feed", counting(5, live ? "is-live=true" : "is-live=false"));
    player.element.set("channel", live ? "live" : "not live");
    player.play();
    player.branch.wait_eos();
    ck_assert_int_eq(channels::await(live ? "live" : "not live", 0, never)->is_live(), live);
  }
}
END_TEST

START_TEST(states_change_at_once_while_a_feed_gives_nothing) {
  const NothingKept end;
  for (int i = 0; i < 20; ++i) {
    FeedPipe pipe;
    FedPlaying player(pipe.reader());
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

START_TEST(players_that_come_and_go_find_a_feed_each_time) {
  const NothingKept end;
  const Folder folder;
  folder.write_pattern("a", 50'000);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&folder] {
      for (int round = 0; round < 25; ++round) {
        Playing player(nullptr);
        player.element.set("feed", ("filesrc location=" + folder.path("a")).c_str());
        player.play();
        if (round % 3 == 0) continue;
        player.branch.wait_eos();
        demand(player.branch.bytes() == 50'000, "all comes", player.branch.bytes());
        player.element.demand_no_error();
        if (round % 5 == 0) channels::set_budget(0);
        if (round % 5 == 1) channels::set_budget(1ull << 30);
      }
    });
  }
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "feed",
      {{"kinds",
        {a_description_fills_a_channel, a_uri_gives_its_bytes_as_they_are,
         a_descriptor_is_read_though_its_owner_closes_it}},
       {"descriptors",
        {players_with_one_descriptor_all_get_what_comes,
         a_descriptor_with_the_number_of_an_old_one_is_another_feed,
         what_a_descriptor_gave_is_not_kept}},
       {"sharing",
        {players_with_one_command_share_one_feed, players_in_one_pipeline_share_one_feed,
         players_of_one_channel_share_the_feed_of_the_first,
         a_channel_that_is_written_to_needs_no_feed, a_writer_finds_the_channel_of_a_feed_taken,
         players_that_come_and_go_find_a_feed_each_time}},
       {"life",
        {a_feed_goes_on_while_its_players_pause, a_feed_lives_as_long_as_anybody_uses_it,
         a_feed_that_was_left_is_not_kept_and_starts_again, a_feed_knows_whether_it_is_live,
         a_feed_records_as_its_first_player_says,
         states_change_at_once_while_a_feed_gives_nothing}},
       {"kept",
        {what_a_feed_recorded_to_its_end_is_played_again_without_it,
         what_was_used_least_recently_goes_first, what_is_in_use_is_never_dropped}}});
}
