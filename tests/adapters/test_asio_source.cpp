// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Catchers that pull from streams of Asio's: a socket, a pipe, and one that does what it is told.
#include <sys/socket.h>
#include <unistd.h>

#include <asio.hpp>
#include <csignal>
#include <deque>
#include <optional>

#include "tests/support/check.hpp"

#include "tests/support/asio_reading.hpp"
#include "tests/support/async_sources.hpp"
#include "tests/support/bell.hpp"
#include "tests/support/stress.hpp"

#include "core/adapters/asio_source.hpp"

namespace {

using catcher::AsioSource;
using catcher::Catcher;
using catcher::Fault;
using catcher::Reader;
using catcher::Status;
using namespace catcher::test;

using Socket = asio::local::stream_protocol::socket;

template <class AnyStream>
std::shared_ptr<Catcher> caught(AnyStream stream) {
  return pulled_async(std::make_unique<AsioSource<AnyStream>>(std::move(stream)));
}

// Both ends of a stream; what is written is the pattern.
template <class In, class Out>
struct Ends {
  In in;
  Out out;
  std::uint64_t written = 0;
  explicit Ends(asio::io_context& io) : in(io), out(io) {}
  void write(std::size_t size) {
    asio::write(out, asio::buffer(pattern(written, size)));
    written += size;
  }
};
struct Pair : Ends<Socket, Socket> {
  explicit Pair(asio::io_context& io) : Ends(io) { asio::local::connect_pair(in, out); }
};
struct Pipe : Ends<asio::readable_pipe, asio::writable_pipe> {
  explicit Pipe(asio::io_context& io) : Ends(io) { asio::connect_pipe(in, out); }
};

// Reads one byte or more of what has come, or why not.
std::size_t read_some(asio::io_context& io, Stream& stream, std::error_code& error) {
  const Read read = begin_read(stream);
  run_until(io, "something comes of the read", [&] { return read->is_over(); });
  error = read->error;
  return read->bytes;
}

template <class Kind>
void read_to_the_end() {
  asio::io_context io;
  Kind ends(io);
  Stream stream(io, Reader(caught(std::move(ends.in))));
  Stream other(io, stream.reader().clone());
  const Read waiting = begin_read(other);
  run_ready(io);
  ck_assert(!waiting->is_over());
  std::error_code error;

  for (const std::size_t size : {1U, 99U, 1000U, 30'000U}) {
    ends.write(size);
    while (stream.reader().offset() < ends.written) {
      ck_assert_uint_gt(read_some(io, stream, error), 0);
    }
  }
  ends.out.close();
  ck_assert_uint_eq(read_some(io, stream, error), 0);

  ck_assert(error == asio::error::eof);
  ck_assert_uint_eq(waiting->bytes, 1);
  ck_assert(stream.reader().catcher()->length() == ends.written);
}

START_TEST(a_socket_is_read_to_its_end) {
  read_to_the_end<Pair>();
}
END_TEST

START_TEST(a_pipe_is_read_to_its_end) {
  read_to_the_end<Pipe>();
}
END_TEST

START_TEST(readers_that_block_are_served_too) {
  asio::io_context io;
  const auto work = asio::make_work_guard(io);
  Pair ends(io);
  std::jthread runner([&] { io.run(); });
  {
    Reader reader(caught(std::move(ends.in)));
    std::jthread writer([&] {
      for (int i = 0; i < 50; ++i) ends.write(77);
      ends.out.close();
    });
    const auto result = read_all(reader);
    ck_assert_status(result.status, Status::end);
    ck_assert_uint_eq(result.bytes, 50 * 77);
  }
  io.stop();
}
END_TEST

// ---- a stream that does what it is told ----------------------------------------------

struct Told {
  std::size_t bytes;
  std::error_code error;
};
// Gives the pattern, in any way an AsyncReadStream may.
class TellingStream {
 public:
  using executor_type = asio::io_context::executor_type;
  TellingStream(asio::io_context& io, std::deque<Told> script) : io_(&io), script_(script) {}
  executor_type get_executor() const { return io_->get_executor(); }
  template <class Buffers, class Handler>
  void async_read_some(const Buffers& buffers, Handler&& handler) {
    demand(!script_.empty(), "a source that has ended is not asked");
    const Told told = script_.front();
    script_.pop_front();
    const asio::mutable_buffer buffer(buffers);
    demand(buffer.size() >= told.bytes, "there is room");
    fill_pattern({static_cast<std::byte*>(buffer.data()), told.bytes}, offset_);
    offset_ += told.bytes;
    const auto executor = asio::get_associated_executor(handler, get_executor());
    asio::post(executor, [handler = std::forward<Handler>(handler), told]() mutable {
      handler(told.error, told.bytes);
    });
  }

 private:
  asio::io_context* io_;
  std::deque<Told> script_;
  std::uint64_t offset_ = 0;
};

START_TEST(interruptions_and_short_reads_shift_nothing) {
  asio::io_context io;
  const std::error_code interrupted = asio::error::interrupted;
  Stream stream(io, Reader(caught(TellingStream(io, {{0, interrupted},
                                                     {3, {}},
                                                     {0, {}},
                                                     {2, interrupted},
                                                     {1, {}},
                                                     {7, asio::error::eof}}))));
  std::error_code error;
  while (read_some(io, stream, error) != 0) {
  }
  ck_assert(error == asio::error::eof);
  ck_assert_uint_eq(stream.reader().offset(), 13);
}
END_TEST

START_TEST(an_error_reaches_every_reader_as_it_is_and_can_be_resumed_from) {
  asio::io_context io;
  const std::error_code aborted = asio::error::operation_aborted;
  for (const std::error_code why : {kBroken, aborted}) {
    Stream one(io, Reader(caught(TellingStream(io, {{5, why}, {4, {}}, {0, asio::error::eof}}))));
    Stream two(io, one.reader().clone());
    std::error_code error;
    for (Stream* const each : {&one, &two}) {
      ck_assert_uint_eq(read_some(io, *each, error), 5);
      ck_assert_uint_eq(read_some(io, *each, error), 0);
      ck_assert(error == why);
    }

    ck_assert_status(one.reader().catcher()->resume(), Status::ok);

    for (Stream* const each : {&one, &two}) {
      ck_assert_uint_eq(read_some(io, *each, error), 4);
      ck_assert_uint_eq(read_some(io, *each, error), 0);
      ck_assert(error == asio::error::eof);
    }
  }
}
END_TEST

struct ThrowingStream : TellingStream {
  using TellingStream::TellingStream;
  template <class Buffers, class Handler>
  void async_read_some(const Buffers&, Handler&&) {
    throw std::bad_alloc();
  }
};

START_TEST(a_stream_that_throws_has_failed) {
  asio::io_context io;
  Stream stream(io, Reader(caught(ThrowingStream(io, {}))));
  std::error_code error;

  ck_assert_uint_eq(read_some(io, stream, error), 0);

  ck_assert(error == Fault::read_dropped);
}
END_TEST

// ---- given up --------------------------------------------------------------------------

bool is_closed(Socket& other_end) {
  std::byte byte{};
  other_end.non_blocking(true);
  std::error_code error;
  other_end.read_some(asio::buffer(&byte, 1), error);
  return error == asio::error::eof || error == asio::error::connection_reset;
}

START_TEST(a_catcher_given_up_ends_the_read_under_way_and_the_stream) {
  for (const bool has_begun : {false, true}) {
    asio::io_context io;
    Pair ends(io);
    Bell bell;
    auto catcher = caught(std::move(ends.in));
    ck_assert_status(catcher->once_readable(0, bell.request), Status::would_block);
    if (has_begun) run_ready(io);
    ck_assert(bell.request.cancel());

    catcher.reset();
    run_ready(io);

    ck_assert(is_closed(ends.out));
    ck_assert_msg(io.stopped(), "no read is left");
  }
}
END_TEST

START_TEST(a_catcher_given_up_goes_with_its_context) {
  for (const bool has_begun : {false, true}) {
    auto io = std::make_unique<asio::io_context>();
    auto ends = std::make_unique<Pair>(*io);
    const int other_end = ::dup(ends->out.native_handle());
    Bell bell;
    auto catcher = caught(std::move(ends->in));
    ck_assert_status(catcher->once_readable(0, bell.request), Status::would_block);
    if (has_begun) run_ready(*io);
    ck_assert(bell.request.cancel());

    catcher.reset();
    ends.reset();
    io.reset();

    std::byte byte{};
    ck_assert_int_eq(::recv(other_end, &byte, 1, MSG_DONTWAIT), 0);
    ::close(other_end);
  }
}
END_TEST

START_TEST(a_context_that_ends_fails_reads_and_the_catcher_outlives_it) {
  for (const bool has_begun : {false, true}) {
    auto io = std::make_unique<asio::io_context>();
    auto ends = std::make_unique<Pair>(*io);
    const int other_end = ::dup(ends->out.native_handle());
    Reader reader(caught(std::move(ends->in)));
    Bell bell;
    ck_assert_status(reader.once_readable(bell.request), Status::would_block);
    if (has_begun) run_ready(*io);

    ends.reset();
    io.reset();

    ck_assert_uint_eq(bell.rings(), 1);
    std::byte byte{};
    ck_assert_int_eq(::recv(other_end, &byte, 1, MSG_DONTWAIT), 0);
    ::close(other_end);
    ck_assert(reader.read_now({&byte, 1}).error == Fault::read_dropped);
    ck_assert_status(reader.catcher()->resume(), Status::ok);
    ck_assert(reader.read({&byte, 1}, patiently()).error == Fault::read_dropped);
  }
}
END_TEST

START_TEST(it_is_given_up_while_bytes_come) {
  stress(1, [](std::size_t, Random& random) {
    asio::io_context io;
    const auto work = asio::make_work_guard(io);
    Pair ends(io);
    std::vector<std::jthread> runners;
    for (int i = 0; i < 2; ++i) runners.emplace_back([&] { io.run(); });
    {
      Reader reader(caught(std::move(ends.in)));
      const std::size_t size = random.up_to(2000);
      std::jthread writer([&] {
        std::error_code error;
        asio::write(ends.out, asio::buffer(pattern(0, size)), error);
      });
      take(reader, random.below(size));
      Bell bell;
      static_cast<void>(reader.once_readable(bell.request));
      writer.join();
    }
    io.stop();
  });
}
END_TEST

}  // namespace

int main() {
  // The other end may have gone.
  std::signal(SIGPIPE, SIG_IGN);
  return run_suite("AsioSource",
                   {
                       {"streams",
                        {a_socket_is_read_to_its_end, a_pipe_is_read_to_its_end,
                         readers_that_block_are_served_too}},
                       {"told",
                        {interruptions_and_short_reads_shift_nothing,
                         an_error_reaches_every_reader_as_it_is_and_can_be_resumed_from,
                         a_stream_that_throws_has_failed}},
                       {"given_up",
                        {a_catcher_given_up_ends_the_read_under_way_and_the_stream,
                         a_catcher_given_up_goes_with_its_context,
                         a_context_that_ends_fails_reads_and_the_catcher_outlives_it,
                         it_is_given_up_while_bytes_come}},
                   });
}
