// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <new>
#include <utility>

#include "../mutex.hpp"

namespace catcher {
namespace {

constexpr std::size_t kLastWords = 2048;
constexpr std::size_t kHeardAtOnce = 4096;
// What is read at once of what nobody waits for: all that a pipe holds, by default. A program that
// writes faster than it is read does not keep this from looking at anything else.
constexpr std::size_t kAtOnce = 64 * 1024;
// How often the leader is looked at where the kernel cannot say when it ends.
constexpr std::chrono::milliseconds kLook{50};

OwnedFd open_exit(pid_t pid) noexcept {
#ifdef SYS_pidfd_open
  return OwnedFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
#else
  return OwnedFd();
#endif
}

void make_nonblocking(int fd) noexcept {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

struct Pipe {
  OwnedFd reader, writer;
};

// Both ends go with the next exec, also if another thread forks in this moment.
std::error_code make_pipe(Pipe& pipe) noexcept {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return last_error();
  pipe = {OwnedFd(ends[0]), OwnedFd(ends[1])};
  return {};
}

// What becomes of the new process between fork and exec.
class SpawnPlan {
 public:
  SpawnPlan() noexcept {
    take(::posix_spawn_file_actions_init(&actions_));
    take(::posix_spawnattr_init(&attributes_));
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  void lead_group_with_default_signals() noexcept {
    // Whoever started this may have blocked or ignored signals that end a program.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    take(::posix_spawnattr_setsigmask(&attributes_, &none));
    take(::posix_spawnattr_setsigdefault(&attributes_, &all));
    take(::posix_spawnattr_setpgroup(&attributes_, 0));
    take(::posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }

  // Requires: neither is one of the first three itself.
  void connect(int out, int err) noexcept {
    take(::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    take(::posix_spawn_file_actions_adddup2(&actions_, out, STDOUT_FILENO));
    take(::posix_spawn_file_actions_adddup2(&actions_, err, STDERR_FILENO));
#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
    take(::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));
#endif
#endif
  }

  // Leaves `pid` alone unless there is a process.
  std::error_code run(pid_t& pid, const std::vector<std::string>& argv) {
    if (argv.empty()) return std::make_error_code(std::errc::invalid_argument);
    std::vector<char*> words;
    words.reserve(argv.size() + 1);
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    pid_t made = 0;
    if (error_ == 0) {
      take(::posix_spawnp(&made, words[0], &actions_, &attributes_, words.data(), environ));
    }
    if (error_ == 0) pid = made;
    return {error_, std::generic_category()};
  }

 private:
  void take(int error) noexcept {
    if (error_ == 0) error_ = error;
  }

  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
  int error_ = 0;
};

// Out of the way of the first three, which a process may have closed.
std::error_code raise_above_standard(OwnedFd& fd) noexcept {
  if (fd.get() > STDERR_FILENO) return {};
  const int raised = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
  if (raised < 0) return last_error();
  fd = OwnedFd(raised);
  return {};
}

// Children that could not be made to end, until they have ended by themselves.
class Left {
 public:
  // Never destroyed: a source in a static variable may go later than anything here.
  static Left& all() {
    alignas(Left) static std::byte room[sizeof(Left)];
    static Left& only = *new (room) Left;
    return only;
  }

  // `one` has one element, so that nothing is allocated here.
  void add(std::list<pid_t>& one) noexcept {
    Lock lock(mutex_);
    pids_.splice(pids_.end(), one);
  }
  void reap() noexcept {
    Lock lock(mutex_);
    pids_.remove_if([](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
  }

 private:
  Mutex mutex_;
  std::list<pid_t> pids_ CATCHER_GUARDED_BY(mutex_);
};

}  // namespace

ChildProcess::Started ChildProcess::start(const std::vector<std::string>& argv) {
  // Before there is a new one, which might get the number of one that somebody else has reaped.
  Left::all().reap();
  // All that may throw comes before there is a process.
  std::unique_ptr<ChildProcess> child(new ChildProcess);
  if (!child->wake_) return {nullptr, last_error()};
  Pipe out;
  Pipe err;
  for (Pipe* pipe : {&out, &err}) {
    std::error_code error = make_pipe(*pipe);
    if (!error) error = raise_above_standard(pipe->writer);
    if (error) return {nullptr, error};
    make_nonblocking(pipe->reader.get());
  }
  SpawnPlan plan;
  plan.lead_group_with_default_signals();
  plan.connect(out.writer.get(), err.writer.get());
  const std::error_code error = plan.run(child->pid_, argv);
  if (error) return {nullptr, error};
  child->out_ = std::move(out.reader);
  child->err_ = std::move(err.reader);
  child->exit_ = open_exit(child->pid_);
  return {std::move(child), {}};
}

ChildProcess::ChildProcess() {
  last_words_.reserve(kLastWords + kHeardAtOnce);
}

ChildProcess::~ChildProcess() {
  if (pid_ != 0) end();
}

void ChildProcess::interrupt(bool on) noexcept {
  if (on) {
    wake_.raise();
  } else {
    wake_.lower();
  }
}

ChildProcess::Output ChildProcess::read(std::span<std::byte> into, Deadline latest) {
  while (out_) {
    Deadline deadline = kForever;
    const bool due = is_end_due(deadline);
    if (due) make_end();
    if (rest_ && *rest_ == 0) break;  // whoever has left the group and writes is not waited for
    const Ready ready = wait(due ? kNotAtAll : std::min(deadline, latest));
    if (ready.interrupted) return {Output::Kind::interrupted, 0};
    if (has_failed() && !ended_by_) {
      signal(SIGTERM);
      ended_by_ = Clock::now() + kGrace;
    }
    if (ready.out) {
      const std::size_t room = std::min(into.size(), rest_.value_or(into.size()));
      const ssize_t got = ::read(out_.get(), into.data(), room);
      if (got > 0) {
        if (rest_) *rest_ -= static_cast<std::size_t>(got);
        return {Output::Kind::bytes, static_cast<std::size_t>(got)};
      }
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      out_.close();
    } else if (due && ready.timed_out) {
      break;  // whoever has left the group and holds the pipe is not waited for
    } else if (ready.timed_out && Clock::now() >= latest) {
      return {Output::Kind::late, 0};
    }
  }
  return {Output::Kind::end, 0};
}

// Whether a group whose leader has failed has had its time; if not, when that is.
bool ChildProcess::is_end_due(Deadline& deadline) const {
  if (!ended_by_) return false;
  deadline = *ended_by_;
  return Clock::now() >= deadline;
}

// What is in the pipe by then is still read, and nothing that comes later.
void ChildProcess::make_end() noexcept {
  if (rest_) return;
  signal(SIGKILL);
  int level = 0;
  rest_ = ::ioctl(out_.get(), FIONREAD, &level) == 0 ? static_cast<std::size_t>(level) : 0;
}

ChildProcess::Exit ChildProcess::wait_exit(Deadline latest) {
  while (!exited_) {
    const Ready ready = wait(latest);
    if (ready.interrupted) return Exit::interrupted;
    if (ready.out) discard();
    if (!exited_ && ready.timed_out) return Exit::late;
  }
  hear();  // what it wrote last may not have been looked at
  return Exit::exited;
}

// Until something is there or time is up. What comes of stderr and of the leader's end is dealt
// with here.
ChildProcess::Ready ChildProcess::wait(Deadline deadline) {
  const bool looks = !exited_ && exit_.get() < 0;
  const Deadline wake_up = looks ? std::min<Deadline>(deadline, Clock::now() + kLook) : deadline;
  pollfd fds[] = {{out_.get(), POLLIN, 0},
                  {err_.get(), POLLIN, 0},
                  {wake_.get(), POLLIN, 0},
                  {exited_ ? -1 : exit_.get(), POLLIN, 0}};
  const int count = ::poll(fds, std::size(fds), milliseconds_until(wake_up));
  Ready ready;
  if (count < 0) return ready;  // EINTR
  ready.timed_out = deadline != kForever && Clock::now() >= deadline;
  if (fds[1].revents != 0) hear();
  if (fds[3].revents != 0 || looks) look_at_exit();
  ready.out = fds[0].revents != 0;
  ready.interrupted = fds[2].revents != 0;
  return ready;
}

// Leaves the leader to be reaped, so that its number stays its own.
void ChildProcess::look_at_exit() noexcept {
  siginfo_t info{};
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
    if (errno != ECHILD) return;
    exited_ = reaped_elsewhere_ = true;
    return;
  }
  if (info.si_pid == 0) return;
  exited_ = true;
  status_ = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8 : info.si_status & 0x7f;
}

void ChildProcess::hear() noexcept {
  char room[kHeardAtOnce];
  for (std::size_t heard = 0; err_.get() >= 0 && heard < kAtOnce;) {
    const ssize_t got = ::read(err_.get(), room, sizeof room);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return err_.close();
    heard += static_cast<std::size_t>(got);
    last_words_.append(room, static_cast<std::size_t>(got));
    if (last_words_.size() > kLastWords) last_words_.erase(0, last_words_.size() - kLastWords);
  }
}

void ChildProcess::discard() noexcept {
  char room[4096];
  for (std::size_t gone = 0; gone < kAtOnce;) {
    const ssize_t got = ::read(out_.get(), room, sizeof room);
    if (got > 0) gone += static_cast<std::size_t>(got);
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    if (got == 0 || errno != EAGAIN) out_.close();
    return;
  }
}

void ChildProcess::signal(int number) noexcept {
  look_at_exit();  // somebody may have reaped it meanwhile
  if (reaped_elsewhere_) return;
  ::kill(-pid_, number);
  ::kill(pid_, number);  // it may have left its group
}

void ChildProcess::end() noexcept {
  interrupt(false);
  signal(SIGTERM);
  // Whoever of the group is left holds the pipes, as a rule.
  const Deadline deadline = Clock::now() + kGrace;
  while (!exited_ || out_.get() >= 0 || err_.get() >= 0) {
    const Ready ready = wait(deadline);
    if (ready.out) discard();
    if (ready.timed_out || Clock::now() >= deadline) break;
  }
  signal(SIGKILL);
  // Who may not be signalled, and writes, learns by this that nobody reads.
  out_.close();
  err_.close();
  const Deadline last = Clock::now() + kGrace;
  while (!exited_ && Clock::now() < last) wait(last);
  if (!exited_) {
    place_.front() = pid_;
    Left::all().add(place_);
  }
  while (exited_ && !reaped_elsewhere_ && ::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  Left::all().reap();
}

}  // namespace catcher
