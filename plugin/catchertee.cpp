// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
/**
 * SECTION:element-catchertee
 * @title: catchertee
 * @short_description: keeps a stream and lets each branch play and seek in it on its own
 *
 * Everything that arrives on the sink pad is kept, in a window that max-size-bytes and
 * max-size-time bound. Each source pad plays it from where its start-from says, in a thread of its
 * own, as soon as the pad is linked; it accepts seeks that disturb neither its siblings nor
 * upstream, and waits at the edge for what is still to come. No queue is needed behind it.
 *
 * ## Example launch lines
 * |[
 * gst-launch-1.0 audiotestsrc num-buffers=500 ! catchertee name=c \
 *     c.src_0 ! wavenc ! filesink location=one.wav  c.src_1 ! wavenc ! filesink location=two.wav
 * ]| Writes the same audio twice, each branch at its own pace.
 * |[
 * gst-launch-1.0 audiotestsrc is-live=true ! catchertee name=c src_1::start-from=edge \
 *     c.src_0 ! fakesink sync=true  c.src_1 ! autoaudiosink
 * ]| One branch records what the other plays live.
 */
#include "catchertee.hpp"

#include <functional>
#include <string>
#include <vector>

#include "catcherpad.hpp"
#include "recorder.hpp"
#include "support/kin.hpp"
#include "support/segment_math.hpp"

GST_DEBUG_CATEGORY_STATIC(catchertee_debug);
#define GST_CAT_DEFAULT catchertee_debug

namespace {

using namespace catcher::plugin;

constexpr auto kPullMode = static_cast<guint>(CommonProperty::count);

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src_%u", GST_PAD_SRC, GST_PAD_REQUEST, GST_STATIC_CAPS_ANY);

// Locks: mutex_ guards the settings and is held over nothing else. The list of pads is GStreamer's.
class TeeState final : public PlayerHost {
 public:
  explicit TeeState(GstElement* element);

  // ---- PlayerHost
  GstElement* element() const noexcept override { return element_; }
  std::shared_ptr<Recording> await_recording(const std::atomic<bool>& interrupted) override;
  std::shared_ptr<Recording> peek_recording() override { return recorder_.recording(); }
  PullMode pull_mode() override {
    catcher::Lock lock(mutex_);
    return pull_mode_;
  }
  void wake() noexcept override { started_.notify_all(); }
  bool owns_time() const override { return false; }
  GstClockTime base_of_seek(guint32 seqnum) override { return shared_base(element_, seqnum); }
  void on_latency() override { recorder_.ask_latency(); }
  SegmentTally& segments() noexcept override { return segments_; }
  bool ask_upstream(GstQuery* query) override { return gst_pad_peer_query(sink_, query); }
  void on_end(const Recording&) override {}

  // ---- element
  GstStateChangeReturn change_state(GstStateChange change,
                                    const std::function<GstStateChangeReturn()>& parent);
  GstPad* request_pad(GstPadTemplate* pad_template, const char* name);
  void release_pad(GstPad* pad);
  std::shared_ptr<Recording> recording() const { return recorder_.recording(); }
  void set_pull_mode(PullMode mode) {
    catcher::Lock lock(mutex_);
    pull_mode_ = mode;
  }
  template <class Change>
  auto with_settings(Change change) {
    catcher::Lock lock(mutex_);
    return change(settings_);
  }

  // ---- sink pad
  GstFlowReturn take(GstBuffer* buffer) { return recorder_.take(buffer); }
  gboolean handle_event(GstObject* parent, GstEvent* event);

 private:
  bool start();
  std::vector<GstPtr<GstPad>> src_pads() const;

  GstElement* const element_;
  GstPad* const sink_;
  Recorder recorder_;
  SegmentTally segments_;
  catcher::EventCount<> started_;  // there is a recording

  catcher::Mutex mutex_;
  Settings settings_ CATCHER_GUARDED_BY(mutex_);
  PullMode pull_mode_ CATCHER_GUARDED_BY(mutex_) = PullMode::automatic;
  guint next_pad_ CATCHER_GUARDED_BY(mutex_) = 0;
};

}  // namespace

struct _GstCatcherTee {
  GstElement parent;
  TeeState* state;
};

static void gst_catcher_tee_child_proxy_init(gpointer iface, gpointer);

G_DEFINE_FINAL_TYPE_WITH_CODE(GstCatcherTee, gst_catcher_tee, GST_TYPE_ELEMENT,
                              G_IMPLEMENT_INTERFACE(GST_TYPE_CHILD_PROXY,
                                                    gst_catcher_tee_child_proxy_init)
                                  GST_DEBUG_CATEGORY_INIT(catchertee_debug, "catchertee", 0,
                                                          "catchertee element"))

GST_ELEMENT_REGISTER_DEFINE(catchertee, "catchertee", GST_RANK_NONE, GST_TYPE_CATCHER_TEE)

namespace {

TeeState& state_of(gpointer tee) {
  return *GST_CATCHER_TEE(tee)->state;
}

GstFlowReturn sink_chain(GstPad*, GstObject* parent, GstBuffer* buffer) noexcept {
  const GstFlowReturn flow = state_of(parent).take(buffer);
  gst_buffer_unref(buffer);
  return flow;
}

gboolean sink_event(GstPad*, GstObject* parent, GstEvent* event) noexcept {
  return state_of(parent).handle_event(parent, event);
}

gboolean sink_query(GstPad* pad, GstObject* parent, GstQuery* query) noexcept {
  switch (GST_QUERY_TYPE(query)) {
    // Bytes are copied into the rope: nothing is held of upstream's pool, and no pool is offered.
    case GST_QUERY_ALLOCATION: return FALSE;
    // What one branch cannot take does not stop the recording.
    case GST_QUERY_ACCEPT_CAPS: gst_query_set_accept_caps_result(query, TRUE); return TRUE;
    default: return gst_pad_query_default(pad, parent, query);
  }
}

TeeState::TeeState(GstElement* element)
    : element_(element),
      sink_(gst_pad_new_from_static_template(&sink_template, "sink")),
      recorder_(element, sink_),
      segments_(element) {
  mark_as_kin(element);
  gst_pad_set_chain_function(sink_, sink_chain);
  gst_pad_set_event_function(sink_, sink_event);
  gst_pad_set_query_function(sink_, sink_query);
  GST_PAD_SET_PROXY_CAPS(sink_);
  gst_element_add_pad(element, sink_);
}

bool TeeState::start() {
  if (!recorder_.start(with_settings([](Settings& now) { return now; }))) return false;
  started_.notify_all();
  return true;
}

// Elements downstream are ready first, and may pull at once.
std::shared_ptr<Recording> TeeState::await_recording(const std::atomic<bool>& interrupted) {
  for (;;) {
    std::shared_ptr<Recording> recording = recorder_.recording();
    // Relaxed: wake() follows the change, which orders it.
    const auto stop = [&] { return interrupted.load(catcher::order::relaxed); };
    if (recording != nullptr || stop()) return recording;
    started_.sleep_unless([&] { return stop() || recorder_.recording() != nullptr; },
                          catcher::kForever);
  }
}

GstStateChangeReturn TeeState::change_state(GstStateChange change,
                                            const std::function<GstStateChangeReturn()>& parent) {
  if (change == GST_STATE_CHANGE_READY_TO_PAUSED && !start()) return GST_STATE_CHANGE_FAILURE;
  if (change == GST_STATE_CHANGE_PAUSED_TO_READY) recorder_.interrupt();
  const GstStateChangeReturn result = parent();
  const bool failed =
      change == GST_STATE_CHANGE_READY_TO_PAUSED && result == GST_STATE_CHANGE_FAILURE;
  if (change == GST_STATE_CHANGE_PAUSED_TO_READY || failed) {
    recorder_.stop();
    // A pad that was requested on the way down.
    for (const GstPtr<GstPad>& pad : src_pads()) gst_pad_set_active(pad.get(), FALSE);
  }
  return result;
}

GstPad* TeeState::request_pad(GstPadTemplate* pad_template, const char* name) {
  std::string wanted;
  if (name != nullptr) {
    wanted = name;
    guint number = 0;
    if (sscanf(name, "src_%u", &number) == 1) {
      catcher::Lock lock(mutex_);
      next_pad_ = std::max(next_pad_, number + 1);
    }
  } else {
    catcher::Lock lock(mutex_);
    wanted = "src_" + std::to_string(next_pad_++);
  }
  GstPad* pad = new_catcher_pad(pad_template, wanted.c_str(), *this);
  // Between start() and stop(); the element does it for those that are there before.
  if (recorder_.recording() != nullptr) gst_pad_set_active(pad, TRUE);
  if (!gst_element_add_pad(element_, pad)) return nullptr;  // the name is taken
  // stop() may have gone through the pads before this one was there.
  if (recorder_.recording() == nullptr) gst_pad_set_active(pad, FALSE);
  gst_child_proxy_child_added(GST_CHILD_PROXY(element_), G_OBJECT(pad), wanted.c_str());
  return pad;
}

void TeeState::release_pad(GstPad* pad) {
  const TextPtr name(gst_pad_get_name(pad));
  gst_child_proxy_child_removed(GST_CHILD_PROXY(element_), G_OBJECT(pad), name.get());
  outlet_of(pad).release();
  gst_pad_set_active(pad, FALSE);
  gst_element_remove_pad(element_, pad);
}

// Those that are there now: they may come and go at any moment, and each is used without a lock.
std::vector<GstPtr<GstPad>> TeeState::src_pads() const {
  std::vector<GstPtr<GstPad>> pads;
  GST_OBJECT_LOCK(element_);
  for (GList* item = element_->srcpads; item != nullptr; item = item->next) {
    pads.emplace_back(GST_PAD_CAST(gst_object_ref(item->data)));
  }
  GST_OBJECT_UNLOCK(element_);
  return pads;
}

gboolean TeeState::handle_event(GstObject* parent, GstEvent* event) {
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_START:
      recorder_.interrupt();
      for (const GstPtr<GstPad>& pad : src_pads()) {
        outlet_of(pad.get()).begin_flush(EventPtr(gst_event_ref(event)));
      }
      break;
    case GST_EVENT_FLUSH_STOP:
      recorder_.restart();
      for (const GstPtr<GstPad>& pad : src_pads()) {
        outlet_of(pad.get()).end_flush(EventPtr(gst_event_ref(event)));
      }
      break;
    default: {
      if (!GST_EVENT_IS_SERIALIZED(event)) return gst_pad_event_default(sink_, parent, event);
      const bool taken = recorder_.take_event(event);
      gst_event_unref(event);
      return taken;
    }
  }
  gst_event_unref(event);
  return TRUE;
}

}  // namespace

static GObject* gst_catcher_tee_get_child_by_index(GstChildProxy* proxy, guint index) {
  GObject* child = nullptr;
  GST_OBJECT_LOCK(proxy);
  child = static_cast<GObject*>(g_list_nth_data(GST_ELEMENT_CAST(proxy)->srcpads, index));
  if (child != nullptr) g_object_ref(child);
  GST_OBJECT_UNLOCK(proxy);
  return child;
}

static GObject* gst_catcher_tee_get_child_by_name(GstChildProxy* proxy, const gchar* name) {
  GstPad* pad = gst_element_get_static_pad(GST_ELEMENT_CAST(proxy), name);
  if (pad != nullptr && GST_PAD_IS_SINK(pad)) {
    gst_object_unref(pad);
    return nullptr;
  }
  return G_OBJECT(pad);
}

static guint gst_catcher_tee_get_children_count(GstChildProxy* proxy) {
  GST_OBJECT_LOCK(proxy);
  const guint count = GST_ELEMENT_CAST(proxy)->numsrcpads;
  GST_OBJECT_UNLOCK(proxy);
  return count;
}

static void gst_catcher_tee_child_proxy_init(gpointer iface, gpointer) {
  auto* child_proxy = static_cast<GstChildProxyInterface*>(iface);
  child_proxy->get_child_by_index = gst_catcher_tee_get_child_by_index;
  child_proxy->get_child_by_name = gst_catcher_tee_get_child_by_name;
  child_proxy->get_children_count = gst_catcher_tee_get_children_count;
}

static void gst_catcher_tee_set_property(GObject* object, guint id, const GValue* value,
                                         GParamSpec* spec) noexcept {
  if (id == kPullMode) {
    state_of(object).set_pull_mode(static_cast<PullMode>(g_value_get_enum(value)));
    return;
  }
  const bool known = state_of(object).with_settings(
      [&](Settings& settings) { return set_common_property(settings, id, value); });
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_catcher_tee_get_property(GObject* object, guint id, GValue* value,
                                         GParamSpec* spec) noexcept {
  if (id == kPullMode) {
    g_value_set_enum(value, static_cast<gint>(state_of(object).pull_mode()));
    return;
  }
  const bool known = get_level(state_of(object).recording().get(), id, value) ||
                     state_of(object).with_settings([&](Settings& settings) {
                       return get_common_property(settings, id, value);
                     });
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static GstStateChangeReturn gst_catcher_tee_change_state(GstElement* element,
                                                         GstStateChange change) noexcept {
  return state_of(element).change_state(change, [element, change] {
    return GST_ELEMENT_CLASS(gst_catcher_tee_parent_class)->change_state(element, change);
  });
}

static void gst_catcher_tee_finalize(GObject* object) noexcept {
  delete GST_CATCHER_TEE(object)->state;
  G_OBJECT_CLASS(gst_catcher_tee_parent_class)->finalize(object);
}

static void gst_catcher_tee_class_init(GstCatcherTeeClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  object_class->set_property = gst_catcher_tee_set_property;
  object_class->get_property = gst_catcher_tee_get_property;
  object_class->finalize = gst_catcher_tee_finalize;
  install_common_properties(object_class);
  install_pull_mode(object_class, kPullMode);
  element_class->change_state = gst_catcher_tee_change_state;
  element_class->request_new_pad = [](GstElement* element, GstPadTemplate* pad_template,
                                      const gchar* name, const GstCaps*) noexcept {
    return state_of(element).request_pad(pad_template, name);
  };
  element_class->release_pad = [](GstElement* element, GstPad* pad) noexcept {
    state_of(element).release_pad(pad);
  };
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template_with_gtype(element_class, &src_template,
                                                       GST_TYPE_CATCHER_PAD);
  gst_type_mark_as_plugin_api(GST_TYPE_CATCHER_PAD, static_cast<GstPluginAPIFlags>(0));
  gst_element_class_set_static_metadata(
      element_class, "Seekable tee", "Generic",
      "Keeps a stream and lets each branch play and seek in it on its own", "The catcher authors");
}

static void gst_catcher_tee_init(GstCatcherTee* tee) {
  tee->state = new TeeState(GST_ELEMENT_CAST(tee));
}
