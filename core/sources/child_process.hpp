// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A program that was started without a shell, in a process group of its own, with nothing to read:
// what it writes, the last of what it complains about, and how it ended. Its end takes the group
// with it.
//
// Invariants:
//   I1  The leader is not reaped before its group has been ended, so that no signal can reach a
//       group of others that was given the same number.
// Thread: one at a time, but interrupt() by any.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "../wait.hpp"
#include "descriptor.hpp"

namespace catcher {

class ChildProcess {
 public:
  // How long the group has between being asked to end and being made to.
  static constexpr std::chrono::seconds kGrace{1};

  struct Started {
    std::unique_ptr<ChildProcess> child;  // or nothing, and why
    std::error_code error;
  };
  // The first of `argv` is looked for in PATH. The program gets this process's environment and
  // folder, the default action for every signal and none of them blocked, and no descriptor but
  // its own three.
  static Started start(const std::vector<std::string>& argv);

  // Ends the group: SIGTERM, then SIGKILL for what is left after kGrace. Then the pipes are closed,
  // so that also a leader that may not be signalled (it has become another user) ends when it
  // writes. One that has not ended kGrace later is left alone: it is reaped when the next child is
  // started or ended here, or by the system once this process has gone. So this waits for at most
  // twice kGrace.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  struct Output {
    enum class Kind : std::uint8_t { bytes, end, interrupted, late };
    Kind kind = Kind::end;
    std::size_t size = 0;
  };
  // Waits for what it writes. It ends when nobody has its stdout any more; if the leader has
  // failed, the rest of the group is ended first, and then comes no more than is in the pipe.
  Output read(std::span<std::byte> into, Deadline latest = kForever);
  // Waits for the leader's end, which it is asked for by nobody.
  enum class Exit : std::uint8_t { exited, late, interrupted };
  Exit wait_exit(Deadline latest);

  // While true, whoever waits comes back. Thread: any.
  void interrupt(bool on) noexcept;

  // As from waitpid(). Nothing: it runs, or somebody else has reaped it.
  std::optional<int> exit_status() const noexcept { return status_; }
  bool has_failed() const noexcept { return status_ && *status_ != 0; }
  pid_t pid() const noexcept { return pid_; }
  // What it wrote to stderr last.
  const std::string& last_words() const noexcept { return last_words_; }

 private:
  ChildProcess();

  struct Ready {
    bool out = false, interrupted = false, timed_out = false;
  };
  Ready wait(Deadline deadline);
  bool is_end_due(Deadline& deadline) const;
  void make_end() noexcept;
  void look_at_exit() noexcept;
  void hear() noexcept;
  void discard() noexcept;
  void signal(int number) noexcept;
  void end() noexcept;

  pid_t pid_ = 0;  // 0: never started
  OwnedFd out_, err_;
  OwnedFd exit_;  // readable once the leader has ended, where the kernel can say so
  WakeFd wake_;
  bool exited_ = false;
  bool reaped_elsewhere_ = false;
  std::optional<int> status_;
  std::optional<Deadline> ended_by_;  // the group was asked to end, and is made to then
  std::optional<std::size_t> rest_;   // bytes that were in the pipe when it was made to end
  std::string last_words_;
  std::list<pid_t> place_{0};  // one element, for a leader that has to be left
};

}  // namespace catcher
