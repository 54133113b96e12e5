// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How much of a recording lies ahead of its slowest running player, and the BUFFERING messages that
// say so. The slowest one counts, because one that only follows the edge, as a branch into a file
// does, has never anything ahead.
//
// 100 % is what `target` says, or as much as there will be: at the end, while the writer waits, and
// with nobody who plays. So an application that pauses until 100 % never waits for a writer that
// waits for it.
//
// Thread: any. Messages are posted with no lock held, one at a time and in order, by whoever has
// brought the change or is posting just then.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "core/mutex.hpp"
#include "support/settings.hpp"

namespace catcher::plugin {

class Recording;

// Bytes per second, over some time. As often as it is asked, and no oftener than a few times a
// second, the average moves towards the last figure.
class RateMeter {
 public:
  // `now` in microseconds of a clock that only goes forward.
  void add(std::uint64_t bytes, std::int64_t now);
  double rate() const { return rate_; }  // 0: not known yet

 private:
  std::int64_t since_ = -1;
  std::uint64_t bytes_ = 0;
  double rate_ = 0;
};

class Buffering {
 public:
  // What 100 % is, before `high-watermark`: either of both. 0: does not count.
  struct Target {
    std::uint64_t bytes = 0;
    std::int64_t time = 0;  // ns
  };
  // The read-ahead limits where there are any, else what is enough for most: two seconds, or two
  // MiB of a stream in bytes. Never more than the window can have.
  static Target target(const Settings& settings, GstFormat format);

  struct Figures {
    bool is_busy = false;
    int percent = 100;
    GstBufferingMode mode = GST_BUFFERING_TIMESHIFT;
    int average_in = -1, average_out = -1;  // bytes per second; -1: not known
    std::int64_t left = -1;                 // ms
  };

  explicit Buffering(const Settings& settings) : settings_(settings) {}
  Buffering(const Buffering&) = delete;
  Buffering& operator=(const Buffering&) = delete;

  // From now on messages are posted, if the settings want any: this element's, which lets go with
  // nullptr before it ends.
  void attach(GstElement* element);
  // The writer is about to wait for players, or has done so; update() follows.
  void set_full(bool full);
  // Something has arrived, was played, or has ended.
  void update(const Recording& recording, std::uint64_t played);
  // What a message would say now. Changes nothing.
  Figures figures(const Recording& recording) const;

 private:
  // What is ahead of the slowest player, and as a part of the target.
  struct Level {
    double bytes = 0;
    double part = 1;
  };
  Level level(const Recording& recording) const CATCHER_REQUIRES(mutex_);
  Figures describe(const Recording& recording, const Level& level) const CATCHER_REQUIRES(mutex_);
  bool is_news(const Level& level) CATCHER_REQUIRES(mutex_);
  void post(Lock& lock) CATCHER_REQUIRES(mutex_);

  const Settings settings_;

  mutable Mutex mutex_;  // held over looks at the recording, never while posting
  GstElement* element_ CATCHER_GUARDED_BY(mutex_) = nullptr;
  bool full_ CATCHER_GUARDED_BY(mutex_) = false;
  bool busy_ CATCHER_GUARDED_BY(mutex_) = false;
  int percent_ CATCHER_GUARDED_BY(mutex_) = -1;  // as last said
  std::uint64_t edge_ CATCHER_GUARDED_BY(mutex_) = 0;
  RateMeter in_ CATCHER_GUARDED_BY(mutex_);
  RateMeter out_ CATCHER_GUARDED_BY(mutex_);
  std::optional<Figures> pending_ CATCHER_GUARDED_BY(mutex_);
  bool posting_ CATCHER_GUARDED_BY(mutex_) = false;
};

// BUFFERING, at any pad that plays this recording.
void answer_buffering(GstQuery* query, const Recording& recording);

}  // namespace catcher::plugin
