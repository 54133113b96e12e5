// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#pragma once

#include "../export.hpp"

namespace catcher {

// A descriptor that is closed with this. Move-only.
class CATCHER_API OwnedFd {
 public:
  OwnedFd() noexcept = default;
  explicit OwnedFd(int fd) noexcept : fd_(fd) {}  // takes it over
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  ~OwnedFd() { close(); }

  int get() const noexcept { return fd_; }                      // -1: none
  explicit operator bool() const noexcept { return fd_ >= 0; }  // whether there is one
  int release() noexcept;                                       // leaves it open, to the caller
  void close() noexcept;                                        // now

 private:
  int fd_ = -1;
};

}  // namespace catcher
