// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "live_side.hpp"

#include "support/debug.hpp"

namespace catcher::plugin {
namespace {

// What scheduling may add before a player counts as one that is behind.
constexpr GstClockTime kSlack = 500 * GST_MSECOND;

}  // namespace

bool LiveSide::lags(const Recording& recording, std::int64_t time) const noexcept {
  const std::int64_t edge = recording.edge_time();
  if (edge == kNoTime || time == kNoTime || edge <= time) return false;
  // Buffers that arrive as large as upstream's latency, one in hand and one that has come.
  const GstClockTime explained = kSlack + 2 * recording.latency() +
                                 pipeline_latency_.load(order::relaxed);  // relaxed: a figure
  return static_cast<GstClockTime>(edge - time) > explained;
}

void LiveSide::begin(const Recording& recording, const Place& place) {
  if (!recording.is_live() || recording.is_finished()) return leave();
  const bool timed = recording.format() == GST_FORMAT_TIME;
  const bool behind = timed ? lags(recording, place.time) : place.offset < recording.edge();
  be(behind ? Side::history : Side::edge, recording);
}

void LiveSide::moved(const Recording& recording, std::int64_t time) {
  const Side side = side_.load(order::relaxed);  // relaxed: own value
  if (side == Side::none) return;
  be(side == Side::edge && lags(recording, time) ? Side::history : side, recording);
}

void LiveSide::reach_edge(const Recording& recording) {
  if (is_live()) be(Side::edge, recording);
}

void LiveSide::leave() noexcept {
  side_.store(Side::none, order::relaxed);  // relaxed: a fact
}

void LiveSide::be(Side side, const Recording& recording) {
  const GstClockTime latency = recording.latency();
  if (side_.load(order::relaxed) == side && told_ == latency) return;  // relaxed: own value
  GST_DEBUG_OBJECT(element_, "%s of a live stream, whose latency is %" GST_TIME_FORMAT,
                   side == Side::edge ? "at the edge" : "in the history", GST_TIME_ARGS(latency));
  side_.store(side, order::relaxed);  // relaxed: a fact
  told_ = latency;
  gst_element_post_message(element_, gst_message_new_latency(GST_OBJECT_CAST(element_)));
}

}  // namespace catcher::plugin
