// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Memory for chunks that keeps count, and can be made to run out.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>

#include "core/chunk_memory.hpp"
#include "tests/support/demand.hpp"

namespace catcher::test {

class CountingMemory final : public ChunkMemory {
 public:
  ~CountingMemory() override { demand(bytes_now() == 0, "all memory came back", bytes_now()); }

  void* allocate(std::size_t bytes) noexcept override {
    largest_asked_ = std::max(largest_asked_, bytes);
    if (bytes > limit_) return nullptr;
    void* memory = heap_->allocate(bytes);
    if (memory == nullptr) return nullptr;
    allocations_ += 1;
    const std::uint64_t now = bytes_now_ += bytes;
    peak_ = std::max(peak_, now);
    return memory;
  }
  void deallocate(void* memory, std::size_t bytes) noexcept override {
    heap_->deallocate(memory, bytes);
    bytes_now_ -= bytes;
  }

  // From now on no larger block can be had. Thread: the appender.
  void refuse_above(std::size_t bytes) { limit_ = bytes; }

  std::uint64_t allocations() const { return allocations_; }
  std::uint64_t peak() const { return peak_; }
  std::size_t largest_asked() const { return largest_asked_; }
  // Thread: any.
  std::uint64_t bytes_now() const { return bytes_now_; }

 private:
  const std::shared_ptr<ChunkMemory> heap_ = heap_memory();
  std::size_t limit_ = std::numeric_limits<std::size_t>::max();
  std::uint64_t allocations_ = 0;
  std::uint64_t peak_ = 0;
  std::size_t largest_asked_ = 0;
  std::atomic<std::uint64_t> bytes_now_{0};
};

}  // namespace catcher::test
