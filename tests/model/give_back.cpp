// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Memory comes back from whoever drops the last pin: to the appender that fills it anew, or,
// when the rope is gone, to where it came from. Once, and after everybody's last look.
#include "sync.hpp"

namespace {

namespace order = catcher::order;

// Two readers leave an evicted chunk while the appender takes memory for the next.
struct Reuse : model::Suite<Reuse, 3> {
  model::OwnRope rope{model::chunks_of(1)};
  model::Pin pins[2];

  Reuse() {
    model::append(*rope, 2);
    for (model::Pin& pin : pins) pin = rope->pin(0);
    rope->drop_before(1);
  }

  void thread(unsigned index) {
    if (index == 0) {
      model::append(*rope, 1);
      return;
    }
    model::expect_element(pins[index - 1], 0);
    pins[index - 1].reset();
  }

  void after() { rope.end(); }
};

// Each reader leaves a chunk of its own, so that both come back at once; the appender
// collects while they do.
struct TwoChunks : model::Suite<TwoChunks, 3> {
  model::OwnRope rope{model::chunks_of(1)};
  model::Pin pins[2];

  TwoChunks() {
    model::append(*rope, 3);
    for (unsigned i = 0; i < 2; ++i) pins[i] = rope->pin(i);
    rope->drop_before(2);
  }

  void thread(unsigned index) {
    if (index == 0) {
      model::append(*rope, 1);
      model::append(*rope, 1);
      return;
    }
    model::expect_element(pins[index - 1], index - 1);
    pins[index - 1].reset();
  }

  void after() { rope.end(); }
};

// The rope finishes, and wants no memory any more, while an evicted chunk is left: its memory is
// freed by whoever comes second, and does not wait for the rope's end.
struct Finish : model::Suite<Finish, 2> {
  std::shared_ptr<model::ModelMemory> memory = std::make_shared<model::ModelMemory>();
  model::Rope rope{model::chunks_of(1), memory};
  model::Pin pin;

  Finish() {
    model::append(rope, 2);
    pin = rope.pin(0);
    rope.drop_before(1);
  }

  void thread(unsigned index) {
    if (index == 0) {
      rope.finish(catcher::RopeState::finished);
      return;
    }
    model::expect_element(pin, 0);
    pin.reset();
  }

  void after() { RL_ASSERT(memory->allocated() == 2 && memory->freed() == 1); }
};

// The rope ends while leases of two chunks are still held: one shared by two readers.
template <int Readers>
struct Close : model::Suite<Close<Readers>, Readers + 1> {
  std::shared_ptr<model::ModelMemory> memory = std::make_shared<model::ModelMemory>();
  std::unique_ptr<model::Rope> rope = std::make_unique<model::Rope>(model::chunks_of(1), memory);
  model::Pin pins[Readers];

  Close() {
    model::append(*rope, 2);
    for (unsigned i = 0; i < Readers; ++i) pins[i] = rope->pin(i % 2);
  }

  void thread(unsigned index) {
    if (index == 0) {
      rope.reset();
      return;
    }
    model::expect_element(pins[index - 1], (index - 1) % 2);
    pins[index - 1].reset();
  }

  void after() {
    RL_ASSERT(memory->allocated() == 2 && memory->freed() == 2);
    RL_ASSERT(memory.use_count() == 1);  // the pool is gone
  }
};

}  // namespace

int main() {
  const bool good = model::search<Reuse>("reuse", model::Switches{3}) &&
                    model::search<Reuse>("reuse", model::Random{200000}) &&
                    model::search<TwoChunks>("two chunks", model::Switches{2}) &&
                    model::search<TwoChunks>("two chunks", model::Random{200000}) &&
                    model::search<Finish>("finish", model::Switches{4}) &&
                    model::search<Close<1>>("close, one reader", model::Switches{4}) &&
                    model::search<Close<3>>("close, three readers", model::Random{200000});
  return good ? 0 : 1;
}
