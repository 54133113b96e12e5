// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a reader shows of itself to the writer: its position, on a cache line of its own.
// The registry walks cursors once a chunk, when it must know the slowest reader.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "atomic.hpp"

namespace catcher {

struct alignas(kCacheLine) Cursor {
  // Written by its reader on every read, looked at by the writer. Relaxed: the writer decides
  // by it which chunk may go, and pins, not this, keep memory alive. That a sleeping writer
  // sees the last one is the event count's doing.
  std::atomic<std::uint64_t> position{0};
  // Whether a writer that waits when full waits for this reader.
  std::atomic<bool> holds_back{true};
};

}  // namespace catcher
