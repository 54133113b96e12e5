// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// EventCount loses no wake-up, whatever order the change itself is made with: a sleeper that
// is forgotten is a deadlock.
#include "sync.hpp"

namespace {

using catcher::kForever;
namespace order = catcher::order;

// One changer, `Sleepers` sleepers. The change is relaxed: only the event count orders it.
template <int Sleepers>
struct OneChange : model::Suite<OneChange<Sleepers>, Sleepers + 1> {
  model::EventCount events;
  model::Atomic<bool> changed{false};

  void thread(unsigned index) {
    if (index == 0) {
      changed.store(true, order::relaxed);
      events.notify_all();
      return;
    }
    const auto look = [&] { return changed.load(order::relaxed); };
    while (!look()) events.sleep_unless(look, kForever);
  }
};

// Two changers, a sleeper that needs both changes, and payload behind them.
struct TwoChanges : model::Suite<TwoChanges, 3> {
  model::EventCount events;
  model::Atomic<bool> changed[2]{false, false};
  model::Plain<int> payload[2];

  void thread(unsigned index) {
    if (index < 2) {
      payload[index] = 7;
      changed[index].store(true, order::release);
      events.notify_all();
      return;
    }
    const auto look = [&] {
      return changed[0].load(order::acquire) && changed[1].load(order::acquire);
    };
    while (!look()) events.sleep_unless(look, kForever);
    RL_ASSERT(payload[0] == 7 && payload[1] == 7);
  }
};

// A sleeper that wakes for one change and sleeps again for the next, as a reader at the edge.
struct Again : model::Suite<Again, 2> {
  model::EventCount events;
  model::Atomic<unsigned> end{0};

  void thread(unsigned index) {
    for (unsigned step = 1; step <= 2; ++step) {
      if (index == 0) {
        end.store(step, order::relaxed);
        events.notify_all();
      } else {
        const auto look = [&] { return end.load(order::relaxed) >= step; };
        while (!look()) events.sleep_unless(look, kForever);
      }
    }
  }
};

}  // namespace

int main() {
  const bool good = model::search<OneChange<1>>("one sleeper", model::Every{}) &&
                    model::search<OneChange<2>>("two sleepers", model::Switches{3}) &&
                    model::search<OneChange<2>>("two sleepers", model::Random{300000}) &&
                    model::search<TwoChanges>("two changers", model::Random{300000}) &&
                    model::search<Again>("again", model::Switches{4});
  return good ? 0 : 1;
}
