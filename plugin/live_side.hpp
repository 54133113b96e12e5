// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// On which side a player of a live stream is: at the edge, where it plays what arrives, or in
// history. Each crossing, and the beginning, is told by one LATENCY message, so that whoever
// distributes latency can do it again. A player is at the edge once it waits there, and until it is
// further behind than latency explains: buffers that arrive large, or that sinks hold back, do not
// count as crossings.
//
// Thread: members under "task" on the player's streaming thread; the rest by any.
#pragma once

#include <gst/gst.h>

#include <atomic>

#include "recording.hpp"

namespace catcher::plugin {

class LiveSide {
 public:
  explicit LiveSide(GstElement* element) noexcept : element_(element) {}

  // ---- task. Each does nothing for a stream that is not live, and may post.

  // It begins somewhere, or was given another place: what is next has this stream time.
  void begin(const Recording& recording, const Place& place);
  // It has pushed all before this stream time.
  void moved(const Recording& recording, std::int64_t time);
  // It waits for what arrives next.
  void reach_edge(const Recording& recording);
  // It plays nothing any more.
  void leave() noexcept;

  // ---- any thread

  // Whether what it plays was live when it began.
  bool is_live() const noexcept { return side_.load(order::relaxed) != Side::none; }
  // What the whole pipeline adds: sinks hold buffers back for so long.
  void set_pipeline_latency(GstClockTime latency) noexcept {
    pipeline_latency_.store(latency, order::relaxed);  // relaxed: a figure
  }

 private:
  enum class Side : std::uint8_t { none, edge, history };

  bool lags(const Recording& recording, std::int64_t time) const noexcept;
  void be(Side side, const Recording& recording);

  GstElement* const element_;
  // Relaxed, both: facts. Written by the task.
  std::atomic<Side> side_{Side::none};
  std::atomic<GstClockTime> pipeline_latency_{0};
  GstClockTime told_ = 0;  // upstream's latency when a message was posted; the task's own
};

}  // namespace catcher::plugin
