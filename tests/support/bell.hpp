// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A request that notes who called it back, how often and with what.
#pragma once

#include <atomic>
#include <functional>
#include <thread>

#include "core/readable.hpp"
#include "tests/support/gate.hpp"

namespace catcher::test {

class Bell {
 public:
  Bell() = default;
  // `then` is run inside the callback.
  explicit Bell(std::function<void()> then) : then_(std::move(then)) {}

  unsigned rings() const { return rings_; }
  Status outcome() const { return outcome_; }
  std::thread::id thread() const { return thread_; }
  // Thread: any.
  void wait(const char* for_what, unsigned rings = 1) { rung_.wait(for_what, rings); }
  void set_then(std::function<void()> then) { then_ = std::move(then); }

 private:
  static void ring(void* context, Status status) noexcept {
    auto& bell = *static_cast<Bell*>(context);
    bell.outcome_ = status;
    bell.thread_ = std::this_thread::get_id();
    ++bell.rings_;
    // A copy: it may destroy the bell.
    const auto then = bell.then_;
    bell.rung_.open();
    if (then) then();
  }

  std::function<void()> then_;
  std::atomic<unsigned> rings_{0};
  std::atomic<Status> outcome_{Status::would_block};
  std::atomic<std::thread::id> thread_{};
  Gate rung_;

 public:
  // Last, so that no callback finds the rest gone.
  ReadableRequest request{this, ring};
};

}  // namespace catcher::test
