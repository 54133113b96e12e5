// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A read of an AsioStream with its handler, from async_read_some() to the handler's call. No API.
//
// Thread: by one at a time; see asio_reading.hpp for who that is.
// Invariants:
//   I1  Ends once: with the handler, whose memory is given back first, or without.
//   I2  Both executors have outstanding work until then.
#pragma once

#include <asio/associated_allocator.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/buffer.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/error.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <type_traits>
#include <utility>

#include "../reader.hpp"
#include "../status_code.hpp"
#include "asio_reading.hpp"

namespace catcher::asio_detail {

inline std::error_code error_of(const ReadResult& result) noexcept {
  switch (result.status) {
    case Status::ok: return {};
    case Status::end: return asio::error::eof;
    case Status::cancelled: return asio::error::operation_aborted;
    case Status::failed:
      // One that says that there is no error would be taken for bytes.
      if (result.error) return result.error;
      break;
    default: break;
  }
  return make_error_code(result.status);
}

// What a read without waiting gave.
struct Got {
  std::size_t bytes = 0;
  std::error_code error{};
  bool is_over = false;  // false: there is nothing yet
};

template <class Buffers>
Got read_there(Reader& reader, const Buffers& buffers) {
  std::size_t bytes = 0;
  const auto end = asio::buffer_sequence_end(buffers);
  for (auto at = asio::buffer_sequence_begin(buffers); at != end; ++at) {
    const asio::mutable_buffer buffer(*at);
    std::span<std::byte> space(static_cast<std::byte*>(buffer.data()), buffer.size());
    while (!space.empty()) {
      const ReadResult got = reader.read_now(space);
      bytes += got.bytes;
      space = space.subspan(got.bytes);
      if (got.status == Status::ok) continue;
      if (bytes != 0) return {bytes, {}, true};
      if (got.status == Status::would_block) return {};
      return {0, error_of(got), true};
    }
  }
  return {bytes, {}, true};
}

template <class Buffers, class Handler, class IoExecutor>
class ReadOperation final : public Operation {
  using Executor = typename asio::associated_executor<Handler, IoExecutor>::type;
  using HandlerAllocator = typename asio::associated_allocator<Handler>::type;
  using Allocator =
      typename std::allocator_traits<HandlerAllocator>::template rebind_alloc<ReadOperation>;
  using Traits = std::allocator_traits<Allocator>;

 public:
  template <class H>
  static void begin(const std::shared_ptr<Reading>& reading, const IoExecutor& executor,
                    const Buffers& buffers, H&& handler) {
    ReadOperation* made = make(reading, executor, buffers, std::forward<H>(handler));
    std::unique_ptr<ReadOperation, Destroy> self(made);
    switch (reading->begin(made->number_)) {
      case Reading::Begin::abandoned: return;
      case Reading::Begin::refused: made->got_ = {0, asio::error::already_started, true}; break;
      case Reading::Begin::begun: made->install_cancellation(); break;
    }
    if (!reading->reader) made->got_ = {0, asio::error::bad_descriptor, true};
    // From here on it is gone, or owned by others, if it waits.
    self.release();
    if (made->proceed()) made->post_step();
  }

  void post() noexcept override { post_step(); }
  void destroy() noexcept override {
    Allocator allocator(asio::get_associated_allocator(handler_));
    Traits::destroy(allocator, this);
    Traits::deallocate(allocator, this, 1);
  }

 private:
  struct Destroy {
    void operator()(ReadOperation* operation) const noexcept { operation->destroy(); }
  };
  struct Step {
    using allocator_type = HandlerAllocator;
    allocator_type get_allocator() const noexcept { return allocator; }
    void operator()() {
      ReadOperation* const operation = self.release();
      if (operation->go_on()) operation->complete();
    }
    std::unique_ptr<ReadOperation, Destroy> self;
    HandlerAllocator allocator;
  };
  struct OnCancel {
    void operator()(asio::cancellation_type type) const noexcept {
      constexpr auto all = asio::cancellation_type::terminal | asio::cancellation_type::partial |
                           asio::cancellation_type::total;
      if ((type & all) == asio::cancellation_type::none) return;
      if (const auto reading = stream.lock()) reading->cancel(number);
    }
    // The slot may outlive the read, and the stream too.
    std::weak_ptr<Reading> stream;
    std::uint64_t number;
  };

 public:
  // For make().
  template <class H>
  ReadOperation(const std::shared_ptr<Reading>& reading, const IoExecutor& executor,
                const Buffers& buffers, H&& handler)
      : reading_(reading),
        buffers_(buffers),
        handler_(std::forward<H>(handler)),
        io_work_(executor),
        work_(asio::get_associated_executor(handler_, executor)) {}
  ~ReadOperation() {
    if (number_ != Reading::kAny) reading_->ended();
  }

 private:
  template <class H>
  static ReadOperation* make(const std::shared_ptr<Reading>& reading, const IoExecutor& executor,
                             const Buffers& buffers, H&& handler) {
    Allocator allocator(asio::get_associated_allocator(handler));
    ReadOperation* const memory = Traits::allocate(allocator, 1);
    try {
      Traits::construct(allocator, memory, reading, executor, buffers, std::forward<H>(handler));
    } catch (...) {
      Traits::deallocate(allocator, memory, 1);
      throw;
    }
    return memory;
  }

  void install_cancellation() {
    auto slot = asio::get_associated_cancellation_slot(handler_);
    if (slot.is_connected()) slot.template emplace<OnCancel>(OnCancel{reading_, number_});
  }

  void post_step() {
    const Executor executor = work_.get_executor();
    asio::post(executor, Step{std::unique_ptr<ReadOperation, Destroy>(this),
                              asio::get_associated_allocator(handler_)});
  }
  // True: it is over. False: it waits, and may be gone.
  bool proceed() {
    while (!got_.is_over) {
      got_ = read_there(*reading_->reader, buffers_);
      if (got_.is_over) break;
      const Status entered = reading_->enter(*this);
      if (entered == Status::would_block) return false;
      if (entered != Status::ok && entered != Status::end && entered != Status::failed &&
          entered != Status::evicted)
        got_ = {0, error_of({0, entered, {}, {}}), true};
    }
    return true;
  }
  // On the executor of the handler, after it has waited or was over at once.
  bool go_on() {
    if (!got_.is_over && reading_->is_stopped()) got_ = {0, asio::error::operation_aborted, true};
    return proceed();
  }
  void complete() {
    const Got got = got_;
    const auto io_work = std::move(io_work_);
    const auto work = std::move(work_);
    Handler handler(std::move(handler_));
    destroy_moved(handler);
    std::move(handler)(got.error, got.bytes);
  }
  // The allocator is asked of the handler, where that has gone to.
  void destroy_moved(const Handler& handler) noexcept {
    Allocator allocator(asio::get_associated_allocator(handler));
    Traits::destroy(allocator, this);
    Traits::deallocate(allocator, this, 1);
  }

  const std::shared_ptr<Reading> reading_;
  const Buffers buffers_;
  Handler handler_;
  asio::executor_work_guard<IoExecutor> io_work_;
  asio::executor_work_guard<Executor> work_;
  std::uint64_t number_ = Reading::kAny;
  Got got_;
};

}  // namespace catcher::asio_detail
