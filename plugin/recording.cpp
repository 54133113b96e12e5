// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a recording is made of and what it tells. Finding places in it is in recording_find.cpp.
#include "recording.hpp"

#include <algorithm>
#include <utility>

namespace catcher::plugin {

Recording::Made Recording::make(const Settings& settings, std::shared_ptr<ChunkMemory> memory) {
  std::string why = settings.contradiction();
  if (!why.empty()) return {nullptr, std::move(why)};
  Config config = settings.core();
  config.memory = std::move(memory);
  Catcher::Pushed pushed = Catcher::push(config);
  if (pushed.status != Status::ok) return {nullptr, std::move(pushed.why)};
  return {std::make_shared<Recording>(std::move(pushed), settings), {}};
}

void Recording::set_format(GstFormat format, GstClockTime time_shift) {
  time_shift_ = time_shift;
  // Release: pairs with the acquire in format().
  format_.store(format, order::release);
  changed.notify_all();
}

void Recording::publish(std::int64_t edge_time) noexcept {
  {
    Lock lock(edge_mutex_);
    edge_time_.store(edge_time, order::relaxed);  // relaxed: ordered by edge_
    // Release: pairs with the acquire in edge(); bytes, entries and events come before it.
    edge_.store(writer.offset(), order::release);
  }
  changed.notify_all();
  buffering.update(*this, 0);
}

void Recording::set_blocked(bool blocked) noexcept {
  blocked_.store(blocked, order::relaxed);  // relaxed: a wake-up follows, which orders it
  buffering.set_full(blocked);
  changed.notify_all();
  if (blocked) buffering.update(*this, 0);
}

void Recording::note_progress(std::uint64_t played) noexcept {
  if (bounds_lead_) progress.notify_all();
  buffering.update(*this, played);
}

void Recording::follow_window(std::int64_t gone_by) {
  const std::uint64_t oldest = begin();
  if (oldest != 0 && gone_by == kNoTime) set_hollow_from(kNoTime);
  timeline.drop_before(oldest);
  events.drop_before(oldest, gone_by);
  extras.drop_before(timeline.window().begin);
}

void Recording::set_hollow_from(std::int64_t time) noexcept {
  Lock lock(edge_mutex_);
  hollow_at_.store(begin(), order::relaxed);  // relaxed, both: figures
  hollow_from_.store(time, order::relaxed);
}

void Recording::finish_replaced() noexcept {
  replaced_.store(true, order::relaxed);  // relaxed: ordered by finish()
  leads_on_.store(true, order::relaxed);  // relaxed: ordered by finish()
  finish();
}

void Recording::set_next(std::shared_ptr<Recording> next) {
  {
    Lock lock(mutex_);
    std::swap(next_, next);  // what it was is let go of without the lock
  }
  leads_on_.store(true, order::relaxed);  // relaxed: ordered by changed, and next_ by mutex_
  changed.notify_all();
}

std::shared_ptr<Recording> Recording::next() const {
  Lock lock(mutex_);
  return next_;
}

void Recording::finish(bool upstream_failed) noexcept {
  if (upstream_failed) failed_.store(true, order::relaxed);  // relaxed: ordered by finish()
  writer.finish();
  changed.notify_all();
  buffering.update(*this, 0);
}

void Recording::finish_whole() noexcept {
  finish();
  if (compact_ == Compaction::none) return;
  bytes_->compact(compact_);  // what cannot be moved stays as it is
}

std::int64_t Recording::duration(GstFormat format) const {
  if (format != this->format()) return -1;
  if (!is_finished()) return upstream_duration();
  if (format == GST_FORMAT_BYTES) return static_cast<std::int64_t>(edge());
  const std::int64_t time = edge_time();
  return time == kNoTime ? -1 : std::max<std::int64_t>(time, 0);
}

void Recording::add_player(const PlayerMark* mark) {
  Lock lock(mutex_);
  players_.push_back(mark);
}

void Recording::remove_player(const PlayerMark* mark) noexcept {
  {
    Lock lock(mutex_);
    // Relaxed: its own thread has let go of it.
    furthest_ = std::max(furthest_, mark->offset.load(order::relaxed));
    std::erase(players_, mark);
  }
  progress.notify_all();
}

std::uint64_t Recording::furthest() const {
  Lock lock(mutex_);
  for (const PlayerMark* mark : players_) {
    furthest_ = std::max(furthest_, mark->offset.load(order::relaxed));  // relaxed: see PlayerMark
  }
  return furthest_;
}

GstStructure* Recording::stats() const {
  const Stats stats = bytes_->stats();
  const Window entries = timeline.window();
  const std::uint64_t edge_now = edge();
  GValue players = G_VALUE_INIT;
  g_value_init(&players, GST_TYPE_LIST);
  Lock lock(mutex_);
  for (const PlayerMark* mark : players_) {
    // Relaxed, all: figures.
    const std::uint64_t offset = mark->offset.load(order::relaxed);
    const std::int64_t time = time_at(offset);
    const std::int64_t edge_then = edge_time();
    const bool timed = format() == GST_FORMAT_TIME && time != kNoTime && edge_then != kNoTime;
    GstStructure* player = gst_structure_new(
        "player", "name", G_TYPE_STRING, mark->name.c_str(), "position", G_TYPE_INT64,
        timed ? time : static_cast<std::int64_t>(offset), "lag-bytes", G_TYPE_UINT64,
        edge_now - std::min(edge_now, offset), "lag-time", G_TYPE_UINT64,
        timed ? static_cast<std::uint64_t>(std::max<std::int64_t>(edge_then - time, 0)) : 0,
        "evictions", G_TYPE_UINT64, mark->evictions.load(order::relaxed), "seeks", G_TYPE_UINT64,
        mark->seeks.load(order::relaxed), nullptr);
    GValue value = G_VALUE_INIT;
    g_value_init(&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed(&value, player);
    gst_value_list_append_and_take_value(&players, &value);
  }
  GstStructure* all = gst_structure_new(
      "catcher-stats", "bytes-in", G_TYPE_UINT64, stats.bytes_in, "bytes-evicted", G_TYPE_UINT64,
      stats.bytes_evicted, "bytes-allocated", G_TYPE_UINT64,
      stats.bytes_allocated + timeline.allocated(), "chunks", G_TYPE_UINT64, stats.chunks,
      "entries", G_TYPE_UINT64, entries.end - entries.begin, nullptr);
  gst_structure_take_value(all, "players", &players);
  return all;
}

}  // namespace catcher::plugin
