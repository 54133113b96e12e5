// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A finished rope moves into one chunk while it is read. Whoever looks finds every element, and
// finds it written; whoever stands somewhere goes on; each old chunk is freed by the last to leave
// it, once.
#include "sync.hpp"

namespace {

using catcher::Status;

// Chunks of two elements, the last one half full, or sealed and so with a limit below its memory.
template <int Elements, int Readers>
struct Moving : model::Suite<Moving<Elements, Readers>, Readers + 1> {
  static constexpr std::uint64_t kEnd = Elements;

  std::shared_ptr<model::ModelMemory> memory = std::make_shared<model::ModelMemory>();
  std::unique_ptr<model::Rope> rope = std::make_unique<model::Rope>(model::chunks_of(2), memory);
  unsigned chunks = 0;

  Moving() {
    model::append(*rope, 1);
    rope->seal();
    model::append(*rope, kEnd - 1);
    rope->finish(catcher::RopeState::finished);
    chunks = static_cast<unsigned>(rope->chunks());
  }

  // One reads from the beginning, as a reader does. It never waits, and pays no more than a pin and
  // an unpin for a chunk unless what it looks for is moved at that moment.
  void read_through() {
    model::Place place;
    while (place.offset() != kEnd) {
      if (place.known() == 0) {
        const model::Costs before = model::costs();
        RL_ASSERT(place.refresh(*rope) == Status::ok);
        RL_ASSERT(model::costs().stores == before.stores);
      }
      const model::Costs before = model::costs();
      RL_ASSERT(place.next()->read() == model::value_at(place.offset()));
      place.advance(1);
      RL_ASSERT(model::costs().loads == before.loads);
      RL_ASSERT(model::costs().changes == before.changes);
    }
    RL_ASSERT(place.refresh(*rope) == Status::would_block);
    place.release();
  }

  // The other holds what it finds, from the end backwards, and looks at it all again: as ranges
  // that are pinned and leases.
  void hold_backwards() {
    model::Pin pins[Elements];
    for (std::uint64_t offset = kEnd; offset-- > 0;) {
      pins[offset] = rope->pin(offset);
      RL_ASSERT(pins[offset]);
      model::expect_element(pins[offset], offset);
    }
    for (std::uint64_t offset = 0; offset < kEnd; ++offset) {
      model::expect_element(pins[offset], offset);
    }
  }

  void thread(unsigned index) {
    if (index == 0) {
      model::compact(*rope);
    } else if (index == 1) {
      read_through();
    } else {
      hold_backwards();
    }
  }

  void after() {
    RL_ASSERT(rope->chunk_count() == 1 && rope->evicted_chunks() == 0);
    RL_ASSERT(memory->allocated() == chunks + 1 && memory->freed() == chunks);
    // One pin, and all is known.
    model::Place place;
    const model::Costs before = model::costs();
    RL_ASSERT(place.refresh(*rope) == Status::ok);
    RL_ASSERT(place.known() == kEnd && model::costs().changes == before.changes + 1);
    for (std::uint64_t i = 0; i < kEnd; ++i) {
      RL_ASSERT(place.next()[i].read() == model::value_at(i));
    }
    place.release();
    rope.reset();
    RL_ASSERT(memory->freed() == memory->allocated() && memory.use_count() == 1);
  }
};

// The slot that the whole takes has been chunk 0, and that of chunk 1 is another's now: a reader
// whose search began before may be led to the whole before anything is in it.
struct UsedSlot : model::Suite<UsedSlot, 2> {
  std::shared_ptr<model::ModelMemory> memory = std::make_shared<model::ModelMemory>();
  std::unique_ptr<model::Rope> rope = std::make_unique<model::Rope>(model::chunks_of(2), memory);

  UsedSlot() {
    add_chunk(0, 3, 1);  // larger than the others, so that its slot is left over
    add_chunk(1, 2, 1);
    add_chunk(2, 2, 2);
    add_chunk(4, 2, 2);
  }

  void add_chunk(std::uint64_t at, std::size_t size, std::uint64_t count) {
    const auto reserved = rope->reserve(size);
    for (std::uint64_t i = 0; i < count; ++i) reserved.space[i].write(model::value_at(at + i));
    rope->commit(count);
    rope->seal();
  }

  void thread(unsigned index) {
    if (index == 0) {
      rope->drop_before(2);
      add_chunk(6, 2, 1);
      rope->finish(catcher::RopeState::finished);
      model::compact(*rope);
      return;
    }
    for (std::uint64_t offset = 2; offset < 5; offset += 2) {
      const model::Pin pin = rope->pin(offset);
      RL_ASSERT(pin);
      model::expect_element(pin, offset);
    }
  }

  void after() {
    RL_ASSERT(rope->chunk_count() == 1 && rope->evicted_chunks() == 2);
    rope.reset();
    RL_ASSERT(memory->freed() == memory->allocated());
  }
};

// A lease taken before outlives the chunk, the whole and the rope.
struct Leased : model::Suite<Leased, 2> {
  std::shared_ptr<model::ModelMemory> memory = std::make_shared<model::ModelMemory>();
  std::unique_ptr<model::Rope> rope = std::make_unique<model::Rope>(model::chunks_of(1), memory);
  model::Pin lease;

  Leased() {
    model::append(*rope, 2);
    rope->finish(catcher::RopeState::finished);
    lease = rope->pin(1);
  }

  void thread(unsigned index) {
    if (index == 0) {
      model::compact(*rope);
      rope.reset();
      return;
    }
    model::expect_element(lease, 1);
    lease.reset();
  }

  void after() { RL_ASSERT(memory->freed() == memory->allocated() && memory.use_count() == 1); }
};

}  // namespace

int main() {
  const bool good = model::search<Moving<3, 1>>("one reader", model::Switches{1}) &&
                    model::search<Moving<4, 2>>("two readers", model::Random{100000}) &&
                    model::search<UsedSlot>("used slot", model::Random{200000}) &&
                    model::search<Leased>("leased", model::Switches{3}) &&
                    model::search<Leased>("leased", model::Random{100000});
  return good ? 0 : 1;
}
