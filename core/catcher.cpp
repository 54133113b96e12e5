// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a catcher is made of and what it tells about itself: factories, readers that come
// and go, pinned ranges, figures. Waiting is in catcher_wait.cpp, writing in catcher_write.cpp.
#include "catcher.hpp"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace catcher {

Catcher::Catcher(Private, Feed feed, const Config& config)
    : config_(config),
      pulls_(feed == Feed::pulled),
      rope_(pulls_ ? config.pulled_rope() : config.pushed_rope(),
            config.memory != nullptr ? config.memory : heap_memory()) {}

Catcher::~Catcher() {
  // Memory that is nobody else's knows that it goes when the rope does.
  config_.memory.reset();
}

Catcher::Pulled Catcher::pull(std::unique_ptr<Source> source, const Config& config) {
  Pulled made;
  if (source == nullptr) {
    made.status = Status::bad_argument;
    made.why = "source: a pulled catcher needs one; use push() to write into it";
    return made;
  }
  made.status = config.validate(&made.why);
  if (made.status == Status::ok) {
    made.catcher = std::make_shared<Catcher>(Private{}, Feed::pulled, config);
    made.catcher->source_ = std::move(source);
  }
  return made;
}

Catcher::Pushed Catcher::push(const Config& config) {
  Pushed made;
  made.status = config.validate(&made.why);
  if (made.status == Status::ok) {
    made.catcher = std::make_shared<Catcher>(Private{}, Feed::pushed, config);
    made.writer = Writer(made.catcher);
  }
  return made;
}

std::optional<std::uint64_t> Catcher::length() const noexcept {
  if (!is_finished()) return std::nullopt;
  return rope_.end();
}

Stats Catcher::stats() const {
  Stats stats;
  const Window now = window();
  stats.bytes_in = now.end;
  stats.bytes_evicted = now.begin;
  stats.bytes_allocated = rope_.allocated();
  stats.chunks = rope_.chunk_count();
  stats.chunks_evicted = rope_.evicted_chunks();
  stats.source_reads = source_reads_.load(order::relaxed);  // relaxed: a figure
  Lock lock(mutex_);
  stats.readers = cursors_.size();
  return stats;
}

std::optional<std::uint64_t> Catcher::slowest_reader() const {
  Lock lock(mutex_);
  const bool any = std::any_of(cursors_.begin(), cursors_.end(), [](const Cursor* cursor) {
    return cursor->holds_back.load(order::relaxed);  // relaxed: a figure
  });
  return any ? std::optional(slowest(cursors_)) : std::nullopt;
}

ReadResult Catcher::peek(std::uint64_t offset) const {
  const auto now = look(offset);
  if (!now) return {0, Status::would_block, {}, {}};
  const Window here = window();
  if (now->status == Status::ok && offset < here.begin) return {0, Status::evicted, {}, here};
  return *now;
}

Status Catcher::resume() {
  {
    Lock lock(mutex_);
    if (!has_failed() || writer_gone_) return Status::bad_argument;
    rope_.resume();
  }
  wake();
  return Status::ok;
}

std::uint64_t Catcher::attach(Cursor& cursor) {
  // Under the lock: a writer that waits for readers does not evict meanwhile.
  Lock lock(mutex_);
  const std::uint64_t oldest = rope_.begin();
  cursor.position.store(oldest, order::relaxed);  // relaxed: ordered by the lock
  cursor.index = cursors_.size();
  cursors_.push_back(&cursor);
  return oldest;
}

void Catcher::detach(Cursor& cursor) noexcept {
  {
    Lock lock(mutex_);
    assert(cursors_[cursor.index] == &cursor);
    cursors_[cursor.index] = cursors_.back();
    cursors_[cursor.index]->index = cursor.index;
    cursors_.pop_back();
  }
  moved();
}

std::uint64_t Catcher::evictable() const {
  std::uint64_t limit = Rope<std::byte>::kEvictAnything;
  for (const std::uint64_t hold : holds_) limit = std::min(limit, hold);
  return config_.when_full == WhenFull::evict ? limit : std::min(limit, slowest(cursors_));
}

Status Catcher::pin(std::uint64_t begin, std::uint64_t end, PinPolicy policy,
                    PinnedRange& range) noexcept {
  if (begin >= end || end > rope_.end()) return Status::bad_argument;
  PinnedRange made;
  made.range_ = {begin, end};
  try {
    const Status status = pin_pieces(made, policy);
    if (status == Status::ok) range = std::move(made);
    return status;
  } catch (const std::bad_alloc&) {
    return Status::out_of_memory;
  }
}

Status Catcher::pin_pieces(PinnedRange& range, PinPolicy policy) {
  const auto [begin, end] = range.range_;
  if (policy == PinPolicy::hold) {
    // Registered first: nothing that is pinned below can leave the window afterwards.
    Lock lock(mutex_);
    if (begin < rope_.begin()) return Status::evicted;
    holds_.push_back(begin);
    range.holder_ = shared_from_this();
  }
  for (std::uint64_t offset = begin; offset < end;) {
    Pin<std::byte> chunk = rope_.pin(offset);
    if (!chunk) return Status::evicted;
    const std::uint64_t stop = std::min(chunk.limit(), end);
    const std::span<const std::byte> bytes(chunk.data() + (offset - chunk.base()),
                                           static_cast<std::size_t>(stop - offset));
    range.pieces_.emplace_back(std::move(chunk), bytes, offset);
    offset = stop;
  }
  return Status::ok;
}

void Catcher::release_hold(std::uint64_t begin) noexcept {
  {
    Lock lock(mutex_);
    const auto found = std::find(holds_.begin(), holds_.end(), begin);
    assert(found != holds_.end());
    *found = holds_.back();
    holds_.pop_back();
  }
  room_changed();
}

void PinnedRange::release() noexcept {
  pieces_.clear();
  if (holder_ != nullptr) std::exchange(holder_, nullptr)->release_hold(range_.begin);
  range_ = {};
}

void PinnedRange::swap(PinnedRange& other) noexcept {
  std::swap(holder_, other.holder_);
  std::swap(range_, other.range_);
  pieces_.swap(other.pieces_);
}

}  // namespace catcher
