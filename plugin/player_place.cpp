// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How a player finds the place to go on from (its start, a seek's target, or what is left when that
// has gone), and begins there: stickies of then, a segment, and the reader in position.
#include <algorithm>
#include <utility>

#include "player.hpp"
#include "support/debug.hpp"
#include "support/pad_stickies.hpp"
#include "support/segment_math.hpp"

namespace catcher::plugin {
namespace {

// A branch that begins with the first data of a live stream is in step with upstream, even if
// its thread has started this much later.
constexpr GstClockTime kSlowStart = 500 * GST_MSECOND;

}  // namespace

GstFlowReturn Player::find_place() {
  const Recording& recording = *playing_;
  const auto known = [&] {
    return recording.format() != GST_FORMAT_UNDEFINED || recording.is_finished();
  };
  if (!wait_until(known)) return GST_FLOW_FLUSHING;
  // Upstream has flushed before it said anything: the stream is another recording.
  if (recording.format() == GST_FORMAT_UNDEFINED && recording.is_replaced()) return end();
  Found found{Found::Where::there, recording.past_the_end()};
  if (recording.format() != GST_FORMAT_UNDEFINED) {
    const PlaySettings settings = this->settings();
    GstFlowReturn flow = GST_FLOW_OK;
    if (target_.is_start) {
      flow = find_start(settings, found);
    } else if (segment().rate < 0) {
      return find_end(settings.on_evicted);
    } else {
      flow = find_position(target_.position, found);
    }
    if (flow == GST_FLOW_OK && found.where == Found::Where::evicted) {
      flow = replace_evicted(settings.on_evicted, found);
    }
    if (flow != GST_FLOW_OK) return flow;
  }
  return begin_at(found.place);
}

GstFlowReturn Player::find_start(const PlaySettings& settings, Found& found) {
  const Recording& recording = *playing_;
  const bool nothing_yet = !recording.has_begun();
  // Until something has come there is nothing to count from.
  if (!wait_until([&] { return recording.has_begun() || recording.is_finished(); })) {
    return GST_FLOW_FLUSHING;
  }
  found.where = Found::Where::there;
  // Where it was set to start, it has.
  switch (target_.goes_on ? StartFrom::oldest : settings.start_from) {
    case StartFrom::oldest: found.place = recording.oldest(); return GST_FLOW_OK;
    case StartFrom::edge:
      found.place = nothing_yet ? recording.oldest() : recording.newest();
      return GST_FLOW_OK;
    case StartFrom::offset: break;
  }
  std::int64_t position = settings.start_offset;
  if (position < 0) {
    const std::int64_t edge = recording.format() == GST_FORMAT_TIME
                                  ? std::max<std::int64_t>(recording.edge_time(), 0)
                                  : static_cast<std::int64_t>(recording.edge());
    position = std::max<std::int64_t>(edge + position, 0);
  }
  return find_position(position, found);
}

// A place beyond the edge is the edge itself on live; otherwise it is waited for.
GstFlowReturn Player::find_position(std::int64_t position, Found& found) {
  const Recording& recording = *playing_;
  for (;;) {
    const bool finished = recording.is_finished();
    const std::uint64_t edge = recording.edge();
    found = recording.find(position, target_.snap);
    if (found.where == Found::Where::there && !target_.snaps) {
      // What comes before the segment is for the decoder, which gives none of it.
      const CapsPtr caps = recording.caps(found.place.offset);
      found.place = recording.before(found.place, preroll_of(caps.get()));
    }
    if (found.where != Found::Where::ahead) return GST_FLOW_OK;
    if (finished || recording.is_live()) {
      found = {Found::Where::there, finished ? recording.past_the_end() : recording.newest()};
      target_.snaps = target_.snaps || !finished;
      return GST_FLOW_OK;
    }
    // Whoever waits beyond the edge has had all before it: upstream need not wait for that.
    slicer_->stand_at(edge);
    slicer_->hold_from_here();
    slicer_->set_holds_back(true);
    moved(edge, recording.edge_time());
    const auto more = [&] { return recording.edge() != edge || recording.is_finished(); };
    if (!wait_until(more)) return GST_FLOW_FLUSHING;
    // Time has passed since the seek: what comes now is to be rendered from now on.
    target_.base = Target::Base::by_place;
  }
}

// Where to begin backwards. If that has left the window there is nothing to play.
GstFlowReturn Player::find_end(OnEvicted policy) {
  const Recording& recording = *playing_;
  const Place place = recording.end_before(target_.position);
  if (place.offset <= recording.begin() && recording.begin() != 0) {
    const GstFlowReturn flow = miss(policy);
    if (flow != GST_FLOW_OK) return flow;
  }
  return begin_at(place);
}

// The wanted place is no longer kept: an error, if that is asked for.
GstFlowReturn Player::miss(OnEvicted policy) {
  const Recording& recording = *playing_;
  mark_.evictions.fetch_add(1, order::relaxed);  // relaxed: a figure
  const std::uint64_t oldest = recording.begin();
  GST_INFO_OBJECT(pad_, "place is evicted; the window begins at offset %" G_GUINT64_FORMAT, oldest);
  if (policy == OnEvicted::error) {
    GST_ELEMENT_ERROR(
        host_.element(), RESOURCE, READ, ("The wanted part of the stream is no longer kept."),
        ("Pad %s wanted %s %" G_GINT64_FORMAT ", and the window begins at offset %" G_GUINT64_FORMAT
         ". Raise max-size-bytes or max-size-time, or set on-evicted to oldest or "
         "edge.",
         mark_.name.c_str(), gst_format_get_name(recording.format()), target_.position, oldest));
    return GST_FLOW_ERROR;
  }
  return GST_FLOW_OK;
}

GstFlowReturn Player::replace_evicted(OnEvicted policy, Found& found) {
  const Recording& recording = *playing_;
  const GstFlowReturn flow = miss(policy);
  if (flow != GST_FLOW_OK) return flow;
  found.where = Found::Where::there;
  found.place = policy == OnEvicted::edge ? recording.newest() : recording.oldest();
  target_.snaps = true;
  return GST_FLOW_OK;
}

// Running time of a place that no seek has fixed. What goes on in upstream's own timing (the very
// beginning, and the edge of a live stream) keeps it, and so stays in step with what bypasses this
// element; anything else is history, and is rendered from now on.
GstClockTime Player::base_at(const Place& place) const {
  const GstClockTime now = std::max(running_time_now(host_.element()), floor_);
  const bool is_own = host_.owns_time() || !host_.is_beside_writer(*playing_);
  if (is_own || segment().rate != 1) return now;
  const GstClockTime upstream =
      running_time_of(playing_->upstream_segment(place.offset), place.time);
  if (!GST_CLOCK_TIME_IS_VALID(upstream)) return now;
  const bool live = playing_->is_live();
  const bool at_live_edge = live && place.at_edge;
  const bool at_beginning =
      place.offset == 0 && floor_ <= upstream && now <= upstream + (live ? kSlowStart : 0);
  return at_live_edge || at_beginning ? upstream : now;
}

GstFlowReturn Player::begin_at(const Place& place) {
  const Recording& recording = *playing_;
  const GstFormat format = recording.format();
  const bool timed = format == GST_FORMAT_TIME;
  // What ended before it said in which is nothing in either.
  const GstFormat played = format == GST_FORMAT_UNDEFINED ? GST_FORMAT_TIME : format;
  Range range = this->range();
  GstSegment& segment = range.segment;
  if (segment.format != played) range = Range(played);
  const bool backward = segment.rate < 0;
  Place begins = place;
  if (!timed) begins.time = static_cast<std::int64_t>(place.offset);
  const bool at_live_edge =
      timed && !backward && place.at_edge && recording.is_live() && !recording.is_finished();
  // What is only there to be decoded is not rendered.
  if (at_live_edge && place.next_time != kNoTime) begins.time = place.next_time;
  begins.time = std::max<std::int64_t>(begins.time, 0);
  if (target_.snaps && backward) {
    segment.stop = static_cast<guint64>(begins.time);
    segment.start = std::min(segment.start, segment.stop);
    segment.time = segment.start;
    segment.offset = 0;
  } else if (target_.snaps) {
    if (timed && target_.is_start) {
      // What lies before upstream's segment is there for decoders, not to be rendered.
      const GstSegment upstream = recording.upstream_segment(place.offset);
      begins.time = std::max(begins.time, static_cast<std::int64_t>(upstream.time));
    }
    segment.start = segment.time = static_cast<guint64>(begins.time);
    segment.offset = 0;
  } else {
    // Not always the segment's start: a seek without one goes on from where it is.
    begins.time = static_cast<std::int64_t>(segment.position);
  }
  // All that are at the live edge are in step with upstream, and so with each other.
  const bool in_step = at_live_edge && !host_.owns_time() && host_.is_beside_writer(recording);
  if (target_.base == Target::Base::by_place || in_step) {
    // What is at the position is rendered at the base, wherever the segment begins.
    const auto from = static_cast<guint64>(begins.time);
    if (timed) segment.offset = backward ? segment.stop - from : from - segment.start;
    segment.base = timed ? base_at(begins) : 0;
  }
  segment.position = static_cast<guint64>(begins.time);

  // Backwards, what holds just below.
  const std::uint64_t holds = backward && place.offset != 0 ? place.offset - 1 : place.offset;
  EventLog::Held held =
      recording.events.held_at(holds, place.at_edge && !backward ? begins.time : kNoTime);
  set_range(range);
  pieces_ = backward ? backward_from(place, held.stickies) : pieces_forward(*slicer_, place);
  slicer_->set_holds_back(true);
  moved(place.offset, place.time);
  live_.begin(recording, begins);
  placed_ = rushes_ = true;
  over_ = resumes_ = false;
  discont_ = true;

  // Events leave after the bytes, so that none had while these are there.
  if (place.offset < recording.begin()) return lapped();
  event_serial_ = held.next;
  event_offset_.reset();
  upstream_end_ = end_of(recording.upstream_segment(place.offset));
  if (format == GST_FORMAT_UNDEFINED && held.stickies.empty()) begin_stream();
  GST_DEBUG_OBJECT(pad_, "from offset %" G_GUINT64_FORMAT, place.offset);
  if (has_ended(pad_)) start_stream_again(held.stickies);
  const bool taken =
      send_stickies(held.stickies, true) && send_segment() && send_stickies(held.stickies, false);
  return taken ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

bool Player::send_segment() {
  retimes_ = false;
  EventPtr event = segment_event();
  GST_DEBUG_OBJECT(pad_, "%" GST_PTR_FORMAT, static_cast<void*>(event.get()));
  return send(std::move(event));
}

// The segment as it is sent: not beyond what upstream wants to be rendered, for decoders to clip.
EventPtr Player::segment_event() const {
  GstSegment segment = this->segment();
  const bool ends = segment.format == GST_FORMAT_TIME && segment.rate > 0 &&
                    GST_CLOCK_TIME_IS_VALID(upstream_end_) && upstream_end_ > segment.start;
  if (ends) segment.stop = std::min(segment.stop, upstream_end_);
  segment = shifted(segment, playing_->time_shift());
  EventPtr event(gst_event_new_segment(&segment));
  if (seqnum_ != GST_SEQNUM_INVALID) gst_event_set_seqnum(event.get(), seqnum_);
  return event;
}

// Upstream has gone before it began a stream, and downstream wants one to have an end.
void Player::begin_stream() {
  if (has_begun(pad_)) return;
  const TextPtr name(gst_pad_get_name(pad_));
  const TextPtr id(gst_pad_create_stream_id(pad_, host_.element(), name.get()));
  gst_pad_push_event(pad_, gst_event_new_stream_start(id.get()));
}

// A seek without a flush leads on behind EOS, where a pad takes nothing until a stream starts; and
// the same event, again, is none for it.
void Player::start_stream_again(const std::vector<EventPtr>& held) {
  for (const EventPtr& event : held) {
    if (GST_EVENT_TYPE(event.get()) != GST_EVENT_STREAM_START) continue;
    gst_pad_push_event(pad_, anew(event).release());
  }
}

// A thread that deactivated the pad was overtaken by one that activated it, and has made the pad
// forget what holds: that is told again, and nothing moves.
bool Player::tell_again() {
  GST_DEBUG_OBJECT(pad_, "the pad has forgotten its stickies");
  const std::uint64_t offset = pieces_->offset();
  const bool backward = segment().rate < 0;
  EventLog::Held held = playing_->events.held_at(backward && offset != 0 ? offset - 1 : offset);
  return send_stickies(held.stickies, true) && send_segment() &&
         send_stickies(held.stickies, false);
}

// Those that go before the segment, or those that go after it.
bool Player::send_stickies(std::vector<EventPtr>& held, bool before_segment) {
  for (EventPtr& event : held) {
    if (event == nullptr || GST_EVENT_TYPE(event.get()) == GST_EVENT_SEGMENT) continue;
    if ((GST_EVENT_TYPE(event.get()) < GST_EVENT_SEGMENT) != before_segment) continue;
    if (!send(std::move(event))) return false;
  }
  return true;
}

// False while flushing. What downstream makes of an event is told by the next push.
bool Player::send(EventPtr event) {
  if (GST_EVENT_IS_STICKY(event.get()) && holds(pad_, event.get())) return true;
  const std::uint64_t turn = turn_;
  gst_pad_push_event(pad_, event.release());
  return turn_ == turn && !GST_PAD_IS_FLUSHING(pad_);
}

}  // namespace catcher::plugin
