// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A seek as it was asked for, and the segment that comes of it. Pure.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <optional>

#include "core/timeline.hpp"

namespace catcher::plugin {

struct Seek {
  guint32 seqnum = GST_SEQNUM_INVALID;
  gdouble rate = 0;
  GstFormat format = GST_FORMAT_UNDEFINED;
  GstSeekFlags flags = GST_SEEK_FLAG_NONE;
  GstSeekType start_type = GST_SEEK_TYPE_NONE, stop_type = GST_SEEK_TYPE_NONE;
  gint64 start = 0, stop = 0;

  static Seek of(GstEvent* event);
  bool operator==(const Seek&) const = default;

  bool has(GstSeekFlags flag) const { return (flags & flag) != 0; }
  // Whether playing goes on from elsewhere.
  bool moves() const { return (rate > 0 ? start_type : stop_type) != GST_SEEK_TYPE_NONE; }
  bool counts_from_end() const {
    return start_type == GST_SEEK_TYPE_END || stop_type == GST_SEEK_TYPE_END;
  }
  // Without KEY_UNIT nothing of what was asked for may be missing. Backwards, the segment always
  // begins where it was asked.
  bool snaps() const { return rate > 0 && has(GST_SEEK_FLAG_KEY_UNIT); }
  Timeline::Snap snap() const;
};

// What is played of a recording, in stream time or bytes.
struct Range {
  GstSegment segment;
  // Backwards: nobody has said where it stops, so it begins where the edge was.
  bool is_open = false;

  explicit Range(GstFormat format = GST_FORMAT_UNDEFINED) { gst_segment_init(&segment, format); }
};

// How far a recording goes, in the format of the seek; below 0: not known.
struct Extent {
  std::int64_t end = -1;   // what END counts from
  std::int64_t edge = -1;  // of what is there
};

// What is played after `seek`, by whoever plays `now` and has come to `position`. Without FLUSH the
// running time goes on from there. Nothing: start and stop do not make a segment.
std::optional<Range> range_after(const Seek& seek, const Range& now, std::int64_t position,
                                 const Extent& extent);

}  // namespace catcher::plugin
