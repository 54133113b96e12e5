// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What packets carry besides bytes and times, by the number of their entry: metas, and a buffer's
// offsets. What each packet has of it stands in the note of its entry, together with its flags, so
// that nothing is looked up for a packet without.
//
// Metas are kept on an empty buffer, and so outlive the packet without its memory.
//
// Thread: members under "recorder" by the recorder's streaming thread; the rest by any.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <limits>

#include "core/mutex.hpp"
#include "core/rope.hpp"
#include "support/gst_ptr.hpp"

namespace catcher::plugin {

// The note of a packet's entry: the flags of its buffer that are kept, and below them, where
// GstMiniObject has its own flags, what is kept here.
namespace note {
inline constexpr std::uint32_t has_metas = 1u << 0;
inline constexpr std::uint32_t has_offsets = 1u << 1;
// Not the flags that the entry has in its own right, nor those that speak of how or when the
// buffer came.
inline constexpr std::uint32_t kept_flags =
    ~(static_cast<std::uint32_t>(GST_MINI_OBJECT_FLAG_LAST) - 1u) &
    ~static_cast<std::uint32_t>(GST_BUFFER_FLAG_LIVE | GST_BUFFER_FLAG_TAG_MEMORY |
                                GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_HEADER |
                                GST_BUFFER_FLAG_DELTA_UNIT);
}  // namespace note

// Copies the metas that hold for a copy of all of the buffer's bytes: not those that speak of its
// memory, except where planes lie in it, and none that keeps another buffer alive. Thread: any.
void copy_metas(GstBuffer* from, GstBuffer* to);

class PacketExtras {
 public:
  PacketExtras();

  // ---- recorder

  // Keeps what the packet has, before its entry, number `entry`, is published. The entry's note.
  std::uint32_t take(std::uint64_t entry, GstBuffer* packet);
  // Of entries below this one nothing is wanted any more.
  void drop_before(std::uint64_t entry) noexcept;

  // ---- any thread

  // Gives a copy of the packet what its note says. False: it has left the window.
  bool give(std::uint64_t entry, std::uint32_t note, GstBuffer* copy) const;

 private:
  struct Offsets {
    std::uint64_t offset = GST_BUFFER_OFFSET_NONE;
    std::uint64_t end = GST_BUFFER_OFFSET_NONE;
  };
  struct Metas {
    std::uint64_t entry = 0;
    BufferPtr carrier;
  };
  static constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

  bool take_offsets(std::uint64_t entry, const Offsets& offsets);
  bool give_metas(std::uint64_t entry, GstBuffer* copy) const;
  bool give_offsets(std::uint64_t entry, GstBuffer* copy) const;

  // Of the entries from first_ on, one each.
  Rope<Offsets> offsets_;
  // Relaxed: set before the first note that tells of offsets; the entry's publication orders it.
  std::atomic<std::uint64_t> first_{kNowhere};
  bool any_metas_ = false;  // the recorder's own

  mutable Mutex mutex_;
  std::deque<Metas> metas_ CATCHER_GUARDED_BY(mutex_);  // in the order of their entries
};

}  // namespace catcher::plugin
