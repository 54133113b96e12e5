// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a read costs, counted: nothing shared within what is known, loads alone up to the end of
// a chunk, one pin and one unpin at its border. Only the reader's own cursor is stored to.
#include "sync.hpp"

namespace {

using catcher::Status;
namespace order = catcher::order;

// Chunks [0, 2), [2, 4), ...: the reader follows, the appender goes on, nothing is evicted.
template <int Readers>
struct Reading : model::Suite<Reading<Readers>, Readers + 1> {
  model::OwnRope rope{model::chunks_of(2)};
  model::Cursor cursors[Readers];

  Reading() { model::append(*rope, 3); }

  void thread(unsigned index) {
    if (index == 0) {
      model::append(*rope, 1);
      model::append(*rope, 1);
    } else {
      read(cursors[index - 1]);
    }
  }

  void read(model::Cursor& cursor) {
    model::Place place;
    while (place.offset() < 5) {
      const std::uint64_t offset = place.offset();
      if (place.known() == 0) {
        const bool has_chunk = offset != 0;
        const bool at_border = offset % 2 == 0;
        const model::Costs before = model::costs();
        const Status status = place.refresh(*rope);
        const model::Costs& now = model::costs();
        RL_ASSERT(now.stores == before.stores);
        if (status == Status::would_block) {  // the edge: a look at the end
          RL_ASSERT(now.changes == before.changes && now.loads == before.loads + 1);
          return;
        }
        RL_ASSERT(status == Status::ok);
        // The first chunk is pinned; from then on a border is a pin and an unpin.
        RL_ASSERT(now.changes - before.changes == (at_border ? (has_chunk ? 2u : 1u) : 0u));
      }
      const model::Costs before = model::costs();
      RL_ASSERT(place.next()->read() == model::value_at(offset));
      place.advance(1);
      RL_ASSERT(model::costs().loads == before.loads);
      RL_ASSERT(model::costs().stores == before.stores);
      RL_ASSERT(model::costs().changes == before.changes);
      cursor.position.store(place.offset(), order::relaxed);  // as Reader does: its own line
    }
  }

  void after() { rope.end(); }
};

}  // namespace

int main() {
  const bool good = model::search<Reading<1>>("one reader", model::Switches{2}) &&
                    model::search<Reading<2>>("two readers", model::Random{200000});
  return good ? 0 : 1;
}
