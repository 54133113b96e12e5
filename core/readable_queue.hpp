// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The requests that wait in one catcher, and whoever calls them back. An append that brings
// nothing that anybody waits for costs one read-modify-write and a comparison, however many wait
// further ahead.
//
// Thread: any.
// Invariants:
//   I1  No lock is held during a callback.
//   I2  A thread that calls back does not call back inside that: who becomes due meanwhile is its
//       next. So requests that enter again and again do not pile up on the stack.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <utility>

#include "earliest.hpp"
#include "mutex.hpp"
#include "offset_heap.hpp"
#include "readable.hpp"

namespace catcher {

class ReadableQueue {
 public:
  enum class Entry : std::uint8_t {
    entered,  // the request may be gone already
    settled,  // nothing to wait for
    refused,  // it waits already, or belongs to another queue
  };
  // Enters `request`, unless `is_settled()`, which is looked at last, under the lock that every
  // callback is decided under. `keeper` keeps this queue.
  template <class Settled>
  Entry enter(ReadableRequest& request, std::uint64_t offset, std::shared_ptr<void> keeper,
              const Settled& is_settled) {
    Lock lock(mutex_);
    const bool is_new = request.queue_ == nullptr;
    if (!add(request, offset, std::move(keeper))) return Entry::refused;
    if (!is_settled()) return Entry::entered;
    remove(request);
    if (is_new) forget(request);
    return Entry::settled;
  }

  // Calls back who waits for an offset below `end`.
  void arrived(std::uint64_t end) noexcept {
    if (earliest_.is_due(end)) call_back(end, Status::ok);
  }
  // Calls back everybody.
  void tell_all(Status status) noexcept { call_back(Earliest<>::kNobody, status); }
  // Whether somebody who waits for an offset below `end` is about to be called.
  bool is_due(std::uint64_t end) noexcept { return earliest_.is_due(end); }
  // What is stopped when the last one that waits is cancelled: nobody wants its work.
  void set_interrupt(const std::stop_source& interrupt) noexcept {
    Lock lock(mutex_);
    interrupt_ = interrupt;
  }
  // Stops it if nobody waits now.
  void interrupt_unwanted() noexcept;
  // Whether anybody waits for more than what arrived() was told. Whoever enters after this has
  // said no sees what was done before it was asked.
  bool is_anybody_waiting() noexcept { return earliest_.is_anybody(); }

 private:
  friend class ReadableRequest;
  using Call = ReadableRequest::Call;
  using Place = ReadableRequest::Place;

  bool add(ReadableRequest& request, std::uint64_t offset, std::shared_ptr<void> keeper) noexcept
      CATCHER_REQUIRES(mutex_);
  // Requires: it is waiting or due.
  void remove(ReadableRequest& request) noexcept CATCHER_REQUIRES(mutex_);
  // Requires: it is in no list and no callback. What kept the queue until now, for whoever lets go.
  std::shared_ptr<void> forget(ReadableRequest& request) noexcept CATCHER_REQUIRES(mutex_) {
    request.queue_ = nullptr;
    return std::move(request.keeper_);
  }
  void lowest_changed() noexcept CATCHER_REQUIRES(mutex_);
  bool cancel(ReadableRequest& request) noexcept;
  void leave(ReadableRequest& request) noexcept;
  // Takes it out and waits for its callback on another thread. True: it was in.
  bool settle(ReadableRequest& request, Lock& lock) noexcept CATCHER_REQUIRES(mutex_);
  // What nobody wants any more, if anything. To be stopped without the lock.
  std::stop_source unwanted() const noexcept CATCHER_REQUIRES(mutex_);
  bool is_calling_back() const noexcept CATCHER_REQUIRES(mutex_);
  void call_back(std::uint64_t end, Status status) noexcept;
  ReadableRequest* next_due() noexcept CATCHER_REQUIRES(mutex_);
  void push_due(ReadableRequest& request) noexcept CATCHER_REQUIRES(mutex_);
  void unlink_due(ReadableRequest& request) noexcept CATCHER_REQUIRES(mutex_);

  Earliest<> earliest_;

  Mutex mutex_;  // never held during a callback
  OffsetHeap waiting_ CATCHER_GUARDED_BY(mutex_);
  OffsetNode* first_due_ CATCHER_GUARDED_BY(mutex_) = nullptr;
  OffsetNode* last_due_ CATCHER_GUARDED_BY(mutex_) = nullptr;
  Call* calls_ CATCHER_GUARDED_BY(mutex_) = nullptr;  // being made now
  std::stop_source interrupt_ CATCHER_GUARDED_BY(mutex_){std::nostopstate};
  CondVar returned_;  // a callback that somebody waits for
};

}  // namespace catcher
