// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The index between time and offset: which bytes hold time t, and what time byte n has.
// Contiguous raw audio is one run, whatever its length: it stores where and when it begins,
// and its frame size and rate make the rest arithmetic, exact to the frame. Anything else is
// packets, an entry each. The entries themselves are a rope, so that reading them takes no lock.
//
// Times are signed nanoseconds on one axis of the caller's choice (the plugin: stream time; a
// codec's pre-roll lies below 0). Offsets are those of the bytes' rope.
//
// Not for one-off look-ups in a file: it holds 48 bytes an entry.
//
// Thread: members under "appender" by one thread at a time, the one that appends the bytes;
// everything else by any. Lock-free; O(log entries) where not said otherwise.
// Invariants:
//   I1  Bytes are published before the entry that names them.
//   I2  Entries are in the order of their offsets, and of their `order` time.
//   I3  An entry never changes once published. It leaves after the bytes that it names, so the
//       oldest entries may name bytes that are gone: callers compare with the bytes' window.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

#include "export.hpp"
#include "rope.hpp"
#include "status.hpp"

namespace catcher {

// No time is known.
inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();
// No duration is known.
inline constexpr std::uint64_t kNoDuration = std::numeric_limits<std::uint64_t>::max();

// A packet, or where a run of raw audio begins.
struct CATCHER_API Entry {
  // Bits of `flags`.
  enum Flag : std::uint32_t {
    key_unit = 1u << 0,  // can be decoded without what came before
    run = 1u << 1,       // raw audio from here to the next entry's offset, or to the edge
    discont = 1u << 2,   // something is missing before it, or time jumped
    header = 1u << 3,    // configuration for a decoder, not data of a time
    has_dts = 1u << 4,   // `order` is the packet's own DTS, not made up from earlier times
  };

  std::int64_t pts = kNoTime;  // of a run: of its first frame
  // Never falls from entry to entry: the DTS if there is one, else the PTS or the `order` before,
  // whichever is later (without any DTS: the largest PTS so far). kNoTime, below all times, only
  // before the first time. Times are searched by this, since PTS may be reordered.
  std::int64_t order = kNoTime;
  std::uint64_t duration = kNoDuration;  // ns; of a run: unused
  std::uint64_t offset = 0;              // of its first byte
  std::uint32_t size = 0;                // bytes; of a run: bytes per frame
  std::uint32_t flags = 0;               // Flag, or-ed
  std::uint32_t since_key = kNoKey;  // entries since the nearest key unit at or before; 0 in itself
  // Of a run: frames per second. Of a packet: the appender's own note, see note().
  std::uint32_t rate = 0;

  // No key unit is before it.
  static constexpr std::uint32_t kNoKey = std::numeric_limits<std::uint32_t>::max();

  // A run of raw audio, not a packet.
  bool is_run() const noexcept { return (flags & run) != 0; }
  // Can be decoded without what came before.
  bool is_key() const noexcept { return (flags & key_unit) != 0; }
  // Of a packet: what its appender gave with it.
  std::uint32_t note() const noexcept { return is_run() ? 0 : rate; }
  // The packet's own DTS, or kNoTime.
  std::int64_t dts() const noexcept { return (flags & has_dts) != 0 ? order : kNoTime; }

  // Of a run. Time in ns of the frame that begins at or before offset `at`, rounded down; exact,
  // without overflow for any 63-bit operands whose result fits, saturating otherwise. Requires:
  // is_run(), as the next two.
  std::int64_t time_at(std::uint64_t at) const noexcept;
  // The reverse, as exact: offset of the frame that holds `time` (the first for earlier times).
  std::uint64_t offset_at(std::int64_t time) const noexcept;
  // Of a run: offset of the first frame whose time is at or beyond `time`.
  std::uint64_t first_from(std::int64_t time) const noexcept {
    const std::uint64_t at = offset_at(time);
    return time_at(at) < time ? at + size : at;
  }
};
static_assert(sizeof(Entry) == 48, "48 bytes an entry is the budget");

// An entry and its number.
struct Indexed {
  std::uint64_t index = 0;  // counted from the first entry ever
  Entry entry{};            // a copy
};

class CATCHER_API Timeline {
 public:
  // `memory` is where its entries are.
  explicit Timeline(std::shared_ptr<ChunkMemory> memory = heap_memory());

  // ---- appender -----------------------------------------------------------------

  // Both: nothing is changed unless the answer is `ok`; `out_of_memory` may be tried again.

  // Begins a run of raw audio at `offset`. Nothing is added when it only continues the last run
  // (same format, whole frames, `time` that of the next frame, to within half a frame, and no
  // `discont` in `flags`, the one flag that counts here).
  // `bad_argument`: 0 bytes or rate, no time, or an offset or time before the newest entry's (of
  // a packet: before its last byte).
  [[nodiscard]] Status append_run(std::int64_t time, std::uint64_t offset,
                                  std::uint32_t bytes_per_frame, std::uint32_t rate,
                                  std::uint32_t flags = 0);
  // What is known of one packet. `flags`: key_unit, discont, header.
  struct Packet {
    std::int64_t pts = kNoTime;            // ns, as the next two
    std::int64_t dts = kNoTime;            // never falls
    std::uint64_t duration = kNoDuration;  // not searched by
    std::uint64_t offset = 0;              // of its first byte
    std::uint32_t size = 0;                // bytes
    std::uint32_t flags = 0;               // Entry::Flag, or-ed
    std::uint32_t note = 0;                // whatever the appender wants to be told of it again
  };
  // `bad_argument`: an offset before the newest entry's end (of a run: its beginning), or a DTS
  // before the newest `order`. Without any time it inherits that.
  [[nodiscard]] Status append_packet(const Packet& packet);
  // Lets go of entries whose next one begins at or below `offset`, some at a time. What
  // at_offset(offset) finds stays, and so does the newest entry.
  void drop_before(std::uint64_t offset) noexcept;

  // ---- any thread ---------------------------------------------------------------

  // Numbers of the entries that are there: [begin, end).
  Window window() const noexcept { return entries_.window(); }
  // Bytes of memory that the entries take.
  std::uint64_t allocated() const noexcept { return entries_.allocated() * sizeof(Entry); }

  // For who looks at one entry after another: it keeps the chunk of the last one, so that the
  // next look costs nothing shared. Used by one thread at a time, within the timeline's life.
  class Probe {
   public:
    // Looks at nothing yet.
    explicit Probe(const Timeline& timeline) noexcept : entries_(&timeline.entries_) {}
    // Entry number `index`, until the next call; nullptr if it is not there (yet, or any more).
    const Entry* at(std::uint64_t index) noexcept;

   private:
    const Rope<Entry>* entries_;
    Pin<Entry> pin_;
    std::uint64_t known_end_ = 0;  // entries from the pinned chunk's base up to here are there
  };

  // Entry number `index`; nothing if it is not there (yet, or any more).
  std::optional<Entry> at(std::uint64_t index) const noexcept;
  // The newest entry.
  std::optional<Indexed> last() const noexcept;
  // The last entry that begins at or below `offset`: the run or packet that holds it, if any does.
  std::optional<Indexed> at_offset(std::uint64_t offset) const noexcept;
  // The first entry that begins at or above `offset`.
  std::optional<Indexed> from_offset(std::uint64_t offset) const noexcept;
  // The last entry whose `order` is at or below `time`; if none is, nothing.
  std::optional<Indexed> at_time(std::int64_t time) const noexcept;

  // Key units by presentation time (`order` where there is no PTS), among entries numbered
  // `oldest` and up. Entries of streams without reordering are all key units, and so is a run.
  // Where the PTS of key units falls, "last" and "first" hold among their neighbours only.
  //   before    the last one with pts <= time, else the first there is
  //   after     the first one with pts >= time; nothing if there is none yet
  //   nearest   whichever of the two is closer, the earlier one of a tie
  enum class Snap : std::uint8_t { before, after, nearest };
  // Finds one, in O(log entries) and the few that are reordered.
  std::optional<Indexed> key_unit(std::int64_t time, Snap snap,
                                  std::uint64_t oldest = 0) const noexcept;

 private:
  bool continues(const Entry& run) const noexcept;
  [[nodiscard]] Status append(Entry entry) noexcept;

  Rope<Entry> entries_;
  Entry newest_{};  // the appender's own; all defaults as long as there is none
};

}  // namespace catcher
