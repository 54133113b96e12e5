// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The one read that an AsioStream (asio_stream.hpp) has under way, and what ends it: bytes, a
// cancellation, or the end of its execution context. No API: AsioStream is.
//
// Thread: begin(), enter(), ended() and the reader by the executor of the read's handler, or
// whoever initiates the read; cancel() by any.
// Invariants:
//   I1  An operation belongs to whoever took it from `waiting_`, or has not put it there yet.
//   I2  No lock is held while an operation is posted or destroyed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "../mutex.hpp"
#include "../readable.hpp"
#include "../reader.hpp"
#include "asio_residents.hpp"

namespace catcher::asio_detail {

// A read, as what does not depend on its handler sees it. Owns itself.
class Operation {
 public:
  // Has it go on on the executor of its handler, where it may be gone before this returns.
  virtual void post() noexcept = 0;
  virtual void destroy() noexcept = 0;

 protected:
  ~Operation() = default;
};

class Reading final : public Resident {
 public:
  static constexpr std::uint64_t kAny = 0;

  explicit Reading(Reader its_reader) : reader(std::move(its_reader)) {}

  std::optional<Reader> reader;  // nothing once closed

  enum class Begin : std::uint8_t {
    begun,
    refused,    // another read is under way
    abandoned,  // the context is no more
  };
  // Gives a read that has begun its number, never kAny.
  Begin begin(std::uint64_t& number) noexcept {
    Lock lock(mutex_);
    if (phase_ == Phase::abandoned) return Begin::abandoned;
    if (phase_ != Phase::idle) return Begin::refused;
    phase_ = Phase::looking;
    is_stopped_ = false;
    outcome_ = Status::ok;
    number = ++number_;
    return Begin::begun;
  }
  void ended() noexcept {
    Lock lock(mutex_);
    if (phase_ != Phase::abandoned) phase_ = Phase::idle;
  }

  // Has `operation` posted once there is something to look at. `would_block`: it waits, and may be
  // gone. Otherwise it is the caller's still, and `ok` is to look again.
  Status enter(Operation& operation) noexcept {
    // The read may be over, and the stream gone, before once_readable() has returned.
    const std::shared_ptr<Resident> self = shared_from_this();
    std::uint64_t entry = 0;
    {
      Lock lock(mutex_);
      if (is_stopped_) return Status::cancelled;
      if (outcome_ != Status::ok) return outcome_;
      phase_ = Phase::entering;
      waiting_ = &operation;
      entry = ++entries_;
    }
    const Status entered = reader->once_readable(request_);
    {
      Lock lock(mutex_);
      // Called back already, and maybe entered again.
      if (entered == Status::would_block && (phase_ != Phase::entering || entry != entries_))
        return Status::would_block;
      if (entered == Status::would_block && !is_stopped_) {
        phase_ = Phase::waiting;
        return Status::would_block;
      }
      phase_ = Phase::looking;
      waiting_ = nullptr;
      if (entered != Status::would_block) return entered;
    }
    request_.cancel();
    return Status::cancelled;
  }

  // Ends the read of that number, or any: it takes no byte any more.
  void cancel(std::uint64_t number) noexcept {
    Operation* stopped = nullptr;
    {
      Lock lock(mutex_);
      if (number != kAny && number != number_) return;
      is_stopped_ = true;
      if (phase_ != Phase::waiting) return;
      phase_ = Phase::looking;
      stopped = std::exchange(waiting_, nullptr);
    }
    request_.cancel();
    stopped->post();
  }
  bool is_stopped() const noexcept {
    Lock lock(mutex_);
    return is_stopped_;
  }

 private:
  // `looking`: the operation is on its way to its executor, or there. A callback does nothing then.
  enum class Phase : std::uint8_t { idle, looking, entering, waiting, abandoned };

  static void called(void* context, Status status) noexcept {
    auto& self = *static_cast<Reading*>(context);
    Operation* due = nullptr;
    {
      Lock lock(self.mutex_);
      if (self.phase_ != Phase::entering && self.phase_ != Phase::waiting) return;
      self.phase_ = Phase::looking;
      self.outcome_ = status;
      due = std::exchange(self.waiting_, nullptr);
    }
    due->post();
  }

  void abandon() noexcept override {
    Operation* abandoned = nullptr;
    {
      Lock lock(mutex_);
      is_stopped_ = true;
      phase_ = Phase::abandoned;
      abandoned = std::exchange(waiting_, nullptr);
    }
    // Waits also for a callback that is posting to the context now.
    request_.cancel();
    if (abandoned != nullptr) abandoned->destroy();
  }

  mutable Mutex mutex_;
  Phase phase_ CATCHER_GUARDED_BY(mutex_) = Phase::idle;
  bool is_stopped_ CATCHER_GUARDED_BY(mutex_) = false;
  Status outcome_ CATCHER_GUARDED_BY(mutex_) = Status::ok;  // of the callback
  Operation* waiting_ CATCHER_GUARDED_BY(mutex_) = nullptr;
  std::uint64_t number_ CATCHER_GUARDED_BY(mutex_) = 0;   // of the read
  std::uint64_t entries_ CATCHER_GUARDED_BY(mutex_) = 0;  // of all reads

  // Used by who has put the phase to `entering`, or has taken the operation out of it. Last, so
  // that no callback finds the rest gone.
  ReadableRequest request_{this, called};
};

}  // namespace catcher::asio_detail
