// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
/**
 * SECTION:element-catchersink
 * @title: catchersink
 * @short_description: records a stream under the name of a channel
 *
 * What arrives is kept, in a window that max-size-bytes and max-size-time bound, and played by
 * any number of catchersrc elements with the same channel, in any pipeline of the process, from the
 * first moment on and after this element has ended. A channel has one writer at a time.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 audiotestsrc num-buffers=500 ! catchersink channel=tone \
 *     catchersrc channel=tone ! wavenc ! filesink location=tone.wav
 * ]| Records a tone under a name, and plays it from there into a file.
 */
#include "catchersink.hpp"

#include "feed_sink.hpp"
#include "recorder.hpp"
#include "support/kin.hpp"

GST_DEBUG_CATEGORY_STATIC(catchersink_debug);
#define GST_CAT_DEFAULT catchersink_debug

namespace {

using namespace catcher::plugin;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// Not a GstBaseSink: that holds its first buffer back until the pipeline plays, and a catchersrc in
// the same pipeline could then never preroll. What arrives is recorded in PAUSED too.
//
// Locks: mutex_ guards the settings and what is known of EOS, and is held over nothing else.
class SinkState {
 public:
  explicit SinkState(GstElement* element);

  GstStateChangeReturn change_state(GstStateChange change);
  GstFlowReturn take(GstBuffer* buffer) { return recorder_.take(buffer); }
  gboolean handle_event(GstEvent* event);
  std::shared_ptr<Recording> recording() const { return recorder_.recording(); }
  void ask_latency() { recorder_.ask_latency(); }
  template <class Change>
  auto with_settings(Change change) {
    catcher::Lock lock(mutex_);
    return change(settings_);
  }

 private:
  bool start();
  // A pipeline counts the EOS of its sinks while it plays; what came before is told then.
  enum class About : std::uint8_t { ended, restarted, playing, not_playing };
  void note(About what);

  GstElement* const element_;
  Recorder recorder_;

  catcher::Mutex mutex_;
  Settings settings_ CATCHER_GUARDED_BY(mutex_);
  bool playing_ CATCHER_GUARDED_BY(mutex_) = false;
  bool ended_ CATCHER_GUARDED_BY(mutex_) = false;
  guint32 end_seqnum_ CATCHER_GUARDED_BY(mutex_) = 0;
};

}  // namespace

struct _GstCatcherSink {
  GstElement parent;
  SinkState* state;
};

G_DEFINE_FINAL_TYPE_WITH_CODE(GstCatcherSink, gst_catcher_sink, GST_TYPE_ELEMENT,
                              GST_DEBUG_CATEGORY_INIT(catchersink_debug, "catchersink", 0,
                                                      "catchersink element"))

GST_ELEMENT_REGISTER_DEFINE(catchersink, "catchersink", GST_RANK_NONE, GST_TYPE_CATCHER_SINK)

namespace {

SinkState& state_of(gpointer sink) {
  return *GST_CATCHER_SINK(sink)->state;
}

GstPad* make_pad(GstElement* element) {
  GstPad* pad = gst_pad_new_from_static_template(&sink_template, "sink");
  gst_pad_set_chain_function(pad, [](GstPad*, GstObject* parent, GstBuffer* buffer) noexcept {
    const GstFlowReturn flow = state_of(parent).take(buffer);
    gst_buffer_unref(buffer);
    return flow;
  });
  gst_pad_set_event_function(pad, [](GstPad*, GstObject* parent, GstEvent* event) noexcept {
    const gboolean taken = state_of(parent).handle_event(event);
    gst_event_unref(event);
    return taken;
  });
  gst_pad_set_query_function(
      pad, [](GstPad* asked, GstObject* parent, GstQuery* query) noexcept -> gboolean {
        // Bytes are copied into the rope: no pool is offered.
        if (GST_QUERY_TYPE(query) == GST_QUERY_ALLOCATION) return FALSE;
        return gst_pad_query_default(asked, parent, query);
      });
  gst_element_add_pad(element, pad);
  return pad;
}

SinkState::SinkState(GstElement* element)
    : element_(element), recorder_(element, make_pad(element)) {
  mark_as_kin(element);
}

bool SinkState::start() {
  const Settings settings = with_settings([](Settings& now) { return now; });
  if (!settings.channel.empty()) return recorder_.start(settings);
  GST_ELEMENT_ERROR(element_, RESOURCE, SETTINGS, ("No channel is set."),
                    ("Set the channel property to the name under which catchersrc is to find this "
                     "recording."));
  return false;
}

GstStateChangeReturn SinkState::change_state(GstStateChange change) {
  switch (change) {
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      note(About::restarted);
      if (!start()) return GST_STATE_CHANGE_FAILURE;
      break;
    case GST_STATE_CHANGE_PAUSED_TO_PLAYING: note(About::playing); break;
    case GST_STATE_CHANGE_PLAYING_TO_PAUSED: note(About::not_playing); break;
    case GST_STATE_CHANGE_PAUSED_TO_READY: recorder_.interrupt(); break;
    default: break;
  }
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(gst_catcher_sink_parent_class)->change_state(element_, change);
  const bool failed =
      change == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE;
  if (change == GST_STATE_CHANGE_PAUSED_TO_READY || failed) recorder_.stop();
  return result;
}

void SinkState::note(About what) {
  guint32 seqnum = 0;
  {
    catcher::Lock lock(mutex_);
    switch (what) {
      case About::ended: ended_ = true; break;
      case About::restarted: ended_ = false; break;
      case About::playing: playing_ = true; break;
      case About::not_playing: playing_ = false; break;
    }
    const bool tells = what == About::ended || what == About::playing;
    if (!tells || !playing_ || !ended_) return;
    seqnum = end_seqnum_;
  }
  GstMessage* message = gst_message_new_eos(GST_OBJECT_CAST(element_));
  gst_message_set_seqnum(message, seqnum);
  gst_element_post_message(element_, message);
}

gboolean SinkState::handle_event(GstEvent* event) {
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_START: recorder_.interrupt(); return TRUE;
    case GST_EVENT_FLUSH_STOP:
      note(About::restarted);
      recorder_.restart();
      return TRUE;
    case GST_EVENT_EOS: {
      const bool taken = recorder_.take_event(event);
      {
        catcher::Lock lock(mutex_);
        end_seqnum_ = gst_event_get_seqnum(event);
      }
      note(About::ended);
      return taken;
    }
    case GST_EVENT_STREAM_START: note(About::restarted); return recorder_.take_event(event);
    default: return !GST_EVENT_IS_SERIALIZED(event) || recorder_.take_event(event);
  }
}

}  // namespace

static void gst_catcher_sink_set_property(GObject* object, guint id, const GValue* value,
                                          GParamSpec* spec) noexcept {
  const bool known = state_of(object).with_settings(
      [&](Settings& settings) { return set_common_property(settings, id, value); });
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_catcher_sink_get_property(GObject* object, guint id, GValue* value,
                                          GParamSpec* spec) noexcept {
  SinkState& state = state_of(object);
  const bool known =
      get_level(state.recording().get(), id, value) || state.with_settings([&](Settings& settings) {
        return get_common_property(settings, id, value);
      });
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static gboolean gst_catcher_sink_send_event(GstElement* element, GstEvent* event) noexcept {
  if (GST_EVENT_TYPE(event) != GST_EVENT_LATENCY) {
    return GST_ELEMENT_CLASS(gst_catcher_sink_parent_class)->send_event(element, event);
  }
  // As every sink does with it: it goes upstream, which may have changed its own.
  state_of(element).ask_latency();
  const GstPtr<GstPad> pad(gst_element_get_static_pad(element, "sink"));
  return gst_pad_push_event(pad.get(), event);
}

static gboolean gst_catcher_sink_query(GstElement* element, GstQuery* query) noexcept {
  if (!GST_ELEMENT_CLASS(gst_catcher_sink_parent_class)->query(element, query)) return FALSE;
  if (GST_QUERY_TYPE(query) != GST_QUERY_LATENCY) return TRUE;
  // What arrives is kept, however late others take it.
  gboolean live = FALSE;
  GstClockTime least = 0;
  gst_query_parse_latency(query, &live, &least, nullptr);
  gst_query_set_latency(query, live, least, GST_CLOCK_TIME_NONE);
  return TRUE;
}

static void gst_catcher_sink_finalize(GObject* object) noexcept {
  delete GST_CATCHER_SINK(object)->state;
  G_OBJECT_CLASS(gst_catcher_sink_parent_class)->finalize(object);
}

static void gst_catcher_sink_class_init(GstCatcherSinkClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  object_class->set_property = gst_catcher_sink_set_property;
  object_class->get_property = gst_catcher_sink_get_property;
  object_class->finalize = gst_catcher_sink_finalize;
  install_common_properties(object_class);
  element_class->change_state = [](GstElement* element, GstStateChange change) noexcept {
    return state_of(element).change_state(change);
  };
  element_class->send_event = gst_catcher_sink_send_event;
  element_class->query = gst_catcher_sink_query;
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_set_static_metadata(element_class, "Channel recorder", "Sink/Generic",
                                        "Records a stream under the name of a channel",
                                        "The catcher authors");
}

static void gst_catcher_sink_init(GstCatcherSink* sink) {
  GST_OBJECT_FLAG_SET(sink, GST_ELEMENT_FLAG_SINK);
  sink->state = new SinkState(GST_ELEMENT_CAST(sink));
}

namespace catcher::plugin {

void set_recording_settings(GstElement* sink, const Settings& settings) {
  state_of(sink).with_settings([&](Settings& now) { now = settings; });
}

std::shared_ptr<Recording> recording_of(GstElement* sink) {
  return state_of(sink).recording();
}

}  // namespace catcher::plugin
