// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// compact: at EOS what was caught moves into one piece of memory, while it is played.
#include <malloc.h>

#include <fstream>
#include <random>

#include "tests/support/feeding.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using catcher::Clock;
using catcher::Deadline;
using namespace catcher::test;

constexpr std::uint64_t kBytes = 2'000'000;
constexpr std::uint64_t kLargestChunk = 256 << 10;  // by default
constexpr const char* kWays[] = {"in-place", "thread"};

GstFlowReturn demand_bytes(const Arrival& one) {
  GstMapInfo map;
  demand(gst_buffer_map(one.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
  demand_pattern(std::as_bytes(std::span(map.data, map.size)), GST_BUFFER_OFFSET(one.buffer.get()));
  gst_buffer_unmap(one.buffer.get(), &map);
  return GST_FLOW_OK;
}

guint64 stat(GstElement* element, const char* name) {
  GstStructure* stats = nullptr;
  g_object_get(element, "stats", &stats, nullptr);
  guint64 value = 0;
  demand(stats != nullptr && gst_structure_get_uint64(stats, name, &value), name);
  gst_structure_free(stats);
  return value;
}

// Until all that is allocated is `bytes` in one piece, and a chunk that players stand in.
void wait_moved(GstElement* element, std::uint64_t bytes, std::uint64_t chunk = 0) {
  const Deadline patience = Clock::now() + kPatience;
  const auto moved = [&] {
    const std::uint64_t now = stat(element, "bytes-allocated");
    return stat(element, "chunks") == 1 && now >= bytes && now <= bytes + chunk;
  };
  while (!moved()) {
    demand(Clock::now() < patience, "it moves into one piece", stat(element, "bytes-allocated"));
    std::this_thread::yield();
  }
}

// Memory of this process that is in no file.
std::uint64_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::uint64_t kilobytes = 0;
  while (status >> word) {
    if (word == "RssAnon:") status >> kilobytes;
  }
  return kilobytes * 1024;
}

START_TEST(branches_play_and_seek_while_it_moves) {
  for (const char* how : kWays) {
    Element tee("catchertee");
    tee.set("chunk-size", guint64{1000}, "growth", 0);
    tee.set_text("compact", how);
    Upstream upstream(tee.get());
    std::vector<std::unique_ptr<Branch>> branches;
    for (unsigned i = 0; i < 4; ++i) {
      branches.push_back(std::make_unique<Branch>(tee.get()));
      branches.back()->keeps_none().looks(demand_bytes).link();
    }
    Branch slow(tee.get());
    slow.looks(demand_bytes).link();
    slow.admit(3);
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_BYTES);
    upstream.give_pattern(0, kBytes);
    for (const auto& branch : branches) branch->wait_bytes(1);
    {
      std::atomic<bool> is_over = false;
      std::vector<std::jthread> seekers;
      for (unsigned i = 0; i < branches.size(); ++i) {
        seekers.emplace_back([&, i] {
          std::mt19937 random(i + 1);
          while (!is_over) {
            const std::uint64_t to = random() % kBytes;
            demand(branches[i]->seek(GST_FORMAT_BYTES, to) != GST_SEQNUM_INVALID, "it can seek");
          }
        });
      }
      upstream.eos();
      const Deadline patience = Clock::now() + kPatience;
      while (stat(tee.get(), "chunks") != 1) {
        demand(Clock::now() < patience, "it moves into one piece", stat(tee.get(), "chunks"));
        std::this_thread::yield();
      }
      is_over = true;
    }
    for (const auto& branch : branches) {
      // What was on its way from the seek before does not count; nothing comes from the end.
      ck_assert_uint_ne(branch->seek(GST_FORMAT_BYTES, kBytes), GST_SEQNUM_INVALID);
      branch->forget();
      ck_assert_uint_ne(branch->seek(GST_FORMAT_BYTES, 0), GST_SEQNUM_INVALID);
      branch->wait_bytes(kBytes);
      branch->wait_eos();
      ck_assert_uint_eq(branch->bytes(), kBytes);
    }
    slow.unblock();
    slow.wait_eos();
    ck_assert_uint_eq(slow.bytes(), kBytes);
    ck_assert(is_pattern(slow.all_bytes(), 0));
    slow.forget();
    wait_moved(tee.get(), kBytes);
    tee.demand_no_error();
  }
}
END_TEST

START_TEST(memory_afterwards_is_what_was_caught) {
  constexpr std::uint64_t kMuch = 64 << 20;
  mallopt(M_PERTURB, 0);  // it touches what nobody else does
  for (const char* how : kWays) {
    Element tee("catchertee");
    tee.set_text("compact", how);
    Upstream upstream(tee.get());
    tee.to(GST_STATE_PLAYING);
    malloc_trim(0);  // what earlier ones have freed is not taken again
    const std::uint64_t before = anonymous_memory();
    upstream.begin(GST_FORMAT_BYTES);
    upstream.give_pattern(0, kMuch + 1000, 64 * 1024);
    ck_assert_uint_gt(stat(tee.get(), "chunks"), 64);

    upstream.eos();

    wait_moved(tee.get(), kMuch + 1000);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    const std::uint64_t taken = anonymous_memory() - before;
    ck_assert_uint_le(taken, kMuch + kMuch / 16);
    ck_assert_uint_ge(taken, kMuch - kMuch / 16);
#else
    (void)before;
#endif
  }
}
END_TEST

START_TEST(each_stream_that_follows_moves_too) {
  for (const char* how : kWays) {
    Element tee("catchertee");
    tee.set_text("compact", how);
    Upstream upstream(tee.get());
    Branch branch(tee.get());
    branch.keeps_none().looks(demand_bytes).link();
    tee.to(GST_STATE_PLAYING);
    for (unsigned number = 1; number <= 4; ++number) {
      upstream.begin(GST_FORMAT_BYTES);
      upstream.give_pattern(0, number * kBytes / 4);
      upstream.eos();
      branch.wait_event(GST_EVENT_EOS, number);
      wait_moved(tee.get(), number * kBytes / 4, kLargestChunk);
    }
    ck_assert_uint_eq(branch.bytes(), 10 * kBytes / 4);
    tee.demand_no_error();
  }
}
END_TEST

START_TEST(nothing_moves_but_at_eos) {
  const NothingKept nothing_kept;
  Writing writer("whole");
  writer.element.set_text("compact", "in-place");
  Playing player("whole");
  player.play();
  writer.begin();
  writer.upstream.give_pattern(0, kBytes);
  player.branch.wait_bytes(kBytes);

  writer.end();  // without EOS
  player.branch.wait_eos();

  ck_assert_uint_gt(stat(player.element.get(), "chunks"), 1);
}
END_TEST

START_TEST(a_feed_is_told) {
  const NothingKept nothing_kept;
  FedPlaying player("command", "head -c 300000 /dev/zero");
  player.element.set_text("compact", "in-place");
  player.play().branch.wait_eos();

  ck_assert_uint_eq(player.branch.bytes(), 300'000);
  player.branch.forget();
  wait_moved(player.element.get(), 300'000, kLargestChunk);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "compact",
      {{"eos",
        {branches_play_and_seek_while_it_moves, memory_afterwards_is_what_was_caught,
         each_stream_that_follows_moves_too, nothing_moves_but_at_eos}},
       {"feed", {a_feed_is_told}}});
}
