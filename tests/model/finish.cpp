// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Whoever learns that a rope is over sees its last element. After a failure it can go on.
#include "sync.hpp"

namespace {

using catcher::RopeState;

// The empty chunk that was reserved last is taken back at the end, under the reader's eyes.
struct Finish : model::Suite<Finish, 2> {
  model::OwnRope rope{model::chunks_of(1)};

  void thread(unsigned index) {
    if (index == 0) {
      model::append(*rope, 1);
      model::append(*rope, 1);
      RL_ASSERT(rope->reserve(1).status == catcher::Status::ok);
      rope->finish(RopeState::finished);
      return;
    }
    for (int look = 0; look < 2; ++look) {
      const bool over = rope->state() == RopeState::finished;
      const std::uint64_t end = rope->end();
      RL_ASSERT(!over || end == 2);
      if (end == 0) continue;
      const model::Pin pin = rope->pin(end - 1);
      RL_ASSERT(pin);
      model::expect_element(pin, end - 1);
    }
  }

  void after() { rope.end(); }
};

// The appender fails, another thread repairs what it needs and resumes; a reader looks on.
struct Resume : model::Suite<Resume, 3> {
  model::OwnRope rope{model::chunks_of(1)};
  model::Plain<bool> repaired;

  void thread(unsigned index) {
    if (index == 0) {
      model::append(*rope, 1);
      rope->finish(RopeState::failed);
      if (rope->state() != RopeState::open) return;
      RL_ASSERT(repaired);
      model::append(*rope, 1);
      rope->finish(RopeState::finished);
    } else if (index == 1) {
      if (rope->state() != RopeState::failed) return;
      repaired = true;
      rope->resume();
    } else {
      const RopeState state = rope->state();
      const std::uint64_t end = rope->end();
      RL_ASSERT(state == RopeState::open || end >= (state == RopeState::finished ? 2u : 1u));
    }
  }

  void after() { rope.end(); }
};

}  // namespace

int main() {
  const bool good = model::search<Finish>("finish", model::Switches{2}) &&
                    model::search<Finish>("finish", model::Random{200000}) &&
                    model::search<Resume>("resume", model::Switches{2}) &&
                    model::search<Resume>("resume", model::Random{300000});
  return good ? 0 : 1;
}
