// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A channel whose writers and players come, seek and go on threads of their own.
#include "tests/support/stress.hpp"

#include "tests/support/channel.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kBytes = 50'000;
constexpr int kRounds = 200;

// Each piece proves where it comes from, whatever seek it follows.
Branch::Look checks_offsets() {
  return [](const Arrival& one) {
    GstMapInfo map;
    demand(gst_buffer_map(one.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
    demand_pattern(std::as_bytes(std::span(map.data, map.size)),
                   GST_BUFFER_OFFSET(one.buffer.get()));
    gst_buffer_unmap(one.buffer.get(), &map);
    return GST_FLOW_OK;
  };
}

void write_again_and_again(const char* channel, int rounds, std::uint64_t seed) {
  Random random(seed);
  Writing writer(channel);
  for (int i = 0; i < rounds; ++i) {
    writer.begin();
    writer.upstream.give_pattern(0, random.up_to(kBytes), random.up_to(4096));
    if (random.one_in(2)) writer.upstream.eos();
    if (random.one_in(4)) {
      writer.upstream.send(gst_event_new_flush_start());
      writer.upstream.send(gst_event_new_flush_stop(TRUE));
      writer.upstream.set_segment(GST_FORMAT_BYTES);
      writer.upstream.give_pattern(0, random.up_to(kBytes), random.up_to(4096));
    }
    writer.element.settle(GST_STATE_READY);
  }
}

void play_again_and_again(const char* channel, int rounds, std::uint64_t seed) {
  Random random(seed);
  for (int i = 0; i < rounds; ++i) {
    Playing player(channel);
    player.branch.looks(checks_offsets()).keeps_none();
    player.play();
    // Each recording comes to an end, if only because its writer stops.
    if (random.one_in(2)) player.branch.wait_eos();
    for (std::uint64_t left = random.below(4); left > 0; --left) {
      player.branch.seek(GST_FORMAT_BYTES, random.below(kBytes));
      if (random.one_in(3)) player.element.settle(GST_STATE_PAUSED);
      if (random.one_in(3)) player.element.settle(GST_STATE_PLAYING);
    }
    player.element.settle(GST_STATE_NULL);
    player.element.demand_no_error();
  }
}

START_TEST(writers_and_players_come_and_go_and_no_byte_is_wrong) {
  const NothingKept end;
  Random random(stress_seed());
  std::vector<std::thread> threads;
  threads.emplace_back(write_again_and_again, "busy", kRounds, random.fork());
  threads.emplace_back(write_again_and_again, "busier", kRounds, random.fork());
  for (const char* channel : {"busy", "busy", "busier"}) {
    threads.emplace_back(play_again_and_again, channel, kRounds, random.fork());
  }
  for (std::thread& thread : threads) thread.join();
}
END_TEST

START_TEST(one_of_many_that_want_a_channel_gets_it) {
  const NothingKept end;
  std::atomic<int> writing{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 100; ++round) {
        Element sink("catchersink");
        sink.set("channel", "wanted");
        if (sink.try_to(GST_STATE_PAUSED) == GST_STATE_CHANGE_FAILURE) {
          const PostedError error = sink.wait_error();
          demand(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_BUSY), error.text.c_str());
          continue;
        }
        demand(writing.fetch_add(1) == 0, "a channel has one writer");
        sink.settle(GST_STATE_PLAYING);
        sink.settle(GST_STATE_PAUSED);
        writing.fetch_sub(1);
        sink.settle(GST_STATE_NULL);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "channel_threads",
                          {{"threads",
                            {writers_and_players_come_and_go_and_no_byte_is_wrong,
                             one_of_many_that_want_a_channel_gets_it}}});
}
