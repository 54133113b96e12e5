// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// An assertion that ends the process with a message, on any thread and in any kind of test.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace catcher::test {

[[noreturn]] inline void give_up(const char* what, std::uint64_t figure = 0,
                                 const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  std::fprintf(stderr, "%s:%d: not so: %s (%" PRIu64 ")\n", file, line, what, figure);
  std::abort();
}

// `figure` is printed with the message: an offset, a count, a seed.
inline void demand(bool fact, const char* what, std::uint64_t figure = 0,
                   const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (!fact) give_up(what, figure, file, line);
}

}  // namespace catcher::test
