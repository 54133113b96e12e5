// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Writes what a catcher holds, or is still to get, to a file or a descriptor, straight from its
// chunks and while its stream goes on. open_saved() (saved.hpp) opens such a file again.
//
//   catcher::save(caught, from, to, "/var/lib/radio/last-hour");
//   catcher::save(caught, 0, catcher::kToEnd, "/var/lib/radio/all");  // returns at the end
//
// What of the range is there at the beginning is leased at once, all of it: that much cannot be
// lost to eviction any more, and each chunk is let go of once it is written. So a bounded window
// keeps its bound, and what it has evicted but the disk has not taken yet comes on top of it, at
// most the range. What arrives later is written as a reader reads it: a window that drops the
// oldest may overtake a slow disk (`evicted`), one that blocks waits for it.
//
// Signals that a failed write brings (SIGPIPE, SIGXFSZ) do not reach the process: it is told by the
// result.
//
// Thread: any; several may save from one catcher. Nothing of the catcher is changed, whatever comes
// of it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <system_error>

#include "catcher.hpp"
#include "export.hpp"

namespace catcher {

// For `end`: up to the end of the stream, which is waited for.
inline constexpr std::uint64_t kToEnd = std::numeric_limits<std::uint64_t>::max();

// ok, or why not all was saved:
//   end           the stream has ended before `end`, or before `begin` if that is kToEnd
//   would_block, timed_out, cancelled   before all of it was there, or written
//   evicted       a part of it is gone; see window
//   failed        upstream failed (Catcher::has_failed()), or a call to the system did
//   bad_argument  begin > end
//   out_of_memory
struct [[nodiscard]] SaveResult {
  std::uint64_t bytes = 0;     // written; those of a file count only with ok
  Status status = Status::ok;  // as above
  std::error_code error{};     // for failed
  Window window{};             // for evicted
};

// [begin, end) becomes the file's whole content, or nothing happens: it is written to another
// file in the same folder (".catcher-" and a number), synced, and renamed. A file or link that has
// this name is replaced, and who has it open keeps the old one. Its mode is 0666 without the umask.
// A process that is killed meanwhile leaves that other file behind.
// At last the folder is synced. If only that fails (`failed`), the file is whole and has its place,
// which a loss of power may take back.
CATCHER_API SaveResult save(const std::shared_ptr<Catcher>& catcher, std::uint64_t begin,
                            std::uint64_t end, const std::string& path, const Wait& wait = {});

// Appends [begin, end) to a descriptor, which need not be a file and may block: `wait` ends that
// too, but for what only a slow disk holds up. What was written before a failure stays written.
// Requires: nobody else changes its flags meanwhile.
CATCHER_API SaveResult save(const std::shared_ptr<Catcher>& catcher, std::uint64_t begin,
                            std::uint64_t end, int fd, const Wait& wait = {});

}  // namespace catcher
