// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The feeds of this process: each is a private pipeline that fills a channel for as long as
// somebody uses it, whatever state its users are in. Whoever wants a channel filled joins its
// feed; the first one starts it, the last one stops it. A recording that came to its end stays in
// the channel; of one that was stopped or has failed nothing is left but what is being played.
//
// A feed has a thread of its own, which makes the pipeline, starts it, listens to its bus and
// takes it down: no state change of a user waits for a source that opens slowly.
//
// Thread: any.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <memory>
#include <optional>
#include <utility>

#include "feed_spec.hpp"
#include "recording.hpp"

namespace catcher::plugin::feeds {

class Feed;

// One user's part in a feed; given up when it is destroyed. Move-only.
class Use {
 public:
  Use() noexcept = default;
  Use(Use&& other) noexcept : feed_(std::move(other.feed_)) {}
  Use& operator=(Use&& other) noexcept;
  ~Use() { leave(); }

  explicit operator bool() const noexcept { return feed_ != nullptr; }
  // The recording, once it has begun. Nothing: interrupted; or error() says why there is none; or
  // somebody else was quicker to write to the channel, and this feed has given up.
  std::shared_ptr<Recording> await(const std::atomic<bool>& interrupted) const;
  // What has gone wrong before the recording came to its end.
  std::optional<FeedError> error() const;
  // Ends the feed if nobody else uses it, and waits for that: no longer than a few seconds, after
  // which the feed's thread goes on with it alone.
  void leave() noexcept;

 private:
  friend Use join(const FeedSpec&, const Settings&, const std::atomic<bool>&);
  explicit Use(std::shared_ptr<Feed> feed) noexcept : feed_(std::move(feed)) {}
  std::shared_ptr<Feed> feed_;
};

// Joins the feed of the spec's channel, or starts it. Waits while one that has failed or was left
// is still being taken down. Empty: interrupted; or the channel is filled without a feed.
Use join(const FeedSpec& spec, const Settings& settings, const std::atomic<bool>& interrupted);

// Makes everyone in join() and await() look at `interrupted`.
void wake() noexcept;

}  // namespace catcher::plugin::feeds
