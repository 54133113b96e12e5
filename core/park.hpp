// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Sleeping on a 32-bit word with a deadline. On Linux this is a futex; elsewhere a
// condition variable in a table shared by the process. std::atomic::wait has no
// deadline, and spins first in libstdc++.
#pragma once

#include <atomic>
#include <cstdint>

#include "export.hpp"
#include "wait.hpp"

namespace catcher {

struct CATCHER_API FutexParking {
  // Sleeps while `word` holds `expected`; may return early. False: the deadline has passed.
  // Thread: any.
  static bool park(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                   Deadline deadline) noexcept;
  // Wakes all who sleep on `word`, which must have been changed first. Thread: any.
  static void unpark_all(const std::atomic<std::uint32_t>& word) noexcept;
};

}  // namespace catcher
