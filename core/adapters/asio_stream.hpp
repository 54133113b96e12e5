// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// An AsyncReadStream of Asio's over a reader: whatever reads from a socket reads from a caught
// stream, with any completion token. It costs no thread, however many wait. Standalone Asio, 1.19
// or later.
//
//   catcher::AsioStream stream(io_context, catcher::Reader(caught));
//   asio::async_read(stream, asio::buffer(frame), [&](std::error_code error, std::size_t bytes) {
//     ...
//
// Not for bytes that are all there already: asio::buffer() of Catcher::contiguous() is enough.
//
// A read takes what is there, and waits only if that is nothing. One is under way at a time:
// another one gives asio::error::already_started. Seeks are arithmetic, by reader(), between reads.
//
//   what came of a read            the error
//   end                            asio::error::eof
//   cancelled, or the stream went  asio::error::operation_aborted; no byte is taken
//   failed                         its error_code as it is
//   evicted, full, out_of_memory   catcher::make_error_code(Status); so are all others
//   closed                         asio::error::bad_descriptor
//
// `bad_argument` is a catcher that pulls from a blocking source without a Config::executor: only
// read_some() can be used.
//
// The handler is called by its associated executor, which is the stream's unless it has one, never
// inside the call that begins the read. Bytes are copied there too. Its allocator and its
// cancellation slot are honoured; `terminal`, `partial` and `total` are one, since a read that is
// cancelled has done nothing. Until then the context has work to do. If it ends first, reads that
// wait end without their handlers being called, as those of a socket do.
// Danger: an executor that cannot post, for lack of memory, to a read that waits ends the process.
//
// Thread: one at a time, and the executors of its handlers count as that one: with several threads
// that run a context, a strand. cancel() by any. The context outlives the stream.
#pragma once

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/error.hpp>
#include <asio/execution_context.hpp>
#include <asio/system_error.hpp>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "../reader.hpp"
#include "asio_operation.hpp"

namespace catcher {

// What Asio reads from: an AsyncReadStream and a SyncReadStream.
template <class Executor = asio::any_io_executor>
class AsioStream {
 public:
  // For Asio.
  using executor_type = Executor;
  // The same stream with another executor.
  template <class Other>
  struct rebind_executor {
    // For Asio.
    using other = AsioStream<Other>;
  };

  // Begins where `reader` is.
  AsioStream(const Executor& executor, Reader reader)
      : executor_(executor), reading_(make_reading(executor, std::move(reader))) {}
  // The same, with the executor of a context.
  template <class Context,
            class = std::enable_if_t<std::is_convertible_v<Context&, asio::execution_context&>>>
  AsioStream(Context& context, Reader reader)
      : AsioStream(Executor(context.get_executor()), std::move(reader)) {}
  // What was moved from can only be assigned to and destroyed.
  AsioStream(AsioStream&&) noexcept = default;
  AsioStream& operator=(AsioStream&& other) {
    if (this != &other) {
      if (reading_ != nullptr) close();
      executor_ = other.executor_;
      reading_ = std::move(other.reading_);
    }
    return *this;
  }
  // Cancels the read that is under way: its handler is called later.
  ~AsioStream() {
    if (reading_ != nullptr) close();
  }

  // Calls handlers that have none of their own.
  executor_type get_executor() const noexcept { return executor_; }

  // Where it stands. Requires: it is open, and no read is under way.
  Reader& reader() noexcept { return *reading_->reader; }
  // The same.
  const Reader& reader() const noexcept { return *reading_->reader; }

  // Whether it was not closed.
  bool is_open() const noexcept { return reading_->reader.has_value(); }
  // Ends the read that is under way with asio::error::operation_aborted, unless it has its bytes.
  // Thread: any.
  void cancel() noexcept {
    const auto reading = reading_;
    reading->cancel(asio_detail::Reading::kAny);
  }
  // The same, and lets go of the reader: a writer that waits when full does not wait for it.
  void close() noexcept {
    cancel();
    reading_->reader.reset();
  }

  // Begins to read what is there into `buffers`, whose memory lives until the handler is called
  // with an error_code and the number of bytes.
  template <class Buffers, class Token = asio::default_completion_token_t<Executor>>
  auto async_read_some(const Buffers& buffers, Token&& token = {}) {
    return asio::async_initiate<Token, void(asio::error_code, std::size_t)>(
        Initiate{executor_, reading_}, token, buffers);
  }

  // The same, and waits for it. In a pulled catcher the source is asked right here. Bytes come
  // before errors. Not interrupted by cancel().
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers, asio::error_code& error) {
    if (!is_open()) {
      error = asio::error::bad_descriptor;
      return 0;
    }
    const asio_detail::Got there = asio_detail::read_there(reader(), buffers);
    error = there.error;
    if (there.is_over) return there.bytes;
    if (const ReadResult waited = reader().wait(); waited.status != Status::ok) {
      error = asio_detail::error_of(waited);
      return 0;
    }
    return read_some(buffers, error);
  }
  // Throws asio::system_error instead.
  template <class Buffers>
  std::size_t read_some(const Buffers& buffers) {
    asio::error_code error;
    const std::size_t bytes = read_some(buffers, error);
    if (error) throw asio::system_error(error, "read_some");
    return bytes;
  }

 private:
  struct Initiate {
    using executor_type = Executor;
    executor_type get_executor() const noexcept { return executor; }
    template <class Handler, class Buffers>
    void operator()(Handler&& handler, const Buffers& buffers) const {
      using Read = asio_detail::ReadOperation<Buffers, std::decay_t<Handler>, Executor>;
      Read::begin(reading, executor, buffers, std::forward<Handler>(handler));
    }
    Executor executor;
    std::shared_ptr<asio_detail::Reading> reading;
  };

  static std::shared_ptr<asio_detail::Reading> make_reading(const Executor& executor,
                                                            Reader reader) {
    auto reading = std::make_shared<asio_detail::Reading>(std::move(reader));
    asio_detail::Residents::enter(executor, *reading);
    return reading;
  }

  Executor executor_;
  std::shared_ptr<asio_detail::Reading> reading_;
};

}  // namespace catcher
