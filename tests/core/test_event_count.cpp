// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/event_count.hpp"
#include "tests/support/check.hpp"
#include "tests/support/gate.hpp"

namespace {

using catcher::Clock;
using catcher::FutexParking;
using catcher::kForever;
using namespace catcher::test;

// The futex, counted.
struct CountedParking {
  static inline std::atomic<int> parks{0};
  static inline std::atomic<int> unparks{0};

  static bool park(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   catcher::Deadline deadline) noexcept {
    parks += 1;
    return FutexParking::park(word, expected, deadline);
  }
  static void unpark_all(const std::atomic<std::uint32_t>& word) noexcept {
    unparks += 1;
    FutexParking::unpark_all(word);
  }
};

using EventCount = catcher::EventCount<catcher::StdSync, CountedParking>;

START_TEST(with_nobody_asleep_a_change_costs_no_system_call) {
  EventCount events;
  CountedParking::unparks = 0;

  for (int i = 0; i < 1000; ++i) events.notify_all();

  ck_assert_int_eq(CountedParking::unparks, 0);
}
END_TEST

START_TEST(a_change_that_is_there_already_ends_the_wait) {
  EventCount events;
  CountedParking::parks = 0;

  ck_assert(events.sleep_unless([] { return true; }, kForever));

  ck_assert_int_eq(CountedParking::parks, 0);
}
END_TEST

// The change comes between the look and the sleep: the moment in which wake-ups get lost.
START_TEST(a_change_after_the_last_look_ends_the_wait) {
  EventCount events;

  const bool in_time = events.sleep_unless(
      [&] {
        events.notify_all();
        return false;
      },
      Clock::now() + kPatience);

  ck_assert(in_time);
}
END_TEST

START_TEST(who_has_left_is_not_woken) {
  EventCount events;
  CountedParking::unparks = 0;

  events.sleep_unless([] { return true; }, kForever);
  events.notify_all();

  ck_assert_int_eq(CountedParking::unparks, 0);
}
END_TEST

START_TEST(a_deadline_ends_the_wait) {
  EventCount events;

  // It may return early for no reason, but no more than a few times.
  bool in_time = true;
  for (int i = 0; in_time && i < 10; ++i) {
    in_time = events.sleep_unless([] { return false; }, Clock::now());
  }

  ck_assert(!in_time);
}
END_TEST

START_TEST(a_deadline_before_the_clock_began_has_passed) {
  EventCount events;
  ck_assert(!events.sleep_unless([] { return false; }, catcher::Deadline::min()));
}
END_TEST

// seed fault 11: who waits parks, once a wake-up, and does not look again and again meanwhile.
START_TEST(a_waiter_parks_once_for_each_wake_up) {
  EventCount events;
  CountedParking::parks = 0;
  std::atomic<int> turn{0};
  std::atomic<int> looks{0};
  Gate saw;
  constexpr int kRounds = 200;

  std::thread sleeper([&] {
    for (int seen = 0; seen < kRounds;) {
      const auto changed = [&] {
        looks += 1;
        return turn > seen;
      };
      if (turn <= seen) events.sleep_unless(changed, kForever);
      if (turn <= seen) continue;
      ++seen;
      saw.open();
    }
  });
  for (int round = 1; round <= kRounds; ++round) {
    turn = round;
    events.notify_all();
    saw.wait("the sleeper sees each change", static_cast<std::uint64_t>(round));
  }
  sleeper.join();

  // Once per round at most, but for what the kernel's own early returns add.
  ck_assert_int_le(CountedParking::parks, kRounds + kRounds / 10);
  ck_assert_int_le(looks, kRounds + kRounds / 10);
}
END_TEST

START_TEST(all_sleepers_wake) {
  EventCount events;
  std::atomic<bool> is_over{false};
  Gate about_to_sleep;
  std::vector<std::thread> sleepers;

  for (int i = 0; i < 8; ++i) {
    sleepers.emplace_back([&] {
      const auto changed = [&] {
        about_to_sleep.open();
        return is_over.load();
      };
      while (!is_over) {
        demand(events.sleep_unless(changed, Clock::now() + kPatience), "every sleeper is woken");
      }
    });
  }
  about_to_sleep.wait("all are about to sleep", 8);
  is_over = true;
  events.notify_all();
  for (auto& sleeper : sleepers) sleeper.join();
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "event_count",
      {{"wake",
        {a_change_that_is_there_already_ends_the_wait, a_change_after_the_last_look_ends_the_wait,
         all_sleepers_wake, who_has_left_is_not_woken,
         with_nobody_asleep_a_change_costs_no_system_call, a_waiter_parks_once_for_each_wake_up}},
       {"deadline", {a_deadline_ends_the_wait, a_deadline_before_the_clock_began_has_passed}}});
}
