// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Beginning, events, and ending of a recording. What is done with a buffer is in
// recorder_take.cpp.
#include "recorder.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "core/file_memory.hpp"
#include "support/debug.hpp"
#include "support/kin.hpp"
#include "support/segment_math.hpp"

namespace catcher::plugin {
namespace {

// Recordings that have ended and that slow players have still to come to.
constexpr std::size_t kMostEnded = 64;

}  // namespace

bool Recorder::start(const Settings& settings) {
  try {
    return try_start(settings);
  } catch (const std::bad_alloc&) {
    GST_ELEMENT_ERROR(element_, RESOURCE, NO_SPACE_LEFT, ("There is no memory to begin with."),
                      (nullptr));
    memory_.reset();
    claim_.give_up();
    return false;
  }
}

bool Recorder::try_start(const Settings& settings) {
  settings_ = settings;
  if (!settings.channel.empty()) {
    claim_ = channels::claim(settings.channel);
    if (!claim_) {
      GST_ELEMENT_ERROR(element_, RESOURCE, BUSY,
                        ("Channel \"%s\" has a writer already.", settings.channel.c_str()),
                        ("Give this element another channel, or stop the other writer first."));
      return false;
    }
  }
  renew_stop();
  if (open_file() && begin()) return true;
  memory_.reset();
  claim_.give_up();
  return false;
}

// One file for all recordings of this run: what is reserved in it is what they keep together.
bool Recorder::open_file() {
  const std::string& path = settings_.temp_template;
  // What is no template is told with the other settings.
  if (path.empty() || !FileMemory::is_template(path)) return true;
  FileMemory::Made made = FileMemory::create(path);
  memory_ = std::move(made.memory);
  if (memory_ != nullptr) return true;
  GST_ELEMENT_ERROR(element_, RESOURCE, OPEN_READ_WRITE,
                    ("No temporary file can be made as \"%s\".", path.c_str()),
                    ("%s. Set temp-template to a place in a folder that exists and can be written "
                     "to, or to NULL to keep what is caught in memory.",
                     made.error.message().c_str()));
  return false;
}

bool Recorder::begin() {
  Recording::Made made = Recording::make(settings_, memory_);
  if (made.recording == nullptr) {
    GST_ELEMENT_ERROR(element_, LIBRARY, SETTINGS, ("Nothing can be recorded with these settings."),
                      ("%s", made.why.c_str()));
    return false;
  }
  gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
  raw_.reset();
  last_pts_ = next_time_ = kNoTime;
  new_run_ = true;
  asked_ = ended_ = broken_ = false;
  own_ = made.recording.get();
  window_.begin(*own_, settings_.max_size_time);
  own_->buffering.attach(element_);
  claim_.publish(made.recording);
  Lock lock(mutex_);
  recording_ = std::move(made.recording);
  return true;
}

void Recorder::renew_stop() {
  Lock lock(mutex_);
  stop_ = std::stop_source();
}

void Recorder::stop() {
  std::shared_ptr<Recording> ended;
  {
    Lock lock(mutex_);
    ended = std::exchange(recording_, nullptr);
  }
  own_ = nullptr;
  if (ended != nullptr) {
    ended->buffering.attach(nullptr);
    ended->finish();
  }
  // First: a file that nobody will write to any more goes with the last recording in it.
  memory_.reset();
  ended.reset();
  ended_before_.clear();
  claim_.give_up();
}

void Recorder::restart() {
  try {
    try_restart();
  } catch (const std::bad_alloc&) {
    refuse(Status::out_of_memory, 0);
  }
}

void Recorder::try_restart() {
  std::shared_ptr<Recording> ended = recording();
  renew_stop();
  if (!begin()) return;
  ended_before_.clear();
  if (ended != nullptr) {
    ended->finish_replaced();
    ended->buffering.attach(nullptr);
  }
  recall_stickies(
      [](GstEventType type) { return type != GST_EVENT_SEGMENT && type != GST_EVENT_EOS; });
}

// What holds on the pad goes on to hold; upstream does not send it again.
void Recorder::recall_stickies(bool (*wanted)(GstEventType type)) {
  struct Recall {
    Recorder& recorder;
    bool (*wanted)(GstEventType type);
  } recall{*this, wanted};
  gst_pad_sticky_events_foreach(
      pad_,
      [](GstPad*, GstEvent** event, gpointer data) noexcept {
        const auto& [recorder, is_wanted] = *static_cast<Recall*>(data);
        if (is_wanted(GST_EVENT_TYPE(*event))) recorder.take_event(*event);
        return gboolean{TRUE};
      },
      &recall);
}

// A stream begins after the end. A pad refuses everything else there.
bool Recorder::begin_again(GstEvent* stream_start) {
  std::shared_ptr<Recording> ended = recording();
  if (ended == nullptr || !begin()) return false;
  ended->buffering.attach(nullptr);
  GST_INFO_OBJECT(pad_, "another recording begins");
  log(stream_start);
  // Upstream sends caps again only where they change. Tags and the like were the old stream's.
  recall_stickies([](GstEventType type) { return type == GST_EVENT_CAPS; });
  lead_on(std::move(ended), recording());
  return true;
}

// A player plays one recording after the other, however many have begun while it was at the first.
// Those between are kept by the ones before them, as far back as max-size-bytes goes.
void Recorder::lead_on(std::shared_ptr<Recording> ended, const std::shared_ptr<Recording>& next) {
  ended->set_next(next);
  ended_before_.push_back(ended);
  std::erase_if(ended_before_, [](const auto& old) { return old.expired(); });
  std::vector<std::shared_ptr<Recording>> chain;
  for (const std::weak_ptr<Recording>& old : ended_before_) {
    if (std::shared_ptr<Recording> held = old.lock()) chain.push_back(std::move(held));
  }
  std::uint64_t bytes = 0;
  std::size_t first = chain.size();
  while (first != 0 && chain.size() - first < kMostEnded) {
    bytes += chain[first - 1]->bytes()->stats().bytes_allocated;
    if (settings_.max_size_bytes != 0 && bytes > settings_.max_size_bytes) break;
    --first;
  }
  const std::shared_ptr<Recording>& onto = first == chain.size() ? next : chain[first];
  for (std::size_t skips = 0; skips < first; ++skips) chain[skips]->set_next(onto);
}

std::shared_ptr<Recording> Recorder::recording() const {
  Lock lock(mutex_);
  return recording_;
}

void Recorder::interrupt() {
  std::stop_source stop;
  {
    Lock lock(mutex_);
    stop = stop_;
  }
  stop.request_stop();
}

Wait Recorder::wait() const {
  Lock lock(mutex_);
  return {kForever, stop_.get_token()};
}

bool Recorder::take_event(GstEvent* event) {
  try {
    return heed(event);
  } catch (const std::bad_alloc&) {
    refuse(Status::out_of_memory, 0);
    return false;
  }
}

bool Recorder::heed(GstEvent* event) {
  if (own_ == nullptr) return false;
  // A sticky that was refused comes again before each buffer: its error is posted already.
  if (broken_ && GST_EVENT_TYPE(event) != GST_EVENT_EOS) return false;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_STREAM_START:
      if (ended_) return begin_again(event);
      log(event);
      return true;
    case GST_EVENT_SEGMENT: return take_segment(event);
    case GST_EVENT_CAPS:
      take_caps(event);
      log(event);
      return true;
    case GST_EVENT_GAP: return take_gap(event);
    case GST_EVENT_EOS:
      ended_ = true;
      GST_INFO_OBJECT(pad_, "end after %" G_GUINT64_FORMAT " bytes", own_->edge());
      own_->finish_whole();
      gst_element_post_message(element_,
                               gst_message_new_duration_changed(GST_OBJECT_CAST(element_)));
      return true;
    default:
      if (GST_EVENT_IS_SERIALIZED(event)) log(event);
      return true;
  }
}

void Recorder::log(GstEvent* event) {
  GST_DEBUG_OBJECT(pad_, "%" GST_PTR_FORMAT " at offset %" G_GUINT64_FORMAT,
                   static_cast<void*>(event), own_->writer.offset());
  own_->events.append(own_->writer.offset(), EventPtr(gst_event_ref(event)), next_time_);
  own_->changed.notify_all();
}

// A GAP with the timestamp that players give to a buffer of its time.
void Recorder::log_gap(GstEvent* event, std::int64_t start) {
  GstClockTime timestamp = GST_CLOCK_TIME_NONE;
  GstClockTime duration = GST_CLOCK_TIME_NONE;
  gst_event_parse_gap(event, &timestamp, &duration);
  const GstClockTime played = timestamp_of(start, own_->time_shift());
  if (played == timestamp || !GST_CLOCK_TIME_IS_VALID(played)) return log(event);
  GstGapFlags flags{};
  gst_event_parse_gap_flags(event, &flags);
  const EventPtr moved(gst_event_new_gap(played, duration));
  gst_event_set_gap_flags(moved.get(), flags);
  gst_event_set_seqnum(moved.get(), gst_event_get_seqnum(event));
  log(moved.get());
}

// Time goes on without data, and the window with it.
bool Recorder::take_gap(GstEvent* event) {
  GstClockTime timestamp = GST_CLOCK_TIME_NONE;
  GstClockTime duration = GST_CLOCK_TIME_NONE;
  gst_event_parse_gap(event, &timestamp, &duration);
  const std::int64_t start = stream_time_of(segment_, timestamp);
  const std::int64_t end = start == kNoTime || !GST_CLOCK_TIME_IS_VALID(duration)
                               ? start
                               : stream_time_of(segment_, timestamp + duration);
  if (end == kNoTime || (next_time_ != kNoTime && end <= next_time_)) {
    log_gap(event, start);
    return true;
  }
  if (!asked_) ask_upstream();
  // Players begin with what there is of time too.
  if (own_->writer.offset() == 0 && next_time_ == kNoTime) own_->set_hollow_from(start);
  next_time_ = end;
  new_run_ = true;
  log_gap(event, start);
  window_.passed(start, end);
  own_->publish(next_time_);
  return keep_window(next_time_) == GST_FLOW_OK;
}

bool Recorder::take_segment(GstEvent* event) {
  GstSegment segment;
  gst_event_copy_segment(event, &segment);
  const GstFormat known = own_->format();
  const bool usable = segment.format == GST_FORMAT_TIME || segment.format == GST_FORMAT_BYTES;
  if (!usable || (known != GST_FORMAT_UNDEFINED && known != segment.format)) {
    GST_ELEMENT_ERROR(
        element_, STREAM, FORMAT,
        ("The stream's segment is in %s format, which cannot be recorded here.",
         gst_format_get_name(segment.format)),
        ("At offset %" G_GUINT64_FORMAT ". A recording is in time or in bytes, and stays so; put a "
         "parser or a demuxer before this element.",
         own_->writer.offset()));
    broken();
    return false;
  }
  segment_ = segment;
  log(event);
  if (known == GST_FORMAT_UNDEFINED) {
    if (segment.format == GST_FORMAT_BYTES && settings_.max_size_time != 0) {
      GST_WARNING_OBJECT(element_, "max-size-time has no effect on a stream in bytes");
    }
    own_->set_format(segment.format, time_shift_of(segment));
  }
  return true;
}

void Recorder::take_caps(GstEvent* event) {
  GstCaps* caps = nullptr;
  gst_event_parse_caps(event, &caps);
  Raw raw;
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  const bool is_raw = gst_structure_has_name(structure, "audio/x-raw") &&
                      gst_audio_info_from_caps(&raw.info, caps) &&
                      raw.info.layout == GST_AUDIO_LAYOUT_INTERLEAVED;
  raw_.reset();
  if (is_raw) {
    raw.bytes_per_frame = static_cast<std::uint32_t>(GST_AUDIO_INFO_BPF(&raw.info));
    raw_ = raw;
  }
  new_run_ = true;
}

// What upstream knows and a player in another pipeline cannot ask for.
void Recorder::ask_upstream() {
  asked_ = true;
  own_->set_pipeline(pipeline_of(element_));
  ask_latency();
  gint64 duration = -1;
  if (gst_pad_peer_query_duration(pad_, own_->format(), &duration)) {
    own_->set_upstream_duration(duration);
  }
}

void Recorder::ask_latency() {
  const std::shared_ptr<Recording> recording = this->recording();
  const QueryPtr query(gst_query_new_latency());
  if (recording == nullptr || !gst_pad_peer_query(pad_, query.get())) return;
  gboolean live = FALSE;
  GstClockTime least = 0;
  gst_query_parse_latency(query.get(), &live, &least, nullptr);
  recording->set_latency(least);
  recording->set_live(live);
}

GstFlowReturn Recorder::broken() {
  broken_ = true;
  own_->finish(true);
  return GST_FLOW_ERROR;
}

bool get_level(const Recording* recording, guint id, GValue* value) {
  switch (static_cast<CommonProperty>(id)) {
    case CommonProperty::current_level_bytes:
      g_value_set_uint64(value,
                         recording == nullptr
                             ? 0
                             : recording->edge() - std::min(recording->edge(), recording->begin()));
      return true;
    case CommonProperty::current_level_time: {
      const std::int64_t oldest = recording == nullptr ? kNoTime : recording->oldest_time();
      const std::int64_t edge = recording == nullptr ? kNoTime : recording->edge_time();
      const bool known = oldest != kNoTime && edge != kNoTime && edge > oldest;
      g_value_set_uint64(value, known ? static_cast<guint64>(edge - oldest) : 0);
      return true;
    }
    case CommonProperty::stats:
      g_value_take_boxed(value, recording == nullptr ? nullptr : recording->stats());
      return true;
    default: return false;
  }
}

}  // namespace catcher::plugin
