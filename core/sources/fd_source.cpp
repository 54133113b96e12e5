// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "fd_source.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace catcher {

FdSource::Made FdSource::own(OwnedFd fd) {
  const int number = fd.get();
  return make(number, std::move(fd));
}

FdSource::Made FdSource::borrow(int fd) {
  return make(fd, {});
}

FdSource::Made FdSource::make(int fd, OwnedFd owned) {
  const int flags = ::fcntl(fd, F_GETFL);
  struct stat status {};
  if (flags < 0 || ::fstat(fd, &status) != 0) return {nullptr, last_error()};
  if ((flags & O_ACCMODE) == O_WRONLY) {
    return {nullptr, std::make_error_code(std::errc::bad_file_descriptor)};
  }
  if (S_ISDIR(status.st_mode)) return {nullptr, std::make_error_code(std::errc::is_a_directory)};
  WakeFd wake;
  if (!wake) return {nullptr, last_error()};
  std::unique_ptr<FdSource> source(
      new FdSource(fd, std::move(owned), std::move(wake), ::isatty(fd) == 1));
  // What has a disk behind it would say for ever that it waits for that.
  source->can_not_wait_ = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
  return {std::move(source), {}};
}

FdSource::FdSource(int fd, OwnedFd owned, WakeFd wake, bool is_terminal) noexcept
    : fd_(fd), owned_(std::move(owned)), wake_(std::move(wake)), is_terminal_(is_terminal) {}

FdSource::~FdSource() = default;

SourceResult FdSource::read(std::span<std::byte> space, const Wait& wait) {
  for (;;) {
    const ReadyResult ready = wait_ready(fd_, POLLIN, wake_, wait);
    if (ready.status != Status::ok) return {0, ready.status, ready.error};
    const long got = read_ready(space);
    if (got > 0) return SourceResult::some(static_cast<std::size_t>(got));
    if (got == 0) return SourceResult::at_end();
    if (errno == EINTR) continue;
    // Another process was quicker.
    if (errno == EAGAIN || errno == EWOULDBLOCK) continue;
    if (errno == EIO && is_terminal_ && ready.hung_up) return SourceResult::at_end();
    return SourceResult::failure(last_error());
  }
}

// Without waiting, where that can be said to a file whose flags are not touched.
long FdSource::read_ready(std::span<std::byte> space) noexcept {
#ifdef RWF_NOWAIT
  if (can_not_wait_) {
    const iovec into{space.data(), space.size()};
    const ssize_t got = ::preadv2(fd_, &into, 1, -1, RWF_NOWAIT);
    if (got >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) return got;
    can_not_wait_ = false;
  }
#endif
  return ::read(fd_, space.data(), space.size());
}

}  // namespace catcher
