// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The lowest offset that anybody waits for, so that whoever appends knows without a lock
// whether it has brought what somebody waits for.
//
//   who waits, under a lock                  who appends
//     enter the wait; set(lowest);             make the change
//     look for the change                      if (is_due(end)) take the lock, and look who waits
//
// Nobody is forgotten: both sides read and modify the same cell. Either the appender comes second
// and sees the offset, or the one who waits comes second and sees the change
// (tests/model/once_readable.cpp). The change itself may be a relaxed store.
//
// Thread: any.
#pragma once

#include <cstdint>
#include <limits>

#include "atomic.hpp"

namespace catcher {

template <class Sync = StdSync>
class Earliest {
 public:
  static constexpr std::uint64_t kNobody = std::numeric_limits<std::uint64_t>::max();

  // Requires: one thread at a time, by a lock that whoever finds something due takes too.
  void set(std::uint64_t offset) noexcept {
    // sync(earliest) acquire: pairs with the release in get(). Never a plain store, which
    // would hide an appender that came before from those who come later.
    lowest_.exchange(offset, order::acquire);
  }

  // Whether somebody waits for an offset below `end`. An answer that is out of date is so only
  // for somebody who has not looked for the change yet.
  bool is_due(std::uint64_t end) noexcept { return get() < end; }
  bool is_anybody() noexcept { return get() != kNobody; }

 private:
  std::uint64_t get() noexcept {
    // sync(earliest) release: pairs with the acquire in set(). An addition of nothing, not a
    // load: only a read-modify-write is sure to see the latest offset, and is seen itself by
    // everybody who waits after it.
    return lowest_.fetch_add(0, order::release);
  }

  alignas(kCacheLine) typename Sync::template Atomic<std::uint64_t> lowest_{kNobody};
};

}  // namespace catcher
