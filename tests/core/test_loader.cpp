// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Loading all, here and in the background.
#include "core/loader.hpp"

#include <algorithm>
#include <stdexcept>

#include "tests/support/check.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Catcher;
using catcher::Clock;
using catcher::Growth;
using catcher::kForever;
using catcher::load_all;
using catcher::Loader;
using catcher::Reader;
using catcher::Status;
using catcher::Wait;
using catcher::WhenFull;
using namespace catcher::test;

const catcher::Config kSmallChunks{.growth = Growth::constant(10), .read_burst = 1};

START_TEST(all_is_loaded_and_no_reader_moves) {
  auto log = std::make_shared<SourceLog>();
  auto catcher =
      pulled(std::move(Script().give(500).interrupt().give(33).end(7)), log, kSmallChunks);
  Reader reader(catcher);
  ck_assert(catcher->is_empty());
  take(reader, 3);
  ck_assert(!catcher->is_empty() && !catcher->is_finished() && !catcher->length());

  const auto result = load_all(catcher, patiently());

  ck_assert_status(result.status, Status::ok);
  ck_assert_uint_eq(result.bytes, 540);
  ck_assert(catcher->is_finished() && log->is_gone);
  ck_assert_uint_eq(catcher->length().value_or(0), 540);
  ck_assert_uint_eq(reader.offset(), 3);
  ck_assert_uint_eq(read_all(reader, 64, Wait::none()).bytes, 537);
  ck_assert_uint_eq(load_all(catcher, Wait::none()).bytes, 540);
}
END_TEST

START_TEST(an_empty_stream_is_loaded) {
  auto catcher = pulled(Script());

  const auto result = load_all(catcher);

  ck_assert_status(result.status, Status::ok);
  ck_assert_uint_eq(result.bytes, 0);
  ck_assert(catcher->is_empty() && catcher->is_finished());
}
END_TEST

// seed fault 4
START_TEST(an_error_is_reported_to_who_loads_and_to_readers) {
  auto catcher = pulled(std::move(Script().give(20).fail(kBroken, 5).give(10)));
  Reader reader(catcher);

  for (int again = 0; again < 2; ++again) {
    const auto result = load_all(catcher);
    ck_assert_status(result.status, Status::failed);
    ck_assert(result.error == kBroken);
    ck_assert_uint_eq(result.bytes, 25);
  }
  ck_assert_uint_eq(read_all(reader).bytes, 25);
  ck_assert(read(reader, 1).error == kBroken);

  ck_assert_status(catcher->resume(), Status::ok);
  ck_assert_uint_eq(load_all(catcher).bytes, 35);
}
END_TEST

START_TEST(loading_takes_no_longer_than_it_may) {
  Gate gate;
  auto catcher = pulled(std::move(Script().give(20).wait(gate).give(10)));
  std::stop_source stop;
  stop.request_stop();

  const auto looked = load_all(catcher, Wait::none());
  ck_assert_status(looked.status, Status::would_block);
  ck_assert_uint_eq(looked.bytes, 20);
  ck_assert_status(load_all(catcher, Wait::at_most(std::chrono::milliseconds(1))).status,
                   Status::timed_out);
  ck_assert_status(load_all(catcher, Wait{kForever, stop.get_token()}).status, Status::cancelled);

  gate.open();
  ck_assert_status(load_all(catcher).status, Status::ok);
}
END_TEST

// One that always has something, so that nobody ever waits.
START_TEST(a_deadline_ends_the_loading_of_what_never_ends) {
  class Endless final : public catcher::Source {
   public:
    catcher::SourceResult read(std::span<std::byte> space, const Wait& wait) override {
      demand(Clock::now() < wait.deadline + std::chrono::seconds(10), "a deadline is looked at");
      return catcher::SourceResult::some(std::min<std::size_t>(space.size(), 10));
    }
  };
  auto made = Catcher::pull(std::make_unique<Endless>(), {.max_bytes = 1'000'000});

  const auto result = load_all(made.catcher, Wait::at_most(std::chrono::milliseconds(1)));

  ck_assert_status(result.status, Status::timed_out);
  ck_assert_uint_eq(result.bytes, made.catcher->window().end);
}
END_TEST

START_TEST(a_window_that_evicts_is_loaded_to_its_end) {
  auto catcher = pulled(std::move(Script().give(5000)), nullptr,
                        {.growth = Growth::constant(10), .max_bytes = 640, .read_burst = 1});

  ck_assert_uint_eq(load_all(catcher).bytes, 5000);
  ck_assert_uint_ge(catcher->window().begin, 4360);
}
END_TEST

START_TEST(a_window_that_blocks_is_filled_and_readers_are_waited_for) {
  auto catcher = pulled(std::move(Script().give(5000)), nullptr,
                        {.growth = Growth::constant(10),
                         .max_bytes = 640,
                         .when_full = WhenFull::block,
                         .read_burst = 1});
  ck_assert_status(load_all(catcher, Wait::none()).status, Status::would_block);
  ck_assert_uint_eq(catcher->window().begin, 0);
  ck_assert_uint_eq(catcher->window().end, 640);
  Reader reader(catcher);

  Loader loader(catcher);

  ck_assert_uint_eq(read_all(reader).bytes, 5000);
  ck_assert_status(loader.wait(patiently()).status, Status::ok);
}
END_TEST

START_TEST(what_is_pushed_is_waited_for) {
  auto made = pushed();
  Loader loader(made.catcher);
  ck_assert_status(loader.wait(Wait::none()).status, Status::would_block);
  ck_assert_status(loader.wait(Wait::at_most(std::chrono::milliseconds(1))).status,
                   Status::timed_out);
  std::stop_source stop;
  stop.request_stop();
  ck_assert_status(loader.wait({kForever, stop.get_token()}).status, Status::cancelled);
  ck_assert(!loader.is_done());

  add(made.writer, 100);
  made.writer.finish();

  const auto result = loader.wait(patiently());
  ck_assert_status(result.status, Status::ok);
  ck_assert_uint_eq(result.bytes, 100);
  ck_assert(loader.is_done());
}
END_TEST

// seed fault 4
START_TEST(a_loader_reports_an_error) {
  auto catcher = pulled(std::move(Script().fail(kBroken, 5)));
  Loader loader(catcher);

  const auto result = loader.wait(patiently());

  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error == kBroken);
  Reader reader(catcher);
  ck_assert_uint_eq(read_all(reader).bytes, 5);
}
END_TEST

START_TEST(a_loader_is_cancelled_in_the_midst_of_a_read_and_loses_nothing) {
  Gate gate;
  auto log = std::make_shared<SourceLog>();
  auto catcher = pulled(std::move(Script().give(5).wait(gate).give(5)), log);
  Loader loader(catcher);
  log->entered.wait("the loader waits in the source");

  loader.cancel();

  const auto result = loader.wait(patiently());
  ck_assert_status(result.status, Status::cancelled);
  ck_assert_uint_eq(result.bytes, 5);
  gate.open();
  Reader reader(catcher);
  ck_assert_uint_eq(read_all(reader).bytes, 10);
}
END_TEST

START_TEST(a_loader_that_goes_is_cancelled_and_joined) {
  Gate gate;
  auto log = std::make_shared<SourceLog>();
  {
    auto catcher = pulled(std::move(Script().wait(gate)), log);
    Loader loader;
    ck_assert(loader.is_done());
    ck_assert_status(loader.wait().status, Status::ok);
    loader = Loader(std::move(catcher));
    Loader moved(std::move(loader));
    log->entered.wait("the loader waits in the source");
  }

  ck_assert(log->is_gone);
}
END_TEST

START_TEST(a_loader_may_outlive_its_wait_on_another_thread) {
  Gate gate;
  auto log = std::make_shared<SourceLog>();
  Loader loader(pulled(std::move(Script().wait(gate).give(5)), log));
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] { demand(loader.wait(patiently()).bytes == 5, "all are told"); });
  }
  log->entered.wait("the loader waits in the source");

  gate.open();

  for (auto& thread : threads) thread.join();
}
END_TEST

START_TEST(an_executor_loads_when_it_likes) {
  std::function<void()> work;
  auto catcher = pulled(std::move(Script().give(50)));
  Loader loader(catcher, [&](std::function<void()> given) { work = std::move(given); });
  ck_assert(!loader.is_done() && catcher->is_empty());

  std::exchange(work, nullptr)();

  ck_assert_uint_eq(loader.wait(Wait::none()).bytes, 50);
  ck_assert(catcher->is_finished());
}
END_TEST

START_TEST(work_that_an_executor_drops_or_does_too_late_is_cancelled) {
  auto catcher = pulled(std::move(Script().give(50)));
  const Loader dropped(catcher, [](const std::function<void()>&) {});
  ck_assert_status(dropped.wait(patiently()).status, Status::cancelled);

  std::function<void()> work;
  {
    const Loader gone(catcher, [&](std::function<void()> given) { work = std::move(given); });
  }
  work();

  ck_assert(catcher->is_empty());
}
END_TEST

START_TEST(an_executor_that_throws_is_a_failure) {
  auto catcher = pulled(std::move(Script().give(50)));

  const Loader loader(catcher,
                      [](const std::function<void()>&) { throw std::runtime_error("no"); });

  ck_assert_status(loader.wait(Wait::none()).status, Status::failed);
  ck_assert(loader.wait(Wait::none()).error.value() != 0);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "loader",
      {{"load_all",
        {all_is_loaded_and_no_reader_moves, an_empty_stream_is_loaded,
         an_error_is_reported_to_who_loads_and_to_readers, loading_takes_no_longer_than_it_may,
         a_deadline_ends_the_loading_of_what_never_ends, a_window_that_evicts_is_loaded_to_its_end,
         a_window_that_blocks_is_filled_and_readers_are_waited_for}},
       {"background",
        {what_is_pushed_is_waited_for, a_loader_reports_an_error,
         a_loader_is_cancelled_in_the_midst_of_a_read_and_loses_nothing,
         a_loader_that_goes_is_cancelled_and_joined,
         a_loader_may_outlive_its_wait_on_another_thread}},
       {"executor",
        {an_executor_loads_when_it_likes, work_that_an_executor_drops_or_does_too_late_is_cancelled,
         an_executor_that_throws_is_a_failure}}});
}
