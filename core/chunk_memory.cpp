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
  // Stateless, and outlives every rope: a lease may be dropped while the process exits.
  static const auto* const heap = new std::shared_ptr<ChunkMemory>(std::make_shared<Heap>());
  return *heap;
}

}  // namespace catcher
