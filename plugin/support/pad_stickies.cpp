// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "pad_stickies.hpp"

#include "gst_ptr.hpp"

namespace catcher::plugin {
namespace {

bool has(GstPad* pad, GstEventType type) {
  return EventPtr(gst_pad_get_sticky_event(pad, type, 0)) != nullptr;
}

// A copy is made where the same event would be no news for the pad.
bool begins_the_same(GstEvent* one, GstEvent* other) {
  return GST_EVENT_TYPE(one) == GST_EVENT_STREAM_START &&
         gst_event_get_seqnum(one) == gst_event_get_seqnum(other) &&
         gst_structure_is_equal(gst_event_get_structure(one), gst_event_get_structure(other));
}

}  // namespace

bool holds(GstPad* pad, GstEvent* sticky) {
  for (guint index = 0;; ++index) {
    const EventPtr held(gst_pad_get_sticky_event(pad, GST_EVENT_TYPE(sticky), index));
    if (held == nullptr) return false;
    if (held.get() == sticky || begins_the_same(sticky, held.get())) return true;
  }
}

bool has_begun(GstPad* pad) {
  return has(pad, GST_EVENT_STREAM_START);
}

// The flag alone may be taken from an active pad by a deactivation that ends late.
bool has_ended(GstPad* pad) {
  return GST_PAD_IS_EOS(pad) || has(pad, GST_EVENT_EOS);
}

}  // namespace catcher::plugin
