// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a catcher tells about itself, and ranges of it that are pinned.
#include <limits>
#include <new>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/failing_new.hpp"
#include "tests/support/parked.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Catcher;
using catcher::Config;
using catcher::Fault;
using catcher::Growth;
using catcher::PinnedRange;
using catcher::PinPolicy;
using catcher::Reader;
using catcher::Stats;
using catcher::Status;
using catcher::WhenFull;
using catcher::Window;
using namespace catcher::test;

const Config kSmallChunks{.growth = Growth::constant(10)};
const Config kSmallWindow{.growth = Growth::constant(10), .max_bytes = 640};

void assert_range(const PinnedRange& range, std::uint64_t begin, std::uint64_t end) {
  ck_assert(range.range() == (Window{begin, end}));
  for (const auto& piece : range.pieces()) {
    ck_assert_uint_eq(piece.offset(), begin);
    demand_pattern(piece.bytes(), begin);
    begin += piece.size();
  }
  ck_assert_uint_eq(begin, end);
}

START_TEST(figures_tell_what_came_and_what_is_kept) {
  auto made = filled(1000, kSmallWindow);
  std::vector<Reader> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(made.catcher);

  const Stats stats = made.catcher->stats();

  ck_assert_uint_eq(stats.bytes_in, 1000);
  ck_assert_uint_eq(stats.bytes_evicted, 360);
  ck_assert_uint_eq(stats.bytes_allocated, 640);
  ck_assert_uint_eq(stats.chunks, 64);
  ck_assert_uint_eq(stats.chunks_evicted, 36);
  ck_assert_uint_eq(stats.source_reads, 0);
  ck_assert_uint_eq(stats.readers, 3);
  readers.pop_back();
  ck_assert_uint_eq(made.catcher->stats().readers, 2);
}
END_TEST

START_TEST(the_length_is_known_when_it_is_over_and_not_before) {
  auto made = filled(10);
  ck_assert(!made.catcher->length() && !made.catcher->is_finished());

  made.writer.finish();

  ck_assert_uint_eq(made.catcher->length().value_or(0), 10);
  ck_assert(made.catcher->is_finished() && !made.catcher->has_failed());
}
END_TEST

START_TEST(a_stream_of_nothing_is_a_stream) {
  auto made = pushed();
  made.writer.finish();
  Reader reader(made.catcher);

  ck_assert_status(read(reader, 1).status, Status::end);
  ck_assert_uint_eq(made.catcher->length().value_or(1), 0);
  ck_assert_uint_eq(made.catcher->stats().bytes_allocated, 0);
}
END_TEST

START_TEST(only_what_has_failed_can_be_resumed) {
  auto made = filled(10);
  ck_assert_status(made.catcher->resume(), Status::bad_argument);

  made.writer.fail(kBroken);
  ck_assert(made.catcher->has_failed());
  ck_assert_status(made.catcher->resume(), Status::ok);
  ck_assert(!made.catcher->has_failed());

  made.writer.finish();
  ck_assert_status(made.catcher->resume(), Status::bad_argument);
}
END_TEST

START_TEST(a_kept_range_stays_readable_while_the_window_moves_on) {
  auto made = filled(100, kSmallWindow);
  PinnedRange range;

  ck_assert_status(made.catcher->pin(15, 47, PinPolicy::keep, range), Status::ok);
  ck_assert_uint_eq(range.pieces().size(), 4);
  add(made.writer, 5000);
  ck_assert_uint_gt(made.catcher->window().begin, 47);
  assert_range(range, 15, 47);
  made = {};

  assert_range(range, 15, 47);
}
END_TEST

START_TEST(a_held_range_stops_the_window) {
  auto made = filled(100, kSmallWindow);
  PinnedRange range;
  ck_assert_status(made.catcher->pin(15, 47, PinPolicy::hold, range), Status::ok);

  const auto result = append(made.writer, 5000);
  ck_assert_status(result.status, Status::full);
  ck_assert(made.catcher->window() == (Window{10, 650}));
  ck_assert_status(made.writer.evict_before(200), Status::full);
  assert_range(range, 15, 47);
  range.release();

  ck_assert_uint_eq(range.pieces().size(), 0);
  add(made.writer, 5000);
}
END_TEST

START_TEST(the_oldest_of_several_holds_counts) {
  auto made = filled(640, kSmallWindow);
  PinnedRange early;
  PinnedRange twin;
  PinnedRange late;
  ck_assert_status(made.catcher->pin(10, 20, PinPolicy::hold, early), Status::ok);
  ck_assert_status(made.catcher->pin(10, 30, PinPolicy::hold, twin), Status::ok);
  ck_assert_status(made.catcher->pin(50, 60, PinPolicy::hold, late), Status::ok);

  ck_assert_uint_eq(append(made.writer, 5000).bytes, 10);
  early = std::move(late);
  ck_assert_uint_eq(append(made.writer, 5000).bytes, 0);
  twin.release();
  ck_assert_uint_eq(append(made.writer, 5000).bytes, 40);
  early.release();
  add(made.writer, 5000);
}
END_TEST

START_TEST(releasing_a_hold_wakes_a_waiting_writer) {
  Config config = kSmallWindow;
  config.when_full = WhenFull::block;
  auto made = filled(640, config);
  Reader reader(made.catcher);
  take(reader, 640);
  PinnedRange range;
  ck_assert_status(made.catcher->pin(0, 10, PinPolicy::hold, range), Status::ok);
  Parked writer;
  std::thread writing([&] {
    writer.enter();
    demand(append(made.writer, 10, patiently()).bytes == 10, "the writer is woken");
  });
  writer.wait("the writer sleeps until there is room");

  range.release();

  writing.join();
}
END_TEST

START_TEST(a_range_that_is_not_there_cannot_be_pinned) {
  auto made = filled(5000, kSmallWindow);
  const Window window = made.catcher->window();
  PinnedRange range;

  for (const PinPolicy policy : {PinPolicy::keep, PinPolicy::hold}) {
    const auto status = [&](std::uint64_t begin, std::uint64_t end) {
      return made.catcher->pin(begin, end, policy, range);
    };
    ck_assert_status(status(window.begin - 1, window.end), Status::evicted);
    ck_assert_status(status(0, 1), Status::evicted);
    ck_assert_status(status(window.begin, window.end + 1), Status::bad_argument);
    ck_assert_status(status(window.end, window.end), Status::bad_argument);
    ck_assert_status(status(window.end, window.begin), Status::bad_argument);
    ck_assert_status(status(0, std::numeric_limits<std::uint64_t>::max()), Status::bad_argument);
  }
  ck_assert(range.range() == (Window{}));
  add(made.writer, 5000);  // nothing holds the window
}
END_TEST

START_TEST(pinning_again_lets_go_of_the_range_before) {
  auto made = filled(640, kSmallWindow);
  PinnedRange range;
  ck_assert_status(made.catcher->pin(0, 10, PinPolicy::hold, range), Status::ok);

  ck_assert_status(made.catcher->pin(100, 110, PinPolicy::hold, range), Status::ok);

  ck_assert_uint_eq(append(made.writer, 5000).bytes, 100);
}
END_TEST

// Every allocation of a call fails in turn; whatever it does, nothing is left behind.
START_TEST(pinning_without_memory_fails_and_holds_nothing) {
  auto made = filled(640, kSmallWindow);
  int failures = 0;

  for (int allowed = 0;; ++allowed) {
    PinnedRange range;
    const FailingNew failing(allowed);
    const Status status = made.catcher->pin(5, 600, PinPolicy::hold, range);
    if (status == Status::ok) break;
    ck_assert_status(status, Status::out_of_memory);
    ck_assert_uint_eq(range.pieces().size(), 0);
    ++failures;
  }

  ck_assert_int_gt(failures, 0);
  add(made.writer, 5000);
}
END_TEST

START_TEST(a_reader_that_cannot_be_made_is_not_there) {
  auto made = filled(10);
  int failures = 0;

  for (int allowed = 0;; ++allowed) {
    try {
      const FailingNew failing(allowed);
      const Reader reader(made.catcher);
      break;
    } catch (const std::bad_alloc&) {
      ++failures;
      ck_assert_uint_eq(made.catcher->stats().readers, 0);
    }
  }

  ck_assert_int_gt(failures, 0);
}
END_TEST

START_TEST(a_write_without_memory_says_so_and_can_be_tried_again) {
  auto made = filled(100, kSmallChunks);
  const auto bytes = pattern(100, 100);
  catcher::WriteResult result{};

  {
    const FailingNew failing(0);
    result = made.writer.append(bytes);
  }
  ck_assert_status(result.status, Status::out_of_memory);
  add(made.writer, 100 - result.bytes);

  Reader reader(made.catcher);
  take(reader, 200);
}
END_TEST

START_TEST(each_status_and_fault_has_a_text) {
  for (int i = 0; i <= static_cast<int>(Status::bad_argument); ++i) {
    ck_assert(to_string(static_cast<Status>(i)) != "unknown status");
  }
  ck_assert(to_string(static_cast<Status>(250)) == "unknown status");
  for (const Fault fault : {Fault::source_threw, Fault::source_overran, Fault::writer_gone}) {
    const std::error_code code = fault;
    ck_assert(code && code.message() != "unknown fault");
    ck_assert_str_eq(code.category().name(), "catcher");
  }
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "catcher",
      {{"state",
        {figures_tell_what_came_and_what_is_kept,
         the_length_is_known_when_it_is_over_and_not_before, a_stream_of_nothing_is_a_stream,
         only_what_has_failed_can_be_resumed, each_status_and_fault_has_a_text}},
       {"pin",
        {a_kept_range_stays_readable_while_the_window_moves_on, a_held_range_stops_the_window,
         the_oldest_of_several_holds_counts, releasing_a_hold_wakes_a_waiting_writer,
         a_range_that_is_not_there_cannot_be_pinned, pinning_again_lets_go_of_the_range_before}},
       {"memory",
        {pinning_without_memory_fails_and_holds_nothing, a_reader_that_cannot_be_made_is_not_there,
         a_write_without_memory_says_so_and_can_be_tried_again}}});
}
