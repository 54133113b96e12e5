// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Owning pointers to GStreamer's counted things. Each owns one reference; `add_ref()` makes
// another.
#pragma once

#include <gst/gst.h>

#include <memory>

namespace catcher::plugin {

struct Unref {
  void operator()(GstEvent* event) const noexcept { gst_event_unref(event); }
  void operator()(GstCaps* caps) const noexcept { gst_caps_unref(caps); }
  void operator()(GstBuffer* buffer) const noexcept { gst_buffer_unref(buffer); }
  void operator()(GstQuery* query) const noexcept { gst_query_unref(query); }
  void operator()(GstStructure* structure) const noexcept { gst_structure_free(structure); }
  void operator()(GstObject* object) const noexcept { gst_object_unref(object); }
  void operator()(GstElement* element) const noexcept { gst_object_unref(element); }
  void operator()(GstPad* pad) const noexcept { gst_object_unref(pad); }
  void operator()(GstClock* clock) const noexcept { gst_object_unref(clock); }
  void operator()(gchar* text) const noexcept { g_free(text); }
};

template <class T>
using GstPtr = std::unique_ptr<T, Unref>;

using EventPtr = GstPtr<GstEvent>;
using CapsPtr = GstPtr<GstCaps>;
using BufferPtr = GstPtr<GstBuffer>;
using QueryPtr = GstPtr<GstQuery>;
using TextPtr = GstPtr<gchar>;

inline EventPtr add_ref(const EventPtr& event) {
  return EventPtr(gst_event_ref(event.get()));
}

}  // namespace catcher::plugin
