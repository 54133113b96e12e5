// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "plugin/channels.hpp"

#include "tests/support/gate.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher;
using namespace catcher::plugin;
using namespace catcher::test;

constexpr GstClockTime kForLong = 30 * GST_SECOND;
const std::atomic<bool> kNotInterrupted{false};

std::shared_ptr<Recording> recording_of(std::size_t bytes) {
  Settings settings;
  settings.growth = Growth::Kind::constant;
  settings.chunk_size = 1000;
  auto made = Recording::make(settings).recording;
  made->set_format(GST_FORMAT_BYTES, 0);
  demand(made->writer.append(pattern(0, bytes)).status == Status::ok, "there is room");
  made->publish(kNoTime);
  return made;
}

std::shared_ptr<Recording> now(const char* name) {
  return channels::await(name, 0, kNotInterrupted);
}

// A recording whose writer has gone.
void leave(const char* name, std::size_t bytes) {
  channels::Claim claim = channels::claim(name);
  demand(static_cast<bool>(claim), name);
  claim.publish(recording_of(bytes));
}

// What a test has kept must not be in the way of the next, nor outlive the program.
void drop_all() {
  channels::set_budget(0);
  channels::set_budget(1ull << 30);
}

START_TEST(a_name_is_nobody_s_until_it_is_claimed) {
  ck_assert(now("nobody") == nullptr);

  const channels::Claim claim = channels::claim("nobody");

  ck_assert(static_cast<bool>(claim));
  ck_assert(now("nobody") == nullptr);
}
END_TEST

START_TEST(no_name_cannot_be_claimed) {
  ck_assert(!channels::claim(""));
}
END_TEST

START_TEST(a_channel_has_one_writer_at_a_time) {
  channels::Claim first = channels::claim("one");

  ck_assert(!channels::claim("one"));
  ck_assert(static_cast<bool>(channels::claim("other")));

  first.give_up();
  ck_assert(!first);
  ck_assert(static_cast<bool>(channels::claim("one")));
}
END_TEST

START_TEST(a_claim_moves_and_is_given_up_once) {
  channels::Claim first = channels::claim("moved");
  channels::Claim second = std::move(first);
  ck_assert(!channels::claim("moved"));

  second = channels::claim("elsewhere");
  channels::Claim third = channels::claim("moved");
  ck_assert(static_cast<bool>(third));
  first.give_up();

  ck_assert(!channels::claim("moved"));
  ck_assert(!channels::claim("elsewhere"));
}
END_TEST

START_TEST(what_is_published_is_found) {
  channels::Claim claim = channels::claim("found");
  auto recording = recording_of(10);
  claim.publish(recording);

  ck_assert(now("found") == recording);
  ck_assert(now("else") == nullptr);
  recording.reset();
  claim.give_up();
  drop_all();
}
END_TEST

START_TEST(a_recording_stays_when_its_writer_has_gone_until_another_takes_the_name) {
  leave("kept", 10);
  const auto old = now("kept");
  ck_assert(old != nullptr);

  channels::Claim claim = channels::claim("kept");
  ck_assert(now("kept") == old);
  auto next = recording_of(20);
  claim.publish(next);

  ck_assert(now("kept") == next);
  next.reset();
  claim.give_up();
  drop_all();
}
END_TEST

START_TEST(waiting_ends_when_something_is_published) {
  Gate asked;
  std::shared_ptr<Recording> found;
  std::thread waiter([&] {
    asked.open();
    found = channels::await("later", kForLong, kNotInterrupted);
  });
  asked.wait("the waiter is there");

  channels::Claim claim = channels::claim("later");
  claim.publish(recording_of(10));
  waiter.join();

  ck_assert(found != nullptr);
  found.reset();
  claim.give_up();
  drop_all();
}
END_TEST

START_TEST(waiting_for_one_channel_is_not_ended_by_another) {
  Gate asked;
  std::shared_ptr<Recording> found;
  std::thread waiter([&] {
    asked.open();
    found = channels::await("mine", kForLong, kNotInterrupted);
  });
  asked.wait("the waiter is there");

  channels::Claim other = channels::claim("yours");
  other.publish(recording_of(10));
  channels::Claim mine = channels::claim("mine");
  mine.publish(recording_of(20));
  waiter.join();

  ck_assert(found != nullptr);
  ck_assert_uint_eq(found->edge(), 20);
  found.reset();
  other.give_up();
  mine.give_up();
  drop_all();
}
END_TEST

START_TEST(waiting_ends_after_the_timeout_and_not_before) {
  const auto begun = Clock::now();

  const auto found = channels::await("never", 20 * GST_MSECOND, kNotInterrupted);

  ck_assert(found == nullptr);
  ck_assert(Clock::now() - begun >= std::chrono::milliseconds(20));
}
END_TEST

START_TEST(a_timeout_beyond_all_clocks_is_for_ever) {
  for (const GstClockTime timeout :
       {GST_CLOCK_TIME_NONE, GST_CLOCK_TIME_NONE - 1, static_cast<GstClockTime>(G_MAXINT64)}) {
    Gate asked;
    std::atomic<bool> interrupted{false};
    std::atomic<bool> returned{false};
    std::thread waiter([&] {
      asked.open();
      const auto found = channels::await("never", timeout, interrupted);
      demand(found == nullptr, "nothing is there");
      demand(interrupted.load(), "it is waited until somebody interrupts");
      returned = true;
    });
    asked.wait("the waiter is there");

    interrupted = true;
    channels::wake();
    waiter.join();

    ck_assert(returned.load());
  }
}
END_TEST

START_TEST(a_wake_up_without_an_interruption_goes_on_waiting) {
  Gate asked;
  std::shared_ptr<Recording> found;
  std::thread waiter([&] {
    asked.open();
    found = channels::await("awake", kForLong, kNotInterrupted);
  });
  asked.wait("the waiter is there");
  for (int i = 0; i < 100; ++i) channels::wake();

  channels::Claim claim = channels::claim("awake");
  claim.publish(recording_of(10));
  waiter.join();

  ck_assert(found != nullptr);
  found.reset();
  claim.give_up();
  drop_all();
}
END_TEST

START_TEST(what_was_interrupted_before_does_not_wait) {
  const std::atomic<bool> interrupted{true};
  ck_assert(channels::await("never", GST_CLOCK_TIME_NONE, interrupted) == nullptr);
}
END_TEST

START_TEST(what_was_used_least_recently_is_dropped_first) {
  leave("a", 10'000);
  leave("b", 10'000);
  leave("c", 10'000);
  ck_assert(now("a") != nullptr);

  channels::set_budget(25'000);

  ck_assert(now("b") == nullptr);
  ck_assert(now("c") != nullptr);
  ck_assert(now("a") != nullptr);
  ck_assert_uint_eq(channels::budget(), 25'000);
  drop_all();
}
END_TEST

START_TEST(a_recording_larger_than_the_budget_is_not_kept) {
  channels::set_budget(5'000);

  leave("large", 10'000);

  ck_assert(now("large") == nullptr);
  ck_assert(static_cast<bool>(channels::claim("large")));
  drop_all();
}
END_TEST

START_TEST(what_somebody_plays_is_dropped_when_he_has_let_go_of_it) {
  leave("played", 10'000);
  leave("idle", 10'000);
  auto played = now("played");
  ck_assert(now("idle") != nullptr);

  channels::set_budget(0);

  ck_assert(now("played") == played);
  ck_assert(now("idle") == nullptr);
  played.reset();
  ck_assert(now("played") == nullptr);
  drop_all();
}
END_TEST

START_TEST(what_is_still_written_is_never_dropped_nor_counted) {
  channels::Claim claim = channels::claim("written");
  claim.publish(recording_of(10'000));
  leave("small", 1'000);

  channels::set_budget(5'000);

  ck_assert(now("written") != nullptr);
  ck_assert(now("small") != nullptr);
  claim.give_up();
  ck_assert(now("written") == nullptr);
  drop_all();
}
END_TEST

START_TEST(a_dropped_recording_is_freed) {
  std::weak_ptr<Recording> watched;
  {
    channels::Claim claim = channels::claim("freed");
    const auto recording = recording_of(10'000);
    watched = recording;
    claim.publish(recording);
  }
  ck_assert(!watched.expired());

  channels::set_budget(0);

  ck_assert(watched.expired());
  drop_all();
}
END_TEST

START_TEST(writers_and_players_of_many_channels_do_not_disturb_each_other) {
  static constexpr int kRounds = 300;
  channels::set_budget(20'000);  // the last ones of both, whatever else is dropped
  std::vector<std::thread> threads;
  for (const char* name : {"x", "y"}) {
    threads.emplace_back([name] {
      for (int i = 0; i < kRounds; ++i) leave(name, 1'000);
      channels::Claim last = channels::claim(name);
      demand(static_cast<bool>(last), "the writer is the only one");
      last.publish(recording_of(77));
    });
    threads.emplace_back([name] {
      for (;;) {
        const auto found = channels::await(name, kForLong, kNotInterrupted);
        if (found == nullptr || found->edge() == 77) return;
        demand(found->edge() == 1'000, "a recording is whole", found->edge());
      }
    });
  }
  channels::set_budget(1ull << 30);
  for (std::thread& thread : threads) thread.join();
  drop_all();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "channels",
      {{"claim",
        {a_name_is_nobody_s_until_it_is_claimed, no_name_cannot_be_claimed,
         a_channel_has_one_writer_at_a_time, a_claim_moves_and_is_given_up_once,
         what_is_published_is_found,
         a_recording_stays_when_its_writer_has_gone_until_another_takes_the_name}},
       {"await",
        {waiting_ends_when_something_is_published, waiting_for_one_channel_is_not_ended_by_another,
         waiting_ends_after_the_timeout_and_not_before, a_timeout_beyond_all_clocks_is_for_ever,
         a_wake_up_without_an_interruption_goes_on_waiting,
         what_was_interrupted_before_does_not_wait}},
       {"budget",
        {what_was_used_least_recently_is_dropped_first,
         a_recording_larger_than_the_budget_is_not_kept,
         what_somebody_plays_is_dropped_when_he_has_let_go_of_it,
         what_is_still_written_is_never_dropped_nor_counted, a_dropped_recording_is_freed}},
       {"threads", {writers_and_players_of_many_channels_do_not_disturb_each_other}}});
}
