// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Earliest forgets nobody: whoever waits for a byte sees it, or is found by the appender that
// brought it, whatever order the byte itself is published with.
#include "sync.hpp"

#include "core/earliest.hpp"

namespace {

namespace order = catcher::order;
using Earliest = catcher::Earliest<model::ModelSync>;

// Who waits, as ReadableQueue keeps them: plain, under a lock.
class Waiting {
 public:
  static constexpr unsigned kMost = 2;

  // False: `is_settled()`, looked at last.
  template <class Settled>
  bool enter(unsigned who, std::uint64_t offset, const Settled& is_settled) {
    mutex_.lock(RL_INFO);
    offsets_[who] = offset;
    earliest_.set(lowest());
    const bool settled = is_settled();
    if (settled) {
      offsets_[who] = Earliest::kNobody;
      earliest_.set(lowest());
    }
    mutex_.unlock(RL_INFO);
    return !settled;
  }

  void arrived(std::uint64_t end) {
    if (!earliest_.is_due(end)) return;
    mutex_.lock(RL_INFO);
    for (unsigned who = 0; who < kMost; ++who) {
      if (offsets_[who] >= end) continue;
      offsets_[who] = Earliest::kNobody;
      ++called_[who];
    }
    earliest_.set(lowest());
    mutex_.unlock(RL_INFO);
  }

  bool is_anybody_waiting() { return earliest_.is_anybody(); }
  unsigned called(unsigned who) const { return called_[who]; }

 private:
  std::uint64_t lowest() const { return std::min(offsets_[0], offsets_[1]); }

  Earliest earliest_;
  rl::mutex mutex_;
  // Relacy runs its threads in turn: plain will do behind its own mutex.
  std::uint64_t offsets_[kMost] = {Earliest::kNobody, Earliest::kNobody};
  unsigned called_[kMost] = {0, 0};
};

// One who brings two bytes one by one, and two who wait, the second for the second byte.
struct Bring : model::Suite<Bring, 3> {
  Waiting waiting;
  model::Atomic<unsigned> end{0};
  bool entered[2] = {false, false};

  void thread(unsigned index) {
    if (index == 0) {
      for (unsigned size = 1; size <= 2; ++size) {
        end.store(size, order::relaxed);
        waiting.arrived(size);
      }
      return;
    }
    const unsigned who = index - 1;
    const auto is_there = [&] { return end.load(order::relaxed) > who; };
    entered[who] = waiting.enter(who, who, is_there);
  }

  void after() {
    for (unsigned who = 0; who < 2; ++who) {
      RL_ASSERT(waiting.called(who) == (entered[who] ? 1 : 0));
    }
  }
};

// One who gives back the right to fill, then asks whether somebody waits who would take it over;
// one who waits, unless the right is free. Nobody waits while the right is free.
struct HandOver : model::Suite<HandOver, 2> {
  Waiting waiting;
  model::FillLock filling;
  bool entered = false;
  bool taken_over = false;

  void before() { RL_ASSERT(filling.try_take()); }

  void thread(unsigned index) {
    if (index == 0) {
      filling.give_back();
      taken_over = waiting.is_anybody_waiting() && filling.try_take();
    } else {
      entered = waiting.enter(0, 5, [&] { return filling.is_free(); });
    }
  }

  void after() { RL_ASSERT(!entered || taken_over); }
};

}  // namespace

int main() {
  const bool good = model::search<HandOver>("hand over", model::Every{}) &&
                    model::search<Bring>("bring", model::Switches{4}) &&
                    model::search<Bring>("bring", model::Random{500000});
  return good ? 0 : 1;
}
