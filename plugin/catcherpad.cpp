// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "catcherpad.hpp"

#include "support/debug.hpp"

struct _GstCatcherPad {
  GstPad parent;
  catcher::plugin::Outlet* outlet;  // made by new_catcher_pad()
};

G_DEFINE_FINAL_TYPE(GstCatcherPad, gst_catcher_pad, GST_TYPE_PAD)

namespace catcher::plugin {
Outlet& outlet_of(GstPad* pad) {
  return *GST_CATCHER_PAD(pad)->outlet;
}

namespace {

gboolean activate_mode(GstPad* pad, GstObject*, GstPadMode mode, gboolean active) noexcept {
  return outlet_of(pad).activate(mode, active);
}

GstFlowReturn get_range(GstPad* pad, GstObject*, guint64 offset, guint size,
                        GstBuffer** buffer) noexcept {
  return outlet_of(pad).puller().get_range(offset, size, buffer);
}

gboolean handle_event(GstPad* pad, GstObject* parent, GstEvent* event) noexcept {
  Player& player = outlet_of(pad).player();
  if (outlet_of(pad).puller().take_event(event)) {
    gst_event_unref(event);
    return TRUE;
  }
  gboolean done = TRUE;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_SEEK: done = player.seek(event); break;
    case GST_EVENT_RECONFIGURE: player.start(); break;
    case GST_EVENT_LATENCY:
      player.take_latency(event);
      return gst_pad_event_default(pad, parent, event);
    // A branch's lateness says nothing to the others, and neither does its rate.
    case GST_EVENT_QOS:
    case GST_EVENT_INSTANT_RATE_SYNC_TIME: break;
    default: return gst_pad_event_default(pad, parent, event);
  }
  gst_event_unref(event);
  return done;
}

// What only the recording can answer is not asked of upstream.
gboolean handle_query(GstPad* pad, GstObject* parent, GstQuery* query) noexcept {
  if (outlet_of(pad).query(query)) return TRUE;
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_POSITION:
    case GST_QUERY_DURATION:
    case GST_QUERY_SEGMENT:
    case GST_QUERY_FORMATS:
    case GST_QUERY_BUFFERING:
    case GST_QUERY_CONVERT:
    case GST_QUERY_ALLOCATION: return FALSE;
    default: return gst_pad_query_default(pad, parent, query);
  }
}

}  // namespace

GstPad* new_catcher_pad(GstPadTemplate* pad_template, const char* name, PlayerHost& host) {
  auto* pad = GST_PAD_CAST(g_object_new(GST_TYPE_CATCHER_PAD, "name", name, "direction",
                                        GST_PAD_SRC, "template", pad_template, nullptr));
  GST_CATCHER_PAD(pad)->outlet = new Outlet(pad, host);
  gst_pad_set_activatemode_function(pad, activate_mode);
  gst_pad_set_getrange_function(pad, get_range);
  gst_pad_set_event_function(pad, handle_event);
  gst_pad_set_query_function(pad, handle_query);
  GST_PAD_SET_PROXY_CAPS(pad);
  return pad;
}

}  // namespace catcher::plugin

static void gst_catcher_pad_set_property(GObject* object, guint id, const GValue* value,
                                         GParamSpec* spec) noexcept {
  using namespace catcher::plugin;
  Player& player = outlet_of(GST_PAD_CAST(object)).player();
  const bool known = player.with_settings(
      [&](PlaySettings& settings) { return set_play_property(settings, id, value); });
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  const GstPtr<GstElement> element(gst_pad_get_parent_element(GST_PAD_CAST(object)));
  if (element != nullptr) tell_latency(element.get(), id);
}

static void gst_catcher_pad_get_property(GObject* object, guint id, GValue* value,
                                         GParamSpec* spec) noexcept {
  using namespace catcher::plugin;
  if (!outlet_of(GST_PAD_CAST(object)).get_property(id, value)) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static void gst_catcher_pad_finalize(GObject* object) noexcept {
  // A pad that was released just when a state change activated it may have been given a task.
  gst_pad_stop_task(GST_PAD_CAST(object));
  delete GST_CATCHER_PAD(object)->outlet;
  G_OBJECT_CLASS(gst_catcher_pad_parent_class)->finalize(object);
}

static void gst_catcher_pad_class_init(GstCatcherPadClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  object_class->set_property = gst_catcher_pad_set_property;
  object_class->get_property = gst_catcher_pad_get_property;
  object_class->finalize = gst_catcher_pad_finalize;
  catcher::plugin::install_play_properties(object_class);
  // A link by whatever means is the moment to begin; not every one sends RECONFIGURE.
  GST_PAD_CLASS(klass)->linked = [](GstPad* pad, GstPad*) noexcept {
    catcher::plugin::outlet_of(pad).gain_peer();
  };
  GST_PAD_CLASS(klass)->unlinked = [](GstPad* pad, GstPad*) noexcept {
    catcher::plugin::outlet_of(pad).lose_peer();
  };
}

static void gst_catcher_pad_init(GstCatcherPad*) {}
