// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Several readers that pull from one source, which is interrupted, fails, throws and is late at
// random, while readers come, go, are stopped and run out of time. Whoever sees a failure resumes.
// Each round first runs on one thread.
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/streams.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/wanderer.hpp"

namespace {

using catcher::Catcher;
using catcher::Clock;
using catcher::Config;
using catcher::Growth;
using catcher::kForever;
using catcher::Source;
using catcher::SourceResult;
using catcher::Status;
using catcher::Wait;
using catcher::WhenFull;
using namespace catcher::test;

const std::vector<Config> kKinds{
    {.growth = Growth::constant(1), .read_burst = 1},
    {.growth = Growth::constant(3), .max_bytes = 192, .read_burst = 1},
    {.growth = Growth::constant(2),
     .max_bytes = 128,
     .when_full = WhenFull::block,
     .read_burst = 1},
    {.growth = Growth::geometric(1, 50), .length_hint = 1001, .read_burst = 7},
    {.growth = Growth::constant(31), .max_bytes = 64 * 31, .read_burst = 5},
    {.growth = Growth::linear(1, 9),
     .max_bytes = 577,
     .when_full = WhenFull::block,
     .read_burst = 1},
};

class MoodySource final : public Source {
 public:
  MoodySource(std::uint64_t length, std::uint64_t seed) : length_(length), random_(seed) {}

  SourceResult read(std::span<std::byte> space, const Wait& wait) override {
    demand(!busy_.exchange(true), "one thread at a time reads a source");
    const Leave leave{busy_};
    if (wait.stop.stop_requested()) return {0, Status::cancelled, {}};
    const std::size_t bytes = static_cast<std::size_t>(
        std::min<std::uint64_t>(random_.up_to(space.size()), length_ - offset_));
    switch (random_.below(12)) {
      case 0: return SourceResult::some(0);
      case 1: return SourceResult::failure(kBroken);
      case 2: return SourceResult::failure(kBroken, give(space, bytes));
      case 3: throw std::runtime_error("a mood");
      case 4: return SourceResult::some(space.size() + 1);
      case 5:
        if (wait.deadline == catcher::kNotAtAll) return {0, Status::would_block, {}};
        break;
      case 6:
        if (wait.deadline <= Clock::now()) return {0, Status::timed_out, {}};
        break;
      default: break;
    }
    give(space, bytes);
    return offset_ < length_ ? SourceResult::some(bytes) : SourceResult::at_end(bytes);
  }

 private:
  struct Leave {
    std::atomic<bool>& busy;
    ~Leave() { busy = false; }
  };
  std::size_t give(std::span<std::byte> space, std::size_t bytes) {
    fill_pattern(space.first(bytes), offset_);
    offset_ += bytes;
    return bytes;
  }

  const std::uint64_t length_;
  Random random_;
  std::uint64_t offset_ = 0;
  std::atomic<bool> busy_{false};
};

std::shared_ptr<Catcher> moody(const Config& config, std::uint64_t length, Random& random) {
  auto made = Catcher::pull(std::make_unique<MoodySource>(length, random.fork()), config);
  demand(made.status == Status::ok, "the settings are valid");
  return made.catcher;
}

// Patient, stopped, late or not willing to wait at all.
Wait any_wait(Random& random) {
  switch (random.below(6)) {
    case 0: return Wait::none();
    case 1: return Wait::until(Clock::now() - std::chrono::seconds(1));
    case 2: {
      std::stop_source stop;
      stop.request_stop();
      return Wait{kForever, stop.get_token()};
    }
    default: return patiently();
  }
}

// Steps until the end, or `steps` times, resuming what has failed. False: there is more.
bool wander(Catcher& catcher, Wanderer& wanderer, Random& random, int steps, bool alone) {
  for (int i = 0; i < steps; ++i) {
    const bool late = random.one_in(3);
    const Wait wait = alone ? Wait::none() : late ? any_wait(random) : patiently();
    switch (wanderer.step(wait)) {
      case Status::end: return true;
      case Status::failed: (void)catcher.resume(); break;
      case Status::timed_out:
        demand(wait.deadline < Clock::now(), "nobody waits in vain");
        demand(late, "nobody waits for ever");
        break;
      default: break;
    }
  }
  return false;
}

void run_alone(const Config& config, Random& random) {
  const std::uint64_t length = random.up_to(2000);
  auto catcher = moody(config, length, random);
  std::vector<Wanderer> wanderers;
  for (int i = 0; i < 3; ++i) wanderers.emplace_back(catcher, random.fork());
  for (int i = 0; i < 200; ++i) {
    (void)wander(*catcher, wanderers[random.below(3)], random, 5, true);
  }
}

void run_together(const Config& config, Random& random) {
  const std::uint64_t length = random.up_to(3000);
  auto catcher = moody(config, length, random);
  std::vector<std::unique_ptr<Wanderer>> wanderers;
  std::vector<std::uint64_t> seeds;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    wanderers.push_back(std::make_unique<Wanderer>(catcher, random.fork()));
    seeds.push_back(random.fork());
  }
  for (std::size_t i = 0; i < wanderers.size(); ++i) {
    threads.emplace_back([&, i] {
      Random own(seeds[i]);
      while (!wander(*catcher, *wanderers[i], own, 1000, false)) {
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& wanderer : wanderers) {
    demand(wanderer->finish() == length, "nothing is lost, doubled or shifted", length);
  }
}

}  // namespace

int main() {
  stress(kKinds.size(), [](std::size_t kind, Random& random) {
    run_alone(kKinds[kind], random);
    run_together(kKinds[kind], random);
  });
}
