// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Scenarios of faults.hpp as a suite of Check's, and what more than one file of them is made of.
//
//   constexpr Scenario kScenarios[] = {{"append and read", append_and_read}, ...};
//   int main() { return run_scenarios("allocation failure", kScenarios); }
#pragma once

#include "tests/support/check.hpp"

#include <span>

#include "tests/support/faults.hpp"

namespace catcher::test {

inline Catcher::Pushed pushed(Faults& faults,
                              const Config& config = {.growth = Growth::constant(61)}) {
  auto made = faults.make([&] { return Catcher::push(config); });
  demand(made.status == Status::ok, "the settings are valid");
  return made;
}

inline Reader reader_of(Faults& faults, const std::shared_ptr<Catcher>& catcher) {
  return faults.make([&] { return Reader(catcher); });
}

inline void take_from_oldest(Faults& faults, const std::shared_ptr<Catcher>& catcher) {
  Reader reader = reader_of(faults, catcher);
  const auto window = catcher->window();
  demand(reader.offset() == window.begin, "a reader begins at the oldest byte");
  take(faults, reader, static_cast<std::size_t>(window.end - window.begin));
}

// Reads to `end`. Whoever feeds may be without memory, and have failed; it is resumed once.
inline void take_resuming(Faults& faults, Reader& reader, std::uint64_t end) {
  while (reader.offset() < end) {
    const auto result = take_some(faults, reader, static_cast<std::size_t>(end - reader.offset()));
    if (result.status == Status::ok) continue;
    demand(result.status == Status::failed && result.error == std::errc::not_enough_memory,
           "who has no memory has failed");
    faults.blame();
    demand(reader.catcher()->resume() == Status::ok, "it can be resumed");
  }
}

inline std::span<const Scenario> all_scenarios;

START_TEST(every_allocation_in_turn_fails) {
  const Scenario& scenario = all_scenarios[static_cast<std::size_t>(_i)];

  const auto allocations = run_with_faults(scenario);

  std::printf("%s: %lld allocations\n", scenario.name, static_cast<long long>(allocations));
  ck_assert_msg(allocations > 0, "%s allocates nothing", scenario.name);
}
END_TEST

inline int run_scenarios(const char* name, std::span<const Scenario> scenarios) {
  all_scenarios = scenarios;
  Suite* suite = suite_create(name);
  TCase* tcase = tcase_create("core");
  tcase_add_loop_test(tcase, every_allocation_in_turn_fails, 0, static_cast<int>(scenarios.size()));
  suite_add_tcase(suite, tcase);
  SRunner* runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace catcher::test
