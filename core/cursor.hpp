// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a reader shows of itself to the writer: its position, on a cache line of its own.
// The writer walks all cursors when it must know the slowest reader: once a chunk.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "atomic.hpp"

namespace catcher {

template <class Sync = StdSync>
struct alignas(kCacheLine) BasicCursor {
  // Written by its reader on every read, looked at by the writer. Relaxed: the writer decides
  // by it which chunk may go, and pins, not this, keep memory alive. That a sleeping writer
  // sees the last one is the event count's doing (tests/model/slowest.cpp).
  typename Sync::template Atomic<std::uint64_t> position{0};
  // Whether a writer that waits when full waits for this reader.
  typename Sync::template Atomic<bool> holds_back{true};
  // Its place in the catcher's list, which leaves it in O(1). Guarded by the list's lock.
  std::size_t index = 0;
};

using Cursor = BasicCursor<>;

// Up to where every reader that holds the writer back has read; 0 if there is none, since then
// nobody has had anything. `cursors` is a range of pointers.
template <class Cursors>
std::uint64_t slowest(const Cursors& cursors) noexcept {
  constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t position = kNobody;
  for (const auto* cursor : cursors) {
    // Relaxed, both: the event count orders them for a writer that is about to sleep.
    if (!cursor->holds_back.load(order::relaxed)) continue;
    position = std::min(position, cursor->position.load(order::relaxed));
  }
  return position == kNobody ? 0 : position;
}

}  // namespace catcher
