// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Makes `operator new` fail, on this thread (FailingNew) or wherever it is the turn (NthNew), and
// counts what is alive. Replaces it for the whole program: include it in one file of a test only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace catcher::test {

inline thread_local bool new_may_fail = false;
inline thread_local int new_allowed = 0;

// Of all threads. Counted only as long as a turn is waited for.
inline std::atomic<bool> new_counts{false};
inline std::atomic<std::int64_t> new_turn{0};  // how many still succeed
inline std::atomic<bool> new_fails_on{false};  // also after its turn
inline std::atomic<std::int64_t> new_alive{0};

inline bool new_fails() {
  if (new_counts.load()) {
    const std::int64_t left = new_turn.fetch_sub(1);
    if (left == 0 || (left < 0 && new_fails_on.load())) return true;
  }
  if (!new_may_fail) return false;
  return new_allowed == 0 || new_allowed-- == 0;
}

inline void* counted(void* memory) {
  if (memory != nullptr) new_alive.fetch_add(1);
  return memory;
}

inline void* plain_or_null(std::size_t size) {
  return new_fails() ? nullptr : counted(std::malloc(size == 0 ? 1 : size));
}

inline void* aligned_or_null(std::size_t size, std::size_t alignment) {
  if (new_fails()) return nullptr;
  return counted(std::aligned_alloc(alignment, (size + alignment) & ~(alignment - 1)));
}

inline void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

inline void give_back(void* memory) {
  if (memory != nullptr) new_alive.fetch_sub(1);
  std::free(memory);
}

// While it lives, `allowed` allocations of this thread succeed, and all later ones fail.
class FailingNew {
 public:
  explicit FailingNew(int allowed) {
    new_allowed = allowed;
    new_may_fail = true;
  }
  ~FailingNew() { new_may_fail = false; }
  FailingNew(const FailingNew&) = delete;
  FailingNew& operator=(const FailingNew&) = delete;
};

// While it lives, allocation number `number` (from 0) of all threads fails, and those after it if
// `and_after`. One at a time.
class NthNew {
 public:
  NthNew(std::int64_t number, bool and_after) {
    new_turn = number;
    new_fails_on = and_after;
    new_counts = true;
  }
  ~NthNew() { new_counts = false; }
  NthNew(const NthNew&) = delete;
  NthNew& operator=(const NthNew&) = delete;

  // Its turn has come.
  bool struck() const { return new_turn.load() < 0; }
  // From now on none fails.
  void lift() { new_fails_on = false; }
};

}  // namespace catcher::test

// Inlined, GCC would take them for a mismatch of malloc and delete.
[[gnu::noinline]] void* operator new(std::size_t size) {
  return catcher::test::or_throw(catcher::test::plain_or_null(size));
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return catcher::test::plain_or_null(size);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  return catcher::test::or_throw(
      catcher::test::aligned_or_null(size, static_cast<std::size_t>(alignment)));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment,
                                     const std::nothrow_t&) noexcept {
  return catcher::test::aligned_or_null(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t,
                                       const std::nothrow_t&) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void* operator new[](std::size_t size) {
  return catcher::test::or_throw(catcher::test::plain_or_null(size));
}
[[gnu::noinline]] void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return catcher::test::plain_or_null(size);
}
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t alignment) {
  return catcher::test::or_throw(
      catcher::test::aligned_or_null(size, static_cast<std::size_t>(alignment)));
}
[[gnu::noinline]] void* operator new[](std::size_t size, std::align_val_t alignment,
                                       const std::nothrow_t&) noexcept {
  return catcher::test::aligned_or_null(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete[](void* memory) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, const std::nothrow_t&) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept {
  catcher::test::give_back(memory);
}
[[gnu::noinline]] void operator delete[](void* memory, std::align_val_t,
                                         const std::nothrow_t&) noexcept {
  catcher::test::give_back(memory);
}
