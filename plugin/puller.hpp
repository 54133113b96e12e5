// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Lets downstream pull a recording of bytes out of one src pad, wherever in it and in whatever
// order it likes, as from a file. What has not arrived yet is waited for. It stands beside the
// pad's player, which pushes when nobody pulls.
//
// Locks, in this order: the pad's stream lock (get_range(), so that ranges come one at a time),
// then mutex_, then the recording's. Nothing is posted under mutex_.
//
// Thread: any, unless a member says otherwise.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "core/mutex.hpp"
#include "core/reader.hpp"
#include "player.hpp"
#include "recording.hpp"

namespace catcher::plugin {

class Puller {
 public:
  // Who flushes: ranges are refused meanwhile. A release is for good.
  enum class Flush : std::uint8_t { downstream = 1, upstream = 2, release = 4 };

  // `pad` owns this, or lives as long; `host` outlives the pad's activity.
  Puller(GstPad* pad, PlayerHost& host);
  ~Puller() { close(); }
  Puller(const Puller&) = delete;
  Puller& operator=(const Puller&) = delete;

  // The pad goes in or out of pull mode. False: it can only push now.
  bool activate(bool active);
  bool is_active() const;

  // Bytes [offset, offset + size), or what there is of them before the end; EOS at or past it.
  // Waits at the edge. Fills `*buffer`, if there is one, which has room for `size`; it is
  // left alone unless this is OK.
  // Thread: under the pad's stream lock.
  GstFlowReturn get_range(guint64 offset, guint size, GstBuffer** buffer);

  // Whoever waits in get_range() or a query comes back. After the end of an upstream flush another
  // recording is pulled.
  void begin(Flush flush);
  void end(Flush flush);
  // Between them ranges are refused too, whatever mode the pad goes into.
  void hold();
  void let_go();
  // True if this is a flush of whoever pulls, who wants his range back: nobody else's business.
  bool take_event(GstEvent* event);

  // True if it was answered here: SCHEDULING, and while the pad is pulled what concerns bytes.
  bool query(GstQuery* query);

  // What is pulled next, if it is in order.
  std::int64_t position() const;
  std::uint64_t lag_bytes() const;

 private:
  bool may_pull() const;
  bool may_run() const CATCHER_REQUIRES(mutex_) { return active_ && flushes_ == 0 && holds_ == 0; }
  bool is_interrupted() const noexcept {
    return interrupted_.load(order::relaxed);  // relaxed: a wake-up follows, which orders it
  }
  void note() CATCHER_REQUIRES(mutex_);
  void interrupt();
  std::shared_ptr<Recording> recording() const;
  std::shared_ptr<Recording> await_recording();
  bool adopt(const std::shared_ptr<Recording>& found);
  void close();
  bool is_first_error();

  GstFlowReturn collect(Recording& recording, guint64 offset, guint size,
                        const std::stop_token& stop);
  void join(guint64 offset);
  GstFlowReturn hand_out(guint64 offset, GstBuffer** buffer);
  GstFlowReturn evicted(guint64 offset, const Window& window);
  GstFlowReturn ended(const Recording& recording);
  void moved(Recording& recording, std::uint64_t offset, std::uint64_t taken = 0) noexcept;

  void answer_scheduling(GstQuery* query) const;
  bool answer_duration(GstQuery* query);
  bool answer_seeking(GstQuery* query);
  bool await_length(Recording& recording);
  bool outgrown(const Recording& recording);

  GstPad* const pad_;
  PlayerHost& host_;
  PlayerMark mark_;

  // Under the pad's stream lock.
  std::optional<Reader> reader_;
  std::vector<Lease> pieces_;  // of the range in hand
  bool told_end_ = false;

  std::atomic<bool> interrupted_{true};
  mutable Mutex mutex_;
  bool active_ CATCHER_GUARDED_BY(mutex_) = false;
  unsigned flushes_ CATCHER_GUARDED_BY(mutex_) = 0;  // of Flush
  unsigned holds_ CATCHER_GUARDED_BY(mutex_) = 0;
  bool failed_ CATCHER_GUARDED_BY(mutex_) = false;  // an error was posted
  std::stop_source stop_ CATCHER_GUARDED_BY(mutex_);
  std::shared_ptr<Recording> recording_ CATCHER_GUARDED_BY(mutex_);
};

// A pad's `position` and lags while it is pulled. False: it is not, or this is none of them.
bool get_puller_property(const Puller& puller, guint id, GValue* value);

}  // namespace catcher::plugin
