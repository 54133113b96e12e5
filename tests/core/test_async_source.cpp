// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A catcher whose readers pull from an asynchronous source.
#include "core/async_source.hpp"

#include <deque>
#include <stdexcept>
#include <thread>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/async_sources.hpp"
#include "tests/support/bell.hpp"
#include "tests/support/check.hpp"
#include "tests/support/parked.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Catcher;
using catcher::Clock;
using catcher::Config;
using catcher::Fault;
using catcher::Growth;
using catcher::PinPolicy;
using catcher::Reader;
using catcher::Status;
using catcher::Wait;
using catcher::WhenFull;
using namespace catcher::test;

const Config kSmallChunks{.growth = Growth::constant(10), .read_burst = 1};
const Config kBlocking{.growth = Growth::constant(10),
                       .max_bytes = 640,
                       .when_full = WhenFull::block,
                       .read_burst = 1};

START_TEST(a_catcher_needs_a_source) {
  const auto made = Catcher::pull_async(nullptr);

  ck_assert_status(made.status, Status::bad_argument);
  ck_assert(made.why.find("source") != std::string::npos);
}
END_TEST

START_TEST(nothing_is_begun_before_somebody_reads) {
  auto hand = std::make_shared<Hand>();
  auto catcher = by_hand(hand);
  Reader reader(catcher);

  ck_assert_status(reader.peek().status, Status::would_block);
  ck_assert(!hand->is_reading());
  ck_assert_status(try_read(reader, 1).status, Status::would_block);

  ck_assert(hand->is_reading());
  hand->tell(5);
  take(reader, 5);
}
END_TEST

// seed fault 1, 3, 4: as test_pull has it for sources that block.
START_TEST(readers_that_wait_get_all_in_order) {
  Script script;
  script.interrupt().give(15).interrupt().interrupt().fail(kBroken, 3);
  script.give(4).throws().give(7).overrun().give(6).end(5);
  auto log = std::make_shared<SourceLog>();
  auto catcher = at_once(std::move(script), log, kSmallChunks);
  Reader reader(catcher);
  Reader other(catcher);

  const std::error_code errors[] = {kBroken, Fault::source_threw, Fault::source_overran};
  std::size_t got = 0;
  for (const auto& error : errors) {
    for (Reader* each : {&reader, &other}) {
      const auto result = read_all(*each, 4);
      ck_assert_status(result.status, Status::failed);
      ck_assert(result.error == error);
    }
    got = reader.offset();
    ck_assert_uint_eq(got, other.offset());
    ck_assert_status(catcher->resume(), Status::ok);
  }
  ck_assert_uint_eq(got, 29);
  ck_assert_status(read_all(reader).status, Status::end);
  ck_assert_uint_eq(reader.offset(), 40);
  ck_assert(log->is_gone);
  ck_assert_uint_eq(catcher->stats().source_reads, log->reads);
}
END_TEST

// seed fault 1: what is pending is not there, and shifts nothing.
START_TEST(a_read_under_way_shows_nothing_until_it_is_over) {
  auto hand = std::make_shared<Hand>();
  auto catcher = by_hand(hand, kSmallChunks);
  Reader reader(catcher);
  for (int i = 1; i <= 50; ++i) {
    ck_assert_status(try_read(reader, 100).status, Status::would_block);
    ck_assert_status(try_read(reader, 100).status, Status::would_block);
    ck_assert_uint_eq(hand->started.granted(), static_cast<unsigned>(i));
    ck_assert_uint_eq(catcher->window().end, reader.offset());

    take(reader, hand->tell(7));
  }
}
END_TEST

START_TEST(a_request_begins_a_read_and_is_called_when_it_is_over) {
  auto hand = std::make_shared<Hand>();
  Reader reader(by_hand(hand));
  Bell bell;

  ck_assert_status(reader.once_readable(bell.request), Status::would_block);
  ck_assert(hand->is_reading());
  ck_assert_uint_eq(bell.rings(), 0);
  std::jthread([&] { hand->tell(5); }).join();

  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert(bell.thread() != std::this_thread::get_id());
  ck_assert(!hand->is_reading());
  take(reader, 5);
}
END_TEST

START_TEST(what_comes_at_once_is_told_at_once_and_calls_nobody) {
  Reader reader(at_once(std::move(Script().interrupt().give(5).fail(kBroken))));
  Bell bell;

  ck_assert_status(reader.once_readable(bell.request), Status::ok);
  take(reader, 5);
  ck_assert_status(reader.once_readable(bell.request), Status::failed);
  ck_assert_status(reader.catcher()->resume(), Status::ok);
  ck_assert_status(reader.once_readable(bell.request), Status::end);

  ck_assert_uint_eq(bell.rings(), 0);
}
END_TEST

START_TEST(reads_follow_one_another_until_the_offset_is_there) {
  auto hand = std::make_shared<Hand>();
  auto catcher = by_hand(hand, kSmallChunks);
  Bell far;
  Bell near;
  ck_assert_status(catcher->once_readable(55, far.request), Status::would_block);
  ck_assert_status(catcher->once_readable(25, near.request), Status::would_block);

  std::size_t brought = 0;
  while (far.rings() == 0) {
    brought += hand->tell(6);
    ck_assert_uint_eq(near.rings(), brought > 25 ? 1 : 0);
    ck_assert_uint_eq(far.rings(), brought > 55 ? 1 : 0);
  }

  ck_assert(!hand->is_reading());
}
END_TEST

// seed fault 2
START_TEST(everybody_who_waits_at_the_edge_is_served) {
  auto hand = std::make_shared<Hand>();
  auto catcher = by_hand(hand);
  std::deque<Bell> bells(500);
  std::vector<std::jthread> threads;
  std::deque<Parked> parked(3);
  for (Parked& each : parked) {
    threads.emplace_back([&each, reader = Reader(catcher)]() mutable {
      each.enter();
      take(reader, 5);
    });
  }
  for (Bell& bell : bells) {
    ck_assert_status(catcher->once_readable(0, bell.request), Status::would_block);
  }
  for (const Parked& each : parked) each.wait("a reader sleeps");

  hand->tell(5);

  for (const Bell& bell : bells) ck_assert_uint_eq(bell.rings(), 1);
  ck_assert_uint_eq(hand->started.granted(), 1);
}
END_TEST

START_TEST(a_deadline_or_a_stop_ends_the_wait_and_not_the_read) {
  auto hand = std::make_shared<Hand>();
  Reader reader(by_hand(hand));
  std::stop_source stop;
  Parked parked;
  std::jthread thread([&] {
    Reader other = reader.clone();
    parked.enter();
    const auto result = read(other, 1, Wait{catcher::kForever, stop.get_token()});
    demand(result.status == Status::cancelled, "a stop ends the wait");
  });
  parked.wait("a reader sleeps");
  ck_assert_status(read(reader, 1, Wait::until(Clock::now())).status, Status::timed_out);
  stop.request_stop();
  thread.join();

  ck_assert(hand->is_reading());
  ck_assert_uint_eq(hand->cancelled.granted(), 0);
  ck_assert_uint_eq(hand->started.granted(), 1);
  hand->tell(5);
  take(reader, 5);
}
END_TEST

START_TEST(a_request_that_is_cancelled_leaves_the_read_to_others) {
  auto hand = std::make_shared<Hand>();
  Reader reader(by_hand(hand));
  Bell bell;
  ck_assert_status(reader.once_readable(bell.request), Status::would_block);

  ck_assert(bell.request.cancel());
  ck_assert(hand->is_reading());
  ck_assert_uint_eq(hand->cancelled.granted(), 0);
  hand->tell(5);

  ck_assert_uint_eq(bell.rings(), 0);
  take(reader, 5);
}
END_TEST

START_TEST(failures_and_the_end_call_everybody) {
  auto hand = std::make_shared<Hand>();
  auto catcher = by_hand(hand);
  Reader reader(catcher);
  std::deque<Bell> bells(10);
  const auto enter_all = [&] {
    std::uint64_t offset = catcher->window().end;
    for (Bell& bell : bells) {
      ck_assert_status(catcher->once_readable(offset++, bell.request), Status::would_block);
    }
  };

  const Status statuses[] = {Status::failed, Status::would_block, Status::timed_out,
                             Status::cancelled, Status::full};
  unsigned rings = 0;
  for (const Status status : statuses) {
    enter_all();
    hand->tell(1, status, kBroken);
    ++rings;
    for (const Bell& bell : bells) ck_assert_uint_eq(bell.rings(), rings);
    take(reader, 1);
    ck_assert_status(reader.peek().status, Status::failed);
    ck_assert_status(catcher->resume(), Status::ok);
  }
  enter_all();
  hand->drop();
  ck_assert(reader.peek().error == Fault::read_dropped);
  ck_assert_status(catcher->resume(), Status::ok);
  enter_all();
  hand->tell(3, Status::end);

  for (const Bell& bell : bells) ck_assert_uint_eq(bell.rings(), rings + 2);
  take(reader, 3);
  ck_assert_status(reader.peek().status, Status::end);
  ck_assert(hand->is_gone);
}
END_TEST

// A source that always has something, and a callback that always wants more: neither piles up.
START_TEST(what_comes_at_once_does_not_pile_up) {
  constexpr std::size_t kBytes = 200'000;
  Script script;
  for (std::size_t i = 0; i < kBytes; ++i) script.give(1);
  auto log = std::make_shared<SourceLog>();
  auto catcher = at_once(std::move(script), log);
  Reader reader(catcher);
  Bell bell;

  ck_assert_status(catcher->once_readable(kBytes - 1, bell.request), Status::ok);

  ck_assert_uint_eq(log->reads, kBytes);
  take(reader, kBytes);
}
END_TEST

// One whose first read takes its time, so that a request waits when all the others come at once.
START_TEST(what_comes_at_once_later_does_not_pile_up) {
  constexpr std::uint64_t kBytes = 200'000;
  class Flood final : public catcher::AsyncSource {
   public:
    explicit Flood(catcher::ReadDone& first) : first_(first) {}
    void start_read(std::span<std::byte> space, catcher::ReadDone done) override {
      if (offset_ == 0) {
        first_ = std::move(done);
      } else {
        fill_pattern(space.first(1), offset_ - 1);
        done(catcher::SourceResult::some(1));
      }
      ++offset_;
    }
    void cancel() noexcept override {}

   private:
    catcher::ReadDone& first_;
    std::uint64_t offset_ = 0;
  };
  catcher::ReadDone first;
  auto catcher = pulled_async(std::make_unique<Flood>(first));
  Bell bell;
  ck_assert_status(catcher->once_readable(kBytes - 1, bell.request), Status::would_block);

  first(catcher::SourceResult{});

  ck_assert_uint_eq(bell.rings(), 1);
  Reader reader(catcher);
  take(reader, kBytes);
}
END_TEST

START_TEST(bytes_told_before_a_throw_count) {
  class Throwing final : public catcher::AsyncSource {
   public:
    void start_read(std::span<std::byte> space, catcher::ReadDone done) override {
      fill_pattern(space.first(5), 0);
      done(catcher::SourceResult::some(5));
      throw std::runtime_error("behind its own news");
    }
    void cancel() noexcept override {}
  };
  Reader reader(pulled_async(std::make_unique<Throwing>()));

  take(reader, 5);

  ck_assert(reader.peek().error == Fault::source_threw);
}
END_TEST

// Gives nothing, at once, for ever.
START_TEST(a_deadline_ends_a_source_that_gives_nothing_at_once) {
  class Idle final : public catcher::AsyncSource {
   public:
    void start_read(std::span<std::byte> /*space*/, catcher::ReadDone done) override {
      done(catcher::SourceResult{});
    }
    void cancel() noexcept override {}
  };
  Reader reader(pulled_async(std::make_unique<Idle>()));

  ck_assert_status(try_read(reader, 1).status, Status::would_block);
  std::byte bytes[1];
  ck_assert_status(reader.read(bytes, Wait::at_most(std::chrono::milliseconds(1))).status,
                   Status::timed_out);
}
END_TEST

START_TEST(a_catcher_that_is_given_up_cancels_its_read_and_ends_behind_it) {
  for (const bool tells_when_cancelled : {true, false}) {
    auto hand = std::make_shared<Hand>();
    hand->tells_when_cancelled = tells_when_cancelled;
    {
      Reader reader(by_hand(hand));
      ck_assert_status(try_read(reader, 1).status, Status::would_block);
    }
    ck_assert_uint_eq(hand->cancelled.granted(), 1);
    ck_assert(hand->is_gone == tells_when_cancelled);

    // Writes into the catcher's memory.
    if (!tells_when_cancelled) std::jthread([&] { hand->tell(1000); }).join();

    ck_assert(hand->is_gone);
  }
}
END_TEST

START_TEST(a_catcher_without_a_read_ends_at_once) {
  auto hand = std::make_shared<Hand>();
  {
    Reader reader(by_hand(hand));
    ck_assert_status(try_read(reader, 1).status, Status::would_block);
    hand->tell(1);
  }

  ck_assert(hand->is_gone);
  ck_assert_uint_eq(hand->cancelled.granted(), 0);
}
END_TEST

START_TEST(giving_up_and_the_end_of_a_read_race) {
  for (int round = 0; round < 300; ++round) {
    auto hand = std::make_shared<Hand>();
    hand->tells_when_cancelled = false;
    auto reader = std::make_unique<Reader>(by_hand(hand));
    ck_assert_status(try_read(*reader, 1).status, Status::would_block);
    Gate ready;
    {
      std::jthread teller([&] {
        ready.open();
        hand->tell(100);
      });
      ready.wait("the other thread runs");
      reader.reset();
    }
    ck_assert(hand->is_gone);
  }
}
END_TEST

START_TEST(a_full_window_that_blocks_goes_on_when_the_slowest_has_moved) {
  auto log = std::make_shared<SourceLog>();
  auto catcher = at_once(std::move(Script().give(5000)), log, kBlocking);
  Reader slow(catcher);
  Bell bell;
  ck_assert_status(catcher->once_readable(700, bell.request), Status::would_block);
  ck_assert_uint_eq(catcher->window().end, 640);
  ck_assert_uint_eq(log->bytes, 640);

  for (std::uint64_t offset = 0; offset < 60; offset += 10) take(slow, 10);
  ck_assert_uint_eq(bell.rings(), 0);
  take(slow, 10);

  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert_uint_eq(read_all(slow).bytes, 4930);
}
END_TEST

START_TEST(a_held_range_in_a_full_window_is_told_to_requests) {
  auto hand = std::make_shared<Hand>();
  auto catcher = by_hand(hand, {.growth = Growth::constant(10), .max_bytes = 640, .read_burst = 1});
  Reader reader(catcher);
  for (int i = 0; i < 64; ++i) {
    ck_assert_status(try_read(reader, 1).status, Status::would_block);
    take(reader, hand->tell(10));
  }
  catcher::PinnedRange range;
  ck_assert_status(catcher->pin(0, 10, PinPolicy::hold, range), Status::ok);
  Bell bell;

  ck_assert_status(reader.once_readable(bell.request), Status::full);
  ck_assert_uint_eq(bell.rings(), 0);
  range.release();
  ck_assert_status(catcher->once_readable(655, bell.request), Status::would_block);
  ck_assert_status(catcher->pin(10, 20, PinPolicy::hold, range), Status::ok);
  hand->tell(10);

  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert_status(bell.outcome(), Status::full);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "async_source",
      {{"read",
        {a_catcher_needs_a_source, nothing_is_begun_before_somebody_reads,
         readers_that_wait_get_all_in_order, a_read_under_way_shows_nothing_until_it_is_over,
         a_deadline_or_a_stop_ends_the_wait_and_not_the_read,
         a_deadline_ends_a_source_that_gives_nothing_at_once}},
       {"request",
        {a_request_begins_a_read_and_is_called_when_it_is_over,
         what_comes_at_once_is_told_at_once_and_calls_nobody,
         reads_follow_one_another_until_the_offset_is_there,
         everybody_who_waits_at_the_edge_is_served,
         a_request_that_is_cancelled_leaves_the_read_to_others, failures_and_the_end_call_everybody,
         bytes_told_before_a_throw_count, what_comes_at_once_does_not_pile_up,
         what_comes_at_once_later_does_not_pile_up}},
       {"lifetime",
        {a_catcher_that_is_given_up_cancels_its_read_and_ends_behind_it,
         a_catcher_without_a_read_ends_at_once, giving_up_and_the_end_of_a_read_race}},
       {"window",
        {a_full_window_that_blocks_goes_on_when_the_slowest_has_moved,
         a_held_range_in_a_full_window_is_told_to_requests}}});
}
