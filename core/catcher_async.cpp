// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Bytes for those who do not wait: who enters a request takes the fill lock if it is free and
// begins a read, an asynchronous one or one on the executor, which goes on with the lock. Whoever
// gives the lock back afterwards sees to it that somebody fills for as long as requests wait.
//
// Requests and the fill lock are looked at crosswise, so that none waits while the lock is free:
// who enters one looks at the lock afterwards, who gives the lock back looks for requests
// afterwards (tests/model/once_readable.cpp).
#include <new>
#include <utility>

#include "async_pull.hpp"
#include "catcher.hpp"

namespace catcher {

// Fills on the executor, with the fill lock of whoever posted it.
class Catcher::FillJob {
 public:
  explicit FillJob(std::shared_ptr<Catcher> catcher) : catcher_(std::move(catcher)) {}
  // Dropped without having been run: nobody would fill any more.
  ~FillJob() {
    if (!done_) catcher_->fill_dropped();
  }
  FillJob(const FillJob&) = delete;
  FillJob& operator=(const FillJob&) = delete;

  const std::stop_source& stop() const noexcept { return stop_; }
  // It will not be run, and whoever posted it has the lock still.
  void forget() noexcept { done_ = true; }

  void run() noexcept {
    done_ = true;
    catcher_->fill_for_requests(Wait{kForever, stop_.get_token()});
    catcher_->drive();
  }

 private:
  const std::shared_ptr<Catcher> catcher_;
  std::stop_source stop_;
  bool done_ = false;
};

Catcher::Pulled Catcher::pull_async(std::unique_ptr<AsyncSource> source, const Config& config) {
  Pulled made;
  if (source == nullptr) {
    made.status = Status::bad_argument;
    made.why = "source: a pulled catcher needs one; use push() to write into it";
    return made;
  }
  made.status = config.validate(&made.why);
  if (made.status != Status::ok) return made;
  auto catcher = std::make_unique<Catcher>(Private{}, Feed::pulled, config);
  catcher->async_ = std::make_unique<AsyncPull>(*catcher, std::move(source));
  // A read under way writes into the catcher's memory.
  made.catcher.reset(catcher.release(), [](Catcher* last) { last->async_->give_up(); });
  return made;
}

Status Catcher::once_readable(std::uint64_t offset, ReadableRequest& request) {
  using Entry = ReadableQueue::Entry;
  for (;;) {
    const Status now = peek(offset).status;
    if (now != Status::would_block) return now;
    if (!can_call_back()) return Status::bad_argument;
    const std::uint64_t moves = pulls_ ? expect_moves() : 0;
    const std::optional<Status> begun = pulls_ ? try_begin(offset) : std::nullopt;
    if (begun == Status::ok) continue;
    const bool no_room = begun == Status::would_block;
    if (begun && !no_room) {
      // Who entered while the lock was held here counts on whoever gives it back.
      drive();
      return *begun;
    }
    const auto is_settled = [&] {
      if (look(offset)) return true;
      return no_room ? reader_moves() != moves : fill_lock_free();
    };
    switch (requests_.enter(request, offset, shared_from_this(), is_settled)) {
      case Entry::entered: return Status::would_block;
      case Entry::refused:
        drive();
        // What was begun for this one may be wanted by nobody.
        requests_.interrupt_unwanted();
        return Status::bad_argument;
      case Entry::settled: break;
    }
  }
}

// One attempt for somebody who has not entered yet. Nothing: a read goes on, this one or another.
// `would_block`: readers must move on first.
std::optional<Status> Catcher::try_begin(std::uint64_t offset) noexcept {
  if (!filling_.try_take()) return std::nullopt;
  const std::optional<Status> begun = look(offset) ? Status::ok : begin_fill(Wait::none());
  if (begun) {
    give_fill_back();
    if (begun == Status::ok) drive();
  }
  return begun;
}

// Fills for as long as requests wait that are not due: begins what goes on by itself, or does what
// can be done at once.
void Catcher::drive() noexcept {
  if (async_ == nullptr && !config_.executor) return;
  for (;;) {
    if (!requests_.is_anybody_waiting()) return;
    const std::uint64_t moves = expect_moves();
    if (rope_.state() != RopeState::open || !requests_.is_anybody_waiting()) return;
    if (!filling_.try_take()) return;
    // Another may have come to the end meanwhile: there is no source to ask then. And some of them
    // may have become due, and be about to be called.
    const bool is_over = rope_.state() != RopeState::open || requests_.is_due(rope_.end());
    const std::optional<Status> begun = is_over ? Status::ok : begin_fill(Wait::none());
    if (!begun) {
      // Those it was begun for may have been cancelled before they could interrupt it.
      requests_.interrupt_unwanted();
      return;
    }
    give_fill_back();
    if (*begun == Status::would_block) {
      if (reader_moves() == moves) return;
    } else if (*begun != Status::ok) {
      requests_.tell_all(*begun);
    }
  }
}

// Requires: the fill lock, which goes along if this gives nothing; the end has not come.
std::optional<Status> Catcher::begin_fill(const Wait& wait) noexcept {
  if (async_ == nullptr) return post_fill();
  const Reservation reserved = reserve(1, wait);
  if (reserved.status != Status::ok) return why_no_room(reserved.status);
  source_reads_.fetch_add(1, order::relaxed);  // relaxed: a figure
  const std::optional<SourceResult> got = async_->read(reserved.space);
  if (!got) return std::nullopt;
  take_result(*got);
  return Status::ok;
}

std::optional<Status> Catcher::post_fill() noexcept {
  std::shared_ptr<FillJob> job;
  try {
    job = std::make_shared<FillJob>(shared_from_this());
    requests_.set_interrupt(job->stop());
    config_.executor([job] { job->run(); });
    return std::nullopt;
  } catch (...) {
    if (job != nullptr) job->forget();
    return Status::out_of_memory;
  }
}

void Catcher::fill_for_requests(const Wait& wait) noexcept {
  do {
    // Another may have come to the end before the lock was taken.
    const Status status = rope_.state() == RopeState::open ? fill(wait) : Status::ok;
    give_fill_back();
    if (status == Status::cancelled) return;
    if (status != Status::ok) requests_.tell_all(status);
  } while (rope_.state() == RopeState::open && requests_.is_anybody_waiting() &&
           filling_.try_take());
}

void Catcher::fill_dropped() noexcept {
  close_failed(Fault::work_dropped);
  give_fill_back();
  drive();
}

void Catcher::read_done(const SourceResult& result) noexcept {
  take_result(result);
  give_fill_back();
  drive();
}

// Requires: as as_told() makes it.
void Catcher::take_result(const SourceResult& result) noexcept {
  if (result.bytes != 0) rope_.commit(result.bytes);
  switch (result.status) {
    case Status::ok: return;
    case Status::end:
      finish();
      async_->drop_source();
      return;
    default: return close_failed(result.error);
  }
}

// Requires: the fill lock.
void Catcher::give_fill_back() noexcept {
  filling_.give_back();
  if (rope_.state() == RopeState::open) {
    tell_arrival();
  } else {
    tell_settled();
  }
}

// How often readers have moved on while somebody cared. Whoever takes room that is not there after
// this, and finds the same number then, is driven by the next one that moves.
std::uint64_t Catcher::expect_moves() noexcept {
  if (config_.when_full != WhenFull::block || async_ == nullptr) return 0;
  {
    Lock lock(mutex_);
    if (!moves_expected_) {
      moves_expected_ = true;
      room_wanted_.set(0);
    }
  }
  return reader_moves();
}

std::uint64_t Catcher::reader_moves() const noexcept {
  Lock lock(mutex_);
  return reader_moves_;
}

void Catcher::drive_moved() noexcept {
  {
    Lock lock(mutex_);
    ++reader_moves_;
  }
  drive();
}

}  // namespace catcher
