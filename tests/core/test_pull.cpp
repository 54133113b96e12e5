// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A catcher whose readers pull from a source.
#include <cstring>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Catcher;
using catcher::Config;
using catcher::Fault;
using catcher::Growth;
using catcher::Reader;
using catcher::ReadResult;
using catcher::SourceResult;
using catcher::Status;
using catcher::Wait;
using catcher::WhenFull;
using namespace catcher::test;

const Config kSmallChunks{.growth = Growth::constant(10), .read_burst = 1};

std::shared_ptr<SourceLog> new_log() {
  return std::make_shared<SourceLog>();
}

START_TEST(nothing_is_asked_for_before_somebody_reads) {
  auto log = new_log();
  Reader reader(pulled(std::move(Script().give(10)), log));
  ck_assert_uint_eq(log->reads, 0);

  take(reader, 10);

  ck_assert_uint_eq(log->reads, 1);
  ck_assert_status(read(reader, 1).status, Status::end);
}
END_TEST

START_TEST(what_is_there_is_read_without_the_source) {
  auto log = new_log();
  auto catcher = pulled(std::move(Script().give(1000)), log);
  Reader first(catcher);
  take(first, 1000);

  Reader second(catcher);
  take(second, 1000);
  ck_assert_status(second.seek(3).status, Status::ok);
  take(second, 500);

  ck_assert_uint_eq(log->reads, 1);
  ck_assert_uint_eq(catcher->stats().source_reads, 1);
}
END_TEST

// seed fault 5
START_TEST(a_short_read_of_the_source_is_passed_on_at_once) {
  Gate never;
  auto log = new_log();
  Reader reader(pulled(std::move(Script().give(100).wait(never)), log));

  const auto result = read(reader, 4096, Wait{});

  ck_assert_uint_eq(result.bytes, 100);
  ck_assert_uint_eq(log->reads, 1);
}
END_TEST

START_TEST(a_source_is_asked_for_a_burst_or_more) {
  auto log = new_log();
  Reader reader(pulled(std::move(Script().give(50)), log,
                       {.growth = Growth::constant(16), .read_burst = 777}));

  take(reader, 1);

  ck_assert_uint_ge(log->largest_space, 777);
}
END_TEST

START_TEST(bytes_that_come_with_the_end_count) {
  auto catcher = pulled(std::move(Script().give(5).end(7)));
  Reader reader(catcher);

  take(reader, 12);

  ck_assert_status(read(reader, 1).status, Status::end);
  ck_assert_uint_eq(catcher->length().value_or(0), 12);
}
END_TEST

START_TEST(the_source_goes_when_it_has_ended) {
  auto log = new_log();
  auto catcher = pulled(std::move(Script().give(5)), log);
  Reader reader(catcher);

  ck_assert_status(read_all(reader).status, Status::end);

  ck_assert(log->is_gone);
  ck_assert(catcher->is_finished());
}
END_TEST

// seed fault 1
START_TEST(an_interruption_is_retried_and_shifts_nothing) {
  auto log = new_log();
  Script script;
  for (int i = 0; i < 20; ++i) script.interrupt().interrupt().give(7);
  Reader reader(pulled(std::move(script), log, kSmallChunks));

  const auto result = read_all(reader, 5);

  ck_assert_status(result.status, Status::end);
  ck_assert_uint_eq(result.bytes, 140);
}
END_TEST

START_TEST(an_interruption_does_not_make_a_look_wait) {
  auto log = new_log();
  Script script;
  for (int i = 0; i < 100; ++i) script.interrupt();
  Reader reader(pulled(std::move(script), log));

  ck_assert_status(try_read(reader, 1).status, Status::would_block);

  ck_assert_uint_eq(log->reads, 1);
}
END_TEST

// seed fault 1, 4
START_TEST(a_failure_reaches_every_reader_after_every_byte_and_stays) {
  auto log = new_log();
  auto catcher = pulled(std::move(Script().give(15).fail(kBroken, 3)), log, kSmallChunks);
  std::vector<Reader> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(catcher);

  for (Reader& reader : readers) {
    for (int again = 0; again < 2; ++again) {
      const auto result = read_all(reader, 4);
      ck_assert_status(result.status, Status::failed);
      ck_assert(result.error == kBroken);
      ck_assert_uint_eq(reader.offset(), 18);
    }
    ck_assert_status(reader.skip(1).status, Status::failed);
    ck_assert_status(reader.lease(1).status, Status::failed);
    ck_assert_status(reader.wait().status, Status::failed);
  }
  ck_assert_uint_eq(log->reads, 3);  // 10, 5 and 3 bytes; never again after the failure
  ck_assert(catcher->has_failed() && !catcher->is_finished() && !catcher->length());
}
END_TEST

// seed fault 1
START_TEST(a_failed_source_that_is_resumed_loses_and_shifts_nothing) {
  Script script;
  for (int i = 0; i < 10; ++i) script.give(7).fail(kBroken, 4).fail(kBroken).interrupt();
  auto catcher = pulled(std::move(script), nullptr, kSmallChunks);
  Reader reader(catcher);
  Reader other(catcher);

  for (int i = 0; i < 20; ++i) {
    ck_assert_status(read_all(reader, 5).status, Status::failed);
    ck_assert_uint_eq(reader.offset(), static_cast<unsigned>(11 * (1 + i / 2)));
    ck_assert_status(catcher->resume(), Status::ok);
    ck_assert_status(catcher->resume(), Status::bad_argument);
  }

  ck_assert_status(read_all(reader).status, Status::end);
  ck_assert_uint_eq(read_all(other).bytes, 110);
}
END_TEST

// seed fault 1, 3
START_TEST(a_source_that_throws_has_failed) {
  auto log = new_log();
  auto catcher = pulled(std::move(Script().give(5).throws().give(5)), log);
  Reader reader(catcher);

  const auto result = read_all(reader);
  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error == Fault::source_threw);
  ck_assert_uint_eq(result.bytes, 5);

  ck_assert_status(catcher->resume(), Status::ok);
  ck_assert_uint_eq(read_all(reader).bytes, 5);
  ck_assert(log->is_gone);
}
END_TEST

// seed fault 3: dropped with the failure on it, nothing leaks and nothing is freed twice
// (AddressSanitizer looks on).
START_TEST(a_catcher_dies_well_after_its_source_threw) {
  auto log = new_log();
  {
    Reader reader(pulled(std::move(Script().give(5).throws()), log));
    ck_assert_status(read_all(reader).status, Status::failed);
    ck_assert(!log->is_gone);
    Reader copy = reader.clone();
    ck_assert_status(read_all(copy).status, Status::failed);
  }

  ck_assert(log->is_gone);
}
END_TEST

START_TEST(a_source_that_runs_out_of_memory_has_failed) {
  class Starved final : public catcher::Source {
   public:
    SourceResult read(std::span<std::byte>, const Wait&) override { throw std::bad_alloc(); }
  };
  auto made = Catcher::pull(std::make_unique<Starved>());
  Reader reader(made.catcher);

  const auto result = read(reader, 1);

  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error == std::errc::not_enough_memory);
}
END_TEST

START_TEST(a_source_that_claims_too_much_has_failed_and_gives_nothing) {
  auto catcher = pulled(std::move(Script().give(5).overrun().give(5)), nullptr, kSmallChunks);
  Reader reader(catcher);

  const auto result = read_all(reader);
  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error == Fault::source_overran);
  ck_assert_uint_eq(result.bytes, 5);

  ck_assert_status(catcher->resume(), Status::ok);
  ck_assert_uint_eq(read_all(reader).bytes, 5);
}
END_TEST

// seed fault 9: the rest of the chunk is handed out as it is, not cleared at every call.
START_TEST(the_room_a_source_gets_is_not_rewritten) {
  class Poisoning final : public catcher::Source {
   public:
    explicit Poisoning(int& kept) : kept_(kept) {}
    SourceResult read(std::span<std::byte> space, const Wait&) override {
      if (space.data() == next_) {
        for (const std::byte byte : space) {
          demand(byte == std::byte{0xA5}, "room is left alone", offset_);
        }
        ++kept_;
      }
      if (offset_ == 3000) return SourceResult::at_end();
      std::memset(space.data(), 0xA5, space.size());
      space[0] = byte_at(offset_++);
      next_ = space.data() + 1;
      return SourceResult::some(1);
    }

   private:
    int& kept_;
    const std::byte* next_ = nullptr;
    std::uint64_t offset_ = 0;
  };
  int kept = 0;
  auto made = Catcher::pull(std::make_unique<Poisoning>(kept), {.growth = Growth::constant(1000)});
  Reader reader(made.catcher);

  ck_assert_uint_eq(read_all(reader).bytes, 3000);

  ck_assert_int_ge(kept, 2997 - 3);
}
END_TEST

// seed fault 10
START_TEST(an_exact_hint_leaves_exactly_that_memory) {
  auto catcher = pulled(std::move(Script().give(100'000)), nullptr, {.length_hint = 100'000});
  Reader reader(catcher);

  ck_assert_uint_eq(read_all(reader, 4096).bytes, 100'000);

  ck_assert_uint_eq(catcher->stats().bytes_allocated, 100'000);
  ck_assert_uint_eq(catcher->stats().chunks, 1);
}
END_TEST

START_TEST(a_window_without_room_for_a_burst_still_pulls) {
  auto catcher =
      pulled(std::move(Script().give(5000)), nullptr, {.max_bytes = 640, .read_burst = 4096});
  Reader reader(catcher);

  ck_assert_uint_eq(read_all(reader, 64).bytes, 5000);
}
END_TEST

START_TEST(a_look_at_a_full_window_would_block_until_the_slowest_has_moved) {
  auto catcher = pulled(std::move(Script().give(5000)), nullptr,
                        {.growth = Growth::constant(10),
                         .max_bytes = 640,
                         .when_full = WhenFull::block,
                         .read_burst = 1});
  Reader slow(catcher);
  Reader fast(catcher);

  ck_assert_uint_eq(read_all(fast, 100, Wait::none()).bytes, 640);
  ck_assert_status(try_read(fast, 1).status, Status::would_block);
  ck_assert_status(read(fast, 1, Wait::until(catcher::Clock::now())).status, Status::timed_out);
  take(slow, 10);

  ck_assert_uint_eq(try_read(fast, 100).bytes, 10);
}
END_TEST

START_TEST(a_held_range_in_a_full_window_stops_a_pull_loudly) {
  auto catcher = pulled(std::move(Script().give(5000)), nullptr,
                        {.growth = Growth::constant(10), .max_bytes = 640, .read_burst = 1});
  Reader reader(catcher);
  take(reader, 100);
  catcher::PinnedRange range;
  ck_assert_status(catcher->pin(50, 60, catcher::PinPolicy::hold, range), Status::ok);

  const auto result = read_all(reader);
  ck_assert_status(result.status, Status::full);
  ck_assert_uint_eq(reader.offset(), 690);
  range.release();

  ck_assert_status(read_all(reader).status, Status::end);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "pull",
      {{"ask",
        {nothing_is_asked_for_before_somebody_reads, what_is_there_is_read_without_the_source,
         a_short_read_of_the_source_is_passed_on_at_once, a_source_is_asked_for_a_burst_or_more,
         the_room_a_source_gets_is_not_rewritten}},
       {"end",
        {bytes_that_come_with_the_end_count, the_source_goes_when_it_has_ended,
         an_exact_hint_leaves_exactly_that_memory}},
       {"interrupt",
        {an_interruption_is_retried_and_shifts_nothing, an_interruption_does_not_make_a_look_wait}},
       {"failure",
        {a_failure_reaches_every_reader_after_every_byte_and_stays,
         a_failed_source_that_is_resumed_loses_and_shifts_nothing, a_source_that_throws_has_failed,
         a_catcher_dies_well_after_its_source_threw, a_source_that_runs_out_of_memory_has_failed,
         a_source_that_claims_too_much_has_failed_and_gives_nothing}},
       {"window",
        {a_window_without_room_for_a_burst_still_pulls,
         a_look_at_a_full_window_would_block_until_the_slowest_has_moved,
         a_held_range_in_a_full_window_stops_a_pull_loudly}}});
}
