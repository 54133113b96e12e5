// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include <limits>

#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Config;
using catcher::Growth;
using catcher::Reader;
using catcher::Status;
using catcher::Wait;
using catcher::Whence;
using namespace catcher::test;

constexpr std::int64_t kFarthest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kFarthestBack = std::numeric_limits<std::int64_t>::min();
const Config kSmallChunks{.growth = Growth::constant(10)};
const Config kSmallWindow{.growth = Growth::constant(10), .max_bytes = 640};

// The seek is carried out, and says so.
void assert_goes(Reader& reader, std::int64_t distance, Whence whence, std::uint64_t offset) {
  const auto result = reader.seek(distance, whence);
  ck_assert_status(result.status, Status::ok);
  ck_assert_uint_eq(result.offset, offset);
  ck_assert_uint_eq(reader.offset(), offset);
}

// The seek is refused, and the reader stays, ready to go on.
void assert_refused(Reader& reader, std::int64_t distance, Whence whence) {
  const std::uint64_t offset = reader.offset();
  const std::uint64_t available = reader.available();
  const auto result = reader.seek(distance, whence);
  ck_assert_status(result.status, Status::bad_argument);
  ck_assert_uint_eq(result.offset, offset);
  ck_assert_uint_eq(reader.offset(), offset);
  ck_assert_uint_eq(reader.available(), available);
}

START_TEST(every_whence_counts_from_its_own_place) {
  auto made = filled(5005, kSmallWindow);
  const std::uint64_t oldest = made.catcher->window().begin;
  made.writer.finish();
  Reader reader(made.catcher);

  assert_goes(reader, 4990, Whence::start, 4990);
  assert_goes(reader, 7, Whence::current, 4997);
  assert_goes(reader, -7, Whence::current, 4990);
  assert_goes(reader, 0, Whence::end, 5005);
  assert_goes(reader, -5, Whence::end, 5000);
  assert_goes(reader, 0, Whence::oldest, oldest);
  assert_goes(reader, 3, Whence::oldest, oldest + 3);
  assert_goes(reader, -2, Whence::edge, 5003);
  ck_assert_uint_eq(read(reader, 100).bytes, 2);
}
END_TEST

START_TEST(seeks_land_on_the_right_byte_in_any_chunk) {
  auto made = filled(200, {.growth = Growth::constant(7)});
  Reader reader(made.catcher);

  for (std::int64_t i = 0; i < 200; ++i) {
    const std::int64_t target = i * 83 % 200;
    assert_goes(reader, target, Whence::start, static_cast<std::uint64_t>(target));
    ck_assert_uint_ge(read(reader, 3).bytes, 1);
  }
}
END_TEST

// seed fault 6: a live source never makes an end-relative seek wait.
START_TEST(from_an_end_that_is_not_known_is_refused) {
  auto made = filled(20);
  Reader reader(made.catcher);
  take(reader, 4);

  assert_refused(reader, 0, Whence::end);
  made.writer.fail(kBroken);
  assert_refused(reader, -1, Whence::end);
  ck_assert_status(made.catcher->resume(), Status::ok);
  made.writer.finish();
  assert_goes(reader, -1, Whence::end, 19);

  auto log = std::make_shared<SourceLog>();
  Reader pulling(pulled(std::move(Script().give(10)), log));
  assert_refused(pulling, 0, Whence::end);
  ck_assert_uint_eq(log->reads, 0);
}
END_TEST

// seed fault 6
START_TEST(a_refused_seek_leaves_the_place_alone) {
  auto made = filled(30, kSmallChunks);
  Reader reader(made.catcher);
  take(reader, 13);

  assert_refused(reader, -1, Whence::start);
  assert_refused(reader, -14, Whence::current);
  assert_refused(reader, -31, Whence::edge);
  assert_refused(reader, -1, Whence::oldest);
  assert_refused(reader, 0, Whence::end);

  ck_assert_uint_eq(read(reader, 100).bytes, 17);
}
END_TEST

// seed fault 6
START_TEST(extreme_distances_do_not_overflow) {
  auto made = filled(30, kSmallChunks);
  Reader reader(made.catcher);
  take(reader, 13);

  for (const Whence whence : {Whence::start, Whence::current, Whence::oldest, Whence::edge}) {
    assert_refused(reader, kFarthestBack, whence);
  }
  assert_refused(reader, kFarthest, Whence::current);
  assert_refused(reader, kFarthest - 12, Whence::current);
  assert_refused(reader, kFarthest, Whence::edge);
  constexpr auto kLast = static_cast<std::uint64_t>(kFarthest);
  assert_goes(reader, kFarthest - 13, Whence::current, kLast);
  assert_refused(reader, 1, Whence::current);
  assert_goes(reader, kFarthest, Whence::start, kLast);
  ck_assert_status(try_read(reader, 10).status, Status::would_block);
  made.writer.finish();
  ck_assert_status(try_read(reader, 10).status, Status::end);
  assert_goes(reader, -kFarthest, Whence::current, 0);
  ck_assert_uint_eq(read(reader, 100).bytes, 30);
}
END_TEST

// seed fault 6: beyond the edge is a place, not a mistake to be mended silently.
START_TEST(beyond_the_edge_the_reader_waits_for_that_byte) {
  auto made = filled(30, kSmallChunks);
  Reader reader(made.catcher);
  assert_goes(reader, 45, Whence::start, 45);

  ck_assert_status(try_read(reader, 10).status, Status::would_block);
  add(made.writer, 15);
  ck_assert_status(try_read(reader, 10).status, Status::would_block);
  add(made.writer, 15);

  ck_assert_uint_eq(try_read(reader, 100).bytes, 15);
}
END_TEST

START_TEST(beyond_the_end_there_is_the_end) {
  auto made = filled(30, kSmallChunks);
  made.writer.finish();
  Reader reader(made.catcher);

  assert_goes(reader, 1000, Whence::end, 1030);

  ck_assert_status(read(reader, 10).status, Status::end);
  ck_assert_status(reader.skip(1).status, Status::end);
  ck_assert_uint_eq(reader.offset(), 1030);
}
END_TEST

START_TEST(beyond_the_edge_a_pull_goes_on_until_the_byte_is_there) {
  auto log = std::make_shared<SourceLog>();
  Reader reader(pulled(std::move(Script().give(40).give(40).give(40)), log));

  assert_goes(reader, 90, Whence::start, 90);
  ck_assert_uint_eq(log->reads, 0);

  ck_assert_uint_eq(read(reader, 100).bytes, 30);
  ck_assert_uint_eq(log->reads, 3);
}
END_TEST

START_TEST(to_an_evicted_byte_the_seek_goes_and_the_read_says_evicted) {
  auto made = filled(5000, kSmallWindow);
  Reader reader(made.catcher);

  assert_goes(reader, 0, Whence::start, 0);

  const auto result = try_read(reader, 1);
  ck_assert_status(result.status, Status::evicted);
  ck_assert(result.window == made.catcher->window());
}
END_TEST

START_TEST(back_within_a_chunk_that_is_held_works_after_eviction) {
  auto made = filled(10, kSmallWindow);
  Reader reader(made.catcher);
  take(reader, 8);
  add(made.writer, 5000);

  assert_goes(reader, 1, Whence::start, 1);

  ck_assert_uint_eq(try_read(reader, 5).bytes, 5);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "reader_seek",
      {{"whence",
        {every_whence_counts_from_its_own_place, seeks_land_on_the_right_byte_in_any_chunk}},
       {"refused",
        {from_an_end_that_is_not_known_is_refused, a_refused_seek_leaves_the_place_alone,
         extreme_distances_do_not_overflow}},
       {"beyond",
        {beyond_the_edge_the_reader_waits_for_that_byte, beyond_the_end_there_is_the_end,
         beyond_the_edge_a_pull_goes_on_until_the_byte_is_there}},
       {"evict",
        {to_an_evicted_byte_the_seek_goes_and_the_read_says_evicted,
         back_within_a_chunk_that_is_held_works_after_eviction}}});
}
