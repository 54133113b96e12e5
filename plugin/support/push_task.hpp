// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A src pad's task, and the reasons why it stands still: the pad is inactive, something flushes, or
// the last turn had nothing to do. It runs while there is no reason, and whoever makes it wait or
// go on may be any thread.
//
// The loop looks at is_interrupted() wherever it waits, and ends a turn that cannot go on with
// pause(). A start() that comes while it makes up its mind is not lost: it gives the number of
// starts that it saw before the turn.
//
// Locks: mutex_ comes after the pad's stream lock. Nothing is posted or pushed under it.
// Thread: any, unless a member says otherwise.
#pragma once

#include <gst/gst.h>

#include <atomic>

#include "core/atomic.hpp"
#include "core/mutex.hpp"

namespace catcher::plugin {

// Whether this thread pushes out of `pad` just now: it cannot wait for its own end, so that the pad
// cannot leave push mode from here.
bool is_pushing_thread(GstPad* pad) noexcept;

class PushTask {
 public:
  // Who flushes. Seeks may be several at a time; a release is for good, whatever else happens to
  // the pad meanwhile.
  enum class Flush : std::uint8_t { seek, upstream, release };

  PushTask(GstPad* pad, GstTaskFunction loop, gpointer data)
      : pad_(pad), loop_(loop), data_(data) {}
  PushTask(const PushTask&) = delete;
  PushTask& operator=(const PushTask&) = delete;

  // Makes the task, and lets it run. Forgets flushes of upstream that have lost their end.
  // Thread: the one that activates the pad.
  void activate();
  // After deactivate() or begin(), and a wake-up: stops the loop for good, and waits for its end.
  // Thread: the one that deactivates the pad; not the task's own.
  bool stop() { return gst_pad_stop_task(pad_); }

  // Whoever waits must be woken after these, by whatever it sleeps on.
  void deactivate();
  void begin(Flush flush);
  void end(Flush flush);
  bool is_flushed_by_upstream() const;
  bool is_active() const;

  // Inactive, or flushing.
  bool is_interrupted() const noexcept {
    return interrupted_.load(order::relaxed);  // relaxed: a wake-up follows, which orders it
  }

  const std::atomic<bool>& interrupted() const noexcept { return interrupted_; }

  // There may be something to do again.
  void start();
  // How often start() was called. Thread: the task's own, before a turn.
  unsigned starts() const;
  // Stands still until start(), unless that was called since `starts`. Thread: the task's own.
  void pause(unsigned starts);

 private:
  static void turn(gpointer self) noexcept;
  bool may_run() const CATCHER_REQUIRES(mutex_) {
    return active_ && seeks_ == 0 && !upstream_ && !released_;
  }
  void note() CATCHER_REQUIRES(mutex_) {
    interrupted_.store(!may_run(), order::relaxed);  // relaxed: see is_interrupted()
  }

  GstPad* const pad_;
  const GstTaskFunction loop_;
  const gpointer data_;
  std::atomic<bool> interrupted_{true};

  mutable Mutex mutex_;
  bool active_ CATCHER_GUARDED_BY(mutex_) = false;
  unsigned seeks_ CATCHER_GUARDED_BY(mutex_) = 0;  // under way
  bool upstream_ CATCHER_GUARDED_BY(mutex_) = false;
  bool released_ CATCHER_GUARDED_BY(mutex_) = false;
  unsigned starts_ CATCHER_GUARDED_BY(mutex_) = 0;
};

}  // namespace catcher::plugin
