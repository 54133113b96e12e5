// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A stop at each moment of each await: it ends with `cancelled`, or with what came first, and no
// byte is lost. Run under AddressSanitizer and ThreadSanitizer.
#include <algorithm>
#include <memory>
#include <optional>
#include <thread>

#include "core/adapters/awaitable.hpp"
#include "tests/support/async_sources.hpp"
#include "tests/support/bell.hpp"
#include "tests/support/check.hpp"
#include "tests/support/coroutine.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::async_lease;
using catcher::async_load_all;
using catcher::async_read;
using catcher::async_read_full;
using catcher::async_skip;
using catcher::Catcher;
using catcher::LeaseResult;
using catcher::ReadDone;
using catcher::Reader;
using catcher::ReadResult;
using catcher::Status;
using namespace catcher::test;

enum class Op { read, lease, full, skip, load };
constexpr Op kOps[] = {Op::read, Op::lease, Op::full, Op::skip, Op::load};
constexpr std::size_t kSize = 10;

struct OnWorker {
  Worker* worker;
  void operator()(std::coroutine_handle<> waiting) const noexcept { worker->post(waiting); }
};

// Wants kSize bytes. What it read is the pattern, and the reader is behind it.
template <class Resume = catcher::ResumeHere>
Task run(Op op, Reader& reader, std::stop_token stop, ReadResult& result, Resume resume = {}) {
  std::byte bytes[kSize];
  const std::uint64_t offset = reader.offset();
  switch (op) {
    case Op::read: result = co_await async_read(reader, bytes, stop, resume); break;
    case Op::full: result = co_await async_read_full(reader, bytes, stop, resume); break;
    case Op::skip: result = co_await async_skip(reader, kSize, stop, resume); break;
    case Op::load: result = co_await async_load_all(reader.catcher(), stop, resume); break;
    case Op::lease: {
      const LeaseResult lease = co_await async_lease(reader, kSize, stop, resume);
      result = {lease.lease.size(), lease.status, lease.error, lease.window};
      demand_pattern(lease.lease.bytes(), offset);
      break;
    }
  }
  if (op == Op::read || op == Op::full)
    demand_pattern(std::span(bytes).first(result.bytes), offset);
  demand(reader.offset() == offset + result.bytes, "the reader is behind what it got", offset);
}

START_TEST(before_it_begins) {
  for (const Op op : kOps) {
    auto made = pushed();
    Reader reader(made.catcher);
    std::stop_source stop;
    stop.request_stop();
    ReadResult result{};

    const Task task = run(op, reader, stop.get_token(), result);

    ck_assert(task.is_done());
    ck_assert_status(result.status, Status::cancelled);
  }
}
END_TEST

START_TEST(bytes_that_are_there_come_before_a_stop) {
  for (const Op op : kOps) {
    auto made = filled(kSize);
    made.writer.finish();
    Reader reader(made.catcher);
    std::stop_source stop;
    stop.request_stop();
    ReadResult result{};

    const Task task = run(op, reader, stop.get_token(), result);

    ck_assert(task.is_done());
    ck_assert_status(result.status, op == Op::load ? Status::end : Status::ok);
    ck_assert_uint_eq(reader.offset(), op == Op::load ? 0 : kSize);
  }
}
END_TEST

// Asks to stop when a read is begun, which is when a request is about to be entered.
class StoppingSource final : public catcher::AsyncSource {
 public:
  StoppingSource(std::stop_source& stop, bool tells) : stop_(stop), tells_(tells) {}
  void start_read(std::span<std::byte> space, ReadDone done) override {
    stop_.request_stop();
    if (tells_) {
      fill_pattern(space.first(kSize), offset_);
      offset_ += kSize;
      done(catcher::SourceResult::at_end(kSize));
    } else {
      done_ = std::move(done);
    }
  }
  void cancel() noexcept override {
    ReadDone done = std::move(done_);
    done(catcher::SourceResult{});
  }

 private:
  std::stop_source& stop_;
  const bool tells_;
  std::uint64_t offset_ = 0;
  ReadDone done_;
};

START_TEST(while_it_enters_its_request) {
  for (const bool tells : {false, true}) {
    for (const Op op : kOps) {
      std::stop_source stop;
      Reader reader(pulled_async(std::make_unique<StoppingSource>(stop, tells)));
      ReadResult result{};

      const Task task = run(op, reader, stop.get_token(), result);

      ck_assert(task.is_done());
      const Status came = op == Op::load ? Status::end : Status::ok;
      ck_assert_status(result.status, tells ? came : Status::cancelled);
    }
  }
}
END_TEST

// One that always has something at once, so that no request is ever entered.
START_TEST(an_endless_source_that_never_waits) {
  class Endless final : public catcher::AsyncSource {
   public:
    explicit Endless(std::stop_source& stop) : stop_(stop) {}
    void start_read(std::span<std::byte> space, ReadDone done) override {
      if (++reads_ == 3) stop_.request_stop();
      demand(reads_ < 1000, "a stop is looked at");
      done(catcher::SourceResult::some(std::min(space.size(), kSize)));
    }
    void cancel() noexcept override {}

   private:
    std::stop_source& stop_;
    int reads_ = 0;
  };
  // On the heap: g++ 12 with the address sanitizer takes one here for uninitialised.
  const auto stop = std::make_unique<std::stop_source>();
  Reader reader(pulled_async(std::make_unique<Endless>(*stop)));
  ReadResult result{};

  const Task task = run(Op::load, reader, stop->get_token(), result);

  ck_assert(task.is_done());
  ck_assert_status(result.status, Status::cancelled);
}
END_TEST

START_TEST(while_it_waits) {
  for (const Op op : kOps) {
    auto made = pushed();
    Reader reader(made.catcher);
    std::stop_source stop;
    ReadResult result{};
    const Task task = run(op, reader, stop.get_token(), result);
    ck_assert(!task.is_done());

    stop.request_stop();

    ck_assert(task.is_done());
    ck_assert_status(result.status, Status::cancelled);
    ck_assert_uint_eq(result.bytes, 0);
    add(made.writer, 50);
    take(reader, 50);
  }
}
END_TEST

START_TEST(with_a_part_in_hand) {
  for (const Op op : {Op::full, Op::skip}) {
    auto made = pushed();
    Reader reader(made.catcher);
    std::stop_source stop;
    ReadResult result{};
    const Task task = run(op, reader, stop.get_token(), result);
    add(made.writer, 2);
    add(made.writer, 1);
    ck_assert(!task.is_done());

    stop.request_stop();

    ck_assert(task.is_done());
    ck_assert_status(result.status, Status::cancelled);
    ck_assert_uint_eq(result.bytes, 3);
    add(made.writer, 50);
    take(reader, 50);
  }
}
END_TEST

// By another request that is due at the same time, in whichever order the two are called.
START_TEST(inside_the_callbacks_that_bring_the_bytes) {
  for (const Op op : kOps) {
    for (const bool enters_first : {true, false}) {
      auto made = pushed();
      Reader reader(made.catcher);
      std::stop_source stop;
      Bell stopper([&] { stop.request_stop(); });
      ReadResult result{};
      const auto enter = [&] {
        ck_assert_status(made.catcher->once_readable(0, stopper.request), Status::would_block);
      };
      if (enters_first) enter();
      const Task task = run(op, reader, stop.get_token(), result);
      if (!enters_first) enter();

      add(made.writer, kSize);

      ck_assert(task.is_done());
      ck_assert(result.status == Status::ok || result.status == Status::cancelled);
      ck_assert_uint_eq(stopper.rings(), 1);
      made.writer.finish();
      ck_assert_uint_eq(reader.offset() + read_all(reader).bytes, kSize);
    }
  }
}
END_TEST

// A stop, bytes and the coroutine's own thread at once: each byte is read once, whoever wins.
START_TEST(racing_with_the_bytes) {
  constexpr int kRounds = 300;
  for (const Op op : kOps) {
    unsigned stopped = 0;
    for (int round = 0; round < kRounds; ++round) {
      auto made = pushed();
      Reader reader(made.catcher);
      std::stop_source stop;
      ReadResult result{};
      Gate ready;
      std::optional<Task> task;
      std::optional<Worker> worker;
      if (round % 2 != 0) worker.emplace();
      const auto begin = [&] {
        if (worker) {
          task.emplace(run(op, reader, stop.get_token(), result, OnWorker{&*worker}));
        } else {
          task.emplace(run(op, reader, stop.get_token(), result));
        }
      };
      if (round % 4 < 2) begin();
      {
        std::jthread appender([&] {
          ready.open();
          for (std::size_t i = 0; i < kSize; ++i) add(made.writer, 1);
          made.writer.finish();
        });
        std::jthread stopper([&] {
          ready.open();
          stop.request_stop();
        });
        ready.wait("both threads run", 2);
        if (round % 4 >= 2) begin();
      }
      task->wait("a coroutine goes on");
      stopped += result.status == Status::cancelled ? 1 : 0;
      ck_assert_uint_eq(reader.offset() + read_all(reader).bytes, kSize);
    }
    ck_assert_uint_le(stopped, kRounds);
  }
}
END_TEST

START_TEST(on_the_executor_it_goes_on_there) {
  for (const Op op : kOps) {
    auto made = pushed();
    Reader reader(made.catcher);
    Worker worker;
    std::stop_source stop;
    ReadResult result{};
    const Task task = run(op, reader, stop.get_token(), result, OnWorker{&worker});
    ck_assert_uint_eq(worker.posted(), 0);

    stop.request_stop();

    task.wait("a coroutine goes on");
    ck_assert_status(result.status, Status::cancelled);
    ck_assert_uint_eq(worker.posted(), 1);
  }
}
END_TEST

START_TEST(a_source_that_blocks_is_interrupted) {
  for (const Op op : kOps) {
    Gate never;
    auto log = std::make_shared<SourceLog>();
    Worker worker;
    Reader reader(
        pulled(std::move(Script().wait(never).give(5)), log, {.executor = worker.executor()}));
    std::stop_source stop;
    ReadResult result{};
    const Task task = run(op, reader, stop.get_token(), result);
    log->entered.wait("the source is being read");

    stop.request_stop();

    ck_assert(task.is_done());
    ck_assert_status(result.status, Status::cancelled);
    never.open();
    take(reader, 5);
  }
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "awaitable_cancel",
      {{"moment",
        {before_it_begins, bytes_that_are_there_come_before_a_stop, while_it_enters_its_request,
         an_endless_source_that_never_waits, while_it_waits, with_a_part_in_hand,
         inside_the_callbacks_that_bring_the_bytes, racing_with_the_bytes}},
       {"place", {on_the_executor_it_goes_on_there, a_source_that_blocks_is_interrupted}}});
}
