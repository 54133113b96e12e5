// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Says when a thread of this process sleeps in the kernel, where nothing it calls can tell.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "tests/support/gate.hpp"

namespace catcher::test {

class Parked {
 public:
  // By the thread in question, before the call in which it is to sleep.
  void enter() { thread_ = static_cast<long>(::syscall(SYS_gettid)); }

  // By another: returns once that thread sleeps.
  void wait(const char* for_what) const {
    const Deadline patience = Clock::now() + kPatience;
    while (thread_ == 0 || !sleeps()) {
      demand(Clock::now() < patience, for_what);
      std::this_thread::yield();
    }
  }

 private:
  bool sleeps() const {
    std::ifstream file("/proc/self/task/" + std::to_string(thread_) + "/stat");
    std::string text;
    std::getline(file, text);
    // The state follows the name, which stands in parentheses.
    const std::size_t name_end = text.rfind(')');
    return name_end != std::string::npos && text.compare(name_end, 4, ") S ", 4) == 0;
  }

  std::atomic<long> thread_{0};
};

}  // namespace catcher::test
