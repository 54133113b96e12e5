// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The few names through which the core touches shared memory. Everything that is
// lock-free takes a `Sync` parameter instead of naming std::atomic, so that the
// model checker can run the very same templates with cells of its own
// (tests/model/sync.hpp).
#pragma once

#include <atomic>
#include <cstddef>

namespace catcher {

// Distance that keeps two atomics of different writers apart. A constant of our own:
// the standard's is missing in clang 14 and varies with flags in GCC.
inline constexpr std::size_t kCacheLine = 64;

// Orders go through these names: the model checker defines memory_order_* as macros.
namespace order {
inline constexpr std::memory_order relaxed = std::memory_order::relaxed;
inline constexpr std::memory_order acquire = std::memory_order::acquire;
inline constexpr std::memory_order release = std::memory_order::release;
inline constexpr std::memory_order acq_rel = std::memory_order::acq_rel;
}  // namespace order

// What the product runs on.
//   Atomic<T>  a cell that several threads touch
//   Plain<T>   a cell that is ordered by some Atomic; the model checks that it is
struct StdSync {
  template <class T>
  using Atomic = std::atomic<T>;
  template <class T>
  using Plain = T;
};

}  // namespace catcher
