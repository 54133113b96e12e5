// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/catcher.hpp"
#include "core/file_memory.hpp"
#include "core/reader.hpp"
#include "tests/support/compacting.hpp"
#include "tests/support/counting_memory.hpp"
#include "tests/support/resident_memory.hpp"
#include "tests/support/scratch.hpp"

namespace {

using catcher::Compaction;
using catcher::CompactionState;
using catcher::Config;
using catcher::FileMemory;
using catcher::Growth;
using catcher::Lease;
using catcher::PinnedRange;
using catcher::PinPolicy;
using catcher::Reader;
using catcher::Status;
using catcher::Wait;
using catcher::Window;
using namespace catcher::test;

// ---- readers ---------------------------------------------------------------------

START_TEST(readers_move_over_by_themselves) {
  auto made = filled(1000, chunked(Compaction::none));
  std::vector<Reader> readers;
  for (std::uint64_t at = 0; at < 990; at += 37) {
    readers.emplace_back(made.catcher);
    ck_assert_status(readers.back().skip(at).status, Status::ok);
    if (at % 2 != 0) take(readers.back(), 1);
  }
  made.writer.finish();
  ck_assert_status(made.catcher->compact(Compaction::in_place), Status::ok);
  const auto whole = made.catcher->contiguous();
  for (Reader& reader : readers) {
    // The rest of a chunk that it holds, and from there on the whole.
    const auto first = reader.lease(1000);
    ck_assert_status(first.status, Status::ok);
    ck_assert(is_pattern(first.lease.bytes(), first.lease.offset()));
    if (reader.offset() == 1000) continue;
    const auto rest = reader.lease(1000);
    ck_assert(rest.lease.bytes().data() == whole.lease.bytes().data() + rest.lease.offset());
    ck_assert_uint_eq(rest.lease.offset() + rest.lease.size(), 1000);
    // A lookup finds it too.
    ck_assert_status(reader.seek(3).status, Status::ok);
    ck_assert(reader.lease(1).lease.bytes().data() == whole.lease.bytes().data() + 3);
  }
}
END_TEST

START_TEST(leases_and_pins_keep_their_chunk_and_nothing_else) {
  const auto memory = std::make_shared<CountingMemory>();
  Config config = chunked(Compaction::none);
  config.memory = memory;
  auto made = filled(1000, config);
  Reader reader(made.catcher);
  take(reader, 70);
  auto lease = reader.lease(10);  // of the second chunk
  (void)reader.seek(0);
  take(reader, 1);  // in the first
  PinnedRange kept;
  PinnedRange held;
  ck_assert_status(made.catcher->pin(300, 310, PinPolicy::keep, kept), Status::ok);
  ck_assert_status(made.catcher->pin(600, 650, PinPolicy::hold, held), Status::ok);  // two chunks
  made.writer.finish();

  ck_assert_status(made.catcher->compact(Compaction::in_place), Status::ok);

  ck_assert_uint_eq(memory->bytes_now(), 1000 + 5 * kChunk);
  ck_assert(is_pattern(lease.lease.bytes(), 70));
  for (const PinnedRange* range : {&kept, &held}) {
    for (const Lease& piece : range->pieces()) {
      ck_assert(is_pattern(piece.bytes(), piece.offset()));
    }
  }
  kept.release();
  ck_assert_uint_eq(memory->bytes_now(), 1000 + 4 * kChunk);
  held.release();
  ck_assert_uint_eq(memory->bytes_now(), 1000 + 2 * kChunk);
  take(reader, 99);
  ck_assert_uint_eq(memory->bytes_now(), 1000 + kChunk);
  // Pinned anew it is one piece of the whole.
  ck_assert_status(made.catcher->pin(600, 650, PinPolicy::keep, held), Status::ok);
  ck_assert_uint_eq(held.pieces().size(), 1);
  made = {};
  reader = Reader(pushed().catcher);
  ck_assert_uint_eq(memory->bytes_now(), 1000 + kChunk);
  ck_assert(is_pattern(lease.lease.bytes(), 70));
  ck_assert(is_pattern(held.pieces()[0].bytes(), 600));
}
END_TEST

START_TEST(what_is_left_of_a_window_moves) {
  Config config = chunked(Compaction::in_place);
  config.max_bytes = 64 * kChunk;
  auto made = filled(6000, config);
  const Window window = made.catcher->window();
  ck_assert_uint_gt(window.begin, 0);
  const auto evicted = made.catcher->stats().chunks_evicted;

  made.writer.finish();

  ck_assert(made.catcher->window() == window);
  ck_assert_uint_eq(made.catcher->contiguous().lease.offset(), window.begin);
  ck_assert_uint_eq(made.catcher->stats().chunks_evicted, evicted);
  Reader reader(made.catcher);
  (void)reader.seek(0);
  ck_assert_status(try_read(reader, 1).status, Status::evicted);
  ck_assert_whole(made.catcher);
}
END_TEST

START_TEST(a_window_moves_on_once_compaction_is_over) {
  Later executor;
  auto made = filled(1000, later(executor));
  made.writer.finish();

  ck_assert_status(made.writer.evict_before(500, Wait::none()), Status::full);
  ck_assert(made.catcher->window() == (Window{0, 1000}));
  executor.run();
  ck_assert_status(made.writer.evict_before(500, Wait::none()), Status::ok);
  ck_assert_whole(made.catcher);

  ck_assert_status(made.writer.evict_before(1000, Wait::none()), Status::ok);
  ck_assert(made.catcher->window() == (Window{1000, 1000}));
  ck_assert_status(made.catcher->contiguous().status, Status::ok);
}
END_TEST

// ---- nothing to do, or not to be done -----------------------------------------------

START_TEST(an_empty_stream_is_compact) {
  const auto memory = std::make_shared<CountingMemory>();
  Config config = chunked(Compaction::in_place);
  config.memory = memory;
  auto made = pushed(config);

  made.writer.finish();

  ck_assert_state(*made.catcher, CompactionState::done);
  ck_assert_status(made.catcher->contiguous().status, Status::ok);
  ck_assert_uint_eq(made.catcher->contiguous().lease.size(), 0);
  ck_assert_uint_eq(memory->allocations(), 0);
}
END_TEST

// Fault 10 of the first implementation: "an exact length hint still doubles memory".
START_TEST(an_exact_length_hint_needs_no_second_memory) {
  const auto memory = std::make_shared<CountingMemory>();
  Config config = chunked(Compaction::in_place);
  config.memory = memory;
  config.length_hint = 100'000;
  auto made = filled(100'000, config);
  const auto before = made.catcher->contiguous();

  made.writer.finish();

  ck_assert_uint_eq(memory->allocations(), 1);
  ck_assert_uint_eq(memory->peak(), 100'000);
  ck_assert_whole(made.catcher);
}
END_TEST

START_TEST(a_failed_stream_is_not_moved_until_it_was_resumed_and_has_ended) {
  auto made = filled(1000, chunked(Compaction::in_place));
  made.writer.fail(kBroken);
  ck_assert_state(*made.catcher, CompactionState::none);
  ck_assert_status(made.catcher->wait_finalised(patiently()), Status::failed);
  ck_assert_status(made.catcher->compact(Compaction::in_place), Status::bad_argument);
  ck_assert_uint_eq(made.catcher->stats().chunks, 16);

  ck_assert_status(made.catcher->resume(), Status::ok);
  ck_assert_status(made.catcher->wait_finalised(Wait::none()), Status::would_block);
  add(made.writer, 500);
  made.writer.finish();

  ck_assert_state(*made.catcher, CompactionState::done);
  ck_assert_whole(made.catcher);
}
END_TEST

START_TEST(without_memory_the_stream_stays_as_it_is) {
  const auto memory = std::make_shared<CountingMemory>();
  Config config = chunked(Compaction::in_place);
  config.memory = memory;
  auto made = filled(1000, config);
  Reader reader(made.catcher);
  take(reader, 500);
  memory->refuse_above(999);

  made.writer.finish();

  ck_assert_state(*made.catcher, CompactionState::failed);
  ck_assert(made.catcher->is_finalised() && !made.catcher->is_compacted());
  ck_assert_status(made.catcher->contiguous().status, Status::out_of_memory);
  ck_assert_status(made.catcher->wait_finalised(Wait::none()), Status::ok);
  ck_assert_uint_eq(made.catcher->stats().chunks, 16);
  take(reader, 500);
  (void)reader.seek(0);
  ck_assert_uint_eq(read_all(reader).bytes, 1000);
}
END_TEST

// There must be room for all of it once more: a part is not enough.
START_TEST(a_file_without_room_for_the_whole_stays_as_it_is) {
  const Folder folder;
  const FileLimit limit(3 << 20);
  for (const std::size_t size : {std::size_t{1} << 20, std::size_t{2} << 20}) {
    auto file = FileMemory::create(folder.pattern());
    Config config = chunked(Compaction::in_place);
    config.growth = Growth::constant(64 << 10);
    config.memory = file.memory;
    auto made = filled(size, config);
    const std::uint64_t reserved = file.memory->reserved();

    made.writer.finish();

    const bool fits = size == 1 << 20;
    ck_assert_state(*made.catcher, fits ? CompactionState::done : CompactionState::failed);
    ck_assert_uint_eq(file.memory->reserved(), reserved);
    Reader reader(made.catcher);
    ck_assert_uint_eq(read_all(reader, 10'000).bytes, size);
    ck_assert_int_eq(made.catcher->is_compacted(), fits);
  }
}
END_TEST

// ---- memory --------------------------------------------------------------------------

// Fault 10 of the first implementation: "the rope is freed only by the next read after completion".
// Nobody reads here. Nor is it ever there twice, but for the chunk that is just being copied.
START_TEST(what_was_copied_is_freed_chunk_by_chunk) {
  constexpr std::uint64_t kLarge = 256 << 10;
  constexpr std::uint64_t kPayload = 64 * kLarge - 12'288;
  const auto memory = std::make_shared<ResidentMemory>();
  Config config;
  config.growth = Growth::constant(kLarge);
  config.memory = memory;
  auto made = filled(kPayload, config);
  ck_assert_uint_ge(memory->now(), kPayload);
  made.writer.finish();
  memory->forget_peak();

  ck_assert_status(made.catcher->compact(Compaction::in_place), Status::ok);

  ck_assert_uint_eq(memory->now(), kPayload);
  ck_assert_uint_eq(made.catcher->stats().bytes_allocated, kPayload);
  ck_assert_uint_ge(memory->peak(), kPayload);
  ck_assert_uint_le(memory->peak(), kPayload + kLarge + 4096);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "compaction_readers",
      {{"readers",
        {readers_move_over_by_themselves, leases_and_pins_keep_their_chunk_and_nothing_else,
         what_is_left_of_a_window_moves, a_window_moves_on_once_compaction_is_over}},
       {"as it is",
        {an_empty_stream_is_compact, an_exact_length_hint_needs_no_second_memory,
         a_failed_stream_is_not_moved_until_it_was_resumed_and_has_ended,
         without_memory_the_stream_stays_as_it_is,
         a_file_without_room_for_the_whole_stays_as_it_is}},
       {"memory", {what_was_copied_is_freed_chunk_by_chunk}}});
}
