// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Reads of an AsioStream with each kind of completion token, and where handlers are called.
#include <asio.hpp>
#include <asio/experimental/deferred.hpp>
#include <string>

#include "tests/support/check.hpp"

#include "tests/support/asio_reading.hpp"

namespace {

using catcher::AsioStream;
using catcher::Catcher;
using catcher::Reader;
using catcher::Status;
using namespace catcher::test;

START_TEST(a_future_has_the_bytes) {
  asio::io_context io;
  auto made = pushed();
  Stream stream(io, Reader(made.catcher));
  std::array<std::byte, 10> space{};
  auto got = stream.async_read_some(asio::buffer(space), asio::use_future);
  std::jthread runner([&] { io.run(); });

  add(made.writer, 4);

  ck_assert(got.wait_for(kPatience) == std::future_status::ready);
  ck_assert_uint_eq(got.get(), 4);
}
END_TEST

START_TEST(a_coroutine_reads_to_the_end) {
  asio::io_context io;
  auto made = pushed();
  std::size_t total = 0;
  bool is_over = false;
  asio::co_spawn(
      io,
      [&]() -> asio::awaitable<void> {
        AsioStream<> stream(co_await asio::this_coro::executor, Reader(made.catcher));
        std::array<std::byte, 10> space{};
        try {
          for (;;) {
            const std::size_t got =
                co_await stream.async_read_some(asio::buffer(space), asio::use_awaitable);
            demand_pattern(std::span(space).first(got), total);
            total += got;
          }
        } catch (const std::system_error& thrown) {
          is_over = thrown.code() == asio::error::eof;
        }
      },
      asio::detached);

  for (int i = 0; i < 10; ++i) {
    add(made.writer, 7);
    run_ready(io);
  }
  made.writer.finish();
  run_ready(io);

  ck_assert_uint_eq(total, 70);
  ck_assert(is_over);
}
END_TEST

START_TEST(deferred_begins_when_it_is_called) {
  asio::io_context io;
  auto made = filled(10);
  Stream stream(io, Reader(made.catcher));
  const Read read = a_read(stream.reader());

  auto later = stream.async_read_some(space_of(read), asio::experimental::deferred);
  run_ready(io);
  ck_assert_uint_eq(stream.reader().offset(), 0);
  std::move(later)(note(read));
  run_ready(io);

  ck_assert_uint_eq(read->bytes, 10);
}
END_TEST

START_TEST(composed_reads_take_exactly_what_they_want) {
  asio::io_context io;
  auto made = Catcher::push({});
  Stream stream(io, Reader(made.catcher));
  const auto say = [&](std::string_view text) {
    demand(made.writer.append(std::as_bytes(std::span(text))).status == Status::ok, "room");
    run_ready(io);
  };
  std::string head(5, '?');
  std::string lines;
  std::size_t line = 0;
  asio::async_read(stream, asio::buffer(head), [&](std::error_code error, std::size_t) {
    demand(!error, "the head is read");
    asio::async_read_until(stream, asio::dynamic_buffer(lines), "\r\n",
                           [&](std::error_code, std::size_t bytes) { line = bytes; });
  });

  for (const char* part : {"he", "adfi", "rst li", "ne\r", "\nsecond"}) say(part);

  ck_assert(head == "headf");
  ck_assert(lines.substr(0, line) == "irst line\r\n");
}
END_TEST

// Counts what is allocated for a handler.
template <class T>
struct CountingAllocator {
  using value_type = T;
  explicit CountingAllocator(int* its_blocks) : blocks(its_blocks) {}
  template <class U>
  CountingAllocator(const CountingAllocator<U>& other) : blocks(other.blocks) {}
  T* allocate(std::size_t count) {
    ++*blocks;
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* memory, std::size_t count) {
    --*blocks;
    std::allocator<T>().deallocate(memory, count);
  }
  bool operator==(const CountingAllocator&) const = default;
  int* blocks;
};

START_TEST(the_allocator_of_a_handler_is_used_and_has_all_back_before_the_call) {
  asio::io_context io;
  auto made = pushed();
  Stream stream(io, Reader(made.catcher));
  int blocks = 0;
  int blocks_then = -1;
  std::array<std::byte, 10> space{};
  stream.async_read_some(
      asio::buffer(space),
      asio::bind_allocator(CountingAllocator<void*>(&blocks),
                           [&](std::error_code, std::size_t) { blocks_then = blocks; }));
  ck_assert_int_gt(blocks, 0);

  add(made.writer, 1);
  run_ready(io);

  ck_assert_int_eq(blocks_then, 0);
}
END_TEST

START_TEST(the_executor_of_a_handler_calls_it_and_both_have_work) {
  asio::io_context io;
  asio::io_context elsewhere;
  auto made = pushed();
  Stream stream(io, Reader(made.catcher));
  const Read read = a_read(stream.reader());
  stream.async_read_some(space_of(read), asio::bind_executor(elsewhere.get_executor(), note(read)));
  run_ready(io);
  run_ready(elsewhere);
  ck_assert(!io.stopped());
  ck_assert(!elsewhere.stopped());

  add(made.writer, 1);
  run_ready(io);
  ck_assert(!read->is_over());
  run_ready(elsewhere);

  ck_assert_uint_eq(read->bytes, 1);
  run_ready(io);
  ck_assert(io.stopped());
}
END_TEST

}  // namespace

int main() {
  return run_suite("AsioStream",
                   {{"tokens",
                     {a_future_has_the_bytes, a_coroutine_reads_to_the_end,
                      deferred_begins_when_it_is_called, composed_reads_take_exactly_what_they_want,
                      the_allocator_of_a_handler_is_used_and_has_all_back_before_the_call,
                      the_executor_of_a_handler_calls_it_and_both_have_work}}});
}
