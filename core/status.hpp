// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The outcomes that the core reports. Nothing in the core throws across its
// boundary except std::bad_alloc while something is constructed.
//
// Thread: values, no state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

#include "export.hpp"

namespace catcher {

// One vocabulary for reads, writes, waits and settings.
enum class Status : std::uint8_t {
  ok,             // done; for a read: at least one byte, or none was asked for
  end,            // finished, and every byte has been delivered
  would_block,    // nothing is there yet, and waiting was not asked for
  evicted,        // the window has moved past the offset; see ReadResult::window
  cancelled,      // the stop token was triggered
  timed_out,      // the deadline passed
  failed,         // upstream failed after every earlier byte; see the error code
  full,           // the window may not move on and has no room
  out_of_memory,  // memory for another chunk, or room in its file, could not be had; may be tried
                  // again
  bad_argument,   // the call or setting makes no sense; nothing was changed
};

// In words, for a log. Thread: any, as all here.
CATCHER_API std::string_view to_string(Status status) noexcept;

// Failures that the core itself finds out; a source's own errors pass through as they are.
enum class Fault : std::uint8_t {
  source_threw = 1,   // Source::read threw
  source_overran,     // Source::read claims more bytes than it was given room for
  writer_gone,        // the Writer was destroyed without finish() or fail()
  transform_threw,    // Transform::transform threw
  transform_overran,  // Transform::transform claims more bytes than it was given room for
  read_dropped,       // AsyncSource::start_read() dropped what it should have told
  work_dropped,       // Config::executor dropped what it should have run
};

// The category of Fault, named "catcher".
CATCHER_API const std::error_category& fault_category() noexcept;
// Makes a Fault comparable with any std::error_code.
inline std::error_code make_error_code(Fault fault) noexcept {
  return {static_cast<int>(fault), fault_category()};
}

// What can be read of a stream now: offsets [begin, end) in bytes (or entries, for
// a rope of entries).
struct Window {
  std::uint64_t begin = 0;  // the oldest that is kept
  std::uint64_t end = 0;    // where the next will be

  friend bool operator==(const Window&, const Window&) = default;
};

// A read delivers `bytes`, and with none of them the reason why. Bytes come first:
// a read that has any is `ok`, and whatever follows is told by the next one.
struct [[nodiscard]] ReadResult {
  std::size_t bytes = 0;       // how many were read
  Status status = Status::ok;  // why there are no more; `ok` if that is not known yet
  std::error_code error{};     // set when status is `failed`
  Window window{};             // set when status is `evicted`: the window at that moment
};

// A write takes `bytes`, and says why if they are fewer than were offered.
struct [[nodiscard]] WriteResult {
  std::size_t bytes = 0;       // how many were taken
  Status status = Status::ok;  // why not all
};

}  // namespace catcher

template <>
struct std::is_error_code_enum<catcher::Fault> : std::true_type {};
