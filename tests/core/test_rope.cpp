// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include <cstring>
#include <limits>

#include "core/rope.hpp"
#include "tests/support/check.hpp"
#include "tests/support/counting_memory.hpp"
#include "tests/support/pattern.hpp"

namespace {

using catcher::Growth;
using catcher::RopeConfig;
using catcher::RopeState;
using catcher::Status;
using catcher::Window;
using namespace catcher::test;
using Rope = catcher::Rope<std::byte>;

constexpr std::size_t kHuge = std::numeric_limits<std::size_t>::max();

// A rope and the memory it lives on.
struct Owned {
  explicit Owned(const RopeConfig& config) : rope(config, memory) {}

  // Appends the pattern; false when there is no room.
  bool append(std::size_t size) {
    while (size > 0) {
      const auto reserved = rope.reserve(1);
      if (reserved.status != Status::ok) return false;
      const std::size_t part = std::min(size, reserved.space.size());
      fill_pattern(reserved.space.first(part), rope.end());
      rope.commit(part);
      size -= part;
    }
    return true;
  }
  // Reads all that is kept, chunk by chunk, and returns how many chunks that took.
  int verify() {
    const Window window = rope.window();
    int chunks = 0;
    for (std::uint64_t offset = window.begin; offset < window.end; ++chunks) {
      const auto pin = rope.pin(offset);
      ck_assert(pin);
      const std::uint64_t stop = std::min(pin.limit(), window.end);
      demand_pattern({pin.data() + (offset - pin.base()), stop - offset}, offset);
      offset = stop;
    }
    return chunks;
  }

  // The chunk of `offset` holds [base, limit).
  void assert_chunk(std::uint64_t offset, std::uint64_t base, std::uint64_t limit) {
    const auto pin = rope.pin(offset);
    if (!pin) give_up("the chunk is there", offset);
    ck_assert_uint_eq(pin.base(), base);
    ck_assert_uint_eq(pin.limit(), limit);
  }

  std::shared_ptr<CountingMemory> memory = std::make_shared<CountingMemory>();
  Rope rope;
};

START_TEST(an_empty_rope_has_an_empty_window_and_no_memory) {
  Owned owned({Growth::constant(8)});

  ck_assert(owned.rope.window() == (Window{0, 0}));
  ck_assert_uint_eq(owned.memory->allocations(), 0);
}
END_TEST

START_TEST(bytes_appended_are_there_whatever_the_chunks) {
  for (const std::uint64_t size : {1u, 2u, 3u, 7u, 64u, 1000u}) {
    Owned owned({Growth::constant(size)});
    ck_assert(owned.append(777));

    ck_assert(owned.rope.window() == (Window{0, 777}));
    ck_assert_int_eq(owned.verify(), static_cast<int>((777 + size - 1) / size));
  }
}
END_TEST

START_TEST(chunks_grow_as_the_settings_say) {
  struct Case {
    Growth growth;
    int chunks;  // that 100 bytes take
  };
  for (const Case& c : {Case{Growth::constant(10), 10}, Case{Growth::linear(10, 30), 5},
                        Case{Growth::geometric(10, 40), 4}}) {
    Owned owned({c.growth});
    ck_assert(owned.append(100));
    ck_assert_int_eq(owned.verify(), c.chunks);
    ck_assert_uint_eq(owned.rope.chunk_count(), static_cast<unsigned>(c.chunks));
  }
}
END_TEST

// seed fault 10
START_TEST(an_exact_length_hint_takes_exactly_that_memory) {
  Owned owned({.growth = Growth::geometric(16, 4096), .length_hint = 1000});

  ck_assert(owned.append(1000));
  owned.rope.finish(RopeState::finished);

  ck_assert_uint_eq(owned.memory->allocations(), 1);
  ck_assert_uint_eq(owned.memory->peak(), 1000);
  ck_assert_int_eq(owned.verify(), 1);
}
END_TEST

// seed fault 10: asking for the end takes room, but no second copy's worth of it.
START_TEST(room_behind_an_exact_hint_is_the_smallest_chunk_and_goes_at_the_end) {
  Owned owned({.growth = Growth::geometric(16, 4096), .length_hint = 1000});

  ck_assert(owned.append(1000));
  ck_assert_status(owned.rope.reserve(1).status, Status::ok);
  ck_assert_uint_eq(owned.memory->peak(), 1016);
  owned.rope.finish(RopeState::finished);

  ck_assert_uint_eq(owned.memory->bytes_now(), 1000);
}
END_TEST

// seed fault 7
START_TEST(a_hint_beyond_all_memory_is_only_a_hint) {
  Owned owned({.growth = Growth::constant(16), .length_hint = kHuge / 2});
  owned.memory->refuse_above(100);

  ck_assert(owned.append(50));

  ck_assert_uint_eq(owned.memory->largest_asked(), kHuge / 2);
  ck_assert_int_eq(owned.verify(), 4);
}
END_TEST

START_TEST(more_than_an_allocation_can_hold_is_never_asked_for) {
  catcher::Rope<std::uint64_t> wide({Growth::constant(16)});
  Owned owned({Growth::constant(16)});

  ck_assert_status(wide.reserve(kHuge / 8 + 2).status, Status::out_of_memory);
  ck_assert_status(owned.rope.reserve(kHuge).status, Status::out_of_memory);
  ck_assert_status(owned.rope.reserve(kHuge - 30).status, Status::out_of_memory);

  ck_assert_uint_eq(owned.memory->largest_asked(), 0);
  ck_assert(owned.append(20));
  ck_assert_int_eq(owned.verify(), 2);
}
END_TEST

START_TEST(running_out_of_memory_loses_nothing) {
  Owned owned({Growth::geometric(16, 64)});
  ck_assert(owned.append(16));
  owned.memory->refuse_above(20);
  ck_assert_status(owned.rope.reserve(1).status, Status::out_of_memory);

  owned.memory->refuse_above(100);

  ck_assert(owned.append(32));
  ck_assert_int_eq(owned.verify(), 2);
}
END_TEST

START_TEST(a_reservation_is_one_piece) {
  Owned owned({Growth::constant(10)});
  ck_assert(owned.append(5));

  const auto reserved = owned.rope.reserve(6);
  ck_assert_uint_eq(reserved.space.size(), 10);
  fill_pattern(reserved.space, 5);
  owned.rope.commit(10);

  owned.assert_chunk(4, 0, 5);
  owned.assert_chunk(5, 5, 15);
  ck_assert_int_eq(owned.verify(), 2);
}
END_TEST

START_TEST(a_reservation_larger_than_a_chunk_gets_a_chunk_of_its_own) {
  Owned owned({Growth::constant(10)});

  const auto reserved = owned.rope.reserve(25);
  ck_assert_uint_eq(reserved.space.size(), 25);
  owned.rope.commit(0);
  ck_assert(owned.append(25));

  ck_assert(owned.append(10));
  owned.assert_chunk(25, 25, 35);
}
END_TEST

// seed fault 9: what lies beyond the end is not touched, however often room is asked for.
START_TEST(reserved_memory_is_not_written_by_the_rope) {
  Owned owned({Growth::constant(1000)});
  std::memset(owned.rope.reserve(1).space.data(), 0xA5, 1000);

  for (std::size_t i = 1; i <= 999; ++i) {
    owned.rope.commit(1);
    const auto reserved = owned.rope.reserve(1);
    ck_assert_uint_eq(reserved.space.size(), 1000 - i);
    for (const std::byte byte : reserved.space) ck_assert(byte == std::byte{0xA5});
  }
  ck_assert_uint_eq(owned.memory->allocations(), 1);
}
END_TEST

START_TEST(sealing_ends_the_chunk_here) {
  Owned owned({Growth::constant(10)});
  ck_assert(owned.append(4));

  owned.rope.seal();
  owned.rope.seal();
  ck_assert_uint_eq(owned.rope.room(), 0);
  ck_assert(owned.append(10));

  owned.assert_chunk(3, 0, 4);
  owned.assert_chunk(4, 4, 14);
  ck_assert_int_eq(owned.verify(), 2);
}
END_TEST

START_TEST(sealing_an_empty_chunk_takes_it_back) {
  Owned owned({Growth::constant(10)});
  ck_assert_uint_eq(owned.rope.reserve(1).space.size(), 10);

  owned.rope.seal();

  ck_assert_uint_eq(owned.rope.chunks(), 0);
  ck_assert(owned.append(3));
  ck_assert_int_eq(owned.verify(), 1);
}
END_TEST

START_TEST(dropping_takes_whole_chunks_only) {
  Owned owned({Growth::constant(10)});
  ck_assert(owned.append(35));

  owned.rope.drop_before(29);
  ck_assert(owned.rope.window() == (Window{20, 35}));
  owned.rope.drop_before(kHuge);
  ck_assert(owned.rope.window() == (Window{30, 35}));

  owned.rope.seal();
  owned.rope.drop_before(35);
  ck_assert(owned.rope.window() == (Window{35, 35}));
  ck_assert(!owned.rope.pin(34));
  ck_assert(owned.append(20));
  owned.verify();
}
END_TEST

START_TEST(a_finished_rope_keeps_no_memory_beyond_its_bytes) {
  Owned owned({Growth::constant(10)});
  ck_assert(owned.append(40));
  owned.rope.drop_before(20);
  ck_assert_status(owned.rope.reserve(1).status, Status::ok);

  owned.rope.finish(RopeState::finished);

  ck_assert_uint_eq(owned.memory->bytes_now(), 20);
  ck_assert(owned.rope.window() == (Window{20, 40}));
  ck_assert(owned.rope.state() == RopeState::finished);
}
END_TEST

START_TEST(what_a_reader_kept_beyond_the_end_goes_with_its_pin) {
  Owned owned({Growth::constant(10)});
  ck_assert(owned.append(40));
  auto evicted = owned.rope.pin(0);
  auto kept = owned.rope.pin(10);
  owned.rope.drop_before(10);

  owned.rope.finish(RopeState::finished);
  ck_assert_uint_eq(owned.memory->bytes_now(), 40);
  evicted.reset();
  ck_assert_uint_eq(owned.memory->bytes_now(), 30);
  owned.rope.drop_before(20);
  ck_assert_uint_eq(owned.memory->bytes_now(), 30);
  kept.reset();

  ck_assert_uint_eq(owned.memory->bytes_now(), 20);
}
END_TEST

START_TEST(a_failed_rope_goes_on_where_it_stopped) {
  Owned owned({Growth::constant(10)});
  ck_assert(owned.append(15));
  owned.rope.finish(RopeState::failed);

  owned.rope.resume();
  ck_assert(owned.append(15));

  ck_assert(owned.rope.window() == (Window{0, 30}));
  ck_assert_int_eq(owned.verify(), 3);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "rope",
      {{"append",
        {an_empty_rope_has_an_empty_window_and_no_memory,
         bytes_appended_are_there_whatever_the_chunks, a_reservation_is_one_piece,
         a_reservation_larger_than_a_chunk_gets_a_chunk_of_its_own,
         reserved_memory_is_not_written_by_the_rope, sealing_ends_the_chunk_here,
         sealing_an_empty_chunk_takes_it_back}},
       {"growth",
        {chunks_grow_as_the_settings_say, an_exact_length_hint_takes_exactly_that_memory,
         room_behind_an_exact_hint_is_the_smallest_chunk_and_goes_at_the_end}},
       {"memory",
        {a_hint_beyond_all_memory_is_only_a_hint,
         more_than_an_allocation_can_hold_is_never_asked_for, running_out_of_memory_loses_nothing}},
       {"drop", {dropping_takes_whole_chunks_only}},
       {"finish",
        {a_finished_rope_keeps_no_memory_beyond_its_bytes,
         what_a_reader_kept_beyond_the_end_goes_with_its_pin,
         a_failed_rope_goes_on_where_it_stopped}}});
}
