// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A mutex whose guards clang can check (-Wthread-safety). The only file that names
// std::mutex. Used on slow paths: no reader behind the edge takes one.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define CATCHER_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define CATCHER_THREAD_ATTRIBUTE(x)
#endif

#define CATCHER_CAPABILITY(x) CATCHER_THREAD_ATTRIBUTE(capability(x))
#define CATCHER_SCOPED_CAPABILITY CATCHER_THREAD_ATTRIBUTE(scoped_lockable)
#define CATCHER_GUARDED_BY(x) CATCHER_THREAD_ATTRIBUTE(guarded_by(x))
#define CATCHER_REQUIRES(...) CATCHER_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define CATCHER_EXCLUDES(...) CATCHER_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define CATCHER_ACQUIRE(...) CATCHER_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define CATCHER_RELEASE(...) CATCHER_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define CATCHER_NO_THREAD_ANALYSIS CATCHER_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace catcher {

class CATCHER_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void lock() CATCHER_ACQUIRE() { mutex_.lock(); }
  void unlock() CATCHER_RELEASE() { mutex_.unlock(); }

 private:
  friend class Lock;
  std::mutex mutex_;
};

// Holds a Mutex for a scope; may be let go of and taken again inside it.
class CATCHER_SCOPED_CAPABILITY Lock {
 public:
  explicit Lock(Mutex& mutex) CATCHER_ACQUIRE(mutex) : lock_(mutex.mutex_) {}
  ~Lock() CATCHER_RELEASE() {}
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock() CATCHER_ACQUIRE() { lock_.lock(); }
  void unlock() CATCHER_RELEASE() { lock_.unlock(); }

 private:
  friend class CondVar;
  std::unique_lock<std::mutex> lock_;
};

class CondVar {
 public:
  void wait(Lock& lock) { condition_.wait(lock.lock_); }
  // False when `deadline` passed first.
  template <class Clock, class Duration>
  bool wait_until(Lock& lock, const std::chrono::time_point<Clock, Duration>& deadline) {
    return condition_.wait_until(lock.lock_, deadline) == std::cv_status::no_timeout;
  }
  void notify_all() noexcept { condition_.notify_all(); }
  void notify_one() noexcept { condition_.notify_one(); }

 private:
  std::condition_variable condition_;
};

}  // namespace catcher
