// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A source that reads a file descriptor: a pipe, a socket, a terminal, a regular file.
//
//   auto made = catcher::FdSource::own(catcher::OwnedFd(open("/dev/ttyS0", O_RDONLY |
//   O_CLOEXEC))); auto caught = catcher::Catcher::pull(std::move(made.source));
//
// A stop token and a deadline end a wait for bytes at once, whether or not the descriptor blocks;
// its flags are left as they are, because others may share them. Two cases cannot be interrupted: a
// read of a file from a slow disk, and one of a terminal that blocks whose bytes another
// process has taken in the same moment.
//
// An error is errno's, in the generic category; the descriptor is asked again after
// Catcher::resume(). A regular file ends where it ends now: one that still grows is not followed. A
// terminal whose other side has gone ends. Datagrams are not for this: what does not fit is lost.
//
// Thread: as Source. Costs one descriptor beside the one that is read.
#pragma once

#include <memory>
#include <system_error>

#include "../export.hpp"
#include "../source.hpp"
#include "descriptor.hpp"
#include "owned_fd.hpp"

namespace catcher {

class CATCHER_API FdSource final : public Source {
 public:
  // What own() or borrow() made.
  struct Made {
    std::unique_ptr<FdSource> source;  // or nothing, and why
    std::error_code error;             // why
  };
  // Closes `fd` when it goes.
  static Made own(OwnedFd fd);
  // Requires: `fd` stays open as long as the source lives.
  static Made borrow(int fd);
  ~FdSource() override;

  SourceResult read(std::span<std::byte> space, const Wait& wait) override;

 private:
  FdSource(int fd, OwnedFd owned, WakeFd wake, bool is_terminal) noexcept;
  static Made make(int fd, OwnedFd owned);
  long read_ready(std::span<std::byte> space) noexcept;

  const int fd_;
  const OwnedFd owned_;
  WakeFd wake_;
  const bool is_terminal_;
  bool can_not_wait_ = false;  // this kind of file knows reads that do not wait
};

}  // namespace catcher
