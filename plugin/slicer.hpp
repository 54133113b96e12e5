// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A player's hand in a recording: it leases bytes, frames or a packet, and makes a buffer of them
// with the timestamps that belong there. It knows no order: see pieces.hpp.
//
// Thread: one at a time, the player's streaming thread or whoever has stopped it.
// Invariants:
//   I1  A buffer of frames or bytes lies within one chunk, so it may be shorter than was asked.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <optional>

#include "core/reader.hpp"
#include "core/timeline.hpp"
#include "recording.hpp"
#include "support/gst_ptr.hpp"

namespace catcher::plugin {

class Slicer {
 public:
  // `recording` outlives this. May throw std::bad_alloc.
  explicit Slicer(const Recording& recording)
      : recording_(recording), reader_(recording.bytes()), entries_(recording.timeline) {}

  const Recording& recording() const noexcept { return recording_; }
  // Entry number `index`, until the next call; nullptr if it is not there.
  const Entry* entry(std::uint64_t index) noexcept { return entries_.at(index); }

  // Where it stands: the recorder may be waiting for it to go on. Each slice ends there.
  std::uint64_t offset() const noexcept { return reader_.offset(); }
  // Requires: an offset that bytes have come from, or the edge.
  void stand_at(std::uint64_t offset) noexcept;
  // Whether a writer that waits when full waits for this.
  void set_holds_back(bool holds_back) noexcept;
  // What it keeps then: all from where this stands, or from `lowest` on, wherever this stands. May
  // throw std::bad_alloc.
  void hold_from_here() noexcept { anchor_.reset(); }
  void hold_from(std::uint64_t lowest);

  // All: from where it stands. Nothing: it has left the window.
  BufferPtr bytes(std::uint64_t size);
  // Requires: `size` is of whole frames.
  BufferPtr frames(const Entry& run, std::uint64_t size);
  // Requires: stands at the packet's beginning.
  BufferPtr packet(const Entry& packet, std::uint64_t index);

  // The most that a piece of a run should have.
  static std::uint64_t largest_piece(const Entry& run) noexcept;

 private:
  enum class Slices : std::uint8_t { one, all };
  bool collect(std::uint64_t size, Slices slices, GstBuffer* buffer);

  const Recording& recording_;
  Reader reader_;
  std::optional<Reader> anchor_;  // holds back in place of reader_
  Timeline::Probe entries_;
};

// The largest piece of bytes or raw audio, and of the latter also in time: what a sink holds should
// not be much more than a listener notices.
inline constexpr std::uint64_t kPieceBytes = 64 * 1024;
inline constexpr std::uint64_t kPiecesPerSecond = 4;

}  // namespace catcher::plugin
