// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "seek.hpp"

#include <algorithm>

namespace catcher::plugin {
namespace {

guint64 resolve(GstSeekType type, std::int64_t value, guint64 now, std::int64_t end) {
  if (type == GST_SEEK_TYPE_NONE) return now;
  if (type == GST_SEEK_TYPE_SET && value < 0) return GST_CLOCK_TIME_NONE;
  const std::int64_t from = type == GST_SEEK_TYPE_END ? end : 0;
  return static_cast<guint64>(std::max<std::int64_t>(from + value, 0));
}

// GST_CLOCK_TIME_NONE is the largest of all.
guint64 within(guint64 position, guint64 start, guint64 stop) {
  return std::min(std::max(position, start), stop);
}

}  // namespace

Seek Seek::of(GstEvent* event) {
  Seek seek;
  seek.seqnum = gst_event_get_seqnum(event);
  gst_event_parse_seek(event, &seek.rate, &seek.format, &seek.flags, &seek.start_type, &seek.start,
                       &seek.stop_type, &seek.stop);
  return seek;
}

Timeline::Snap Seek::snap() const {
  if (!snaps()) return Timeline::Snap::before;
  const bool before = has(GST_SEEK_FLAG_SNAP_BEFORE);
  const bool after = has(GST_SEEK_FLAG_SNAP_AFTER);
  if (before && after) return Timeline::Snap::nearest;
  return after ? Timeline::Snap::after : Timeline::Snap::before;
}

std::optional<Range> range_after(const Seek& seek, const Range& now, std::int64_t position,
                                 const Extent& extent) {
  Range range = now;
  GstSegment& segment = range.segment;
  if (segment.format != seek.format) range = Range(seek.format);
  if (seek.counts_from_end() && extent.end < 0) return std::nullopt;
  const guint64 open = GST_CLOCK_TIME_NONE;
  const guint64 start = resolve(seek.start_type, seek.start, segment.start, extent.end);
  guint64 stop =
      resolve(seek.stop_type, seek.stop, range.is_open ? open : segment.stop, extent.end);
  const auto stands = static_cast<guint64>(std::max<std::int64_t>(position, 0));
  segment.position = within(stands, segment.start, segment.stop);
  range.is_open = false;
  if (seek.rate < 0) {
    // Running time backwards counts from the stop, which must be there.
    if (extent.edge < 0) return std::nullopt;
    range.is_open = !GST_CLOCK_TIME_IS_VALID(stop);
    stop = std::min(stop, static_cast<guint64>(extent.edge));
  }
  if (start > stop) return std::nullopt;
  gboolean update = FALSE;
  // With that flag it does not take what is resolved already.
  const auto flags = static_cast<GstSeekFlags>(seek.flags & ~GST_SEEK_FLAG_INSTANT_RATE_CHANGE);
  if (!gst_segment_do_seek(&segment, seek.rate, seek.format, flags, GST_SEEK_TYPE_SET, start,
                           GST_SEEK_TYPE_SET, stop, &update)) {
    return std::nullopt;
  }
  if (!seek.moves()) segment.position = within(stands, start, stop);
  segment.offset = seek.rate > 0 ? segment.position - start : stop - segment.position;
  return range;
}

}  // namespace catcher::plugin
