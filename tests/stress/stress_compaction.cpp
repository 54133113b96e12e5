// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Readers wander about in a stream that ends and moves into one piece meanwhile, chunk by tiny
// chunk. What they hold stays what it was, and what they look for is always found.
#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/streams.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/wanderer.hpp"

namespace {

using catcher::Catcher;
using catcher::Compaction;
using catcher::Config;
using catcher::Growth;
using catcher::Status;
using catcher::Wait;
using namespace catcher::test;

constexpr std::size_t kReaders = 6;
constexpr std::uint64_t kMost = 20'000;
constexpr int kStepsAfter = 100;

const std::vector<Config> kKinds{
    {.growth = Growth::constant(1), .compaction = Compaction::in_place},
    {.growth = Growth::constant(3), .max_bytes = 1920, .compaction = Compaction::new_thread},
    {.growth = Growth::geometric(1, 61), .compaction = Compaction::new_thread},
    {.growth = Growth::constant(2), .max_bytes = 128, .compaction = Compaction::in_place},
    {.growth = Growth::linear(1, 33), .compaction = Compaction::in_place},
};

void demand_whole(const std::shared_ptr<Catcher>& catcher, std::uint64_t length,
                  std::uint64_t first_chunk) {
  const auto whole = catcher->contiguous();
  demand(whole.status == Status::ok, "all is in one piece");
  demand(whole.lease.offset() + whole.lease.size() == length, "and it is all", length);
  demand_pattern(whole.lease.bytes(), whole.lease.offset());
  demand(catcher->stats().chunks == 1, "the table has one chunk", catcher->stats().chunks);
  // What came in one chunk stays in it.
  const std::uint64_t needed = std::max<std::uint64_t>(whole.lease.size(), first_chunk);
  demand(catcher->stats().bytes_allocated == needed, "nothing else is left",
         catcher->stats().bytes_allocated);
}

void run(const Config& config, Random& random) {
  auto made = pushed(config);
  std::atomic<bool> is_over = false;
  std::vector<std::unique_ptr<Wanderer>> wanderers;
  for (std::size_t i = 0; i < kReaders; ++i) {
    wanderers.push_back(std::make_unique<Wanderer>(made.catcher, random.fork()));
  }
  std::vector<std::thread> threads;
  for (auto& wanderer : wanderers) {
    threads.emplace_back([&] {
      for (int after = 0; after < kStepsAfter; after += is_over ? 1 : 0) {
        const Status status = wanderer->step(is_over ? patiently() : Wait::none());
        demand(status == Status::ok || status == Status::end || status == Status::would_block,
               "there is more, or the end");
      }
    });
  }
  const std::uint64_t length = random.up_to(kMost);
  while (made.writer.offset() < length) {
    add(made.writer, std::min<std::uint64_t>(random.up_to(500), length - made.writer.offset()));
    if (random.one_in(8)) made.writer.seal();
  }
  made.writer.finish();
  demand(made.catcher->wait_finalised(patiently()) == Status::ok, "it comes to an end");
  is_over = true;
  for (auto& thread : threads) thread.join();
  for (auto& wanderer : wanderers) {
    demand(wanderer->finish() == length, "all is read to the end", length);
  }
  wanderers.clear();
  demand_whole(made.catcher, length, config.growth.next(0));
}

// The same in one thread: between any two steps of the readers.
void run_alone(const Config& config, Random& random) {
  Config as_it_is = config;
  as_it_is.compaction = Compaction::none;
  const std::uint64_t length = random.up_to(random.one_in(4) ? 8 : 2000);
  auto made = filled(length, as_it_is);
  std::vector<Wanderer> wanderers;
  for (std::size_t i = 0; i < kReaders; ++i) wanderers.emplace_back(made.catcher, random.fork());
  for (int i = 0; i < 100; ++i) (void)wanderers[random.below(kReaders)].step(Wait::none());
  made.writer.finish();
  demand(made.catcher->compact(Compaction::in_place) == Status::ok, "it can be compacted");
  for (int i = 0; i < 100; ++i) (void)wanderers[random.below(kReaders)].step(Wait::none());
  for (Wanderer& wanderer : wanderers) {
    demand(wanderer.finish() == length, "all is read to the end", length);
  }
  wanderers.clear();
  demand_whole(made.catcher, length, config.growth.next(0));
}

}  // namespace

int main() {
  stress(kKinds.size(), [](std::size_t kind, Random& random) {
    run_alone(kKinds[kind], random);
    run(kKinds[kind], random);
  });
}
