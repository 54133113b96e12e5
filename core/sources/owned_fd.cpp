// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "owned_fd.hpp"

#include <unistd.h>

#include <utility>

namespace catcher {

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

int OwnedFd::release() noexcept {
  return std::exchange(fd_, -1);
}

void OwnedFd::close() noexcept {
  if (fd_ >= 0) ::close(release());
}

}  // namespace catcher
