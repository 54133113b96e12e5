// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// From later to earlier. Raw audio goes back piece by piece, and the samples of a piece stay in
// their order: sinks turn them round. Packets go back group by group, and the packets of a group
// stay in their order, since a decoder needs its key unit first: it decodes a group and gives what
// came of it from back to front.
#include <algorithm>
#include <optional>

#include "pieces.hpp"

namespace catcher::plugin {
namespace {

// Packets of audio are key units, and some codecs need the packet before for each: so many go
// together that what is lost where groups meet is little.
constexpr std::int64_t kAudioGroup = 500 * static_cast<std::int64_t>(GST_MSECOND);

std::int64_t time_of(const Entry& packet) {
  return packet.pts != kNoTime ? packet.pts : packet.order;
}

class Backward final : public Pieces {
 public:
  Backward(Slicer& slicer, const Place& place, std::uint64_t lowest, Groups groups)
      : Pieces(place), slicer_(slicer), groups_(groups), entry_(place.entry) {
    slicer_.hold_from(lowest);
  }

  Cut cut(const GstSegment& segment, std::uint64_t bound, Piece& piece) override;
  void took(const Piece& piece) noexcept override;
  void put_back() noexcept override {}
  bool is_through(const GstSegment&) const noexcept override { return false; }
  bool is_amid() const noexcept override { return group_.has_value(); }
  void cut_short() noexcept override {
    // One of which nothing was pushed will be chosen again.
    if (group_ && group_->next != group_->key) leave_group();
    group_.reset();
  }

 private:
  // Packets of which the first has been chosen.
  struct Group {
    std::uint64_t key = 0, next = 0, last = 0;
    std::uint64_t offset = 0;  // of the key unit
    std::int64_t time = kNoTime;
  };

  Cut cut_frames(const GstSegment& segment, const Entry& run, std::uint64_t bound, Piece& piece);
  Cut choose_group(const GstSegment& segment, const Entry& last, std::uint64_t bound);
  Cut cut_packet(Piece& piece);
  bool goes_further_back(const Entry& key, std::uint64_t index) const;
  void leave_group() noexcept {
    entry_ = group_->key;
    group_.reset();
    if (!step_back()) offset_ = 0;
  }
  // Back to the entry before. False: there is none.
  bool step_back() noexcept {
    if (entry_ == 0) return false;
    --entry_;
    return true;
  }

  Slicer& slicer_;
  const Groups groups_;
  std::uint64_t entry_;  // the run or packet that ends at offset_; without one, offset_ is 0
  std::optional<Group> group_;
};

Cut Backward::cut(const GstSegment& segment, std::uint64_t bound, Piece& piece) {
  if (group_) return cut_packet(piece);
  const auto start = static_cast<std::int64_t>(segment.start);
  if (offset_ == 0 || time_ == kNoTime || time_ <= start) return Cut::over;
  if (offset_ <= slicer_.recording().begin()) return Cut::gone;
  const Entry* found = slicer_.entry(entry_);
  if (found == nullptr) return Cut::gone;
  const Entry entry = *found;
  if (entry.is_run()) return cut_frames(segment, entry, bound, piece);
  const Cut chosen = choose_group(segment, entry, bound);
  return chosen == Cut::piece ? cut_packet(piece) : chosen;
}

Cut Backward::cut_frames(const GstSegment& segment, const Entry& run, std::uint64_t bound,
                         Piece& piece) {
  if (offset_ <= run.offset) return step_back() ? Cut::again : Cut::over;
  const std::uint64_t kept = slicer_.recording().begin();
  const std::uint64_t first = run.offset_at(static_cast<std::int64_t>(segment.start));
  if (first >= offset_) return Cut::over;
  std::uint64_t from = std::max({first, bound, run.offset});
  if (kept > from) from = kept + (run.size - (kept - run.offset) % run.size) % run.size;
  if (from >= offset_) return Cut::gone;
  from = std::max(from, offset_ - std::min(offset_, Slicer::largest_piece(run)));
  from += (offset_ - from) % run.size;  // a bound between frames is none of ours
  // What lies in two chunks comes in two pieces, the later one first.
  while (from < offset_) {
    slicer_.stand_at(from);
    piece.buffer = slicer_.frames(run, offset_ - from);
    if (piece.buffer == nullptr) return Cut::again;  // the window has moved on
    if (slicer_.offset() == offset_) break;
    from = slicer_.offset();
  }
  piece.discont = run.time_at(offset_) != time_;
  piece.offset = piece.next_offset = from;
  piece.next_entry = entry_;
  piece.next_time = run.time_at(from);
  return Cut::piece;
}

bool Backward::goes_further_back(const Entry& key, std::uint64_t index) const {
  return groups_ == Groups::of_a_while && index != 0 && (key.flags & Entry::discont) == 0;
}

// The key unit at or before `last`, and what follows it.
Cut Backward::choose_group(const GstSegment& segment, const Entry& last, std::uint64_t bound) {
  const auto start = static_cast<std::int64_t>(segment.start);
  if (last.since_key == Entry::kNoKey || last.since_key > entry_) return Cut::over;
  std::uint64_t key = entry_ - last.since_key;
  const Entry* found = slicer_.entry(key);
  if (found == nullptr) return Cut::gone;
  Entry first = *found;
  const std::uint64_t kept = slicer_.recording().begin();
  const bool alone = (segment.flags & GST_SEGMENT_FLAG_TRICKMODE_KEY_UNITS) != 0;
  while (!alone && goes_further_back(first, key) && time_of(first) > start &&
         time_of(last) - time_of(first) < kAudioGroup) {
    const Entry* before = slicer_.entry(key - 1);
    if (before == nullptr || before->is_run() || before->since_key > key - 1) break;
    const std::uint64_t earlier = key - 1 - before->since_key;
    before = slicer_.entry(earlier);
    if (before == nullptr || before->offset < std::max(kept, bound)) break;
    key = earlier;
    first = *before;
  }
  if (first.offset < kept) return Cut::gone;
  group_ = Group{key, key, alone ? key : entry_, first.offset, time_of(first)};
  return Cut::piece;
}

Cut Backward::cut_packet(Piece& piece) {
  const Entry* found = slicer_.entry(group_->next);
  if (found == nullptr) return Cut::gone;
  const Entry packet = *found;
  slicer_.stand_at(packet.offset);
  piece.buffer = slicer_.packet(packet, group_->next);
  piece.discont = group_->next == group_->key || (packet.flags & Entry::discont) != 0;
  piece.offset = piece.next_offset = group_->offset;
  piece.next_time = group_->time;
  return piece.buffer != nullptr ? Cut::piece : Cut::gone;
}

// Of a group, once it has begun: what is left of it is not waited for by whoever asks for the
// place, or goes on from there.
void Backward::took(const Piece& piece) noexcept {
  offset_ = piece.next_offset;
  time_ = piece.next_time;
  if (!group_) return;
  if (group_->next++ == group_->last) leave_group();
}

}  // namespace

std::unique_ptr<Pieces> pieces_backward(Slicer& slicer, const Place& place, std::uint64_t lowest,
                                        Groups groups) {
  return std::make_unique<Backward>(slicer, place, lowest, groups);
}

}  // namespace catcher::plugin
