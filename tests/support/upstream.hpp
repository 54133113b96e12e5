// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What feeds an element's sink pad in a test: a pad that the test pushes from, on whatever thread
// it likes, and that answers for an upstream that is live or knows its duration.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <cstddef>
#include <span>

#include "tests/support/element.hpp"
#include "tests/support/pattern.hpp"

namespace catcher::test {

inline BufferPtr buffer_of(std::span<const std::byte> bytes) {
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, bytes.size(), nullptr));
  gst_buffer_fill(buffer.get(), 0, bytes.data(), bytes.size());
  return buffer;
}

// `size` bytes of the pattern.
inline BufferPtr pattern_buffer(std::uint64_t offset, std::size_t size) {
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, size, nullptr));
  GstMapInfo map;
  demand(gst_buffer_map(buffer.get(), &map, GST_MAP_WRITE), "a new buffer can be written");
  fill_pattern(std::as_writable_bytes(std::span(map.data, map.size)), offset);
  gst_buffer_unmap(buffer.get(), &map);
  return buffer;
}

class Upstream {
 public:
  // `element` outlives this, or is let go of by unlink().
  explicit Upstream(GstElement* element) : pad_(bare_pad("upstream", GST_PAD_SRC)) {
    gst_pad_set_element_private(pad(), this);
    gst_pad_set_query_function(pad(), query);
    gst_pad_set_event_function(pad(), [](GstPad* self, GstObject*, GstEvent* event) noexcept {
      if (GST_EVENT_TYPE(event) == GST_EVENT_SEEK) of(self).seeks_.fetch_add(1);
      gst_event_unref(event);
      return gboolean{TRUE};
    });
    gst_pad_set_active(pad(), TRUE);
    const GstPtr<GstPad> sink(gst_element_get_static_pad(element, "sink"));
    demand(gst_pad_link(pad(), sink.get()) == GST_PAD_LINK_OK, "the sink pad can be linked");
  }
  ~Upstream() { unlink(); }
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  GstPad* pad() const { return pad_.get(); }
  void unlink() {
    const GstPtr<GstPad> peer(gst_pad_get_peer(pad()));
    if (peer != nullptr) gst_pad_unlink(pad(), peer.get());
    gst_pad_set_active(pad(), FALSE);
  }

  // ---- what upstream answers; set before it is asked
  void is_live(GstClockTime latency) { latency_ = latency; }
  void knows_duration(GstFormat format, gint64 duration) {
    duration_format_ = format;
    duration_ = duration;
  }
  // Seeks that the element has sent here.
  unsigned seeks() const { return seeks_; }

  // ---- what it sends. Each takes over what it is given.
  bool send(GstEvent* event) { return gst_pad_push_event(pad(), event); }
  GstFlowReturn push(BufferPtr buffer) { return gst_pad_push(pad(), buffer.release()); }
  void give(BufferPtr buffer, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    const GstFlowReturn flow = push(std::move(buffer));
    if (flow != GST_FLOW_OK) give_up(gst_flow_get_name(flow), 0, file, line);
  }

  void start_stream(const char* id = "test") { send(gst_event_new_stream_start(id)); }
  void set_caps(const CapsPtr& caps) { send(gst_event_new_caps(caps.get())); }
  void set_caps(const char* caps) { set_caps(CapsPtr(gst_caps_from_string(caps))); }
  void set_segment(GstFormat format) {
    GstSegment segment;
    gst_segment_init(&segment, format);
    send(gst_event_new_segment(&segment));
  }
  // Everything that goes before data. Without caps for nullptr.
  void begin(GstFormat format, const char* caps = nullptr) {
    start_stream();
    if (caps != nullptr) set_caps(caps);
    set_segment(format);
  }
  void eos() { send(gst_event_new_eos()); }

  // Bytes [`offset`, `offset + size`) of the pattern in buffers of `each`.
  void give_pattern(std::uint64_t offset, std::uint64_t size, std::size_t each = 4096) {
    for (const std::uint64_t end = offset + size; offset < end;) {
      const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(each, end - offset));
      give(pattern_buffer(offset, part));
      offset += part;
    }
  }

 private:
  static Upstream& of(GstPad* pad) {
    return *static_cast<Upstream*>(gst_pad_get_element_private(pad));
  }
  static gboolean query(GstPad* self, GstObject* parent, GstQuery* query) noexcept {
    const Upstream& upstream = of(self);
    switch (GST_QUERY_TYPE(query)) {
      case GST_QUERY_LATENCY:
        if (upstream.latency_ == GST_CLOCK_TIME_NONE) return FALSE;
        gst_query_set_latency(query, TRUE, upstream.latency_, GST_CLOCK_TIME_NONE);
        return TRUE;
      case GST_QUERY_DURATION: {
        GstFormat format = GST_FORMAT_UNDEFINED;
        gst_query_parse_duration(query, &format, nullptr);
        if (format != upstream.duration_format_) return FALSE;
        gst_query_set_duration(query, format, upstream.duration_);
        return TRUE;
      }
      default: return gst_pad_query_default(self, parent, query);
    }
  }

  GstPtr<GstPad> pad_;
  GstClockTime latency_ = GST_CLOCK_TIME_NONE;
  GstFormat duration_format_ = GST_FORMAT_UNDEFINED;
  gint64 duration_ = -1;
  std::atomic<unsigned> seeks_{0};
};

}  // namespace catcher::test
