// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A chunk: a fixed-capacity block that is written once, read by all, and never moves.
// Its descriptor, the slot, is type-stable: it belongs to a pool that outlives every
// pin, so that looking at a slot is always allowed, and pinning it tells whether it
// still holds the chunk that was wanted. That replaces hazard pointers and pauses.
//
// Thread: pin, unpin and Pin by any; ChunkPool's take() by the appender alone.
// Invariants:
//   I1  pins == 0 means nobody reads the memory, and nobody will before the appender
//       has put another chunk into the slot.
//   I2  A slot that is pinned keeps its base and memory, and its index while the rope is open.
//   I3  The pool lives while the rope lives or any slot is in use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "atomic.hpp"
#include "chunk_memory.hpp"

namespace catcher {

template <class T, class Sync>
class ChunkPool;

template <class T, class Sync = StdSync>
struct Slot {
  // Written by readers at a chunk's border: on a line of its own.
  alignas(kCacheLine) typename Sync::template Atomic<std::uint32_t> pins{0};

  alignas(kCacheLine) typename Sync::template Atomic<std::uint64_t> index{0};
  typename Sync::template Atomic<std::uint64_t> base{0};
  // One past the last offset this chunk can hold; falls once, when it is sealed early. Grows
  // where a finished rope is moved into this chunk (compactor.hpp).
  typename Sync::template Atomic<std::uint64_t> limit{0};
  typename Sync::template Plain<T*> data{};
  typename Sync::template Plain<std::size_t> capacity{};
  typename Sync::template Plain<Slot*> next_returned{};
  ChunkPool<T, Sync>* home = nullptr;  // fixed after construction

  // Raises a count that is not zero. The caller must check afterwards that the slot
  // holds what it wanted, and unpin it if not. Lock-free.
  bool try_pin() noexcept {
    // Relaxed: only a guess for the exchange below, which decides.
    std::uint32_t count = pins.load(order::relaxed);
    while (count != 0) {
      // sync(pin) acquire: pairs with the release in ChunkPool::place(); makes index,
      // base, memory and every byte written before it visible (tests/model/pin_evict.cpp).
      // On failure relaxed: the value is only the next guess.
      if (pins.compare_exchange_weak(count, count + 1, order::acquire, order::relaxed)) return true;
    }
    return false;
  }

  // For who holds a pin already.
  void pin_again() noexcept {
    // Relaxed: the pin that is held orders everything, this only adds to it.
    pins.fetch_add(1, order::relaxed);
  }

  void unpin() noexcept {
    // sync(unpin) acq_rel: pairs with itself. Release orders this reader's last look at
    // the memory before the count; acquire lets whoever takes it to zero, and so the
    // appender that writes there next, come after every reader (tests/model/pin_evict.cpp).
    if (pins.fetch_sub(1, order::acq_rel) == 1) home->give_back(this);
  }
};

// Owns slots and the memory in them. Memory comes back through give_back() from whoever
// drops the last pin, and waits on a bounded free list for the next take().
template <class T, class Sync = StdSync>
class ChunkPool {
 public:
  using SlotType = Slot<T, Sync>;

  // Memory kept for reuse beyond what the window owns, in chunks. Two cover a window that
  // slides (one comes back while one is being filled); the others absorb readers that leave late.
  static constexpr std::size_t kMaxFree = 4;
  // No allocation holds more.
  static constexpr std::size_t kMostElements =
      std::numeric_limits<std::ptrdiff_t>::max() / sizeof(T);

  static ChunkPool* create(std::shared_ptr<ChunkMemory> memory) noexcept {
    return new (std::nothrow) ChunkPool(std::move(memory));
  }

  // A slot with memory for `capacity` elements, or nullptr. Not yet visible to readers.
  // Thread: appender.
  SlotType* take(std::size_t capacity) noexcept {
    collect();
    SlotType* slot = take_free(capacity);
    if (slot != nullptr) return slot;
    shrink();
    slot = take_empty();
    if (slot == nullptr) return nullptr;
    T* data = allocate(capacity);
    if (data == nullptr) {
      empty_.push_back(slot);  // capacity is there: reserved in take_empty()
      return nullptr;
    }
    slot->data = data;
    slot->capacity = capacity;
    allocated_.fetch_add(capacity, order::relaxed);  // relaxed: a figure for stats
    return slot;
  }

  // Makes a taken slot chunk `index` for [base, limit). The appender holds the first pin.
  // Thread: appender.
  void place(SlotType* slot, std::uint64_t index, std::uint64_t base,
             std::uint64_t limit) noexcept {
    // Relaxed: published by the release below; a reader that looks earlier fails to pin.
    slot->index.store(index, order::relaxed);
    slot->base.store(base, order::relaxed);    // relaxed: as index
    slot->limit.store(limit, order::relaxed);  // relaxed: as index
    users_.fetch_add(1, order::relaxed);       // relaxed: the rope's own share keeps the pool
    // sync(pin) release: pairs with the acquire in Slot::try_pin().
    slot->pins.store(1, order::release);
  }

  // Called with the last pin gone. Thread: any. Lock-free.
  void give_back(SlotType* slot) noexcept {
    // Relaxed: the push below orders the link, and a stale head only repeats the exchange.
    SlotType* head = returned_.load(order::relaxed);
    do {
      if (head == closed()) {
        release_memory(slot);
        break;
      }
      slot->next_returned = head;
      // sync(return) release: pairs with the acquire in collect(); hands over the memory
      // after every reader's last look. On failure relaxed: only the next guess.
    } while (!returned_.compare_exchange_weak(head, slot, order::release, order::relaxed));
    drop();
  }

  // No more memory will be wanted: what is unpinned is freed now, the rest by its last reader.
  // Thread: appender.
  void retire() noexcept {
    // sync(return) acquire: as in collect(). The mark itself orders nothing: whoever finds it
    // frees what is its own.
    adopt(returned_.exchange(closed(), order::acquire));
    shrink();
  }

  // The rope is gone. Thread: appender, once, last call on the pool.
  void close() noexcept {
    retire();
    drop();
  }

  // Thread: any that holds a share of the pool.
  std::shared_ptr<ChunkMemory> memory() const noexcept { return memory_; }

  // Elements of memory that exist now: in the window, free, or evicted and still pinned.
  // Thread: any.
  std::uint64_t allocated() const noexcept {
    return allocated_.load(order::relaxed);  // relaxed: a figure for stats
  }

  // Elements on the free list. Thread: appender.
  std::uint64_t free_size() noexcept {
    collect();
    std::uint64_t sum = 0;
    for (SlotType* slot : free_) sum += std::size_t(slot->capacity);
    return sum;
  }

  // Frees what is on the free list beyond `keep` elements. Thread: appender.
  void trim(std::uint64_t keep) noexcept {
    std::uint64_t size = free_size();
    while (size > keep) {
      size -= std::size_t(free_.back()->capacity);
      shrink(free_.size() - 1);
    }
  }

 private:
  explicit ChunkPool(std::shared_ptr<ChunkMemory> memory) noexcept : memory_(std::move(memory)) {}
  ~ChunkPool() = default;  // every memory was freed by close() or by a later give_back()

  void shrink(std::size_t keep = 0) noexcept {
    if (free_.size() <= keep) return;
    const std::shared_ptr<ChunkMemory> memory = memory_;
    memory->begin_returns();
    while (free_.size() > keep) {
      SlotType* slot = free_.back();
      free_.pop_back();
      release_memory(slot);
      empty_.push_back(slot);
    }
    memory->end_returns();
  }

  SlotType* closed() noexcept { return &closed_mark_; }

  void collect() noexcept {
    // Relaxed: an empty list has nothing to order; otherwise the exchange does.
    SlotType* head = returned_.load(order::relaxed);
    if (head == nullptr || head == closed()) return;
    // sync(return) acquire: pairs with the release in give_back().
    adopt(returned_.exchange(nullptr, order::acquire));
  }

  void adopt(SlotType* list) noexcept {
    while (list != nullptr && list != closed()) {
      SlotType* next = list->next_returned;
      free_.push_back(list);  // capacity is there: reserved in take_empty()
      list = next;
    }
    shrink(kMaxFree);
  }

  SlotType* take_free(std::size_t capacity) noexcept {
    for (std::size_t i = free_.size(); i-- > 0;) {
      if (std::size_t(free_[i]->capacity) != capacity) continue;
      SlotType* slot = free_[i];
      free_.erase(free_.begin() + static_cast<std::ptrdiff_t>(i));
      return slot;
    }
    return nullptr;
  }

  // A slot without memory; makes a block of them when none is left.
  SlotType* take_empty() noexcept {
    if (empty_.empty() && !add_block()) return nullptr;
    SlotType* slot = empty_.back();
    empty_.pop_back();
    return slot;
  }

  bool add_block() noexcept {
    try {
      const std::size_t count = blocks_.empty() ? 4 : block_size_ * 2;
      std::unique_ptr<SlotType[]> block(new SlotType[count]);
      free_.reserve(slots_ + count);
      empty_.reserve(slots_ + count);
      blocks_.reserve(blocks_.size() + 1);
      for (std::size_t i = 0; i < count; ++i) {
        block[i].home = this;
        empty_.push_back(&block[i]);
      }
      blocks_.push_back(std::move(block));
      block_size_ = count < 256 ? count : 128;
      slots_ += count;
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  T* allocate(std::size_t capacity) noexcept {
    if (capacity > kMostElements) return nullptr;
    void* memory = memory_->allocate(capacity * sizeof(T));
    // Trivial types are begun by their first write: nothing is zeroed here.
    return memory == nullptr ? nullptr : begin_lifetimes(static_cast<T*>(memory), capacity);
  }

  static T* begin_lifetimes(T* data, std::size_t count) noexcept {
    if constexpr (!std::is_trivially_default_constructible_v<T>) {
      for (std::size_t i = 0; i < count; ++i) new (data + i) T;
    }
    return data;
  }

  void release_memory(SlotType* slot) noexcept {
    T* data = slot->data;
    const std::size_t capacity = slot->capacity;
    if constexpr (!std::is_trivially_destructible_v<T>) {
      for (std::size_t i = 0; i < capacity; ++i) data[i].~T();
    }
    memory_->deallocate(data, capacity * sizeof(T));
    allocated_.fetch_sub(capacity, order::relaxed);  // relaxed: a figure for stats
  }

  void drop() noexcept {
    // sync(pool) acq_rel: pairs with itself; the last one out comes after all others.
    if (users_.fetch_sub(1, order::acq_rel) == 1) delete this;
  }

  const std::shared_ptr<ChunkMemory> memory_;
  SlotType closed_mark_;  // its address says that the pool takes nothing back

  // Shared.
  alignas(kCacheLine) typename Sync::template Atomic<SlotType*> returned_{nullptr};
  typename Sync::template Atomic<std::uint64_t> users_{1};
  typename Sync::template Atomic<std::uint64_t> allocated_{0};

  // The appender's own.
  alignas(kCacheLine) std::vector<SlotType*> free_;
  std::vector<SlotType*> empty_;
  std::vector<std::unique_ptr<SlotType[]>> blocks_;
  std::size_t block_size_ = 0;
  std::size_t slots_ = 0;
};

// Keeps one chunk readable. Move-only; share() makes another.
template <class T, class Sync = StdSync>
class Pin {
 public:
  Pin() noexcept = default;
  // Takes over a count that was raised already.
  explicit Pin(Slot<T, Sync>* slot) noexcept : slot_(slot) {}
  Pin(Pin&& other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  Pin& operator=(Pin&& other) noexcept {
    if (this != &other) {
      reset();
      slot_ = std::exchange(other.slot_, nullptr);
    }
    return *this;
  }
  ~Pin() { reset(); }

  Pin share() const noexcept {
    if (slot_ != nullptr) slot_->pin_again();
    return Pin(slot_);
  }
  void reset() noexcept {
    if (slot_ != nullptr) std::exchange(slot_, nullptr)->unpin();
  }

  explicit operator bool() const noexcept { return slot_ != nullptr; }
  Slot<T, Sync>* operator->() const noexcept { return slot_; }
  Slot<T, Sync>* get() const noexcept { return slot_; }

  std::uint64_t base() const noexcept {
    return slot_->base.load(order::relaxed);  // relaxed: fixed while pinned
  }
  // May still fall until the rope's end has passed it: read it after an acquire of that end. Once
  // the rope has finished it only grows.
  std::uint64_t limit() const noexcept {
    // sync(absorb) acquire: pairs with the release in Compactor::replace(); what was copied here
    // comes with how far it reaches. A limit that falls is ordered by the end instead, see Rope.
    return slot_->limit.load(order::acquire);
  }
  const T* data() const noexcept { return slot_->data; }

 private:
  Slot<T, Sync>* slot_ = nullptr;
};

}  // namespace catcher
