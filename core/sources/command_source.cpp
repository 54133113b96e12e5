// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "command_source.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <cstring>
#include <stop_token>
#include <utility>

#include "child_process.hpp"

namespace catcher {
namespace {

class CommandCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "command"; }
  std::string message(int value) const override {
    if (value == kEndNotKnown) return "how the command has ended is not known";
    if (WIFEXITED(value)) return "exit status " + std::to_string(WEXITSTATUS(value));
    const int number = WTERMSIG(value);
    return "signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
  }
};

// For a person to read: no shell is to take it.
std::string shown(const std::vector<std::string>& argv) {
  std::string all;
  for (const std::string& word : argv) {
    const bool plain = !word.empty() && word.find_first_of(" \t\n\"'") == std::string::npos;
    all += all.empty() ? "" : " ";
    all += plain ? word : "'" + word + "'";
  }
  return all;
}

}  // namespace

const std::error_category& command_category() noexcept {
  static const CommandCategory category;
  return category;
}

void CommandReport::note(End end) {
  Lock lock(mutex_);
  end_ = std::move(end);
}

std::optional<int> CommandReport::wait_status() const {
  Lock lock(mutex_);
  return end_ ? end_->wait_status : std::nullopt;
}

std::optional<int> CommandReport::exit_status() const {
  const std::optional<int> status = wait_status();
  if (!status || !WIFEXITED(*status)) return std::nullopt;
  return WEXITSTATUS(*status);
}

std::string CommandReport::last_words() const {
  Lock lock(mutex_);
  return end_ ? end_->last_words : std::string();
}

std::string CommandReport::text() const {
  Lock lock(mutex_);
  const std::string name = "Command \"" + command_ + "\"";
  if (!end_) return name + " has not ended.";
  std::string all = name;
  if (end_->error) {
    all += " has failed: " + end_->error.message() + ", after ";
  } else if (end_->wait_status) {
    all += " has ended after ";
  } else {
    all += " has closed its output after ";
  }
  all += std::to_string(end_->bytes) + " bytes.";
  if (end_->error.value() == kEndNotKnown) {
    all +=
        " Somebody else in this process reaps its children; let SIGCHLD have its default action, "
        "and wait for own children only.";
  }
  if (!end_->last_words.empty()) all += " The last that it wrote to stderr: " + end_->last_words;
  return all;
}

CommandSource::Made CommandSource::start(const std::vector<std::string>& argv) {
  Made made;
  const std::shared_ptr<CommandReport> report(new CommandReport(shown(argv)));
  ChildProcess::Started started = ChildProcess::start(argv);
  if (started.child == nullptr) {
    made.error = started.error;
    made.why = argv.empty() ? "A command needs a program."
                            : "Program \"" + argv[0] + "\" cannot be run: " + made.error.message();
    return made;
  }
  made.source.reset(new CommandSource(std::move(started.child), report));
  made.report = report;
  return made;
}

CommandSource::CommandSource(std::unique_ptr<ChildProcess> child,
                             std::shared_ptr<CommandReport> report) noexcept
    : child_(std::move(child)), report_(std::move(report)), pid_(child_->pid()) {}

// A stop token ends what `call` waits for.
template <class Call>
auto CommandSource::interruptible(const Wait& wait, const Call& call) {
  struct Raise {
    ChildProcess& child;
    void operator()() const noexcept { child.interrupt(true); }
  };
  struct Lowered {
    ChildProcess& child;
    ~Lowered() { child.interrupt(false); }
  };
  // In this order: no token interrupts any more when that is taken back.
  const Lowered lowered{*child_};
  const std::stop_callback raise(wait.stop, Raise{*child_});
  return call();
}

CommandSource::~CommandSource() = default;

SourceResult CommandSource::read(std::span<std::byte> space, const Wait& wait) {
  if (child_ == nullptr) return SourceResult::failure(error_);
  const ChildProcess::Output output =
      interruptible(wait, [&] { return child_->read(space, wait.deadline); });
  switch (output.kind) {
    case ChildProcess::Output::Kind::interrupted: return {0, Status::cancelled};
    case ChildProcess::Output::Kind::late: return {0, why_late(wait.deadline)};
    case ChildProcess::Output::Kind::end: return ended(wait);
    case ChildProcess::Output::Kind::bytes: break;
  }
  bytes_ += output.size;
  return SourceResult::some(output.size);
}

SourceResult CommandSource::ended(const Wait& wait) {
  if (!farewell_) farewell_ = Clock::now() + kFarewell;
  const ChildProcess::Exit exit =
      interruptible(wait, [&] { return child_->wait_exit(std::min(wait.deadline, *farewell_)); });
  if (exit == ChildProcess::Exit::interrupted) return {0, Status::cancelled};
  const bool is_silent = exit == ChildProcess::Exit::late;
  if (is_silent && Clock::now() < *farewell_) return {0, why_late(wait.deadline)};
  const std::optional<int> status = child_->exit_status();
  if (!is_silent && !status) error_ = {kEndNotKnown, command_category()};
  if (child_->has_failed()) error_ = {*status, command_category()};
  report_->note({bytes_, error_, status, child_->last_words()});
  if (!error_) return SourceResult::at_end();
  child_.reset();
  return SourceResult::failure(error_);
}

}  // namespace catcher
