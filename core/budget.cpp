// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "budget.hpp"

#include <list>
#include <unordered_map>
#include <utility>

#include "mutex.hpp"

namespace catcher {
namespace {

struct Entry {
  std::string key;
  std::shared_ptr<Catcher> catcher;
};
using Entries = std::list<Entry>;

// Nobody can get a handle to it meanwhile: the budget's lock is held, and its own handle is the
// last. A weak one that is locked in this moment keeps the catcher, that is all.
bool is_idle(const Entry& entry) {
  return entry.catcher.use_count() == 1 &&
         (entry.catcher->is_finished() || entry.catcher->has_failed());
}

}  // namespace

// Outlives the budget while there are handles.
struct Budget::State {
  State(std::uint64_t most, OnDrop on_drop) : tell(std::move(on_drop)), max_bytes(most) {}

  const OnDrop tell;
  mutable Mutex mutex;  // never held while a catcher goes or anybody is told
  std::uint64_t max_bytes CATCHER_GUARDED_BY(mutex);
  std::uint64_t dropped CATCHER_GUARDED_BY(mutex) = 0;
  Entries entries CATCHER_GUARDED_BY(mutex);  // by last use, the latest at the end
  std::unordered_map<std::string, Entries::iterator> by_key CATCHER_GUARDED_BY(mutex);

  // Needs no memory, so that whoever lets go of a handle can call it.
  void look() {
    Entries due;
    {
      Lock lock(mutex);
      std::uint64_t bytes = sum();
      for (auto next = entries.begin(); next != entries.end() && bytes > max_bytes;) {
        const auto entry = next++;
        if (!is_idle(*entry)) continue;
        bytes -= cost(*entry->catcher);
        by_key.erase(entry->key);
        due.splice(due.end(), entries, entry);
        ++dropped;
      }
    }
    for (Entry& entry : due) {
      if (tell) tell(entry.key, std::move(entry.catcher));
    }
  }

  std::uint64_t sum() const CATCHER_REQUIRES(mutex) {
    std::uint64_t bytes = 0;
    for (const Entry& entry : entries) bytes += cost(*entry.catcher);
    return bytes;
  }

  // Takes it out. Empty if there is none.
  Entries take(const std::string& key) CATCHER_REQUIRES(mutex) {
    Entries taken;
    const auto found = by_key.find(key);
    if (found == by_key.end()) return taken;
    taken.splice(taken.end(), entries, found->second);
    by_key.erase(found);
    return taken;
  }
};

// What all copies of one handle share.
struct Budget::Use {
  std::shared_ptr<State> state;
  std::shared_ptr<Catcher> catcher;

  Use(std::shared_ptr<State> of, std::shared_ptr<Catcher> used) noexcept
      : state(std::move(of)), catcher(std::move(used)) {}
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  ~Use() {
    catcher.reset();
    state->look();
  }
};

Budget::Budget(std::uint64_t max_bytes, OnDrop on_drop)
    : state_(std::make_shared<State>(max_bytes, std::move(on_drop))) {}

Budget::~Budget() {
  Entries all;
  Lock lock(state_->mutex);
  state_->by_key.clear();
  all.swap(state_->entries);
  lock.unlock();
}

std::uint64_t Budget::cost(const Catcher& catcher) {
  return sizeof(Catcher) + catcher.stats().bytes_allocated;
}

std::shared_ptr<Catcher> Budget::hand_out(std::shared_ptr<State> state,
                                          std::shared_ptr<Catcher> catcher) {
  Catcher* const used = catcher.get();
  return {std::make_shared<Use>(std::move(state), std::move(catcher)), used};
}

std::shared_ptr<Catcher> Budget::enter(const std::string& key, std::shared_ptr<Catcher> catcher) {
  std::shared_ptr<Catcher> handle = hand_out(state_, catcher);
  Entries made;
  made.push_back({key, std::move(catcher)});
  Entries replaced;
  {
    Lock lock(state_->mutex);
    const auto [place, is_new] = state_->by_key.try_emplace(key, made.begin());
    if (!is_new) {
      replaced.splice(replaced.end(), state_->entries, place->second);
      place->second = made.begin();
    }
    state_->entries.splice(state_->entries.end(), made);
  }
  replaced.clear();
  look();
  return handle;
}

std::shared_ptr<Catcher> Budget::find(const std::string& key) {
  std::shared_ptr<Catcher> found;
  {
    Lock lock(state_->mutex);
    const auto place = state_->by_key.find(key);
    if (place == state_->by_key.end()) return nullptr;
    found = place->second->catcher;
  }
  std::shared_ptr<Catcher> handle = hand_out(state_, std::move(found));
  // It counts as used only now that there is a handle. It may have been let go of meanwhile.
  Lock lock(state_->mutex);
  const auto place = state_->by_key.find(key);
  if (place != state_->by_key.end() && place->second->catcher.get() == handle.get()) {
    state_->entries.splice(state_->entries.end(), state_->entries, place->second);
  }
  return handle;
}

bool Budget::remove(const std::string& key) {
  Entries removed;
  Lock lock(state_->mutex);
  removed = state_->take(key);
  lock.unlock();
  return !removed.empty();
}

void Budget::set_max_bytes(std::uint64_t max_bytes) {
  {
    Lock lock(state_->mutex);
    state_->max_bytes = max_bytes;
  }
  look();
}

void Budget::look() {
  state_->look();
}

BudgetFigures Budget::figures() const {
  Lock lock(state_->mutex);
  return {state_->sum(), state_->entries.size(), state_->dropped};
}

}  // namespace catcher
