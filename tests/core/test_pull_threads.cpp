// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Several readers that pull from one source, on threads of their own.
#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Config;
using catcher::Deadline;
using catcher::Growth;
using catcher::kForever;
using catcher::kNotAtAll;
using catcher::Reader;
using catcher::ReadResult;
using catcher::Status;
using catcher::Wait;
using catcher::WhenFull;
using namespace catcher::test;

std::shared_ptr<SourceLog> new_log() {
  return std::make_shared<SourceLog>();
}

// A wait that tells when it is about to sleep: it looks once when it comes, and once more after
// it has announced itself as a sleeper.
ReadResult wait_and_tell(Reader& reader, Gate& asleep, const Wait& wait = patiently()) {
  int looks = 0;
  return reader.wait_or(wait, [&] {
    if (++looks == 2) asleep.open();
    return false;
  });
}

START_TEST(one_reader_asks_and_the_others_sleep) {
  Gate gate;
  Gate asleep;
  auto log = new_log();
  auto catcher = pulled(std::move(Script().wait(gate).give(10)), log);
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    Reader reader(catcher);
    take(reader, 10);
  });
  log->entered.wait("the first reader asks the source");
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      Reader reader(catcher);
      demand(wait_and_tell(reader, asleep).status == Status::ok, "the bytes wake all");
      take(reader, 10, Wait::none());
    });
  }
  asleep.wait("the others are about to sleep", 4);
  ck_assert_uint_eq(log->reads, 1);

  gate.open();

  for (auto& thread : threads) thread.join();
  ck_assert_uint_eq(log->reads, 1);
}
END_TEST

// Whoever gets the right to ask may find that its bytes came while it did: then it must not ask.
START_TEST(bytes_that_came_meanwhile_are_not_waited_for) {
  constexpr int kReaders = 4;
  constexpr int kRounds = 300;
  Script script;
  Gate gate;
  for (int round = 0; round < kRounds; ++round) script.wait(gate).give(1);
  auto catcher = pulled(std::move(script), nullptr, {.growth = Growth::constant(64)});
  Gate got;
  std::vector<std::thread> threads;

  for (int i = 0; i < kReaders; ++i) {
    threads.emplace_back([&] {
      Reader reader(catcher);
      for (int round = 0; round < kRounds; ++round) {
        take(reader, 1);
        got.open();
      }
    });
  }
  for (std::uint64_t round = 1; round <= kRounds; ++round) {
    gate.open();
    got.wait("each byte reaches every reader before the next one comes", round * kReaders);
  }
  for (auto& thread : threads) thread.join();
}
END_TEST

// The same, with the other reader put right between the look and the question.
START_TEST(bytes_that_came_between_look_and_question_are_not_waited_for) {
  Gate never;
  auto log = new_log();
  auto catcher = pulled(std::move(Script().give(1).wait(never)), log);
  Reader reader(catcher);
  Reader other(catcher);

  const auto result = reader.wait_or(Wait::at_most(std::chrono::milliseconds(1)), [&] {
    if (other.offset() == 0) take(other, 1);
    return false;
  });

  ck_assert_status(result.status, Status::ok);
  ck_assert_uint_eq(log->reads, 1);
}
END_TEST

// seed fault 4
START_TEST(a_failure_wakes_and_reaches_those_who_sleep) {
  Gate gate;
  Gate asleep;
  auto log = new_log();
  auto catcher = pulled(std::move(Script().wait(gate).fail(kBroken, 3)), log);
  std::vector<std::thread> threads;
  const auto read_to_failure = [&](Reader& reader) {
    const auto result = read_all(reader);
    demand(result.status == Status::failed && result.error == kBroken, "all get the failure");
    demand(result.bytes == 3, "all get the bytes before it");
  };
  threads.emplace_back([&] {
    Reader reader(catcher);
    read_to_failure(reader);
  });
  log->entered.wait("the first reader asks the source");
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      Reader reader(catcher);
      demand(wait_and_tell(reader, asleep).status == Status::ok, "the bytes wake all");
      read_to_failure(reader);
    });
  }
  asleep.wait("the others are about to sleep", 3);

  gate.open();

  for (auto& thread : threads) thread.join();
}
END_TEST

START_TEST(a_stop_token_ends_a_blocking_read_of_the_source_and_loses_nothing) {
  Gate gate;
  auto log = new_log();
  auto catcher = pulled(std::move(Script().give(5).wait(gate).give(5)), log);
  std::stop_source stop;
  std::thread stopped([&] {
    Reader reader(catcher);
    take(reader, 5);
    const auto result = read(reader, 5, Wait{kForever, stop.get_token()});
    demand(result.status == Status::cancelled && result.bytes == 0, "the read is cancelled");
    demand(reader.offset() == 5, "the place stays");
    take(reader, 5);
  });
  log->entered.wait("the reader waits in the source");

  stop.request_stop();
  log->entered.wait("the reader waits in the source again", 2);
  gate.open();
  stopped.join();

  Reader reader(catcher);
  ck_assert_uint_eq(read_all(reader).bytes, 10);
}
END_TEST

START_TEST(when_the_one_who_asks_is_stopped_another_takes_over) {
  Gate gate;
  Gate asleep;
  auto log = new_log();
  auto catcher = pulled(std::move(Script().wait(gate).give(10)), log);
  std::stop_source stop;
  std::thread first([&] {
    Reader reader(catcher);
    demand(read(reader, 1, Wait{kForever, stop.get_token()}).status == Status::cancelled,
           "the first is cancelled");
  });
  log->entered.wait("the first reader asks the source");
  std::thread second([&] {
    Reader reader(catcher);
    demand(wait_and_tell(reader, asleep).status == Status::ok, "the second gets the bytes");
  });
  asleep.wait("the second is about to sleep");

  stop.request_stop();

  log->entered.wait("the second asks the source", 2);
  // Bytes that came before the first has looked once more would be its own.
  first.join();
  gate.open();
  second.join();
}
END_TEST

START_TEST(a_stop_token_ends_the_sleep_of_who_does_not_ask) {
  Gate gate;
  Gate asleep;
  auto log = new_log();
  auto catcher = pulled(std::move(Script().wait(gate).give(10)), log);
  std::thread first([&] {
    Reader reader(catcher);
    take(reader, 10);
  });
  log->entered.wait("the first reader asks the source");
  std::stop_source stop;
  std::thread second([&] {
    Reader reader(catcher);
    const Wait wait{catcher::Clock::now() + kPatience, stop.get_token()};
    demand(wait_and_tell(reader, asleep, wait).status == Status::cancelled, "it is cancelled");
  });
  asleep.wait("the second is about to sleep");

  stop.request_stop();

  second.join();
  gate.open();
  first.join();
}
END_TEST

START_TEST(a_deadline_ends_a_read_whoever_asks_the_source) {
  Gate gate;
  auto log = new_log();
  auto catcher = pulled(std::move(Script().wait(gate).give(10)), log);
  const Wait brief = Wait::at_most(std::chrono::milliseconds(1));
  Reader alone(catcher);
  ck_assert_status(read(alone, 1, brief).status, Status::timed_out);
  ck_assert_status(try_read(alone, 1).status, Status::would_block);

  std::thread first([&] {
    Reader reader(catcher);
    take(reader, 10);
  });
  log->entered.wait("the first reader asks the source", 3);
  Reader second(catcher);
  ck_assert_status(read(second, 1, Wait::at_most(std::chrono::milliseconds(1))).status,
                   Status::timed_out);
  ck_assert_status(try_read(second, 1).status, Status::would_block);

  gate.open();
  first.join();
  take(second, 10, Wait::none());
}
END_TEST

START_TEST(a_full_window_waits_for_the_slowest_puller) {
  constexpr std::size_t kBytes = 20'000;
  auto catcher = pulled(std::move(Script().give(kBytes)), nullptr,
                        {.growth = Growth::constant(10),
                         .max_bytes = 640,
                         .when_full = WhenFull::block,
                         .read_burst = 1});
  std::vector<Reader> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(catcher);
  std::vector<std::thread> threads;

  for (std::size_t i = 0; i < readers.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto result = read_all(readers[i], 7 + 13 * i);
      demand(result.status == Status::end && result.bytes == kBytes, "nobody is evicted");
    });
  }
  for (auto& thread : threads) thread.join();

  ck_assert_uint_le(catcher->stats().bytes_allocated, 640 + 3 * 10);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "pull_threads",
      {{"share",
        {one_reader_asks_and_the_others_sleep, bytes_that_came_meanwhile_are_not_waited_for,
         bytes_that_came_between_look_and_question_are_not_waited_for,
         a_failure_wakes_and_reaches_those_who_sleep, a_full_window_waits_for_the_slowest_puller}},
       {"stop",
        {a_stop_token_ends_a_blocking_read_of_the_source_and_loses_nothing,
         when_the_one_who_asks_is_stopped_another_takes_over,
         a_stop_token_ends_the_sleep_of_who_does_not_ask}},
       {"deadline", {a_deadline_ends_a_read_whoever_asks_the_source}}});
}
