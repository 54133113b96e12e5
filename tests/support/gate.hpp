// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Places where the threads of a test meet. Whoever waits longer than kPatience ends the test
// with a message that says for what: no test sleeps, and none hangs.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "core/wait.hpp"
#include "tests/support/demand.hpp"

namespace catcher::test {

// Longer than anything takes under a sanitizer on a busy machine.
inline constexpr std::chrono::seconds kPatience{30};

inline Wait patiently() {
  return Wait::at_most(kPatience);
}

// Counts passes: open() grants some, pass() takes one. As a one-shot gate it is opened once and
// looked at by wait(), which takes none. Thread: any.
class Gate {
 public:
  void open(std::uint64_t passes = 1) {
    const std::lock_guard lock(mutex_);
    passes_ += passes;
    granted_ += passes;
    changed_.notify_all();
  }

  // Waits until `passes` have been granted in all, since the beginning.
  void wait(const char* for_what, std::uint64_t passes = 1, const char* file = __builtin_FILE(),
            int line = __builtin_LINE()) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kPatience, [&] { return granted_ >= passes; })) return;
    give_up(for_what, granted_, file, line);
  }

  // Takes one pass. False: stopped, or the deadline passed.
  bool pass(const Wait& wait) {
    std::unique_lock lock(mutex_);
    const auto is_open = [&] { return passes_ > 0; };
    const Deadline patience = Clock::now() + kPatience;
    const bool passed =
        wait.deadline == kNotAtAll
            ? is_open()
            : changed_.wait_until(lock, wait.stop, std::min(wait.deadline, patience), is_open);
    if (passed) {
      --passes_;
    } else if (wait.deadline > patience && !wait.stop.stop_requested()) {
      give_up("a gate is opened, or whoever waits there is stopped", granted_);
    }
    return passed;
  }

  std::uint64_t granted() const {
    const std::lock_guard lock(mutex_);
    return granted_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::uint64_t passes_ = 0;
  std::uint64_t granted_ = 0;
};

}  // namespace catcher::test
