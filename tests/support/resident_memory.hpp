// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Memory for chunks that tells how much of it is really there: pages that were touched, not what
// was asked for.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "core/chunk_memory.hpp"
#include "tests/support/demand.hpp"

namespace catcher::test {

class ResidentMemory final : public ChunkMemory {
 public:
  void* allocate(std::size_t bytes) noexcept override {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    demand(memory != MAP_FAILED, "there is memory for a test");
    madvise(memory, bytes, MADV_NOHUGEPAGE);
    const std::lock_guard lock(mutex_);
    blocks_[memory] = bytes;
    note();
    return memory;
  }
  void deallocate(void* memory, std::size_t bytes) noexcept override {
    const std::lock_guard lock(mutex_);
    note();
    demand(blocks_.erase(memory) == 1, "what comes back was given out");
    munmap(memory, bytes);
  }

  // Bytes that are there now, and the most that were whenever a block came or went.
  std::uint64_t now() const {
    const std::lock_guard lock(mutex_);
    return touched();
  }
  std::uint64_t peak() const {
    const std::lock_guard lock(mutex_);
    return peak_;
  }
  // From here on.
  void forget_peak() {
    const std::lock_guard lock(mutex_);
    peak_ = 0;
  }

 private:
  void note() { peak_ = std::max(peak_, touched()); }

  std::uint64_t touched() const {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    std::uint64_t sum = 0;
    for (const auto& [memory, bytes] : blocks_) {
      std::vector<unsigned char> pages((bytes + page - 1) / page);
      demand(mincore(memory, bytes, pages.data()) == 0, "pages can be looked at");
      for (const unsigned char one : pages) sum += (one & 1u) * page;
    }
    return sum;
  }

  mutable std::mutex mutex_;
  std::map<void*, std::size_t> blocks_;
  std::uint64_t peak_ = 0;
};

}  // namespace catcher::test
