// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// One element's dealings with feeds: what it has been told comes to, which feed it uses, and
// whether it has said what went wrong there.
//
// Locks: mutex_ is held over nothing else.
// Thread: any.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <memory>
#include <optional>

#include "core/mutex.hpp"
#include "feed.hpp"
#include "feed_spec.hpp"
#include "recording.hpp"
#include "support/settings.hpp"

namespace catcher::plugin {

class FeedUser {
 public:
  // `element` posts the errors; it outlives this.
  explicit FeedUser(GstElement* element) : element_(element) {}

  // What the settings come to: now, or when they were fixed.
  MadeSpec spec(const Settings& recording, const FeedSettings& feed) const;
  // From here to leave() they come to the same, so that a descriptor stays what it was.
  MadeSpec fix(const Settings& recording, const FeedSettings& feed);

  // The recording, once the feed of the spec has begun one; the feed is used from then on. Nothing,
  // and `is_filled`: the channel is filled without a feed. Nothing else: interrupted, or the error
  // is posted.
  struct Fed {
    std::shared_ptr<Recording> recording;
    bool is_filled = false;
  };
  Fed await(const FeedSpec& spec, const Settings& recording, const std::atomic<bool>& interrupted);

  // Of a recording that has been played to its end: false if its feed has not failed. Else that is
  // posted, once.
  bool tell_failure(const Recording& played);
  void post_once(const FeedError& error);
  void post(const FeedError& error) const;

  // The feed goes, if nobody else uses it, and the spec is forgotten.
  void leave();

 private:
  std::shared_ptr<feeds::Use> use() const;

  GstElement* const element_;

  mutable Mutex mutex_;
  std::optional<FeedSpec> spec_ CATCHER_GUARDED_BY(mutex_);
  std::shared_ptr<feeds::Use> use_ CATCHER_GUARDED_BY(mutex_);
  bool told_ CATCHER_GUARDED_BY(mutex_) = false;
};

}  // namespace catcher::plugin
