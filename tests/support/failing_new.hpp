// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Makes `operator new` fail on this thread. Replaces it for the whole program: include it in one
// file of a test only.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace catcher::test {

inline thread_local bool new_may_fail = false;
inline thread_local int new_allowed = 0;

inline bool new_fails() {
  if (!new_may_fail) return false;
  return new_allowed == 0 || new_allowed-- == 0;
}

inline void* aligned_or_null(std::size_t size, std::size_t alignment) {
  if (new_fails()) return nullptr;
  return std::aligned_alloc(alignment, (size + alignment) & ~(alignment - 1));
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

}  // namespace catcher::test

// Inlined, GCC would take them for a mismatch of malloc and delete.
[[gnu::noinline]] void* operator new(std::size_t size) {
  void* memory = catcher::test::new_fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return catcher::test::new_fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  void* memory = catcher::test::aligned_or_null(size, static_cast<std::size_t>(alignment));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment,
                                     const std::nothrow_t&) noexcept {
  return catcher::test::aligned_or_null(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t,
                                       const std::nothrow_t&) noexcept {
  std::free(memory);
}
