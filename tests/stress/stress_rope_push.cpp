// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// One writer and several readers that wander about in what it writes. The chunks are tiny, so
// that their borders are met all the time. Each round first runs on one thread.
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
using catcher::Config;
using catcher::Growth;
using catcher::Status;
using catcher::Wait;
using catcher::WhenFull;
using catcher::Writer;
using namespace catcher::test;

constexpr std::size_t kReaders = 3;
constexpr std::uint64_t kMostWrites = 3000;

const std::vector<Config> kKinds{
    {.growth = Growth::constant(1)},
    {.growth = Growth::constant(2), .max_bytes = 128},
    {.growth = Growth::constant(3), .max_bytes = 192, .when_full = WhenFull::block},
    {.growth = Growth::geometric(1, 61)},
    {.growth = Growth::constant(7), .max_bytes = 448},
    {.growth = Growth::constant(1), .max_bytes = 64, .when_full = WhenFull::block},
    {.growth = Growth::linear(1, 33), .max_bytes = 2111},
    {.growth = Growth::linear(2, 9), .max_bytes = 575, .when_full = WhenFull::block},
};

// One random write. False: no room, and waiting was not asked for.
bool write(Writer& writer, Random& random, const Wait& wait) {
  if (random.one_in(16)) writer.seal();
  const std::size_t size = random.up_to(40);
  if (random.one_in(2)) {
    const auto result = append(writer, size, wait);
    demand(result.status == Status::ok || result.status == Status::full, "a writer finds room");
    return result.status == Status::ok;
  }
  const auto reserved = writer.reserve(random.up_to(5), wait);
  if (reserved.status == Status::full) return false;
  demand(reserved.status == Status::ok, "a writer finds room", writer.offset());
  const std::size_t part = std::min(size, reserved.space.size());
  fill_pattern(reserved.space.first(part), writer.offset());
  writer.commit(part);
  return true;
}

void run_alone(const Config& config, Random& random) {
  auto made = pushed(config);
  std::vector<Wanderer> wanderers;
  for (std::size_t i = 0; i < kReaders; ++i) wanderers.emplace_back(made.catcher, random.fork());
  for (int i = 0; i < 300; ++i) {
    (void)write(made.writer, random, Wait::none());
    const Status status = wanderers[random.below(kReaders)].step(Wait::none());
    demand(status == Status::ok || status == Status::would_block, "there is more to come");
  }
  made.writer.finish();
  for (Wanderer& wanderer : wanderers) {
    demand(wanderer.finish() == made.writer.offset(), "all is read to the end");
  }
}

void run_together(const Config& config, Random& random) {
  auto made = pushed(config);
  std::vector<std::unique_ptr<Wanderer>> wanderers;
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kReaders; ++i) {
    wanderers.push_back(std::make_unique<Wanderer>(made.catcher, random.fork()));
  }
  for (auto& wanderer : wanderers) {
    threads.emplace_back([&] {
      Status status = Status::ok;
      while (status != Status::end) {
        status = wanderer->step(patiently());
        demand(status == Status::ok || status == Status::end, "there is more, or the end");
      }
    });
  }
  const std::uint64_t writes = random.up_to(kMostWrites);
  for (std::uint64_t i = 0; i < writes; ++i) {
    demand(write(made.writer, random, patiently()), "a writer that waits finds room");
  }
  made.writer.finish();
  for (auto& thread : threads) thread.join();
  for (auto& wanderer : wanderers) {
    demand(wanderer->finish() == made.writer.offset(), "all is read to the end");
  }
  const auto stats = made.catcher->stats();
  demand(config.max_bytes == 0 || stats.bytes_in - stats.bytes_evicted <= config.max_bytes,
         "the window stays in its bound");
}

}  // namespace

int main() {
  stress(kKinds.size(), [](std::size_t kind, Random& random) {
    run_alone(kKinds[kind], random);
    run_together(kKinds[kind], random);
  });
}
