// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Settings of a rope and of a catcher. They are checked once, by validate(), before
// anything is made; the rest of the core relies on what it has let through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "chunk_memory.hpp"
#include "compaction.hpp"
#include "export.hpp"
#include "status.hpp"

namespace catcher {

// How the size of chunks develops, in elements (bytes for a catcher).
//   constant   every chunk is `first`
//   linear     first, 2*first, 3*first, ... up to max
//   geometric  first, 2*first, 4*first, ... up to max
struct CATCHER_API Growth {
  // What a chunk's size is made of.
  enum class Kind : std::uint8_t { constant, linear, geometric };

  Kind kind = Kind::geometric;      // which of them
  std::uint64_t first = 16 * 1024;  // size of the first chunk, 1 or more
  std::uint64_t max = 256 * 1024;   // size of the largest, no less than the first

  // Chunks of one size.
  static Growth constant(std::uint64_t size) { return {Kind::constant, size, size}; }
  // Each larger than the one before by the first one.
  static Growth linear(std::uint64_t first, std::uint64_t max) {
    return {Kind::linear, first, max};
  }
  // Each twice as large as the one before.
  static Growth geometric(std::uint64_t first, std::uint64_t max) {
    return {Kind::geometric, first, max};
  }

  // Size of the chunk after one of `previous` elements; `first` when previous is 0.
  std::uint64_t next(std::uint64_t previous) const noexcept;
};

// What to do when max_bytes are kept and more arrive.
enum class WhenFull : std::uint8_t {
  evict,  // drop the oldest chunk
  block,  // the writer waits until the slowest reader that holds back has left the oldest chunk;
          // with no such reader (none yet, or none any more) nobody has had it, so it waits too
};

// Settings of a rope, in elements.
struct CATCHER_API RopeConfig {
  // Of chunks.
  Growth growth{};
  std::uint64_t length_hint = 0;  // size of the first chunk if not 0; no step of growth
  std::uint64_t max_size = 0;     // bound on what the rope owns; 0 = unlimited
  // A chunk never exceeds this part of max_size, so that a window never loses more at a time.
  static constexpr std::uint64_t kChunksPerWindow = 64;

  // Size of the chunk that growth puts after one of `previous` elements, bound by the window.
  std::uint64_t chunk_size(std::uint64_t previous) const noexcept {
    return bounded(growth.next(previous));
  }
  // Size of the first chunk if there is a hint, bound by the window.
  std::uint64_t hinted_size() const noexcept { return bounded(length_hint); }
  // `size`, or what the window allows of it.
  std::uint64_t bounded(std::uint64_t size) const noexcept;
};

// Runs what it is given once, later or on another thread: inside the call nothing has to happen,
// and what is given may block. It may throw, and then it has run nothing.
using Executor = std::function<void(std::function<void()>)>;

// Settings of a catcher, in bytes.
struct CATCHER_API Config {
  // Of chunks, in bytes.
  Growth growth{};
  std::uint64_t length_hint = 0;  // the stream's length if known: sizes the first chunk
  std::uint64_t max_bytes = 0;    // 0 = unlimited
  // What to do when that is reached.
  WhenFull when_full = WhenFull::evict;
  // A source is asked for this much at least, or for what the chunk in hand still holds: the
  // chunks of a pulled catcher are no smaller, as far as max_bytes allows.
  std::size_t read_burst = 4 * 1024;
  // Where chunks are; nothing: on the heap. After `out_of_memory` its error() says why.
  std::shared_ptr<ChunkMemory> memory{};
  // Where work that may block is run, such as reads of a Source for readers that do not wait, or
  // compaction; nothing: such work is refused. Thread: called by any. Outlives the catcher.
  Executor executor{};
  // What is done when the stream has finished (Catcher::compact()).
  Compaction compaction = Compaction::none;

  // Status::bad_argument names in `why` the setting and what to change. Thread: any.
  [[nodiscard]] Status validate(std::string* why = nullptr) const;
  // What these mean for the rope of a catcher that is pushed into, and of one that pulls.
  RopeConfig pushed_rope() const noexcept { return {growth, length_hint, max_bytes}; }
  // See above.
  RopeConfig pulled_rope() const noexcept;
};

}  // namespace catcher
