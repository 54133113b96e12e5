// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "settings.hpp"

#include <algorithm>

#include "core/file_memory.hpp"

namespace catcher::plugin {
namespace {

// G_PARAM_STATIC_STRINGS and the like are unsigned in an enum of signed values.
constexpr auto kReadOnly = static_cast<GParamFlags>(G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
constexpr auto kReadWrite = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS);
// Takes effect when the element next goes from READY to PAUSED.
constexpr auto kWhenReady = static_cast<GParamFlags>(kReadWrite | GST_PARAM_MUTABLE_READY);
constexpr auto kWhenPlaying = static_cast<GParamFlags>(kReadWrite | GST_PARAM_MUTABLE_PLAYING);

template <class Choice>
gint as_gint(Choice choice) {
  return static_cast<gint>(choice);
}

GType register_choices(const char* name, const GEnumValue* values) {
  const GType type = g_enum_register_static(name, values);
  gst_type_mark_as_plugin_api(type, static_cast<GstPluginAPIFlags>(0));
  return type;
}

}  // namespace

Config Settings::core() const {
  Config config;
  config.growth = {growth, chunk_size,
                   growth == Growth::Kind::constant ? chunk_size : chunk_size_max};
  config.max_bytes = max_size_bytes;
  config.when_full = when_full;
  return config;
}

std::string Settings::contradiction() const {
  if (!temp_template.empty() && !FileMemory::is_template(temp_template)) {
    return "temp-template (" + temp_template +
           ") does not end in XXXXXX, which is replaced to make a name; add that.";
  }
  if (low_watermark >= high_watermark) {
    return "low-watermark (" + std::to_string(low_watermark) + ") is not below high-watermark (" +
           std::to_string(high_watermark) + "); lower the one or raise the other.";
  }
  if (growth == Growth::Kind::constant || chunk_size <= chunk_size_max) return {};
  return "chunk-size (" + std::to_string(chunk_size) + ") is larger than chunk-size-max (" +
         std::to_string(chunk_size_max) + "); lower the one or raise the other.";
}

GType when_full_type() {
  static const GEnumValue values[] = {
      {as_gint(WhenFull::evict), "Drop the oldest chunk", "evict"},
      {as_gint(WhenFull::block), "Make upstream wait for the slowest running branch", "block"},
      {0, nullptr, nullptr},
  };
  static const GType type = register_choices("GstCatcherWhenFull", values);
  return type;
}

GType growth_type() {
  static const GEnumValue values[] = {
      {as_gint(Growth::Kind::constant), "Every chunk has chunk-size bytes", "constant"},
      {as_gint(Growth::Kind::linear), "Each chunk is chunk-size larger, up to chunk-size-max",
       "linear"},
      {as_gint(Growth::Kind::geometric), "Each chunk is twice as large, up to chunk-size-max",
       "geometric"},
      {0, nullptr, nullptr},
  };
  static const GType type = register_choices("GstCatcherGrowth", values);
  return type;
}

GType compact_type() {
  static const GEnumValue values[] = {
      {as_gint(Compaction::none), "Leave it in chunks", "none"},
      {as_gint(Compaction::in_place), "Before EOS is done with", "in-place"},
      {as_gint(Compaction::new_thread), "In a thread, while all goes on", "thread"},
      {0, nullptr, nullptr},
  };
  static const GType type = register_choices("GstCatcherCompact", values);
  return type;
}

GType start_from_type() {
  static const GEnumValue values[] = {
      {as_gint(StartFrom::oldest), "The oldest that is kept", "oldest"},
      {as_gint(StartFrom::edge), "What arrives next", "edge"},
      {as_gint(StartFrom::offset), "The place that start-offset names", "offset"},
      {0, nullptr, nullptr},
  };
  static const GType type = register_choices("GstCatcherStartFrom", values);
  return type;
}

GType on_evicted_type() {
  static const GEnumValue values[] = {
      {as_gint(OnEvicted::oldest), "Go on from the oldest that is kept", "oldest"},
      {as_gint(OnEvicted::edge), "Go on from the edge", "edge"},
      {as_gint(OnEvicted::error), "Post an error and stop", "error"},
      {0, nullptr, nullptr},
  };
  static const GType type = register_choices("GstCatcherOnEvicted", values);
  return type;
}

GType pull_mode_type() {
  static const GEnumValue values[] = {
      {as_gint(PullMode::automatic), "Once the length is known", "auto"},
      {as_gint(PullMode::wait), "Always; whoever asks for the length waits for the end", "wait"},
      {as_gint(PullMode::never), "Not at all", "never"},
      {0, nullptr, nullptr},
  };
  static const GType type = register_choices("GstCatcherPullMode", values);
  return type;
}

void install_common_properties(GObjectClass* klass) {
  g_object_class_install_property(
      klass, static_cast<guint>(CommonProperty::channel),
      g_param_spec_string("channel", "Channel",
                          "Name under which catchersrc finds this recording, anywhere in the "
                          "process (NULL = none)",
                          nullptr, kWhenReady));
  install_recording_properties(klass);
}

void install_recording_properties(GObjectClass* klass) {
  const Settings defaults;
  const auto add = [klass](CommonProperty id, GParamSpec* spec) {
    g_object_class_install_property(klass, static_cast<guint>(id), spec);
  };
  add(CommonProperty::max_size_bytes,
      g_param_spec_uint64("max-size-bytes", "Maximum bytes",
                          "Bytes kept; beyond, when-full decides (0 = unlimited)", 0, G_MAXINT64,
                          defaults.max_size_bytes, kWhenReady));
  add(CommonProperty::max_size_time,
      g_param_spec_uint64("max-size-time", "Maximum time",
                          "Stream time kept, in ns; at least this and at most an eighth more "
                          "(0 = unlimited). Needs a stream in TIME format",
                          0, G_MAXINT64, defaults.max_size_time, kWhenReady));
  add(CommonProperty::when_full,
      g_param_spec_enum("when-full", "When full",
                        "What to do when the limits are reached and more arrives", when_full_type(),
                        as_gint(defaults.when_full), kWhenReady));
  add(CommonProperty::read_ahead_bytes,
      g_param_spec_uint64("read-ahead-bytes", "Read-ahead bytes",
                          "Make upstream wait while more than this is caught beyond what the "
                          "furthest branch has played (0 = no limit)",
                          0, G_MAXINT64, defaults.read_ahead_bytes, kWhenReady));
  add(CommonProperty::read_ahead_time,
      g_param_spec_uint64("read-ahead-time", "Read-ahead time",
                          "The same in ns of stream time (0 = no limit)", 0, G_MAXINT64,
                          defaults.read_ahead_time, kWhenReady));
  add(CommonProperty::chunk_size,
      g_param_spec_uint64("chunk-size", "Chunk size",
                          "Bytes in the first chunk of memory; a chunk never exceeds 1/64 of "
                          "max-size-bytes",
                          1, G_MAXINT64, defaults.chunk_size, kWhenReady));
  add(CommonProperty::chunk_size_max,
      g_param_spec_uint64("chunk-size-max", "Maximum chunk size",
                          "Bytes in the largest chunk; at least chunk-size", 1, G_MAXINT64,
                          defaults.chunk_size_max, kWhenReady));
  add(CommonProperty::growth,
      g_param_spec_enum("growth", "Growth", "How chunks grow from chunk-size to chunk-size-max",
                        growth_type(), as_gint(defaults.growth), kWhenReady));
  add(CommonProperty::compact,
      g_param_spec_enum("compact", "Compact",
                        "Whether and where what is kept is moved into one piece of memory at EOS",
                        compact_type(), as_gint(defaults.compact), kWhenReady));
  add(CommonProperty::temp_template,
      g_param_spec_string("temp-template", "Temporary file template",
                          "Keep what is caught in a file without a name instead of memory. This is "
                          "where it is made; ends in XXXXXX (NULL = memory)",
                          nullptr, kWhenReady));
  add(CommonProperty::use_buffering,
      g_param_spec_boolean("use-buffering", "Use buffering",
                           "Post BUFFERING messages: how much is caught ahead of the slowest "
                           "running player",
                           defaults.use_buffering, kWhenReady));
  add(CommonProperty::low_watermark,
      g_param_spec_double("low-watermark", "Low watermark",
                          "Part of what is wanted ahead below which buffering begins", 0.0, 1.0,
                          defaults.low_watermark, kWhenReady));
  add(CommonProperty::high_watermark,
      g_param_spec_double("high-watermark", "High watermark",
                          "Part of what is wanted ahead at which buffering ends; it is 100 % of "
                          "the messages",
                          0.0, 1.0, defaults.high_watermark, kWhenReady));
  add(CommonProperty::current_level_bytes,
      g_param_spec_uint64("current-level-bytes", "Current bytes", "Bytes kept now", 0, G_MAXUINT64,
                          0, kReadOnly));
  add(CommonProperty::current_level_time,
      g_param_spec_uint64("current-level-time", "Current time",
                          "Stream time kept now, in ns (0 in BYTES format)", 0, G_MAXUINT64, 0,
                          kReadOnly));
  add(CommonProperty::stats,
      g_param_spec_boxed(
          "stats", "Statistics",
          "bytes-in, bytes-evicted, bytes-allocated, chunks, entries, and players: a list "
          "with each one's name, position, lag-bytes, lag-time, evictions and seeks",
          GST_TYPE_STRUCTURE, kReadOnly));
}

bool set_common_property(Settings& settings, guint id, const GValue* value) {
  switch (static_cast<CommonProperty>(id)) {
    case CommonProperty::channel: {
      const char* name = g_value_get_string(value);
      settings.channel = name == nullptr ? "" : name;
      return true;
    }
    case CommonProperty::max_size_bytes:
      settings.max_size_bytes = g_value_get_uint64(value);
      return true;
    case CommonProperty::max_size_time:
      settings.max_size_time = g_value_get_uint64(value);
      return true;
    case CommonProperty::when_full:
      settings.when_full = static_cast<WhenFull>(g_value_get_enum(value));
      return true;
    case CommonProperty::read_ahead_bytes:
      settings.read_ahead_bytes = g_value_get_uint64(value);
      return true;
    case CommonProperty::read_ahead_time:
      settings.read_ahead_time = g_value_get_uint64(value);
      return true;
    case CommonProperty::chunk_size: settings.chunk_size = g_value_get_uint64(value); return true;
    case CommonProperty::chunk_size_max:
      settings.chunk_size_max = g_value_get_uint64(value);
      return true;
    case CommonProperty::growth:
      settings.growth = static_cast<Growth::Kind>(g_value_get_enum(value));
      return true;
    case CommonProperty::compact:
      settings.compact = static_cast<Compaction>(g_value_get_enum(value));
      return true;
    case CommonProperty::use_buffering:
      settings.use_buffering = g_value_get_boolean(value) != FALSE;
      return true;
    case CommonProperty::low_watermark:
      settings.low_watermark = g_value_get_double(value);
      return true;
    case CommonProperty::high_watermark:
      settings.high_watermark = g_value_get_double(value);
      return true;
    case CommonProperty::temp_template: {
      const char* path = g_value_get_string(value);
      settings.temp_template = path == nullptr ? "" : path;
      return true;
    }
    default: return false;
  }
}

bool get_common_property(const Settings& settings, guint id, GValue* value) {
  switch (static_cast<CommonProperty>(id)) {
    case CommonProperty::channel:
      g_value_set_string(value, settings.channel.empty() ? nullptr : settings.channel.c_str());
      return true;
    case CommonProperty::max_size_bytes:
      g_value_set_uint64(value, settings.max_size_bytes);
      return true;
    case CommonProperty::max_size_time:
      g_value_set_uint64(value, settings.max_size_time);
      return true;
    case CommonProperty::when_full:
      g_value_set_enum(value, as_gint(settings.when_full));
      return true;
    case CommonProperty::read_ahead_bytes:
      g_value_set_uint64(value, settings.read_ahead_bytes);
      return true;
    case CommonProperty::read_ahead_time:
      g_value_set_uint64(value, settings.read_ahead_time);
      return true;
    case CommonProperty::chunk_size: g_value_set_uint64(value, settings.chunk_size); return true;
    case CommonProperty::chunk_size_max:
      g_value_set_uint64(value, settings.chunk_size_max);
      return true;
    case CommonProperty::growth: g_value_set_enum(value, as_gint(settings.growth)); return true;
    case CommonProperty::compact: g_value_set_enum(value, as_gint(settings.compact)); return true;
    case CommonProperty::use_buffering:
      g_value_set_boolean(value, settings.use_buffering ? TRUE : FALSE);
      return true;
    case CommonProperty::low_watermark:
      g_value_set_double(value, settings.low_watermark);
      return true;
    case CommonProperty::high_watermark:
      g_value_set_double(value, settings.high_watermark);
      return true;
    case CommonProperty::temp_template:
      g_value_set_string(value,
                         settings.temp_template.empty() ? nullptr : settings.temp_template.c_str());
      return true;
    default: return false;
  }
}

void install_play_properties(GObjectClass* klass) {
  const PlaySettings defaults;
  const auto add = [klass](PlayProperty id, GParamSpec* spec) {
    g_object_class_install_property(klass, static_cast<guint>(id), spec);
  };
  add(PlayProperty::start_from,
      g_param_spec_enum("start-from", "Start from", "Where playing begins", start_from_type(),
                        as_gint(defaults.start_from), kWhenReady));
  add(PlayProperty::start_offset,
      g_param_spec_int64("start-offset", "Start offset",
                         "Where playing begins with start-from=offset: ns of stream time in TIME, "
                         "bytes in BYTES; negative counts back from the edge",
                         G_MININT64, G_MAXINT64, defaults.start_offset, kWhenReady));
  add(PlayProperty::on_evicted,
      g_param_spec_enum("on-evicted", "On evicted",
                        "What to do when the wanted place is no longer kept", on_evicted_type(),
                        as_gint(defaults.on_evicted), kWhenPlaying));
  add(PlayProperty::min_latency,
      g_param_spec_uint64("min-latency", "Minimum latency",
                          "What a live stream's latency is said to be beyond upstream's, in ns", 0,
                          G_MAXINT64, defaults.min_latency, kWhenPlaying));
  add(PlayProperty::position,
      g_param_spec_int64("position", "Position",
                         "What is played next: ns of stream time in TIME, bytes in BYTES (-1 = "
                         "not known)",
                         -1, G_MAXINT64, -1, kReadOnly));
  add(PlayProperty::lag_bytes,
      g_param_spec_uint64("lag-bytes", "Lag in bytes", "How far behind the edge playing is", 0,
                          G_MAXUINT64, 0, kReadOnly));
  add(PlayProperty::lag_time,
      g_param_spec_uint64("lag-time", "Lag in time",
                          "The same in ns of stream time (0 in BYTES format)", 0, G_MAXUINT64, 0,
                          kReadOnly));
}

void install_pull_mode(GObjectClass* klass, guint id) {
  g_object_class_install_property(
      klass, id,
      g_param_spec_enum("pull-mode", "Pull mode",
                        "When downstream may pull a recording of bytes, as from a file",
                        pull_mode_type(), as_gint(PullMode::automatic), kWhenPlaying));
}

bool set_play_property(PlaySettings& settings, guint id, const GValue* value) {
  switch (static_cast<PlayProperty>(id)) {
    case PlayProperty::start_from:
      settings.start_from = static_cast<StartFrom>(g_value_get_enum(value));
      return true;
    case PlayProperty::start_offset: settings.start_offset = g_value_get_int64(value); return true;
    case PlayProperty::on_evicted:
      settings.on_evicted = static_cast<OnEvicted>(g_value_get_enum(value));
      return true;
    case PlayProperty::min_latency: settings.min_latency = g_value_get_uint64(value); return true;
    default: return false;
  }
}

void tell_latency(GstElement* element, guint id) {
  if (static_cast<PlayProperty>(id) != PlayProperty::min_latency) return;
  gst_element_post_message(element, gst_message_new_latency(GST_OBJECT_CAST(element)));
}

bool get_play_property(const PlaySettings& settings, guint id, GValue* value) {
  switch (static_cast<PlayProperty>(id)) {
    case PlayProperty::start_from:
      g_value_set_enum(value, as_gint(settings.start_from));
      return true;
    case PlayProperty::start_offset: g_value_set_int64(value, settings.start_offset); return true;
    case PlayProperty::on_evicted:
      g_value_set_enum(value, as_gint(settings.on_evicted));
      return true;
    case PlayProperty::min_latency: g_value_set_uint64(value, settings.min_latency); return true;
    default: return false;
  }
}

}  // namespace catcher::plugin
