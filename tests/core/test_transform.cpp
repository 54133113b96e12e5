// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What stands between a source and the rope.
#include "core/transform.hpp"

#include <limits>
#include <new>
#include <stdexcept>

#include "core/stateful.hpp"
#include "tests/support/check.hpp"
#include "tests/support/transforms.hpp"

namespace {

using catcher::Catcher;
using catcher::Config;
using catcher::Fault;
using catcher::Growth;
using catcher::IdentityTransform;
using catcher::kForever;
using catcher::kNotAtAll;
using catcher::Reader;
using catcher::SourceResult;
using catcher::Status;
using catcher::Transform;
using catcher::TransformInput;
using catcher::Wait;
using namespace catcher::test;
using Space = std::span<std::byte>;

const Config kTinyChunks{.growth = Growth::constant(10), .read_burst = 1};

START_TEST(identity_gives_what_it_gets) {
  auto made = pulled_through(std::move(Script().give(1000).interrupt().give(7).end(5)),
                             std::make_shared<IdentityTransform>(), kTinyChunks);
  Reader reader(made.catcher);

  ck_assert_uint_eq(read_all(reader, 7).bytes, 1012);
}
END_TEST

START_TEST(without_a_source_or_a_transform_there_is_no_catcher) {
  ck_assert(catcher::transformed(nullptr, std::make_shared<IdentityTransform>()) == nullptr);
  ck_assert(catcher::transformed(std::make_unique<ScriptedSource>(Script()), nullptr) == nullptr);
  const auto no_source = catcher::pull_through(nullptr, std::make_shared<IdentityTransform>());
  const auto no_transform = catcher::pull_through(std::make_unique<ScriptedSource>(Script()),
                                                  std::shared_ptr<IdentityTransform>());

  ck_assert_status(no_source.status, Status::bad_argument);
  ck_assert(!no_source.why.empty() && no_source.catcher == nullptr);
  ck_assert_status(no_transform.status, Status::bad_argument);
  ck_assert(!no_transform.why.empty() && no_transform.catcher == nullptr);
}
END_TEST

// seed fault 8
START_TEST(a_transform_gets_the_room_it_needs_whatever_the_reader_asks_for) {
  auto made =
      pulled_through(std::move(Script().give(1234)), std::make_shared<Reversing>(100), kTinyChunks);

  ck_assert(all_of(made.catcher, 1) == reversed_pattern(100, 1234));
}
END_TEST

// seed fault 8
START_TEST(a_transform_gets_the_room_it_needs_whatever_the_chunk_has_left) {
  auto made = pulled_through(std::move(Script().give(1500)), std::make_shared<Reversing>(100),
                             {.growth = Growth::constant(150), .read_burst = 1});

  ck_assert(all_of(made.catcher) == reversed_pattern(100, 1500));

  // No chunk is left half empty for it.
  ck_assert_uint_eq(made.catcher->stats().chunks, 10);
  ck_assert_uint_eq(made.catcher->stats().bytes_allocated, 1500);
}
END_TEST

START_TEST(a_window_smaller_than_what_a_transform_needs_will_do) {
  auto made = pulled_through(std::move(Script().give(5000)), std::make_shared<Reversing>(100),
                             {.growth = Growth::constant(1), .max_bytes = 64, .read_burst = 1});

  ck_assert(all_of(made.catcher, 1) == reversed_pattern(100, 5000));
}
END_TEST

// seed fault 8
START_TEST(bytes_together_with_the_end_are_kept) {
  for (const std::size_t min_contiguous : {1, 40}) {
    auto made = pulled_through(std::move(Script().give(5).end(30)),
                               ad_hoc(
                                   [](TransformInput& in, Space space, const Wait& wait) {
                                     const auto got = in.read(space.first(1), wait);
                                     if (got.status != Status::end) return got;
                                     fill_pattern(space.first(7), 35);
                                     return SourceResult::at_end(7);
                                   },
                                   min_contiguous),
                               {.growth = Growth::constant(50), .read_burst = 1});
    Reader reader(made.catcher);

    ck_assert_uint_eq(read_all(reader, 3).bytes, 42);
    ck_assert_uint_eq(made.catcher->length().value_or(0), 42);
  }
}
END_TEST

// seed fault 8: at once, and where it writes beside the chunk.
START_TEST(a_transform_that_claims_too_much_has_failed_and_breaks_nothing) {
  for (const std::size_t min_contiguous : {1, 40}) {
    int calls = 0;
    auto made = pulled_through(std::move(Script().give(40)),
                               ad_hoc(
                                   [&](TransformInput& in, Space space, const Wait& wait) {
                                     if (++calls == 3) return SourceResult::some(space.size() + 1);
                                     return in.read(space.first(1), wait);
                                   },
                                   min_contiguous),
                               kTinyChunks);
    Reader reader(made.catcher);

    const auto result = read_all(reader, 1);
    ck_assert_status(result.status, Status::failed);
    ck_assert(result.error == Fault::transform_overran);
    ck_assert_uint_eq(result.bytes, 2);
    Reader another(made.catcher);
    take(another, 2);
    ck_assert(read(another, 1).error == Fault::transform_overran);

    ck_assert_status(made.catcher->resume(), Status::ok);
    ck_assert_uint_eq(read_all(reader).bytes, 38);
    ck_assert_uint_eq(read_all(another).bytes, 38);
  }
}
END_TEST

START_TEST(a_failure_of_a_transform_comes_after_the_bytes_with_it) {
  for (const std::size_t min_contiguous : {8, 40}) {
    auto made = pulled_through(std::move(Script().give(40)),
                               ad_hoc(
                                   [](TransformInput& in, Space space, const Wait& wait) {
                                     const auto got = in.read(space.first(8), wait);
                                     if (in.bytes() != 24) return got;
                                     return SourceResult::failure(kBroken, got.bytes);
                                   },
                                   min_contiguous),
                               kTinyChunks);
    Reader reader(made.catcher);

    const auto result = read_all(reader, 3);
    ck_assert(result.error == kBroken);
    ck_assert_uint_eq(result.bytes, 24);

    ck_assert_status(made.catcher->resume(), Status::ok);
    ck_assert_uint_eq(read_all(reader).bytes, 16);
  }
}
END_TEST

// seed fault 3
START_TEST(a_transform_that_throws_has_failed) {
  int calls = 0;
  auto made = pulled_through(std::move(Script().give(40)),
                             ad_hoc([&](TransformInput& in, Space space, const Wait& wait) {
                               if (++calls == 2) throw std::runtime_error("a whim");
                               if (calls == 3) throw std::bad_alloc();
                               return in.read(space, wait);
                             }),
                             kTinyChunks);
  Reader reader(made.catcher);

  ck_assert(read_all(reader).error == Fault::transform_threw);
  ck_assert_uint_eq(reader.offset(), 10);
  ck_assert_status(made.catcher->resume(), Status::ok);
  ck_assert(read_all(reader).error == std::errc::not_enough_memory);
  ck_assert_status(made.catcher->resume(), Status::ok);

  ck_assert_status(read_all(reader).status, Status::end);
  ck_assert_uint_eq(reader.offset(), 40);
}
END_TEST

// seed fault 3: nothing leaks and nothing is freed twice (AddressSanitizer looks on).
START_TEST(a_catcher_dies_well_after_its_transform_threw) {
  auto log = std::make_shared<SourceLog>();
  auto transform = ad_hoc([](TransformInput& in, Space space, const Wait& wait) {
    (void)in.read(space.first(1), wait);
    throw std::runtime_error("a whim");
    return SourceResult{};
  });
  const std::weak_ptr<Transform> seen = transform;
  {
    auto source = std::make_unique<ScriptedSource>(std::move(Script().give(5)), log);
    auto made = Catcher::pull(catcher::transformed(std::move(source), std::move(transform)));
    Reader reader(made.catcher);
    ck_assert_status(read_all(reader).status, Status::failed);
    ck_assert(!log->is_gone && !seen.expired());
  }

  ck_assert(log->is_gone && seen.expired());
}
END_TEST

// seed fault 1, 4
START_TEST(an_error_of_the_source_comes_after_the_bytes_before_it_to_all_and_is_resumed) {
  auto made = pulled_through(std::move(Script().give(10).fail(kBroken, 25).give(17)),
                             std::make_shared<Reversing>(10), kTinyChunks);
  const auto whole = reversed_pattern(10, 52);
  std::vector<Reader> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(made.catcher);
  std::vector<std::vector<std::byte>> all(3);

  for (std::size_t i = 0; i < 3; ++i) {
    const auto result = collect(readers[i], all[i], 4);
    ck_assert_status(result.status, Status::failed);
    ck_assert(result.error == kBroken);
    ck_assert_uint_eq(all[i].size(), 30);
  }
  ck_assert(made.state.final_state() == nullptr);
  ck_assert_status(made.catcher->resume(), Status::ok);

  for (std::size_t i = 0; i < 3; ++i) {
    ck_assert_status(collect(readers[i], all[i], 4).status, Status::end);
    ck_assert(all[i] == whole);
  }
}
END_TEST

START_TEST(faults_of_the_source_are_its_own) {
  auto made = pulled_through(std::move(Script().give(5).throws().give(5).overrun().give(5)),
                             std::make_shared<Reversing>(10), kTinyChunks);
  Reader reader(made.catcher);
  std::vector<std::byte> all;

  ck_assert(collect(reader, all).error == Fault::source_threw);
  ck_assert_status(made.catcher->resume(), Status::ok);
  ck_assert(collect(reader, all).error == Fault::source_overran);
  ck_assert_status(made.catcher->resume(), Status::ok);

  ck_assert_status(collect(reader, all).status, Status::end);
  ck_assert(all == reversed_pattern(10, 15));
}
END_TEST

START_TEST(an_interruption_in_the_midst_loses_nothing) {
  Gate gate;
  auto made =
      pulled_through(std::move(Script().give(7).interrupt().wait(gate).give(7).wait(gate).give(7)),
                     std::make_shared<Reversing>(10), kTinyChunks);
  Reader reader(made.catcher);
  std::vector<std::byte> all;
  std::stop_source stop;
  stop.request_stop();

  ck_assert_status(collect(reader, all, 64, Wait::none()).status, Status::would_block);
  ck_assert_status(collect(reader, all, 64, Wait::at_most(std::chrono::milliseconds(1))).status,
                   Status::timed_out);
  ck_assert_status(collect(reader, all, 64, {kForever, stop.get_token()}).status,
                   Status::cancelled);
  ck_assert_uint_eq(all.size(), 0);
  gate.open();
  ck_assert_status(collect(reader, all, 64, Wait::none()).status, Status::would_block);
  ck_assert_uint_eq(all.size(), 10);
  gate.open();

  ck_assert_status(collect(reader, all).status, Status::end);
  ck_assert(all == reversed_pattern(10, 21));
}
END_TEST

START_TEST(a_stop_token_reaches_the_read_of_a_transform) {
  Gate gate;
  auto log = std::make_shared<SourceLog>();
  auto source =
      std::make_unique<ScriptedSource>(std::move(Script().give(7).wait(gate).give(5)), log);
  auto made = catcher::pull_through(std::move(source), std::make_shared<Reversing>(10));
  std::stop_source stop;
  std::thread stopped([&] {
    Reader reader(made.catcher);
    std::vector<std::byte> all;
    const auto result = collect(reader, all, 64, {kForever, stop.get_token()});
    demand(result.status == Status::cancelled && all.empty(), "the read is cancelled");
  });
  log->entered.wait("the transform waits for the source");

  stop.request_stop();
  stopped.join();
  gate.open();

  ck_assert(all_of(made.catcher) == reversed_pattern(10, 12));
}
END_TEST

// Keeps one byte in a hundred, one call for each byte it takes.
SourceResult thin_out(TransformInput& in, Space space, const Wait& wait) {
  const std::uint64_t offset = in.bytes();
  const auto got = in.read(space.first(1), wait);
  if (got.status != Status::ok || offset % 100 == 99) return got;
  return SourceResult::some(0);
}

START_TEST(calls_without_a_byte_are_not_the_readers_concern) {
  auto made = pulled_through(std::move(Script().give(1000)), ad_hoc(thin_out));
  std::vector<std::byte> room(100);
  Reader reader(made.catcher);
  std::size_t bytes = 0;
  // It is a look, so it need not go all the way; but it always comes nearer.
  for (int looks = 0; looks < 30 && bytes < 10; ++looks) {
    bytes += reader.try_read(std::span(room).subspan(bytes)).bytes;
  }

  ck_assert_uint_eq(bytes, 10);
  for (std::size_t i = 0; i < bytes; ++i) ck_assert(room[i] == byte_at(100 * i + 99));
  ck_assert_status(reader.try_read(room).status, Status::end);
}
END_TEST

START_TEST(a_look_and_a_deadline_end_where_everything_is_swallowed_for_ever) {
  class Endless final : public catcher::Source {
   public:
    SourceResult read(Space space, const Wait&) override {
      return SourceResult::some(space.size());
    }
  };
  auto made = catcher::pull_through(std::make_unique<Endless>(),
                                    ad_hoc([](TransformInput& in, Space space, const Wait& wait) {
                                      (void)in.read(space, wait);
                                      return SourceResult::some(0);
                                    }));
  std::byte room[1];
  Reader reader(made.catcher);

  ck_assert_status(reader.try_read(room).status, Status::would_block);
  ck_assert_status(reader.read(room, Wait::at_most(std::chrono::milliseconds(1))).status,
                   Status::timed_out);
}
END_TEST

START_TEST(a_transform_may_end_before_its_input) {
  auto log = std::make_shared<SourceLog>();
  auto source = std::make_unique<ScriptedSource>(std::move(Script().give(1000)), log);
  auto made = catcher::pull_through(
      std::move(source), ad_hoc([](TransformInput& in, Space space, const Wait& wait) {
        const auto got = in.read(space.first(1), wait);
        return in.bytes() < 12 ? got : SourceResult::at_end(got.bytes);
      }));
  Reader reader(made.catcher);

  ck_assert_uint_eq(read_all(reader).bytes, 12);

  ck_assert_uint_eq(log->bytes, 12);
  ck_assert(log->is_gone);
}
END_TEST

START_TEST(transforms_follow_one_another) {
  auto source = std::make_unique<ScriptedSource>(std::move(Script().give(70).interrupt().give(35)));
  auto made = Catcher::pull(
      catcher::transformed(catcher::transformed(std::move(source), std::make_shared<Reversing>(10)),
                           std::make_shared<Reversing>(10)),
      kTinyChunks);
  Reader reader(made.catcher);

  ck_assert_uint_eq(read_all(reader).bytes, 105);
}
END_TEST

START_TEST(room_that_cannot_be_had_is_a_failure) {
  auto made = pulled_through(
      std::move(Script().give(10)),
      ad_hoc([](TransformInput& in, Space space, const Wait& wait) { return in.read(space, wait); },
             std::numeric_limits<std::size_t>::max()));
  Reader reader(made.catcher);

  const auto result = read_all(reader);

  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error == std::errc::not_enough_memory);
}
END_TEST

START_TEST(what_comes_with_bytes_is_told_an_input_later) {
  ScriptedSource source(std::move(Script().fail(kBroken, 3).end(4)));
  TransformInput in(source);
  std::byte room[10];

  ck_assert_uint_eq(in.read({}, {}).bytes, 0);
  for (const std::size_t expected : {3, 4}) {
    const auto bytes = in.read(room, {});
    ck_assert_uint_eq(bytes.bytes, expected);
    ck_assert_status(bytes.status, Status::ok);
    const auto told = in.read(room, {});
    ck_assert_uint_eq(told.bytes, 0);
    ck_assert_status(told.status, expected == 3 ? Status::failed : Status::end);
  }
  ck_assert_status(in.read(room, {}).status, Status::end);
  ck_assert_uint_eq(in.bytes(), 7);
}
END_TEST

START_TEST(the_final_state_is_there_at_the_end_and_not_before) {
  auto made = pulled_through(std::move(Script().give(25)), std::make_shared<Reversing>(10));
  Reader reader(made.catcher);
  std::byte room[20];
  ck_assert_uint_eq(reader.read_full(room).bytes, 20);
  ck_assert(made.state.final_state() == nullptr);
  ck_assert_uint_eq(made.state.unchecked().bytes(), 20);

  ck_assert_uint_eq(all_of(made.catcher).size(), 25);

  ck_assert(made.state.final_state() != nullptr);
  ck_assert_uint_eq(made.state.final_state()->bytes(), 25);
  ck_assert(catcher::Stateful<Reversing>().final_state() == nullptr);
}
END_TEST

// A sanitizer would see the state still being written.
START_TEST(the_final_state_is_safe_on_any_thread) {
  Gate gate;
  auto made = pulled_through(std::move(Script().give(1000).wait(gate).give(1000)),
                             std::make_shared<Reversing>(10), kTinyChunks);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (made.state.final_state() == nullptr) std::this_thread::yield();
      demand(made.state.final_state()->bytes() == 2000, "the state is that at the end");
    });
  }
  gate.open();

  ck_assert(all_of(made.catcher) == reversed_pattern(10, 2000));

  for (auto& thread : threads) thread.join();
}
END_TEST

START_TEST(a_block_that_fails_comes_again) {
  auto transform = std::make_shared<Reversing>(10);
  auto made = pulled_through(std::move(Script().give(33)), transform);
  Reader reader(made.catcher);
  std::vector<std::byte> all;
  for (int i = 0; i < 2; ++i) {
    transform->fail_once();
    ck_assert(collect(reader, all).error == kBroken);
    ck_assert_status(made.catcher->resume(), Status::ok);
  }

  ck_assert_status(collect(reader, all).status, Status::end);
  ck_assert(all == reversed_pattern(10, 33));
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "transform",
      {{"bytes",
        {identity_gives_what_it_gets, without_a_source_or_a_transform_there_is_no_catcher,
         bytes_together_with_the_end_are_kept, calls_without_a_byte_are_not_the_readers_concern,
         a_transform_may_end_before_its_input, transforms_follow_one_another}},
       {"room",
        {a_transform_gets_the_room_it_needs_whatever_the_reader_asks_for,
         a_transform_gets_the_room_it_needs_whatever_the_chunk_has_left,
         a_window_smaller_than_what_a_transform_needs_will_do,
         room_that_cannot_be_had_is_a_failure}},
       {"failure",
        {a_transform_that_claims_too_much_has_failed_and_breaks_nothing,
         a_failure_of_a_transform_comes_after_the_bytes_with_it, a_transform_that_throws_has_failed,
         a_catcher_dies_well_after_its_transform_threw,
         an_error_of_the_source_comes_after_the_bytes_before_it_to_all_and_is_resumed,
         faults_of_the_source_are_its_own, what_comes_with_bytes_is_told_an_input_later,
         a_block_that_fails_comes_again}},
       {"waiting",
        {an_interruption_in_the_midst_loses_nothing, a_stop_token_reaches_the_read_of_a_transform,
         a_look_and_a_deadline_end_where_everything_is_swallowed_for_ever}},
       {"state",
        {the_final_state_is_there_at_the_end_and_not_before,
         the_final_state_is_safe_on_any_thread}}});
}
