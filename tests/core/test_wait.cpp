// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Who waits for what in a catcher that is pushed, and what ends it.
#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/parked.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Clock;
using catcher::Config;
using catcher::Deadline;
using catcher::Growth;
using catcher::kForever;
using catcher::Reader;
using catcher::ReadResult;
using catcher::Status;
using catcher::Wait;
using catcher::WhenFull;
using namespace catcher::test;

const Config kBlocking{
    .growth = Growth::constant(10), .max_bytes = 640, .when_full = WhenFull::block};

// Waits at the reader's place on a thread of its own; wait_until_asleep() returns when it has
// looked for the last time before it sleeps.
class Sleeper {
 public:
  explicit Sleeper(Reader& reader, Wait wait = patiently())
      : thread_([this, &reader, wait] {
          result_ = reader.wait_or(wait, [this] {
            if (++looks_ == 2) asleep_.open();
            return is_due_.load();
          });
        }) {}
  ~Sleeper() {
    if (thread_.joinable()) thread_.join();
  }

  void wait_until_asleep() { asleep_.wait("the reader is about to sleep"); }
  void set_due() { is_due_ = true; }
  ReadResult result() {
    thread_.join();
    return result_;
  }
  int looks() const { return looks_; }

 private:
  std::atomic<int> looks_{0};
  std::atomic<bool> is_due_{false};
  Gate asleep_;
  ReadResult result_{};
  std::thread thread_;
};

START_TEST(bytes_wake_who_waits_at_the_edge) {
  auto made = filled(5);
  Reader reader(made.catcher);
  take(reader, 5);
  Sleeper sleeper(reader);
  sleeper.wait_until_asleep();

  add(made.writer, 3);

  ck_assert_status(sleeper.result().status, Status::ok);
  ck_assert_uint_eq(try_read(reader, 10).bytes, 3);
}
END_TEST

START_TEST(the_end_wakes_who_waits) {
  auto made = filled(5);
  Reader reader(made.catcher);
  take(reader, 5);
  Sleeper sleeper(reader);
  sleeper.wait_until_asleep();

  made.writer.finish();

  ck_assert_status(sleeper.result().status, Status::end);
}
END_TEST

START_TEST(a_failure_wakes_who_waits) {
  auto made = filled(5);
  Reader reader(made.catcher);
  take(reader, 5);
  Sleeper sleeper(reader);
  sleeper.wait_until_asleep();

  made.writer.fail(kBroken);

  const auto result = sleeper.result();
  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error == kBroken);
}
END_TEST

START_TEST(a_writer_that_goes_away_wakes_who_waits) {
  auto made = filled(5);
  Reader reader(made.catcher);
  take(reader, 5);
  Sleeper sleeper(reader);
  sleeper.wait_until_asleep();

  made.writer = catcher::Writer();

  ck_assert_status(sleeper.result().status, Status::failed);
}
END_TEST

START_TEST(a_stop_token_wakes_who_waits) {
  auto made = filled(5);
  Reader reader(made.catcher);
  take(reader, 5);
  std::stop_source stop;
  Sleeper sleeper(reader, Wait{Clock::now() + kPatience, stop.get_token()});
  sleeper.wait_until_asleep();

  stop.request_stop();

  ck_assert_status(sleeper.result().status, Status::cancelled);
}
END_TEST

START_TEST(what_is_there_goes_before_a_stop_and_a_deadline) {
  auto made = filled(5);
  std::stop_source stop;
  stop.request_stop();
  Reader reader(made.catcher);

  ck_assert_uint_eq(read(reader, 2, Wait{kForever, stop.get_token()}).bytes, 2);
  ck_assert_uint_eq(read(reader, 5, Wait::until(Clock::now())).bytes, 3);
  ck_assert_status(read(reader, 1, Wait{kForever, stop.get_token()}).status, Status::cancelled);
  ck_assert_status(read(reader, 1, Wait::until(Clock::now())).status, Status::timed_out);
  made.writer.finish();
  ck_assert_status(read(reader, 1, Wait{kForever, stop.get_token()}).status, Status::end);
}
END_TEST

START_TEST(a_deadline_ends_every_kind_of_wait) {
  auto made = filled(5);
  Reader reader(made.catcher);
  take(reader, 3);
  const auto brief = [] { return Wait::at_most(std::chrono::milliseconds(1)); };
  std::byte room[10];

  const auto full = reader.read_full(room, brief());
  ck_assert_status(full.status, Status::timed_out);
  ck_assert_uint_eq(full.bytes, 2);
  ck_assert_status(reader.read(room, brief()).status, Status::timed_out);
  ck_assert_status(reader.lease(1, brief()).status, Status::timed_out);
  ck_assert_status(reader.skip(1, brief()).status, Status::timed_out);
  ck_assert_status(reader.wait(brief()).status, Status::timed_out);
  ck_assert_uint_eq(reader.offset(), 5);
}
END_TEST

START_TEST(the_longest_waits_do_not_overflow) {
  ck_assert(Wait::at_most(Clock::duration::max()).deadline == kForever);
  ck_assert(Wait::at_most(Clock::duration::max() / 2).deadline > Clock::now());
  ck_assert(Wait::at_most(-std::chrono::hours(1)).deadline < Clock::now());

  auto made = filled(5);
  made.writer.finish();
  Reader reader(made.catcher);
  ck_assert_uint_eq(read(reader, 5, Wait::at_most(Clock::duration::max())).bytes, 5);
}
END_TEST

START_TEST(a_waiter_with_another_reason_is_woken_for_it) {
  auto made = filled(5);
  Reader reader(made.catcher);
  take(reader, 5);
  Sleeper sleeper(reader);
  sleeper.wait_until_asleep();

  sleeper.set_due();
  made.catcher->wake();

  ck_assert_status(sleeper.result().status, Status::would_block);
  ck_assert_uint_eq(reader.offset(), 5);
}
END_TEST

START_TEST(a_reason_that_holds_already_ends_the_wait_but_bytes_go_first) {
  auto made = filled(5);
  Reader reader(made.catcher);
  const auto due = [] { return true; };

  ck_assert_status(reader.wait_or(patiently(), due).status, Status::ok);
  take(reader, 5);
  ck_assert_status(reader.wait_or(patiently(), due).status, Status::would_block);
}
END_TEST

// seed fault 11: parked readers look again when something has happened, not before.
START_TEST(a_parked_reader_looks_a_bounded_number_of_times) {
  auto made = filled(5);
  Reader reader(made.catcher);
  ck_assert_status(reader.seek(1005).status, Status::ok);
  Sleeper sleeper(reader);
  sleeper.wait_until_asleep();

  for (int i = 0; i < 1000; ++i) add(made.writer, 1);
  add(made.writer, 1);

  ck_assert_status(sleeper.result().status, Status::ok);
  // Twice a wake-up at the most, and the kernel's own early returns.
  ck_assert_int_le(sleeper.looks(), 2 + 2 * 1001 + 100);
}
END_TEST

START_TEST(room_wakes_a_waiting_writer) {
  auto made = filled(640, kBlocking);
  Reader reader(made.catcher);
  std::thread writing([&] {
    demand(append(made.writer, 2000, patiently()).bytes == 2000, "room comes for all");
    made.writer.finish();
  });

  ck_assert_uint_eq(read_all(reader, 33).bytes, 2640);

  writing.join();
}
END_TEST

// Each way to leave a chunk must wake the writer by itself: after it the reader stands still.
START_TEST(each_way_to_leave_a_chunk_wakes_a_waiting_writer) {
  const std::vector<std::function<void(Reader&)>> ways{
      [](Reader& reader) { take(reader, 10); },
      [](Reader& reader) { take(reader, 13); },
      [](Reader& reader) { demand(reader.skip(10).bytes == 10, "the bytes are there"); },
      [](Reader& reader) { demand(reader.skip(13).bytes == 13, "the bytes are there"); },
      [](Reader& reader) { demand(reader.lease(10).lease.size() == 10, "they are there"); },
      [](Reader& reader) { demand(reader.seek(17).status == Status::ok, "a seek goes there"); },
      [](Reader& reader) { reader.set_holds_back(false); },
      [](Reader& reader) { const Reader gone = std::move(reader); },
  };
  for (const auto& leave : ways) {
    auto made = filled(640, kBlocking);
    Reader ahead(made.catcher);
    take(ahead, 640);
    Reader reader(made.catcher);
    Parked writer;
    std::thread writing([&] {
      const auto bytes = pattern(640, 10);
      writer.enter();
      demand(made.writer.append(bytes, patiently()).bytes == 10, "the writer is woken");
    });
    writer.wait("the writer sleeps until there is room");
    leave(reader);
    writing.join();
  }
}
END_TEST

START_TEST(a_stop_token_wakes_a_waiting_writer) {
  auto made = filled(640, kBlocking);
  Reader reader(made.catcher);
  std::stop_source stop;
  Parked writer;
  std::thread writing([&] {
    const Wait wait{Clock::now() + kPatience, stop.get_token()};
    writer.enter();
    demand(append(made.writer, 10, wait).status == Status::cancelled, "the writer is stopped");
  });
  writer.wait("the writer sleeps until there is room");

  stop.request_stop();

  writing.join();
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "wait",
      {{"wake",
        {bytes_wake_who_waits_at_the_edge, the_end_wakes_who_waits, a_failure_wakes_who_waits,
         a_writer_that_goes_away_wakes_who_waits, a_stop_token_wakes_who_waits}},
       {"deadline",
        {what_is_there_goes_before_a_stop_and_a_deadline, a_deadline_ends_every_kind_of_wait,
         the_longest_waits_do_not_overflow}},
       {"also",
        {a_waiter_with_another_reason_is_woken_for_it,
         a_reason_that_holds_already_ends_the_wait_but_bytes_go_first,
         a_parked_reader_looks_a_bounded_number_of_times}},
       {"writer",
        {room_wakes_a_waiting_writer, each_way_to_leave_a_chunk_wakes_a_waiting_writer,
         a_stop_token_wakes_a_waiting_writer}}});
}
