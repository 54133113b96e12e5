// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include <limits>

#include "core/catcher.hpp"
#include "core/config.hpp"
#include "tests/support/check.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/scripted_source.hpp"

namespace {

using catcher::Catcher;
using catcher::Config;
using catcher::Growth;
using catcher::RopeConfig;
using catcher::Status;
using namespace catcher::test;

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kLargest = std::numeric_limits<std::ptrdiff_t>::max();

// Sizes of the first `count` chunks.
std::vector<std::uint64_t> sizes(const RopeConfig& config, std::size_t count) {
  std::vector<std::uint64_t> found;
  std::uint64_t previous = 0;
  while (found.size() < count) found.push_back(previous = config.chunk_size(previous));
  return found;
}

void assert_sizes(const RopeConfig& config, std::vector<std::uint64_t> expected) {
  const auto found = sizes(config, expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) ck_assert_uint_eq(found[i], expected[i]);
}

// Refused, with a reason that begins with the setting's name.
void assert_refused(const Config& config, const std::string& setting) {
  std::string why;
  ck_assert_status(config.validate(&why), Status::bad_argument);
  ck_assert_msg(why.rfind(setting, 0) == 0, "'%s' does not begin with '%s'", why.c_str(),
                setting.c_str());
  ck_assert_status(config.validate(nullptr), Status::bad_argument);
}

START_TEST(defaults_are_valid) {
  std::string why;
  ck_assert_status(Config{}.validate(&why), Status::ok);
  ck_assert(why.empty());
}
END_TEST

// seed fault 7
START_TEST(zero_sizes_are_refused) {
  assert_refused({.growth = Growth::constant(0)}, "growth");
  assert_refused({.growth = Growth::linear(16, 0)}, "growth");
  assert_refused({.growth = Growth::geometric(0, 0)}, "growth");
  assert_refused({.read_burst = 0}, "read_burst");
}
END_TEST

START_TEST(contradictory_sizes_are_refused) {
  assert_refused({.growth = Growth::linear(17, 16)}, "growth");
  assert_refused({.growth = Growth::geometric(kLargest, 1)}, "growth");
}
END_TEST

// seed fault 7
START_TEST(sizes_that_no_allocation_has_are_refused) {
  assert_refused({.growth = Growth::constant(kHuge)}, "growth");
  assert_refused({.growth = Growth::geometric(1, kLargest + 1)}, "growth");
  assert_refused({.length_hint = kHuge}, "length_hint");
  assert_refused({.length_hint = kLargest + 1}, "length_hint");
  assert_refused({.read_burst = kHuge}, "read_burst");
}
END_TEST

START_TEST(the_largest_sizes_are_valid) {
  const Config config{.growth = Growth::linear(kLargest, kLargest),
                      .length_hint = kLargest,
                      .max_bytes = kHuge,
                      .read_burst = kLargest};
  ck_assert_status(config.validate(), Status::ok);
}
END_TEST

START_TEST(factories_hand_the_reason_on) {
  const auto pushed = Catcher::push({.growth = Growth::constant(0)});
  ck_assert_status(pushed.status, Status::bad_argument);
  ck_assert(pushed.catcher == nullptr && !pushed.writer && !pushed.why.empty());

  const auto pulled = Catcher::pull(std::make_unique<ScriptedSource>(Script()), {.read_burst = 0});
  ck_assert_status(pulled.status, Status::bad_argument);
  ck_assert(pulled.catcher == nullptr && !pulled.why.empty());

  const auto sourceless = Catcher::pull(nullptr);
  ck_assert_status(sourceless.status, Status::bad_argument);
  ck_assert(sourceless.catcher == nullptr && !sourceless.why.empty());
}
END_TEST

START_TEST(constant_growth_repeats_the_size) {
  assert_sizes({Growth::constant(7)}, {7, 7, 7, 7});
  assert_sizes({Growth{Growth::Kind::constant, 7, 100}}, {7, 7, 7});
}
END_TEST

START_TEST(linear_growth_adds_the_first_up_to_the_largest) {
  assert_sizes({Growth::linear(3, 10)}, {3, 6, 9, 10, 10});
  assert_sizes({Growth::linear(3, 3)}, {3, 3, 3});
}
END_TEST

START_TEST(geometric_growth_doubles_up_to_the_largest) {
  assert_sizes({Growth::geometric(3, 20)}, {3, 6, 12, 20, 20});
  assert_sizes({Growth::geometric(1, 2)}, {1, 2, 2});
}
END_TEST

START_TEST(growth_near_the_largest_size_does_not_overflow) {
  assert_sizes({Growth::linear(kLargest - 1, kLargest)}, {kLargest - 1, kLargest, kLargest});
  assert_sizes({Growth::geometric(kLargest - 1, kLargest)}, {kLargest - 1, kLargest, kLargest});
}
END_TEST

START_TEST(a_window_bounds_each_chunk_to_its_64th) {
  assert_sizes({.growth = Growth::geometric(16, 1024), .max_size = 64 * 100}, {16, 32, 64, 100});
  assert_sizes({.growth = Growth::constant(16), .max_size = 640}, {10, 10});
  assert_sizes({.growth = Growth::constant(16), .max_size = 5}, {1, 1});
  ck_assert_uint_eq((RopeConfig{.length_hint = 5000, .max_size = 640}.hinted_size()), 10);
  ck_assert_uint_eq(RopeConfig{.length_hint = 5000}.hinted_size(), 5000);
}
END_TEST

START_TEST(chunks_of_a_pulled_catcher_hold_a_burst) {
  const Config config{.growth = Growth::linear(10, 20), .read_burst = 50};
  assert_sizes(config.pulled_rope(), {50, 50});
  assert_sizes(config.pushed_rope(), {10, 20, 20});
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "config",
      {{"validate",
        {defaults_are_valid, zero_sizes_are_refused, contradictory_sizes_are_refused,
         sizes_that_no_allocation_has_are_refused, the_largest_sizes_are_valid,
         factories_hand_the_reason_on}},
       {"growth",
        {constant_growth_repeats_the_size, linear_growth_adds_the_first_up_to_the_largest,
         geometric_growth_doubles_up_to_the_largest, growth_near_the_largest_size_does_not_overflow,
         a_window_bounds_each_chunk_to_its_64th, chunks_of_a_pulled_catcher_hold_a_burst}}});
}
