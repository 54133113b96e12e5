// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "segment_math.hpp"

#include "core/timeline.hpp"
#include "gst_ptr.hpp"

namespace catcher::plugin {

std::int64_t stream_time_of(const GstSegment& segment, GstClockTime time) {
  if (segment.format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID(time)) return kNoTime;
  guint64 distance = 0;
  const int sign = gst_segment_to_stream_time_full(&segment, GST_FORMAT_TIME, time, &distance);
  if (sign == 0 || distance > G_MAXINT64) return kNoTime;
  return sign < 0 ? -static_cast<std::int64_t>(distance) : static_cast<std::int64_t>(distance);
}

GstClockTime time_shift_of(const GstSegment& segment) {
  if (segment.format != GST_FORMAT_TIME || !GST_CLOCK_TIME_IS_VALID(segment.time)) return 0;
  return segment.start > segment.time ? segment.start - segment.time : 0;
}

GstClockTime end_of(const GstSegment& upstream) {
  if (upstream.format != GST_FORMAT_TIME || upstream.rate < 0) return GST_CLOCK_TIME_NONE;
  return gst_segment_to_stream_time(&upstream, GST_FORMAT_TIME, upstream.stop);
}

GstSegment shifted(const GstSegment& segment, GstClockTime shift) {
  GstSegment sent = segment;
  if (segment.format != GST_FORMAT_TIME) return sent;
  sent.start += shift;
  if (GST_CLOCK_TIME_IS_VALID(sent.stop)) sent.stop += shift;
  if (GST_CLOCK_TIME_IS_VALID(sent.position)) sent.position += shift;
  return sent;
}

GstClockTime running_time_of(const GstSegment& segment, std::int64_t stream_time) {
  if (segment.format != GST_FORMAT_TIME || stream_time < 0) return GST_CLOCK_TIME_NONE;
  const guint64 position = gst_segment_position_from_stream_time(&segment, GST_FORMAT_TIME,
                                                                 static_cast<guint64>(stream_time));
  return gst_segment_to_running_time(&segment, GST_FORMAT_TIME, position);
}

GstClockTime running_time_now(GstElement* element) {
  if (GST_STATE(element) == GST_STATE_PLAYING) {
    const GstClockTime now = gst_element_get_current_running_time(element);
    if (GST_CLOCK_TIME_IS_VALID(now)) return now;
  }
  // Where the pipeline stands: its elements were told just before it knew.
  GstPtr<GstObject> top(GST_OBJECT_CAST(gst_object_ref(element)));
  while (GstObject* parent = gst_object_get_parent(top.get())) top.reset(parent);
  const GstClockTime start = gst_element_get_start_time(GST_ELEMENT_CAST(top.get()));
  return GST_CLOCK_TIME_IS_VALID(start) ? start : 0;
}

GstClockTime timestamp_of(std::int64_t stream_time, GstClockTime shift) {
  if (stream_time == kNoTime) return GST_CLOCK_TIME_NONE;
  if (stream_time >= 0) return static_cast<GstClockTime>(stream_time) + shift;
  const auto below = static_cast<GstClockTime>(-stream_time);
  return below <= shift ? shift - below : GST_CLOCK_TIME_NONE;
}

}  // namespace catcher::plugin
