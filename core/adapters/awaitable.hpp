// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Reading in coroutines, whatever their task type: no thread, and no allocation for an await.
//
//   Task echo(catcher::Reader& reader, std::stop_token stop, Pool& pool) {
//     std::byte bytes[4096];
//     const auto on_pool = [&](std::coroutine_handle<> waiting) noexcept { pool.post(waiting); };
//     for (;;) {
//       const catcher::ReadResult got =
//           co_await catcher::async_read(reader, bytes, stop, on_pool);
//       if (got.status != catcher::Status::ok) co_return;
//       ...
//
// A seek needs no await: Reader::seek() is arithmetic, and the next read waits where it went.
// Not for a catcher that pulls from a Source without a Config::executor: `bad_argument`.
//
// A coroutine that does not have to wait goes on at once, on its own thread. Otherwise `resume`,
// the last argument, is given its handle: by the thread that brought the bytes, or that asked it to
// stop. It posts the handle to where the coroutine shall go on, and may not throw. Without it,
// ResumeHere lets the coroutine go on right there: then the thread that writes or fills runs
// it, for as long as it does not wait, and it may not end the Writer or the Reader in whose call
// it is, nor take a lock that the writer holds.
//
// A stop ends an await with `cancelled`, wherever it is, and takes no byte: what a partial read has
// put into its span is counted in the result. A stop and bytes that race are told apart: either
// the bytes are there or they are still to be read.
//
// Thread: the reader is the coroutine's, also while it waits; one await at a time. What co_await is
// given lives until it is resumed. A coroutine may be destroyed while it waits, unless a stop or
// bytes may be about to resume it on another thread.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <utility>

#include "../await_steps.hpp"
#include "../mutex.hpp"
#include "../readable.hpp"
#include "../reader.hpp"

namespace catcher {

// Goes on on whatever thread has something for it.
struct ResumeHere {
  // Runs the coroutine until it waits again or ends.
  void operator()(std::coroutine_handle<> waiting) const { waiting.resume(); }
};

// What the functions below return, to be awaited at once. `Step` is what is waited for
// (await_steps.hpp).
template <class Step, class Resume>
class [[nodiscard]] Awaitable {
 public:
  // Begins nothing before it is awaited.
  Awaitable(Step step, std::stop_token stop, Resume resume)
      : step_(std::move(step)), stop_(std::move(stop)), resume_(std::move(resume)) {}
  Awaitable(const Awaitable&) = delete;
  Awaitable& operator=(const Awaitable&) = delete;

  // For the compiler, as the next two: whether there is nothing to wait for.
  bool await_ready() {
    if (step_.advance()) return true;
    if (!stop_.stop_requested()) return false;
    step_.give_up(Status::cancelled);
    return true;
  }

  // False: it goes on at once. Otherwise it may be gone when this returns.
  bool await_suspend(std::coroutine_handle<> waiting) {
    waiting_ = waiting;
    on_stop_.emplace(stop_, OnStop{*this});
    const bool is_over = proceed();
    bool was_stopped = false;
    {
      Lock lock(mutex_);
      if (!is_over && phase_ == Phase::arming) {
        phase_ = Phase::waiting;
        return true;
      }
      was_stopped = phase_ == Phase::stopped;
    }
    if (was_stopped && !is_over) stop();
    return false;
  }

  // What came of it.
  auto await_resume() {
    on_stop_.reset();
    return step_.finish();
  }

 private:
  // Whoever takes it away from `waiting`, a stop or the bytes, resumes the coroutine. While
  // `arming` that is await_suspend() itself.
  enum class Phase : std::uint8_t { arming, waiting, stopped, over };

  struct OnStop {
    Awaitable& awaitable;
    void operator()() const noexcept { awaitable.stop_requested(); }
  };

  // True: there is no more to wait for. False: the request has been entered.
  bool proceed() {
    for (;;) {
      if (step_.advance()) return true;
      // Also where every round brings something at once, so that no request is ever entered.
      if (stop_.stop_requested()) {
        step_.give_up(Status::cancelled);
        return true;
      }
      const Status entered = step_.enter(request_);
      switch (entered) {
        case Status::would_block: return false;
        case Status::bad_argument:
        case Status::full:
        case Status::out_of_memory: step_.give_up(entered); return true;
        default: break;  // there is something
      }
    }
  }

  static void called(void* context, Status status) noexcept {
    auto& self = *static_cast<Awaitable*>(context);
    if (status == Status::ok) {
      if (!self.proceed()) return;
    } else {
      self.step_.give_up(status);
    }
    {
      Lock lock(self.mutex_);
      self.is_done_ = true;
      if (std::exchange(self.phase_, after_call(self.phase_)) != Phase::waiting) return;
    }
    self.resume();
  }
  // A stop that came first goes on, and finds that it is done.
  static Phase after_call(Phase phase) noexcept {
    return phase == Phase::stopped ? Phase::stopped : Phase::over;
  }

  void stop_requested() noexcept {
    {
      Lock lock(mutex_);
      if (phase_ == Phase::over) return;
      if (std::exchange(phase_, Phase::stopped) != Phase::waiting) return;
    }
    stop();
    resume();
  }

  // Ends this, maybe before it returns.
  void resume() noexcept {
    const std::coroutine_handle<> waiting = waiting_;
    Resume go_on = std::move(resume_);
    go_on(waiting);
  }

  // Requires: `stopped`, so that no callback resumes any more.
  void stop() noexcept {
    request_.cancel();
    if (!is_done_) step_.give_up(Status::cancelled);
  }

  Step step_;
  const std::stop_token stop_;
  Resume resume_;
  std::coroutine_handle<> waiting_;

  Mutex mutex_;
  Phase phase_ CATCHER_GUARDED_BY(mutex_) = Phase::arming;
  bool is_done_ = false;  // the callback has what was waited for; read once that has returned

  ReadableRequest request_{this, called};
  std::optional<std::stop_callback<OnStop>> on_stop_;
};

// As Reader::read(): what is there, up to the size of `out`, once that is anything.
// All of these are lazy: co_await them.
template <class Resume = ResumeHere>
Awaitable<awaitable::ReadStep, Resume> async_read(Reader& reader, std::span<std::byte> out,
                                                  std::stop_token stop = {}, Resume resume = {}) {
  return {awaitable::ReadStep(reader, out), std::move(stop), std::move(resume)};
}

// As Reader::lease(). Copies nothing on whatever thread.
template <class Resume = ResumeHere>
Awaitable<awaitable::LeaseStep, Resume> async_lease(Reader& reader, std::size_t max_size,
                                                    std::stop_token stop = {}, Resume resume = {}) {
  return {awaitable::LeaseStep(reader, max_size), std::move(stop), std::move(resume)};
}

// As Reader::read_full(). What comes while it waits is copied by the thread that brought it.
template <class Resume = ResumeHere>
Awaitable<awaitable::ReadFullStep, Resume> async_read_full(Reader& reader, std::span<std::byte> out,
                                                           std::stop_token stop = {},
                                                           Resume resume = {}) {
  return {awaitable::ReadFullStep(reader, out), std::move(stop), std::move(resume)};
}

// As Reader::skip().
template <class Resume = ResumeHere>
Awaitable<awaitable::SkipStep, Resume> async_skip(Reader& reader, std::uint64_t count,
                                                  std::stop_token stop = {}, Resume resume = {}) {
  return {awaitable::SkipStep(reader, count), std::move(stop), std::move(resume)};
}

// Waits until all has come, whoever reads it: `end`, or why not. In a catcher that pulls, it sees
// to it that all comes. A window that blocks when full waits for readers to move on.
template <class Resume = ResumeHere>
Awaitable<awaitable::LoadAllStep, Resume> async_load_all(std::shared_ptr<Catcher> catcher,
                                                         std::stop_token stop = {},
                                                         Resume resume = {}) {
  return {awaitable::LoadAllStep(std::move(catcher)), std::move(stop), std::move(resume)};
}

}  // namespace catcher
