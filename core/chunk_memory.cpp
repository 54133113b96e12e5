// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "chunk_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <new>

#include "atomic.hpp"

namespace catcher {
namespace {

// An allocator that has once seen large blocks go keeps those that go later. What a stream has
// taken is the system's again at once: memory that is copied away is not there twice.
constexpr std::size_t kLarge = std::size_t{128} << 10;

void give_pages_back(void* memory, std::size_t bytes) noexcept {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(memory) + page - 1) / page * page;
  const auto end = (reinterpret_cast<std::uintptr_t>(memory) + bytes) / page * page;
  // It may be refused, for locked pages: then they stay the allocator's.
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

class Heap final : public ChunkMemory {
 public:
  void* allocate(std::size_t bytes) noexcept override {
    return ::operator new (bytes, std::align_val_t{kCacheLine}, std::nothrow);
  }
  void deallocate(void* memory, std::size_t bytes) noexcept override {
    if (bytes >= kLarge) give_pages_back(memory, bytes);
    ::operator delete (memory, std::align_val_t{kCacheLine});
  }
};

}  // namespace

std::shared_ptr<ChunkMemory> heap_memory() noexcept {
  // Stateless, and outlives every rope: a lease may be dropped while the process exits. It needs
  // no memory itself, neither for the object nor for a count.
  alignas(Heap) static std::byte room[sizeof(Heap)];
  static Heap* const heap = new (room) Heap;
  return {std::shared_ptr<void>(), heap};
}

}  // namespace catcher
