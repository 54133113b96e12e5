// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Several readers, and a loader in the background, over a source that goes through a transform;
// both are interrupted, fail and throw at random. Whoever sees a failure resumes. The source gives
// each byte of the pattern and its complement, and the transform takes that out again.
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/loader.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/transforms.hpp"
#include "tests/support/wanderer.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

struct Kind {
  Config config;
  std::size_t block;
};
const std::vector<Kind> kKinds{
    {{.growth = Growth::constant(1), .read_burst = 1}, 1},
    {{.growth = Growth::constant(3), .max_bytes = 192, .read_burst = 1}, 10},
    {{.growth = Growth::constant(2),
      .max_bytes = 128,
      .when_full = WhenFull::block,
      .read_burst = 1},
     3},
    {{.growth = Growth::geometric(1, 50), .length_hint = 1001, .read_burst = 7}, 33},
    {{.growth = Growth::constant(31), .read_burst = 5}, 300},
};

class Doubling final : public Source {
 public:
  Doubling(std::uint64_t length, std::uint64_t seed) : length_(2 * length), random_(seed) {}

  SourceResult read(std::span<std::byte> space, const Wait& wait) override {
    demand(!busy_.exchange(true), "one thread at a time reads a source");
    const SourceResult got = mood(space, wait);
    busy_ = false;
    return got;
  }

 private:
  SourceResult mood(std::span<std::byte> space, const Wait& wait) {
    if (wait.stop.stop_requested()) return {0, Status::cancelled, {}};
    const std::size_t bytes = static_cast<std::size_t>(
        std::min<std::uint64_t>(random_.up_to(space.size()), length_ - offset_));
    switch (random_.below(10)) {
      case 0: return SourceResult::some(0);
      case 1: return SourceResult::failure(kBroken);
      case 2: return SourceResult::failure(kBroken, give(space, bytes));
      case 3:
        if (wait.deadline == kNotAtAll) return {0, Status::would_block, {}};
        break;
      default: break;
    }
    give(space, bytes);
    return offset_ < length_ ? SourceResult::some(bytes) : SourceResult::at_end(bytes);
  }
  std::size_t give(std::span<std::byte> space, std::size_t bytes) {
    for (std::byte& byte : space.first(bytes)) {
      byte = byte_at(offset_ / 2);
      if (offset_++ % 2 == 1) byte = ~byte;
    }
    return bytes;
  }

  const std::uint64_t length_;
  Random random_;
  std::uint64_t offset_ = 0;
  std::atomic<bool> busy_{false};
};

class Halving final : public BlockTransform {
 public:
  Halving(std::size_t block, std::uint64_t seed)
      : BlockTransform(2 * block), most_(block), random_(seed) {}
  std::size_t min_contiguous() const noexcept override { return most_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  SourceResult transform_block(std::span<const std::byte> block,
                               std::span<std::byte> space) override {
    demand(space.size() >= most_, "a transform is given the room it needs", space.size());
    switch (random_.below(20)) {
      case 0: return SourceResult::failure(kBroken);
      case 1: throw std::runtime_error("a mood");
      case 2: return SourceResult::failure({}, space.size() + 1);
      default: break;
    }
    for (std::size_t i = 0; i < block.size() / 2; ++i) {
      demand(block[2 * i] == ~block[2 * i + 1], "both come together", bytes_);
      space[i] = block[2 * i];
    }
    bytes_ += block.size() / 2;
    return SourceResult::some(block.size() / 2);
  }
  SourceResult transform_last(std::span<const std::byte> rest,
                              std::span<std::byte> space) override {
    SourceResult made = transform_block(rest, space);
    if (made.status == Status::ok) made.status = Status::end;
    return made;
  }

  const std::size_t most_;
  Random random_;
  std::uint64_t bytes_ = 0;  // state without a lock: readable once all is over
};

void wander(Catcher& catcher, Wanderer& wanderer) {
  for (;;) {
    const Status status = wanderer.step(patiently());
    if (status == Status::end) return;
    if (status == Status::failed) (void)catcher.resume();
    demand(status != Status::timed_out, "nobody waits for ever");
  }
}

void round(const Kind& kind, Random& random) {
  const std::uint64_t length = random.up_to(3000);
  auto made = pull_through(std::make_unique<Doubling>(length, random.fork()),
                           std::make_shared<Halving>(kind.block, random.fork()), kind.config);
  demand(made.status == Status::ok, "the settings are valid");
  std::vector<std::unique_ptr<Wanderer>> wanderers;
  for (int i = 0; i < 3; ++i) {
    wanderers.push_back(std::make_unique<Wanderer>(made.catcher, random.fork()));
  }
  std::vector<std::thread> threads;
  for (auto& wanderer : wanderers) {
    threads.emplace_back([&] { wander(*made.catcher, *wanderer); });
  }
  threads.emplace_back([&, stops = random.below(3)] {
    for (std::uint64_t i = 0; i < stops; ++i) Loader(made.catcher).cancel();
    while (Loader(made.catcher).wait(patiently()).status != Status::ok) {
      (void)made.catcher->resume();
    }
    const Halving* done = made.state.final_state();
    demand(done != nullptr && done->bytes() == length, "all went through the transform once");
  });
  for (auto& thread : threads) thread.join();
  for (auto& wanderer : wanderers) {
    demand(wanderer->finish() == length, "nothing is lost, doubled or shifted", length);
  }
}

}  // namespace

int main() {
  stress(kKinds.size(), [](std::size_t kind, Random& random) { round(kKinds[kind], random); });
}
