// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "event_log.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace catcher::plugin {
namespace {

bool is_sticky(const EventPtr& event) {
  return GST_EVENT_IS_STICKY(event.get());
}

auto before(std::uint64_t offset) {
  return [offset](const LoggedEvent& logged) { return logged.offset <= offset; };
}

}  // namespace

bool replaces(GstEvent* later, GstEvent* earlier) {
  if (GST_EVENT_TYPE(later) != GST_EVENT_TYPE(earlier)) return false;
  if ((gst_event_type_get_flags(GST_EVENT_TYPE(later)) & GST_EVENT_TYPE_STICKY_MULTI) == 0)
    return true;
  const GstStructure* one = gst_event_get_structure(later);
  const GstStructure* other = gst_event_get_structure(earlier);
  return one != nullptr && other != nullptr &&
         gst_structure_get_name_id(one) == gst_structure_get_name_id(other);
}

void EventLog::append(std::uint64_t offset, EventPtr event, std::int64_t time) {
  Lock lock(mutex_);
  const std::uint64_t serial = next_serial_.load(order::relaxed);  // relaxed: own value
  events_.push_back({offset, serial, std::move(event), time});
  // Release: pairs with the acquire in next_serial().
  next_serial_.store(serial + 1, order::release);
}

void EventLog::drop_before(std::uint64_t offset, std::int64_t time) {
  Lock lock(mutex_);
  if (events_.empty()) return;
  const auto is_old = [&](const LoggedEvent& logged) {
    return logged.offset < offset ||
           (logged.offset == offset && time != kNoTime && logged.time <= time);
  };
  const auto old = std::partition_point(events_.begin(), events_.end(), is_old);
  const auto until = static_cast<std::size_t>(old - events_.begin());
  if (offset == dropped_before_ && until == dropped_until_) return;
  dropped_before_ = offset;
  dropped_until_ = until;
  if (until == 0) return;
  // What holds at the oldest byte counts too, for what it has replaced.
  const auto border = std::partition_point(old, events_.end(), before(offset));
  std::vector<GstEvent*> newer;
  // From the border back: a sticky that a later one has replaced goes, and so does all that
  // happened once, before the window.
  std::vector<bool> keep(static_cast<std::size_t>(border - events_.begin()));
  for (std::size_t i = keep.size(); i-- > 0;) {
    GstEvent* event = events_[i].event.get();
    keep[i] = i >= until || (is_sticky(events_[i].event) &&
                             std::none_of(newer.begin(), newer.end(),
                                          [&](GstEvent* later) { return replaces(later, event); }));
    newer.push_back(event);
  }
  std::size_t number = 0;
  const auto gone =
      std::remove_if(events_.begin(), border, [&](const LoggedEvent&) { return !keep[number++]; });
  dropped_until_ -= static_cast<std::size_t>(border - gone);
  events_.erase(gone, border);
}

EventLog::Held EventLog::held_at(std::uint64_t offset, std::int64_t time) const {
  Lock lock(mutex_);
  const auto border = std::partition_point(events_.begin(), events_.end(), before(offset));
  Held held;
  held.next = border == events_.end() ? next_serial_.load(order::relaxed)  // under lock
                                      : border->serial;
  // What happens once, right here, is still to come. A player knows the stickies that it has sent.
  for (auto logged = border; logged != events_.begin() && (--logged)->offset == offset;) {
    const bool over = GST_EVENT_TYPE(logged->event.get()) == GST_EVENT_GAP && time != kNoTime &&
                      logged->time <= time;
    if (!is_sticky(logged->event) && !over) held.next = logged->serial;
  }
  for (auto logged = events_.begin(); logged != border; ++logged) {
    if (!is_sticky(logged->event)) continue;
    GstEvent* event = logged->event.get();
    std::erase_if(held.stickies, [&](const EventPtr& old) { return replaces(event, old.get()); });
    held.stickies.push_back(add_ref(logged->event));
  }
  return held;
}

std::uint64_t EventLog::last_at_or_before(std::uint64_t offset) const {
  Lock lock(mutex_);
  const auto border = std::partition_point(events_.begin(), events_.end(), before(offset));
  return border == events_.begin() ? 0 : std::prev(border)->offset;
}

std::vector<EventPtr> EventLog::once_at(std::uint64_t offset) const {
  Lock lock(mutex_);
  std::vector<EventPtr> found;
  auto logged = std::partition_point(events_.begin(), events_.end(), before(offset));
  while (logged != events_.begin() && (--logged)->offset == offset) {
    if (!is_sticky(logged->event)) found.push_back(add_ref(logged->event));
  }
  return found;
}

std::optional<LoggedEvent> EventLog::from(std::uint64_t serial) const {
  Lock lock(mutex_);
  const auto found =
      std::partition_point(events_.begin(), events_.end(),
                           [serial](const LoggedEvent& logged) { return logged.serial < serial; });
  if (found == events_.end()) return std::nullopt;
  return LoggedEvent{found->offset, found->serial, add_ref(found->event), found->time};
}

}  // namespace catcher::plugin
