// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A source of what a program prints: started without a shell, with nothing to read.
//
//   auto made = catcher::CommandSource::start({"sox", "-n", "-t", "raw", "-", "synth", "9"});
//   auto caught = catcher::Catcher::pull(std::move(made.source));
//   ...
//   if (caught.catcher->has_failed()) puts(made.report->text().c_str());
//
// A program that exits with 0 ends the stream, once nobody has its stdout any more: also what it
// has left running. Any other end fails the stream after every byte that came before, with an error
// of command_category(), and then what it has left running in its process group is ended first;
// a daemon that goes on writing is cut off there.
// What it writes to stderr is read all the time; the last 2 KiB are kept for the report.
//
// When the source goes, the group goes with it: SIGTERM, and SIGKILL a second later for what is
// left. That waits; no process of the group and no zombie stays. What has left the group (a daemon)
// lives on, and is not waited for longer than that second. A program that may not be signalled,
// because it has become another user, is waited for one second more, with nobody reading what it
// writes; if it still goes on, it is left, and reaped when another command is started or goes.
// Somebody else in this process who reaps all children (waitpid(-1), or SIGCHLD ignored) takes the
// exit status away: the stream fails then.
//
// Thread: as Source; a CommandReport by any.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "../export.hpp"
#include "../mutex.hpp"
#include "../source.hpp"

namespace catcher {

class ChildProcess;

// Values are wait statuses, as waitpid() gives them, or kEndNotKnown.
CATCHER_API const std::error_category& command_category() noexcept;
inline constexpr int kEndNotKnown = -1;  // nobody could tell how it ended

// What became of a command; outlives its source.
class CATCHER_API CommandReport {
 public:
  // Its words, for a person to read.
  const std::string& command() const noexcept { return command_; }
  // As from waitpid(). Nothing: it has not ended, or how is not known.
  std::optional<int> wait_status() const;
  // The exit status, if it has exited.
  std::optional<int> exit_status() const;
  // The last that it wrote to stderr, once it has ended.
  std::string last_words() const;
  // A few sentences: which command, how it ended, after how many bytes, its last words.
  std::string text() const;

 private:
  friend class CommandSource;
  struct End {
    std::uint64_t bytes = 0;
    std::error_code error{};
    std::optional<int> wait_status{};
    std::string last_words{};
  };

  explicit CommandReport(std::string command) : command_(std::move(command)) {}
  void note(End end);

  const std::string command_;
  mutable Mutex mutex_;
  std::optional<End> end_ CATCHER_GUARDED_BY(mutex_);
};

class CATCHER_API CommandSource final : public Source {
 public:
  // How long a program that has closed its stdout may take to say how it ended; after that its
  // stream has just ended.
  static constexpr std::chrono::seconds kFarewell{5};
  // What start() made.
  struct Made {
    std::unique_ptr<CommandSource> source;        // or nothing, and why
    std::shared_ptr<const CommandReport> report;  // beside a source
    std::error_code error;                        // of the start
    std::string why;                              // names the program
  };
  // The first of `argv` is looked for in PATH.
  static Made start(const std::vector<std::string>& argv);
  ~CommandSource() override;

  // After the end or a failure it says the same again: a program is not started twice.
  SourceResult read(std::span<std::byte> space, const Wait& wait) override;

  pid_t pid() const noexcept { return pid_; }  // of its process group too

 private:
  CommandSource(std::unique_ptr<ChildProcess> child,
                std::shared_ptr<CommandReport> report) noexcept;
  template <class Call>
  auto interruptible(const Wait& wait, const Call& call);
  SourceResult ended(const Wait& wait);

  std::unique_ptr<ChildProcess> child_;  // nothing once it has failed
  const std::shared_ptr<CommandReport> report_;
  const pid_t pid_;
  std::uint64_t bytes_ = 0;
  std::optional<Deadline> farewell_;
  std::error_code error_;
};

}  // namespace catcher
