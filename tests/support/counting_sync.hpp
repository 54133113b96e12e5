// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A Sync (core/atomic.hpp) that counts what is done to shared memory, for tests that say how much
// work something is instead of how long it takes. Thread: one at a time.
#pragma once

#include <atomic>
#include <cstdint>

namespace catcher::test {

// Since the program began; a test takes differences.
struct SyncCounts {
  std::uint64_t loads = 0;
  std::uint64_t stores = 0;
  std::uint64_t changes = 0;  // read-modify-writes
};

struct CountingSync {
  static inline SyncCounts counts{};

  template <class T>
  class Atomic {
   public:
    Atomic() = default;
    Atomic(T value) : cell_(value) {}

    T load(std::memory_order order) const noexcept {
      ++counts.loads;
      return cell_.load(order);
    }
    void store(T value, std::memory_order order) noexcept {
      ++counts.stores;
      cell_.store(value, order);
    }
    T exchange(T value, std::memory_order order) noexcept {
      ++counts.changes;
      return cell_.exchange(value, order);
    }
    T fetch_add(T value, std::memory_order order) noexcept {
      ++counts.changes;
      return cell_.fetch_add(value, order);
    }
    T fetch_sub(T value, std::memory_order order) noexcept {
      ++counts.changes;
      return cell_.fetch_sub(value, order);
    }
    bool compare_exchange_weak(T& expected, T value, std::memory_order success,
                               std::memory_order failure) noexcept {
      ++counts.changes;
      return cell_.compare_exchange_weak(expected, value, success, failure);
    }

   private:
    std::atomic<T> cell_{};
  };

  template <class T>
  using Plain = T;
};

}  // namespace catcher::test
