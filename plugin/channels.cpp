// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "channels.hpp"

#include <algorithm>
#include <map>
#include <new>
#include <utility>
#include <vector>

#include "core/event_count.hpp"
#include "core/mutex.hpp"

namespace catcher::plugin::channels {
namespace {

struct Channel {
  bool has_writer = false;
  bool is_discarded = false;  // nothing stays when the writer goes
  std::shared_ptr<Recording> recording;
  std::uint64_t last_used = 0;
};

struct Registry {
  Mutex mutex;
  std::map<std::string, Channel> channels CATCHER_GUARDED_BY(mutex);
  std::uint64_t budget CATCHER_GUARDED_BY(mutex) = 1ull << 30;
  std::uint64_t uses CATCHER_GUARDED_BY(mutex) = 0;
  EventCount<> published;
};

// Never destroyed: elements may go as late as the process does.
Registry& registry() {
  static Registry* const registry = new Registry;
  return *registry;
}

// One of nothing costs something too, so that no number of them is for free.
std::uint64_t cost_of(const Recording& recording) {
  return sizeof(Recording) + recording.bytes()->stats().bytes_allocated +
         recording.timeline.allocated();
}

using Dropped = std::vector<std::shared_ptr<Recording>>;

Dropped drop_idle(Registry& all) CATCHER_REQUIRES(all.mutex) {
  Dropped dropped;
  std::uint64_t kept = 0;
  std::vector<std::pair<std::uint64_t, std::string>> idle;  // by last use
  for (const auto& [name, channel] : all.channels) {
    if (channel.has_writer || channel.recording == nullptr) continue;
    kept += cost_of(*channel.recording);
    // Nobody but the registry has it, and nobody can get it meanwhile.
    if (channel.recording.use_count() == 1) idle.emplace_back(channel.last_used, name);
  }
  std::sort(idle.begin(), idle.end());
  for (const auto& [used, name] : idle) {
    if (kept <= all.budget) break;
    const auto found = all.channels.find(name);
    kept -= cost_of(*found->second.recording);
    dropped.push_back(std::move(found->second.recording));
    all.channels.erase(found);
  }
  return dropped;
}

// What has to go is handed out, so that it is freed without the lock. Without memory to find it, it
// stays until the budget is looked at again.
Dropped keep_budget(Registry& all) noexcept CATCHER_REQUIRES(all.mutex) {
  try {
    return drop_idle(all);
  } catch (const std::bad_alloc&) {
    return {};
  }
}

// One player's hold on a recording. When it ends, the recording may be what is beyond the budget.
struct Use {
  std::shared_ptr<Recording> recording;

  explicit Use(std::shared_ptr<Recording> used) noexcept : recording(std::move(used)) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    recording.reset();
    Registry& all = registry();
    Dropped dropped;
    Lock lock(all.mutex);
    dropped = keep_budget(all);
    lock.unlock();
  }
};

bool is_published(const std::string& name) {
  Registry& all = registry();
  Lock lock(all.mutex);
  const auto found = all.channels.find(name);
  return found != all.channels.end() && found->second.recording != nullptr;
}

std::shared_ptr<Recording> find(const std::string& name) {
  Registry& all = registry();
  std::shared_ptr<Recording> recording;
  {
    Lock lock(all.mutex);
    const auto found = all.channels.find(name);
    if (found == all.channels.end() || found->second.recording == nullptr) return nullptr;
    found->second.last_used = ++all.uses;
    recording = found->second.recording;
  }
  return hold(std::move(recording));
}

}  // namespace

std::shared_ptr<Recording> hold(std::shared_ptr<Recording> recording) {
  Recording* used = recording.get();
  return {std::make_shared<Use>(std::move(recording)), used};
}

Claim& Claim::operator=(Claim&& other) noexcept {
  if (this != &other) {
    give_up();
    name_ = std::exchange(other.name_, {});
  }
  return *this;
}

Claim claim(const std::string& name) {
  Registry& all = registry();
  Lock lock(all.mutex);
  if (name.empty()) return {};
  std::string kept = name;  // memory may run out as long as nothing is claimed
  Channel& channel = all.channels[name];
  if (channel.has_writer) return {};
  channel.has_writer = true;
  channel.is_discarded = false;
  return Claim(std::move(kept));
}

void Claim::publish(std::shared_ptr<Recording> recording) {
  if (name_.empty()) return;
  Registry& all = registry();
  {
    Lock lock(all.mutex);
    Channel& channel = all.channels[name_];
    std::swap(channel.recording, recording);
    channel.last_used = ++all.uses;
  }
  all.published.notify_all();
}

void Claim::give_up() noexcept {
  if (name_.empty()) return;
  Registry& all = registry();
  Dropped dropped;
  Lock lock(all.mutex);
  const auto found = all.channels.find(name_);
  found->second.has_writer = false;
  if (found->second.is_discarded) dropped.push_back(std::move(found->second.recording));
  if (found->second.recording == nullptr) all.channels.erase(found);
  for (std::shared_ptr<Recording>& one : keep_budget(all)) dropped.push_back(std::move(one));
  lock.unlock();
  name_.clear();
  dropped.clear();
}

bool is_filled(const std::string& name) {
  Registry& all = registry();
  Lock lock(all.mutex);
  const auto found = all.channels.find(name);
  return found != all.channels.end() &&
         (found->second.has_writer || found->second.recording != nullptr);
}

void discard(const std::string& name, const Recording& recording) {
  Registry& all = registry();
  std::shared_ptr<Recording> dropped;
  Lock lock(all.mutex);
  const auto found = all.channels.find(name);
  if (found == all.channels.end() || found->second.recording.get() != &recording) return;
  if (found->second.has_writer) {
    found->second.is_discarded = true;
  } else {
    dropped = std::move(found->second.recording);
    all.channels.erase(found);
  }
  lock.unlock();
}

std::shared_ptr<Recording> await(const std::string& name, GstClockTime timeout,
                                 const std::atomic<bool>& interrupted) {
  const bool for_ever = !GST_CLOCK_TIME_IS_VALID(timeout) || timeout > G_MAXINT64 / 2;
  const Deadline deadline = for_ever ? kForever : Clock::now() + std::chrono::nanoseconds(timeout);
  // Relaxed: wake() follows the change, which orders it.
  const auto stop = [&] { return interrupted.load(order::relaxed); };
  while (!stop()) {
    std::shared_ptr<Recording> found = find(name);
    if (found != nullptr || timeout == 0) return found;
    const bool in_time =
        registry().published.sleep_unless([&] { return stop() || is_published(name); }, deadline);
    if (!in_time) return find(name);
  }
  return nullptr;
}

void wake() noexcept {
  registry().published.notify_all();
}

void set_budget(std::uint64_t bytes) {
  Registry& all = registry();
  Dropped dropped;
  Lock lock(all.mutex);
  all.budget = bytes;
  dropped = keep_budget(all);
  lock.unlock();
}

std::uint64_t budget() {
  Registry& all = registry();
  Lock lock(all.mutex);
  return all.budget;
}

}  // namespace catcher::plugin::channels
