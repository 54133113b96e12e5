// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How a player carries out a seek: all is checked before anything is disturbed; then downstream is
// flushed, the task is stopped, the target is set, and the task goes on from there.
#include <algorithm>
#include <utility>

#include "player.hpp"
#include "support/debug.hpp"

namespace catcher::plugin {
namespace {

Extent extent_of(const Recording& recording) {
  const GstFormat format = recording.format();
  Extent extent;
  extent.end = recording.duration(format);
  extent.edge = format == GST_FORMAT_TIME ? recording.edge_time()
                                          : static_cast<std::int64_t>(recording.edge());
  // Of a live stream that still comes, the edge.
  if (!recording.is_finished() && recording.is_live()) extent.end = extent.edge;
  return extent;
}

// An instant change is one of the rate alone, in the direction in which it goes. Nothing if so.
const char* refusal_of_instant(const Seek& seek, const GstSegment& now) {
  if (seek.format != GST_FORMAT_TIME) return "instant rate changes are for TIME";
  if (seek.start_type != GST_SEEK_TYPE_NONE || seek.stop_type != GST_SEEK_TYPE_NONE) {
    return "an instant rate change leaves start and stop alone";
  }
  constexpr auto kOthers = static_cast<GstSeekFlags>(
      GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE | GST_SEEK_FLAG_KEY_UNIT |
      GST_SEEK_FLAG_SEGMENT | GST_SEEK_FLAG_SNAP_BEFORE | GST_SEEK_FLAG_SNAP_AFTER);
  if (seek.has(kOthers))
    return "an instant rate change goes with no flags but those of trick modes";
  if ((seek.rate < 0) != (now.rate < 0)) return "an instant rate change cannot turn round";
  return nullptr;
}

}  // namespace

bool Player::seek(GstEvent* event) {
  const Seek seek = Seek::of(event);
  {
    // A pipeline hands one seek to each of its sinks, and two of them may be behind one pad. A
    // demuxer that asks for a byte again wants it again: it drops all that comes before.
    Lock lock(mutex_);
    if (seek == last_seek_ && seek.format == GST_FORMAT_TIME) return true;
  }
  const std::shared_ptr<Recording> recording = this->recording();
  const char* why = refusal(seek, recording.get());
  if (why == nullptr && !range_after(seek, range(), position(), extent_of(*recording))) {
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
  if (seek.rate < 0 && seek.format == GST_FORMAT_BYTES) {
    return "bytes are played forwards only; what demuxes them can go backwards";
  }
  if (seek.has(GST_SEEK_FLAG_INSTANT_RATE_CHANGE)) return refusal_of_instant(seek, segment());
  if (seek.counts_from_end() && !recording->is_live() && recording->duration(seek.format) < 0) {
    return "the end, from which it counts, is not known yet";
  }
  if (seek.start_type == GST_SEEK_TYPE_SET && seek.start < 0) return "its start is negative";
  return nullptr;
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
  // The recording may have gone meanwhile: then the pad begins again, or is going too.
  if (playing_ == &recording) {
    aim(seek, keeps_time);
  } else {
    placed_ = false;
  }
  over_ = false;
  ++turn_;
  task_.start();
  GST_PAD_STREAM_UNLOCK(pad_);
}

// How far it has come with what it plays now; what was pushed is played, unless it is flushed.
std::int64_t Player::stands_at(const Range& now, const Seek& seek) const {
  const auto begins = static_cast<std::int64_t>(now.segment.position);
  if (seek.format == GST_FORMAT_BYTES) return position();
  // On its way to the target of another seek.
  if (!placed_) return target_.is_start ? position() : begins;
  if (now.segment.rate < 0) return std::min(pieces_->time(), begins);
  // A decoder may be given what comes before its place.
  const std::int64_t came = time_.load(order::relaxed);  // relaxed: own value
  const bool flush = seek.has(GST_SEEK_FLAG_FLUSH);
  return std::max({came, begins, flush ? came : pieces_->until()});
}

// Only under the stream lock is it known how far the task has come.
void Player::aim(const Seek& seek, bool keeps_time) {
  const Range now = range();
  if (in_flight_ != nullptr && placed_ && !seek.has(GST_SEEK_FLAG_FLUSH)) {
    // It came on this thread, from downstream: what is on its way will be played.
    pieces_->took(*std::exchange(in_flight_, nullptr));
    moved(pieces_->offset(), pieces_->time());
  }
  const std::int64_t stands = stands_at(now, seek);
  auto range = range_after(seek, now, stands, extent_of(*playing_));
  if (!range) {
    resumes_ = placed_;
    return;
  }
  GstSegment& segment = range->segment;
  const bool flush = seek.has(GST_SEEK_FLAG_FLUSH);
  if (flush && keeps_time) segment.base = host_.base_of_seek(seek.seqnum);
  const bool turns = (seek.rate < 0) != (now.segment.rate < 0);
  if (placed_ && !over_ && !flush && !seek.moves() && !turns) {
    // It goes on where it is, only faster or slower, or to another end.
    pieces_->cut_short();
    retimes_ = true;
  } else {
    target_ = {};
    target_.is_start = false;
    // The live edge moves on: it is what comes next that is meant, not where the edge was.
    const bool to_edge = seek.rate > 0 && seek.start_type == GST_SEEK_TYPE_END && seek.start >= 0 &&
                         playing_->is_live() && !playing_->is_finished();
    target_.position = to_edge ? G_MAXINT64 : static_cast<std::int64_t>(segment.position);
    target_.snap = seek.snap();
    target_.snaps = seek.snaps();
    target_.base = Target::Base::by_seek;
    placed_ = false;
    discont_ = true;
  }
  seqnum_ = seek.seqnum;
  mark_.seeks.fetch_add(1, order::relaxed);  // relaxed: a figure
  if (seek.has(GST_SEEK_FLAG_INSTANT_RATE_CHANGE)) {
    // Everything but the rate and the trick mode stays as it is.
    segment.flags = static_cast<GstSegmentFlags>((segment.flags & GST_SEGMENT_INSTANT_FLAGS) |
                                                 (now.segment.flags & ~GST_SEGMENT_INSTANT_FLAGS));
  } else {
    tell_segment(seek, segment);
  }
  set_range(*range);
}

}  // namespace catcher::plugin
