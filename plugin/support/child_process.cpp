// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "child_process.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace catcher::plugin {
namespace {

constexpr std::size_t kLastWords = 2048;
// What is read at once of what nobody waits for: all that a pipe holds, by default. A program that
// writes faster than it is read does not keep this from looking at anything else.
constexpr std::size_t kAtOnce = 64 * 1024;
// How often the leader is looked at where the kernel cannot say when it ends.
constexpr std::chrono::milliseconds kLook{50};

// Between fork and exec: only what is safe there.
void become_leader(gpointer) noexcept {
  ::setpgid(0, 0);
  // Whoever started this may have blocked signals that end a program.
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

OwnedFd open_exit(GPid pid) noexcept {
#ifdef SYS_pidfd_open
  return OwnedFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
#else
  return OwnedFd();
#endif
}

void make_nonblocking(int fd) noexcept {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int milliseconds_until(Deadline deadline) noexcept {
  if (deadline == kForever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = other.release();
  }
  return *this;
}

int OwnedFd::release() noexcept {
  return std::exchange(fd_, -1);
}

void OwnedFd::close() noexcept {
  if (fd_ >= 0) ::close(release());
}

ChildProcess::Started ChildProcess::start(char** argv) {
  OwnedFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.get() < 0) return {nullptr, G_SPAWN_ERROR_FAILED, g_strerror(errno)};
  GPid pid = 0;
  gint out = -1;
  gint err = -1;
  GError* error = nullptr;
  const auto flags = static_cast<GSpawnFlags>(G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD |
                                              G_SPAWN_CLOEXEC_PIPES);
  if (!g_spawn_async_with_pipes(nullptr, argv, nullptr, flags, become_leader, nullptr, &pid,
                                nullptr, &out, &err, &error)) {
    Started failed{nullptr, error->code, error->message};
    g_error_free(error);
    return failed;
  }
  return {std::unique_ptr<ChildProcess>(
              new ChildProcess(pid, OwnedFd(out), OwnedFd(err), std::move(wake))),
          0,
          {}};
}

ChildProcess::ChildProcess(GPid pid, OwnedFd out, OwnedFd err, OwnedFd wake)
    : pid_(pid),
      out_(std::move(out)),
      err_(std::move(err)),
      exit_(open_exit(pid)),
      wake_(std::move(wake)) {
  make_nonblocking(out_.get());
  make_nonblocking(err_.get());
}

ChildProcess::~ChildProcess() {
  end();
}

void ChildProcess::interrupt(bool on) noexcept {
  eventfd_t count = 0;
  if (on) {
    ::eventfd_write(wake_.get(), 1);
  } else {
    ::eventfd_read(wake_.get(), &count);
  }
}

ChildProcess::Output ChildProcess::read(std::span<std::byte> into) {
  for (;;) {
    Deadline deadline = kForever;
    const bool due = is_end_due(deadline);
    if (due && ended_by_) signal(SIGKILL);
    const Ready ready = wait(due ? Clock::now() : deadline);
    if (ready.interrupted) return {Output::Kind::interrupted, 0};
    if (has_failed() && !ended_by_) {
      signal(SIGTERM);
      ended_by_ = Clock::now() + kGrace;
    }
    if (ready.out) {
      const ssize_t got = ::read(out_.get(), into.data(), into.size());
      if (got > 0) return {Output::Kind::bytes, static_cast<std::size_t>(got)};
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      out_.close();
    }
    // Whoever has left the group and holds the pipe is not waited for.
    if (out_.get() < 0 || (due && ready.timed_out)) return {Output::Kind::end, 0};
  }
}

// Whether a group whose leader has failed has had its time; if not, when that is.
bool ChildProcess::is_end_due(Deadline& deadline) const {
  if (!ended_by_) return false;
  deadline = *ended_by_;
  return Clock::now() >= deadline;
}

ChildProcess::Exit ChildProcess::wait_exit(std::chrono::milliseconds most) {
  const Deadline deadline = Clock::now() + most;
  while (!exited_) {
    const Ready ready = wait(deadline);
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
  char room[4096];
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

void ChildProcess::signal(int number) const noexcept {
  if (!reaped_elsewhere_) ::kill(-pid_, number);
}

void ChildProcess::end() noexcept {
  interrupt(false);
  look_at_exit();
  signal(SIGTERM);
  // Whoever of the group is left holds the pipes, as a rule.
  const Deadline deadline = Clock::now() + kGrace;
  while (!exited_ || out_.get() >= 0 || err_.get() >= 0) {
    const Ready ready = wait(deadline);
    if (ready.out) discard();
    if (ready.timed_out || Clock::now() >= deadline) break;
  }
  signal(SIGKILL);
  while (!reaped_elsewhere_ && ::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace catcher::plugin
