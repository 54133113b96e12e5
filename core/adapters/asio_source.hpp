// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A catcher that pulls from an AsyncReadStream of Asio's: a socket, a pipe, a serial port, a TLS
// stream. It is read when a reader has run out of bytes, and no thread waits for it.
//
//   auto source = std::make_unique<catcher::AsioSource<asio::ip::tcp::socket>>(std::move(socket));
//   auto made = catcher::Catcher::pull_async(std::move(source));
//
// Not for a descriptor that always can be read, such as that of a regular file: Asio cannot wait
// for one. A Source of the core's reads it.
//
// asio::error::eof is the end, any other error fails the stream as it is, after all bytes that
// came before; Catcher::resume() reads on. Reads are made in a strand of the stream's executor,
// and begun there, whatever thread asks.
//
// Thread: any; the stream belongs to this. Its context is run for as long as readers want bytes,
// and kept by the caller from running out of work meanwhile. When the context ends the stream goes
// with it, and a read, under way or begun later, has failed with Fault::read_dropped.
#pragma once

#include <asio/buffer.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/strand.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include "../async_source.hpp"
#include "../mutex.hpp"
#include "asio_residents.hpp"

namespace catcher {

// Owns the stream that it reads.
template <class AsyncReadStream>
class AsioSource final : public AsyncSource {
 public:
  // Reads nothing before it is asked. Requires: no read of the stream is under way.
  explicit AsioSource(AsyncReadStream stream) {
    const auto executor = stream.get_executor();
    shared_ = std::make_shared<Shared>(std::move(stream));
    asio_detail::Residents::enter(executor, *shared_);
  }

  // For the catcher, as the next one.
  void start_read(std::span<std::byte> space, ReadDone done) override {
    Lock lock(shared_->mutex);
    if (const auto io = shared_->io) {
      asio::post(io->strand, Begin{io, space, std::move(done)});
    }
  }
  void cancel() noexcept override {
    Lock lock(shared_->mutex);
    try {
      if (const auto io = shared_->io) asio::post(io->strand, [io] { io->cancel(); });
    } catch (...) {
      // Without the memory to say so, the read is over when something has come.
    }
  }

 private:
  using Strand = asio::strand<typename AsyncReadStream::executor_type>;

  // Used in the strand alone. Kept by what is under way there, and so gone before the context.
  struct Io {
    explicit Io(AsyncReadStream its_stream)
        : stream(std::move(its_stream)), strand(stream.get_executor()) {}
    void cancel() {
      is_cancelled = true;
      if (is_reading) signal.emit(asio::cancellation_type::terminal);
    }

    AsyncReadStream stream;
    Strand strand;
    asio::cancellation_signal signal{};
    bool is_reading = false;
    bool is_cancelled = false;
  };

  struct Shared final : asio_detail::Resident {
    explicit Shared(AsyncReadStream stream) : io(std::make_shared<Io>(std::move(stream))) {}
    void abandon() noexcept override {
      std::shared_ptr<Io> gone;  // destroyed without the lock
      Lock lock(mutex);
      gone.swap(io);
      lock.unlock();
    }

    Mutex mutex;  // held while something is posted, so that the context does not end meanwhile
    std::shared_ptr<Io> io CATCHER_GUARDED_BY(mutex);
  };

  // A `done` that is dropped, by a context that ends or for lack of memory, tells so by itself.
  struct Begin {
    void operator()() {
      io->is_reading = true;
      const asio::mutable_buffer buffer(space.data(), space.size());
      try {
        io->stream.async_read_some(buffer, OnRead{io, std::move(done)});
      } catch (...) {
        io->is_reading = false;
      }
    }
    std::shared_ptr<Io> io;
    std::span<std::byte> space;
    ReadDone done;
  };

  struct OnRead {
    using executor_type = Strand;
    using cancellation_slot_type = asio::cancellation_slot;
    executor_type get_executor() const noexcept { return io->strand; }
    cancellation_slot_type get_cancellation_slot() const noexcept { return io->signal.slot(); }

    void operator()(const std::error_code& error, std::size_t bytes) {
      io->is_reading = false;
      done(result(error, bytes));
    }
    SourceResult result(const std::error_code& error, std::size_t bytes) const {
      if (!error || error == asio::error::interrupted) return SourceResult::some(bytes);
      if (error == asio::error::eof) return SourceResult::at_end(bytes);
      if (error == asio::error::operation_aborted && io->is_cancelled)
        return {bytes, Status::cancelled, {}};
      return SourceResult::failure(error, bytes);
    }

    std::shared_ptr<Io> io;
    ReadDone done;
  };

  std::shared_ptr<Shared> shared_;
};

}  // namespace catcher
