// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How long a call may wait, and who may call it back. Passed by value to everything
// in the core that can block.
#pragma once

#include <chrono>
#include <stop_token>

namespace catcher {

using Clock = std::chrono::steady_clock;
using Deadline = Clock::time_point;

inline constexpr Deadline kForever = Deadline::max();
inline constexpr Deadline kNotAtAll = Deadline::min();

struct Wait {
  Deadline deadline = kForever;  // kNotAtAll turns a wait into a look
  std::stop_token stop{};        // triggers `cancelled`; also reaches a source's blocking read

  static Wait until(Deadline deadline) { return Wait{deadline, {}}; }
  static Wait at_most(Clock::duration duration) {
    const Deadline now = Clock::now();
    return Wait{duration < kForever - now ? now + duration : kForever, {}};
  }
  static Wait none() { return Wait{kNotAtAll, {}}; }
};

}  // namespace catcher
