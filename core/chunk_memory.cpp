// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "chunk_memory.hpp"

#include <new>

#include "atomic.hpp"

namespace catcher {
namespace {

class Heap final : public ChunkMemory {
 public:
  void* allocate(std::size_t bytes) noexcept override {
    return ::operator new (bytes, std::align_val_t{kCacheLine}, std::nothrow);
  }
  void deallocate(void* memory, std::size_t /*bytes*/) noexcept override {
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
