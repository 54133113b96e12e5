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

}  // namespace

int main() {
  // The first four slots are one block, the first ring has eight places.
  bool good = model::search<Grow<4, 1>>("more slots", model::Switches{1});
  good &= model::search<Grow<4, 1>>("more slots", model::Random{100000});
  good &= model::search<Grow<8, 2>>("a larger ring", model::Random{300000});
  return good ? 0 : 1;
}
