// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Readers pin chunks while the appender evicts them and puts others into their slots and
// memory. A reader gets the element it asked for, or is told a window that begins beyond it.
#include "sync.hpp"

namespace {

// The window holds one chunk of one element, so that each append evicts and reuses.
template <int Readers, int Appends>
struct PinEvict : model::Suite<PinEvict<Readers, Appends>, Readers + 1> {
  model::OwnRope rope{model::chunks_of(1, 1)};

  PinEvict() { model::append(*rope, 1); }

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < Appends; ++i) model::append(*rope, 1);
    } else {
      for (int i = 0; i < Readers; ++i) look(rope->end() - 1);
    }
  }

  void look(std::uint64_t offset) {
    const model::Pin pin = rope->pin(offset);
    if (pin) {
      model::expect_element(pin, offset);
      return;
    }
    const catcher::Window window = rope->window();
    RL_ASSERT(window.begin > offset && window.begin <= window.end);
  }

  void after() { rope.end(); }
};

// A reader goes through a window of two chunks that moves below it, and starts again from
// where it is told when it was lapped.
struct Lapped : model::Suite<Lapped, 2> {
  model::OwnRope rope{model::chunks_of(1, 2)};

  Lapped() { model::append(*rope, 2); }

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < 3; ++i) model::append(*rope, 1);
      return;
    }
    model::Place place;
    for (int step = 0; step < 4; ++step) {
      const catcher::Status status = place.refresh(*rope);
      if (status == catcher::Status::ok) {
        RL_ASSERT(place.next()->read() == model::value_at(place.offset()));
        place.advance(place.known());
      } else if (status == catcher::Status::evicted) {
        const catcher::Window window = rope->window();
        RL_ASSERT(window.begin > place.offset() && window.begin <= window.end);
        place.move_to(window.begin);
      }
    }
  }

  void after() { rope.end(); }
};

}  // namespace

int main() {
  const bool good = model::search<PinEvict<1, 1>>("one reader", model::Switches{1}) &&
                    model::search<PinEvict<2, 3>>("two readers", model::Random{300000}) &&
                    model::search<Lapped>("lapped", model::Random{200000});
  return good ? 0 : 1;
}
