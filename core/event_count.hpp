// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Lets threads sleep until something they look at has changed, without a lock and
// without spinning. Whoever makes the change pays one read-modify-write of a line that
// nobody else touches while no one sleeps, and one system call for all sleepers.
//
//   sleeper                                        changer
//     events.sleep_unless(changed, deadline);        make the change
//                                                    events.notify_all();
//
// The change itself may be a relaxed store: the event count orders it.
// No wake-up is lost: the two increments of `sleepers_` are ordered by that cell. Either
// the changer comes second and sees the sleeper, or the sleeper comes second and sees
// the change (tests/model/wake_up.cpp).
//
// Thread: any.
#pragma once

#include <cstdint>

#include "atomic.hpp"
#include "park.hpp"
#include "wait.hpp"

namespace catcher {

// `Parking` sleeps on a word: see park.hpp.
template <class Sync = StdSync, class Parking = FutexParking>
class EventCount {
 public:
  // Sleeps until notify_all(), or the deadline, unless `changed()` already holds. False: the
  // deadline has passed. May also return for no reason, so look again.
  template <class Changed>
  bool sleep_unless(const Changed& changed, Deadline deadline) {
    const Ticket ticket = prepare();
    if (changed()) {
      leave();
      return true;
    }
    const bool in_time = parking_.park(epoch_, ticket, deadline);
    leave();
    return in_time;
  }

  void notify_all() noexcept {
    // sync(sleep) release: pairs with the acquire in prepare(). An addition of nothing, not a
    // load: only a read-modify-write is sure to see the latest count, and is seen itself by
    // every sleeper that comes after it. With acquire alone compilers make it a load.
    if (sleepers_.fetch_add(0, order::release) == 0) return;
    // sync(epoch) release: pairs with the acquire in prepare().
    epoch_.fetch_add(1, order::release);
    parking_.unpark_all(epoch_);
  }

 private:
  using Ticket = std::uint32_t;

  Ticket prepare() noexcept {
    // sync(sleep) acquire: pairs with the release in notify_all(). A sleeper that comes after
    // the changer sees the change; a changer that comes after sees the count, which is all
    // that it needs of the sleeper.
    sleepers_.fetch_add(1, order::acquire);
    // sync(epoch) acquire: pairs with the release in notify_all(); a sleeper that takes the
    // new epoch sees the change that caused it.
    return epoch_.load(order::acquire);
  }

  void leave() noexcept {
    // Relaxed: says only that there is one sleeper fewer; seen late it costs one system call.
    sleepers_.fetch_sub(1, order::relaxed);
  }

  alignas(kCacheLine) typename Sync::template Atomic<std::uint32_t> sleepers_{0};
  typename Sync::template Atomic<std::uint32_t> epoch_{0};
  [[no_unique_address]] Parking parking_{};
};

}  // namespace catcher
