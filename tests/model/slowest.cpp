// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A writer that waits when its window is full is woken by whichever reader made room, although
// positions are relaxed stores; and no reader loses what it has not had.
#include "sync.hpp"

namespace {

using catcher::kForever;
using catcher::Status;
namespace order = catcher::order;

// The window holds two chunks of one element and is full. The writer wants room for more.
template <int Readers, int More>
struct Slowest : model::Suite<Slowest<Readers, More>, Readers + 1> {
  model::OwnRope rope{model::chunks_of(1, 2)};
  model::EventCount left;
  model::Cursor cursors[Readers];
  std::vector<const model::Cursor*> all;

  Slowest() {
    model::append(*rope, 2);
    for (const model::Cursor& cursor : cursors) all.push_back(&cursor);
  }

  void thread(unsigned index) {
    if (index == 0) {
      for (int i = 0; i < More; ++i) write(2 + static_cast<std::uint64_t>(i));
    } else {
      read(cursors[index - 1]);
    }
  }

  void write(std::uint64_t offset) {
    model::Rope::Reservation reserved;
    const auto attempt = [&] {
      reserved = rope->reserve(1, slowest(all));
      return reserved.status != Status::full;
    };
    while (!attempt() && !attempt_or_sleep(attempt)) continue;
    RL_ASSERT(reserved.status == Status::ok);
    reserved.space[0].write(model::value_at(offset));
    rope->commit(1);
  }

  template <class Attempt>
  bool attempt_or_sleep(const Attempt& attempt) {
    bool done = false;
    left.sleep_unless([&] { return done = attempt(); }, kForever);
    return done;
  }

  // The last reader goes without having read all: its cursor no longer holds back.
  void read(model::Cursor& cursor) {
    model::Place place;
    while (place.offset() < 2) {
      RL_ASSERT(place.refresh(*rope) == Status::ok);
      RL_ASSERT(place.next()->read() == model::value_at(place.offset()));
      place.advance(1);
      cursor.position.store(place.offset(), order::relaxed);
      left.notify_all();
      if (Readers > 1 && &cursor == all.back()) break;
    }
    if (place.offset() < 2) {
      cursor.holds_back.store(false, order::relaxed);
      left.notify_all();
    }
  }

  void after() { rope.end(); }
};

}  // namespace

int main() {
  const bool good = model::search<Slowest<1, 1>>("one reader", model::Switches{2}) &&
                    model::search<Slowest<1, 2>>("one reader", model::Random{200000}) &&
                    model::search<Slowest<2, 2>>("two readers", model::Random{200000});
  return good ? 0 : 1;
}
