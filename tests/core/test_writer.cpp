// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include <cstring>
#include <limits>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Clock;
using catcher::Config;
using catcher::Fault;
using catcher::Growth;
using catcher::kForever;
using catcher::Reader;
using catcher::Status;
using catcher::Wait;
using catcher::WhenFull;
using catcher::Window;
using catcher::Writer;
using namespace catcher::test;

constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max();
const Config kSmallChunks{.growth = Growth::constant(10)};
const Config kSmallWindow{.growth = Growth::constant(10), .max_bytes = 640};
const Config kBlocking{
    .growth = Growth::constant(10), .max_bytes = 640, .when_full = WhenFull::block};

START_TEST(what_is_reserved_and_committed_can_be_read) {
  auto made = pushed(kSmallChunks);
  Reader reader(made.catcher);

  const auto reserved = made.writer.reserve(4);
  ck_assert_status(reserved.status, Status::ok);
  ck_assert_uint_eq(reserved.space.size(), 10);
  fill_pattern(reserved.space, 0);
  ck_assert_status(try_read(reader, 1).status, Status::would_block);
  made.writer.commit(3);
  ck_assert_uint_eq(try_read(reader, 10).bytes, 3);
  made.writer.commit(7);

  ck_assert_uint_eq(try_read(reader, 10).bytes, 7);
  ck_assert_uint_eq(made.writer.offset(), 10);
}
END_TEST

START_TEST(senseless_calls_change_nothing) {
  auto made = filled(5, kSmallWindow);

  ck_assert_status(made.writer.reserve(0).status, Status::bad_argument);
  ck_assert_status(made.writer.reserve(641).status, Status::bad_argument);
  ck_assert_status(append(made.writer, 5, Wait::none(), 0).status, Status::bad_argument);
  ck_assert_status(append(made.writer, 5, Wait::none(), 2).status, Status::bad_argument);
  ck_assert_status(append(made.writer, 1400, Wait::none(), 700).status, Status::bad_argument);
  ck_assert_status(made.writer.append({}).status, Status::ok);

  ck_assert(made.catcher->window() == (Window{0, 5}));
  add(made.writer, 5);
  Reader reader(made.catcher);
  take(reader, 10);
}
END_TEST

START_TEST(a_reservation_that_no_memory_can_hold_is_refused) {
  auto made = filled(5, kSmallChunks);

  ck_assert_status(made.writer.reserve(kHuge).status, Status::out_of_memory);
  ck_assert_status(made.writer.reserve(kHuge - 5).status, Status::out_of_memory);

  add(made.writer, 20);
  Reader reader(made.catcher);
  take(reader, 25);
}
END_TEST

START_TEST(a_unit_is_never_split) {
  auto made = pushed(kSmallChunks);
  Reader reader(made.catcher);

  ck_assert_uint_eq(append(made.writer, 40, Wait::none(), 4).bytes, 40);

  while (reader.offset() < 40) {
    const auto got = reader.lease(100);
    ck_assert_uint_eq(got.lease.size() % 4, 0);
    demand_pattern(got.lease.bytes(), got.lease.offset());
  }
}
END_TEST

START_TEST(sealing_begins_a_chunk) {
  auto made = filled(3, kSmallChunks);
  ck_assert_uint_eq(made.writer.chunk_begin(), 0);

  made.writer.seal();
  add(made.writer, 4);

  ck_assert_uint_eq(made.writer.chunk_begin(), 3);
  ck_assert_uint_eq(made.catcher->stats().chunks, 2);
}
END_TEST

START_TEST(after_the_end_nothing_is_taken) {
  auto made = filled(5);
  made.writer.finish();
  made.writer.fail(kBroken);

  ck_assert_status(made.writer.reserve(1).status, Status::bad_argument);
  ck_assert_status(append(made.writer, 1).status, Status::bad_argument);
  made.writer.commit(1);
  made.writer.seal();

  ck_assert(made.catcher->is_finished() && !made.catcher->has_failed());
  ck_assert_uint_eq(made.catcher->length().value_or(0), 5);
  ck_assert_status(made.catcher->resume(), Status::bad_argument);
}
END_TEST

START_TEST(after_a_failure_the_writer_goes_on_once_resumed) {
  auto made = filled(5, kSmallChunks);
  Reader reader(made.catcher);
  made.writer.fail(kBroken);
  made.writer.fail(std::make_error_code(std::errc::timed_out));
  ck_assert_status(append(made.writer, 1).status, Status::bad_argument);
  ck_assert(read_all(reader).error == kBroken);

  ck_assert_status(made.catcher->resume(), Status::ok);
  ck_assert_status(try_read(reader, 1).status, Status::would_block);
  add(made.writer, 20);
  made.writer.finish();

  ck_assert_uint_eq(read_all(reader).bytes, 20);
}
END_TEST

START_TEST(a_writer_that_goes_away_fails_the_stream) {
  auto made = filled(5);
  Reader reader(made.catcher);

  { const Writer gone = std::move(made.writer); }

  const auto result = read_all(reader);
  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error == Fault::writer_gone);
  ck_assert_uint_eq(result.bytes, 5);
}
END_TEST

// Otherwise readers would wait for somebody who never comes.
START_TEST(without_its_writer_a_stream_cannot_be_resumed) {
  auto made = filled(5);
  made.writer.fail(kBroken);
  made.writer = Writer();
  Reader reader(made.catcher);

  ck_assert_status(made.catcher->resume(), Status::bad_argument);

  ck_assert(read_all(reader).error == kBroken);
}
END_TEST

START_TEST(an_empty_writer_does_nothing) {
  Writer writer;

  ck_assert(!writer);
  ck_assert_status(writer.reserve(1).status, Status::bad_argument);
  ck_assert_status(writer.append(pattern(0, 3)).status, Status::bad_argument);
  ck_assert_status(writer.evict_before(0), Status::bad_argument);
  writer.commit(0);
  writer.seal();
  writer.finish();
  writer.fail(kBroken);
}
END_TEST

START_TEST(a_writer_can_be_moved) {
  auto made = filled(5);
  Writer second = std::move(made.writer);
  made.writer = std::move(second);

  add(made.writer, 5);
  made.writer.finish();

  ck_assert(!second);
  Reader reader(made.catcher);
  ck_assert_uint_eq(read_all(reader).bytes, 10);
}
END_TEST

START_TEST(with_nobody_reading_a_blocking_window_is_full) {
  auto made = pushed(kBlocking);

  const auto result = append(made.writer, 1000);

  ck_assert_status(result.status, Status::full);
  ck_assert_uint_eq(result.bytes, 640);
  ck_assert(made.catcher->window() == (Window{0, 640}));
}
END_TEST

START_TEST(a_blocking_window_waits_for_the_slowest_reader) {
  auto made = filled(640, kBlocking);
  Reader fast(made.catcher);
  Reader slow(made.catcher);
  take(fast, 640);

  take(slow, 9);
  ck_assert_uint_eq(append(made.writer, 100).bytes, 0);
  take(slow, 1);
  ck_assert_uint_eq(append(made.writer, 100).bytes, 10);
  ck_assert_status(slow.skip(25).status, Status::ok);
  ck_assert_uint_eq(append(made.writer, 100).bytes, 20);
  ck_assert_uint_eq(slow.lease(5).lease.size(), 5);
  ck_assert_uint_eq(append(made.writer, 100).bytes, 10);
  ck_assert_status(slow.seek(0, catcher::Whence::edge).status, Status::ok);
  ck_assert_uint_eq(append(made.writer, 1000).bytes, 600);
}
END_TEST

START_TEST(who_does_not_hold_back_is_not_waited_for) {
  auto made = filled(640, kBlocking);
  Reader reader(made.catcher);
  Reader onlooker(made.catcher);
  onlooker.set_holds_back(false);
  Reader copy = onlooker.clone();
  take(reader, 640);

  ck_assert_uint_eq(append(made.writer, 640).bytes, 640);

  ck_assert_status(try_read(onlooker, 1).status, Status::evicted);
  ck_assert_status(try_read(copy, 1).status, Status::evicted);
}
END_TEST

START_TEST(a_write_that_gives_up_waiting_says_why) {
  auto made = filled(640, kBlocking);
  Reader reader(made.catcher);
  std::stop_source stop;
  stop.request_stop();
  const Wait brief = Wait::at_most(std::chrono::milliseconds(1));

  ck_assert_status(append(made.writer, 1, brief).status, Status::timed_out);
  ck_assert_status(made.writer.reserve(1, brief).status, Status::timed_out);
  ck_assert_status(append(made.writer, 1, Wait{kForever, stop.get_token()}).status,
                   Status::cancelled);
  ck_assert_status(made.writer.reserve(1, Wait{kForever, stop.get_token()}).status,
                   Status::cancelled);
  ck_assert_status(made.writer.reserve(1, Wait::none()).status, Status::full);
}
END_TEST

START_TEST(evicting_on_request_drops_whole_chunks_below) {
  auto made = filled(35, kSmallChunks);

  ck_assert_status(made.writer.evict_before(29), Status::ok);
  ck_assert(made.catcher->window() == (Window{20, 35}));
  ck_assert_status(made.writer.evict_before(0), Status::ok);
  made.writer.finish();
  ck_assert_status(made.writer.evict_before(30), Status::ok);

  ck_assert(made.catcher->window() == (Window{30, 35}));
  ck_assert_uint_eq(made.catcher->stats().bytes_allocated, 10);
}
END_TEST

START_TEST(evicting_beyond_the_edge_drops_what_is_there) {
  for (const Config& config : {kSmallChunks, kBlocking}) {
    auto made = filled(35, config);
    Reader reader(made.catcher);
    take(reader, 35);

    ck_assert_status(made.writer.evict_before(39, patiently()), Status::ok);
    ck_assert_status(made.writer.evict_before(kHuge, patiently()), Status::ok);

    ck_assert(made.catcher->window() == (Window{30, 35}));
    made.writer.seal();
    ck_assert_status(made.writer.evict_before(kHuge, patiently()), Status::ok);
    ck_assert(made.catcher->window() == (Window{35, 35}));
    add(made.writer, 5);
    take(reader, 5);
  }
}
END_TEST

START_TEST(evicting_on_request_heeds_the_slowest_reader_where_the_window_blocks) {
  auto made = filled(35, kBlocking);
  Reader reader(made.catcher);
  take(reader, 15);

  ck_assert_status(made.writer.evict_before(30, Wait::none()), Status::full);
  ck_assert(made.catcher->window() == (Window{10, 35}));
  ck_assert_status(made.writer.evict_before(30, Wait::at_most(std::chrono::milliseconds(1))),
                   Status::timed_out);
  take(reader, 15);
  ck_assert_status(made.writer.evict_before(30, Wait::none()), Status::ok);

  ck_assert(made.catcher->window() == (Window{30, 35}));
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "writer",
      {{"write",
        {what_is_reserved_and_committed_can_be_read, senseless_calls_change_nothing,
         a_reservation_that_no_memory_can_hold_is_refused, a_unit_is_never_split,
         sealing_begins_a_chunk}},
       {"end",
        {after_the_end_nothing_is_taken, after_a_failure_the_writer_goes_on_once_resumed,
         a_writer_that_goes_away_fails_the_stream, without_its_writer_a_stream_cannot_be_resumed}},
       {"handle", {an_empty_writer_does_nothing, a_writer_can_be_moved}},
       {"block",
        {with_nobody_reading_a_blocking_window_is_full,
         a_blocking_window_waits_for_the_slowest_reader, who_does_not_hold_back_is_not_waited_for,
         a_write_that_gives_up_waiting_says_why}},
       {"evict",
        {evicting_on_request_drops_whole_chunks_below, evicting_beyond_the_edge_drops_what_is_there,
         evicting_on_request_heeds_the_slowest_reader_where_the_window_blocks}}});
}
