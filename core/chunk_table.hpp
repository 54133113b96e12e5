// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Offset -> chunk. A ring of slot pointers, indexed by chunk number; chunks tile
// [begin(), limit of the last one) in offset order, so a search over the ring finds the
// chunk of any offset in O(log chunks), mostly at once, and the next chunk in O(1).
//
// The search looks at slots without holding them, and may therefore read values of a
// chunk that is just being replaced. That is harmless: whatever it comes up with is
// pinned first and checked afterwards, and a wrong guess means that the appender has
// moved on, so the search is made again.
//
// Thread: append(), drop_oldest(), drop_newest() by the appender, as is Compactor (compactor.hpp);
// the rest by any.
// Invariants:
//   I1  Chunk numbers [first, next) are in the ring, each in the slot its number maps to.
//   I2  base(n + 1) == limit(n), once n + 1 exists.
//   I3  begin() only grows, and is the base of chunk `first` (or the end if there is none).
#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "atomic.hpp"
#include "chunk.hpp"

namespace catcher {

template <class T, class Sync>
class Compactor;

template <class T, class Sync = StdSync>
class ChunkTable {
 public:
  using SlotType = Slot<T, Sync>;
  using PinType = Pin<T, Sync>;

  explicit ChunkTable(std::shared_ptr<ChunkMemory> memory)
      : pool_(ChunkPool<T, Sync>::create(std::move(memory))) {
    if (pool_ == nullptr) throw std::bad_alloc();
  }
  ~ChunkTable() {
    // Held longer than by the pool: what is left of it at the end of the row is somebody else's.
    const std::shared_ptr<ChunkMemory> memory = pool_->memory();
    memory->begin_returns();
    while (chunks() != 0) drop_oldest();
    pool_->close();
    memory->end_returns();
  }
  ChunkTable(const ChunkTable&) = delete;
  ChunkTable& operator=(const ChunkTable&) = delete;

  // ---- appender -----------------------------------------------------------------

  // Adds an empty chunk for [base, base + capacity). nullptr: no memory, nothing changed.
  SlotType* append(std::uint64_t base, std::size_t capacity) noexcept {
    if (!make_place()) return nullptr;
    SlotType* slot = pool_->take(capacity);
    if (slot == nullptr) return nullptr;
    const std::uint64_t index = next_own_;
    pool_->place(slot, index, base, base + capacity);
    // sync(slot) release: pairs with the acquire in slot_at(); a reader that finds the
    // pointer finds the slot's first values too (tests/model/pin_evict.cpp).
    own_ring_->at(index).store(slot, order::release);
    set_next(index + 1);
    live_size_ += capacity;
    return slot;
  }

  // Drops the oldest chunk from the window; readers that pin it keep it.
  // Requires: chunks() > 0
  void drop_oldest() noexcept {
    assert(chunks() > 0);
    SlotType* slot = own(first_own_);
    // Relaxed: own value, only the appender changes it.
    const std::uint64_t begin = slot->limit.load(order::relaxed);
    // sync(evict) release: pairs with the acquire in begin(); a reader that is told
    // `evicted` is told a window that was true (tests/model/pin_evict.cpp).
    begin_.store(begin, order::release);
    first_own_ += 1;
    first_.store(first_own_, order::relaxed);  // relaxed: where a search begins is a guess
    live_size_ -= std::size_t(slot->capacity);
    slot->unpin();
  }

  // Takes the newest chunk back. Requires: it holds nothing that was published.
  void drop_newest() noexcept {
    assert(chunks() > 0);
    SlotType* slot = own(next_own_ - 1);
    set_next(next_own_ - 1);
    live_size_ -= std::size_t(slot->capacity);
    slot->unpin();
  }

  std::uint64_t chunks() const noexcept { return next_own_ - first_own_; }
  std::uint64_t live_size() const noexcept { return live_size_; }
  // Requires: chunks() > 0
  SlotType* oldest() noexcept { return own(first_own_); }
  SlotType* newest() noexcept { return own(next_own_ - 1); }
  ChunkPool<T, Sync>& pool() const noexcept { return *pool_; }

  // ---- any thread ---------------------------------------------------------------

  std::uint64_t begin() const noexcept {
    // sync(evict) acquire: pairs with the release in drop_oldest().
    return begin_.load(order::acquire);
  }

  // Figures for stats.
  std::uint64_t chunk_count() const noexcept {
    // Relaxed, both: a figure.
    const std::uint64_t first = first_.load(order::relaxed);
    const std::uint64_t next = next_.load(order::relaxed);
    return next > first ? next - first : 0;
  }
  std::uint64_t evicted_count() const noexcept {
    // Relaxed, both: a figure.
    const std::uint64_t merged = merged_.load(order::relaxed);
    const std::uint64_t first = first_.load(order::relaxed);
    return first > merged ? first - merged : 0;
  }

  // Pins the chunk that holds `offset`, or nothing if that has been evicted.
  // Requires: offset < the end that the caller has acquired. Lock-free: a round is
  // repeated only when the appender has evicted or replaced a chunk meanwhile.
  PinType pin(std::uint64_t offset) const noexcept {
    while (offset >= begin()) {
      SlotType* slot = search(offset);
      if (slot == nullptr || !slot->try_pin()) continue;
      PinType pin(slot);
      if (holds(pin, offset)) return pin;
    }
    return {};
  }

  // The chunk after `pin`, whose end has been reached: O(1). Falls back on pin().
  // Requires: as pin().
  PinType pin_next(const PinType& pinned, std::uint64_t offset) const noexcept {
    // Relaxed: a pinned slot keeps its index.
    const std::uint64_t index = pinned->index.load(order::relaxed) + 1;
    SlotType* slot = slot_at(index);
    if (slot != nullptr && slot->try_pin()) {
      PinType next(slot);
      if (holds(next, offset)) return next;
    }
    return pin(offset);
  }

 private:
  friend class Compactor<T, Sync>;

  // A power-of-two array of slot pointers; replaced by a larger one when it is full.
  struct Ring {
    explicit Ring(std::size_t capacity)
        : mask(capacity - 1), slots(new typename Sync::template Atomic<SlotType*>[capacity]) {
      // Relaxed: not shared yet.
      for (std::size_t i = 0; i < capacity; ++i) slots[i].store(nullptr, order::relaxed);
    }
    typename Sync::template Atomic<SlotType*>& at(std::uint64_t index) const noexcept {
      return slots[index & mask];
    }
    const std::size_t mask;
    const std::unique_ptr<typename Sync::template Atomic<SlotType*>[]> slots;
  };

  static constexpr std::size_t kFirstRing = 8;

  static bool holds(const PinType& pin, std::uint64_t offset) noexcept {
    return pin.base() <= offset && offset < pin.limit();
  }

  SlotType* own(std::uint64_t index) const noexcept {
    return own_ring_->at(index).load(order::relaxed);  // relaxed: the appender's own
  }

  void set_next(std::uint64_t next) noexcept {
    next_own_ = next;
    // sync(next) release: pairs with the acquire in search().
    next_.store(next, order::release);
  }

  SlotType* slot_at(std::uint64_t index) const noexcept {
    // sync(grow) acquire: pairs with the release in make_place(); the ring's contents.
    const Ring* ring = ring_.load(order::acquire);
    // sync(slot) acquire: pairs with the release in append().
    return ring == nullptr ? nullptr : ring->at(index).load(order::acquire);
  }

  // The slot of the chunk that holds `offset`, as far as can be told without pins; nullptr when
  // the table changed too much to tell. Chunks are of much the same size, so a proportional
  // guess is mostly right at once; every fourth probe halves, which bounds the rest.
  SlotType* search(std::uint64_t offset) const noexcept {
    // sync(next) acquire: pairs with the release in set_next().
    const std::uint64_t next = next_.load(order::acquire);
    // Relaxed: a guess, like all that is found from here on. What is evicted begin() tells.
    Probe low{first_.load(order::relaxed), begin()};
    if (low.index >= next) return nullptr;
    Probe high{next - 1, 0};
    SlotType* slot = slot_at(high.index);
    if (slot == nullptr) return nullptr;
    // Relaxed, here and below: guesses, checked once the slot is pinned.
    high.base = slot->base.load(order::relaxed);
    if (offset >= high.base || low.index == high.index) return slot;
    // What is wanted lies in [low, high), however wrong the bases are.
    for (unsigned probes = 1; high.index - low.index > 1; ++probes) {
      const std::uint64_t index =
          probes % 4 == 0 ? low.index + (high.index - low.index) / 2 : between(low, high, offset);
      slot = slot_at(index);
      if (slot == nullptr) return nullptr;
      const std::uint64_t base = slot->base.load(order::relaxed);  // relaxed: as above
      if (offset < base) {
        high = {index, base};
      } else if (offset < slot->limit.load(order::relaxed)) {  // relaxed: as above
        return slot;
      } else {
        low = {index, base};
      }
    }
    return slot_at(low.index);
  }

  struct Probe {
    std::uint64_t index;
    std::uint64_t base;
  };

  // Where a chunk that holds `offset` would be if all between were alike: inside (low, high).
  static std::uint64_t between(Probe low, Probe high, std::uint64_t offset) noexcept {
    const std::uint64_t last = high.index - low.index - 1;
    if (offset <= low.base || high.base <= offset) return low.index + 1;
    const double part =
        static_cast<double>(offset - low.base) / static_cast<double>(high.base - low.base);
    const auto step = static_cast<std::uint64_t>(part * static_cast<double>(last + 1));
    return low.index + std::clamp<std::uint64_t>(step, 1, last);
  }

  // Room in the ring for one more chunk.
  bool make_place() noexcept {
    const std::size_t capacity = own_ring_ == nullptr ? 0 : own_ring_->mask + 1;
    if (chunks() < capacity) return true;
    try {
      auto ring = std::make_unique<Ring>(std::max(kFirstRing, capacity * 2));
      for (std::uint64_t index = first_own_; index != next_own_; ++index) {
        // Relaxed: published with the ring.
        ring->at(index).store(own(index), order::relaxed);
      }
      rings_.reserve(rings_.size() + 1);
      own_ring_ = ring.get();
      // Rings that were replaced stay until the end, because a reader may be looking
      // at one; their sizes double, so all of them are no larger than the newest.
      rings_.push_back(std::move(ring));
      // sync(grow) release: pairs with the acquire in slot_at().
      ring_.store(own_ring_, order::release);
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  // Shared; written by the appender once a chunk.
  alignas(kCacheLine) typename Sync::template Atomic<const Ring*> ring_{nullptr};
  typename Sync::template Atomic<std::uint64_t> first_{0};
  typename Sync::template Atomic<std::uint64_t> next_{0};
  typename Sync::template Atomic<std::uint64_t> begin_{0};
  typename Sync::template Atomic<std::uint64_t> merged_{0};  // chunks moved into another

  // The appender's own.
  alignas(kCacheLine) ChunkPool<T, Sync>* const pool_;
  std::vector<std::unique_ptr<Ring>> rings_;
  const Ring* own_ring_ = nullptr;
  std::uint64_t first_own_ = 0;
  std::uint64_t next_own_ = 0;
  std::uint64_t live_size_ = 0;
};

}  // namespace catcher
