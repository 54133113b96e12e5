// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Moves all that a finished rope holds into one chunk, while others read it. The chunks are copied
// one by one, oldest first, behind each other into the one that is to hold them all, the whole. As
// soon as one is in it, the whole reaches as far and takes that chunk's place in the table; the
// rope lets go of the chunk, whose memory is free once its last pin has gone. So at no time is more
// than one chunk there twice, and the table is right at every step: the whole is the oldest chunk,
// and grows.
//
// Readers move over by themselves. Who looks an offset up, or goes on to the next chunk, finds the
// whole. Who is in a chunk that was copied reads on there to its end. Who is in the whole looks at
// its limit again before going on to the next chunk, as anyone does at the end of a chunk.
//
// What a search finds is right whatever mixture of old and new it sees. A table's place that shows
// the whole was stored after the whole had come to reach the end of what was there before. A slot
// that shows a chunk that is gone cannot be pinned, and no slot is used again: the rope has
// finished, and the whole's was taken before any was let go of.
//
// Thread: one, which is the rope's appender for as long.
// Invariants:
//   I1  [base, limit) of the whole is initialised, and never changes.
//   I2  Chunks of the table tile the window after each step.
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

#include "rope.hpp"
#include "status.hpp"

namespace catcher {

template <class T, class Sync = StdSync>
class Compactor {
 public:
  using SlotType = Slot<T, Sync>;

  // Requires: the rope has finished, and outlives this.
  explicit Compactor(Rope<T, Sync>& rope) noexcept : table_(rope.table_), end_(rope.end_own_) {}

  // `copy(to, from, count)` copies elements; false: it was told to stop.
  // ok: there is one chunk, or none; nothing is copied where that was so before. `out_of_memory`:
  // nothing has changed. `cancelled`: some chunks have moved and the others have not.
  template <class Copy>
  Status run(const Copy& copy) noexcept {
    if (table_.chunks() <= 1) return Status::ok;
    const std::uint64_t begin = table_.begin();
    SlotType* whole = table_.pool().take(static_cast<std::size_t>(end_ - begin));
    if (whole == nullptr) return Status::out_of_memory;
    // Nothing is in it yet: the slot may be one that some reader still looks at.
    table_.pool().place(whole, table_.first_own_, begin, begin);
    T* const to = whole->data;
    for (std::uint64_t at = begin; at != end_;) {
      const std::uint64_t index = at == begin ? table_.first_own_ : table_.first_own_ + 1;
      SlotType* old = table_.own(index);
      // Relaxed: the appender's own.
      const std::uint64_t limit = std::min(old->limit.load(order::relaxed), end_);
      assert(old->base.load(order::relaxed) == at);  // relaxed: as above
      if (!copy(to + (at - begin), static_cast<const T*>(old->data), limit - at)) {
        if (at == begin) whole->unpin();
        return Status::cancelled;
      }
      replace(index, *whole, limit);
      at = limit;
    }
    return Status::ok;
  }

 private:
  // The whole reaches up to `limit` now, and is chunk number `index` from here on.
  void replace(std::uint64_t index, SlotType& whole, std::uint64_t limit) noexcept {
    SlotType* old = table_.own(index);
    const bool is_first = index == table_.first_own_;
    // sync(absorb) release: pairs with the acquire in Pin::limit(); a reader that sees that the
    // whole reaches so far sees what was copied there (tests/model/compaction.cpp).
    whole.limit.store(limit, order::release);
    whole.index.store(index, order::relaxed);  // relaxed: where the next chunk is looked for first
    // sync(slot) release: pairs with the acquire in slot_at(); who finds the whole here sees that
    // it reaches as far as the chunk that was here.
    table_.own_ring_->at(index).store(&whole, order::release);
    if (is_first) {
      table_.live_size_ += std::size_t(whole.capacity);
    } else {
      table_.first_own_ = index;
      table_.first_.store(index, order::relaxed);   // relaxed: where a search begins is a guess
      table_.merged_.fetch_add(1, order::relaxed);  // relaxed: a figure
    }
    table_.live_size_ -= std::size_t(old->capacity);
    old->unpin();
  }

  ChunkTable<T, Sync>& table_;
  const std::uint64_t end_;
};

}  // namespace catcher
