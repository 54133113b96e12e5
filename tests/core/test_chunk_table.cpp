// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/chunk_table.hpp"
#include "tests/support/check.hpp"
#include "tests/support/counting_memory.hpp"
#include "tests/support/counting_sync.hpp"

namespace {

using namespace catcher::test;
using Table = catcher::ChunkTable<std::byte>;
using CountedTable = catcher::ChunkTable<std::byte, CountingSync>;

std::shared_ptr<CountingMemory> counting_memory() {
  return std::make_shared<CountingMemory>();
}

// Chunks of 1, 2, 3, ... 7, 1, 2, ... bytes, back to back. Returns where they end.
template <class AnyTable>
std::uint64_t append(AnyTable& table, std::uint64_t base, int count) {
  for (int i = 0; i < count; ++i) {
    const std::size_t capacity = 1 + static_cast<std::size_t>(i % 7);
    demand(table.append(base, capacity) != nullptr, "there is memory");
    base += capacity;
  }
  return base;
}

START_TEST(each_offset_is_found_in_its_chunk) {
  Table table(counting_memory());
  const std::uint64_t end = append(table, 0, 100);

  std::uint64_t base = 0;
  for (std::uint64_t offset = 0; offset < end; ++offset) {
    const auto pin = table.pin(offset);
    ck_assert(pin && pin.base() <= offset && offset < pin.limit());
    ck_assert(pin.base() == base || pin.base() == offset);
    base = pin.base();
  }
}
END_TEST

START_TEST(what_was_dropped_is_not_found) {
  Table table(counting_memory());
  append(table, 0, 10);

  for (int i = 0; i < 3; ++i) table.drop_oldest();

  ck_assert_uint_eq(table.begin(), 6);
  ck_assert_uint_eq(table.chunks(), 7);
  ck_assert_uint_eq(table.evicted_count(), 3);
  ck_assert_uint_eq(table.chunk_count(), 7);
  ck_assert(!table.pin(0) && !table.pin(5));
  const auto oldest = table.pin(6);
  ck_assert(oldest && oldest.base() == 6);
}
END_TEST

START_TEST(a_pinned_chunk_stays_when_its_slot_would_be_used_again) {
  auto memory = counting_memory();
  Table table(memory);
  append(table, 0, 1);
  auto pin = table.pin(0);
  const_cast<std::byte*>(pin.data())[0] = std::byte{7};

  std::uint64_t end = 1;
  for (int i = 0; i < 50; ++i) {
    end = append(table, end, 1);
    table.drop_oldest();
  }

  ck_assert_uint_eq(pin.base(), 0);
  ck_assert_uint_eq(static_cast<unsigned>(pin.data()[0]), 7);
  ck_assert(!table.pin(0));
}
END_TEST

START_TEST(the_next_chunk_is_found_from_the_one_before) {
  Table table(counting_memory());
  const std::uint64_t end = append(table, 0, 50);

  auto pin = table.pin(0);
  int count = 1;
  while (pin.limit() < end) {
    auto next = table.pin_next(pin, pin.limit());
    ck_assert(next && next.base() == pin.limit());
    pin = std::move(next);
    ++count;
  }

  ck_assert_int_eq(count, 50);
}
END_TEST

START_TEST(the_next_chunk_of_one_evicted_with_its_neighbour_is_none) {
  Table table(counting_memory());
  append(table, 0, 10);
  const auto pin = table.pin(0);

  for (int i = 0; i < 5; ++i) table.drop_oldest();

  ck_assert(!table.pin_next(pin, pin.limit()));
  ck_assert(table.pin_next(pin, table.begin()));
}
END_TEST

START_TEST(the_newest_chunk_can_be_taken_back) {
  Table table(counting_memory());
  const std::uint64_t end = append(table, 0, 3);
  append(table, end, 1);

  table.drop_newest();

  ck_assert_uint_eq(table.chunks(), 3);
  ck_assert_uint_eq(table.live_size(), 6);
  const auto last = table.pin(end - 1);
  ck_assert(last && last.limit() == end);
  append(table, end, 1);
  const auto next = table.pin(end);
  ck_assert(next && next.base() == end);
}
END_TEST

// seed fault 11: a list is not walked.
START_TEST(finding_any_offset_among_many_chunks_takes_a_handful_of_looks) {
  CountedTable table(counting_memory());
  constexpr std::uint64_t kChunks = 1 << 14;
  for (std::uint64_t i = 0; i < kChunks; ++i) ck_assert_ptr_nonnull(table.append(i * 4, 4));

  std::uint64_t most = 0;
  for (std::uint64_t offset = 0; offset < kChunks * 4; offset += 97) {
    const auto before = CountingSync::counts;
    const auto pin = table.pin(offset);
    most = std::max(most, CountingSync::counts.loads - before.loads);
    ck_assert_uint_eq(CountingSync::counts.changes - before.changes, 1);
    ck_assert_uint_eq(CountingSync::counts.stores, before.stores);
  }

  // Three loads for each halving (ring, slot, base), and a few for the window and the check.
  ck_assert_uint_le(most, 3 * 15 + 8);
}
END_TEST

// seed fault 11
START_TEST(going_on_to_the_next_chunk_costs_the_same_anywhere) {
  CountedTable table(counting_memory());
  constexpr std::uint64_t kChunks = 5000;
  for (std::uint64_t i = 0; i < kChunks; ++i) ck_assert_ptr_nonnull(table.append(i * 4, 4));

  auto pin = table.pin(0);
  std::uint64_t usual = 0;
  for (std::uint64_t offset = 4; offset < kChunks * 4; offset += 4) {
    const auto before = CountingSync::counts;
    auto next = table.pin_next(pin, offset);
    const std::uint64_t loads = CountingSync::counts.loads - before.loads;
    ck_assert_uint_eq(CountingSync::counts.changes - before.changes, 1);
    if (usual == 0) usual = loads;
    ck_assert_uint_eq(loads, usual);
    pin = std::move(next);
  }

  ck_assert_uint_le(usual, 8);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "chunk_table",
      {{"find",
        {each_offset_is_found_in_its_chunk, the_next_chunk_is_found_from_the_one_before,
         finding_any_offset_among_many_chunks_takes_a_handful_of_looks,
         going_on_to_the_next_chunk_costs_the_same_anywhere}},
       {"evict",
        {what_was_dropped_is_not_found, a_pinned_chunk_stays_when_its_slot_would_be_used_again,
         the_next_chunk_of_one_evicted_with_its_neighbour_is_none,
         the_newest_chunk_can_be_taken_back}}});
}
