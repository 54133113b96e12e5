// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "park.hpp"

#include "atomic.hpp"

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>
#else
#include "mutex.hpp"
#endif

namespace catcher {

#if defined(__linux__)

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t),
              "the kernel looks at the word itself");

bool FutexParking::park(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                        Deadline deadline) noexcept {
  timespec until{};
  const timespec* limit = nullptr;
  if (deadline != kForever) {
    // steady_clock is CLOCK_MONOTONIC, which this operation counts by.
    auto since = deadline.time_since_epoch();
    if (since < since.zero()) since = since.zero();
    const auto whole = std::chrono::duration_cast<std::chrono::seconds>(since);
    until.tv_sec = static_cast<std::time_t>(whole.count());
    until.tv_nsec = static_cast<long>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(since - whole).count());
    limit = &until;
  }
  const long result = syscall(SYS_futex, reinterpret_cast<const std::uint32_t*>(&word),
                              FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, limit, nullptr,
                              FUTEX_BITSET_MATCH_ANY);
  return !(result == -1 && errno == ETIMEDOUT);
}

void FutexParking::unpark_all(const std::atomic<std::uint32_t>& word) noexcept {
  syscall(SYS_futex, reinterpret_cast<const std::uint32_t*>(&word), FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
          INT_MAX, nullptr, nullptr, 0);
}

#else

namespace {

struct Lot {
  Mutex mutex;
  CondVar changed;
};

Lot& lot_of(const void* word) noexcept {
  static Lot lots[64];
  return lots[(reinterpret_cast<std::uintptr_t>(word) / kCacheLine) % 64];
}

}  // namespace

bool FutexParking::park(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                        Deadline deadline) noexcept {
  Lot& lot = lot_of(&word);
  Lock lock(lot.mutex);
  // Relaxed: the caller orders; unpark_all() takes the lock after the change.
  while (word.load(order::relaxed) == expected) {
    if (deadline == kForever) {
      lot.changed.wait(lock);
    } else if (!lot.changed.wait_until(lock, deadline)) {
      return false;
    }
  }
  return true;
}

void FutexParking::unpark_all(const std::atomic<std::uint32_t>& word) noexcept {
  Lot& lot = lot_of(&word);
  { Lock lock(lot.mutex); }
  lot.changed.notify_all();
}

#endif

}  // namespace catcher
