// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/chunk.hpp"
#include "tests/support/check.hpp"
#include "tests/support/counting_memory.hpp"

namespace {

using namespace catcher::test;
using Pool = catcher::ChunkPool<std::byte>;
using Pin = catcher::Pin<std::byte>;
using Slot = catcher::Slot<std::byte>;

// A pool that is closed with the test.
struct Owned {
  std::shared_ptr<CountingMemory> memory = std::make_shared<CountingMemory>();
  Pool* pool = Pool::create(memory);
  std::uint64_t index = 0;

  ~Owned() {
    if (pool != nullptr) close();
  }
  void close() { std::exchange(pool, nullptr)->close(); }
  // With the first pin on it.
  Slot* placed(std::size_t capacity) {
    Slot* slot = pool->take(capacity);
    if (slot != nullptr) pool->place(slot, index++, 0, capacity);
    return slot;
  }
};

START_TEST(a_slot_without_pins_cannot_be_pinned) {
  Owned owned;
  Slot* slot = owned.pool->take(8);
  ck_assert(!slot->try_pin());

  owned.pool->place(slot, 5, 100, 108);

  ck_assert(slot->try_pin());
  const Pin pin(slot);
  ck_assert_uint_eq(pin.base(), 100);
  ck_assert_uint_eq(pin.limit(), 108);
  slot->unpin();
}
END_TEST

START_TEST(the_last_pin_gives_the_memory_back) {
  Owned owned;
  Slot* slot = owned.placed(8);
  slot->pin_again();
  Pin pin(slot);
  slot->unpin();
  ck_assert_uint_eq(owned.pool->free_size(), 0);
  ck_assert_uint_eq(owned.pool->allocated(), 8);

  pin.reset();

  ck_assert(!slot->try_pin());
  ck_assert_uint_eq(owned.pool->free_size(), 8);
  ck_assert_uint_eq(owned.pool->allocated(), 8);
}
END_TEST

START_TEST(memory_of_the_wanted_size_is_used_again) {
  Owned owned;
  Slot* slot = owned.placed(8);
  const std::byte* memory = slot->data;
  slot->unpin();

  Slot* again = owned.placed(8);

  ck_assert_ptr_eq(static_cast<const std::byte*>(again->data), memory);
  ck_assert_uint_eq(owned.memory->allocations(), 1);
  again->unpin();
}
END_TEST

START_TEST(memory_of_another_size_is_freed_before_more_is_taken) {
  Owned owned;
  owned.placed(8)->unpin();

  Slot* larger = owned.placed(9);

  ck_assert_uint_eq(owned.memory->peak(), 9);
  ck_assert_uint_eq(owned.pool->allocated(), 9);
  larger->unpin();
}
END_TEST

START_TEST(the_free_list_is_bounded) {
  Owned owned;
  std::vector<Slot*> slots;
  for (int i = 0; i < 20; ++i) slots.push_back(owned.placed(8));

  for (Slot* slot : slots) slot->unpin();

  ck_assert_uint_eq(owned.pool->free_size(), 8 * Pool::kMaxFree);
  ck_assert_uint_eq(owned.memory->bytes_now(), 8 * Pool::kMaxFree);
}
END_TEST

START_TEST(trim_keeps_no_more_than_it_is_told) {
  Owned owned;
  std::vector<Slot*> slots;
  for (const std::size_t capacity : {30u, 8u, 30u}) slots.push_back(owned.placed(capacity));
  for (Slot* slot : slots) slot->unpin();

  owned.pool->trim(45);
  ck_assert_uint_le(owned.pool->free_size(), 45);
  ck_assert_uint_gt(owned.pool->free_size(), 0);
  owned.pool->trim(0);
  ck_assert_uint_eq(owned.memory->bytes_now(), 0);
}
END_TEST

START_TEST(without_memory_nothing_is_lost) {
  Owned owned;
  owned.memory->refuse_above(10);

  ck_assert_ptr_null(owned.placed(11));

  Slot* slot = owned.placed(10);
  ck_assert_ptr_nonnull(slot);
  slot->unpin();
}
END_TEST

START_TEST(a_pin_outlives_the_pool) {
  Owned owned;
  Slot* slot = owned.placed(8);
  slot->data[7] = std::byte{42};
  slot->pin_again();
  Pin pin(slot);
  slot->unpin();

  owned.close();

  ck_assert_uint_eq(static_cast<unsigned>(pin.data()[7]), 42);
  ck_assert_uint_eq(owned.memory->bytes_now(), 8);
  pin.reset();
  ck_assert_uint_eq(owned.memory->bytes_now(), 0);
}
END_TEST

// What is pinned while the pool stops needing memory goes straight back.
START_TEST(a_retired_pool_keeps_nothing) {
  Owned owned;
  Slot* early = owned.placed(8);
  Slot* late = owned.placed(8);
  early->unpin();

  owned.pool->retire();
  ck_assert_uint_eq(owned.memory->bytes_now(), 8);
  late->unpin();

  ck_assert_uint_eq(owned.memory->bytes_now(), 0);
  ck_assert_uint_eq(owned.pool->allocated(), 0);
}
END_TEST

START_TEST(a_shared_pin_holds_on_its_own) {
  Owned owned;
  Slot* slot = owned.placed(8);
  Pin first(slot);
  Pin second = first.share();
  Pin moved = std::move(second);

  first.reset();
  ck_assert(!second && moved);
  ck_assert_uint_eq(owned.pool->free_size(), 0);
  moved = Pin();

  ck_assert_uint_eq(owned.pool->free_size(), 8);
}
END_TEST

}  // namespace

int main() {
  return run_suite("chunk_pool",
                   {{"pins",
                     {a_slot_without_pins_cannot_be_pinned, the_last_pin_gives_the_memory_back,
                      a_shared_pin_holds_on_its_own, a_pin_outlives_the_pool}},
                    {"memory",
                     {memory_of_the_wanted_size_is_used_again,
                      memory_of_another_size_is_freed_before_more_is_taken,
                      the_free_list_is_bounded, trim_keeps_no_more_than_it_is_told,
                      without_memory_nothing_is_lost, a_retired_pool_keeps_nothing}}});
}
