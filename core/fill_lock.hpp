// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Decides who of many readers asks the source. It is never waited for: who does not get it
// sleeps until something has changed, and is woken by whoever gives it back (catcher.hpp).
//
// Thread: any.
#pragma once

#include "atomic.hpp"

namespace catcher {

template <class Sync = StdSync>
class FillLock {
 public:
  // False if another thread has it.
  bool try_take() noexcept {
    // sync(fill) acquire: pairs with the release in give_back(); what the last filler did to
    // the rope and the source comes before what this one does (tests/model/fill.cpp).
    return !taken_.exchange(true, order::acquire);
  }

  // Requires: taken by this thread, or by one that has handed it over, in order. The caller
  // wakes who sleeps.
  void give_back() noexcept {
    // sync(fill) release: pairs with the acquire in try_take().
    taken_.store(false, order::release);
  }

  bool is_free() const noexcept {
    // Relaxed: a sleeper's last look, ordered by the event count; try_take() decides.
    return !taken_.load(order::relaxed);
  }

 private:
  alignas(kCacheLine) typename Sync::template Atomic<bool> taken_{false};
};

}  // namespace catcher
