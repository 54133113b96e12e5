// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a player does when time goes backwards: it pushes pieces from its place down to the
// segment's start, each with the stickies that held there, and never waits: all of it has been
// caught.
#include <utility>

#include "player.hpp"
#include "support/debug.hpp"

namespace catcher::plugin {
namespace {

// Of audio, unlike video, each packet is a key unit and small.
Groups groups_of(const std::vector<EventPtr>& stickies) {
  for (const EventPtr& event : stickies) {
    if (event == nullptr || GST_EVENT_TYPE(event.get()) != GST_EVENT_CAPS) continue;
    GstCaps* caps = nullptr;
    gst_event_parse_caps(event.get(), &caps);
    const GstStructure* what = gst_caps_get_structure(caps, 0);
    if (g_str_has_prefix(gst_structure_get_name(what), "audio/")) return Groups::of_a_while;
  }
  return Groups::of_one_key;
}

}  // namespace

std::unique_ptr<Pieces> Player::backward_from(const Place& place,
                                              const std::vector<EventPtr>& stickies) {
  held_from_ = playing_->events.last_at_or_before(place.offset == 0 ? 0 : place.offset - 1);
  passes_ = false;
  const auto start = static_cast<std::int64_t>(segment().start);
  const Found lowest = playing_->find(start, Timeline::Snap::before);
  const bool is_there = lowest.where == Found::Where::there && lowest.place.offset < place.offset;
  const std::uint64_t stands = is_there ? lowest.place.offset : playing_->begin();
  return pieces_backward(*slicer_, place, stands, groups_of(stickies));
}

GstFlowReturn Player::deliver_backward(const GstSegment& segment) {
  const std::uint64_t top = pieces_->offset();
  if (std::exchange(passes_, false)) {
    for (EventPtr& event : playing_->events.once_at(top)) {
      if (!send(std::move(event))) return GST_FLOW_FLUSHING;
    }
  }
  const std::uint64_t bound =
      top > held_from_ || top == 0 ? held_from_ : playing_->events.last_at_or_before(top - 1);
  Piece piece;
  switch (pieces_->cut(segment, bound, piece)) {
    case Cut::piece: break;
    case Cut::again: return GST_FLOW_OK;
    case Cut::over: return end();
    case Cut::gone: return fall_off();
  }
  if (piece.offset < held_from_) {
    held_from_ = playing_->events.last_at_or_before(piece.offset);
    EventLog::Held held = playing_->events.held_at(piece.offset);
    if (!send_stickies(held.stickies, true) || !send_stickies(held.stickies, false)) {
      return GST_FLOW_FLUSHING;
    }
  }
  const GstFlowReturn flow = push(std::move(piece));
  if (flow != GST_FLOW_OK || !placed_) return flow;
  passes_ = pieces_->offset() == held_from_ && !pieces_->is_amid();
  return flow;
}

// What is left of the segment is no longer kept: going backwards, this is the end.
GstFlowReturn Player::fall_off() {
  target_.position = time_.load(order::relaxed);  // relaxed: own value
  const GstFlowReturn flow = miss(settings().on_evicted);
  return flow == GST_FLOW_OK ? end() : flow;
}

}  // namespace catcher::plugin
