// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Compaction: what a finished stream holds moves into one piece of memory, while it is being read.
// Here are its words; compactor.hpp moves, and Catcher says when and where.
//
// Not needed to read fast: reads cost the same in any number of chunks. It is for who wants the
// whole as one span (Catcher::contiguous()), or memory without the unused end of the last chunk.
// What came in one chunk stays in it, with its unused end.
#pragma once

#include <cstdint>

namespace catcher {

// Where the copying is done. `new_thread` is a thread that the catcher owns.
enum class Compaction : std::uint8_t { none, in_place, new_thread, executor };
// How far it is.
enum class CompactionState : std::uint8_t {
  none,     // not finished, or nobody has asked for it
  pending,  // asked for, and not over
  done,     // all is in one piece
  failed,   // no memory, or nobody to do it: the stream stays as it is, and may be compacted again
};

}  // namespace catcher
