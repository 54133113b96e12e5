// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Reading in coroutines: what an await gives, and on which thread it goes on.
#include "core/adapters/awaitable.hpp"

#include <thread>

#include "tests/support/async_sources.hpp"
#include "tests/support/check.hpp"
#include "tests/support/coroutine.hpp"
#include "tests/support/failing_new.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::async_lease;
using catcher::async_load_all;
using catcher::async_read;
using catcher::async_read_full;
using catcher::async_skip;
using catcher::Catcher;
using catcher::Growth;
using catcher::LeaseResult;
using catcher::Reader;
using catcher::ReadResult;
using catcher::Status;
using catcher::Writer;
using namespace catcher::test;

// Each of them once: a partial read, a lease, a skip, a full read; 10 bytes each, then the end.
Task one_of_each(Reader& reader, ReadResult& end) {
  std::byte bytes[10];
  std::size_t got = 0;
  while (got < 10) {
    const std::uint64_t offset = reader.offset();
    const ReadResult read = co_await async_read(reader, std::span(bytes).first(10 - got));
    demand(read.status == Status::ok && read.bytes != 0, "a read gives something");
    demand_pattern(std::span(bytes).first(read.bytes), offset);
    got += read.bytes;
  }
  for (got = 0; got < 10;) {
    const LeaseResult lease = co_await async_lease(reader, 10 - got);
    demand(lease.status == Status::ok, "a lease gives something");
    demand_pattern(lease.lease.bytes(), lease.lease.offset());
    got += lease.lease.size();
  }
  const ReadResult skipped = co_await async_skip(reader, 10);
  demand(skipped.status == Status::ok && skipped.bytes == 10, "a skip goes all the way");
  const std::uint64_t offset = reader.offset();
  const ReadResult full = co_await async_read_full(reader, bytes);
  demand(full.status == Status::ok && full.bytes == 10, "a full read is full");
  demand_pattern(bytes, offset);
  end = co_await async_load_all(reader.catcher());
  demand((co_await async_read(reader, bytes)).status == end.status, "the end is the end");
}

START_TEST(what_is_there_is_taken_without_waiting) {
  auto made = filled(40);
  made.writer.finish();
  Reader reader(made.catcher);
  ReadResult end{};

  const Task task = one_of_each(reader, end);

  ck_assert(task.is_done());
  ck_assert_status(end.status, Status::end);
  ck_assert_uint_eq(reader.offset(), 40);
}
END_TEST

// seed fault 4
START_TEST(what_comes_byte_by_byte_is_all_there_and_in_order) {
  for (const bool fails : {false, true}) {
    auto made = pushed({.growth = Growth::constant(3)});
    Reader reader(made.catcher);
    ReadResult end{};
    const Task task = one_of_each(reader, end);
    for (std::uint64_t size = 0; size < 40; ++size) {
      ck_assert_uint_eq(reader.offset() / 10, size / 10);
      add(made.writer, 1);
    }
    ck_assert(!task.is_done());

    if (fails) {
      made.writer.fail(kBroken);
    } else {
      made.writer.finish();
    }

    ck_assert(task.is_done());
    ck_assert_status(end.status, fails ? Status::failed : Status::end);
    if (fails) ck_assert(end.error == kBroken);
  }
}
END_TEST

START_TEST(a_source_that_blocks_is_read_on_the_executor) {
  Script script;
  for (int i = 0; i < 20; ++i) script.interrupt().give(2);
  Worker worker;
  auto log = std::make_shared<SourceLog>();
  Reader reader(pulled(std::move(script), log, {.executor = worker.executor()}));
  ReadResult end{};

  const Task task = one_of_each(reader, end);

  task.wait("a coroutine gets all");
  ck_assert_status(end.status, Status::end);
  ck_assert_uint_ge(worker.posted(), 1);
}
END_TEST

START_TEST(an_asynchronous_source_is_read) {
  Script script;
  for (int i = 0; i < 20; ++i) script.interrupt().give(2);
  Reader reader(at_once(std::move(script)));
  ReadResult end{};

  const Task task = one_of_each(reader, end);

  ck_assert(task.is_done());
  ck_assert_status(end.status, Status::end);
}
END_TEST

Task status_of_each(Reader& reader, std::vector<Status>& statuses) {
  std::byte byte;
  statuses.push_back((co_await async_read(reader, std::span(&byte, 1))).status);
  statuses.push_back((co_await async_lease(reader, 1)).status);
  statuses.push_back((co_await async_skip(reader, 1)).status);
  statuses.push_back((co_await async_read_full(reader, std::span(&byte, 1))).status);
  statuses.push_back((co_await async_load_all(reader.catcher())).status);
}

START_TEST(a_source_that_blocks_without_an_executor_is_refused) {
  auto log = std::make_shared<SourceLog>();
  Reader reader(pulled(std::move(Script().give(10)), log));
  std::vector<Status> statuses;

  const Task task = status_of_each(reader, statuses);

  ck_assert(task.is_done());
  for (const Status status : statuses) ck_assert_status(status, Status::bad_argument);
  ck_assert_uint_eq(log->reads, 0);
}
END_TEST

START_TEST(what_has_gone_is_told) {
  auto made = filled(2000, {.growth = Growth::constant(10), .max_bytes = 640});
  made.writer.finish();
  Reader reader(made.catcher);
  ck_assert_status(reader.seek(5).status, Status::ok);
  std::vector<Status> statuses;

  const Task task = status_of_each(reader, statuses);

  ck_assert(task.is_done());
  for (std::size_t i = 0; i < 4; ++i) ck_assert_status(statuses[i], Status::evicted);
  ck_assert_uint_eq(reader.offset(), 5);
}
END_TEST

Task full_reads(Reader& reader, std::vector<ReadResult>& results) {
  std::byte bytes[10];
  results.push_back(co_await async_read_full(reader, bytes));
  results.push_back(co_await async_skip(reader, 10));
  results.push_back(co_await async_read_full(reader, std::span<std::byte>()));
  results.push_back(co_await async_read(reader, std::span<std::byte>()));
  results.push_back(co_await async_skip(reader, 0));
}

START_TEST(a_part_before_the_end_is_counted) {
  auto made = pushed();
  Reader reader(made.catcher);
  std::vector<ReadResult> results;
  const Task task = full_reads(reader, results);
  add(made.writer, 7);
  ck_assert(!task.is_done());
  made.writer.finish();

  ck_assert(task.is_done());
  ck_assert_uint_eq(results[0].bytes, 7);
  ck_assert_status(results[0].status, Status::end);
  ck_assert_uint_eq(results[1].bytes, 0);
  ck_assert_status(results[1].status, Status::end);
  for (std::size_t i = 2; i < 5; ++i) ck_assert_status(results[i].status, Status::ok);
}
END_TEST

Task read_at(Reader& reader, std::int64_t offset) {
  demand(reader.seek(offset).status == Status::ok, "a seek is arithmetic");
  std::byte bytes[5];
  const ReadResult got = co_await async_read_full(reader, bytes);
  demand(got.bytes == 5, "what was sought is read");
  demand_pattern(bytes, static_cast<std::uint64_t>(offset));
}

START_TEST(a_read_beyond_the_edge_waits_there) {
  auto made = filled(10);
  Reader reader(made.catcher);
  const Task task = read_at(reader, 100);

  add(made.writer, 90);
  ck_assert(!task.is_done());
  add(made.writer, 5);

  ck_assert(task.is_done());
}
END_TEST

// Resumes where the test says.
struct OnWorker {
  Worker* worker;
  void operator()(std::coroutine_handle<> waiting) const noexcept { worker->post(waiting); }
};

Task read_on(Reader& reader, Worker& worker, std::stop_token stop, std::thread::id& thread) {
  std::byte byte;
  static_cast<void>(
      co_await async_read(reader, std::span(&byte, 1), std::move(stop), OnWorker{&worker}));
  thread = std::this_thread::get_id();
}

START_TEST(it_goes_on_where_it_was_asked_to) {
  for (const bool stops : {false, true}) {
    auto made = pushed();
    Reader reader(made.catcher);
    Worker worker;
    std::stop_source stop;
    std::thread::id thread;
    const Task task = read_on(reader, worker, stop.get_token(), thread);

    if (stops) {
      stop.request_stop();
    } else {
      add(made.writer, 1);
    }

    task.wait("a coroutine goes on");
    ck_assert(thread == worker.thread());
  }
}
END_TEST

START_TEST(without_a_place_it_goes_on_right_there) {
  auto made = pushed();
  Reader reader(made.catcher);
  std::vector<Status> statuses;
  const Task task = status_of_each(reader, statuses);
  std::jthread([&] {
    add(made.writer, 4);
    made.writer.finish();
  }).join();

  ck_assert(task.is_done());
  ck_assert_status(statuses.back(), Status::end);
}
END_TEST

Task count(Reader& reader, std::size_t& got) {
  std::byte bytes[7];
  for (;;) {
    const ReadResult read = co_await async_read(reader, bytes);
    if (read.status != Status::ok) co_return;
    got += read.bytes;
  }
}

START_TEST(an_await_allocates_nothing) {
  auto made = filled(1, {.growth = Growth::constant(1000)});
  Reader reader(made.catcher);
  std::size_t got = 0;
  const Task task = count(reader, got);
  const auto bytes = pattern(1, 500);

  {
    const FailingNew failing(0);
    for (const std::byte& byte : bytes) {
      ck_assert_uint_eq(made.writer.append(std::span(&byte, 1)).bytes, 1);
    }
  }

  ck_assert_uint_eq(got, 501);
}
END_TEST

START_TEST(a_coroutine_may_be_ended_while_it_waits) {
  auto made = pushed();
  Reader reader(made.catcher);
  std::size_t got = 0;
  {
    const Task task = count(reader, got);
    add(made.writer, 5);
  }

  add(made.writer, 5);

  ck_assert_uint_eq(got, 5);
  ck_assert_uint_eq(reader.offset(), 5);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "awaitable",
      {{"read",
        {what_is_there_is_taken_without_waiting, what_comes_byte_by_byte_is_all_there_and_in_order,
         a_part_before_the_end_is_counted, a_read_beyond_the_edge_waits_there,
         what_has_gone_is_told}},
       {"source",
        {a_source_that_blocks_is_read_on_the_executor, an_asynchronous_source_is_read,
         a_source_that_blocks_without_an_executor_is_refused}},
       {"resume",
        {it_goes_on_where_it_was_asked_to, without_a_place_it_goes_on_right_there,
         an_await_allocates_nothing, a_coroutine_may_be_ended_while_it_waits}}});
}
