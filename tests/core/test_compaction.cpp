// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include <stdexcept>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/compacting.hpp"
#include "tests/support/counting_memory.hpp"

namespace {

using catcher::Catcher;
using catcher::Clock;
using catcher::Compaction;
using catcher::CompactionState;
using catcher::Config;
using catcher::Lease;
using catcher::Reader;
using catcher::Status;
using catcher::Wait;
using namespace catcher::test;

// ---- ways ------------------------------------------------------------------------

START_TEST(in_place_is_over_when_the_end_is_written) {
  auto made = filled(1000, chunked(Compaction::in_place));
  ck_assert_uint_eq(made.catcher->stats().chunks, 16);
  ck_assert_state(*made.catcher, CompactionState::none);
  ck_assert(!made.catcher->is_finalised());
  ck_assert_status(made.catcher->contiguous().status, Status::would_block);

  made.writer.finish();

  ck_assert_state(*made.catcher, CompactionState::done);
  ck_assert(made.catcher->is_finalised());
  ck_assert_status(made.catcher->wait_finalised(Wait::none()), Status::ok);
  ck_assert_uint_eq(made.catcher->stats().chunks, 1);
  ck_assert_uint_eq(made.catcher->stats().bytes_allocated, 1000);
  ck_assert_whole(made.catcher);
}
END_TEST

START_TEST(a_thread_of_its_own_is_waited_for) {
  auto made = filled(100'000, chunked(Compaction::new_thread));

  made.writer.finish();

  ck_assert_status(made.catcher->wait_finalised(patiently()), Status::ok);
  ck_assert_state(*made.catcher, CompactionState::done);
  ck_assert_whole(made.catcher);
}
END_TEST

START_TEST(an_executor_does_it_when_it_likes) {
  Later executor;
  auto made = filled(1000, later(executor));
  Reader reader(made.catcher);
  take(reader, 100);

  made.writer.finish();

  ck_assert_uint_eq(executor.jobs(), 1);
  ck_assert_state(*made.catcher, CompactionState::pending);
  ck_assert(!made.catcher->is_finalised() && !made.catcher->is_compacted());
  ck_assert_status(made.catcher->contiguous().status, Status::would_block);
  ck_assert_status(made.catcher->wait_finalised(Wait::none()), Status::would_block);
  take(reader, 100);
  {
    std::jthread waiter([&] {
      demand(made.catcher->wait_finalised(patiently()) == Status::ok, "who waits is woken");
    });
    executor.run();
  }
  ck_assert_state(*made.catcher, CompactionState::done);
  take(reader, 800);
  ck_assert_whole(made.catcher);
}
END_TEST

START_TEST(an_executor_without_one_is_refused) {
  const auto made = Catcher::push(chunked(Compaction::executor));
  ck_assert_status(made.status, Status::bad_argument);
  ck_assert(made.why.find("executor") != std::string::npos);
}
END_TEST

START_TEST(a_job_that_is_dropped_is_a_failure_and_no_endless_wait) {
  Later executor;
  auto made = filled(1000, later(executor));
  made.writer.finish();
  {
    std::jthread waiter([&] {
      demand(made.catcher->wait_finalised(patiently()) == Status::ok, "nobody waits for ever");
    });
    executor.drop();
  }
  ck_assert_state(*made.catcher, CompactionState::failed);
  Reader reader(made.catcher);
  ck_assert_uint_eq(read_all(reader).bytes, 1000);
}
END_TEST

START_TEST(an_executor_that_throws_is_a_failure) {
  Config config = chunked(Compaction::executor);
  config.executor = [](const std::function<void()>&) { throw std::runtime_error("no"); };
  auto made = filled(1000, config);

  made.writer.finish();

  ck_assert_state(*made.catcher, CompactionState::failed);
  ck_assert(made.catcher->is_finalised() && !made.catcher->is_compacted());
}
END_TEST

START_TEST(a_reader_that_pulls_the_end_compacts_behind_it) {
  Script script;
  script.give(1000).end();
  Config config = chunked(Compaction::in_place);
  config.read_burst = 1;
  const auto catcher = pulled(std::move(script), nullptr, config);
  Reader reader(catcher);
  take(reader, 1000);
  ck_assert_state(*catcher, CompactionState::none);

  ck_assert_status(read(reader, 1).status, Status::end);

  ck_assert_state(*catcher, CompactionState::done);
  ck_assert_whole(catcher);
}
END_TEST

START_TEST(it_can_be_asked_for_once_later) {
  auto made = filled(1000, chunked(Compaction::none));
  ck_assert_status(made.catcher->compact(Compaction::in_place), Status::bad_argument);
  made.writer.finish();
  ck_assert(made.catcher->is_finalised() && !made.catcher->is_compacted());
  ck_assert_status(made.catcher->contiguous().status, Status::bad_argument);
  ck_assert_status(made.catcher->compact(Compaction::none), Status::bad_argument);
  ck_assert_status(made.catcher->compact(Compaction::executor), Status::bad_argument);
  ck_assert_state(*made.catcher, CompactionState::none);

  ck_assert_status(made.catcher->compact(Compaction::in_place), Status::ok);

  ck_assert_whole(made.catcher);
  ck_assert_status(made.catcher->compact(Compaction::in_place), Status::bad_argument);
}
END_TEST

// ---- ends ------------------------------------------------------------------------------

START_TEST(an_executor_finds_nothing_where_all_handles_are_gone) {
  const auto memory = std::make_shared<CountingMemory>();
  Later executor;
  Config config = later(executor);
  config.memory = memory;
  {
    auto made = filled(1000, config);
    made.writer.finish();
  }
  ck_assert_uint_eq(memory->bytes_now(), 0);
  executor.run();
  ck_assert_uint_eq(memory->bytes_now(), 0);
}
END_TEST

// The last handle goes while the job runs: it goes on, and the catcher ends behind it.
START_TEST(a_job_that_has_begun_keeps_the_catcher) {
  class Dropping final : public catcher::ChunkMemory {
   public:
    void* allocate(std::size_t bytes) noexcept override {
      if (bytes > kChunk) made = {};
      return heap->allocate(bytes);
    }
    void deallocate(void* memory, std::size_t bytes) noexcept override {
      freed += bytes;
      heap->deallocate(memory, bytes);
    }
    const std::shared_ptr<ChunkMemory> heap = catcher::heap_memory();
    Catcher::Pushed made;
    std::uint64_t freed = 0;
  };
  const auto memory = std::make_shared<Dropping>();
  Later executor;
  Config config = later(executor);
  config.memory = memory;
  memory->made = filled(960, config);
  memory->made.writer.finish();

  executor.run();

  ck_assert(memory->made.catcher == nullptr);
  ck_assert_uint_eq(memory->freed, 2 * 960);
}
END_TEST

START_TEST(a_thread_ends_with_its_catcher) {
  for (int round = 0; round < 50; ++round) {
    const auto memory = std::make_shared<CountingMemory>();
    Config config = chunked(Compaction::new_thread);
    config.memory = memory;
    Lease lease;
    {
      auto made = filled(20'000, config);
      Reader reader(made.catcher);
      (void)reader.seek(10'000);
      lease = reader.lease(10).lease;
      made.writer.finish();
    }
    ck_assert(is_pattern(lease.bytes(), 10'000));
    lease = {};
    ck_assert_uint_eq(memory->bytes_now(), 0);
  }
}
END_TEST

START_TEST(a_wait_can_be_stopped_and_has_a_deadline) {
  auto made = filled(1000, chunked(Compaction::in_place));
  const Wait past = Wait::until(Clock::now() - std::chrono::seconds(1));
  ck_assert_status(made.catcher->wait_finalised(past), Status::timed_out);
  ck_assert_status(made.catcher->wait_finalised(Wait::at_most(std::chrono::milliseconds(1))),
                   Status::timed_out);
  std::stop_source stop;
  std::jthread waiter([&] {
    const Wait wait{patiently().deadline, stop.get_token()};
    demand(made.catcher->wait_finalised(wait) == Status::cancelled, "a stop ends the wait");
  });
  stop.request_stop();
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "compaction",
      {{"ways",
        {in_place_is_over_when_the_end_is_written, a_thread_of_its_own_is_waited_for,
         an_executor_does_it_when_it_likes, an_executor_without_one_is_refused,
         a_job_that_is_dropped_is_a_failure_and_no_endless_wait,
         an_executor_that_throws_is_a_failure, a_reader_that_pulls_the_end_compacts_behind_it,
         it_can_be_asked_for_once_later}},
       {"ends",
        {an_executor_finds_nothing_where_all_handles_are_gone,
         a_job_that_has_begun_keeps_the_catcher, a_thread_ends_with_its_catcher,
         a_wait_can_be_stopped_and_has_a_deadline}}});
}
