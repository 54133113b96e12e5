// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Asynchronous sources whose bytes are the pattern, and executors.
//
//   AtOnceSource   does what a script says inside start_read()
//   HandSource     is told by the test what each read brings, and when
//   Worker         one thread that runs what it is given
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "core/async_source.hpp"
#include "core/catcher.hpp"
#include "tests/support/scripted_source.hpp"

namespace catcher::test {

class AtOnceSource final : public AsyncSource {
 public:
  explicit AtOnceSource(Script script, std::shared_ptr<SourceLog> log = nullptr)
      : source_(std::move(script), std::move(log)) {}
  void start_read(std::span<std::byte> space, ReadDone done) override {
    done(source_.read(space, Wait::none()));
  }
  void cancel() noexcept override {}

 private:
  ScriptedSource source_;
};

// What a HandSource and its test have in common. Thread: any.
class Hand {
 public:
  Gate started{};    // a pass for each read that has begun
  Gate cancelled{};  // a pass for each cancel()
  std::atomic<bool> is_gone{false};
  bool tells_when_cancelled = true;

  // Ends the read that is under way with up to `bytes` of the pattern; how many there was room for.
  std::size_t tell(std::size_t bytes, Status status = Status::ok, std::error_code error = {}) {
    auto [done, space] = take();
    const std::size_t given = std::min(bytes, space.size());
    fill_pattern(space.first(given), offset_);
    offset_ += given;
    done(SourceResult{given, status, error});
    return given;
  }
  void drop() { static_cast<void>(take()); }
  bool is_reading() const {
    const std::lock_guard lock(mutex_);
    return static_cast<bool>(done_);
  }

 private:
  friend class HandSource;
  std::pair<ReadDone, std::span<std::byte>> take() {
    const std::lock_guard lock(mutex_);
    demand(static_cast<bool>(done_), "a read is under way");
    return {std::move(done_), space_};
  }

  mutable std::mutex mutex_;
  ReadDone done_;
  std::span<std::byte> space_;
  std::uint64_t offset_ = 0;
};

class HandSource final : public AsyncSource {
 public:
  explicit HandSource(std::shared_ptr<Hand> hand) : hand_(std::move(hand)) {}
  ~HandSource() override { hand_->is_gone = true; }

  void start_read(std::span<std::byte> space, ReadDone done) override {
    {
      const std::lock_guard lock(hand_->mutex_);
      demand(!hand_->done_, "one read at a time");
      demand(!space.empty(), "a source is given room");
      hand_->space_ = space;
      hand_->done_ = std::move(done);
    }
    hand_->started.open();
  }
  void cancel() noexcept override {
    const auto hand = hand_;
    hand->cancelled.open();
    if (hand->tells_when_cancelled && hand->is_reading()) hand->tell(0, Status::cancelled);
  }

 private:
  const std::shared_ptr<Hand> hand_;
};

inline std::shared_ptr<Catcher> pulled_async(std::unique_ptr<AsyncSource> source,
                                             const Config& config = {}) {
  auto made = Catcher::pull_async(std::move(source), config);
  demand(made.status == Status::ok, "the settings are valid");
  return std::move(made.catcher);
}

inline std::shared_ptr<Catcher> at_once(Script script, std::shared_ptr<SourceLog> log = nullptr,
                                        const Config& config = {}) {
  return pulled_async(std::make_unique<AtOnceSource>(std::move(script), std::move(log)), config);
}

inline std::shared_ptr<Catcher> by_hand(const std::shared_ptr<Hand>& hand,
                                        const Config& config = {}) {
  return pulled_async(std::make_unique<HandSource>(hand), config);
}

// Ends after what it was given has been run.
class Worker {
 public:
  ~Worker() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
  }

  void post(std::function<void()> work) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(work));
      ++posted_;
    }
    changed_.notify_all();
  }
  Executor executor() {
    return [this](std::function<void()> work) { post(std::move(work)); };
  }
  std::size_t posted() const {
    const std::lock_guard lock(mutex_);
    return posted_;
  }
  std::thread::id thread() const { return thread_.get_id(); }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return is_over_ || !queue_.empty(); });
      if (queue_.empty()) return;
      auto work = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      work();
      work = nullptr;
      lock.lock();
    }
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;
  std::size_t posted_ = 0;
  bool is_over_ = false;
  std::jthread thread_{[this] { run(); }};
};

}  // namespace catcher::test
