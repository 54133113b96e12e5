// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "time_window.hpp"

#include <algorithm>
#include <bit>

#include "support/packet_space.hpp"

namespace catcher::plugin {
namespace {

// No chunk spans more than this part of the window.
constexpr std::int64_t kLeastChunks = 8;
// A chunk is made for half of that, and then rounded up to a power of two.
constexpr double kChunks = 16;
constexpr std::uint64_t kSmallestChunk = 1024;

}  // namespace

void TimeWindow::begin(Recording& recording, std::uint64_t span) {
  *this = {};
  recording_ = &recording;
  span_ = static_cast<std::int64_t>(span);
}

std::int64_t TimeWindow::chunk_span() const noexcept {
  return std::max<std::int64_t>(span_ / kLeastChunks - lag_, 1);
}

std::int64_t TimeWindow::make_place(std::int64_t start, std::int64_t end) {
  if (span_ == 0 || start == kNoTime) return kFar;
  if (chunk_start_ != kNoTime && end - chunk_start_ > chunk_span()) end_chunk();
  return (chunk_start_ == kNoTime ? start : chunk_start_) + chunk_span();
}

// Sixteen memories are the most that a buffer can have without a copy.
void TimeWindow::make_room(std::uint64_t size) {
  if (chunk_size_ != 0) recording_->writer.limit_chunks(std::max(chunk_size_, std::bit_ceil(size)));
}

void TimeWindow::end_chunk() {
  measure(recording_->writer.offset() - chunk_begin_);
  recording_->writer.seal();
  chunk_start_ = kNoTime;
}

// How large the next chunks are to be, by what is in the one that ends. Half as much or twice as
// much does not change it: chunks of one size are used again and again.
void TimeWindow::measure(std::uint64_t bytes) {
  const std::int64_t lasted = chunk_end_ - chunk_start_;
  if (bytes == 0 || lasted <= 0) return;
  const double wanted = static_cast<double>(bytes) * static_cast<double>(span_) /
                        (kChunks * static_cast<double>(lasted));
  // More than any chunk can have means as much as growth allows.
  const auto need = static_cast<std::uint64_t>(std::min(wanted, 0x1p62));
  const bool suits = chunk_size_ / 4 < need && need / 2 <= chunk_size_;
  if (!suits) chunk_size_ = std::max(std::bit_ceil(need), kSmallestChunk);
  recording_->writer.limit_chunks(chunk_size_);
}

void TimeWindow::wrote(const Written& piece) {
  if (span_ == 0 || piece.start == kNoTime) return;
  if (first_ == kNoTime) first_ = piece.start;
  data_over_ = kFar;
  if (piece.order != kNoTime) {
    lag_ = std::clamp<std::int64_t>(piece.start - piece.order, lag_, span_ / kLeastChunks / 2);
  }
  const std::uint64_t begin = recording_->writer.chunk_begin();
  if (chunk_start_ == kNoTime || begin != chunk_begin_) {
    if (chunk_start_ != kNoTime) measure(piece.offset - chunk_begin_);
    chunk_begin_ = begin;
    chunk_start_ = piece.start;
    chunk_end_ = piece.end;
  }
  chunk_end_ = std::max(chunk_end_, piece.end);
}

void TimeWindow::passed(std::int64_t start, std::int64_t end) {
  if (span_ == 0) return;
  if (first_ == kNoTime) first_ = start;
  if (data_over_ == kFar) data_over_ = start;
  hollow_ = true;  // unless there is something still; keep() looks
  make_place(start, end);
}

// The last one that begins at or before `time`, in the entry that does.
TimeWindow::Unit TimeWindow::unit_at(const Indexed& found, std::int64_t time) const {
  const Entry& entry = found.entry;
  const auto next = recording_->timeline.at(found.index + 1);
  if (entry.is_run()) {
    const std::uint64_t end = next ? next->offset : recording_->writer.offset();
    const std::uint64_t last = std::max(end, entry.offset + entry.size) - entry.size;
    const std::uint64_t begin = std::min(entry.offset_at(time), last);
    return {begin, begin + entry.size, entry.time_at(begin + entry.size)};
  }
  const Unit unit{entry.offset, entry.offset + space_of_packet(entry.size),
                  next ? kFar : data_over_};
  if (entry.duration == kNoDuration) return unit;
  const std::int64_t start = entry.pts != kNoTime ? entry.pts : entry.order;
  return {unit.begin, unit.end, start + static_cast<std::int64_t>(entry.duration)};
}

// When the oldest thing begins that is kept; kFar if nothing is.
std::int64_t TimeWindow::oldest() const {
  const std::uint64_t begin = recording_->begin();
  if (begin >= recording_->writer.offset()) return kFar;
  const auto covering = recording_->timeline.at_offset(begin);
  if (covering && covering->entry.is_run()) return covering->entry.time_at(begin);
  const auto next = recording_->timeline.from_offset(begin);
  if (!next) return kFar;
  return next->entry.pts != kNoTime ? next->entry.pts : next->entry.order;
}

// Whoever waits for the recorder is told that it waits for players.
Status TimeWindow::let_go(std::uint64_t before, const Wait& wait) {
  Status status = recording_->writer.evict_before(before, Wait::none());
  if (status == Status::full && wait.deadline != kNotAtAll) {
    recording_->set_blocked(true);
    status = recording_->writer.evict_before(before, wait);
    recording_->set_blocked(false);
  }
  return status;
}

Status TimeWindow::keep(std::int64_t edge_time, const Wait& wait) {
  if (span_ == 0 || edge_time == kNoTime || first_ == kNoTime) return Status::ok;
  const std::int64_t start = edge_time - span_;
  if (start < first_) return Status::ok;
  const std::int64_t cut = start - lag_;
  const auto entry = recording_->timeline.at_time(cut);
  if (entry) {
    const Unit unit = unit_at(*entry, cut);
    Status status = let_go(unit.begin, wait);
    // Nothing follows it at once: it is kept as long as the window is not too long with it.
    const std::int64_t most = span_ + span_ / kLeastChunks;
    if (status == Status::ok && unit.over <= cut && oldest() < edge_time - most) {
      status = let_go(unit.end, wait);
      hollow_ = true;
    }
    if (status == Status::cancelled) return status;
  }
  if (hollow_) {
    hollow_ = oldest() > start;
    gone_by_ = hollow_ ? start : kNoTime;
    recording_->set_hollow_from(gone_by_);
  }
  return Status::ok;
}

}  // namespace catcher::plugin
