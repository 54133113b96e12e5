// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A medium that is played, and notes of what was heard and seen: two plays are the same if their
// notes are.
#pragma once

#include <gst/audio/audio.h>
#include <gst/gst.h>

#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/app_sink.hpp"
#include "tests/support/media_files.hpp"

namespace catcher::test {

// A pipeline from a source to an appsink for each stream, and notes of what comes.
class Play {
 public:
  // `decoder`: decodebin, or the like.
  Play(const Medium& medium, const std::string& source, const char* decoder)
      : medium_(medium),
        pipeline_(Element::launch(source + " ! " + decoder + " name=dec " + branch("audio") +
                                  (medium.video != nullptr ? branch("video") : ""))) {
    add_sink("audio");
    if (medium.video != nullptr) add_sink("video");
    g_signal_connect(pipeline_.child("dec").get(), "pad-added", G_CALLBACK(link), pipeline_.get());
  }

  Element& pipeline() { return pipeline_; }
  const std::vector<std::string>& notes() const { return notes_; }
  void note(std::string text) { notes_.push_back(std::move(text)); }

  void to(GstState state) {
    pipeline_.settle(state);
    note(std::string("in ") + gst_element_state_get_name(state));
    if (state != GST_STATE_READY) return;
    // Not before NULL does an appsink forget what it has, and that there was an end.
    for (Sink& sink : sinks_) {
      gst_element_set_state(sink.sink.get(), GST_STATE_NULL);
      gst_element_set_state(sink.sink.get(), GST_STATE_READY);
    }
  }

  // A seek of the whole pipeline, as an application does it.
  struct Seek {
    gdouble rate = 1;
    int flags = GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE;
    gint64 start = 0;
    gint64 stop = -1;
  };
  bool seek(const Seek& seek) {
    settle();
    return seek_at_once(seek);
  }
  bool seek_at_once(const Seek& seek) {
    const bool taken =
        gst_element_seek(pipeline_.get(), seek.rate, GST_FORMAT_TIME,
                         static_cast<GstSeekFlags>(seek.flags), GST_SEEK_TYPE_SET, seek.start,
                         seek.stop < 0 ? GST_SEEK_TYPE_NONE : GST_SEEK_TYPE_SET, seek.stop);
    settles_from_ = static_cast<GstClockTime>(seek.start);
    settles_ = seek.rate < 0 && medium_.settles != 0 ? kNever : medium_.settles;
    note("seek at " + std::to_string(seek.rate) + " to " + text_of(seek.start) +
         (taken ? "" : " is refused"));
    return taken;
  }
  // Until it has changed its state, after a flush too.
  void settle() {
    GstState state = GST_STATE_NULL, pending = GST_STATE_NULL;
    const GstStateChangeReturn got =
        gst_element_get_state(pipeline_.get(), &state, &pending, kPatienceNs);
    if (got == GST_STATE_CHANGE_ASYNC) pipeline_.demand_no_error();
    demand(got != GST_STATE_CHANGE_ASYNC, "the pipeline settles");
  }

  void note_position() { note("position " + query(gst_element_query_position)); }
  void note_duration() { note("duration " + query(gst_element_query_duration)); }
  // So many samples of each stream, or to the end.
  void note_samples(unsigned most) {
    for (Sink& sink : sinks_) {
      for (unsigned count = 0; count < most; ++count) {
        const SamplePtr sample = sink.sink.pull();
        note(text_of(sink, sample.get()));
        if (sample == nullptr) break;
      }
    }
  }
  // All up to the end of a segment, which does not end a stream.
  void note_segment() {
    for (Sink& sink : sinks_) {
      const catcher::Deadline patience = catcher::Clock::now() + kPatience;
      for (;;) {
        const bool last = *sink.segments != 0;
        const SamplePtr sample(gst_app_sink_try_pull_sample(GST_APP_SINK(sink.sink.get()),
                                                            last ? 0 : 10 * GST_MSECOND));
        if (sample != nullptr) note(text_of(sink, sample.get()));
        if (sample == nullptr && last) break;
        demand(catcher::Clock::now() < patience, "a segment is done");
      }
      --*sink.segments;
    }
    GstMessage* done = pipeline_.wait_message(GST_MESSAGE_SEGMENT_DONE);
    GstFormat format = GST_FORMAT_UNDEFINED;
    gint64 position = -1;
    gst_message_parse_segment_done(done, &format, &position);
    gst_message_unref(done);
    note("segment is done at " + text_of(position) + " in " + gst_format_get_name(format));
  }
  // All up to the end. The stream that is behind is pulled, so that none waits for another.
  void note_rest() {
    std::vector<std::vector<std::string>> came(sinks_.size());
    std::vector<GstClockTime> reached(sinks_.size(), 0);
    for (;;) {
      const auto behind = std::min_element(reached.begin(), reached.end()) - reached.begin();
      const auto number = static_cast<std::size_t>(behind);
      if (reached[number] == kEnded) break;
      const SamplePtr sample = sinks_[number].sink.pull();
      came[number].push_back(text_of(sinks_[number], sample.get()));
      reached[number] = sample == nullptr ? kEnded : running_time(sample.get());
    }
    for (auto& one : came) notes_.insert(notes_.end(), one.begin(), one.end());
  }

 private:
  struct Sink {
    std::string name;
    AppSink sink;
    std::unique_ptr<std::atomic<unsigned>> segments;  // that are done and have not been noted
  };
  static std::string branch(const std::string& name) {
    return " queue name=" + name + "-in ! appsink sync=false max-buffers=3 name=" + name;
  }
  // A decoder has other pads each time that it comes out of READY.
  static void link(GstElement*, GstPad* pad, GstElement* pipeline) noexcept {
    const CapsPtr caps(gst_pad_query_caps(pad, nullptr));
    const std::string type = gst_structure_get_name(gst_caps_get_structure(caps.get(), 0));
    const std::string name = type.substr(0, type.find('/')) + "-in";
    const GstPtr<GstElement> queue(gst_bin_get_by_name(GST_BIN(pipeline), name.c_str()));
    demand(queue != nullptr, name.c_str());
    const GstPtr<GstPad> sink(gst_element_get_static_pad(queue.get(), "sink"));
    demand(gst_pad_link(pad, sink.get()) == GST_PAD_LINK_OK, "a stream can be linked");
  }
  void add_sink(const char* name) {
    sinks_.push_back({name, AppSink(pipeline_, name), std::make_unique<std::atomic<unsigned>>()});
    const GstPtr<GstPad> pad(gst_element_get_static_pad(sinks_.back().sink.get(), "sink"));
    gst_pad_add_probe(
        pad.get(), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM,
        [](GstPad*, GstPadProbeInfo* info, gpointer segments) noexcept {
          const GstEvent* event = GST_PAD_PROBE_INFO_EVENT(info);
          if (GST_EVENT_TYPE(event) == GST_EVENT_SEGMENT_DONE) {
            ++*static_cast<std::atomic<unsigned>*>(segments);
          }
          return GST_PAD_PROBE_OK;
        },
        sinks_.back().segments.get(), nullptr);
  }

  std::string query(gboolean (*ask)(GstElement*, GstFormat, gint64*)) const {
    gint64 value = -1;
    return ask(pipeline_.get(), GST_FORMAT_TIME, &value) ? text_of(value) : "unknown";
  }
  static std::string text_of(gint64 time) {
    char text[32];
    std::snprintf(text, sizeof text, "%" PRId64 ".%06" PRId64 " ms", time / 1'000'000,
                  time % 1'000'000);
    return GST_CLOCK_TIME_IS_VALID(static_cast<GstClockTime>(time)) ? text : "no time";
  }
  static constexpr GstClockTime kEnded = GST_CLOCK_TIME_NONE;
  static GstClockTime running_time(GstSample* sample) {
    const GstClockTime time =
        gst_segment_to_running_time(gst_sample_get_segment(sample), GST_FORMAT_TIME,
                                    GST_BUFFER_PTS(gst_sample_get_buffer(sample)));
    return GST_CLOCK_TIME_IS_VALID(time) ? time : 0;
  }
  bool has_settled(const Sink& sink, GstClockTime time) const {
    if (sink.name != "audio" || settles_ == 0) return true;
    return settles_ != kNever && time >= settles_from_ + settles_;
  }
  std::string text_of(const Sink& sink, GstSample* sample) const {
    if (sample == nullptr) return sink.name + " ends";
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    const GstClockTime time = gst_segment_to_stream_time(gst_sample_get_segment(sample),
                                                         GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    const std::vector<std::byte> bytes = raw_bytes(sample);
    std::string text = sink.name + " " + text_of(static_cast<gint64>(time)) + ", " +
                       std::to_string(bytes.size()) + " bytes";
    if (GST_BUFFER_DURATION_IS_VALID(buffer)) {
      text += " for " + text_of(static_cast<gint64>(GST_BUFFER_DURATION(buffer)));
    }
    if (!has_settled(sink, time)) return text;
    std::uint64_t hash = 14'695'981'039'346'656'037u;
    for (const std::byte one : bytes) {
      hash = (hash ^ static_cast<std::uint64_t>(one)) * 1'099'511'628'211u;
    }
    char number[24];
    std::snprintf(number, sizeof number, ": %016" PRIx64, hash);
    return text + number;
  }
  // Samples in planes may be fewer than their memory holds.
  static std::vector<std::byte> raw_bytes(GstSample* sample) {
    GstBuffer* buffer = gst_sample_get_buffer(sample);
    GstAudioInfo info;
    GstAudioBuffer mapped;
    if (gst_buffer_get_audio_meta(buffer) == nullptr ||
        !gst_audio_info_from_caps(&info, gst_sample_get_caps(sample)) ||
        !gst_audio_buffer_map(&mapped, &info, buffer, GST_MAP_READ)) {
      return bytes_of(buffer);
    }
    std::vector<std::byte> all;
    for (gint plane = 0; plane < mapped.n_planes; ++plane) {
      const auto* begin = static_cast<const std::byte*>(mapped.planes[plane]);
      all.insert(all.end(), begin, begin + GST_AUDIO_BUFFER_PLANE_SIZE(&mapped));
    }
    gst_audio_buffer_unmap(&mapped);
    return all;
  }

  const Medium& medium_;
  Element pipeline_;
  std::vector<Sink> sinks_;
  std::vector<std::string> notes_;
  // Since the last seek.
  GstClockTime settles_from_ = 0, settles_ = 0;
};

}  // namespace catcher::test
