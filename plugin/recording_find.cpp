// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Where in a recording something is: by time, by byte, the oldest, the newest.
#include <algorithm>

#include "recording.hpp"
#include "support/packet_space.hpp"

namespace catcher::plugin {
namespace {

constexpr Found kEvicted{Found::Where::evicted, {}};
constexpr Found kAhead{Found::Where::ahead, {}};

Found there(const Place& place) {
  return {Found::Where::there, place};
}

}  // namespace

Place Recording::place_of(const Indexed& entry, std::uint64_t offset) const {
  const Entry& what = entry.entry;
  if (what.is_run()) return {offset, entry.index, what.time_at(offset)};
  return {offset, entry.index, what.pts != kNoTime ? what.pts : what.order};
}

std::int64_t Recording::time_at(std::uint64_t offset) const {
  if (format() != GST_FORMAT_TIME) return kNoTime;
  const auto entry = timeline.at_offset(offset);
  return entry ? place_of(*entry, offset).time : kNoTime;
}

std::int64_t Recording::oldest_time() const {
  return oldest().time;
}

Place Recording::oldest() const {
  const std::uint64_t first = begin();
  const std::int64_t hollow = hollow_from(first);
  Place place = first_unit(first);
  if (hollow != kNoTime) place.time = hollow;
  return place;
}

// Where the window begins with a hole, if it begins at `first`: it moves on while bytes are
// written, and only then is looked whether there is a hole.
std::int64_t Recording::hollow_from(std::uint64_t first) const {
  Lock lock(edge_mutex_);
  // Relaxed, both: figures.
  return hollow_at_.load(order::relaxed) == first ? hollow_from_.load(order::relaxed) : kNoTime;
}

Place Recording::first_unit(std::uint64_t first) const {
  if (format() != GST_FORMAT_TIME) return {first, 0, kNoTime};
  const auto covering = timeline.at_offset(first);
  if (covering && covering->entry.is_run()) return place_of(*covering, first);
  const auto next = timeline.from_offset(first);
  if (!next) return {edge(), timeline.window().end, edge_time()};
  if (next->entry.is_run() || next->entry.is_key()) return place_of(*next, next->entry.offset);
  // What comes before the first key unit cannot be decoded.
  const auto key = timeline.key_unit(kNoTime, Timeline::Snap::after, next->index);
  const Indexed& begins = key ? *key : *next;
  return place_of(begins, begins.entry.offset);
}

Place Recording::newest() const {
  // Of one moment: later than the end of the last run only behind a GAP.
  const auto [end, edge_now] = edge_and_time();
  if (format() != GST_FORMAT_TIME) return {end, 0, kNoTime, true};
  const auto last = timeline.last();
  if (!last) return {end, timeline.window().end, edge_now, true};
  const Entry& entry = last->entry;
  if (entry.is_run()) {
    Place place = place_of(*last, std::max(end, entry.offset));
    place.time = std::max(place.time, edge_now);
    place.at_edge = true;
    return place;
  }
  const auto key = entry.since_key == Entry::kNoKey || can_be_joined_behind(*last)
                       ? std::nullopt
                       : timeline.at(last->index - entry.since_key);
  if (key && key->offset >= begin()) {
    Place place = place_of({last->index - entry.since_key, *key}, key->offset);
    place.at_edge = true;
    if (edge_now != kNoTime) place.next_time = std::max(edge_now, place.time);
    return place;
  }
  return {entry.offset + space_of_packet(entry.size), last->index + 1, edge_now, true};
}

// Whether what comes after this packet can be decoded without it, as far as the packets before
// tell: where each is a key unit, the next will be one too.
bool Recording::can_be_joined_behind(const Indexed& packet) const {
  if (packet.entry.since_key != 0 || packet.index == timeline.window().begin) return false;
  const auto before = timeline.at(packet.index - 1);
  return !before || before->is_run() || before->is_key();
}

Found Recording::find(std::int64_t position, Timeline::Snap snap) const {
  if (format() == GST_FORMAT_TIME) return find_time(position, snap);
  const auto offset = static_cast<std::uint64_t>(std::max<std::int64_t>(position, 0));
  if (offset < begin()) return kEvicted;
  if (offset >= edge()) return kAhead;
  return there({offset, 0, kNoTime});
}

Found Recording::find_time(std::int64_t time, Timeline::Snap snap) const {
  const std::uint64_t first = begin();
  const std::int64_t hollow = hollow_from(first);
  if (hollow != kNoTime) {
    if (time < hollow) return first == 0 ? there(oldest()) : kEvicted;
    // In the hole that the window begins with: what comes next is played when its time has come.
    const Place next = first_unit(first);
    const std::int64_t over = next.offset >= edge() ? edge_time() : next.time;
    if (time < over) return there({next.offset, next.entry, time});
  }
  if (edge() <= first) return kAhead;
  const auto at = timeline.at_time(time);
  // Before all that was ever caught is the beginning; before what is kept is gone.
  if (!at) return first == 0 ? there(oldest()) : kEvicted;
  if (at->entry.is_run()) return in_run(*at, time);
  // A last packet without a duration is at the edge's time, and there.
  const bool is_of_a_packet = time == at->entry.pts;
  if (edge_time() != kNoTime && time >= edge_time() && !is_of_a_packet) return kAhead;
  const auto kept = timeline.from_offset(first);
  if (!kept) return kAhead;
  const auto key = timeline.key_unit(time, snap, kept->index);
  if (!key) {
    if (snap == Timeline::Snap::after) return kAhead;
    return at->index < kept->index ? kEvicted : there(place_of(*at, at->entry.offset));
  }
  const bool too_late = snap == Timeline::Snap::before && key->entry.pts > time;
  if (too_late && first != 0) return kEvicted;
  if (key->entry.offset >= edge()) return kAhead;
  return there(place_of(*key, key->entry.offset));
}

Found Recording::in_run(const Indexed& run, std::int64_t time) const {
  std::uint64_t offset = run.entry.offset_at(time);
  const auto next = timeline.at(run.index + 1);
  if (next && offset >= next->offset) {
    // Between two runs: what comes after the gap.
    if (next->offset >= edge()) return kAhead;
    return there(place_of({run.index + 1, *next}, next->offset));
  }
  if (offset < begin()) return kEvicted;
  if (offset >= edge()) return kAhead;
  return there(place_of(run, offset));
}

Place Recording::before(const Place& place, const Preroll& preroll) const {
  if (preroll == Preroll{}) return place;
  const std::uint64_t oldest = begin();
  Timeline::Probe entries(timeline);
  const Entry* entry = entries.at(place.entry);
  Place early = place;
  // Where something is missing a decoder begins anew, and a header belongs to what follows it.
  for (std::uint64_t index = place.entry; entry != nullptr && index != 0;) {
    const std::uint64_t packets = place.entry - index;
    if (packets >= preroll.packets && early.time <= place.time - preroll.time) break;
    if ((entry->flags & Entry::discont) != 0) break;
    entry = entries.at(--index);
    if (entry == nullptr || entry->offset < oldest) break;
    if (!entry->is_key() || (entry->flags & Entry::header) != 0) break;
    early = place_of({index, *entry}, entry->offset);
  }
  return early;
}

Place Recording::end_before(std::int64_t time) const {
  const std::uint64_t end = edge();
  const auto last = end == 0 ? std::nullopt : timeline.at_offset(end - 1);
  if (!last) return {begin(), 0, kNoTime};
  const bool all = edge_time() == kNoTime || time >= edge_time();
  auto at = all || time == kNoTime ? last : timeline.at_time(time - 1);
  if (!at) return {begin(), 0, kNoTime};
  if (at->index > last->index) at = last;
  const Entry& entry = at->entry;
  if (!entry.is_run()) return {entry.offset + space_of_packet(entry.size), at->index, time};
  std::uint64_t offset = end;
  if (const auto next = timeline.at(at->index + 1)) offset = std::min(offset, next->offset);
  if (!all) offset = std::min(offset, entry.first_from(time));
  return {offset, at->index, entry.time_at(offset)};
}

GstSegment Recording::upstream_segment(std::uint64_t offset) const {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_UNDEFINED);
  for (const EventPtr& event : events.held_at(offset).stickies) {
    if (GST_EVENT_TYPE(event.get()) == GST_EVENT_SEGMENT) {
      gst_event_copy_segment(event.get(), &segment);
    }
  }
  return segment;
}

CapsPtr Recording::caps(std::uint64_t offset) const {
  for (const EventPtr& event : events.held_at(offset).stickies) {
    if (GST_EVENT_TYPE(event.get()) != GST_EVENT_CAPS) continue;
    GstCaps* caps = nullptr;
    gst_event_parse_caps(event.get(), &caps);
    return CapsPtr(gst_caps_ref(caps));
  }
  return nullptr;
}

}  // namespace catcher::plugin
