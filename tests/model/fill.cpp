// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Of several readers at the edge one fills, and the others sleep: what fillers do follows one
// another, and nobody sleeps while the lock is free and something is missing.
#include "sync.hpp"

namespace {

using catcher::kForever;
namespace order = catcher::order;

// The source and what is the appender's own are plain; `end` alone is published.
template <int Readers>
struct Fill : model::Suite<Fill<Readers>, Readers> {
  model::FillLock filling;
  model::EventCount arrived;
  model::Plain<unsigned> source;
  model::Atomic<unsigned> end{0};

  // Reader `index` wants that many bytes and one more; each fill brings one.
  void thread(unsigned index) {
    const auto is_there = [&] { return end.load(order::acquire) > index; };
    while (!is_there()) {
      if (filling.try_take()) {
        source = source + 1;
        end.store(source, order::release);
        filling.give_back();
        arrived.notify_all();
        continue;
      }
      arrived.sleep_unless([&] { return is_there() || filling.is_free(); }, kForever);
    }
  }
};

// The same over a rope.
struct FillRope : model::Suite<FillRope, 3> {
  model::FillLock filling;
  model::EventCount arrived;
  model::OwnRope rope{model::chunks_of(1)};

  void thread(unsigned index) {
    const auto is_there = [&] { return rope->end() > index; };
    while (!is_there()) {
      if (filling.try_take()) {
        model::append(*rope, 1);
        filling.give_back();
        arrived.notify_all();
        continue;
      }
      arrived.sleep_unless([&] { return is_there() || filling.is_free(); }, kForever);
    }
    const model::Pin pin = rope->pin(index);
    RL_ASSERT(pin);
    model::expect_element(pin, index);
  }

  void after() { rope.end(); }
};

}  // namespace

int main() {
  const bool good = model::search<Fill<2>>("two readers", model::Switches{5}) &&
                    model::search<Fill<3>>("three readers", model::Switches{2}) &&
                    model::search<Fill<3>>("three readers", model::Random{500000}) &&
                    model::search<FillRope>("over a rope", model::Random{200000});
  return good ? 0 : 1;
}
