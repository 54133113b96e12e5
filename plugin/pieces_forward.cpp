// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Bytes, frames and packets in the order in which they came.
#include <algorithm>
#include <bit>
#include <optional>

#include "pieces.hpp"

namespace catcher::plugin {
namespace {

// A demuxer that bisects takes each page in a buffer for the answer to its last seek, so that more
// than one at a time leads it astray: bytes begin in small pieces, and grow as it reads on.
constexpr std::uint64_t kFirstPiece = 4 * 1024;
constexpr std::uint64_t kPiecesBeforeGrowth = 8;

class Forward final : public Pieces {
 public:
  Forward(Slicer& slicer, const Place& place)
      : Pieces(place), slicer_(slicer), entry_(place.entry) {
    slicer_.stand_at(place.offset);
    slicer_.hold_from_here();
  }

  Cut cut(const GstSegment& segment, std::uint64_t bound, Piece& piece) override {
    const bool in_bytes = segment.format == GST_FORMAT_BYTES;
    return in_bytes ? cut_bytes(segment, bound, piece) : cut_timed(segment, bound, piece);
  }
  void took(const Piece& piece) noexcept override;
  void put_back() noexcept override { slicer_.stand_at(offset_); }
  bool is_through(const GstSegment& segment) const noexcept override;
  std::int64_t until() const noexcept override { return std::max(time_, until_); }

 private:
  Cut cut_bytes(const GstSegment& segment, std::uint64_t bound, Piece& piece);
  Cut cut_timed(const GstSegment& segment, std::uint64_t bound, Piece& piece);
  Cut cut_frames(const GstSegment& segment, std::uint64_t bound, Piece& piece);
  Cut cut_packet(const GstSegment& segment, const Entry& packet, Piece& piece);
  Cut skip_to_key(const GstSegment& segment);
  const Entry* next_entry();

  Slicer& slicer_;
  std::uint64_t entry_;                                  // the run, or the next packet
  std::optional<Entry> run_;                             // number entry_, while a run is played
  bool jumps_ = false;                                   // time does, at the beginning of the run
  std::int64_t until_ = kNoTime, next_until_ = kNoTime;  // where packets end: see until()
  std::uint64_t played_ = 0;                             // bytes
};

void Forward::took(const Piece& piece) noexcept {
  played_ += piece.next_offset - offset_;
  offset_ = piece.next_offset;
  entry_ = piece.next_entry;
  time_ = piece.next_time;
  until_ = std::max(until_, next_until_);
  jumps_ = false;
}

bool Forward::is_through(const GstSegment& segment) const noexcept {
  if (!GST_CLOCK_TIME_IS_VALID(segment.stop)) return false;
  if (segment.format == GST_FORMAT_BYTES) return offset_ >= segment.stop;
  // Of packets, later ones may still belong before the stop.
  return run_ && time_ != kNoTime && time_ >= static_cast<std::int64_t>(segment.stop);
}

Cut Forward::cut_bytes(const GstSegment& segment, std::uint64_t bound, Piece& piece) {
  if (GST_CLOCK_TIME_IS_VALID(segment.stop)) bound = std::min<std::uint64_t>(bound, segment.stop);
  if (offset_ >= bound) return Cut::over;
  const std::uint64_t most =
      std::clamp(std::bit_floor(played_ / kPiecesBeforeGrowth), kFirstPiece, kPieceBytes);
  piece.offset = offset_;
  piece.buffer = slicer_.bytes(std::min(bound - offset_, most));
  piece.next_offset = slicer_.offset();
  return piece.buffer != nullptr ? Cut::piece : Cut::gone;
}

// The run that is to be played, or the next packet. Nothing: it has left the window.
const Entry* Forward::next_entry() {
  const Entry* entry = slicer_.entry(entry_);
  if (entry != nullptr && (entry->is_run() || entry->offset == offset_)) return entry;
  // Chosen at the edge, where the next entry's number was not known for sure.
  const auto here = slicer_.recording().timeline.from_offset(offset_);
  if (!here || here->entry.offset != offset_) return nullptr;
  entry_ = here->index;
  return slicer_.entry(entry_);
}

Cut Forward::cut_timed(const GstSegment& segment, std::uint64_t bound, Piece& piece) {
  if (!run_) {
    const Entry* entry = next_entry();
    if (entry == nullptr) return Cut::gone;
    if (!entry->is_run()) {
      const bool keys_alone = (segment.flags & GST_SEGMENT_FLAG_TRICKMODE_KEY_UNITS) != 0;
      if (keys_alone && !entry->is_key()) return skip_to_key(segment);
      if (keys_alone) jumps_ = true;
      return cut_packet(segment, *entry, piece);
    }
    // Where time jumps between runs, decoders and sinks want to know.
    if (entry->pts != time_) jumps_ = true;
    run_ = *entry;
  }
  const Entry* next = slicer_.entry(entry_ + 1);
  if (next != nullptr && offset_ >= next->offset) {
    ++entry_;
    run_.reset();
    return Cut::again;
  }
  return cut_frames(segment, next != nullptr ? std::min(bound, next->offset) : bound, piece);
}

Cut Forward::cut_frames(const GstSegment& segment, std::uint64_t bound, Piece& piece) {
  const Entry& run = *run_;
  if (GST_CLOCK_TIME_IS_VALID(segment.stop)) {
    bound = std::min(bound, run.first_from(static_cast<std::int64_t>(segment.stop)));
    if (offset_ >= bound) return Cut::over;
  }
  piece.offset = offset_;
  piece.buffer = slicer_.frames(run, std::min(bound - offset_, Slicer::largest_piece(run)));
  piece.discont = jumps_;
  piece.next_offset = slicer_.offset();
  piece.next_entry = entry_;
  piece.next_time = run.time_at(piece.next_offset);
  return piece.buffer != nullptr ? Cut::piece : Cut::gone;
}

// The next key unit, or the edge if there is none yet.
Cut Forward::skip_to_key(const GstSegment& segment) {
  const Recording& recording = slicer_.recording();
  const std::uint64_t edge = recording.edge();
  const auto key = recording.timeline.key_unit(kNoTime, Timeline::Snap::after, entry_);
  if (key && key->entry.offset < edge) {
    entry_ = key->index;
    offset_ = key->entry.offset;
  } else {
    const auto last = recording.timeline.last();
    const bool passed_stop = last && GST_CLOCK_TIME_IS_VALID(segment.stop) &&
                             last->entry.order >= static_cast<std::int64_t>(segment.stop);
    if (passed_stop) return Cut::over;
    entry_ = recording.timeline.window().end;
    offset_ = edge;
  }
  slicer_.stand_at(offset_);
  return Cut::again;
}

Cut Forward::cut_packet(const GstSegment& segment, const Entry& packet, Piece& piece) {
  if (GST_CLOCK_TIME_IS_VALID(segment.stop) && packet.order != kNoTime &&
      packet.order >= static_cast<std::int64_t>(segment.stop)) {
    return Cut::over;
  }
  piece.offset = offset_;
  piece.discont = jumps_ || (packet.flags & Entry::discont) != 0;
  piece.next_entry = entry_ + 1;
  piece.next_time = packet.pts != kNoTime ? packet.pts : packet.order;
  next_until_ = piece.next_time;
  if (packet.duration != kNoDuration && next_until_ != kNoTime) {
    next_until_ += static_cast<std::int64_t>(packet.duration);
  }
  piece.buffer = slicer_.packet(packet, entry_);
  piece.next_offset = slicer_.offset();
  return piece.buffer != nullptr ? Cut::piece : Cut::gone;
}

}  // namespace

std::unique_ptr<Pieces> pieces_forward(Slicer& slicer, const Place& place) {
  return std::make_unique<Forward>(slicer, place);
}

}  // namespace catcher::plugin
