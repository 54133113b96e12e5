// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What lies below an end that a reader has acquired is there: elements, chunks, and where a
// chunk was sealed early.
#include "sync.hpp"

namespace {

using catcher::Status;

// One appender: chunk [0, 1), sealed although it could hold more, then [1, 3). Two readers.
struct Publish : model::Suite<Publish, 3> {
  model::OwnRope rope{model::chunks_of(2)};

  void thread(unsigned index) {
    if (index == 0) {
      model::append(*rope, 1);
      rope->seal();
      model::append(*rope, 1);
      model::append(*rope, 1);
    } else if (index == 1) {
      look_anywhere();
    } else {
      read_on();
    }
  }

  void look_anywhere() {
    const std::uint64_t end = rope->end();
    for (std::uint64_t offset = end; offset-- > 0;) {
      const model::Pin pin = rope->pin(offset);
      RL_ASSERT(pin);
      model::expect_element(pin, offset);
      RL_ASSERT(std::min(pin.limit(), end) == (offset < 1 ? 1 : end));
    }
  }

  void read_on() {
    model::Place place;
    for (int step = 0; step < 3; ++step) {
      if (place.known() == 0 && place.refresh(*rope) != Status::ok) continue;
      RL_ASSERT(place.offset() != 0 || place.known() == 1);
      RL_ASSERT(place.next()->read() == model::value_at(place.offset()));
      place.advance(1);
    }
  }

  void after() { rope.end(); }
};

// The smallest case, in full: one element, one reader.
struct OneElement : model::Suite<OneElement, 2> {
  model::OwnRope rope{model::chunks_of(1)};
  std::span<model::Element> space = rope->reserve(1).space;

  void thread(unsigned index) {
    if (index == 0) {
      space[0].write(model::value_at(0));
      rope->commit(1);
    } else if (rope->end() != 0) {
      const model::Pin pin = rope->pin(0);
      RL_ASSERT(pin);
      model::expect_element(pin, 0);
    }
  }

  void after() { rope.end(); }
};

}  // namespace

int main() {
  const bool good = model::search<OneElement>("one element", model::Every{}) &&
                    model::search<Publish>("two readers", model::Switches{1}) &&
                    model::search<Publish>("two readers", model::Random{200000});
  return good ? 0 : 1;
}
