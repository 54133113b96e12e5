// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Config;
using catcher::Growth;
using catcher::Lease;
using catcher::Reader;
using catcher::Status;
using catcher::Wait;
using catcher::Window;
using namespace catcher::test;

const Config kSmallChunks{.growth = Growth::constant(10)};
const Config kSmallWindow{.growth = Growth::constant(10), .max_bytes = 640};

START_TEST(a_read_gives_what_is_there) {
  auto made = filled(25, kSmallChunks);
  Reader reader(made.catcher);

  ck_assert_uint_eq(read(reader, 7).bytes, 7);
  ck_assert_uint_eq(read(reader, 7).bytes, 7);
  ck_assert_uint_eq(read(reader, 100).bytes, 11);
  ck_assert_uint_eq(reader.offset(), 25);
}
END_TEST

// seed fault 5
START_TEST(a_read_does_not_wait_for_more_than_is_there) {
  auto made = filled(100);
  Reader reader(made.catcher);

  const auto result = read(reader, 5000, Wait{});

  ck_assert_status(result.status, Status::ok);
  ck_assert_uint_eq(result.bytes, 100);
}
END_TEST

START_TEST(a_read_into_nothing_says_ok_anywhere) {
  auto made = filled(5);
  Reader reader(made.catcher);

  ck_assert_status(reader.read({}).status, Status::ok);
  ck_assert_uint_eq(read(reader, 2).bytes, 2);
  ck_assert_status(reader.read({}).status, Status::ok);
  ck_assert_uint_eq(read(reader, 3).bytes, 3);
  ck_assert_status(reader.read({}).status, Status::ok);
  made.writer.finish();
  ck_assert_status(reader.read({}).status, Status::ok);
}
END_TEST

START_TEST(try_read_at_the_edge_would_block) {
  auto made = filled(5);
  Reader reader(made.catcher);
  ck_assert_uint_eq(try_read(reader, 10).bytes, 5);

  ck_assert_status(try_read(reader, 10).status, Status::would_block);

  add(made.writer, 1);
  ck_assert_uint_eq(try_read(reader, 10).bytes, 1);
}
END_TEST

START_TEST(the_end_comes_after_every_byte_and_stays) {
  auto made = filled(15, kSmallChunks);
  Reader reader(made.catcher);
  made.writer.finish();

  ck_assert_uint_eq(read(reader, 100).bytes, 15);
  for (int i = 0; i < 3; ++i) ck_assert_status(read(reader, 1).status, Status::end);
  ck_assert_status(reader.seek(14).status, Status::ok);
  ck_assert_uint_eq(read(reader, 100).bytes, 1);
  ck_assert_status(read(reader, 1).status, Status::end);
}
END_TEST

// seed fault 4
START_TEST(a_failure_reaches_every_reader_after_every_byte) {
  auto made = filled(15, kSmallChunks);
  std::vector<Reader> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(made.catcher);
  ck_assert_uint_eq(read(readers[0], 100).bytes, 15);

  made.writer.fail(kBroken);

  readers.emplace_back(made.catcher);
  for (Reader& reader : readers) {
    const auto result = read_all(reader);
    ck_assert_status(result.status, Status::failed);
    ck_assert(result.error == kBroken);
    ck_assert_uint_eq(reader.offset(), 15);
    ck_assert_status(read(reader, 1).status, Status::failed);
    std::byte room[4];
    ck_assert_status(reader.read_full(room).status, Status::failed);
    ck_assert_status(reader.skip(1).status, Status::failed);
    ck_assert_status(reader.lease(1).status, Status::failed);
    ck_assert_status(reader.wait().status, Status::failed);
  }
}
END_TEST

START_TEST(read_full_counts_what_it_got_before_the_end) {
  auto made = filled(15, kSmallChunks);
  made.writer.finish();
  Reader reader(made.catcher);
  std::vector<std::byte> room(12);

  auto result = reader.read_full(room);
  ck_assert_status(result.status, Status::ok);
  ck_assert_uint_eq(result.bytes, 12);
  demand_pattern(room, 0);

  result = reader.read_full(room);
  ck_assert_status(result.status, Status::end);
  ck_assert_uint_eq(result.bytes, 3);
  demand_pattern(std::span(room).first(3), 12);
}
END_TEST

START_TEST(readers_do_not_disturb_each_other) {
  auto made = filled(1000, {.growth = Growth::constant(7)});
  made.writer.finish();
  std::vector<Reader> readers;
  for (int i = 0; i < 5; ++i) readers.emplace_back(made.catcher);

  for (std::size_t round = 0; round < 400; ++round) {
    const auto status = read(readers[round % 5], 1 + round % 11).status;
    ck_assert(status == Status::ok || status == Status::end);
    if (round % 13 == 0) ck_assert_status(readers[round % 3].seek(0).status, Status::ok);
  }

  for (Reader& reader : readers) ck_assert_status(read_all(reader).status, Status::end);
}
END_TEST

START_TEST(a_clone_stands_at_the_same_place_and_goes_its_own_way) {
  auto made = filled(30, kSmallChunks);
  Reader reader(made.catcher);
  take(reader, 13);

  Reader copy = reader.clone();
  ck_assert_uint_eq(copy.offset(), 13);
  ck_assert_uint_eq(read(copy, 100).bytes, 17);

  ck_assert_uint_eq(reader.offset(), 13);
  ck_assert_uint_eq(made.catcher->stats().readers, 2);
}
END_TEST

START_TEST(a_clone_can_read_what_the_original_still_can) {
  auto made = filled(10, kSmallWindow);
  Reader reader(made.catcher);
  take(reader, 3);
  add(made.writer, 2000);

  Reader copy = reader.clone();

  ck_assert_uint_eq(try_read(copy, 7).bytes, 7);
  ck_assert_status(try_read(copy, 1).status, Status::evicted);
  ck_assert_uint_eq(try_read(reader, 7).bytes, 7);
}
END_TEST

START_TEST(a_reader_can_be_moved) {
  auto made = filled(30, kSmallChunks);
  Reader first(made.catcher);
  take(first, 5);

  Reader second = std::move(first);
  ck_assert_uint_eq(read(second, 5).bytes, 5);
  Reader third(made.catcher);
  third = std::move(second);

  ck_assert_uint_eq(read(third, 100).bytes, 20);
  ck_assert_uint_eq(made.catcher->stats().readers, 1);
}
END_TEST

START_TEST(a_reader_outlives_every_other_handle) {
  auto made = filled(30, kSmallChunks);
  Reader reader(made.catcher);
  made = {};

  ck_assert_uint_eq(read(reader, 100).bytes, 30);
  ck_assert_status(read(reader, 1).status, Status::failed);
}
END_TEST

START_TEST(skip_moves_over_what_is_there) {
  auto made = filled(35, kSmallChunks);
  Reader reader(made.catcher);

  ck_assert_uint_eq(reader.skip(3).bytes, 3);
  ck_assert_uint_eq(reader.skip(22).bytes, 22);
  ck_assert_uint_eq(read(reader, 5).bytes, 5);
  const auto blocked = reader.skip(10, Wait::none());
  ck_assert_status(blocked.status, Status::would_block);
  ck_assert_uint_eq(blocked.bytes, 5);
  made.writer.finish();
  ck_assert_status(reader.skip(1).status, Status::end);
  ck_assert_status(reader.skip(0).status, Status::ok);
  ck_assert_uint_eq(reader.offset(), 35);
}
END_TEST

START_TEST(available_counts_what_can_be_read_now) {
  auto made = filled(35, kSmallWindow);
  Reader reader(made.catcher);
  ck_assert_uint_eq(reader.available(), 35);
  take(reader, 4);
  ck_assert_uint_eq(reader.available(), 31);

  add(made.writer, 5000);
  ck_assert_uint_eq(reader.available(), 6);  // the rest of the chunk that it holds
  ck_assert_uint_eq(try_read(reader, 100).bytes, 6);
  ck_assert_uint_eq(reader.available(), 0);

  ck_assert_status(reader.seek(100, catcher::Whence::edge).status, Status::ok);
  ck_assert_uint_eq(reader.available(), 0);
}
END_TEST

START_TEST(available_counts_what_came_into_the_chunk_before_it_was_evicted) {
  auto made = filled(35, kSmallWindow);
  Reader reader(made.catcher);
  take(reader, 35);

  add(made.writer, 5000);

  ck_assert_uint_eq(reader.available(), 5);
  ck_assert_uint_eq(try_read(reader, 100).bytes, 5);
  ck_assert_status(try_read(reader, 1).status, Status::evicted);
}
END_TEST

START_TEST(a_reader_that_was_lapped_is_told_the_window) {
  auto made = filled(50, kSmallWindow);
  Reader reader(made.catcher);
  add(made.writer, 5000);

  const auto result = try_read(reader, 10);
  ck_assert_status(result.status, Status::evicted);
  ck_assert(result.window == made.catcher->window());
  ck_assert_uint_gt(result.window.begin, 0);
  ck_assert_status(reader.wait().status, Status::evicted);
  ck_assert_status(reader.lease(1).status, Status::evicted);
  ck_assert_status(reader.skip(1).status, Status::evicted);
  ck_assert_uint_eq(reader.offset(), 0);

  ck_assert_status(reader.seek(0, catcher::Whence::oldest).status, Status::ok);
  ck_assert_uint_eq(try_read(reader, 10).bytes, 10);
}
END_TEST

START_TEST(a_new_reader_starts_at_the_oldest_byte) {
  auto made = filled(5000, kSmallWindow);
  Reader reader(made.catcher);

  ck_assert_uint_eq(reader.offset(), made.catcher->window().begin);
  ck_assert_uint_eq(try_read(reader, 10).bytes, 10);
}
END_TEST

START_TEST(a_lease_is_the_bytes_without_a_copy) {
  auto made = filled(25, kSmallChunks);
  Reader reader(made.catcher);

  auto first = reader.lease(4);
  auto rest = reader.lease(100);
  auto next = reader.lease(100);

  ck_assert_uint_eq(first.lease.size(), 4);
  ck_assert_uint_eq(first.lease.offset(), 0);
  ck_assert_uint_eq(rest.lease.size(), 6);
  ck_assert_ptr_eq(first.lease.bytes().data() + 4, rest.lease.bytes().data());
  ck_assert_uint_eq(next.lease.offset(), 10);
  ck_assert_uint_eq(next.lease.size(), 10);
  for (const auto* got : {&first, &rest, &next}) {
    demand_pattern(got->lease.bytes(), got->lease.offset());
  }
  ck_assert_status(reader.lease(0).status, Status::bad_argument);
  ck_assert_uint_eq(reader.offset(), 20);
}
END_TEST

START_TEST(a_lease_outlives_eviction_reader_and_catcher) {
  Lease kept;
  {
    auto made = filled(10, kSmallWindow);
    Reader reader(made.catcher);
    take(reader, 2);
    kept = reader.lease(5).lease;
    add(made.writer, 5000);
    ck_assert_uint_gt(made.catcher->window().begin, 10);
  }

  ck_assert_uint_eq(kept.offset(), 2);
  ck_assert_uint_eq(kept.size(), 5);
  demand_pattern(kept.bytes(), 2);
}
END_TEST

START_TEST(part_of_a_lease_is_a_lease) {
  Lease part;
  {
    auto made = filled(10);
    const Lease whole = Reader(made.catcher).lease(10).lease;
    part = whole.share(3, 4);
    ck_assert_uint_eq(whole.share(8, 100).size(), 2);
    ck_assert_uint_eq(whole.share(100).size(), 0);
  }

  ck_assert_uint_eq(part.offset(), 3);
  ck_assert_uint_eq(part.size(), 4);
  demand_pattern(part.bytes(), 3);
}
END_TEST

START_TEST(sealing_is_invisible_to_readers) {
  auto made = filled(4, kSmallChunks);
  Reader inside(made.catcher);
  take(inside, 4);
  Reader behind(made.catcher);
  take(behind, 1);

  made.writer.seal();
  add(made.writer, 20);

  ck_assert_uint_eq(read(inside, 100).bytes, 20);
  ck_assert_uint_eq(read(behind, 100).bytes, 23);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "reader",
      {{"read",
        {a_read_gives_what_is_there, a_read_does_not_wait_for_more_than_is_there,
         a_read_into_nothing_says_ok_anywhere, try_read_at_the_edge_would_block,
         read_full_counts_what_it_got_before_the_end, readers_do_not_disturb_each_other,
         available_counts_what_can_be_read_now,
         available_counts_what_came_into_the_chunk_before_it_was_evicted,
         skip_moves_over_what_is_there, sealing_is_invisible_to_readers}},
       {"end",
        {the_end_comes_after_every_byte_and_stays,
         a_failure_reaches_every_reader_after_every_byte}},
       {"handle",
        {a_clone_stands_at_the_same_place_and_goes_its_own_way,
         a_clone_can_read_what_the_original_still_can, a_reader_can_be_moved,
         a_reader_outlives_every_other_handle}},
       {"evict",
        {a_reader_that_was_lapped_is_told_the_window, a_new_reader_starts_at_the_oldest_byte}},
       {"lease",
        {a_lease_is_the_bytes_without_a_copy, a_lease_outlives_eviction_reader_and_catcher,
         part_of_a_lease_is_a_lease}}});
}
