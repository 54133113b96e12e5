// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "feed_user.hpp"

#include <utility>

namespace catcher::plugin {
namespace {

bool is_set(const std::atomic<bool>& interrupted) {
  return interrupted.load(order::relaxed);  // relaxed: a wake-up follows, which orders it
}

}  // namespace

MadeSpec FeedUser::spec(const Settings& recording, const FeedSettings& feed) const {
  {
    Lock lock(mutex_);
    if (spec_) return {*spec_, {}};
  }
  return make_spec(recording.channel, feed);
}

MadeSpec FeedUser::fix(const Settings& recording, const FeedSettings& feed) {
  MadeSpec made = spec(recording, feed);
  if (!made.ok()) return made;
  Lock lock(mutex_);
  if (!spec_) spec_ = std::move(made.spec);
  return {*spec_, {}};
}

std::shared_ptr<feeds::Use> FeedUser::use() const {
  Lock lock(mutex_);
  return use_;
}

FeedUser::Fed FeedUser::await(const FeedSpec& spec, const Settings& recording,
                              const std::atomic<bool>& interrupted) {
  std::shared_ptr<feeds::Use> use = this->use();
  if (use == nullptr) {
    auto joined = std::make_shared<feeds::Use>(feeds::join(spec, recording, interrupted));
    if (!*joined) return {nullptr, !is_set(interrupted)};
    Lock lock(mutex_);
    // A query on another thread may have been quicker.
    if (use_ == nullptr) use_ = joined;
    use = use_;
  }
  std::shared_ptr<Recording> found = use->await(interrupted);
  if (found != nullptr || is_set(interrupted)) return {std::move(found), false};
  const std::optional<FeedError> error = use->error();
  if (!error) return {nullptr, true};
  post_once(*error);
  return {};
}

bool FeedUser::tell_failure(const Recording& played) {
  const std::shared_ptr<feeds::Use> use = this->use();
  // What comes after this recording is not what has failed here.
  if (use == nullptr || played.leads_on()) return false;
  const std::optional<FeedError> error = use->error();
  if (error) post_once(*error);
  return error.has_value();
}

void FeedUser::post_once(const FeedError& error) {
  {
    Lock lock(mutex_);
    if (std::exchange(told_, true)) return;
  }
  post(error);
}

void FeedUser::post(const FeedError& error) const {
  gst_element_message_full(element_, GST_MESSAGE_ERROR, error.domain, error.code,
                           g_strdup(error.text.c_str()), g_strdup(error.debug.c_str()), __FILE__,
                           GST_FUNCTION, __LINE__);
}

void FeedUser::leave() {
  std::optional<FeedSpec> spec;
  std::shared_ptr<feeds::Use> use;
  Lock lock(mutex_);
  use = std::exchange(use_, nullptr);
  spec = std::exchange(spec_, std::nullopt);
  told_ = false;
  lock.unlock();
}

}  // namespace catcher::plugin
