// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The serialized events that came with a stream, each at the offset of the byte it preceded, so
// that a player that starts anywhere gets the stickies that held there and meets the later ones
// where they came.
//
// Thread: append() and drop_before() by the recorder's streaming thread; the rest by any.
// Invariants:
//   I1  Events are in the order of their offsets, and of their serials.
//   I2  An event is logged before the bytes that follow it are published.
//   I3  Of each kind of sticky, the last one at or below the window's begin stays.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/atomic.hpp"
#include "core/mutex.hpp"
#include "core/timeline.hpp"
#include "support/gst_ptr.hpp"

namespace catcher::plugin {

// Whether the later sticky takes the earlier one's place on a pad. Thread: any.
bool replaces(GstEvent* later, GstEvent* earlier);

struct LoggedEvent {
  std::uint64_t offset = 0;
  std::uint64_t serial = 0;
  EventPtr event;
  std::int64_t time = kNoTime;  // stream time of the edge then
};

class EventLog {
 public:
  // `time`: stream time of the edge.
  void append(std::uint64_t offset, EventPtr event, std::int64_t time = kNoTime);
  // Lets go of what came before the byte at this offset, and also of what came right before it if
  // that was not after this time. A sticky stays until a later one has taken its place.
  void drop_before(std::uint64_t offset, std::int64_t time = kNoTime);

  // Serial of the next event that comes; tells without a lock whether there is a new one.
  std::uint64_t next_serial() const noexcept {
    // Acquire: pairs with the release in append(); the log itself is read under the lock.
    return next_serial_.load(order::acquire);
  }

  struct Held {
    std::vector<EventPtr> stickies;  // in the order in which they came
    std::uint64_t next = 0;          // serial of the first event that is still to be met
  };
  // What holds before the byte at `offset` is pushed. GAPs there that are over at `time` are not to
  // be met.
  Held held_at(std::uint64_t offset, std::int64_t time = kNoTime) const;
  // The offset at or below `offset` at which an event came last; 0 if none did.
  std::uint64_t last_at_or_before(std::uint64_t offset) const;
  // What happened once, right at `offset`, the last one first.
  std::vector<EventPtr> once_at(std::uint64_t offset) const;
  // The first event that has this serial or a later one.
  std::optional<LoggedEvent> from(std::uint64_t serial) const;

 private:
  std::atomic<std::uint64_t> next_serial_{0};
  mutable Mutex mutex_;
  std::deque<LoggedEvent> events_ CATCHER_GUARDED_BY(mutex_);
  // What the last drop has looked through.
  std::uint64_t dropped_before_ CATCHER_GUARDED_BY(mutex_) = 0;
  std::size_t dropped_until_ CATCHER_GUARDED_BY(mutex_) = 0;
};

}  // namespace catcher::plugin
