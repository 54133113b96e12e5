// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "timeline.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace catcher {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kFarthest = std::numeric_limits<std::uint64_t>::max();

// A short stream pays for few entries that it does not have, a long one for few chunks.
constexpr std::uint64_t kFirstChunk = 64;
constexpr std::uint64_t kLargestChunk = 256;

RopeConfig entries_config() {
  RopeConfig config;
  config.growth = Growth::geometric(kFirstChunk, kLargestChunk);
  return config;
}

// later - earlier. Requires: earlier <= later. Any two times are less than 2^64 apart.
std::uint64_t distance(std::int64_t earlier, std::int64_t later) noexcept {
  return static_cast<std::uint64_t>(later) - static_cast<std::uint64_t>(earlier);
}

std::uint64_t apart(std::int64_t one, std::int64_t other) noexcept {
  return one < other ? distance(one, other) : distance(other, one);
}

std::int64_t add_time(std::int64_t time, std::uint64_t nanoseconds) noexcept {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  if (nanoseconds > distance(time, kLast)) return kLast;
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(time) + nanoseconds);
}

// a * b + c
std::uint64_t multiply_add(std::uint64_t a, std::uint64_t b, std::uint64_t c) noexcept {
  std::uint64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result) || __builtin_add_overflow(result, c, &result)) {
    return kFarthest;
  }
  return result;
}

// Where the bytes end that an entry is known to name.
std::uint64_t known_end(const Entry& entry) noexcept {
  return entry.is_run() ? entry.offset : multiply_add(1, entry.size, entry.offset);
}

std::int64_t key_time(const Entry& key) noexcept {
  return key.pts != kNoTime ? key.pts : key.order;
}

// The two entries between which a search ends.
struct Split {
  std::optional<Indexed> below{};  // the last one that is still below
  std::optional<Indexed> above{};  // the one after it
};

// Splits the window at the first entry that is not `below`. Starts again when the appender
// drops what it looks at: lock-free.
template <class Below>
Split split(const Timeline& timeline, const Below& below) noexcept {
  Timeline::Probe probe(timeline);
  for (;;) {
    const Window window = timeline.window();
    std::uint64_t low = window.begin;
    std::uint64_t high = window.end;
    Split found;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      const Entry* entry = probe.at(middle);
      if (entry == nullptr) break;
      if (below(*entry)) {
        found.below = Indexed{middle, *entry};
        low = middle + 1;
      } else {
        found.above = Indexed{middle, *entry};
        high = middle;
      }
    }
    if (low >= high) return found;
  }
}

// The same among key units numbered `oldest` and up. Any entry stands for its key unit,
// because their numbers rise together.
template <class Below>
Split split_keys(const Timeline& timeline, std::uint64_t oldest, const Below& below) noexcept {
  Timeline::Probe probe(timeline);
  Timeline::Probe key_probe(timeline);
  for (;;) {
    const Window window = timeline.window();
    const std::uint64_t first = std::max(window.begin, oldest);
    std::uint64_t low = first;
    std::uint64_t high = window.end;
    Split found;
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      const Entry* entry = probe.at(middle);
      if (entry == nullptr) break;
      if (entry->since_key == Entry::kNoKey || entry->since_key > middle - first) {
        low = middle + 1;
        continue;
      }
      const std::uint64_t key = middle - entry->since_key;
      if (key != middle) entry = key_probe.at(key);
      if (entry == nullptr) break;
      if (below(*entry)) {
        found.below = Indexed{key, *entry};
        low = middle + 1;
      } else {
        found.above = Indexed{key, *entry};
        high = key;
      }
    }
    if (low >= high) return found;
  }
}

}  // namespace

std::int64_t Entry::time_at(std::uint64_t at) const noexcept {
  assert(is_run());
  const std::uint64_t frames = at > offset ? (at - offset) / size : 0;
  // The rest is below 2^32, so its product is below 2^62.
  return add_time(pts, multiply_add(frames / rate, kSecond, frames % rate * kSecond / rate));
}

std::uint64_t Entry::offset_at(std::int64_t time) const noexcept {
  assert(is_run());
  if (time <= pts) return offset;
  // Frame k has begun once floor(k * 1e9 / rate) <= elapsed, so the last one that has is
  // floor(((elapsed + 1) * rate - 1) / 1e9).
  const std::uint64_t until = distance(pts, time) + 1;
  const std::uint64_t seconds = (until - 1) / kSecond;
  const std::uint64_t rest = (until - seconds * kSecond) * rate;  // 1 to 1e9 * rate: below 2^62
  return multiply_add(multiply_add(seconds, rate, (rest - 1) / kSecond), size, offset);
}

Timeline::Timeline(std::shared_ptr<ChunkMemory> memory)
    : entries_(entries_config(), std::move(memory)) {}

Status Timeline::append_run(std::int64_t time, std::uint64_t offset, std::uint32_t bytes_per_frame,
                            std::uint32_t rate, std::uint32_t flags) {
  if (bytes_per_frame == 0 || rate == 0 || time == kNoTime) return Status::bad_argument;
  if (offset < known_end(newest_)) return Status::bad_argument;
  Entry entry;
  entry.pts = time;
  entry.order = time;
  entry.offset = offset;
  entry.size = bytes_per_frame;
  entry.flags = (flags & Entry::discont) | Entry::run | Entry::key_unit;
  entry.rate = rate;
  if (continues(entry)) return Status::ok;
  if (time < newest_.order) return Status::bad_argument;
  return append(entry);
}

Status Timeline::append_packet(const Packet& packet) {
  if (packet.offset < known_end(newest_)) return Status::bad_argument;
  Entry entry;
  entry.pts = packet.pts;
  entry.order = std::max(newest_.order, packet.pts);
  entry.duration = packet.duration;
  entry.offset = packet.offset;
  entry.size = packet.size;
  entry.rate = packet.note;
  entry.flags = packet.flags & (Entry::key_unit | Entry::discont | Entry::header);
  if (packet.dts != kNoTime) {
    if (packet.dts < newest_.order) return Status::bad_argument;
    entry.order = packet.dts;
    entry.flags |= Entry::has_dts;
  }
  return append(entry);
}

bool Timeline::continues(const Entry& run) const noexcept {
  if (!newest_.is_run() || newest_.size != run.size || newest_.rate != run.rate) return false;
  if ((run.flags & Entry::discont) != 0 || (run.offset - newest_.offset) % run.size != 0) {
    return false;
  }
  return apart(newest_.time_at(run.offset), run.pts) <= kSecond / run.rate / 2;
}

Status Timeline::append(Entry entry) noexcept {
  if (entry.is_key()) {
    entry.since_key = 0;
  } else if (newest_.since_key < Entry::kNoKey - 1) {
    entry.since_key = newest_.since_key + 1;
  }
  const auto [space, status] = entries_.reserve(1);
  if (status != Status::ok) return status;
  space[0] = entry;
  entries_.commit(1);
  newest_ = entry;
  return Status::ok;
}

void Timeline::drop_before(std::uint64_t offset) noexcept {
  Probe probe(*this);
  while (entries_.chunks() > 1) {
    const std::uint64_t next = entries_.oldest_limit();
    const Entry* entry = probe.at(next);
    if (entry == nullptr || entry->offset > offset) return;
    entries_.drop_before(next);
  }
}

const Entry* Timeline::Probe::at(std::uint64_t index) noexcept {
  if (pin_ && index >= pin_.base() && index < known_end_) {
    return pin_.data() + (index - pin_.base());
  }
  const std::uint64_t end = entries_->end();
  if (index >= end) return nullptr;
  if (!pin_ || index < pin_.base() || index >= pin_.limit()) pin_ = entries_->pin(index);
  if (!pin_) return nullptr;
  known_end_ = std::min(end, pin_.limit());
  return pin_.data() + (index - pin_.base());
}

std::optional<Entry> Timeline::at(std::uint64_t index) const noexcept {
  const Entry* entry = Probe(*this).at(index);
  return entry == nullptr ? std::nullopt : std::optional<Entry>(*entry);
}

std::optional<Indexed> Timeline::last() const noexcept {
  Probe probe(*this);
  for (;;) {
    const std::uint64_t end = window().end;
    if (end == 0) return std::nullopt;
    if (const Entry* entry = probe.at(end - 1)) return Indexed{end - 1, *entry};
  }
}

std::optional<Indexed> Timeline::at_offset(std::uint64_t offset) const noexcept {
  return split(*this, [&](const Entry& entry) { return entry.offset <= offset; }).below;
}

std::optional<Indexed> Timeline::from_offset(std::uint64_t offset) const noexcept {
  return split(*this, [&](const Entry& entry) { return entry.offset < offset; }).above;
}

std::optional<Indexed> Timeline::at_time(std::int64_t time) const noexcept {
  return split(*this, [&](const Entry& entry) { return entry.order <= time; }).below;
}

std::optional<Indexed> Timeline::key_unit(std::int64_t time, Snap snap,
                                          std::uint64_t oldest) const noexcept {
  std::optional<Indexed> after;
  if (snap != Snap::before) {
    after = split_keys(*this, oldest, [&](const Entry& key) { return key_time(key) < time; }).above;
    if (snap == Snap::after) return after;
  }
  const Split at =
      split_keys(*this, oldest, [&](const Entry& key) { return key_time(key) <= time; });
  const std::optional<Indexed>& before = at.below ? at.below : at.above;
  if (!before || !after) return before ? before : after;
  const std::uint64_t back = apart(key_time(before->entry), time);
  const std::uint64_t ahead = apart(key_time(after->entry), time);
  if (back == ahead) return before->index < after->index ? before : after;
  return back < ahead ? before : after;
}

}  // namespace catcher
