// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a player does once it has its place: it pushes pieces and the events that came between them,
// waits at the edge, and goes on from elsewhere when the window has passed it.
#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "player.hpp"
#include "support/debug.hpp"
#include "support/pad_stickies.hpp"
#include "support/segment_math.hpp"

namespace catcher::plugin {
namespace {

// A demuxer that works by push seeks from another thread. This is longer than it takes to wake.
constexpr std::chrono::milliseconds kDemuxersSeek{50};
constexpr std::uint64_t kNowhere = std::numeric_limits<std::uint64_t>::max();

}  // namespace

GstFlowReturn Player::deliver() {
  if (resumes_) return resume();
  if (std::exchange(rested_, false) && !has_begun(pad_) && !tell_again()) return GST_FLOW_FLUSHING;
  if (retimes_ && !send_segment()) return GST_FLOW_FLUSHING;
  const GstSegment segment = this->segment();
  return segment.rate < 0 ? deliver_backward(segment) : deliver_forward(segment);
}

GstFlowReturn Player::deliver_forward(const GstSegment& segment) {
  const std::uint64_t edge = playing_->edge();
  const std::uint64_t offset = pieces_->offset();
  const std::uint64_t event = next_event();
  // A chunk that this player holds can be read although it is no longer kept; its events have gone.
  if (offset < playing_->begin()) return lapped();
  if (event <= offset) return send_event();
  if (offset >= edge) {
    if (pieces_->is_through(segment)) return end();
    return segment.rate > 1 && playing_->is_live() ? slow_down(edge) : at_edge(edge);
  }
  return deliver_piece(segment, std::min(edge, event));
}

GstFlowReturn Player::deliver_piece(const GstSegment& segment, std::uint64_t bound) {
  Piece piece;
  switch (pieces_->cut(segment, bound, piece)) {
    case Cut::piece: return push(std::move(piece));
    case Cut::again: break;
    case Cut::over: return end();
    case Cut::gone: return lapped();
  }
  return GST_FLOW_OK;
}

// The pad has a peer again. It gets a segment that says when what comes now is to be rendered.
GstFlowReturn Player::resume() {
  resumes_ = false;
  slicer_->set_holds_back(true);
  const std::int64_t time = time_.load(order::relaxed);  // relaxed: own value
  const bool timed = playing_->format() == GST_FORMAT_TIME;
  if (timed && time == kNoTime) return GST_FLOW_OK;
  target_ = {};
  target_.is_start = false;
  target_.position = timed ? time : static_cast<std::int64_t>(pieces_->offset());
  placed_ = false;
  return GST_FLOW_OK;
}

// Offset of the next event, if it is known that there is one.
std::uint64_t Player::next_event() {
  const std::uint64_t serials = playing_->events.next_serial();
  if (!event_offset_ && serials > event_serial_) {
    const auto logged = playing_->events.from(event_serial_);
    // What has left with its time is not waited for.
    event_serial_ = logged ? logged->serial : serials;
    if (logged) event_offset_ = logged->offset;
  }
  return event_offset_.value_or(kNowhere);
}

GstFlowReturn Player::send_event() {
  auto logged = playing_->events.from(event_serial_);
  event_offset_.reset();
  if (!logged) return GST_FLOW_OK;
  if (logged->offset > pieces_->offset()) {
    // The one that was to come here has left with its time.
    event_serial_ = logged->serial;
    return GST_FLOW_OK;
  }
  event_serial_ = logged->serial + 1;
  if (GST_EVENT_TYPE(logged->event.get()) == GST_EVENT_SEGMENT) {
    // Upstream's segment is behind the recording's stream time; a player has one of its own, and
    // passes on where upstream's ends.
    const GstClockTime end = end_of(playing_->upstream_segment(logged->offset));
    if (std::exchange(upstream_end_, end) == end) return GST_FLOW_OK;
    logged->event = segment_event();
  }
  const bool passes_time = GST_EVENT_TYPE(logged->event.get()) == GST_EVENT_GAP;
  if (!send(std::move(logged->event))) return GST_FLOW_FLUSHING;
  if (passes_time) {
    const std::int64_t time = time_.load(order::relaxed);  // relaxed: own value
    moved(pieces_->offset(), std::max(time, logged->time));
    live_.moved(*playing_, std::max(time, logged->time));
  }
  return GST_FLOW_OK;
}

// A live stream comes at its own pace: what has caught up with it goes on at that, not earlier than
// what was played before ends.
GstFlowReturn Player::slow_down(std::uint64_t edge) {
  const bool timed = playing_->format() == GST_FORMAT_TIME;
  const std::int64_t until = pieces_->until();
  Range range = this->range();
  GstSegment& segment = range.segment;
  // Where the window has passed the stop there is nothing to go on with.
  const bool goes_on = segment.start <= segment.stop;
  if (timed && goes_on && !playing_->is_finished() && until != kNoTime) {
    const auto position = std::clamp(static_cast<guint64>(std::max<std::int64_t>(until, 0)),
                                     segment.start, segment.stop);
    const GstClockTime ended = gst_segment_to_running_time(&segment, GST_FORMAT_TIME, position);
    segment.rate = 1;
    segment.position = position;
    segment.offset = position - segment.start;
    set_range(range);
    segment.base = std::max(ended, base_at({edge, 0, until, true}));
    set_range(range);
    retimes_ = true;
    return GST_FLOW_OK;
  }
  return at_edge(edge);
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
  live_.reach_edge(recording);
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

GstFlowReturn Player::push(Piece piece) {
  if (std::exchange(discont_, false) || piece.discont) {
    GST_BUFFER_FLAG_SET(piece.buffer.get(), GST_BUFFER_FLAG_DISCONT);
  }
  const std::uint64_t turn = turn_;
  GST_LOG_OBJECT(pad_, "pushing %" GST_PTR_FORMAT, static_cast<void*>(piece.buffer.get()));
  in_flight_ = &piece;
  const GstFlowReturn flow = gst_pad_push(pad_, piece.buffer.release());
  in_flight_ = nullptr;
  if (turn_ != turn) return GST_FLOW_OK;  // a seek has come in the meantime
  if (flow == GST_FLOW_OK) {
    pieces_->took(piece);
    moved(pieces_->offset(), pieces_->time());
    live_.moved(*playing_, pieces_->time());
  } else {
    // What was not taken is played again by whoever goes on from here.
    pieces_->put_back();
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
                           : static_cast<std::int64_t>(pieces_->offset());
  Found found;
  const GstFlowReturn flow = replace_evicted(settings().on_evicted, found);
  return flow == GST_FLOW_OK ? begin_at(found.place) : flow;
}

}  // namespace catcher::plugin
