// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A place in a rope, and what is known to be readable from there: the part of a Reader that
// takes no lock. It knows nothing of waiting or of writers (reader.hpp).
//
// What it costs (tests/model/reading.cpp counts): next() and advance() touch nothing shared;
// refresh() within a chunk only loads; a move to another chunk is one pin and one unpin.
//
// Thread: by one thread at a time.
// Invariants:
//   I1  [offset(), offset() + known()) is published, in the pinned chunk, and starts at next().
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <utility>

#include "rope.hpp"
#include "status.hpp"

namespace catcher {

template <class T, class Sync = StdSync>
class Place {
 public:
  using PinType = Pin<T, Sync>;

  explicit Place(std::uint64_t offset = 0) noexcept : offset_(offset), known_end_(offset) {}

  std::uint64_t offset() const noexcept { return offset_; }
  // Elements that can be taken without another look at the rope.
  std::uint64_t known() const noexcept { return known_end_ - offset_; }
  // The first of them. Requires: known() > 0
  const T* next() const noexcept { return next_; }
  // Keeps what is known readable beyond the next move. Requires: known() > 0
  PinType share() const noexcept { return pin_.share(); }

  // Another one here, which can read whatever this one can.
  Place clone() const noexcept {
    Place copy(offset_);
    copy.pin_ = pin_.share();
    copy.next_ = next_;
    copy.known_end_ = known_end_;
    return copy;
  }

  // Elements that refresh() would find in the chunk that is pinned, which may be evicted.
  // Requires: `end` was read from the rope.
  std::uint64_t held(std::uint64_t end) const noexcept {
    if (!pin_ || offset_ < pin_.base()) return 0;
    const std::uint64_t held_end = std::min(pin_.limit(), end);
    return offset_ < held_end ? held_end - offset_ : 0;
  }

  // Requires: count <= known()
  void advance(std::uint64_t count) noexcept {
    assert(count <= known());
    next_ += count;
    offset_ += count;
  }

  // Moves anywhere; what is known is kept if `offset` lies in it.
  void move_to(std::uint64_t offset) noexcept {
    const bool stays = next_ != nullptr && offset >= pin_.base() && offset < known_end_;
    offset_ = offset;
    if (stays) {
      next_ = pin_.data() + (offset - pin_.base());
    } else {
      forget();
    }
  }

  // Learns what can be read here now: ok, would_block (at the edge or beyond), evicted.
  // Lock-free. Requires: known() == 0
  Status refresh(const Rope<T, Sync>& rope) noexcept {
    const std::uint64_t end = rope.end();
    if (offset_ >= end) return Status::would_block;
    if (pin_) {
      // Only now: a seal is visible to whoever has acquired an end beyond it.
      const std::uint64_t limit = pin_.limit();
      if (offset_ >= pin_.base() && offset_ < limit) return enter(end);
      pin_ = offset_ == limit ? rope.pin_next(pin_, offset_) : rope.pin(offset_);
    } else {
      pin_ = rope.pin(offset_);
    }
    return enter(end);
  }

  // Lets go of the chunk.
  void release() noexcept {
    pin_.reset();
    forget();
  }

 private:
  Status enter(std::uint64_t end) noexcept {
    if (!pin_) {
      forget();
      return Status::evicted;
    }
    next_ = pin_.data() + (offset_ - pin_.base());
    known_end_ = std::min(pin_.limit(), end);
    return Status::ok;
  }

  void forget() noexcept {
    next_ = nullptr;
    known_end_ = offset_;
  }

  PinType pin_;
  const T* next_ = nullptr;
  std::uint64_t offset_;
  std::uint64_t known_end_;  // == offset_ when nothing is known
};

}  // namespace catcher
