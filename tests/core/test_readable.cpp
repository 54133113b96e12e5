// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// "Call me once when this offset is readable": who is called, when, and how often.
#include "core/readable.hpp"

#include <deque>
#include <limits>
#include <optional>
#include <random>
#include <thread>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/bell.hpp"
#include "tests/support/check.hpp"
#include "tests/support/failing_new.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Catcher;
using catcher::Fault;
using catcher::Growth;
using catcher::Reader;
using catcher::Status;
using catcher::Writer;
using namespace catcher::test;

START_TEST(what_is_so_already_is_told_at_once_and_calls_nobody) {
  auto made = filled(2000, {.growth = Growth::constant(10), .max_bytes = 640});
  Reader reader(made.catcher);
  Bell bell;

  ck_assert_status(made.catcher->once_readable(1999, bell.request), Status::ok);
  ck_assert_status(made.catcher->once_readable(0, bell.request), Status::evicted);
  ck_assert_status(reader.once_readable(bell.request), Status::ok);
  ck_assert_status(reader.seek(5).status, Status::ok);
  ck_assert_status(reader.once_readable(bell.request), Status::evicted);
  made.writer.fail(kBroken);
  ck_assert_status(made.catcher->once_readable(2000, bell.request), Status::failed);
  ck_assert_status(made.catcher->resume(), Status::ok);
  made.writer.finish();
  ck_assert_status(made.catcher->once_readable(2000, bell.request), Status::end);
  ck_assert_status(made.catcher->once_readable(1999, bell.request), Status::ok);

  ck_assert_uint_eq(bell.rings(), 0);
  ck_assert(!bell.request.cancel());
}
END_TEST

START_TEST(the_byte_that_was_waited_for_calls_once) {
  auto made = filled(10);
  Bell bell;
  ck_assert_status(made.catcher->once_readable(12, bell.request), Status::would_block);

  add(made.writer, 2);
  ck_assert_uint_eq(bell.rings(), 0);
  add(made.writer, 1);
  ck_assert_uint_eq(bell.rings(), 1);
  add(made.writer, 100);

  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert_status(bell.outcome(), Status::ok);
  ck_assert(bell.thread() == std::this_thread::get_id());
}
END_TEST

START_TEST(a_commit_calls_back_as_an_append_does) {
  auto made = pushed();
  Reader reader(made.catcher);
  Bell bell;
  ck_assert_status(reader.once_readable(bell.request), Status::would_block);

  const auto reserved = made.writer.reserve(1);
  fill_pattern(reserved.space.first(1), 0);
  made.writer.commit(1);

  ck_assert_uint_eq(bell.rings(), 1);
  take(reader, 1);
}
END_TEST

START_TEST(the_last_offset_of_all_can_be_waited_for) {
  auto made = filled(10);
  Bell bell;
  constexpr std::uint64_t kLast = std::numeric_limits<std::uint64_t>::max();

  Bell beyond;

  ck_assert_status(made.catcher->once_readable(kLast - 1, bell.request), Status::would_block);
  ck_assert_status(made.catcher->once_readable(kLast, beyond.request), Status::would_block);
  add(made.writer, 10);
  ck_assert_uint_eq(bell.rings() + beyond.rings(), 0);
  made.writer.finish();

  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert_uint_eq(beyond.rings(), 1);
  ck_assert_status(made.catcher->once_readable(kLast, bell.request), Status::end);
}
END_TEST

// seed fault 2
START_TEST(everybody_at_one_edge_is_called) {
  auto made = filled(10);
  std::deque<Bell> bells(1000);
  for (Bell& bell : bells) {
    ck_assert_status(made.catcher->once_readable(10, bell.request), Status::would_block);
  }

  add(made.writer, 1);

  for (const Bell& bell : bells) ck_assert_uint_eq(bell.rings(), 1);
}
END_TEST

// seed fault 4
START_TEST(the_end_a_failure_and_a_writer_that_goes_call_everybody) {
  for (int how = 0; how < 3; ++how) {
    auto made = filled(10);
    std::deque<Bell> bells(20);
    std::uint64_t offset = 10;
    for (Bell& bell : bells) {
      ck_assert_status(made.catcher->once_readable(offset, bell.request), Status::would_block);
      offset += 7;
    }

    if (how == 0) made.writer.finish();
    if (how == 1) made.writer.fail(kBroken);
    if (how == 2) made.writer = Writer();

    for (Bell& bell : bells) {
      ck_assert_uint_eq(bell.rings(), 1);
      ck_assert_status(bell.outcome(), Status::ok);
      const Status now = made.catcher->once_readable(10, bell.request);
      ck_assert_status(now, how == 0 ? Status::end : Status::failed);
    }
  }
}
END_TEST

START_TEST(after_a_failure_and_resume_one_waits_anew) {
  auto made = filled(10);
  Reader reader(made.catcher);
  take(reader, 10);
  Bell bell;
  ck_assert_status(reader.once_readable(bell.request), Status::would_block);
  made.writer.fail(kBroken);
  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert_status(reader.once_readable(bell.request), Status::failed);

  ck_assert_status(made.catcher->resume(), Status::ok);
  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert_status(reader.once_readable(bell.request), Status::would_block);
  add(made.writer, 5);

  ck_assert_uint_eq(bell.rings(), 2);
  take(reader, 5);
}
END_TEST

START_TEST(a_request_waits_in_one_place_at_a_time) {
  auto made = filled(10);
  auto other = filled(10);
  Bell bell;
  ck_assert_status(made.catcher->once_readable(20, bell.request), Status::would_block);

  ck_assert_status(made.catcher->once_readable(30, bell.request), Status::bad_argument);
  ck_assert_status(other.catcher->once_readable(30, bell.request), Status::bad_argument);
  add(made.writer, 11);
  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert_status(other.catcher->once_readable(30, bell.request), Status::bad_argument);
  ck_assert(!bell.request.cancel());

  ck_assert_status(other.catcher->once_readable(30, bell.request), Status::would_block);
  add(other.writer, 21);
  ck_assert_uint_eq(bell.rings(), 2);
}
END_TEST

START_TEST(to_enter_allocates_nothing) {
  auto made = filled(10);
  Reader reader(made.catcher);
  take(reader, 10);
  std::deque<Bell> bells(100);

  for (Bell& bell : bells) {
    const FailingNew failing(0);
    ck_assert_status(reader.once_readable(bell.request), Status::would_block);
    ck_assert(bell.request.cancel());
    ck_assert_status(reader.once_readable(bell.request), Status::would_block);
  }
  add(made.writer, 1);

  for (const Bell& bell : bells) ck_assert_uint_eq(bell.rings(), 1);
}
END_TEST

// Against a plain account of who waits for what.
START_TEST(whoever_is_due_is_called_and_nobody_else) {
  constexpr std::size_t kBells = 300;
  std::mt19937 random(1);
  auto made = pushed();
  std::deque<Bell> bells(kBells);
  std::vector<std::optional<std::uint64_t>> waits(kBells);
  std::vector<unsigned> rings(kBells);
  std::uint64_t end = 0;
  for (int step = 0; step < 20'000; ++step) {
    const std::size_t which = random() % kBells;
    Bell& bell = bells[which];
    if (random() % 8 == 0) {
      add(made.writer, 1 + random() % 3);
      end = made.writer.offset();
      for (std::size_t i = 0; i < kBells; ++i) {
        if (!waits[i] || *waits[i] >= end) continue;
        waits[i].reset();
        ++rings[i];
      }
    } else if (waits[which]) {
      ck_assert(bell.request.cancel());
      waits[which].reset();
    } else {
      const std::uint64_t offset = end + random() % 40;
      ck_assert_status(made.catcher->once_readable(offset, bell.request), Status::would_block);
      waits[which] = offset;
    }
    if (step % 16 != 0) continue;
    for (std::size_t i = 0; i < kBells; ++i) ck_assert_uint_eq(bells[i].rings(), rings[i]);
  }
}
END_TEST

// Destroyed as soon as it is called, on the appender's thread, while this one still enters it.
START_TEST(entering_and_arriving_race) {
  constexpr int kRounds = 3000;
  auto made = pushed({.growth = Growth::constant(1000), .max_bytes = 64'000});
  Gate called;
  std::stop_source stop;
  std::jthread appender([&] {
    while (!stop.stop_requested()) add(made.writer, 1);
  });
  for (int round = 1; round <= kRounds; ++round) {
    std::optional<Bell> bell;
    bell.emplace([&] { called.open(); });
    Status status = Status::ok;
    while (status == Status::ok) {
      status = made.catcher->once_readable(made.catcher->window().end, bell->request);
    }
    ck_assert_status(status, Status::would_block);
    called.wait("a byte that comes calls", static_cast<std::uint64_t>(round));
  }
  stop.request_stop();
}
END_TEST

START_TEST(a_request_keeps_its_catcher_while_it_waits) {
  auto made = filled(10);
  std::weak_ptr<Catcher> catcher = made.catcher;
  Bell bell;
  {
    Reader reader(std::move(made.catcher));
    take(reader, 10);
    ck_assert_status(reader.once_readable(bell.request), Status::would_block);
  }

  made.writer = Writer();

  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert(!catcher.expired());
  ck_assert(!bell.request.cancel());
  ck_assert(catcher.expired());
}
END_TEST

START_TEST(a_request_that_ends_while_it_waits_is_not_called) {
  auto made = filled(10);
  {
    Bell bell;
    ck_assert_status(made.catcher->once_readable(10, bell.request), Status::would_block);
  }

  add(made.writer, 1);
  made.writer.finish();
}
END_TEST

START_TEST(what_is_there_is_read_without_asking_the_source) {
  auto log = std::make_shared<SourceLog>();
  Reader reader(pulled(std::move(Script().give(10).give(10)), log));
  std::byte bytes[20];
  ck_assert_status(reader.read_now(bytes).status, Status::would_block);
  ck_assert_status(reader.lease_now(20).status, Status::would_block);
  ck_assert_uint_eq(log->reads, 0);

  take(reader, 5);

  ck_assert_uint_eq(reader.read_now(std::span(bytes).first(2)).bytes, 2);
  ck_assert_uint_eq(reader.lease_now(20).lease.size(), 3);
  ck_assert_status(reader.read_now(bytes).status, Status::would_block);
  ck_assert_uint_eq(log->reads, 1);
  Bell bell;
  ck_assert_status(reader.once_readable(bell.request), Status::bad_argument);
  ck_assert_uint_eq(read_all(reader).bytes, 10);
  ck_assert_status(reader.read_now(bytes).status, Status::end);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "readable", {{"enter",
                    {what_is_so_already_is_told_at_once_and_calls_nobody,
                     a_request_waits_in_one_place_at_a_time, to_enter_allocates_nothing,
                     what_is_there_is_read_without_asking_the_source}},
                   {"call",
                    {the_byte_that_was_waited_for_calls_once, a_commit_calls_back_as_an_append_does,
                     the_last_offset_of_all_can_be_waited_for, everybody_at_one_edge_is_called,
                     the_end_a_failure_and_a_writer_that_goes_call_everybody,
                     after_a_failure_and_resume_one_waits_anew,
                     whoever_is_due_is_called_and_nobody_else, entering_and_arriving_race}},
                   {"lifetime",
                    {a_request_keeps_its_catcher_while_it_waits,
                     a_request_that_ends_while_it_waits_is_not_called}}});
}
