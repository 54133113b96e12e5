// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How a recording is cut into the buffers that a player pushes: one piece after another, in an
// order that an implementation stands for.
//
// Thread: one at a time, the player's streaming thread or whoever has stopped it.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <memory>

#include "recording.hpp"
#include "slicer.hpp"

namespace catcher::plugin {

// One buffer to push, and where playing stands once it is pushed.
struct Piece {
  BufferPtr buffer{};
  bool discont = false;      // it does not follow the piece before
  std::uint64_t offset = 0;  // where it begins, or the packets that a decoder takes together do
  std::uint64_t next_offset = 0;
  std::uint64_t next_entry = 0;
  std::int64_t next_time = kNoTime;
};

// What came of cutting.
enum class Cut : std::uint8_t {
  piece,  // there is one
  again,  // none yet: to be asked again
  over,   // all of the segment was played
  gone,   // it has left the window
};

class Pieces {
 public:
  virtual ~Pieces() = default;

  // The next piece, on this side of the offset `bound`: forward, none of what is at it or above;
  // backward, none of what is below. Requires: something is there.
  virtual Cut cut(const GstSegment& segment, std::uint64_t bound, Piece& piece) = 0;
  // The piece that was cut last was pushed: the next one follows it.
  virtual void took(const Piece& piece) noexcept = 0;
  // It was not, and will be cut again.
  virtual void put_back() noexcept = 0;
  // Whether the segment is played, so that what is still to come has not to be waited for.
  virtual bool is_through(const GstSegment& segment) const noexcept = 0;

  // Whether more of what a decoder takes together is to come before anything else may.
  virtual bool is_amid() const noexcept { return false; }
  // What is left of that is not pushed any more.
  virtual void cut_short() noexcept {}
  // Stream time up to which all was pushed.
  virtual std::int64_t until() const noexcept { return time_; }

  // The border between what was pushed and what is next, and its stream time (in TIME).
  std::uint64_t offset() const noexcept { return offset_; }
  std::int64_t time() const noexcept { return time_; }

 protected:
  explicit Pieces(const Place& place) noexcept : offset_(place.offset), time_(place.time) {}
  std::uint64_t offset_;
  std::int64_t time_;
};

// Both: of what `slicer` slices, from `place` on. `slicer` outlives them.

// From earlier to later.
std::unique_ptr<Pieces> pieces_forward(Slicer& slicer, const Place& place);

// Which packets a decoder is given together when time goes backwards.
enum class Groups : std::uint8_t {
  of_one_key,  // a key unit and what needs it
  of_a_while,  // some such, where each is small
};
// From later to earlier; in TIME. `place` ends there: its entry is the last one before its offset.
// A writer that waits when full keeps all down to `lowest`.
std::unique_ptr<Pieces> pieces_backward(Slicer& slicer, const Place& place, std::uint64_t lowest,
                                        Groups groups);

}  // namespace catcher::plugin
