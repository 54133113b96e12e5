// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// An append-only sequence kept in chunks: the window [begin, end) of an endless offset
// axis. It is written in one place and read in many, without locks. Elements never move
// and never change once published, so a borrowed span stays good for as long as its
// chunk is pinned. It knows nothing of waiting (event_count.hpp), of who feeds it
// (catcher.hpp) or of what the elements mean (timeline.hpp).
//
// Thread: members under "appender" by one thread at a time; everything else by any.
// Invariants:
//   I1  end() only grows, and every element in [begin, end) is initialised.
//   I2  Chunks tile [begin, end) without gap or overlap, in offset order.
//   I3  An element is published after it is written, and a chunk before its elements.
//   I4  While state() is not open, end() stands still.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "atomic.hpp"
#include "chunk_table.hpp"
#include "config.hpp"
#include "status.hpp"

namespace catcher {

enum class RopeState : std::uint8_t { open, finished, failed };

template <class T, class Sync = StdSync>
class Rope {
 public:
  using PinType = Pin<T, Sync>;

  // Writable memory right behind end(). Empty unless `status` is ok.
  struct Reservation {
    std::span<T> space{};
    Status status = Status::ok;
  };

  // Requires: a config that was validated.
  explicit Rope(const RopeConfig& config, std::shared_ptr<ChunkMemory> memory = heap_memory())
      : config_(config), table_(std::move(memory)) {}

  // ---- appender -----------------------------------------------------------------

  static constexpr std::uint64_t kEvictAnything = std::numeric_limits<std::uint64_t>::max();

  // Room for at least `at_least` elements in one piece, and as much more as the chunk has.
  // A chunk with too little room left is sealed early. To stay in its bound the rope drops
  // chunks that end at or below `evictable`; `full` if that is not enough.
  // Invalidates: an earlier reservation. Requires: at_least > 0, state() is open.
  Reservation reserve(std::size_t at_least, std::uint64_t evictable = kEvictAnything) noexcept {
    assert(at_least > 0);
    if (room() < at_least) {
      const Status status = open_chunk(at_least, evictable);
      if (status != Status::ok) return {{}, status};
    }
    return {std::span<T>(open_data_ + (end_own_ - open_base_), room()), Status::ok};
  }

  // Room left in the chunk in hand.
  std::size_t room() const noexcept { return static_cast<std::size_t>(open_limit_ - end_own_); }

  // Publishes the first `count` elements of the reservation.
  // Requires: count <= what was reserved.
  void commit(std::size_t count) noexcept {
    assert(count <= room());
    end_own_ += count;
    // sync(publish) release: pairs with the acquire in end(). Orders the elements, their
    // chunk and a seal before it ahead of the new end (tests/model/publish.cpp).
    end_.store(end_own_, order::release);
  }

  // Ends the newest chunk here: what comes next goes into another. A window can then let
  // go of what came before without what comes after.
  void seal() noexcept {
    if (table_.chunks() == 0 || open_limit_ == end_own_) return;
    if (open_base_ == end_own_) {  // nothing in it
      table_.drop_newest();
    } else {
      // Relaxed: readers look at the limit after they have acquired an end beyond it.
      table_.newest()->limit.store(end_own_, order::relaxed);
    }
    open_limit_ = end_own_;
  }

  // Chunks that growth makes from now on have at most `size` elements: for an appender that seals
  // them early, and knows how much will be in each. 0: as growth says.
  void limit_chunks(std::uint64_t size) noexcept { chunk_limit_ = size; }

  // Drops every chunk that ends at or below `offset`, never what is still to be written.
  void drop_before(std::uint64_t offset) noexcept {
    offset = std::min(offset, end_own_);
    while (table_.chunks() != 0 && oldest_limit() <= offset) table_.drop_oldest();
  }

  // No more elements. Memory reserved beyond the end is let go of.
  void finish(RopeState state) noexcept {
    assert(state != RopeState::open);
    if (open_base_ == end_own_) seal();
    if (state == RopeState::finished) {
      table_.pool().retire();
    } else {
      table_.pool().trim(0);
    }
    // sync(finish) release: pairs with the acquire in state(). Whoever learns that it is
    // over sees the final end (tests/model/finish.cpp).
    state_.store(state, order::release);
  }

  // Open again after a failure; every element stays.
  void resume() noexcept {
    // sync(finish) release: pairs with the acquire in state().
    state_.store(RopeState::open, order::release);
  }

  // Where the oldest chunk ends. Requires: chunks() > 0
  std::uint64_t oldest_limit() noexcept {
    return table_.oldest()->limit.load(order::relaxed);  // relaxed: the appender's own
  }
  std::uint64_t chunks() const noexcept { return table_.chunks(); }
  // Elements of memory owned: in the window and on the free list.
  std::uint64_t owned() noexcept { return table_.live_size() + table_.pool().free_size(); }
  // Where the newest chunk began; end() if nothing is in it.
  std::uint64_t open_base() const noexcept { return open_base_; }

  // ---- any thread ---------------------------------------------------------------

  std::uint64_t end() const noexcept {
    // sync(publish) acquire: pairs with the release in commit().
    return end_.load(order::acquire);
  }
  std::uint64_t begin() const noexcept { return table_.begin(); }
  // begin <= end always holds: the end is read last, and it only grows.
  Window window() const noexcept {
    const std::uint64_t first = begin();
    return {first, end()};
  }

  RopeState state() const noexcept {
    // sync(finish) acquire: pairs with the release in finish() and resume().
    return state_.load(order::acquire);
  }

  // The chunk that holds `offset`; none if that is evicted.
  // Requires: offset < an end() that the caller has read.
  PinType pin(std::uint64_t offset) const noexcept { return table_.pin(offset); }
  // The same when `pinned` is the chunk before it: O(1).
  PinType pin_next(const PinType& pinned, std::uint64_t offset) const noexcept {
    return table_.pin_next(pinned, offset);
  }

  // Elements of memory that exist: in the window, free, or kept by readers beyond the window.
  std::uint64_t allocated() const noexcept { return table_.pool().allocated(); }
  // Figures for stats; each is right for itself.
  std::uint64_t chunk_count() const noexcept { return table_.chunk_count(); }
  std::uint64_t evicted_chunks() const noexcept { return table_.evicted_count(); }

 private:
  friend class Compactor<T, Sync>;

  Status open_chunk(std::uint64_t at_least, std::uint64_t evictable) noexcept {
    if (config_.max_size != 0 && at_least > config_.max_size) return Status::bad_argument;
    seal();
    if (end_own_ == 0 && config_.length_hint != 0) {
      // A hint that cannot be had is only a hint.
      const Status status = open_sized(std::max(config_.hinted_size(), at_least), evictable);
      if (status != Status::out_of_memory) return status;
    }
    const std::uint64_t nominal = config_.chunk_size(nominal_);
    const std::uint64_t size = chunk_limit_ == 0 ? nominal : std::min(nominal, chunk_limit_);
    const Status status = open_sized(std::max(size, at_least), evictable);
    if (status == Status::ok) nominal_ = nominal;
    return status;
  }

  Status open_sized(std::uint64_t capacity, std::uint64_t evictable) noexcept {
    if (!make_room(capacity, evictable)) return Status::full;
    auto* slot = table_.append(end_own_, static_cast<std::size_t>(capacity));
    if (slot == nullptr) return Status::out_of_memory;
    open_data_ = slot->data;
    open_base_ = end_own_;
    open_limit_ = end_own_ + capacity;
    trim_free();
    return Status::ok;
  }

  bool make_room(std::uint64_t capacity, std::uint64_t evictable) noexcept {
    if (config_.max_size == 0) return true;
    while (table_.chunks() != 0 && table_.live_size() + capacity > config_.max_size) {
      if (oldest_limit() > evictable) return false;
      table_.drop_oldest();
    }
    return true;
  }

  // The free list shares the window's bound.
  void trim_free() noexcept {
    if (config_.max_size == 0) return;
    table_.pool().trim(config_.max_size - std::min(config_.max_size, table_.live_size()));
  }

  // Shared: readers load these on every read at the end of what they know.
  alignas(kCacheLine) typename Sync::template Atomic<std::uint64_t> end_{0};
  typename Sync::template Atomic<RopeState> state_{RopeState::open};

  // The appender's own.
  alignas(kCacheLine) const RopeConfig config_;
  T* open_data_ = nullptr;
  std::uint64_t end_own_ = 0;
  std::uint64_t open_base_ = 0;
  std::uint64_t open_limit_ = 0;
  std::uint64_t nominal_ = 0;  // size of the newest chunk as growth alone would have it
  std::uint64_t chunk_limit_ = 0;

  ChunkTable<T, Sync> table_;
};

}  // namespace catcher
