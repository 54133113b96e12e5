// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Contexts that are run with a deadline, and reads of an AsioStream that prove what they got.
#pragma once

#include <array>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <system_error>
#include <thread>

#include "core/adapters/asio_stream.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/streams.hpp"

namespace catcher::test {

using Stream = AsioStream<asio::io_context::executor_type>;

// Runs what there is to run until `is_so`, which whoever is run makes true.
template <class Predicate>
void run_until(asio::io_context& io, const char* what, const Predicate& is_so) {
  io.restart();
  const auto until = Clock::now() + kPatience;
  while (!is_so()) {
    demand(io.run_one_until(until) != 0, what);
  }
}
inline void run_ready(asio::io_context& io) {
  io.restart();
  io.poll();
}

// One read of up to 100 bytes, on the heap so that who has begun it may go. What it got is the
// pattern from where the reader stood.
struct ARead {
  std::array<std::byte, 100> space{};
  std::size_t room = 100;
  std::uint64_t offset = 0;
  unsigned calls = 0;
  std::error_code error{};
  std::size_t bytes = 0;
  std::thread::id thread{};

  bool is_over() const { return calls != 0; }
};
using Read = std::shared_ptr<ARead>;

inline Read a_read(const Reader& reader, std::size_t room = 100) {
  auto read = std::make_shared<ARead>();
  read->room = room;
  read->offset = reader.offset();
  return read;
}
inline asio::mutable_buffer space_of(const Read& read) {
  return asio::buffer(read->space.data(), read->room);
}
// The handler of `read`.
inline auto note(const Read& read) {
  return [read](std::error_code error, std::size_t bytes) {
    demand(++read->calls == 1, "a handler is called once", read->offset);
    read->error = error;
    read->bytes = bytes;
    read->thread = std::this_thread::get_id();
    demand(error ? bytes == 0 : bytes <= read->room, "bytes or an error", bytes);
    demand_pattern(std::span(read->space).first(bytes), read->offset);
  };
}
template <class AnyStream>
Read begin_read(AnyStream& stream, std::size_t room = 100) {
  const Read read = a_read(stream.reader(), room);
  stream.async_read_some(space_of(read), note(read));
  demand(!read->is_over(), "a handler is not called inside the call that begins");
  return read;
}

}  // namespace catcher::test
