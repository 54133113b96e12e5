// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a player's pad answers about its place and its recording.
#include <algorithm>

#include "player.hpp"
#include "support/debug.hpp"

namespace catcher::plugin {
namespace {

void set_caps_result(GstQuery* query, GstCaps* caps) {
  GstCaps* filter = nullptr;
  gst_query_parse_caps(query, &filter);
  const CapsPtr result(filter == nullptr
                           ? gst_caps_ref(caps)
                           : gst_caps_intersect_full(filter, caps, GST_CAPS_INTERSECT_FIRST));
  gst_query_set_caps_result(query, result.get());
}

}  // namespace

bool answer_caps(GstQuery* query, const Recording& recording) {
  const CapsPtr caps = recording.caps(recording.edge());
  if (caps == nullptr) return false;
  set_caps_result(query, caps.get());
  return true;
}

bool Player::query(GstQuery* query) {
  const std::shared_ptr<Recording> recording = this->recording();
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_POSITION: return answer_position(query);
    case GST_QUERY_DURATION: return answer_duration(query, recording.get());
    case GST_QUERY_SEEKING: return answer_seeking(query, recording.get());
    case GST_QUERY_SEGMENT: return answer_segment(query);
    case GST_QUERY_CAPS: return answer_caps(query, recording.get());
    case GST_QUERY_LATENCY: return answer_latency(query, recording.get());
    case GST_QUERY_FORMATS: {
      if (recording == nullptr || recording->format() == GST_FORMAT_UNDEFINED) return false;
      gst_query_set_formats(query, 1, recording->format());
      return true;
    }
    case GST_QUERY_BUFFERING: {
      const std::shared_ptr<Recording> asked = recording ? recording : host_.peek_recording();
      if (asked != nullptr) answer_buffering(query, *asked);
      return asked != nullptr;
    }
    case GST_QUERY_CONVERT: {
      CapsPtr caps(gst_pad_get_current_caps(pad_));
      if (caps == nullptr && recording != nullptr) caps = recording->caps(recording->edge());
      return caps != nullptr && answer_convert(query, caps.get());
    }
    // What is pushed belongs to the rope: there is no pool to propose or to choose.
    case GST_QUERY_ALLOCATION: return false;
    default: return false;
  }
}

bool Player::answer_position(GstQuery* query) const {
  GstFormat format = GST_FORMAT_UNDEFINED;
  gst_query_parse_position(query, &format, nullptr);
  const auto recording = this->recording();
  const std::int64_t position = this->position();
  if (recording == nullptr || format != recording->format() || position < 0) return false;
  gst_query_set_position(query, format, position);
  return true;
}

bool Player::answer_duration(GstQuery* query, const Recording* recording) const {
  GstFormat format = GST_FORMAT_UNDEFINED;
  gst_query_parse_duration(query, &format, nullptr);
  if (recording == nullptr || format != recording->format()) return false;
  if (!recording->is_finished() && host_.ask_upstream(query)) return true;
  gst_query_set_duration(query, format, recording->duration(format));
  return true;
}

bool Player::answer_seeking(GstQuery* query, const Recording* recording) const {
  GstFormat format = GST_FORMAT_UNDEFINED;
  gst_query_parse_seeking(query, &format, nullptr, nullptr, nullptr);
  gst_query_set_seeking(query, format, FALSE, -1, -1);
  if (recording == nullptr || format != recording->format()) return true;
  if (format == GST_FORMAT_BYTES) {
    may_be_sought_.store(true, order::relaxed);  // relaxed: a fact
    const std::uint64_t oldest = recording->begin();
    gst_query_set_seeking(query, format, TRUE, static_cast<gint64>(oldest),
                          static_cast<gint64>(recording->edge()));
    return true;
  }
  const std::int64_t oldest = recording->oldest_time();
  const std::int64_t edge = recording->edge_time();
  if (oldest == kNoTime || edge == kNoTime) return true;
  gst_query_set_seeking(query, format, TRUE, std::max<std::int64_t>(oldest, 0),
                        std::max<std::int64_t>(edge, 0));
  return true;
}

bool Player::answer_segment(GstQuery* query) const {
  const GstSegment segment = this->segment();
  if (segment.format == GST_FORMAT_UNDEFINED) return false;
  const gint64 start =
      static_cast<gint64>(gst_segment_to_stream_time(&segment, segment.format, segment.start));
  const gint64 stop =
      GST_CLOCK_TIME_IS_VALID(segment.stop)
          ? static_cast<gint64>(gst_segment_to_stream_time(&segment, segment.format, segment.stop))
          : -1;
  gst_query_set_segment(query, segment.rate, segment.format, start, stop);
  return true;
}

// Once there are caps they are what this pad sends; before, whatever upstream could send.
bool Player::answer_caps(GstQuery* query, const Recording* recording) const {
  const CapsPtr caps(gst_pad_get_current_caps(pad_));
  if (caps == nullptr) return recording != nullptr && plugin::answer_caps(query, *recording);
  set_caps_result(query, caps.get());
  return true;
}

}  // namespace catcher::plugin
