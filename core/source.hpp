// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Where bytes come from when readers pull. One call is made at a time, by whichever
// reader has run out of bytes; the others sleep.
#pragma once

#include <cstddef>
#include <span>
#include <system_error>

#include "export.hpp"
#include "status.hpp"
#include "wait.hpp"

namespace catcher {

// `bytes` were written at the front of the space. They count whatever the status says, so
// the last bytes may come together with the end, or with the error that follows them.
struct [[nodiscard]] SourceResult {
  std::size_t bytes = 0;       // at most the size of the space
  Status status = Status::ok;  // ok, end, would_block, cancelled, timed_out or failed
  std::error_code error{};     // for failed

  // More may come.
  static SourceResult some(std::size_t bytes) { return {bytes, Status::ok, {}}; }
  // Nothing comes after these bytes.
  static SourceResult at_end(std::size_t bytes = 0) { return {bytes, Status::end, {}}; }
  // Readers get `error` after these bytes. Asked again only after Catcher::resume().
  static SourceResult failure(std::error_code error, std::size_t bytes = 0) {
    return {bytes, Status::failed, error};
  }
};

class CATCHER_API Source {
 public:
  virtual ~Source() = default;

  // Waits until there is at least one byte, the end or an error, and takes what there is;
  // never waits for the space to be full. Returns `cancelled` soon after wait.stop is
  // triggered and `timed_out` after wait.deadline, both without losing a byte: whoever
  // asks next goes on from there. An interruption that says nothing about the stream (EINTR)
  // is retried inside, or returned as ok with no bytes: it is then asked again.
  // A source that throws counts as failed.
  // Thread: any, one at a time. Requires: space is not empty.
  virtual SourceResult read(std::span<std::byte> space, const Wait& wait) = 0;
};

}  // namespace catcher
