// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The properties that catchertee and catchersink share, and the choices that pads and catchersrc
// share: their defaults, their GObject side and what they mean for the core.
#pragma once

#include <gst/gst.h>

#include <string>

#include "core/config.hpp"

namespace catcher::plugin {

// What the user has set. Read when the element goes to PAUSED; changes count from the next time.
struct Settings {
  std::string channel;                  // empty: none
  guint64 max_size_bytes = 1ull << 30;  // 0: unlimited
  GstClockTime max_size_time = 0;       // ns of stream time; 0: unlimited
  WhenFull when_full = WhenFull::evict;
  guint64 read_ahead_bytes = 0;      // 0: no limit
  GstClockTime read_ahead_time = 0;  // ns; 0: no limit
  guint64 chunk_size = 16 * 1024;
  guint64 chunk_size_max = 256 * 1024;
  Growth::Kind growth = Growth::Kind::geometric;
  std::string temp_template;  // empty: chunks are on the heap
  bool use_buffering = false;
  gdouble low_watermark = 0.01;  // both: of what Buffering::target() says
  gdouble high_watermark = 0.99;
  Compaction compact = Compaction::none;

  Config core() const;
  // Which properties cannot go together and what to change; empty if all can.
  std::string contradiction() const;
};

// Where a player begins.
enum class StartFrom { oldest, edge, offset };
// What a player does whose place has left the window.
enum class OnEvicted { oldest, edge, error };

// When downstream may pull a recording of bytes.
enum class PullMode { automatic, wait, never };

struct PlaySettings {
  StartFrom start_from = StartFrom::oldest;
  gint64 start_offset = 0;  // ns in TIME, bytes in BYTES; negative: back from the edge
  OnEvicted on_evicted = OnEvicted::oldest;
  GstClockTime min_latency = 0;  // ns, on top of upstream's
};

GType when_full_type();
GType growth_type();
GType compact_type();
GType start_from_type();
GType on_evicted_type();
GType pull_mode_type();

// Property numbers: a class that takes these groups begins its own behind them.
enum class CommonProperty : guint {
  channel = 1,
  max_size_bytes,
  max_size_time,
  when_full,
  read_ahead_bytes,
  read_ahead_time,
  chunk_size,
  chunk_size_max,
  growth,
  compact,
  temp_template,
  use_buffering,
  low_watermark,
  high_watermark,
  current_level_bytes,
  current_level_time,
  stats,
  count,
};
enum class PlayProperty : guint {
  start_from = 100,
  start_offset,
  on_evicted,
  min_latency,
  position,
  lag_bytes,
  lag_time,
  count,
};

// All of the group, or all but the channel.
void install_common_properties(GObjectClass* klass);
void install_recording_properties(GObjectClass* klass);
// False if it is not one of the group's settable ones. Thread: any; the caller guards `settings`.
bool set_common_property(Settings& settings, guint id, const GValue* value);
bool get_common_property(const Settings& settings, guint id, GValue* value);

void install_play_properties(GObjectClass* klass);
bool set_play_property(PlaySettings& settings, guint id, const GValue* value);
// Posts a LATENCY message if this is the property that changes what is answered. Thread: any.
void tell_latency(GstElement* element, guint id);
bool get_play_property(const PlaySettings& settings, guint id, GValue* value);

// `pull-mode`, under a number of the class's own.
void install_pull_mode(GObjectClass* klass, guint id);

}  // namespace catcher::plugin
