// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A source that blocks, read on Config::executor for those who do not wait.
#include <deque>
#include <stdexcept>
#include <thread>

#include "core/catcher.hpp"
#include "core/readable.hpp"
#include "core/reader.hpp"
#include "tests/support/async_sources.hpp"
#include "tests/support/bell.hpp"
#include "tests/support/check.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Catcher;
using catcher::Config;
using catcher::Fault;
using catcher::Growth;
using catcher::PinPolicy;
using catcher::Reader;
using catcher::Status;
using namespace catcher::test;

Config on(Worker& worker) {
  return {.growth = Growth::constant(10), .read_burst = 1, .executor = worker.executor()};
}

START_TEST(without_an_executor_a_request_is_refused) {
  auto log = std::make_shared<SourceLog>();
  auto catcher = pulled(std::move(Script().give(10)), log);
  Bell bell;

  ck_assert_status(catcher->once_readable(0, bell.request), Status::bad_argument);

  ck_assert_uint_eq(log->reads, 0);
  Reader reader(catcher);
  take(reader, 10);
  ck_assert_status(catcher->once_readable(0, bell.request), Status::ok);
}
END_TEST

// seed fault 2
START_TEST(one_job_goes_on_until_everybody_is_served) {
  Gate gate;
  Script script;
  script.wait(gate);
  for (int i = 0; i < 20; ++i) script.interrupt().give(5);
  auto log = std::make_shared<SourceLog>();
  Worker worker;
  auto catcher = pulled(std::move(script), log, on(worker));
  std::deque<Bell> bells(90);
  std::uint64_t offset = 0;
  for (Bell& bell : bells) {
    ck_assert_status(catcher->once_readable(offset++, bell.request), Status::would_block);
  }

  gate.open();
  for (Bell& bell : bells) bell.wait("a request is called");

  ck_assert_uint_eq(worker.posted(), 1);
  for (const Bell& bell : bells) {
    ck_assert(bell.thread() == worker.thread());
    ck_assert_uint_eq(bell.rings(), 1);
  }
  ck_assert_uint_eq(log->bytes, 90);
}
END_TEST

// seed fault 1, 3, 4
START_TEST(a_source_that_fails_or_throws_calls_everybody_and_can_be_resumed) {
  Script script;
  Gate gate;
  script.wait(gate).give(4).fail(kBroken, 3);
  script.wait(gate).interrupt().throws();
  script.wait(gate).give(5).end(2);
  Worker worker;
  auto catcher = pulled(std::move(script), nullptr, on(worker));
  Reader reader(catcher);
  const std::size_t sizes[] = {7, 0, 7};
  const Status ends[] = {Status::failed, Status::failed, Status::end};
  for (std::size_t i = 0; i < 3; ++i) {
    std::deque<Bell> bells(3);
    for (Bell& bell : bells) {
      ck_assert_status(catcher->once_readable(1000, bell.request), Status::would_block);
    }
    gate.open();
    for (Bell& bell : bells) bell.wait("a request is called");
    take(reader, sizes[i]);
    ck_assert_status(reader.peek().status, ends[i]);
    if (i < 2) ck_assert_status(catcher->resume(), Status::ok);
  }
}
END_TEST

START_TEST(the_last_one_that_is_cancelled_interrupts_the_read) {
  Gate never;
  auto log = std::make_shared<SourceLog>();
  {
    Worker worker;
    std::weak_ptr<Catcher> weak;
    {
      auto catcher = pulled(std::move(Script().give(5).wait(never).give(5)), log, on(worker));
      weak = catcher;
      Bell first;
      Bell second;
      ck_assert_status(catcher->once_readable(5, first.request), Status::would_block);
      ck_assert_status(catcher->once_readable(6, second.request), Status::would_block);
      log->entered.wait("the source is being read");

      ck_assert(first.request.cancel());
      ck_assert(second.request.cancel());
      ck_assert_uint_eq(first.rings() + second.rings(), 0);
    }
  }

  ck_assert(log->is_gone);
}
END_TEST

// Inside the executor the fill lock is taken: who enters there counts on whoever gives it back.
START_TEST(an_executor_that_throws_leaves_nobody_behind) {
  Worker worker;
  Bell other;
  std::weak_ptr<Catcher> weak;
  unsigned calls = 0;
  Config config = on(worker);
  config.executor = [&](std::function<void()> work) {
    if (calls++ == 0) {
      demand(weak.lock()->once_readable(0, other.request) == Status::would_block, "it waits");
      throw std::runtime_error("no thread");
    }
    worker.post(std::move(work));
  };
  auto catcher = pulled(std::move(Script().give(5)), nullptr, config);
  weak = catcher;
  Bell bell;

  ck_assert_status(catcher->once_readable(0, bell.request), Status::out_of_memory);

  other.wait("the other request is called");
  ck_assert_status(other.outcome(), Status::ok);
  ck_assert_uint_eq(calls, 2);
}
END_TEST

START_TEST(a_request_that_is_refused_leaves_no_read_behind) {
  Gate never;
  auto log = std::make_shared<SourceLog>();
  auto elsewhere = pushed();
  Bell bell;
  ck_assert_status(elsewhere.catcher->once_readable(0, bell.request), Status::would_block);
  {
    Worker worker;
    auto catcher = pulled(std::move(Script().wait(never).give(5)), log, on(worker));

    ck_assert_status(catcher->once_readable(0, bell.request), Status::bad_argument);
  }

  ck_assert(log->is_gone);
}
END_TEST

START_TEST(after_an_interruption_the_next_one_is_served) {
  Gate gate;
  auto log = std::make_shared<SourceLog>();
  Worker worker;
  auto catcher = pulled(std::move(Script().wait(gate).give(5)), log, on(worker));
  for (unsigned round = 1; round <= 50; ++round) {
    Bell bell;
    ck_assert_status(catcher->once_readable(0, bell.request), Status::would_block);
    if (round % 2 == 0) log->entered.wait("the source is being read");
    ck_assert(bell.request.cancel());
  }
  Bell bell;
  ck_assert_status(catcher->once_readable(0, bell.request), Status::would_block);
  gate.open();
  bell.wait("a request is called");

  Reader reader(catcher);
  take(reader, 5);
}
END_TEST

START_TEST(a_reader_that_waits_and_requests_share_the_source) {
  constexpr std::uint64_t kBytes = 3000;
  Script script;
  for (std::uint64_t i = 0; i < kBytes; ++i) script.give(1);
  Worker worker;
  auto catcher = pulled(std::move(script), nullptr, on(worker));
  std::jthread waiting([reader = Reader(catcher)]() mutable {
    demand(read_all(reader, 3).bytes == kBytes, "who waits gets all");
  });
  for (std::uint64_t offset = 0; offset < kBytes; offset += 7) {
    Bell bell;
    const Status status = catcher->once_readable(offset, bell.request);
    if (status == Status::would_block) {
      bell.wait("a request is called");
    } else {
      ck_assert_status(status, Status::ok);
    }
  }
}
END_TEST

START_TEST(an_executor_that_throws_has_run_nothing) {
  bool throws = true;
  Worker worker;
  Config config = on(worker);
  config.executor = [&](std::function<void()> work) {
    if (throws) throw std::runtime_error("no room for work");
    worker.post(std::move(work));
  };
  Gate gate;
  auto catcher = pulled(std::move(Script().wait(gate).give(5)), nullptr, config);
  Bell bell;
  ck_assert_status(catcher->once_readable(0, bell.request), Status::out_of_memory);
  ck_assert_uint_eq(bell.rings(), 0);

  throws = false;
  ck_assert_status(catcher->once_readable(0, bell.request), Status::would_block);
  gate.open();

  bell.wait("a request is called");
  ck_assert_status(bell.outcome(), Status::ok);
}
END_TEST

START_TEST(work_that_is_dropped_fails_the_stream_and_hangs_nobody) {
  std::deque<std::function<void()>> works;
  bool drops = true;
  Config config{.executor = [&](std::function<void()> work) {
    if (!drops) works.push_back(std::move(work));
  }};
  auto catcher = pulled(std::move(Script().give(5)), nullptr, config);
  Reader reader(catcher);
  Bell bell;

  ck_assert_status(reader.once_readable(bell.request), Status::failed);
  ck_assert(reader.peek().error == Fault::work_dropped);
  ck_assert_status(catcher->resume(), Status::ok);
  drops = false;
  ck_assert_status(reader.once_readable(bell.request), Status::would_block);
  works.clear();

  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert(reader.peek().error == Fault::work_dropped);
  ck_assert_status(catcher->resume(), Status::ok);
  take(reader, 5);
}
END_TEST

START_TEST(an_executor_that_runs_at_once_calls_nobody_inside) {
  Config config{
      .growth = Growth::constant(10), .read_burst = 1, .executor = [](auto work) { work(); }};
  Script script;
  for (int i = 0; i < 30; ++i) script.interrupt().give(3);
  auto catcher = pulled(std::move(script), nullptr, config);
  Bell bell;

  ck_assert_status(catcher->once_readable(80, bell.request), Status::ok);
  ck_assert_status(catcher->once_readable(90, bell.request), Status::end);

  ck_assert_uint_eq(bell.rings(), 0);
}
END_TEST

START_TEST(a_held_range_in_a_full_window_is_told) {
  Worker worker;
  Config config = on(worker);
  config.max_bytes = 640;
  Gate gate;
  Script script;
  script.give(200).wait(gate).give(1000).wait(gate).give(4000);
  auto catcher = pulled(std::move(script), nullptr, config);
  Reader reader(catcher);
  take(reader, 100);
  catcher::PinnedRange range;
  ck_assert_status(catcher->pin(50, 60, PinPolicy::hold, range), Status::ok);
  Bell bell;

  ck_assert_status(catcher->once_readable(2000, bell.request), Status::would_block);
  gate.open();
  bell.wait("a request is called");
  ck_assert_status(bell.outcome(), Status::full);
  range.release();
  ck_assert_status(catcher->once_readable(2000, bell.request), Status::would_block);
  gate.open();
  bell.wait("a request is called", 2);

  ck_assert_status(bell.outcome(), Status::ok);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "fill_executor",
      {{"serve",
        {without_an_executor_a_request_is_refused, one_job_goes_on_until_everybody_is_served,
         a_source_that_fails_or_throws_calls_everybody_and_can_be_resumed,
         a_reader_that_waits_and_requests_share_the_source, a_held_range_in_a_full_window_is_told}},
       {"interrupt",
        {the_last_one_that_is_cancelled_interrupts_the_read,
         a_request_that_is_refused_leaves_no_read_behind,
         after_an_interruption_the_next_one_is_served}},
       {"executor",
        {an_executor_that_throws_has_run_nothing, an_executor_that_throws_leaves_nobody_behind,
         work_that_is_dropped_fails_the_stream_and_hangs_nobody,
         an_executor_that_runs_at_once_calls_nobody_inside}}});
}
