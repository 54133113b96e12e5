// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The ring of slots is replaced by a larger one, and slots are made, while readers search. As
// long as nothing is evicted, a pin is found in the first round: one read-modify-write.
#include "sync.hpp"

namespace {

// `Before` chunks are there, `More` are appended.
template <int Before, int More>
struct Grow : model::Suite<Grow<Before, More>, 3> {
  model::OwnRope rope{model::chunks_of(1)};

  Grow() { model::append(*rope, Before); }

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < More; ++i) model::append(*rope, 1);
    } else if (index == 1) {
      look(rope->end() - 1);
      look(rope->end() - 1);
    } else {
      look(Before - 1);
      look(0);
    }
  }

  void look(std::uint64_t offset) {
    const unsigned before = model::costs().changes;
    const model::Pin pin = rope->pin(offset);
    RL_ASSERT(pin);
    RL_ASSERT(model::costs().changes - before == 1);
    model::expect_element(pin, offset);
  }

  void after() { rope.end(); }
};

// The window moves on by one chunk, whose slot is made just now, since all others are in use. It
// takes the place in the ring where a reader that lags behind still looks for the evicted one.
struct SamePlace : model::Suite<SamePlace, 2> {
  static constexpr std::uint64_t kRing = 8;
  static constexpr std::uint64_t kSlots = 12;  // a block of four, and one of eight
  static constexpr std::uint64_t kFirst = kSlots - kRing;
  model::OwnRope rope{model::chunks_of(1)};
  model::Pin pins[kFirst + 1];

  SamePlace() {
    model::append(*rope, kRing);
    for (std::uint64_t i = 0; i <= kFirst; ++i) pins[i] = rope->pin(i);
    rope->drop_before(kFirst);
    model::append(*rope, kFirst);
  }

  void thread(unsigned index) {
    if (index == 0) {
      rope->drop_before(kFirst + 1);
      model::append(*rope, 1);
      return;
    }
    const model::Pin pin = rope->pin(kFirst);
    if (pin) model::expect_element(pin, kFirst);
  }

  void after() {
    for (model::Pin& pin : pins) pin.reset();
    rope.end();
  }
};

}  // namespace

int main() {
  // The first four slots are one block, the first ring has eight places.
  const bool good = model::search<SamePlace>("the same place", model::Random{100000}) &&
                    model::search<Grow<8, 2>>("a larger ring", model::Random{200000}) &&
                    model::search<Grow<4, 1>>("more slots", model::Random{100000}) &&
                    model::search<Grow<4, 1>>("more slots", model::Switches{1});
  return good ? 0 : 1;
}
