// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "pad_stickies.hpp"

namespace catcher::plugin {
namespace {

bool has(GstPad* pad, GstEventType type) {
  return EventPtr(gst_pad_get_sticky_event(pad, type, 0)) != nullptr;
}

GQuark original_of() {
  static const GQuark quark = g_quark_from_static_string("catcher-original");
  return quark;
}

}  // namespace

bool holds(GstPad* pad, GstEvent* sticky) {
  for (guint index = 0;; ++index) {
    const EventPtr held(gst_pad_get_sticky_event(pad, GST_EVENT_TYPE(sticky), index));
    if (held == nullptr) return false;
    if (held.get() == sticky) return true;
    if (gst_mini_object_get_qdata(GST_MINI_OBJECT_CAST(held.get()), original_of()) == sticky) {
      return true;
    }
  }
}

EventPtr anew(const EventPtr& sticky) {
  EventPtr copy(gst_event_copy(sticky.get()));
  gst_mini_object_set_qdata(
      GST_MINI_OBJECT_CAST(copy.get()), original_of(), gst_event_ref(sticky.get()),
      [](gpointer original) noexcept { gst_event_unref(static_cast<GstEvent*>(original)); });
  return copy;
}

bool has_begun(GstPad* pad) {
  return has(pad, GST_EVENT_STREAM_START);
}

// The flag alone may be taken from an active pad by a deactivation that ends late.
bool has_ended(GstPad* pad) {
  return GST_PAD_IS_EOS(pad) || has(pad, GST_EVENT_EOS);
}

}  // namespace catcher::plugin
