// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The bound on what a rope owns.
#include <limits>

#include "core/rope.hpp"
#include "tests/support/check.hpp"
#include "tests/support/counting_memory.hpp"
#include "tests/support/pattern.hpp"

namespace {

using catcher::Growth;
using catcher::RopeConfig;
using catcher::Status;
using catcher::Window;
using namespace catcher::test;
using Rope = catcher::Rope<std::byte>;

struct Owned {
  explicit Owned(const RopeConfig& config) : rope(config, memory) {}

  Status append(std::size_t size, std::uint64_t evictable = Rope::kEvictAnything) {
    while (size > 0) {
      const auto reserved = rope.reserve(1, evictable);
      if (reserved.status != Status::ok) return reserved.status;
      const std::size_t part = std::min(size, reserved.space.size());
      fill_pattern(reserved.space.first(part), rope.end());
      rope.commit(part);
      size -= part;
    }
    return Status::ok;
  }

  std::shared_ptr<CountingMemory> memory = std::make_shared<CountingMemory>();
  Rope rope;
};

START_TEST(the_window_moves_by_a_64th_and_never_beyond_its_bound) {
  Owned owned({.growth = Growth::geometric(3, 4096), .max_size = 6400});

  for (int i = 0; i < 3000; ++i) {
    ck_assert_status(owned.append(17), Status::ok);
    const Window window = owned.rope.window();
    ck_assert_uint_le(owned.rope.owned(), 6400);
    ck_assert_uint_le(window.end - window.begin, 6400);
    if (window.begin > 0) ck_assert_uint_ge(window.end - window.begin, 6400 - 100 - 100);
  }

  ck_assert_uint_le(owned.memory->peak(), 6400);
}
END_TEST

START_TEST(a_steady_live_window_allocates_nothing) {
  Owned owned({.growth = Growth::constant(100), .max_size = 6400});
  ck_assert_status(owned.append(6500), Status::ok);
  const std::uint64_t allocations = owned.memory->allocations();

  ck_assert_status(owned.append(100'000), Status::ok);

  ck_assert_uint_eq(owned.memory->allocations(), allocations);
  ck_assert_uint_le(owned.memory->peak(), 6400);
}
END_TEST

// A reader that is one chunk late returns memory after its successor was taken.
START_TEST(a_window_with_late_readers_soon_allocates_nothing) {
  Owned owned({.growth = Growth::constant(100), .max_size = 6400});
  ck_assert_status(owned.append(6400), Status::ok);
  auto late = owned.rope.pin(owned.rope.begin());
  std::uint64_t allocations = 0;

  for (int i = 0; i < 200; ++i) {
    if (i == 20) allocations = owned.memory->allocations();
    ck_assert_status(owned.append(100), Status::ok);
    late = owned.rope.pin(owned.rope.begin());
  }

  ck_assert_uint_eq(owned.memory->allocations(), allocations);
  ck_assert_uint_le(owned.memory->peak(), 6400 + 100);
}
END_TEST

// As a window by time does: chunks end early, and what each will hold is known.
START_TEST(sealed_chunks_that_are_limited_leave_little_unused) {
  Owned owned({.growth = Growth::geometric(64, 4096), .max_size = 0});
  const auto add_chunk = [&] {
    ck_assert_status(owned.append(90), Status::ok);
    owned.rope.seal();
    owned.rope.drop_before(owned.rope.end() - std::min<std::uint64_t>(owned.rope.end(), 900));
  };
  for (int i = 0; i < 20; ++i) add_chunk();
  ck_assert_uint_ge(owned.rope.owned(), 10 * 4096);

  owned.rope.limit_chunks(100);
  for (int i = 0; i < 20; ++i) add_chunk();
  const std::uint64_t allocations = owned.memory->allocations();
  for (int i = 0; i < 100; ++i) add_chunk();
  ck_assert_uint_le(owned.rope.owned(), 1500);
  ck_assert_uint_eq(owned.memory->allocations(), allocations);
  // One piece that is larger is not cut; and growth goes on when it is asked to.
  ck_assert_uint_eq(owned.rope.reserve(150).space.size(), 150);
  owned.rope.limit_chunks(0);
  owned.rope.seal();
  ck_assert_uint_eq(owned.rope.reserve(1).space.size(), 4096);
}
END_TEST

START_TEST(the_free_list_shares_the_bound_whatever_its_sizes) {
  Owned owned({.growth = Growth::constant(100), .max_size = 6400});
  std::vector<Rope::PinType> pins;
  for (int i = 0; i < 2; ++i) {  // two chunks of half a window each, kept from being freed
    const auto reserved = owned.rope.reserve(3000);
    ck_assert_status(reserved.status, Status::ok);
    owned.rope.commit(3000);
    pins.push_back(owned.rope.pin(owned.rope.end() - 1));
  }
  ck_assert_status(owned.append(6400), Status::ok);
  ck_assert_status(owned.append(100), Status::ok);

  pins.clear();
  for (int i = 0; i < 200; ++i) {
    ck_assert_status(owned.append(50), Status::ok);
    ck_assert_uint_le(owned.rope.allocated(), 6400 + 6000 * (i == 0));
  }
}
END_TEST

START_TEST(windows_smaller_than_64_bytes_work) {
  for (const std::uint64_t size : {1u, 2u, 3u, 63u, 64u, 65u}) {
    Owned owned({.growth = Growth::constant(16), .max_size = size});
    ck_assert_status(owned.append(500), Status::ok);

    const Window window = owned.rope.window();
    ck_assert_uint_eq(window.end, 500);
    ck_assert_uint_ge(window.end - window.begin, 1);
    ck_assert_uint_le(owned.memory->peak(), size);
  }
}
END_TEST

START_TEST(what_is_not_evictable_stays_and_the_window_is_full) {
  Owned owned({.growth = Growth::constant(10), .max_size = 640});
  ck_assert_status(owned.append(640), Status::ok);

  ck_assert_status(owned.append(1, 9), Status::full);
  ck_assert(owned.rope.window() == (Window{0, 640}));
  ck_assert_status(owned.append(1, 10), Status::ok);
  ck_assert(owned.rope.window() == (Window{10, 641}));
  ck_assert_status(owned.append(9, 0), Status::ok);
  ck_assert_status(owned.append(1, 0), Status::full);
}
END_TEST

START_TEST(more_than_the_window_in_one_piece_is_refused) {
  Owned owned({.growth = Growth::constant(10), .max_size = 640});
  ck_assert_status(owned.append(640), Status::ok);

  ck_assert_status(owned.rope.reserve(641).status, Status::bad_argument);
  ck_assert(owned.rope.window() == (Window{0, 640}));
  ck_assert_status(owned.rope.reserve(640).status, Status::ok);
  ck_assert(owned.rope.window() == (Window{640, 640}));
  ck_assert_uint_le(owned.memory->peak(), 640);
}
END_TEST

START_TEST(a_chunk_that_is_pinned_outlives_the_window) {
  Owned owned({.growth = Growth::constant(10), .max_size = 640});
  ck_assert_status(owned.append(640), Status::ok);
  const auto pin = owned.rope.pin(5);

  ck_assert_status(owned.append(5000), Status::ok);

  ck_assert(!owned.rope.pin(5));
  demand_pattern({pin.data(), 10}, 0);
  ck_assert_uint_eq(owned.rope.evicted_chunks(), 500);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "rope_window",
      {{"bound",
        {the_window_moves_by_a_64th_and_never_beyond_its_bound,
         the_free_list_shares_the_bound_whatever_its_sizes, windows_smaller_than_64_bytes_work,
         more_than_the_window_in_one_piece_is_refused}},
       {"reuse",
        {sealed_chunks_that_are_limited_leave_little_unused, a_steady_live_window_allocates_nothing,
         a_window_with_late_readers_soon_allocates_nothing}},
       {"evict",
        {what_is_not_evictable_stays_and_the_window_is_full,
         a_chunk_that_is_pinned_outlives_the_window}}});
}
