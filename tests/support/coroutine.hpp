// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The least of a task type, so that tests can await.
#pragma once

#include <coroutine>
#include <exception>
#include <memory>
#include <utility>

#include "tests/support/gate.hpp"

namespace catcher::test {

// Begins at once, on the thread that calls it. Whoever holds it ends it: when it is done, or while
// it is suspended and nobody is about to resume it.
class Task {
 public:
  struct promise_type {
    struct Finish {
      bool await_ready() noexcept { return false; }
      void await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        // A copy: the task may be ended as soon as the gate is open.
        const auto done = self.promise().done;
        done->open();
      }
      void await_resume() noexcept {}
    };
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    Finish final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }

    std::shared_ptr<Gate> done = std::make_shared<Gate>();
  };

  Task(Task&& other) noexcept
      : self_(std::exchange(other.self_, nullptr)), done_(std::move(other.done_)) {}
  ~Task() {
    if (self_ != nullptr) self_.destroy();
  }

  bool is_done() const { return done_->granted() != 0; }
  void wait(const char* for_what) const { done_->wait(for_what); }

 private:
  explicit Task(std::coroutine_handle<promise_type> self)
      : self_(self), done_(self.promise().done) {}

  std::coroutine_handle<promise_type> self_;
  std::shared_ptr<Gate> done_;
};

}  // namespace catcher::test
