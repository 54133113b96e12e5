// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A source that is live by a real clock and whose frames are their own numbers, and what sinks
// render of it, for pipelines of GStreamer's own elements.
#pragma once

#include <gst/gst.h>

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/element.hpp"
#include "tests/support/frames.hpp"

namespace catcher::test {

inline constexpr unsigned kLiveRate = 48000;
inline constexpr GstClockTime kLiveBuffer = 10 * GST_MSECOND;

// The beginning of a launch line. Its element is called "source"; begin_numbering() comes next. It
// does not end with -1 buffers.
inline std::string live_source(int buffers) {
  return "fakesrc name=source is-live=true format=time sync=true datarate=192000 sizetype=fixed "
         "sizemax=1920 num-buffers=" +
         std::to_string(buffers) + " ! " + frame_caps(kLiveRate) + " ! ";
}

// Whether the frame begins then, to the ns that is lost where the first one was rounded.
inline bool is_live_time(std::uint64_t frame, GstClockTime time) {
  const GstClockTime exact = time_of_frame(frame, kLiveRate);
  return exact <= time + 1 && time <= exact + 1;
}

// From now on each frame of "source" is its number.
inline void begin_numbering(const Element& pipeline) {
  const GstPtr<GstElement> source = pipeline.child("source");
  const GstPtr<GstPad> pad(gst_element_get_static_pad(source.get(), "src"));
  gst_pad_add_probe(
      pad.get(), GST_PAD_PROBE_TYPE_BUFFER,
      [](GstPad*, GstPadProbeInfo* info, gpointer) noexcept {
        // The first one comes when the source has started, between two frames.
        GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
        const std::uint64_t first =
            gst_util_uint64_scale_round(GST_BUFFER_PTS(buffer), kLiveRate, GST_SECOND);
        BufferPtr numbered = frames(first, gst_buffer_get_size(buffer) / kFrame, kLiveRate);
        gst_buffer_unref(buffer);
        info->data = numbered.release();
        return GST_PAD_PROBE_OK;
      },
      nullptr, nullptr);
}

// What a fakesink with signal-handoffs=true renders. Thread: any.
class Rendered {
 public:
  struct One {
    std::uint64_t frame = 0, count = 0;
    GstClockTime running = GST_CLOCK_TIME_NONE;  // time of its first frame
    GstClockTime lasts = 0;
    guint32 seqnum = GST_SEQNUM_INVALID;  // of its segment
  };

  Rendered(const Element& pipeline, const char* sink) : sink_(pipeline.child(sink)) {
    handler_ = g_signal_connect(sink_.get(), "handoff", G_CALLBACK(take), this);
  }
  ~Rendered() { g_signal_handler_disconnect(sink_.get(), handler_); }
  Rendered(const Rendered&) = delete;
  Rendered& operator=(const Rendered&) = delete;

  GstElement* sink() const { return sink_.get(); }
  // Waits until `is_so`, which gets all that was rendered since the beginning.
  template <class Predicate>
  void wait(const char* for_what, const Predicate& is_so, const char* file = __builtin_FILE(),
            int line = __builtin_LINE()) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kPatience, [&] { return is_so(all_); })) return;
    give_up(for_what, all_.size(), file, line);
  }
  // Until so much more has been rendered.
  void wait_more(GstClockTime time, const char* file = __builtin_FILE(),
                 int line = __builtin_LINE()) {
    wait_total(total() + gst_util_uint64_scale(time, kLiveRate, GST_SECOND), file, line);
  }
  // Until so many frames have been rendered.
  void wait_total(std::uint64_t frames, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
    wait(
        "more is rendered", [&](const auto&) { return total_ >= frames; }, file, line);
  }
  // Until something is rendered that belongs to this seek.
  void wait_after(guint32 seqnum) {
    wait("what was sought is rendered",
         [&](const auto& all) { return !all.empty() && all.back().seqnum == seqnum; });
  }
  std::vector<One> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }
  One last() const {
    const std::lock_guard lock(mutex_);
    return all_.empty() ? One{} : all_.back();
  }
  std::uint64_t total() const {
    const std::lock_guard lock(mutex_);
    return total_;
  }

  // A seek from this sink upwards; its seqnum, or GST_SEQNUM_INVALID if it was refused.
  guint32 seek(GstSeekType type, gint64 to, int flags = GST_SEEK_FLAG_FLUSH) const {
    GstEvent* event = gst_event_new_seek(1.0, GST_FORMAT_TIME,
                                         static_cast<GstSeekFlags>(flags | GST_SEEK_FLAG_ACCURATE),
                                         type, to, GST_SEEK_TYPE_NONE, -1);
    const guint32 seqnum = gst_event_get_seqnum(event);
    return gst_element_send_event(sink(), event) ? seqnum : GST_SEQNUM_INVALID;
  }

 private:
  static void take(GstElement*, GstBuffer* buffer, GstPad* pad, gpointer self) noexcept {
    auto& rendered = *static_cast<Rendered*>(self);
    const EventPtr event(gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0));
    const GstSegment* segment = nullptr;
    gst_event_parse_segment(event.get(), &segment);
    One one;
    one.frame = first_frame(buffer);
    one.count = frame_count(buffer);
    one.running = gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
    one.lasts = GST_BUFFER_DURATION(buffer);
    one.seqnum = gst_event_get_seqnum(event.get());
    demand(is_live_time(one.frame, GST_BUFFER_PTS(buffer)), "a frame is that of its time",
           one.frame);
    const std::lock_guard lock(rendered.mutex_);
    rendered.total_ += one.count;
    rendered.all_.push_back(one);
    rendered.changed_.notify_all();
  }

  const GstPtr<GstElement> sink_;
  gulong handler_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<One> all_;
  std::uint64_t total_ = 0;
};

// How many buffers a sink has not rendered since they were late.
inline std::uint64_t dropped_by(GstElement* sink) {
  GstStructure* stats = nullptr;
  g_object_get(sink, "stats", &stats, nullptr);
  guint64 dropped = 0;
  demand(gst_structure_get_uint64(stats, "dropped", &dropped), "a sink counts what it drops");
  gst_structure_free(stats);
  return dropped;
}

}  // namespace catcher::test
