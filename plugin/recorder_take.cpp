// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a recorder does with a buffer: its bytes into the rope, its times into the timeline, and
// then the edge. The window and upstream's lead are kept here too.
#include <algorithm>
#include <new>

#include "recorder.hpp"
#include "support/debug.hpp"
#include "support/packet_space.hpp"
#include "support/segment_math.hpp"

namespace catcher::plugin {
namespace {

// Between packets that are reordered, as video may be, a DTS that a parser has made up steps back
// by some of them.
constexpr std::int64_t kReordering = static_cast<std::int64_t>(GST_SECOND);

bool is_reordered(const Timeline::Packet& packet, std::int64_t newest) {
  return (packet.flags & Entry::key_unit) == 0 && newest - packet.dts <= kReordering;
}

// Timestamps of raw audio may be this far from what counting frames gives, before time is taken
// to have jumped: the alignment threshold of GStreamer's audio sinks.
constexpr std::int64_t kJitter = 40 * static_cast<std::int64_t>(GST_MSECOND);

// What an empty packet leaves among the bytes.
constexpr guint8 kPad = 0;

std::int64_t half_a_frame(std::uint32_t rate) {
  return static_cast<std::int64_t>(GST_SECOND / rate / 2);
}

// When it is over, as far as it says.
std::int64_t end_of(const Timeline::Packet& packet, std::int64_t start) {
  if (start == kNoTime || packet.duration == kNoDuration) return start;
  return start + static_cast<std::int64_t>(packet.duration);
}

}  // namespace

GstFlowReturn Recorder::take(GstBuffer* buffer) {
  try {
    return record(buffer);
  } catch (const std::bad_alloc&) {
    return refuse(Status::out_of_memory, gst_buffer_get_size(buffer));
  }
}

GstFlowReturn Recorder::record(GstBuffer* buffer) {
  if (own_ == nullptr) return GST_FLOW_FLUSHING;
  if (broken_) return GST_FLOW_ERROR;
  if (ended_) return GST_FLOW_EOS;
  if (own_->format() == GST_FORMAT_UNDEFINED) {
    // After a new STREAM_START the segment of before holds until another comes.
    recall_stickies([](GstEventType type) { return type == GST_EVENT_SEGMENT; });
    if (broken_) return GST_FLOW_ERROR;
  }
  if (own_->format() == GST_FORMAT_UNDEFINED) {
    GST_ELEMENT_ERROR(element_, STREAM, FORMAT, ("Data came before its segment."),
                      ("Upstream must send a SEGMENT event before the first buffer."));
    return broken();
  }
  const bool is_packet = own_->format() == GST_FORMAT_TIME && !raw_;
  if (gst_buffer_get_size(buffer) == 0 && !is_packet) {
    GST_LOG_OBJECT(pad_, "nothing in %" GST_PTR_FORMAT, static_cast<void*>(buffer));
    return GST_FLOW_OK;
  }
  if (!asked_) ask_upstream();
  const GstFlowReturn waited = wait_for_players();
  if (waited != GST_FLOW_OK) return waited;
  if (own_->format() == GST_FORMAT_BYTES) return take_bytes(buffer);
  return raw_ ? take_raw(buffer) : take_packet(buffer);
}

GstFlowReturn Recorder::take_bytes(GstBuffer* buffer) {
  const std::size_t size = gst_buffer_get_size(buffer);
  for (std::size_t done = 0; done < size;) {
    const Written written = write_some({buffer, done, size}, 1);
    if (written.flow != GST_FLOW_OK) return written.flow;
    done += written.bytes;
    own_->publish(kNoTime);
    own_->follow_window();
  }
  return GST_FLOW_OK;
}

GstFlowReturn Recorder::take_raw(GstBuffer* buffer) {
  const std::uint32_t frame = raw_->bytes_per_frame;
  const auto rate = static_cast<std::uint32_t>(GST_AUDIO_INFO_RATE(&raw_->info));
  const BufferPtr inside(gst_audio_buffer_clip(gst_buffer_ref(buffer), &segment_,
                                               static_cast<gint>(rate), static_cast<gint>(frame)));
  if (inside == nullptr) return GST_FLOW_OK;
  const std::size_t size = gst_buffer_get_size(inside.get());
  if (size % frame != 0) {
    GST_ELEMENT_ERROR(element_, STREAM, FORMAT,
                      ("A buffer of raw audio ends in the middle of a frame."),
                      ("%" G_GSIZE_FORMAT " bytes at offset %" G_GUINT64_FORMAT
                       ", and a frame has %u by the caps.",
                       size, own_->writer.offset(), frame));
    return broken();
  }
  std::int64_t start = run_start(inside.get());
  if (broken_) return GST_FLOW_ERROR;
  for (std::size_t done = 0; done < size;) {
    const std::uint64_t offset = own_->writer.offset();
    const std::int64_t begins = start != kNoTime ? start : next_time_;
    const std::size_t to = done + frames_until(begins, size - done);
    const Written written = write_some({inside.get(), done, to}, frame);
    if (written.flow != GST_FLOW_OK) return written.flow;
    if (start != kNoTime) {
      const Status added = own_->timeline.append_run(start, offset, frame, rate);
      if (added == Status::bad_argument) {
        return runs_backwards({offset, start, own_->timeline.last()->entry.order}, "PTS");
      }
      if (added != Status::ok) return refuse(added, size);
      start = kNoTime;
      new_run_ = false;
    }
    done += written.bytes;
    const auto run = own_->timeline.last();
    next_time_ = run->entry.time_at(own_->writer.offset());
    own_->publish(next_time_);
    window_.wrote({offset, begins, next_time_, begins});
    const GstFlowReturn kept = keep_window(next_time_);
    if (kept != GST_FLOW_OK) return kept;
  }
  return GST_FLOW_OK;
}

// How much of `bytes`, which begin at this time, a chunk may hold that the window can let go of in
// time: whole frames, one at least.
std::size_t Recorder::frames_until(std::int64_t time, std::size_t bytes) {
  if (!window_.is_on()) return bytes;
  const auto rate = static_cast<std::uint64_t>(GST_AUDIO_INFO_RATE(&raw_->info));
  const std::int64_t reach =
      window_.make_place(time, time + static_cast<std::int64_t>(GST_SECOND / rate) + 1);
  const std::uint64_t frames =
      gst_util_uint64_scale(static_cast<std::uint64_t>(reach - time), rate, GST_SECOND);
  const std::uint64_t wanted = bytes / raw_->bytes_per_frame;
  return std::clamp<std::uint64_t>(frames, 1, wanted) * raw_->bytes_per_frame;
}

// When the run begins that this buffer begins; kNoTime if it goes on with the last one.
std::int64_t Recorder::run_start(GstBuffer* buffer) {
  const std::int64_t time = stream_time_of(segment_, GST_BUFFER_PTS(buffer));
  const auto half = half_a_frame(static_cast<std::uint32_t>(GST_AUDIO_INFO_RATE(&raw_->info)));
  const std::int64_t expected = next_time_ != kNoTime ? next_time_ : 0;
  if (time == kNoTime) return new_run_ ? expected : kNoTime;

  if (last_pts_ != kNoTime && time < last_pts_ - half) {
    runs_backwards({own_->writer.offset(), time, last_pts_}, "PTS");
    return kNoTime;
  }
  last_pts_ = time;
  const std::int64_t off = std::abs(time - expected);
  // A new format goes on where the old one ended, unless its time says otherwise.
  if (next_time_ != kNoTime && off <= half) return new_run_ ? expected : kNoTime;
  const bool jumps = off >= kJitter || GST_BUFFER_IS_DISCONT(buffer);
  return new_run_ || jumps ? time : kNoTime;
}

GstFlowReturn Recorder::take_packet(GstBuffer* buffer) {
  const std::size_t size = gst_buffer_get_size(buffer);
  // The head must not leave the window before the tail is in: a chunk or two are for the rest.
  const std::uint64_t most = settings_.max_size_bytes - settings_.max_size_bytes / 32;
  if ((settings_.max_size_bytes != 0 && size > most) || size > G_MAXUINT32) {
    GST_ELEMENT_ERROR(element_, RESOURCE, NO_SPACE_LEFT,
                      ("A packet does not fit into what may be kept."),
                      ("It has %" G_GSIZE_FORMAT " bytes; raise max-size-bytes (%" G_GUINT64_FORMAT
                       ") to a multiple of that.",
                       size, settings_.max_size_bytes));
    return broken();
  }
  // Large ones get a chunk of their own, in one piece, if the window has room for such chunks.
  const std::uint64_t largest = settings_.core().growth.max;
  const bool whole =
      size >= largest && (settings_.max_size_bytes == 0 ||
                          size <= settings_.max_size_bytes / RopeConfig::kChunksPerWindow);
  Timeline::Packet packet;
  packet.offset = own_->writer.offset();
  packet.size = static_cast<std::uint32_t>(size);
  packet.pts = stream_time_of(segment_, GST_BUFFER_PTS(buffer));
  packet.dts = stream_time_of(segment_, GST_BUFFER_DTS(buffer));
  if (GST_BUFFER_DURATION_IS_VALID(buffer)) packet.duration = GST_BUFFER_DURATION(buffer);
  if (!GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_DELTA_UNIT)) packet.flags |= Entry::key_unit;
  if (GST_BUFFER_IS_DISCONT(buffer)) packet.flags |= Entry::discont;
  if (GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_HEADER)) packet.flags |= Entry::header;

  const std::int64_t start = packet.pts != kNoTime ? packet.pts : packet.dts;
  const std::int64_t end = end_of(packet, start);
  window_.make_place(start, end);
  window_.make_room(space_of_packet(packet.size));

  const BufferPtr pad(size == 0 ? gst_buffer_new_memdup(&kPad, sizeof kPad) : nullptr);
  GstBuffer* data = size == 0 ? pad.get() : buffer;
  const std::size_t takes = space_of_packet(packet.size);
  for (std::size_t done = 0; done < takes;) {
    const Written written = write_some({data, done, takes}, whole ? takes : 1);
    if (written.flow != GST_FLOW_OK) return written.flow;
    done += written.bytes;
  }
  packet.note = own_->extras.take(own_->timeline.window().end, buffer);
  Status added = own_->timeline.append_packet(packet);
  if (added == Status::bad_argument && is_reordered(packet, own_->timeline.last()->entry.order)) {
    packet.dts = own_->timeline.last()->entry.order;
    added = own_->timeline.append_packet(packet);
  }
  if (added == Status::bad_argument) {
    return runs_backwards({packet.offset, packet.dts, own_->timeline.last()->entry.order}, "DTS");
  }
  if (added != Status::ok) return refuse(added, size);
  if (start != kNoTime) next_time_ = std::max(next_time_, end);
  own_->publish(next_time_);
  window_.wrote({packet.offset, start, end, packet.dts});
  return keep_window(next_time_);
}

Recorder::Written Recorder::write_some(const Part& part, std::size_t at_least) {
  const bool waits = settings_.when_full == WhenFull::block;
  auto reserved = own_->writer.reserve(at_least, Wait::none());
  if (waits && reserved.status == Status::full) {
    own_->set_blocked(true);
    reserved = own_->writer.reserve(at_least, wait());
    own_->set_blocked(false);
  }
  if (reserved.status != Status::ok) return {0, refuse(reserved.status, at_least)};
  std::size_t size = std::min(part.to - part.from, reserved.space.size());
  size -= size % at_least;
  if (gst_buffer_extract(part.buffer, part.from, reserved.space.data(), size) != size) {
    return {0, refuse(Status::failed, size)};
  }
  own_->writer.commit(size);
  return {size, GST_FLOW_OK};
}

// Drops what is older than max-size-time, a chunk at a time, and what belongs to it.
GstFlowReturn Recorder::keep_window(std::int64_t edge_time) {
  const bool waits = settings_.when_full == WhenFull::block;
  const Status status = window_.keep(edge_time, waits ? wait() : Wait::none());
  if (status == Status::cancelled) return GST_FLOW_FLUSHING;
  own_->follow_window(window_.gone_by());
  return GST_FLOW_OK;
}

bool Recorder::is_far_ahead() const {
  const std::uint64_t played = own_->furthest();
  const std::uint64_t edge = own_->edge();
  if (settings_.read_ahead_bytes != 0 && edge > played &&
      edge - played > settings_.read_ahead_bytes) {
    return true;
  }
  if (settings_.read_ahead_time == 0 || edge <= played) return false;
  const std::int64_t edge_time = own_->edge_time();
  const std::int64_t played_time = own_->time_at(std::max(played, own_->begin()));
  return edge_time != kNoTime && played_time != kNoTime &&
         edge_time - played_time > static_cast<std::int64_t>(settings_.read_ahead_time);
}

GstFlowReturn Recorder::wait_for_players() {
  if (settings_.read_ahead_bytes == 0 && settings_.read_ahead_time == 0) return GST_FLOW_OK;
  return wait_while_far_ahead(wait().stop) ? GST_FLOW_OK : GST_FLOW_FLUSHING;
}

// False: stopped.
bool Recorder::wait_while_far_ahead(const std::stop_token& stop) {
  if (!is_far_ahead()) return true;
  own_->buffering.set_full(true);
  own_->buffering.update(*own_, 0);
  auto& progress = own_->progress;
  const std::stop_callback wake(stop, [&progress] { progress.notify_all(); });
  while (is_far_ahead() && !stop.stop_requested()) {
    progress.sleep_unless([&] { return stop.stop_requested() || !is_far_ahead(); }, kForever);
  }
  own_->buffering.set_full(false);
  return !is_far_ahead();
}

GstFlowReturn Recorder::runs_backwards(const Backwards& found, const char* stamp) {
  GST_ELEMENT_ERROR(element_, STREAM, FAILED, ("Time runs backwards in the stream."),
                    ("A buffer at offset %" G_GUINT64_FORMAT " has %s %" G_GINT64_FORMAT
                     " ns of stream time, after %" G_GINT64_FORMAT
                     " ns. Raw audio must come in the order of its PTS, packets in that of their "
                     "DTS; upstream must flush before it goes back.",
                     found.offset, stamp, found.time, found.before));
  return broken();
}

GstFlowReturn Recorder::refuse(Status status, std::size_t bytes) {
  const std::uint64_t offset = own_->writer.offset();
  switch (status) {
    case Status::cancelled: return GST_FLOW_FLUSHING;
    case Status::out_of_memory: post_no_memory(offset); break;
    case Status::bad_argument:
      GST_ELEMENT_ERROR(element_, RESOURCE, NO_SPACE_LEFT,
                        ("A frame does not fit into what may be kept."),
                        ("It has %" G_GSIZE_FORMAT " bytes, at offset %" G_GUINT64_FORMAT
                         "; raise max-size-bytes (%" G_GUINT64_FORMAT ") to a multiple of that.",
                         bytes, offset, settings_.max_size_bytes));
      break;
    default:
      GST_ELEMENT_ERROR(element_, STREAM, FAILED, ("A buffer could not be recorded."),
                        ("%" G_GSIZE_FORMAT " bytes at offset %" G_GUINT64_FORMAT ": %s.", bytes,
                         offset, std::string(to_string(status)).c_str()));
      break;
  }
  return broken();
}

void Recorder::post_no_memory(std::uint64_t offset) const {
  // Nothing is wrong with the file if it was the timeline that got no memory.
  const std::error_code why = memory_ == nullptr ? std::error_code() : memory_->error();
  if (!why || why == std::errc::not_enough_memory) {
    GST_ELEMENT_ERROR(element_, RESOURCE, NO_SPACE_LEFT, ("There is no memory for more."),
                      ("At offset %" G_GUINT64_FORMAT
                       ". Lower max-size-bytes, chunk-size or chunk-size-max; what was caught "
                       "can be played.",
                       offset));
    return;
  }
  if (why == std::errc::io_error) {
    GST_ELEMENT_ERROR(element_, RESOURCE, WRITE, ("The temporary file cannot be written to."),
                      ("At offset %" G_GUINT64_FORMAT
                       ": %s. Set temp-template (%s) to a place on another device; what was caught "
                       "can be played.",
                       offset, why.message().c_str(), settings_.temp_template.c_str()));
    return;
  }
  GST_ELEMENT_ERROR(element_, RESOURCE, NO_SPACE_LEFT,
                    ("There is no room for more in the temporary file."),
                    ("At offset %" G_GUINT64_FORMAT
                     ": %s. Make room where temp-template (%s) is, set it to another place, or "
                     "lower max-size-bytes; what was caught can be played.",
                     offset, why.message().c_str(), settings_.temp_template.c_str()));
}

}  // namespace catcher::plugin
