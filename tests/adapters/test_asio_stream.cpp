// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Reads of an AsioStream by callbacks, and what they are told.
#include <dirent.h>

#include <asio.hpp>

#include "tests/support/check.hpp"

#include "tests/support/asio_reading.hpp"
#include "tests/support/async_sources.hpp"

namespace {

using catcher::AsioStream;
using catcher::Catcher;
using catcher::Config;
using catcher::Reader;
using catcher::Status;
using namespace catcher::test;

std::size_t threads() {
  std::size_t count = 0;
  DIR* const tasks = ::opendir("/proc/self/task");
  demand(tasks != nullptr, "the process can be looked at");
  while (::readdir(tasks) != nullptr) ++count;
  ::closedir(tasks);
  return count;
}

START_TEST(what_is_there_is_read_by_a_handler_that_is_called_later) {
  asio::io_context io;
  auto made = filled(150);
  Stream stream(io, Reader(made.catcher));

  const Read first = begin_read(stream);
  run_ready(io);
  const Read second = begin_read(stream);
  run_ready(io);

  ck_assert_uint_eq(first->bytes, 100);
  ck_assert_uint_eq(second->bytes, 50);
  ck_assert_uint_eq(stream.reader().offset(), 150);
}
END_TEST

START_TEST(bytes_end_a_wait_and_the_context_has_work_until_then) {
  asio::io_context io;
  auto made = pushed();
  Stream stream(io, Reader(made.catcher));
  const Read read = begin_read(stream);
  run_ready(io);
  ck_assert(!read->is_over());
  ck_assert_msg(!io.stopped(), "a read that waits is work");

  add(made.writer, 7);
  ck_assert_msg(!read->is_over(), "the writer does not call handlers");
  run_ready(io);

  ck_assert(read->is_over());
  ck_assert(!read->error);
  ck_assert_uint_eq(read->bytes, 7);
  ck_assert_msg(io.stopped(), "a read that is over is not work");
}
END_TEST

START_TEST(all_buffers_of_a_sequence_are_filled_from_several_chunks) {
  asio::io_context io;
  Config config;
  config.growth = catcher::Growth::constant(16);
  auto made = filled(50, config);
  Stream stream(io, Reader(made.catcher));
  std::array<std::byte, 70> space{};
  const std::array<asio::mutable_buffer, 4> parts{
      asio::buffer(space.data(), 3), asio::buffer(space.data(), 0),
      asio::buffer(space.data() + 3, 40), asio::buffer(space.data() + 43, 27)};
  std::size_t got = 0;

  stream.async_read_some(parts, [&](std::error_code, std::size_t bytes) { got = bytes; });
  run_ready(io);

  ck_assert_uint_eq(got, 50);
  demand_pattern(std::span(space).first(got), 0);
}
END_TEST

START_TEST(no_room_is_no_wait) {
  asio::io_context io;
  auto made = pushed();
  Stream stream(io, Reader(made.catcher));

  const Read read = begin_read(stream, 0);
  run_ready(io);

  ck_assert(read->is_over());
  ck_assert(!read->error);
}
END_TEST

START_TEST(the_end_and_errors_follow_every_byte) {
  for (const bool fails : {false, true}) {
    asio::io_context io;
    auto made = filled(10);
    Stream stream(io, Reader(made.catcher));
    Stream other(io, Reader(made.catcher));
    if (fails) {
      made.writer.fail(kBroken);
    } else {
      made.writer.finish();
    }

    for (Stream* const one : {&stream, &other}) {
      const Read bytes = begin_read(*one);
      run_ready(io);
      const Read after = begin_read(*one);
      run_ready(io);

      ck_assert_uint_eq(bytes->bytes, 10);
      ck_assert(after->error == (fails ? kBroken : std::error_code(asio::error::eof)));
    }
  }
}
END_TEST

START_TEST(everybody_who_waits_is_told_of_bytes_and_of_an_error) {
  asio::io_context io;
  auto made = pushed();
  Stream one(io, Reader(made.catcher));
  Stream two(io, Reader(made.catcher));
  Read first = begin_read(one);
  Read second = begin_read(two);

  add(made.writer, 5);
  run_ready(io);
  ck_assert_uint_eq(first->bytes, 5);
  ck_assert_uint_eq(second->bytes, 5);

  first = begin_read(one);
  second = begin_read(two);
  made.writer.fail(kBroken);
  run_ready(io);
  ck_assert(first->error == kBroken);
  ck_assert(second->error == kBroken);
}
END_TEST

START_TEST(what_asio_has_no_error_for_is_a_status) {
  asio::io_context io;
  Config config;
  config.max_bytes = 64;
  config.growth = catcher::Growth::constant(16);
  auto made = filled(10, config);
  Stream stream(io, Reader(made.catcher));
  add(made.writer, 300);
  ck_assert_uint_eq(stream.reader().seek(0).offset, 0);

  const Read read = begin_read(stream);
  run_ready(io);

  ck_assert(read->error == Status::evicted);
  ck_assert(read->error.category() == catcher::status_category());
  ck_assert(read->error.message() == "evicted");
  ck_assert(make_error_code(Status::full) == std::errc::no_buffer_space);
  ck_assert(!make_error_code(Status::ok));
}
END_TEST

START_TEST(one_read_at_a_time) {
  asio::io_context io;
  auto made = pushed();
  Stream stream(io, Reader(made.catcher));

  const Read first = begin_read(stream);
  const Read second = begin_read(stream);
  run_ready(io);
  ck_assert(second->error == asio::error::already_started);
  ck_assert(!first->is_over());
  add(made.writer, 3);
  run_ready(io);

  ck_assert_uint_eq(first->bytes, 3);
}
END_TEST

START_TEST(closed_is_an_error_and_holds_nobody_back) {
  asio::io_context io;
  Config config;
  config.max_bytes = 64;
  config.growth = catcher::Growth::constant(16);
  config.when_full = catcher::WhenFull::block;
  auto made = filled(64, config);
  Stream stream(io, Reader(made.catcher));
  Reader other(made.catcher);
  take(other, 64);
  ck_assert_status(append(made.writer, 1).status, Status::full);

  stream.close();

  ck_assert(!stream.is_open());
  ck_assert_status(append(made.writer, 1).status, Status::ok);
  std::array<std::byte, 4> space{};
  std::error_code error;
  stream.async_read_some(asio::buffer(space),
                         [&](std::error_code got, std::size_t) { error = got; });
  run_ready(io);
  ck_assert(error == asio::error::bad_descriptor);
  stream.read_some(asio::buffer(space), error);
  ck_assert(error == asio::error::bad_descriptor);
}
END_TEST

START_TEST(a_seek_is_made_between_reads) {
  asio::io_context io;
  auto made = filled(100);
  Stream stream(io, Reader(made.catcher));
  ck_assert_uint_eq(stream.reader().seek(90).offset, 90);
  Read read = begin_read(stream);
  run_ready(io);
  ck_assert_uint_eq(read->bytes, 10);

  ck_assert_uint_eq(stream.reader().seek(130).offset, 130);
  read = begin_read(stream);
  add(made.writer, 30);
  run_ready(io);
  ck_assert(!read->is_over());
  add(made.writer, 1);
  run_ready(io);

  ck_assert_uint_eq(read->bytes, 1);
}
END_TEST

START_TEST(blocking_reads_take_what_is_there_or_wait) {
  asio::io_context io;
  auto made = filled(10);
  AsioStream stream(io.get_executor(), Reader(made.catcher));
  std::array<std::byte, 30> space{};
  std::error_code error = kBroken;

  ck_assert_uint_eq(stream.read_some(asio::buffer(space), error), 10);
  ck_assert(!error);
  std::jthread writer([&] {
    add(made.writer, 10);
    made.writer.finish();
  });
  ck_assert_uint_eq(asio::read(stream, asio::buffer(space), error), 10);
  demand_pattern(std::span(space).first(10), 10);
  ck_assert(error == asio::error::eof);
  try {
    stream.read_some(asio::buffer(space));
    ck_abort_msg("the end is thrown");
  } catch (const std::system_error& thrown) {
    ck_assert(thrown.code() == asio::error::eof);
  }
}
END_TEST

// ---- many ---------------------------------------------------------------------------

START_TEST(thousands_wait_on_one_thread) {
  constexpr std::size_t kReaders = 2000;
  asio::io_context io;
  auto made = pushed();
  std::vector<Stream> streams;
  for (std::size_t i = 0; i < kReaders; ++i) streams.emplace_back(io, Reader(made.catcher));
  const std::size_t threads_before = threads();
  std::vector<Read> reads;
  for (Stream& stream : streams) reads.push_back(begin_read(stream));
  ck_assert_uint_eq(threads(), threads_before);

  for (int i = 0; i < 3; ++i) {
    add(made.writer, 5);
    run_ready(io);
    for (std::size_t each = 0; each < kReaders; ++each) {
      ck_assert_uint_eq(reads[each]->bytes, 5);
      reads[each] = begin_read(streams[each]);
    }
  }
}
END_TEST

// Reads until the end, in a strand.
struct Listener {
  Listener(asio::io_context& io, std::shared_ptr<Catcher> catcher)
      : stream(asio::make_strand(io), Reader(std::move(catcher))) {}
  void go_on() {
    const std::uint64_t offset = stream.reader().offset();
    stream.async_read_some(asio::buffer(space),
                           [this, offset](std::error_code error, std::size_t bytes) {
                             demand_pattern(std::span(space).first(bytes), offset);
                             total += bytes;
                             if (!error) return go_on();
                             demand(error == asio::error::eof, "all was read", total);
                           });
  }
  AsioStream<asio::strand<asio::io_context::executor_type>> stream;
  std::array<std::byte, 97> space{};
  std::size_t total = 0;
};

START_TEST(strands_on_several_threads_read_all) {
  constexpr std::size_t kSize = 20'000;
  asio::io_context io;
  auto made = pushed();
  std::vector<std::unique_ptr<Listener>> listeners;
  for (int i = 0; i < 20; ++i) listeners.push_back(std::make_unique<Listener>(io, made.catcher));
  for (auto& listener : listeners) listener->go_on();
  {
    std::vector<std::jthread> runners;
    for (int i = 0; i < 3; ++i) runners.emplace_back([&] { io.run_for(kPatience); });
    for (std::size_t done = 0; done < kSize; done += 20) add(made.writer, 20);
    made.writer.finish();
  }
  for (auto& listener : listeners) ck_assert_uint_eq(listener->total, kSize);
}
END_TEST

// ---- pulled catchers ----------------------------------------------------------------

START_TEST(a_pulled_catcher_is_read_through_its_failure) {
  asio::io_context io;
  auto hand = std::make_shared<Hand>();
  Stream stream(io, Reader(by_hand(hand)));
  Read read = begin_read(stream);
  hand->tell(0);  // an interruption
  run_ready(io);
  ck_assert(!read->is_over());
  hand->tell(30, Status::failed, kBroken);
  run_ready(io);
  ck_assert_uint_eq(read->bytes, 30);
  read = begin_read(stream);
  run_ready(io);
  ck_assert(read->error == kBroken);

  ck_assert_status(stream.reader().catcher()->resume(), Status::ok);
  read = begin_read(stream);
  hand->tell(20, Status::end);
  run_ready(io);

  ck_assert_uint_eq(read->bytes, 20);
}
END_TEST

START_TEST(a_blocking_source_needs_an_executor) {
  for (const bool has_one : {false, true}) {
    asio::io_context io;
    asio::thread_pool pool(1);
    Config config;
    if (has_one) config.executor = [&](std::function<void()> work) { asio::post(pool, work); };
    Stream stream(io, Reader(pulled(Script{}.give(10).end(), nullptr, config)));

    const Read read = begin_read(stream);
    run_until(io, "the read is over", [&] { return read->is_over(); });

    ck_assert(has_one ? !read->error : read->error == Status::bad_argument);
    ck_assert_uint_eq(read->bytes, has_one ? 10 : 0);
    pool.join();
  }
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "AsioStream",
      {
          {"reads",
           {what_is_there_is_read_by_a_handler_that_is_called_later,
            bytes_end_a_wait_and_the_context_has_work_until_then,
            all_buffers_of_a_sequence_are_filled_from_several_chunks, no_room_is_no_wait,
            the_end_and_errors_follow_every_byte,
            everybody_who_waits_is_told_of_bytes_and_of_an_error,
            what_asio_has_no_error_for_is_a_status, one_read_at_a_time,
            closed_is_an_error_and_holds_nobody_back, a_seek_is_made_between_reads,
            blocking_reads_take_what_is_there_or_wait}},
          {"many", {thousands_wait_on_one_thread, strands_on_several_threads_read_all}},
          {"pulled",
           {a_pulled_catcher_is_read_through_its_failure, a_blocking_source_needs_an_executor}},
      });
}
