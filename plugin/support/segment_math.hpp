// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Arithmetic on segments: between a buffer's timestamps, stream time and running time. Pure.
//
// Recordings are addressed in stream time. A player's segment is kept in it too, and moved by the
// recording's time shift when it is sent: see shifted().
#pragma once

#include <gst/gst.h>

#include <cstdint>

namespace catcher::plugin {

// Signed stream time of a buffer's timestamp, below 0 for a codec's pre-roll; kNoTime if the
// segment is not in TIME or `time` is not valid.
std::int64_t stream_time_of(const GstSegment& segment, GstClockTime time);

// How far timestamps lie above stream time in what upstream sends; 0 if they lie below.
GstClockTime time_shift_of(const GstSegment& segment);

// Stream time at which what upstream sends in this segment ends; GST_CLOCK_TIME_NONE if it has no
// stop.
GstClockTime end_of(const GstSegment& upstream);

// A segment in stream time as it is sent with timestamps that are `shift` higher.
GstSegment shifted(const GstSegment& segment, GstClockTime shift);

// Running time of a stream time >= 0; GST_CLOCK_TIME_NONE outside the segment.
GstClockTime running_time_of(const GstSegment& segment, std::int64_t stream_time);

// Running time of an element now: by clock and base time when it plays, otherwise where it stands.
GstClockTime running_time_now(GstElement* element);

// A timestamp as it is sent; GST_CLOCK_TIME_NONE for kNoTime and for what would be below 0.
GstClockTime timestamp_of(std::int64_t stream_time, GstClockTime shift);

}  // namespace catcher::plugin
