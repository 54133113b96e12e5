// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Whether a pad can be pulled, and what it answers while it is.
#include "puller.hpp"

#include "support/push_task.hpp"

namespace catcher::plugin {

// In bytes, or with `wait` nothing else yet.
bool Puller::may_pull() const {
  const PullMode mode = host_.pull_mode();
  if (mode == PullMode::never) return false;
  std::shared_ptr<Recording> recording = this->recording();
  if (recording == nullptr) recording = host_.peek_recording();
  if (recording == nullptr) return mode == PullMode::wait;
  const GstFormat format = recording->format();
  if (mode == PullMode::wait) return format != GST_FORMAT_TIME;
  return format == GST_FORMAT_BYTES && recording->is_finished();
}

bool Puller::query(GstQuery* query) {
  if (GST_QUERY_TYPE(query) == GST_QUERY_SCHEDULING) {
    answer_scheduling(query);
    return true;
  }
  if (!is_active()) return false;
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_DURATION: return answer_duration(query);
    case GST_QUERY_SEEKING: return answer_seeking(query);
    case GST_QUERY_POSITION: {
      GstFormat format = GST_FORMAT_UNDEFINED;
      gst_query_parse_position(query, &format, nullptr);
      const std::int64_t position = this->position();
      if (format != GST_FORMAT_BYTES || position < 0) return false;
      gst_query_set_position(query, format, position);
      return true;
    }
    case GST_QUERY_BUFFERING: {
      const std::shared_ptr<Recording> recording = this->recording();
      if (recording != nullptr) answer_buffering(query, *recording);
      return recording != nullptr;
    }
    case GST_QUERY_FORMATS: gst_query_set_formats(query, 1, GST_FORMAT_BYTES); return true;
    case GST_QUERY_CAPS: {
      const std::shared_ptr<Recording> recording = this->recording();
      return recording != nullptr && answer_caps(query, *recording);
    }
    default: return false;
  }
}

void Puller::answer_scheduling(GstQuery* query) const {
  gst_query_set_scheduling(query, GST_SCHEDULING_FLAG_SEEKABLE, 1, -1, 0);
  gst_query_add_scheduling_mode(query, GST_PAD_MODE_PUSH);
  // A demuxer that is plugged while a buffer is pushed would have to be pulled at once.
  if (may_pull() && !is_pushing_thread(pad_))
    gst_query_add_scheduling_mode(query, GST_PAD_MODE_PULL);
}

bool Puller::answer_duration(GstQuery* query) {
  GstFormat format = GST_FORMAT_UNDEFINED;
  gst_query_parse_duration(query, &format, nullptr);
  if (format != GST_FORMAT_BYTES) return false;
  const bool waits = host_.pull_mode() == PullMode::wait;
  std::shared_ptr<Recording> recording = waits ? await_recording() : this->recording();
  if (recording == nullptr && !waits) recording = host_.peek_recording();
  if (recording == nullptr) return false;
  if (waits && !await_length(*recording)) return false;
  if (!recording->is_finished() && host_.ask_upstream(query)) return true;
  // What ended before it said in which format is nothing, in bytes too.
  const bool is_empty = recording->is_finished() && recording->format() == GST_FORMAT_UNDEFINED;
  gst_query_set_duration(query, format, is_empty ? 0 : recording->duration(format));
  return true;
}

// False: interrupted. Whoever waits for the end wants all that comes, so upstream may run ahead.
bool Puller::await_length(Recording& recording) {
  for (;;) {
    const std::uint64_t edge = recording.edge();
    if (is_interrupted()) return false;
    if (recording.is_finished()) return true;
    if (recording.is_blocked()) return outgrown(recording);
    if (recording.bounds_lead()) moved(recording, edge);
    const auto due = [&] {
      return is_interrupted() || recording.is_finished() || recording.is_blocked() ||
             (recording.bounds_lead() && recording.edge() != edge);
    };
    recording.changed.sleep_unless(due, kForever);
  }
}

// Upstream waits for a player, and whoever wants the length would wait for upstream.
bool Puller::outgrown(const Recording& recording) {
  if (!is_first_error()) return false;
  GST_ELEMENT_ERROR(host_.element(), RESOURCE, NO_SPACE_LEFT,
                    ("The stream is longer than what may be kept."),
                    ("Pad %s waits for its length, and upstream waits at offset %" G_GUINT64_FORMAT
                     " for players. Raise max-size-bytes, or set pull-mode to auto or never.",
                     mark_.name.c_str(), recording.edge()));
  return false;
}

bool Puller::answer_seeking(GstQuery* query) {
  GstFormat format = GST_FORMAT_UNDEFINED;
  gst_query_parse_seeking(query, &format, nullptr, nullptr, nullptr);
  const std::shared_ptr<Recording> recording = this->recording();
  const bool is = format == GST_FORMAT_BYTES;
  const std::uint64_t begin = recording == nullptr ? 0 : recording->begin();
  const bool ended = recording != nullptr && recording->is_finished();
  // Bytes that are still to come can be asked for too.
  const std::int64_t end = ended ? static_cast<std::int64_t>(recording->edge()) : -1;
  gst_query_set_seeking(query, format, is, is ? static_cast<gint64>(begin) : -1, is ? end : -1);
  return true;
}

}  // namespace catcher::plugin
