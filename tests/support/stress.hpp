// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What stress tests share: a seed that is printed and can be given again (CATCHER_SEED), and for
// how long to go on (CATCHER_STRESS_SECONDS, 1 by default).
#pragma once

#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace catcher::test {

// Small, seeded, one for each thread.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  // In [0, bound).
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : engine_() % bound; }
  // In [1, most].
  std::size_t up_to(std::uint64_t most) { return static_cast<std::size_t>(1 + below(most)); }
  bool one_in(std::uint64_t count) { return below(count) == 0; }
  std::uint64_t fork() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

inline std::uint64_t stress_seed() {
  const char* given = std::getenv("CATCHER_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("CATCHER_SEED=%" PRIu64 "\n", seed);
  std::fflush(stdout);
  return seed;
}

inline double stress_seconds(double otherwise = 1.0) {
  const char* given = std::getenv("CATCHER_STRESS_SECONDS");
  return given != nullptr ? std::strtod(given, nullptr) : otherwise;
}

// Runs `round(kind, random)` for every kind in [0, kinds), and again until time is up.
template <class Round>
void stress(std::size_t kinds, const Round& round, double seconds = stress_seconds()) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  Random random(stress_seed());
  std::uint64_t rounds = 0;
  do {
    Random own(random.fork());
    round(static_cast<std::size_t>(rounds++ % kinds), own);
  } while (rounds < kinds || std::chrono::steady_clock::now() < until);
  std::printf("%" PRIu64 " rounds\n", rounds);
}

}  // namespace catcher::test
