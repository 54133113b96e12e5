// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What is left of processes that a test has started, and of descriptors that it has opened.
#pragma once

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/support/gate.hpp"

namespace catcher::test {

inline bool has_process(pid_t group) {
  return ::kill(-group, 0) == 0 || errno != ESRCH;
}

// Whoever was not this process's own child is reaped by another in its own time.
inline void wait_group_gone(pid_t group) {
  const Deadline patience = Clock::now() + kPatience;
  while (has_process(group)) {
    demand(Clock::now() < patience, "a process group ends", static_cast<std::uint64_t>(group));
    std::this_thread::yield();
  }
}

// Whether it is no child of this process, not even a dead one.
inline bool is_reaped(pid_t pid) {
  return ::waitpid(pid, nullptr, WNOHANG) == -1 && errno == ECHILD;
}

// Whether this process has a child, dead or alive.
inline bool has_children() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

// Descriptors that this process has open. Thread: while no other opens any.
inline std::set<int> descriptors() {
  std::set<int> all;
  for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) {
    all.insert(std::atoi(one.path().filename().c_str()));
  }
  // The folder's own is closed by now.
  std::erase_if(all, [](int fd) { return ::fcntl(fd, F_GETFD) < 0; });
  return all;
}

// Demands, when it goes, that no child and no descriptor is left that was not there before.
class NothingLeft {
 public:
  NothingLeft() = default;
  ~NothingLeft() {
    demand(!has_children(), "no child is left");
    const std::set<int> after = descriptors();
    demand(after == before_, "no descriptor is left open", after.size());
  }
  NothingLeft(const NothingLeft&) = delete;
  NothingLeft& operator=(const NothingLeft&) = delete;

 private:
  const std::set<int> before_ = descriptors();
};

}  // namespace catcher::test
