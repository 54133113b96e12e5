// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The window by time of a recording. The recorder says what it is about to write and what it has
// written; this ends chunks so that none spans more than an eighth of the window, has them made as
// large as that needs, and lets go of what is older than the window.
//
// Chunks go as a whole, so that what is kept is the window and at most an eighth more. Where
// nothing comes for long, time moves on with GAPs; what has gone by is let go of all the same, and
// the window then begins in the hole that it left.
//
// Thread: the recorder's streaming thread.
#pragma once

#include <cstdint>
#include <limits>

#include "recording.hpp"

namespace catcher::plugin {

class TimeWindow {
 public:
  // Keeps the last `span` ns of `recording`, which outlives the use of this; 0: all.
  void begin(Recording& recording, std::uint64_t span);
  bool is_on() const noexcept { return span_ != 0; }

  // Something is to be written that begins at `start`, and cannot be cut before `end`: up to which
  // time the chunk may reach that will hold it. Both may be kNoTime: no end then.
  std::int64_t make_place(std::int64_t start, std::int64_t end);
  // It is one packet of this size.
  void make_room(std::uint64_t size);

  struct Written {
    std::uint64_t offset = 0;                     // where it begins
    std::int64_t start = kNoTime, end = kNoTime;  // of presentation
    std::int64_t order = kNoTime;                 // what the timeline has it under
  };
  // All of this is up to the writer's offset.
  void wrote(const Written& piece);
  // Nothing is there from `start` to `end`.
  void passed(std::int64_t start, std::int64_t end);

  // Lets go of what is too old, now that the edge is at this time. Waits as `wait` says where
  // players hold the window back.
  Status keep(std::int64_t edge_time, const Wait& wait);
  // Stream time up to which events have left the window without any byte; kNoTime: none has.
  std::int64_t gone_by() const noexcept { return gone_by_; }

 private:
  // The smallest thing that goes or stays: a packet, or a frame.
  struct Unit {
    std::uint64_t begin = 0, end = 0;
    std::int64_t over = 0;  // when it is
  };

  std::int64_t chunk_span() const noexcept;
  void end_chunk();
  void measure(std::uint64_t bytes);
  Unit unit_at(const Indexed& entry, std::int64_t time) const;
  std::int64_t oldest() const;
  Status let_go(std::uint64_t before, const Wait& wait);

  static constexpr std::int64_t kFar = std::numeric_limits<std::int64_t>::max();

  Recording* recording_ = nullptr;
  std::int64_t span_ = 0;
  std::int64_t first_ = kNoTime;  // stream time at which it all began
  std::int64_t gone_by_ = kNoTime;
  std::int64_t lag_ = 0;           // how far packets are presented after their order, at most
  std::int64_t data_over_ = kFar;  // when the newest packet is over, if a GAP has told
  bool hollow_ = false;            // the window begins in a hole

  // The chunk in hand; none that counts while its start is kNoTime.
  std::uint64_t chunk_begin_ = 0;
  std::int64_t chunk_start_ = kNoTime, chunk_end_ = kNoTime;
  std::uint64_t chunk_size_ = 0;  // of the next ones; 0: not known yet
};

}  // namespace catcher::plugin
