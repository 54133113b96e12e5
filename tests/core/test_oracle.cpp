// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Random operations against a plain vector. A failing run is made smaller and printed;
// CATCHER_SEED=N runs it again.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include "tests/support/reader_oracle.hpp"

int main() {
  const char* given = std::getenv("CATCHER_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("CATCHER_SEED=%" PRIu64 "\n", seed);
  std::fflush(stdout);
  const std::string settings = "seed=" + std::to_string(seed) + " max_success=2000 max_size=400";
  setenv("RC_PARAMS", settings.c_str(), 1);

  const bool holds = rc::check("a catcher behaves as a vector of what was appended", [] {
    // Bytes of any value at any size: RapidCheck's own are small while the size is.
    const auto input = *rc::gen::container<std::vector<std::uint8_t>>(
        rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint8_t>()));
    catcher::test::Oracle(catcher::test::Input(input.data(), input.size())).all();
  });
  return holds ? EXIT_SUCCESS : EXIT_FAILURE;
}
