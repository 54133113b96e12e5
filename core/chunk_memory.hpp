// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Where the memory of chunks comes from. The rope asks for a block, fills it once,
// and gives it back when the last reader has left it.
#pragma once

#include <cstddef>
#include <memory>

namespace catcher {

// Thread: allocate() by the rope's appender; deallocate() by any thread, also while
// allocate() runs. Both are called once per chunk, never per read.
class ChunkMemory {
 public:
  virtual ~ChunkMemory() = default;
  // `bytes` of memory aligned to a cache line, contents undefined; nullptr if there is none.
  virtual void* allocate(std::size_t bytes) noexcept = 0;
  virtual void deallocate(void* memory, std::size_t bytes) noexcept = 0;
};

// The process heap.
std::shared_ptr<ChunkMemory> heap_memory() noexcept;

}  // namespace catcher
