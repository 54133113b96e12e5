// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "descriptor.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <stop_token>

namespace catcher {

WakeFd::WakeFd() noexcept : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void WakeFd::raise() noexcept {
  ::eventfd_write(event_.get(), 1);
}

void WakeFd::lower() noexcept {
  eventfd_t count = 0;
  ::eventfd_read(event_.get(), &count);
}

int milliseconds_until(Deadline deadline) noexcept {
  if (deadline == kForever) return -1;
  if (deadline == kNotAtAll) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

Status why_late(Deadline deadline) noexcept {
  return deadline == kNotAtAll ? Status::would_block : Status::timed_out;
}

std::error_code last_error() noexcept {
  return {errno, std::generic_category()};
}

ReadyResult wait_ready(int fd, short events, WakeFd& wake, const Wait& wait) {
  struct Raise {
    WakeFd& wake;
    void operator()() const noexcept { wake.raise(); }
  };
  struct Lowered {
    WakeFd& wake;
    ~Lowered() { wake.lower(); }
  };
  // In this order: no token raises it any more when it is lowered.
  const Lowered lowered{wake};
  const std::stop_callback raise(wait.stop, Raise{wake});
  for (;;) {
    pollfd fds[] = {{fd, events, 0}, {wake.get(), POLLIN, 0}};
    const int count = ::poll(fds, std::size(fds), milliseconds_until(wait.deadline));
    if (count < 0 && errno != EINTR) return {Status::failed, last_error()};
    if (wait.stop.stop_requested()) return {Status::cancelled};
    if (count > 0 && (fds[0].revents & POLLNVAL) != 0) {
      return {Status::failed, std::make_error_code(std::errc::bad_file_descriptor)};
    }
    if (count > 0 && fds[0].revents != 0) {
      return {Status::ok, {}, (fds[0].revents & POLLHUP) != 0};
    }
    if (wait.deadline != kForever && Clock::now() >= wait.deadline) {
      return {why_late(wait.deadline)};
    }
  }
}

}  // namespace catcher
