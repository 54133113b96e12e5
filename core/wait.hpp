// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How long a call may wait, and who may call it back. Passed by value to everything
// in the core that can block.
#pragma once

#include <chrono>
#include <stop_token>

namespace catcher {

// The clock of all deadlines: it never steps.
using Clock = std::chrono::steady_clock;
// A point in its time, in nanoseconds.
using Deadline = Clock::time_point;

inline constexpr Deadline kForever = Deadline::max();   // no deadline
inline constexpr Deadline kNotAtAll = Deadline::min();  // what is not there is not waited for

// What a call that may block is told: until when, and who may end it earlier. What is there already
// goes before both. A value: copies share the stop token. Thread: any.
struct Wait {
  Deadline deadline = kForever;  // kNotAtAll turns a wait into a look
  std::stop_token stop{};        // triggers `cancelled`; also reaches a source's blocking read

  // Up to a point in time; `timed_out` then.
  static Wait until(Deadline deadline) { return Wait{deadline, {}}; }
  // From now on for a while, however long.
  static Wait at_most(Clock::duration duration) {
    const Deadline now = Clock::now();
    return Wait{duration < kForever - now ? now + duration : kForever, {}};
  }
  // Not at all: `would_block` if nothing is there.
  static Wait none() { return Wait{kNotAtAll, {}}; }
};

}  // namespace catcher
