// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a player answers LATENCY with. It is the same at the edge and in history: sinks of one
// pipeline share its latency, and stay in step only while each of them counts it in. There is no
// maximum, since what arrives is kept however late it is taken.
#include "player.hpp"

namespace catcher::plugin {

// Nobody upstream of a channel is asked through it: its recorder has asked, and so a channel beside
// its own writer is no loop.
bool Player::answer_latency(GstQuery* query, const Recording* recording) const {
  gboolean live = FALSE;
  GstClockTime least = 0;
  if (host_.ask_upstream(query)) {
    gst_query_parse_latency(query, &live, &least, nullptr);
  } else {
    std::shared_ptr<Recording> soon;
    if (recording == nullptr) soon = host_.peek_recording();
    const Recording* known = recording != nullptr ? recording : soon.get();
    const bool records = known != nullptr && known->is_live() && !known->is_finished();
    live = live_.is_live() || records ? TRUE : FALSE;
    if (live) least = known != nullptr ? known->latency() : 0;
  }
  // A sum that is no time is none that anybody can wait for.
  const GstClockTime own = settings().min_latency;
  if (live) least = own < GST_CLOCK_TIME_NONE - least ? least + own : least;
  gst_query_set_latency(query, live, least, GST_CLOCK_TIME_NONE);
  return true;
}

void Player::take_latency(GstEvent* event) {
  GstClockTime latency = 0;
  gst_event_parse_latency(event, &latency);
  live_.set_pipeline_latency(latency);
  host_.on_latency();
}

}  // namespace catcher::plugin
