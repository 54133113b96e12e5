// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How a player carries out a seek: all is checked before anything is disturbed; then downstream is
// flushed, the task is stopped, the target is set, and the task goes on from there.
#include <algorithm>

#include "player.hpp"
#include "support/debug.hpp"

namespace catcher::plugin {
namespace {

bool snaps(GstSeekFlags flags) {
  return (flags & GST_SEEK_FLAG_KEY_UNIT) != 0;
}

// Without KEY_UNIT nothing of what was asked for may be missing.
Timeline::Snap snap_of(GstSeekFlags flags) {
  if (!snaps(flags)) return Timeline::Snap::before;
  const bool before = (flags & GST_SEEK_FLAG_SNAP_BEFORE) != 0;
  const bool after = (flags & GST_SEEK_FLAG_SNAP_AFTER) != 0;
  if (before && after) return Timeline::Snap::nearest;
  return after ? Timeline::Snap::after : Timeline::Snap::before;
}

}  // namespace

bool Player::seek(GstEvent* event) {
  Seek seek;
  seek.seqnum = gst_event_get_seqnum(event);
  gst_event_parse_seek(event, &seek.rate, &seek.format, &seek.flags, &seek.start_type, &seek.start,
                       &seek.stop_type, &seek.stop);
  {
    // A pipeline hands one seek to each of its sinks, and two of them may be behind one pad. A
    // demuxer that asks for a byte again wants it again: it drops all that comes before.
    Lock lock(mutex_);
    if (seek == last_seek_ && seek.format == GST_FORMAT_TIME) return true;
  }
  const std::shared_ptr<Recording> recording = this->recording();
  const char* why = refusal(seek, recording.get());
  GstSegment segment;
  if (why == nullptr && !make_segment(seek, *recording, segment)) {
    why = "start and stop do not make a segment";
  }
  if (why != nullptr) {
    GST_INFO_OBJECT(pad_, "refusing %" GST_PTR_FORMAT ": %s", static_cast<void*>(event), why);
    return false;
  }
  {
    Lock lock(mutex_);
    if (seek == last_seek_ && seek.format == GST_FORMAT_TIME) return true;
    last_seek_ = seek;
  }
  carry_out(seek, *recording);
  return true;
}

// Nothing if the seek can be tried.
const char* Player::refusal(const Seek& seek, const Recording* recording) const {
  if (recording == nullptr || recording->format() == GST_FORMAT_UNDEFINED) {
    return "nothing has been recorded yet";
  }
  if (seek.format != recording->format()) return "the recording is in another format";
  if (seek.rate <= 0) return "only rates above 0 are played";
  if ((seek.flags & GST_SEEK_FLAG_INSTANT_RATE_CHANGE) != 0) {
    return "instant rate changes are not carried out";
  }
  const bool from_end = seek.start_type == GST_SEEK_TYPE_END || seek.stop_type == GST_SEEK_TYPE_END;
  if (from_end && !recording->is_live() && recording->duration(seek.format) < 0) {
    return "the end, from which it counts, is not known yet";
  }
  if (seek.start_type == GST_SEEK_TYPE_SET && seek.start < 0) return "its start is negative";
  return nullptr;
}

bool Player::make_segment(const Seek& seek, const Recording& recording, GstSegment& segment) const {
  segment = this->segment();
  if (segment.format != seek.format) gst_segment_init(&segment, seek.format);
  segment.position = static_cast<guint64>(std::max<std::int64_t>(position(), 0));
  // What END counts from: of a live stream that still comes, the edge.
  std::int64_t end = recording.duration(seek.format);
  if (!recording.is_finished() && recording.is_live()) {
    end = seek.format == GST_FORMAT_TIME ? recording.edge_time()
                                         : static_cast<std::int64_t>(recording.edge());
  }
  const bool from_end = seek.start_type == GST_SEEK_TYPE_END || seek.stop_type == GST_SEEK_TYPE_END;
  if (from_end && end < 0) return false;
  const auto resolve = [end](GstSeekType type, std::int64_t value, guint64 now) {
    if (type == GST_SEEK_TYPE_NONE) return now;
    if (type == GST_SEEK_TYPE_SET && value < 0) return GST_CLOCK_TIME_NONE;
    const std::int64_t from = type == GST_SEEK_TYPE_END ? end : 0;
    return static_cast<guint64>(std::max<std::int64_t>(from + value, 0));
  };
  const guint64 start = resolve(seek.start_type, seek.start, segment.start);
  const guint64 stop = resolve(seek.stop_type, seek.stop, segment.stop);
  if (GST_CLOCK_TIME_IS_VALID(stop) && start > stop) return false;
  const auto as_set = [](GstSeekType type) {
    return type == GST_SEEK_TYPE_NONE ? type : GST_SEEK_TYPE_SET;
  };
  gboolean moves = FALSE;
  return gst_segment_do_seek(&segment, seek.rate, seek.format, seek.flags, as_set(seek.start_type),
                             start, as_set(seek.stop_type), stop, &moves);
}

void Player::tell_segment(const Seek& seek, const GstSegment& segment) {
  if ((seek.flags & GST_SEEK_FLAG_SEGMENT) == 0) {
    host_.segments().leave(this);
    return;
  }
  const auto position = static_cast<std::int64_t>(segment.position);
  host_.segments().start(this, {seek.seqnum, seek.format, position});
}

void Player::carry_out(const Seek& seek, const Recording& recording) {
  const bool flush = (seek.flags & GST_SEEK_FLAG_FLUSH) != 0;
  const bool keeps_time = seek.format == GST_FORMAT_TIME && !host_.owns_time();
  GST_DEBUG_OBJECT(pad_, "seek %u to %" G_GINT64_FORMAT, seek.seqnum, seek.start);
  task_.begin(PushTask::Flush::seek);
  wake();
  if (flush) {
    GstEvent* start = gst_event_new_flush_start();
    gst_event_set_seqnum(start, seek.seqnum);
    gst_pad_push_event(pad_, start);
  }
  GST_PAD_STREAM_LOCK(pad_);
  task_.end(PushTask::Flush::seek);
  if (flush) {
    GstEvent* stop = gst_event_new_flush_stop(keeps_time ? FALSE : TRUE);
    gst_event_set_seqnum(stop, seek.seqnum);
    gst_pad_push_event(pad_, stop);
  }
  // Only now is it known how far the task has come. The recording may have gone meanwhile: then the
  // pad begins again, or is going too.
  GstSegment segment;
  if (playing_ == &recording && make_segment(seek, recording, segment)) {
    target_ = {};
    target_.is_start = false;
    // The live edge moves on: it is what comes next that is meant, not where the edge was.
    const bool to_edge = seek.start_type == GST_SEEK_TYPE_END && seek.start >= 0 &&
                         recording.is_live() && !recording.is_finished();
    target_.position = to_edge ? G_MAXINT64 : static_cast<std::int64_t>(segment.position);
    target_.snap = snap_of(seek.flags);
    target_.snaps = snaps(seek.flags);
    target_.base = Target::Base::by_seek;
    if (flush && keeps_time) segment.base = host_.base_of_seek(seek.seqnum);
    seqnum_ = seek.seqnum;
    mark_.seeks.fetch_add(1, order::relaxed);  // relaxed: a figure
    tell_segment(seek, segment);
    Lock lock(mutex_);
    segment_ = segment;
  }
  placed_ = over_ = false;
  discont_ = true;
  ++turn_;
  task_.start();
  GST_PAD_STREAM_UNLOCK(pad_);
}

}  // namespace catcher::plugin
