// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What sources and sinks on file descriptors are made of: a wait for one that a
// stop token and a deadline end.
//
// Thread: by one thread at a time, but WakeFd::raise() by any.
#pragma once

#include <system_error>

#include "../status.hpp"
#include "../wait.hpp"
#include "owned_fd.hpp"

namespace catcher {

// Readable while it is raised, so that whoever polls comes back.
class WakeFd {
 public:
  WakeFd() noexcept;  // false, with errno set, if no descriptor can be had

  explicit operator bool() const noexcept { return static_cast<bool>(event_); }
  int get() const noexcept { return event_.get(); }
  void raise() noexcept;
  void lower() noexcept;

 private:
  OwnedFd event_;
};

// For poll(2): milliseconds until then, rounded up, and no more than a minute. -1: for ever.
int milliseconds_until(Deadline deadline) noexcept;
// What a wait that is over without anything is called: would_block if it was a look.
Status why_late(Deadline deadline) noexcept;
std::error_code last_error() noexcept;  // of errno

// Whether a descriptor can be read or written now, waiting until it can. An end and an error count
// as ready: the call that follows tells.
struct [[nodiscard]] ReadyResult {
  Status status = Status::ok;  // ok, would_block, cancelled, timed_out or failed
  std::error_code error{};     // for failed
  bool hung_up = false;        // the other end has gone
};
// `events` are POLLIN or POLLOUT. EINTR is retried. `wake` is lowered when this returns.
ReadyResult wait_ready(int fd, short events, WakeFd& wake, const Wait& wait);

}  // namespace catcher
