// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// One GStreamer stream as caught: its bytes, the timeline over them and the events that came with
// them. A recorder fills it; players read it. It knows no pad and no element.
//
// Bytes, entries and events are published apart; edge() moves when all that belongs to a piece is
// there, so whoever reads below edge() sees it whole.
//
// Thread: members under "recorder" by the recorder's streaming thread; everything else by any.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "buffering.hpp"
#include "core/catcher.hpp"
#include "core/event_count.hpp"
#include "core/timeline.hpp"
#include "event_log.hpp"
#include "packet_extras.hpp"
#include "support/preroll.hpp"
#include "support/settings.hpp"

namespace catcher::plugin {

// What a player shows of itself to the recorder and to stats. Owned by the player.
struct alignas(kCacheLine) PlayerMark {
  // Relaxed, all: figures, each right for itself. A sleeping recorder that waits for a position
  // is woken through Recording::progress, which orders it.
  std::atomic<std::uint64_t> offset{0};  // bytes; next to be played
  std::atomic<std::uint64_t> evictions{0};
  std::atomic<std::uint64_t> seeks{0};
  std::string name;  // fixed after construction
};

// Somewhere in a recording that a player can begin.
struct Place {
  std::uint64_t offset = 0;
  std::uint64_t entry = 0;      // number of the entry at the offset; 0 in BYTES
  std::int64_t time = kNoTime;  // stream time of what is there
  bool at_edge = false;         // what comes next, when this was asked for
  // Of a key unit that is only there for what comes next to be decoded: stream time of the latter.
  std::int64_t next_time = kNoTime;
};

// Where a wanted place is.
struct Found {
  enum class Where : std::uint8_t { there, evicted, ahead };
  Where where = Where::ahead;
  Place place{};  // set when there
};

class Recording {
 public:
  struct Made {
    std::shared_ptr<Recording> recording;  // or nothing, and `why`
    std::string why;
  };
  // `memory` is where bytes are kept; nothing: on the heap.
  static Made make(const Settings& settings, std::shared_ptr<ChunkMemory> memory = nullptr);

  // ---- recorder ------------------------------------------------------------------

  Writer writer;
  Timeline timeline;
  EventLog events;
  PacketExtras extras;
  EventCount<> changed;   // bytes, events, the format, the end
  EventCount<> progress;  // a player has moved; only where upstream's lead is bounded

  // Requires: not undefined; called once. `time_shift`: what players add to stream time to get
  // the timestamps of buffers, so that a codec's times before 0 can be said at all.
  void set_format(GstFormat format, GstClockTime time_shift);
  void set_live(bool live) noexcept { live_.store(live, order::relaxed); }  // relaxed: a fact
  // What upstream says of its latency, and in which pipeline it is.
  void set_latency(GstClockTime latency) noexcept {
    latency_.store(latency, order::relaxed);  // relaxed: a figure
  }
  void set_pipeline(gconstpointer pipeline) noexcept {
    pipeline_.store(pipeline, order::relaxed);  // relaxed: compared, never looked into
  }
  void set_upstream_duration(std::int64_t duration) noexcept {
    upstream_duration_.store(duration, order::relaxed);  // relaxed: a figure
  }
  // The writer waits for players, because the window is full.
  void set_blocked(bool blocked) noexcept;
  // All up to the writer's offset is there; `edge_time` is the stream time of its end.
  void publish(std::int64_t edge_time) noexcept;
  // Entries and events leave with the bytes that they name; events without bytes once time has
  // passed `gone_by`, if that is not kNoTime.
  void follow_window(std::int64_t gone_by = kNoTime);
  // The window begins here, and for a while there is nothing in it; kNoTime: it begins with what is
  // there. It holds until the window moves on.
  void set_hollow_from(std::int64_t time) noexcept;
  // No more will come, because another recording takes its place: upstream has flushed.
  void finish_replaced() noexcept;
  // Of one that has finished: upstream has begun again, and players go on there once they have sent
  // the end of this one. May be called again, to let them skip some.
  void set_next(std::shared_ptr<Recording> next);
  // No more will come. `upstream_failed`: because something broke.
  void finish(bool upstream_failed = false) noexcept;
  // The same at upstream's end: what is kept is compacted if that was asked for, once players know.
  void finish_whole() noexcept;

  // ---- any thread -------------------------------------------------------------------

  Buffering buffering;  // by itself, told by publish(), finish() and note_progress()

  const std::shared_ptr<Catcher>& bytes() const noexcept { return bytes_; }
  // GST_FORMAT_UNDEFINED until upstream has said. Never changes afterwards.
  GstFormat format() const noexcept {
    // Acquire: pairs with the release in set_format(); time_shift() comes with it.
    return format_.load(order::acquire);
  }
  GstClockTime time_shift() const noexcept { return time_shift_; }
  // Relaxed: facts without anything to order.
  bool is_live() const noexcept { return live_.load(order::relaxed); }
  GstClockTime latency() const noexcept { return latency_.load(order::relaxed); }
  gconstpointer pipeline() const noexcept { return pipeline_.load(order::relaxed); }
  bool has_failed() const noexcept { return failed_.load(order::relaxed); }
  bool is_finished() const noexcept { return bytes_->is_finished(); }
  bool is_replaced() const noexcept { return replaced_.load(order::relaxed); }
  // Whether players go on elsewhere: in next() if that is set, else in what takes its place.
  bool leads_on() const noexcept { return leads_on_.load(order::relaxed); }
  std::shared_ptr<Recording> next() const;
  bool is_blocked() const noexcept { return blocked_.load(order::relaxed); }

  // Offset below which everything is there.
  std::uint64_t edge() const noexcept {
    // Acquire: pairs with the release in publish().
    return edge_.load(order::acquire);
  }
  std::uint64_t begin() const noexcept { return bytes_->window().begin; }
  // Something has come, if only GAPs.
  bool has_begun() const noexcept {
    return edge() != 0 || hollow_from_.load(order::relaxed) != kNoTime;  // relaxed: a figure
  }
  // Stream times of the window; kNoTime while nothing with a time has come.
  std::int64_t edge_time() const noexcept {
    return edge_time_.load(order::relaxed);  // relaxed: written before edge_; a figure otherwise
  }
  // Both, of one moment.
  struct Edge {
    std::uint64_t offset = 0;
    std::int64_t time = kNoTime;
  };
  Edge edge_and_time() const {
    Lock lock(edge_mutex_);
    return {edge(), edge_time()};
  }
  std::int64_t oldest_time() const;
  // Of what is at `offset`, or of the last thing before it.
  std::int64_t time_at(std::uint64_t offset) const;
  // Length in `format`: known once finished, or from upstream; -1 otherwise.
  std::int64_t duration(GstFormat format) const;
  std::int64_t upstream_duration() const noexcept {
    return upstream_duration_.load(order::relaxed);  // relaxed: a figure
  }

  Place oldest() const;
  // Where a player begins that wants what comes next: the edge, or the last key unit before it
  // where the next packet cannot be decoded alone; then with `next_time`.
  Place newest() const;
  // BYTES: of the byte; TIME: of the frame that holds `time`, or of the key unit that `snap`
  // picks.
  Found find(std::int64_t position, Timeline::Snap snap) const;
  // Where a decoder is to begin so that what is at `place` comes out as from the beginning: as much
  // before it as is kept.
  Place before(const Place& place, const Preroll& preroll) const;
  // In TIME: behind all that begins before `time`, for who goes backwards from there. Its entry is
  // the last one before its offset; its offset is that of the window's begin if nothing is kept.
  Place end_before(std::int64_t time) const;
  // Behind the last unit of a recording that is finished.
  Place past_the_end() const { return {edge(), timeline.window().end, edge_time(), true}; }
  // The segment in which upstream sent what is at `offset`; format UNDEFINED if there was none.
  GstSegment upstream_segment(std::uint64_t offset) const;
  // The caps of what is at `offset`; nothing if there were none.
  CapsPtr caps(std::uint64_t offset) const;

  void add_player(const PlayerMark* mark);
  void remove_player(const PlayerMark* mark) noexcept;
  // How far the furthest player has ever been.
  std::uint64_t furthest() const;
  GstStructure* stats() const;

  // Whether a recorder waits for `progress`.
  bool bounds_lead() const noexcept { return bounds_lead_; }
  // A player has moved, by so many bytes if it has played them.
  void note_progress(std::uint64_t played) noexcept;

  Recording(Catcher::Pushed pushed, const Settings& settings)
      : writer(std::move(pushed.writer)),
        buffering(settings),
        bytes_(std::move(pushed.catcher)),
        compact_(settings.compact),
        bounds_lead_(settings.read_ahead_bytes != 0 || settings.read_ahead_time != 0) {}

 private:
  // The oldest that can be decoded, whenever that is.
  std::int64_t hollow_from(std::uint64_t first) const;
  Place first_unit(std::uint64_t first) const;
  Found find_time(std::int64_t time, Timeline::Snap snap) const;
  Found in_run(const Indexed& run, std::int64_t time) const;
  bool can_be_joined_behind(const Indexed& packet) const;
  Place place_of(const Indexed& entry, std::uint64_t offset) const;

  const std::shared_ptr<Catcher> bytes_;
  const Compaction compact_;
  const bool bounds_lead_;
  GstClockTime time_shift_ = 0;  // fixed before format_ is
  std::atomic<GstFormat> format_{GST_FORMAT_UNDEFINED};
  std::atomic<std::uint64_t> edge_{0};
  std::atomic<std::int64_t> edge_time_{kNoTime};
  std::atomic<std::int64_t> hollow_from_{kNoTime};
  std::atomic<std::uint64_t> hollow_at_{0};  // the window's begin with which it does
  std::atomic<std::int64_t> upstream_duration_{-1};
  std::atomic<bool> live_{false};
  std::atomic<GstClockTime> latency_{0};
  std::atomic<gconstpointer> pipeline_{nullptr};
  std::atomic<bool> failed_{false};
  std::atomic<bool> replaced_{false};
  std::atomic<bool> leads_on_{false};
  std::atomic<bool> blocked_{false};

  // Held over the two stores of publish() and of set_hollow_from(), and what reads both.
  mutable Mutex edge_mutex_;

  mutable Mutex mutex_;
  std::vector<const PlayerMark*> players_ CATCHER_GUARDED_BY(mutex_);
  mutable std::uint64_t furthest_ CATCHER_GUARDED_BY(mutex_) = 0;
  std::shared_ptr<Recording> next_ CATCHER_GUARDED_BY(mutex_);
};

}  // namespace catcher::plugin
