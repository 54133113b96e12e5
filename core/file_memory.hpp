// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Memory for chunks that lies in a file, so that a window may be larger than what the process
// should take of the machine's memory. The file has no name: it goes with the last chunk in it,
// however the process ends.
//
//   auto made = catcher::FileMemory::create("/var/tmp/radio-XXXXXX");
//   catcher::Config config;
//   config.memory = made.memory;
//
// Its space is reserved before it is written: a full disk is an allocation that fails, and no
// signal. What is freed is given back to the file system at once where that can be done (Linux:
// holes are punched), and is used again before the file grows. A device that breaks while pages
// are read back from it cannot be answered for: that is SIGBUS, as with any mapped file. A process
// under RLIMIT_FSIZE ignores SIGXFSZ to get the error instead.
//
// Not for small streams: the heap is as good there, and cheaper.
//
// Thread: any. Several ropes may share one.
// Invariants:
//   I1  A page is reserved on disk before any allocation that touches it is handed out.
//   I2  Free ranges of an extent are in order, neither touch nor overlap, and with the
//       allocations tile it.
//   I3  deallocate() needs no memory: room for its range was made by allocate().
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include "chunk_memory.hpp"
#include "export.hpp"
#include "mutex.hpp"

namespace catcher {

class CATCHER_API FileMemory final : public ChunkMemory,
                                     public std::enable_shared_from_this<FileMemory> {
 public:
  // What create() made.
  struct Made {
    std::shared_ptr<FileMemory> memory;  // or nothing, and why
    std::error_code error;               // why
  };
  // `path_template` ends in XXXXXX, which is replaced to make a name that nobody has; the name is
  // gone before this returns. The file's mode is 0600, and it is not inherited by programs that
  // this process starts.
  static Made create(const std::string& path_template);
  // Whether create() could use this template at all.
  static bool is_template(const std::string& path) noexcept;

  explicit FileMemory(int file) noexcept;  // takes the file over
  ~FileMemory() override;
  FileMemory(const FileMemory&) = delete;
  FileMemory& operator=(const FileMemory&) = delete;

  // Whole pages begin at one; what is smaller or odd shares pages with its neighbours.
  void* allocate(std::size_t bytes) noexcept override;
  // Gives its pages back to the file system if nobody else is on them.
  void deallocate(void* memory, std::size_t bytes) noexcept override;
  // Pages are given back at the end of a row, in as few calls as they have gaps. Not at all where
  // the file goes too: a file system may write each of them first.
  void begin_returns() noexcept override;
  // See begin_returns().
  void end_returns() noexcept override;
  std::error_code error() const noexcept override;

  // Bytes that are reserved on disk now.
  std::uint64_t reserved() const noexcept;

 private:
  struct Range {
    std::size_t begin = 0;  // within the extent, both
    std::size_t end = 0;
  };
  // A part of the file, mapped once and for good.
  struct Extent {
    std::byte* address = nullptr;
    std::uint64_t offset = 0;  // in the file
    std::size_t size = 0;
    std::size_t allocations = 0;
    std::vector<Range> free{};
    std::vector<bool> pages{};  // which ones are reserved
    Range returned{};           // all that was put off lies within
  };
  struct Fit {
    Extent* extent = nullptr;
    std::size_t free = 0;   // number of the range
    std::size_t begin = 0;  // where in it, aligned
  };

  Fit find(std::size_t size, std::size_t alignment) CATCHER_REQUIRES(mutex_);
  std::error_code add_extent(std::size_t size) CATCHER_REQUIRES(mutex_);
  std::error_code reserve(Extent& extent, Range range) CATCHER_REQUIRES(mutex_);
  std::error_code reserve_pages(std::uint64_t offset, std::uint64_t size) const noexcept;
  // Of what lies in `within`, all pages that `range` touches and nobody else does.
  void give_back(Extent& extent, Range range, Range within) noexcept CATCHER_REQUIRES(mutex_);
  static void take(Extent& extent, std::size_t free, Range range);

  const int file_;
  const std::size_t page_;

  mutable Mutex mutex_;  // held over calls to the file system
  std::vector<Extent> extents_ CATCHER_GUARDED_BY(mutex_);
  std::uint64_t mapped_ CATCHER_GUARDED_BY(mutex_) = 0;
  std::uint64_t reserved_ CATCHER_GUARDED_BY(mutex_) = 0;
  unsigned rows_ CATCHER_GUARDED_BY(mutex_) = 0;    // of deallocate(), not ended
  bool punches_ CATCHER_GUARDED_BY(mutex_) = true;  // the file system can
  std::error_code error_ CATCHER_GUARDED_BY(mutex_);
};

}  // namespace catcher
