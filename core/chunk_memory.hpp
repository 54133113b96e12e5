// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Where the memory of chunks comes from. The rope asks for a block, fills it once,
// and gives it back when the last reader has left it.
#pragma once

#include <cstddef>
#include <memory>
#include <system_error>

#include "export.hpp"

namespace catcher {

// Thread: allocate() by the rope's appender; deallocate() by any thread, also while
// allocate() runs. Both are called once per chunk, never per read.
class CATCHER_API ChunkMemory {
 public:
  virtual ~ChunkMemory() = default;
  // `bytes` of memory aligned to a cache line, contents undefined; nullptr if there is none.
  virtual void* allocate(std::size_t bytes) noexcept = 0;
  // Takes a block of allocate() back, of the size that was asked for.
  virtual void deallocate(void* memory, std::size_t bytes) noexcept = 0;
  // Around many deallocate() in a row: what costs a call for each block may wait for the end of the
  // row. The caller of both holds a reference to this from the one to the other, and if that is
  // the only one left at the end, no more will be allocated. Thread: any; rows may overlap.
  virtual void begin_returns() noexcept {}
  // Ends what begin_returns() has begun, as said there.
  virtual void end_returns() noexcept {}
  // Why allocate() gave nothing, the last time that it did. Thread: any.
  virtual std::error_code error() const noexcept {
    return std::make_error_code(std::errc::not_enough_memory);
  }
};

// The process heap. For chunks in a file see file_memory.hpp.
CATCHER_API std::shared_ptr<ChunkMemory> heap_memory() noexcept;

}  // namespace catcher
