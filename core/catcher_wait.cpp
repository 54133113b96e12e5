// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How a reader at the edge waits: it looks, pulls if nobody else is pulling, and sleeps. And how
// others sleep until something else has come about.
#include <algorithm>
#include <new>
#include <optional>

#include "catcher.hpp"

namespace catcher {
namespace {

bool is_past(Deadline deadline) noexcept {
  return deadline == kNotAtAll || (deadline != kForever && Clock::now() >= deadline);
}

Status why_late(const Wait& wait) noexcept {
  return wait.deadline == kNotAtAll ? Status::would_block : Status::timed_out;
}

// Lets a stop token end a sleep. Costs nothing for a token that cannot stop.
struct Wake {
  EventCount<>& events;
  void operator()() const noexcept { events.notify_all(); }
};
using WakeOnStop = std::stop_callback<Wake>;

}  // namespace

std::optional<ReadResult> Catcher::look(std::uint64_t offset) const {
  if (rope_.end() > offset) return ReadResult{};
  const RopeState state = rope_.state();
  if (state == RopeState::open) return std::nullopt;
  // Bytes may have come between the two looks; they go first.
  if (rope_.end() > offset) return ReadResult{};
  if (state == RopeState::finished) return ReadResult{0, Status::end, {}, {}};
  Lock lock(mutex_);
  return ReadResult{0, Status::failed, error_, {}};
}

bool Catcher::fill_lock_free() const noexcept {
  return pulls_ && filling_.is_free();
}

ReadResult Catcher::await(std::uint64_t offset, const Wait& wait, Also also) {
  for (;;) {
    if (const auto seen = look(offset)) return *seen;
    if (also) return {0, Status::would_block, {}, {}};
    if (wait.stop.stop_requested()) return {0, Status::cancelled, {}, {}};
    if (pulls_) {
      const std::optional<Status> filled = try_fill(offset, wait);
      if (filled == Status::ok) continue;
      if (filled.has_value()) {
        // The source was interrupted; what came meanwhile still goes first.
        if (const auto seen = look(offset)) return *seen;
        return {0, *filled, {}, {}};
      }
    }
    if (is_past(wait.deadline)) return {0, why_late(wait), {}, {}};
    const Status slept = sleep_until_changed(offset, wait, also);
    if (slept != Status::ok) {
      if (const auto seen = look(offset)) return *seen;
      return {0, slept, {}, {}};
    }
  }
}

Status Catcher::sleep_until_changed(std::uint64_t offset, const Wait& wait, const Also& also) {
  const WakeOnStop wake_on_stop(wait.stop, Wake{arrived_});
  const auto changed = [&] {
    return look(offset) || also || fill_lock_free() || wait.stop.stop_requested();
  };
  return arrived_.sleep_unless(changed, wait.deadline) ? Status::ok : Status::timed_out;
}

// Nothing if somebody else is at it, or a read goes on by itself.
std::optional<Status> Catcher::try_fill(std::uint64_t offset, const Wait& wait) {
  if (!filling_.try_take()) return std::nullopt;
  // Another reader may have brought the byte, or the end, after this one has looked. To ask for
  // more then would be to wait for nothing.
  std::optional<Status> status = Status::ok;
  const std::uint64_t end = rope_.end();
  if (!look(offset)) status = async_ != nullptr ? begin_fill(wait) : fill(wait);
  if (!status) return std::nullopt;
  // As in fill(): one that gives nothing at once, again and again, is asked until time is up.
  const bool is_fruitless = rope_.end() == end && !look(offset);
  if (status == Status::ok && is_fruitless && is_past(wait.deadline)) status = why_late(wait);
  give_fill_back();
  drive();
  return status;
}

// Whoever does not wait for the slowest reader finds nothing there yet, that is all.
Status Catcher::why_no_room(Status status) const noexcept {
  const bool passes = config_.when_full == WhenFull::block && status == Status::full;
  return passes ? Status::would_block : status;
}

// Requires: the fill lock.
Status Catcher::fill(const Wait& wait) {
  const Reservation reserved = reserve(1, wait);
  if (reserved.status != Status::ok) return why_no_room(reserved.status);
  const std::span<std::byte> space = reserved.space;
  const SourceResult got = ask_source(space, wait);
  if (got.bytes != 0) rope_.commit(got.bytes);
  switch (got.status) {
    case Status::ok:
      // No bytes and no reason: an interruption. It is asked again unless time is up.
      return got.bytes == 0 && is_past(wait.deadline) ? why_late(wait) : Status::ok;
    case Status::end:
      finish();
      source_.reset();
      return Status::ok;
    case Status::would_block:
    case Status::cancelled:
    case Status::timed_out:
      if (got.bytes != 0) return Status::ok;
      return got.status == Status::timed_out ? why_late(wait) : got.status;
    default:
      close_failed(got.status == Status::failed ? got.error
                                                : std::make_error_code(std::errc::io_error));
      return Status::ok;
  }
}

SourceResult Catcher::ask_source(std::span<std::byte> space, const Wait& wait) noexcept {
  source_reads_.fetch_add(1, order::relaxed);  // relaxed: a figure
  try {
    const SourceResult got = source_->read(space, wait);
    if (got.bytes > space.size()) return SourceResult::failure(Fault::source_overran);
    return got;
  } catch (const std::bad_alloc&) {
    return SourceResult::failure(std::make_error_code(std::errc::not_enough_memory));
  } catch (...) {
    return SourceResult::failure(Fault::source_threw);
  }
}

// Shared with the appender's side: sleeping until readers have moved on.
template <class Attempt>
Status Catcher::until_room(const Wait& wait, Attempt attempt) {
  for (;;) {
    Status status = attempt();
    if (status != Status::full || wait.deadline == kNotAtAll) return status;
    if (wait.stop.stop_requested()) return Status::cancelled;
    if (is_past(wait.deadline)) return Status::timed_out;
    const WakeOnStop wake_on_stop(wait.stop, Wake{left_});
    const auto changed = [&] {
      status = attempt();
      return status != Status::full || wait.stop.stop_requested();
    };
    left_.sleep_unless(changed, wait.deadline);
    if (status != Status::full) return status;
  }
}

Catcher::Reservation Catcher::reserve(std::size_t at_least, const Wait& wait) {
  Reservation reservation;
  // A window that drops the oldest does not wait, except for a hold that blocks it.
  const bool waits = config_.when_full == WhenFull::block;
  const Status status = until_room(waits ? wait : Wait::none(), [&] {
    reservation = try_reserve(at_least);
    return reservation.status;
  });
  reservation.status = status;
  return reservation;
}

Status Catcher::wait_finalised(const Wait& wait) {
  const WakeOnStop wake_on_stop(wait.stop, Wake{arrived_});
  for (;;) {
    if (is_finalised()) return Status::ok;
    if (has_failed()) return Status::failed;
    if (wait.stop.stop_requested()) return Status::cancelled;
    if (is_past(wait.deadline)) return why_late(wait);
    const auto changed = [&] {
      return is_finalised() || has_failed() || wait.stop.stop_requested();
    };
    arrived_.sleep_unless(changed, wait.deadline);
  }
}

Status Catcher::evict_before(std::uint64_t offset, const Wait& wait) {
  // Asked once a buffer, and true once a chunk: what readers allow is looked up only then.
  const std::uint64_t target = std::min(offset, rope_.end());
  if (rope_.state() == RopeState::open) {
    if (rope_.chunks() == 0 || rope_.oldest_limit() > target) return Status::ok;
  }
  const bool waits = config_.when_full == WhenFull::block;
  return until_room(waits ? wait : Wait::none(), [&] {
    Lock lock(mutex_);
    if (compaction_ == CompactionState::pending) return Status::full;
    rope_.drop_before(std::min(offset, evictable()));
    // What the chunk in hand still has room for is not there yet, and is not waited for.
    const bool done = rope_.chunks() == 0 || rope_.oldest_limit() > target;
    return done ? Status::ok : Status::full;
  });
}

}  // namespace catcher
