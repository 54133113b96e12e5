// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a player pushes once it has its place: pieces of bytes or frames, packets, and the events
// that came between them.
#include <algorithm>
#include <bit>
#include <chrono>
#include <limits>
#include <utility>

#include "player.hpp"
#include "support/debug.hpp"
#include "support/lease_memory.hpp"
#include "support/segment_math.hpp"

namespace catcher::plugin {
namespace {

// A demuxer that bisects takes each page in a buffer for the answer to its last seek, so that more
// than one at a time leads it astray: bytes begin in small pieces, and grow as it reads on.
constexpr std::uint64_t kFirstPiece = 4 * 1024;
constexpr std::uint64_t kPiecesBeforeGrowth = 8;
// A demuxer that works by push seeks from another thread. This is longer than it takes to wake.
constexpr std::chrono::milliseconds kDemuxersSeek{50};
// The largest piece of bytes or raw audio, and of the latter also in time: what a sink holds should
// not be much more than a listener notices.
constexpr std::uint64_t kPieceBytes = 64 * 1024;
constexpr std::uint64_t kPiecesPerSecond = 4;

constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

// Of a run: the first frame whose time is at or beyond `time`.
std::uint64_t first_from(const Entry& run, std::int64_t time) {
  const std::uint64_t offset = run.offset_at(time);
  return run.time_at(offset) < time ? offset + run.size : offset;
}

std::int64_t frame_span(const Entry& run, std::uint64_t from, std::uint64_t to) {
  return run.time_at(to) - run.time_at(from);
}

}  // namespace

GstFlowReturn Player::deliver() {
  if (resumes_) return resume();
  const std::uint64_t edge = playing_->edge();
  const std::uint64_t offset = reader_->offset();
  const std::uint64_t event = next_event();
  if (event <= offset) return send_event();
  if (offset >= edge) return has_reached_stop() ? end() : at_edge(edge);

  const std::uint64_t bound = std::min(edge, event);
  Piece piece;
  const GstFlowReturn flow =
      playing_->format() == GST_FORMAT_BYTES ? next_bytes(bound, piece) : next_timed(bound, piece);
  return flow == GST_FLOW_OK && piece.buffer != nullptr ? push(std::move(piece), offset) : flow;
}

// The pad has a peer again. It gets a segment that says when what comes now is to be rendered.
GstFlowReturn Player::resume() {
  resumes_ = false;
  const std::int64_t time = time_.load(order::relaxed);  // relaxed: own value
  const bool timed = playing_->format() == GST_FORMAT_TIME;
  if (timed && time == kNoTime) return GST_FLOW_OK;
  target_ = {};
  target_.is_start = false;
  target_.position = timed ? time : static_cast<std::int64_t>(reader_->offset());
  placed_ = false;
  return GST_FLOW_OK;
}

// Offset of the next event, if it is known that there is one.
std::uint64_t Player::next_event() {
  if (!event_offset_ && playing_->events.next_serial() > event_serial_) {
    const auto logged = playing_->events.from(event_serial_);
    if (logged) {
      event_serial_ = logged->serial;
      event_offset_ = logged->offset;
    }
  }
  return event_offset_.value_or(kNowhere);
}

GstFlowReturn Player::send_event() {
  auto logged = playing_->events.from(event_serial_);
  event_offset_.reset();
  if (!logged) return GST_FLOW_OK;
  event_serial_ = logged->serial + 1;
  // Upstream's segment is behind the recording's stream time; a player has one of its own.
  if (GST_EVENT_TYPE(logged->event.get()) == GST_EVENT_SEGMENT) return GST_FLOW_OK;
  return send(std::move(logged->event)) ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

GstFlowReturn Player::at_edge(std::uint64_t edge) {
  const Recording& recording = *playing_;
  const bool finished = recording.is_finished();
  const auto more = [&] {
    return recording.edge() != edge || recording.events.next_serial() > event_serial_;
  };
  if (more()) return GST_FLOW_OK;
  if (finished) return linger() ? end() : GST_FLOW_FLUSHING;
  rushes_ = false;
  return wait_until([&] { return more() || recording.is_finished(); }) ? GST_FLOW_OK
                                                                       : GST_FLOW_FLUSHING;
}

// A demuxer that works by push asks for the length with a seek near the end, from another thread.
// One that is handed all at once may meet the end before it has sought, and takes that for the
// answer. Nothing tells whether it is about to seek, so the end waits for a moment where it may be.
bool Player::linger() {
  const auto interrupted = [this] { return task_.is_interrupted(); };
  if (!rushes_ || !may_be_sought_.load(order::relaxed)) return true;  // relaxed: a fact
  const Deadline until = Clock::now() + kDemuxersSeek;
  while (!interrupted() && playing_->changed.sleep_unless(interrupted, until)) {
  }
  return !interrupted();
}

// Whether all before the segment's stop was played, so that the edge has not to be waited at.
bool Player::has_reached_stop() const {
  const GstSegment segment = this->segment();
  if (!GST_CLOCK_TIME_IS_VALID(segment.stop)) return false;
  if (segment.format == GST_FORMAT_BYTES) return reader_->offset() >= segment.stop;
  const std::int64_t time = time_.load(order::relaxed);  // relaxed: own value
  // Of packets, later ones may still belong before the stop.
  return run_ && time != kNoTime && time >= static_cast<std::int64_t>(segment.stop);
}

GstFlowReturn Player::next_bytes(std::uint64_t bound, Piece& piece) {
  const std::uint64_t offset = reader_->offset();
  const GstSegment segment = this->segment();
  if (GST_CLOCK_TIME_IS_VALID(segment.stop)) bound = std::min<std::uint64_t>(bound, segment.stop);
  if (offset >= bound) return end();
  BufferPtr buffer(gst_buffer_new());
  const std::uint64_t most =
      std::clamp(std::bit_floor(played_ / kPiecesBeforeGrowth), kFirstPiece, kPieceBytes);
  const Status status = collect(std::min(bound - offset, most), Pieces::one, buffer.get());
  if (status != Status::ok) return lapped();
  GST_BUFFER_OFFSET(buffer.get()) = offset;
  GST_BUFFER_OFFSET_END(buffer.get()) = reader_->offset();
  piece.buffer = std::move(buffer);
  return GST_FLOW_OK;
}

// `entry_` is the run that is being played, or the next packet.
GstFlowReturn Player::next_timed(std::uint64_t bound, Piece& piece) {
  if (!run_) {
    const Entry* entry = entries_->at(entry_);
    if (entry == nullptr || (!entry->is_run() && entry->offset != reader_->offset())) {
      // Chosen at the edge, where the next entry's number was not known for sure.
      const auto here = playing_->timeline.from_offset(reader_->offset());
      if (!here || here->entry.offset != reader_->offset()) return lapped();
      entry_ = here->index;
      entry = entries_->at(entry_);
      if (entry == nullptr) return lapped();
    }
    if (!entry->is_run()) return next_packet(*entry, piece);
    // Where time jumps between runs, decoders and sinks want to know.
    if (entry->pts != time_.load(order::relaxed)) discont_ = true;  // relaxed: own value
    run_ = *entry;
  }
  const Entry* next = entries_->at(entry_ + 1);
  if (next && reader_->offset() >= next->offset) {
    ++entry_;
    run_.reset();
    return GST_FLOW_OK;
  }
  return next_frames(next ? std::min(bound, next->offset) : bound, piece);
}

GstFlowReturn Player::next_frames(std::uint64_t bound, Piece& piece) {
  const Entry& run = *run_;
  const std::uint64_t offset = reader_->offset();
  const GstSegment segment = this->segment();
  if (GST_CLOCK_TIME_IS_VALID(segment.stop)) {
    bound = std::min(bound, first_from(run, static_cast<std::int64_t>(segment.stop)));
    if (offset >= bound) return end();
  }
  const std::uint64_t per_piece = std::min<std::uint64_t>(
      kPieceBytes / run.size, std::max<std::uint64_t>(run.rate / kPiecesPerSecond, 1));
  const std::uint64_t most = std::max<std::uint64_t>(per_piece, 1) * run.size;
  BufferPtr buffer(gst_buffer_new());
  if (collect(std::min(bound - offset, most), Pieces::one, buffer.get()) != Status::ok) {
    return lapped();
  }
  const std::uint64_t next = reader_->offset();
  GST_BUFFER_PTS(buffer.get()) = timestamp_of(run.time_at(offset), playing_->time_shift());
  GST_BUFFER_DURATION(buffer.get()) = static_cast<GstClockTime>(frame_span(run, offset, next));
  piece = {std::move(buffer), run.time_at(next), entry_};
  return GST_FLOW_OK;
}

GstFlowReturn Player::next_packet(const Entry& packet, Piece& piece) {
  const GstSegment segment = this->segment();
  if (GST_CLOCK_TIME_IS_VALID(segment.stop) && packet.order != kNoTime &&
      packet.order >= static_cast<std::int64_t>(segment.stop)) {
    return end();
  }
  BufferPtr buffer(gst_buffer_new());
  GstBuffer* made = buffer.get();
  if (collect(packet.size, Pieces::all, made) != Status::ok) return lapped();
  if (!playing_->extras.give(entry_, packet.note(), made)) return lapped();
  const GstClockTime shift = playing_->time_shift();
  GST_BUFFER_PTS(made) = timestamp_of(packet.pts, shift);
  GST_BUFFER_DTS(made) = timestamp_of(packet.dts(), shift);
  if (packet.duration != kNoDuration) GST_BUFFER_DURATION(made) = packet.duration;
  if (!packet.is_key()) GST_BUFFER_FLAG_SET(made, GST_BUFFER_FLAG_DELTA_UNIT);
  if ((packet.flags & Entry::header) != 0) GST_BUFFER_FLAG_SET(made, GST_BUFFER_FLAG_HEADER);
  if ((packet.flags & Entry::discont) != 0) discont_ = true;
  piece = {std::move(buffer), packet.pts != kNoTime ? packet.pts : packet.order, entry_ + 1};
  return GST_FLOW_OK;
}

// Leases what is next: one piece of at most `size` bytes, or pieces that are `size` together.
Status Player::collect(std::uint64_t size, Pieces pieces, GstBuffer* buffer) {
  do {
    LeaseResult got = reader_->lease(static_cast<std::size_t>(size), Wait::none());
    if (got.status != Status::ok) return got.status;
    size -= got.lease.size();
    gst_buffer_append_memory(buffer, lease_memory(std::move(got.lease)));
  } while (size != 0 && pieces == Pieces::all);
  return Status::ok;
}

GstFlowReturn Player::push(Piece piece, std::uint64_t offset) {
  if (std::exchange(discont_, false)) {
    GST_BUFFER_FLAG_SET(piece.buffer.get(), GST_BUFFER_FLAG_DISCONT);
  }
  const std::uint64_t turn = turn_;
  GST_LOG_OBJECT(pad_, "pushing %" GST_PTR_FORMAT, static_cast<void*>(piece.buffer.get()));
  const GstFlowReturn flow = gst_pad_push(pad_, piece.buffer.release());
  if (turn_ != turn) return GST_FLOW_OK;  // a seek has come in the meantime
  if (flow == GST_FLOW_OK) {
    played_ += reader_->offset() - offset;
    entry_ = piece.next_entry;
    moved(piece.next_time);
  } else {
    // What was not taken is played again by whoever goes on from here.
    go_to(offset);
    discont_ = true;
  }
  return flow;
}

// The window has passed this player.
GstFlowReturn Player::lapped() {
  target_ = {};
  target_.is_start = false;
  const bool timed = playing_->format() == GST_FORMAT_TIME;
  target_.position = timed ? time_.load(order::relaxed)  // relaxed: own value
                           : static_cast<std::int64_t>(reader_->offset());
  Found found;
  const GstFlowReturn flow = replace_evicted(settings().on_evicted, found);
  return flow == GST_FLOW_OK ? begin_at(found.place) : flow;
}

}  // namespace catcher::plugin
