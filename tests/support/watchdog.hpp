// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Ends the process when one of its threads does not come back from something that it does. It says
// first what each of them does, and prints the stack of every thread of the process.
#pragma once

#include <dirent.h>
#include <execinfo.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/demand.hpp"

namespace catcher::test {

// To standard error; addr2line makes lines of them.
inline void print_all_stacks() {
  static std::atomic<bool> printed{false};
  std::signal(SIGUSR2, [](int) {
    void* frames[64];
    const int count = ::backtrace(frames, 64);
    char head[64];
    const int size =
        std::snprintf(head, sizeof head, "thread %ld:\n", static_cast<long>(::syscall(SYS_gettid)));
    [[maybe_unused]] const ssize_t written =
        ::write(STDERR_FILENO, head, static_cast<std::size_t>(size));
    ::backtrace_symbols_fd(frames, count, STDERR_FILENO);
    printed = true;
  });
  DIR* tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return;
  while (const dirent* entry = ::readdir(tasks)) {
    const long thread = std::strtol(entry->d_name, nullptr, 10);
    if (thread == 0) continue;
    printed = false;
    ::syscall(SYS_tgkill, ::getpid(), thread, SIGUSR2);
    // One after the other. Some may never take the signal.
    for (int tries = 0; tries < 200 && !printed; ++tries) ::usleep(1000);
  }
  ::closedir(tasks);
}

class Watchdog {
 public:
  using Time = std::chrono::steady_clock;

  // Nobody does one thing for longer than `patience`.
  explicit Watchdog(std::chrono::seconds patience)
      : patience_(patience), thread_([this](const std::stop_token& stop) { watch(stop); }) {}
  ~Watchdog() {
    thread_.request_stop();
    changed_.notify_all();
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // One thread that is watched, while this lives. Thread: its own.
  class Watched {
   public:
    Watched(Watchdog& dog, std::string name) : dog_(dog), name_(std::move(name)) {
      const std::lock_guard lock(dog_.mutex_);
      dog_.watched_.push_back(this);
    }
    ~Watched() {
      const std::lock_guard lock(dog_.mutex_);
      std::erase(dog_.watched_, this);
    }
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;

    // From now on it does this, with a text that stays.
    void does(const char* what) {
      what_.store(what, std::memory_order::relaxed);
      since_.store(Time::now().time_since_epoch().count(), std::memory_order::relaxed);
      ++deeds_;
    }
    std::uint64_t deeds() const { return deeds_; }

   private:
    friend class Watchdog;
    Watchdog& dog_;
    const std::string name_;
    std::atomic<const char*> what_{"begins"};
    std::atomic<Time::rep> since_{Time::now().time_since_epoch().count()};
    std::uint64_t deeds_ = 0;
  };

  // Says what each thread does, and ends the process. Thread: any.
  [[noreturn]] void bark(const char* why) {
    {
      const std::lock_guard lock(mutex_);
      std::fprintf(stderr, "%s\n", why);
      for (const Watched* one : watched_) {
        std::fprintf(stderr, "  %s: %s, for %.1f s\n", one->name_.c_str(),
                     one->what_.load(std::memory_order::relaxed), seconds_of(*one));
      }
    }
    print_all_stacks();
    std::abort();
  }

 private:
  static double seconds_of(const Watched& one) {
    const Time::time_point since{Time::duration(one.since_.load(std::memory_order::relaxed))};
    return std::chrono::duration<double>(Time::now() - since).count();
  }

  void watch(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      changed_.wait_for(lock, std::chrono::milliseconds(500));
      for (const Watched* one : watched_) {
        if (seconds_of(*one) < static_cast<double>(patience_.count())) continue;
        lock.unlock();
        bark("A thread hangs:");
      }
    }
  }

  const std::chrono::seconds patience_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<const Watched*> watched_;
  std::jthread thread_;
};

}  // namespace catcher::test
