// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
/**
 * SECTION:element-catchersrc
 * @title: catchersrc
 * @short_description: plays a channel in any pipeline of the process
 *
 * Plays what a catchersink or a catchertee records under the same channel, from where start-from
 * says, while it is still recorded and afterwards. It seeks on its own, like a branch of a
 * catchertee. The writer may come later: wait-timeout says how long it is waited for.
 *
 * With feed, uri, command or fd it has the channel filled if nobody else does. All that name the
 * same share one feed, which goes on while they pause.
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 audiotestsrc num-buffers=500 ! catchersink channel=tone \
 *     catchersrc channel=tone ! wavenc ! filesink location=tone.wav
 * ]| Records a tone under a name, and plays it from there into a file.
 * |[
 * gst-launch-1.0 playbin uri=catcher+https://example.org/radio.ogg
 * ]| Plays a radio station, and can seek in what has come of it.
 */
#include "catchersrc.hpp"

#include <string>
#include <utility>

#include "catchersrc_uri.hpp"
#include "channels.hpp"
#include "feed_user.hpp"
#include "outlet.hpp"
#include "recorder.hpp"
#include "support/kin.hpp"
#include "support/segment_math.hpp"

GST_DEBUG_CATEGORY_STATIC(catchersrc_debug);
#define GST_CAT_DEFAULT catchersrc_debug

namespace {

using namespace catcher::plugin;

GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

enum Property : guint { kWaitTimeout = 200, kCacheBytes, kPullMode };

struct SrcSettings {
  Settings recording;  // of a feed; the channel is what is played
  FeedSettings feed;
  guint64 wait_timeout = GST_CLOCK_TIME_NONE;
  PullMode pull_mode = PullMode::automatic;
};

// Locks: mutex_ guards the settings and what is played, and is held over nothing else.
class SrcState final : public PlayerHost {
 public:
  explicit SrcState(GstElement* element);

  // ---- PlayerHost
  GstElement* element() const noexcept override { return element_; }
  std::shared_ptr<Recording> await_recording(const std::atomic<bool>& interrupted) override;
  std::shared_ptr<Recording> hold(std::shared_ptr<Recording> next) override;
  std::shared_ptr<Recording> peek_recording() override;
  PullMode pull_mode() override;
  void wake() noexcept override {
    channels::wake();
    feeds::wake();
  }
  bool owns_time() const override { return !has_kin(element_); }
  bool is_beside_writer(const Recording& of) const override {
    return of.pipeline() == pipeline_of(element_);
  }
  GstClockTime base_of_seek(guint32 seqnum) override { return shared_base(element_, seqnum); }
  SegmentTally& segments() noexcept override { return segments_; }
  bool ask_upstream(GstQuery*) override { return false; }
  void on_end(const Recording& recording) override;

  // What is to be played is clear; if not, an error is posted.
  bool prepare();
  // Nothing is played any more: the feed may go.
  void leave() { feed_.leave(); }
  std::shared_ptr<Recording> recording();
  Outlet& outlet() { return outlet_; }
  template <class Change>
  auto with_settings(Change change) {
    catcher::Lock lock(mutex_);
    return change(settings_);
  }

 private:
  SrcState(GstElement* element, GstPad* pad);

  std::shared_ptr<Recording> await_channel(const std::string& channel,
                                           const std::atomic<bool>& interrupted);
  MadeSpec spec();
  MadeSpec fix();
  void note(const std::shared_ptr<Recording>& played);

  GstElement* const element_;
  SegmentTally segments_;
  FeedUser feed_;
  Outlet outlet_;

  catcher::Mutex mutex_;
  SrcSettings settings_ CATCHER_GUARDED_BY(mutex_);
  std::weak_ptr<Recording> played_ CATCHER_GUARDED_BY(mutex_);
};

}  // namespace

struct _GstCatcherSrc {
  GstElement parent;
  SrcState* state;
};

G_DEFINE_FINAL_TYPE_WITH_CODE(GstCatcherSrc, gst_catcher_src, GST_TYPE_ELEMENT,
                              G_IMPLEMENT_INTERFACE(GST_TYPE_URI_HANDLER,
                                                    catcher::plugin::handle_uris)
                                  GST_DEBUG_CATEGORY_INIT(catchersrc_debug, "catchersrc", 0,
                                                          "catchersrc element"))

GST_ELEMENT_REGISTER_DEFINE(catchersrc, "catchersrc", GST_RANK_NONE, GST_TYPE_CATCHER_SRC)

namespace {

SrcState& state_of(gpointer src) {
  return *GST_CATCHER_SRC(src)->state;
}

gboolean activate_mode(GstPad*, GstObject* parent, GstPadMode mode, gboolean active) noexcept {
  return state_of(parent).outlet().activate(mode, active);
}

GstFlowReturn get_range(GstPad*, GstObject* parent, guint64 offset, guint size,
                        GstBuffer** buffer) noexcept {
  return state_of(parent).outlet().puller().get_range(offset, size, buffer);
}

void unlinked(GstPad* pad, GstPad*, gpointer) noexcept {
  const GstPtr<GstElement> parent(gst_pad_get_parent_element(pad));
  if (parent != nullptr) state_of(parent.get()).outlet().lose_peer();
}

void linked(GstPad* pad, GstPad*, gpointer) noexcept {
  const GstPtr<GstElement> parent(gst_pad_get_parent_element(pad));
  if (parent != nullptr) state_of(parent.get()).outlet().gain_peer();
}

gboolean src_event(GstPad*, GstObject* parent, GstEvent* event) noexcept {
  Player& player = state_of(parent).outlet().player();
  gboolean done = FALSE;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_SEEK: done = player.seek(event); break;
    case GST_EVENT_RECONFIGURE:
      player.start();
      done = TRUE;
      break;
    case GST_EVENT_LATENCY:
      player.take_latency(event);
      done = TRUE;
      break;
    default:  // There is nobody upstream.
      done = state_of(parent).outlet().puller().take_event(event);
  }
  gst_event_unref(event);
  return done;
}

gboolean src_query(GstPad* pad, GstObject* parent, GstQuery* query) noexcept {
  SrcState& state = state_of(parent);
  if (state.outlet().query(query)) return TRUE;
  switch (GST_QUERY_TYPE(query)) {
    case GST_QUERY_CAPS: return gst_pad_query_default(pad, parent, query);
    default: return FALSE;
  }
}

GstPad* make_pad(GstElement* element) {
  GstPad* pad = gst_pad_new_from_static_template(&src_template, "src");
  gst_pad_set_activatemode_function(pad, activate_mode);
  gst_pad_set_getrange_function(pad, get_range);
  g_signal_connect(pad, "unlinked", G_CALLBACK(unlinked), nullptr);
  g_signal_connect(pad, "linked", G_CALLBACK(linked), nullptr);
  gst_pad_set_event_function(pad, src_event);
  gst_pad_set_query_function(pad, src_query);
  gst_element_add_pad(element, pad);
  return pad;
}

SrcState::SrcState(GstElement* element) : SrcState(element, make_pad(element)) {}

SrcState::SrcState(GstElement* element, GstPad* pad)
    : element_(element), segments_(element), feed_(element), outlet_(pad, *this) {
  mark_as_kin(element);
}

bool SrcState::prepare() {
  const MadeSpec made = fix();
  if (!made.ok()) feed_.post(made.error);
  return made.ok();
}

MadeSpec SrcState::spec() {
  const SrcSettings settings = with_settings([](SrcSettings& now) { return now; });
  return feed_.spec(settings.recording, settings.feed);
}

MadeSpec SrcState::fix() {
  const SrcSettings settings = with_settings([](SrcSettings& now) { return now; });
  return feed_.fix(settings.recording, settings.feed);
}

PullMode SrcState::pull_mode() {
  const SrcSettings settings = with_settings([](SrcSettings& now) { return now; });
  if (settings.pull_mode != PullMode::automatic) return settings.pull_mode;
  // Its length is known before it is read, and reading it takes no time to speak of.
  return is_like_a_file(spec().spec, settings.recording) ? PullMode::wait : PullMode::automatic;
}

std::shared_ptr<Recording> SrcState::await_recording(const std::atomic<bool>& interrupted) {
  const MadeSpec made = fix();
  if (!made.ok()) {
    feed_.post_once(made.error);
    return nullptr;
  }
  FeedUser::Fed fed{nullptr, true};
  if (made.spec) {
    const Settings recording = with_settings([](SrcSettings& now) { return now.recording; });
    fed = feed_.await(made.spec, recording, interrupted);
  }
  if (fed.is_filled) fed.recording = await_channel(made.spec.channel, interrupted);
  note(fed.recording);
  return std::move(fed.recording);
}

std::shared_ptr<Recording> SrcState::await_channel(const std::string& channel,
                                                   const std::atomic<bool>& interrupted) {
  GST_DEBUG_OBJECT(element_, "looking for channel %s", channel.c_str());
  const guint64 timeout = with_settings([](SrcSettings& now) { return now.wait_timeout; });
  auto recording = channels::await(channel, timeout, interrupted);
  if (recording == nullptr && !interrupted.load(catcher::order::relaxed)) {  // relaxed: a hint
    GST_ELEMENT_ERROR(element_, RESOURCE, NOT_FOUND,
                      ("Nobody writes to channel \"%s\".", channel.c_str()),
                      ("Waited %" G_GUINT64_FORMAT
                       " ns. Start a catchersink or catchertee with this channel in the same "
                       "process, or raise wait-timeout.",
                       timeout));
  }
  return recording;
}

void SrcState::note(const std::shared_ptr<Recording>& played) {
  catcher::Lock lock(mutex_);
  played_ = played;
}

std::shared_ptr<Recording> SrcState::recording() {
  catcher::Lock lock(mutex_);
  return played_.lock();
}

std::shared_ptr<Recording> SrcState::hold(std::shared_ptr<Recording> next) {
  std::shared_ptr<Recording> held = channels::hold(std::move(next));
  note(held);
  return held;
}

std::shared_ptr<Recording> SrcState::peek_recording() {
  const MadeSpec made = spec();
  if (!made.ok()) return nullptr;
  const std::atomic<bool> interrupted{false};
  return channels::await(made.spec.channel, 0, interrupted);
}

void SrcState::on_end(const Recording& recording) {
  gst_element_post_message(element_, gst_message_new_duration_changed(GST_OBJECT_CAST(element_)));
  if (feed_.tell_failure(recording) || !recording.has_failed()) return;
  GST_ELEMENT_ERROR(element_, RESOURCE, READ, ("The recording broke off."),
                    ("Its writer failed after %" G_GUINT64_FORMAT
                     " bytes, all of which were played; the writer's own error says why.",
                     recording.edge()));
}

}  // namespace

static void gst_catcher_src_set_property(GObject* object, guint id, const GValue* value,
                                         GParamSpec* spec) noexcept {
  SrcState& state = state_of(object);
  switch (id) {
    case kWaitTimeout:
      state.with_settings([&](SrcSettings& now) { now.wait_timeout = g_value_get_uint64(value); });
      return;
    case kCacheBytes: channels::set_budget(g_value_get_uint64(value)); return;
    case kPullMode:
      state.with_settings([&](SrcSettings& now) {
        now.pull_mode = static_cast<PullMode>(g_value_get_enum(value));
      });
      return;
    default: break;
  }
  const bool known = state.with_settings([&](SrcSettings& now) {
    return set_common_property(now.recording, id, value) || set_feed_property(now.feed, id, value);
  }) || state.outlet().player().with_settings([&](PlaySettings& settings) {
    return set_play_property(settings, id, value);
  });
  tell_latency(GST_ELEMENT_CAST(object), id);
  if (!known) G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
}

static void gst_catcher_src_get_property(GObject* object, guint id, GValue* value,
                                         GParamSpec* spec) noexcept {
  SrcState& state = state_of(object);
  const SrcSettings settings = state.with_settings([](SrcSettings& now) { return now; });
  switch (id) {
    case kWaitTimeout: g_value_set_uint64(value, settings.wait_timeout); return;
    case kCacheBytes: g_value_set_uint64(value, channels::budget()); return;
    case kPullMode: g_value_set_enum(value, static_cast<gint>(settings.pull_mode)); return;
    default: break;
  }
  if (!get_common_property(settings.recording, id, value) &&
      !get_level(state.recording().get(), id, value) &&
      !get_feed_property(settings.feed, id, value) && !state.outlet().get_property(id, value)) {
    G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
  }
}

static GstStateChangeReturn gst_catcher_src_change_state(GstElement* element,
                                                         GstStateChange change) noexcept {
  SrcState& state = state_of(element);
  if (change == GST_STATE_CHANGE_READY_TO_PAUSED && !state.prepare()) {
    return GST_STATE_CHANGE_FAILURE;
  }
  const GstStateChangeReturn result =
      GST_ELEMENT_CLASS(gst_catcher_src_parent_class)->change_state(element, change);
  // A demuxer may have pulled before this element went to PAUSED.
  const bool is_down =
      change == GST_STATE_CHANGE_PAUSED_TO_READY || change == GST_STATE_CHANGE_READY_TO_NULL;
  if (is_down || result == GST_STATE_CHANGE_FAILURE) state.leave();
  return result;
}

static void gst_catcher_src_finalize(GObject* object) noexcept {
  delete GST_CATCHER_SRC(object)->state;
  G_OBJECT_CLASS(gst_catcher_src_parent_class)->finalize(object);
}

static void gst_catcher_src_class_init(GstCatcherSrcClass* klass) {
  auto* object_class = G_OBJECT_CLASS(klass);
  auto* element_class = GST_ELEMENT_CLASS(klass);
  object_class->set_property = gst_catcher_src_set_property;
  object_class->get_property = gst_catcher_src_get_property;
  object_class->finalize = gst_catcher_src_finalize;
  const auto when_ready = static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_READY);
  g_object_class_install_property(
      object_class, static_cast<guint>(CommonProperty::channel),
      g_param_spec_string("channel", "Channel",
                          "Name under which a catchersink or catchertee of this process records, "
                          "or a feed (NULL = named after the feed)",
                          nullptr, when_ready));
  install_recording_properties(object_class);
  install_feed_properties(object_class);
  g_object_class_install_property(
      object_class, kWaitTimeout,
      g_param_spec_uint64("wait-timeout", "Wait timeout",
                          "How long to wait for a channel that nobody writes to, in ns (0 = not at "
                          "all, -1 = for ever)",
                          0, G_MAXUINT64, SrcSettings{}.wait_timeout, when_ready));
  g_object_class_install_property(
      object_class, kCacheBytes,
      g_param_spec_uint64("cache-bytes", "Cache bytes",
                          "Bytes of finished recordings that the process keeps under their names; "
                          "the one used least recently goes first. One value for all elements",
                          0, G_MAXUINT64, 1ull << 30,
                          static_cast<GParamFlags>(G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                   GST_PARAM_MUTABLE_PLAYING)));
  install_pull_mode(object_class, kPullMode);
  install_play_properties(object_class);
  element_class->change_state = gst_catcher_src_change_state;
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(element_class, "Channel player", "Source/Generic",
                                        "Plays a channel, and seeks in it, in any pipeline of the "
                                        "process",
                                        "The catcher authors");
}

static void gst_catcher_src_init(GstCatcherSrc* src) {
  GST_OBJECT_FLAG_SET(src, GST_ELEMENT_FLAG_SOURCE);
  src->state = new SrcState(GST_ELEMENT_CAST(src));
}
