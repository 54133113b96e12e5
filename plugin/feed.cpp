// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "feed.hpp"

#include <chrono>
#include <map>
#include <string>
#include <system_error>
#include <thread>

#include "channels.hpp"
#include "core/event_count.hpp"
#include "core/mutex.hpp"
#include "feed_pipeline.hpp"
#include "feed_sink.hpp"
#include "support/debug.hpp"

namespace catcher::plugin::feeds {
namespace {

// After an error an element ends its stream, behind which all that came before it has been
// recorded. One that does not is not waited for longer than this.
constexpr std::chrono::seconds kEndAfterError{1};
// What a user waits for the end of a feed. A program that does not want to end takes less.
constexpr std::chrono::seconds kStop{5};

const std::atomic<bool> kNever{false};

}  // namespace

// Locks: the registry's, then mutex_. Neither is held over a call into GStreamer.
class Feed : public std::enable_shared_from_this<Feed> {
 public:
  Feed(FeedSpec spec, Settings settings) : spec_(std::move(spec)), settings_(std::move(settings)) {}

  // Begins with one user. Never fails: what goes wrong is an error like any other.
  void start();
  // Returns once all is down and the recording is let go of, or it takes too long. Requires:
  // is_left.
  void stop() noexcept;

  bool may_be_joined() const;
  bool is_over() const;
  bool has_begun() const;
  std::shared_ptr<Recording> recording() const;
  std::optional<FeedError> error() const;
  const std::string& channel() const { return spec_.channel; }

  // Of the registry, under its lock.
  unsigned users = 1;
  bool is_left = false;

 private:
  void run() noexcept;
  bool begin(const FeedPipeline& made);
  void watch(const FeedPipeline& made);
  void end(const FeedPipeline& made);
  void set_over() noexcept;
  void fail(FeedError error);
  void hear(GstMessage* message);
  void hear_error(GstMessage* message);
  static GstBusSyncReply on_message(GstBus*, GstMessage* message, gpointer self) noexcept;

  const FeedSpec spec_;
  const Settings settings_;
  GstElement* sink_ = nullptr;  // for the feed's thread and those of its pipeline
  bool claims_ = false;         // the feed's thread is about to take the channel

  mutable Mutex mutex_;
  CondVar changed_;
  std::shared_ptr<Recording> recording_ CATCHER_GUARDED_BY(mutex_);
  std::optional<FeedError> error_ CATCHER_GUARDED_BY(mutex_);
  bool errs_ CATCHER_GUARDED_BY(mutex_) = false;       // something has gone wrong
  bool ended_ CATCHER_GUARDED_BY(mutex_) = false;      // all of the pipeline is through
  bool stops_ CATCHER_GUARDED_BY(mutex_) = false;      // nobody wants it any more
  bool yields_ CATCHER_GUARDED_BY(mutex_) = false;     // another writer was quicker
  bool over_ CATCHER_GUARDED_BY(mutex_) = false;       // nothing of the pipeline is left
  bool relatency_ CATCHER_GUARDED_BY(mutex_) = false;  // latency has to be looked at
  bool reclock_ CATCHER_GUARDED_BY(mutex_) = false;    // the clock has gone
};

namespace {

struct Registry {
  Mutex mutex;
  std::map<std::string, std::shared_ptr<Feed>> feeds CATCHER_GUARDED_BY(mutex);
  EventCount<> changed;  // a feed has begun, failed or gone
};

// Never destroyed: elements may go as late as the process does.
Registry& registry() {
  static Registry* const registry = new Registry;
  return *registry;
}

// Whether a feed is there that cannot be joined any more.
bool is_in_the_way(const std::string& channel) {
  Registry& all = registry();
  Lock lock(all.mutex);
  const auto found = all.feeds.find(channel);
  return found != all.feeds.end() && !found->second->may_be_joined();
}

void forget(const Feed& feed) {
  Registry& all = registry();
  std::shared_ptr<Feed> gone;
  Lock lock(all.mutex);
  const auto found = all.feeds.find(feed.channel());
  if (found != all.feeds.end() && found->second.get() == &feed) {
    gone = std::move(found->second);
    all.feeds.erase(found);
  }
  lock.unlock();
  all.changed.notify_all();
}

}  // namespace

// ---- users ---------------------------------------------------------------------------

void Feed::start() {
  try {
    std::thread([self = shared_from_this()] { self->run(); }).detach();
  } catch (const std::system_error& error) {
    fail({GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED, "A feed cannot be started.",
          std::string("There is no thread for it: ") + error.what()});
    set_over();
  }
}

void Feed::stop() noexcept {
  const Deadline deadline = Clock::now() + kStop;
  Lock lock(mutex_);
  stops_ = true;
  changed_.notify_all();
  while (!over_) {
    if (changed_.wait_until(lock, deadline)) continue;
    if (over_) break;
    GST_WARNING("the feed of channel %s takes long to end; it is left to itself",
                spec_.channel.c_str());
    break;
  }
  std::shared_ptr<Recording> gone = std::exchange(recording_, nullptr);
  lock.unlock();
}

bool Feed::may_be_joined() const {
  if (is_left) return false;
  Lock lock(mutex_);
  return !errs_ && !yields_;
}

bool Feed::is_over() const {
  Lock lock(mutex_);
  return over_;
}

bool Feed::has_begun() const {
  Lock lock(mutex_);
  return recording_ != nullptr || error_ || yields_;
}

std::shared_ptr<Recording> Feed::recording() const {
  Lock lock(mutex_);
  return recording_;
}

std::optional<FeedError> Feed::error() const {
  Lock lock(mutex_);
  return error_;
}

// ---- the feed's thread -----------------------------------------------------------------

void Feed::run() noexcept {
  FeedPipeline made = make_feed_pipeline(spec_, settings_);
  if (made.pipeline == nullptr) {
    fail(std::move(made.error));
  } else {
    sink_ = made.sink.get();
    const GstPtr<GstObject> bus(
        GST_OBJECT_CAST(gst_pipeline_get_bus(GST_PIPELINE(made.pipeline.get()))));
    gst_bus_set_sync_handler(GST_BUS_CAST(bus.get()), on_message, this, nullptr);
    if (begin(made)) watch(made);
    end(made);
    gst_bus_set_sync_handler(GST_BUS_CAST(bus.get()), nullptr, nullptr, nullptr);
  }
  made = {};
  set_over();
}

// The recording is there before anything of the pipeline runs. False: it does not run.
bool Feed::begin(const FeedPipeline& made) {
  claims_ = true;
  const GstStateChangeReturn claimed = gst_element_set_state(sink_, GST_STATE_PAUSED);
  claims_ = false;
  if (claimed == GST_STATE_CHANGE_FAILURE) return false;
  {
    std::shared_ptr<Recording> recording = channels::hold(recording_of(sink_));
    Lock lock(mutex_);
    recording_ = std::move(recording);
    if (stops_) return false;
  }
  registry().changed.notify_all();
  GST_INFO("feed of channel %s starts", spec_.channel.c_str());
  if (gst_element_set_state(made.pipeline.get(), GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE) {
    return true;
  }
  fail({GST_CORE_ERROR, GST_CORE_ERROR_STATE_CHANGE,
        "The feed of channel \"" + spec_.channel + "\" does not start.",
        "None of its elements says why."});
  return false;
}

void Feed::watch(const FeedPipeline& made) {
  GstElement* pipeline = made.pipeline.get();
  Deadline deadline = kForever;
  Lock lock(mutex_);
  while (!stops_ && !ended_) {
    if (std::exchange(relatency_, false)) {
      lock.unlock();
      gst_bin_recalculate_latency(GST_BIN(pipeline));
      lock.lock();
    } else if (std::exchange(reclock_, false)) {
      lock.unlock();
      gst_element_set_state(pipeline, GST_STATE_PAUSED);
      gst_element_set_state(pipeline, GST_STATE_PLAYING);
      lock.lock();
    } else if (!errs_) {
      changed_.wait(lock);
    } else {
      if (deadline == kForever) deadline = Clock::now() + kEndAfterError;
      if (!changed_.wait_until(lock, deadline)) return;
    }
  }
}

void Feed::end(const FeedPipeline& made) {
  // Nothing, if the pipeline has not started and gave up by itself.
  const std::shared_ptr<Recording> last = recording_of(sink_);
  std::shared_ptr<Recording> held = last == nullptr ? nullptr : channels::hold(last);
  bool is_whole = last != nullptr && last->is_finished();
  {
    Lock lock(mutex_);
    if (held != nullptr) std::swap(recording_, held);
    is_whole = is_whole && !error_;
    held = recording_;
  }
  if (held != nullptr && !(is_whole && spec_.can_be_kept())) {
    channels::discard(spec_.channel, *held);
  }
  GST_INFO("feed of channel %s ends%s", spec_.channel.c_str(), is_whole ? "" : " early");
  gst_element_set_state(made.pipeline.get(), GST_STATE_NULL);
}

void Feed::set_over() noexcept {
  bool failed = false;
  std::shared_ptr<Recording> gone;
  {
    Lock lock(mutex_);
    failed = errs_ || yields_;
    over_ = true;
    changed_.notify_all();
  }
  bool left = false;
  {
    Lock lock(registry().mutex);
    left = is_left;
  }
  if (failed || left) forget(*this);
  registry().changed.notify_all();
}

void Feed::fail(FeedError error) {
  {
    Lock lock(mutex_);
    errs_ = true;
    if (!error_) error_ = std::move(error);
    changed_.notify_all();
  }
  registry().changed.notify_all();
}

// ---- the pipeline's threads ----------------------------------------------------------------

GstBusSyncReply Feed::on_message(GstBus*, GstMessage* message, gpointer self) noexcept {
  static_cast<Feed*>(self)->hear(message);
  gst_message_unref(message);
  return GST_BUS_DROP;
}

void Feed::hear(GstMessage* message) {
  switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ERROR: return hear_error(message);
    case GST_MESSAGE_EOS:
    case GST_MESSAGE_LATENCY:
    case GST_MESSAGE_CLOCK_LOST: {
      Lock lock(mutex_);
      (GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS       ? ended_
       : GST_MESSAGE_TYPE(message) == GST_MESSAGE_LATENCY ? relatency_
                                                          : reclock_) = true;
      changed_.notify_all();
      return;
    }
    default: return;
  }
}

// It comes before the end of the stream, if it is to be known there.
void Feed::hear_error(GstMessage* message) {
  GError* error = nullptr;
  gchar* debug = nullptr;
  gst_message_parse_error(message, &error, &debug);
  const TextPtr path(gst_object_get_path_string(GST_MESSAGE_SRC(message)));
  GST_DEBUG("feed of channel %s: %s (%s)", spec_.channel.c_str(), error->message, debug);
  const std::shared_ptr<Recording> recording = recording_of(sink_);
  if (claims_ && g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_BUSY)) {
    Lock lock(mutex_);
    yields_ = true;
  } else if (recording == nullptr || !recording->is_finished() || recording->has_failed()) {
    fail({error->domain, error->code, error->message,
          "In the feed of channel \"" + spec_.channel + "\", " + path.get() + ": " +
              (debug == nullptr ? "no more is known" : debug)});
  } else {
    // All that was to be recorded is.
    Lock lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  g_error_free(error);
  g_free(debug);
}

// ---- the registry -------------------------------------------------------------------------------

Use& Use::operator=(Use&& other) noexcept {
  if (this != &other) {
    leave();
    feed_ = std::move(other.feed_);
  }
  return *this;
}

std::shared_ptr<Recording> Use::await(const std::atomic<bool>& interrupted) const {
  // Relaxed: wake() follows the change, which orders it.
  const auto due = [&] { return interrupted.load(order::relaxed) || feed_->has_begun(); };
  while (!due()) registry().changed.sleep_unless(due, kForever);
  if (interrupted.load(order::relaxed)) return nullptr;
  // The channel has another one if upstream has flushed; of what is over, the feed has the last.
  std::shared_ptr<Recording> current = channels::await(feed_->channel(), 0, kNever);
  std::shared_ptr<Recording> own = feed_->recording();
  return own == nullptr || feed_->is_over() || current == nullptr ? own : current;
}

std::optional<FeedError> Use::error() const {
  return feed_ == nullptr ? std::nullopt : feed_->error();
}

void Use::leave() noexcept {
  const std::shared_ptr<Feed> feed = std::exchange(feed_, nullptr);
  if (feed == nullptr) return;
  {
    Lock lock(registry().mutex);
    if (--feed->users != 0) return;
    feed->is_left = true;
  }
  feed->stop();
  if (feed->is_over()) forget(*feed);
}

Use join(const FeedSpec& spec, const Settings& settings, const std::atomic<bool>& interrupted) {
  Registry& all = registry();
  // Relaxed: wake() follows the change, which orders it.
  while (!interrupted.load(order::relaxed)) {
    Lock lock(all.mutex);
    std::shared_ptr<Feed>& known = all.feeds[spec.channel];
    if (known == nullptr && channels::is_filled(spec.channel)) {
      all.feeds.erase(spec.channel);
      return {};
    }
    if (known == nullptr) {
      Use use(known = std::make_shared<Feed>(spec, settings));
      lock.unlock();
      use.feed_->start();
      return use;
    }
    if (known->may_be_joined()) {
      ++known->users;
      return Use(known);
    }
    lock.unlock();
    all.changed.sleep_unless(
        [&] { return interrupted.load(order::relaxed) || !is_in_the_way(spec.channel); }, kForever);
  }
  return {};
}

void wake() noexcept {
  registry().changed.notify_all();
}

}  // namespace catcher::plugin::feeds
