// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// One thread writes bytes and names them in a timeline, with a window that evicts; others search.
// Each entry follows from its number and the seed alone, so whatever a search finds proves
// itself, and its bytes must have been published before it. CATCHER_SEED repeats a run,
// CATCHER_STRESS_SECONDS sets its length.
#include <atomic>
#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "core/timeline.hpp"
#include "tests/support/demand.hpp"
#include "tests/support/pattern.hpp"

namespace {

using namespace catcher;
using test::demand;
using Snap = Timeline::Snap;

constexpr int kReaders = 4;
constexpr std::uint64_t kWindow = 64 * 1024;

std::uint64_t number_from(const char* name, std::uint64_t fallback) {
  const char* set = std::getenv(name);
  return set == nullptr ? fallback : std::strtoull(set, nullptr, 10);
}

// ---- what entry number n is -----------------------------------------------------------------
// Entries come in groups; the first of a group is a key unit, every fourth group is a run.

constexpr std::uint64_t kGroup = 37;
constexpr std::int64_t kStep = 1000;   // between the orders of two entries
constexpr std::uint64_t kStride = 40;  // between their offsets
constexpr std::int64_t kPreRoll = -50 * kStep;

bool is_run(std::uint64_t index) {
  return index / kGroup % 4 == 3;
}
bool is_key(std::uint64_t index) {
  return is_run(index) || index % kGroup == 0;
}
std::int64_t order_of(std::uint64_t index) {
  return kPreRoll + static_cast<std::int64_t>(index) * kStep;
}
// Packets that are not key units are shown out of order.
std::int64_t pts_of(std::uint64_t index) {
  return order_of(index) + (is_key(index) ? 0 : static_cast<std::int64_t>(index * 7 % 5) * kStep);
}
std::uint64_t last_key_at(std::uint64_t index) {
  return is_run(index) ? index : index / kGroup * kGroup;
}

void check_entry(std::uint64_t index, const Entry& entry) {
  demand(entry.offset == index * kStride, "an entry has the offset of its number", index);
  demand(entry.order == order_of(index), "an entry has the order of its number", index);
  demand(entry.pts == pts_of(index), "an entry has the time of its number", index);
  demand(entry.is_run() == is_run(index), "an entry has the kind of its number", index);
  demand(entry.is_key() == is_key(index), "an entry is a key unit or not as its number", index);
  demand(entry.since_key == index - last_key_at(index), "an entry knows its key unit", index);
}

Status append(Timeline& timeline, std::uint64_t index) {
  if (is_run(index)) {
    return timeline.append_run(order_of(index), index * kStride, 4, 48000, Entry::discont);
  }
  return timeline.append_packet({pts_of(index), order_of(index), kStep, index * kStride,
                                 static_cast<std::uint32_t>(kStride),
                                 is_key(index) ? std::uint32_t{Entry::key_unit} : 0});
}

// ---- threads --------------------------------------------------------------------------------

struct Stream {
  std::shared_ptr<Catcher> catcher;
  Writer writer;
  Timeline timeline;
  std::atomic<bool> over{false};

  Stream() {
    Config config;
    config.growth = Growth::constant(1000);  // entries lie across chunks
    config.max_bytes = kWindow;
    auto made = Catcher::push(config);
    demand(made.status == Status::ok, made.why.c_str());
    catcher = std::move(made.catcher);
    writer = std::move(made.writer);
  }

  void add(std::uint64_t index) {
    const auto bytes = test::pattern(index * kStride, kStride);
    demand(writer.append(bytes).bytes == kStride, "bytes are taken", index);
    demand(append(timeline, index) == Status::ok, "an entry is taken", index);
    timeline.drop_before(catcher->window().begin);
  }
};

class Searcher {
 public:
  Searcher(const Stream& stream, std::uint64_t seed)
      : stream_(stream),
        timeline_(stream.timeline),
        random_(seed),
        reader_(stream.catcher),
        probe_(stream.timeline) {}

  void search_once() {
    const Window before = timeline_.window();
    if (before.end == 0) return;
    // Beyond both ends of the window too.
    const std::uint64_t reach = before.end - before.begin + 20;
    const std::uint64_t about = before.begin + random_() % reach;
    const std::uint64_t index = about < 10 ? 0 : about - 10;
    switch (random_() % 7) {
      case 0: return by_offset(index, before);
      case 1: return by_time(index, before);
      case 2: return key_before(index, before);
      case 3: return key_after(index, before);
      case 4: return nearest_key(index);
      case 5: return newest(before);
      default: return walk(index);
    }
  }
  std::uint64_t found() const { return found_; }

 private:
  // Whether entry `index`, there at the end of a search, was there all along.
  bool stayed(std::uint64_t index, Window before) const {
    return index < before.end && index >= timeline_.window().begin;
  }

  void take(const Indexed& found) {
    check_entry(found.index, found.entry);
    const std::uint64_t end = found.entry.offset + kStride;
    demand(stream_.catcher->window().end >= end, "bytes come before their entry", found.index);
    if (random_() % 4 == 0) check_bytes(found.entry);
    ++found_;
  }

  void check_bytes(const Entry& entry) {
    std::byte bytes[kStride];
    demand(reader_.seek(static_cast<std::int64_t>(entry.offset)).status == Status::ok, "a seek");
    std::size_t have = 0;
    while (have < kStride) {
      const ReadResult got = reader_.try_read(std::span(bytes).subspan(have));
      if (got.status == Status::evicted) return;
      demand(got.status == Status::ok, "bytes of an entry are there", entry.offset);
      have += got.bytes;
    }
    test::demand_pattern(bytes, entry.offset);
  }

  void by_offset(std::uint64_t index, Window before) {
    const std::uint64_t offset = index * kStride + random_() % kStride;
    const auto at = timeline_.at_offset(offset);
    const auto from = timeline_.from_offset(offset + 1);
    if (at) take(*at);
    if (from) take(*from);
    if (at) demand(at->entry.offset <= offset, "at_offset is at or below", index);
    if (from) demand(from->entry.offset > offset, "from_offset is above", index);
    if (stayed(index, before)) {
      demand(at && at->index == index, "at_offset finds what stayed", index);
      if (index + 1 < before.end) {
        demand(from && from->index == index + 1, "from_offset finds what stayed", index);
      }
    }
  }

  void by_time(std::uint64_t index, Window before) {
    const std::int64_t time = order_of(index) + static_cast<std::int64_t>(random_() % kStep);
    const auto at = timeline_.at_time(time);
    if (at) take(*at);
    if (at) demand(at->entry.order <= time, "at_time is at or below", index);
    if (stayed(index, before)) demand(at && at->index == index, "at_time finds what stayed", index);
  }

  void key_before(std::uint64_t index, Window before) {
    const std::uint64_t key = last_key_at(index);
    const auto found = timeline_.key_unit(order_of(index), Snap::before);
    if (found) take(*found);
    if (found) demand(found->entry.is_key(), "a key unit is found", index);
    if (stayed(key, before)) demand(found && found->index == key, "the last key unit", index);
  }

  void key_after(std::uint64_t index, Window before) {
    std::uint64_t key = index;
    while (!is_key(key)) ++key;
    const auto found = timeline_.key_unit(order_of(index), Snap::after, index);
    if (found) take(*found);
    if (found) demand(found->entry.is_key() && found->index >= key, "a key unit after", index);
    if (stayed(key, before)) demand(found && found->index == key, "the next key unit", index);
  }

  void nearest_key(std::uint64_t index) {
    const auto found = timeline_.key_unit(order_of(index), Snap::nearest);
    if (!found) return;
    take(*found);
    demand(found->entry.is_key(), "a key unit is nearest", index);
  }

  void newest(Window before) {
    const auto last = timeline_.last();
    demand(last.has_value(), "there is a newest entry");
    take(*last);
    demand(last->index + 1 >= before.end, "the newest entry never falls back", last->index);
  }

  // A reader that stays behind in a chunk that leaves the window.
  void walk(std::uint64_t index) {
    for (std::uint64_t i = index; i < index + 300; ++i) {
      const Entry* entry = probe_.at(i);
      if (entry == nullptr) return;
      take({i, *entry});
    }
  }

  const Stream& stream_;
  const Timeline& timeline_;
  std::mt19937_64 random_;
  Reader reader_;
  Timeline::Probe probe_;
  std::uint64_t found_ = 0;
};

// The same, without threads: what fails here is no race.
void run_alone(std::uint64_t seed) {
  Stream stream;
  Searcher searcher(stream, seed);
  for (std::uint64_t index = 0; index < 20'000; ++index) {
    stream.add(index);
    searcher.search_once();
  }
  demand(searcher.found() > 10'000, "searches find something", searcher.found());
}

void run_together(std::uint64_t seed, std::chrono::seconds length) {
  Stream stream;
  std::atomic<std::uint64_t> found{0};
  std::vector<std::thread> threads;
  for (std::uint64_t reader = 0; reader < kReaders; ++reader) {
    threads.emplace_back([&, reader] {
      Searcher searcher(stream, seed + reader);
      while (!stream.over.load()) searcher.search_once();
      found += searcher.found();
    });
  }
  const auto until = std::chrono::steady_clock::now() + length;
  std::uint64_t index = 0;
  while (std::chrono::steady_clock::now() < until) {
    for (int burst = 0; burst < 100; ++burst) stream.add(index++);
  }
  stream.over = true;
  for (std::thread& thread : threads) thread.join();

  std::printf("%" PRIu64 " entries, %" PRIu64 " found\n", index, found.load());
  const Window kept = stream.timeline.window();
  demand(kept.begin > 0, "the window has moved");
  demand(kept.end - kept.begin < kWindow / kStride + 600, "the window is bounded", kept.begin);
  demand(found > 0, "searches find something");
}

}  // namespace

int main() {
  const std::uint64_t seed = number_from("CATCHER_SEED", std::random_device{}());
  std::printf("CATCHER_SEED=%" PRIu64 "\n", seed);
  std::fflush(stdout);
  run_alone(seed);
  run_together(seed, std::chrono::seconds(number_from("CATCHER_STRESS_SECONDS", 1)));
}
