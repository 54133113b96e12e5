// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Transforms behind asynchronous sources: the same that test_transform has behind those that block.
#include "core/async_transform.hpp"

#include "core/adapters/awaitable.hpp"
#include "core/stateful.hpp"
#include "tests/support/async_transforms.hpp"
#include "tests/support/bell.hpp"
#include "tests/support/check.hpp"
#include "tests/support/coroutine.hpp"

namespace {

using catcher::AsyncSource;
using catcher::Catcher;
using catcher::Config;
using catcher::Growth;
using catcher::IdentityTransform;
using catcher::ReadDone;
using catcher::Reader;
using catcher::SourceResult;
using catcher::Status;
using catcher::transformed;
using catcher::TransformInput;
using catcher::Wait;
using namespace catcher::test;
using Space = std::span<std::byte>;

START_TEST(without_a_source_or_a_transform_there_is_no_catcher) {
  const auto identity = std::make_shared<IdentityTransform>();
  ck_assert(transformed(std::unique_ptr<AsyncSource>(), identity) == nullptr);
  ck_assert(transformed(std::make_unique<AtOnceSource>(Script()), nullptr) == nullptr);
  const auto no_source = catcher::pull_through(std::unique_ptr<AsyncSource>(), identity);
  const auto no_transform = catcher::pull_through(std::make_unique<AtOnceSource>(Script()),
                                                  std::shared_ptr<IdentityTransform>());

  ck_assert_status(no_source.status, Status::bad_argument);
  ck_assert(!no_source.why.empty() && no_source.catcher == nullptr);
  ck_assert_status(no_transform.status, Status::bad_argument);
  ck_assert(!no_transform.why.empty() && no_transform.catcher == nullptr);
}
END_TEST

START_TEST(what_comes_at_once_is_transformed_at_once) {
  auto catcher = through_script(std::move(Script().give(1000).interrupt().give(7).end(5)),
                                std::make_shared<Reversing>(100));
  Reader reader(catcher);
  Bell bell;

  ck_assert_status(reader.once_readable(bell.request), Status::ok);
  ck_assert(all_of(catcher, 7) == reversed_pattern(100, 1012));
  ck_assert_uint_eq(bell.rings(), 0);
}
END_TEST

START_TEST(a_transform_goes_on_when_its_input_has_come) {
  auto hand = std::make_shared<Hand>();
  Reader reader(through_hand(hand, std::make_shared<Reversing>(10)));
  std::vector<std::byte> all;
  Bell bell;
  ck_assert(!hand->is_reading());
  ck_assert_status(reader.once_readable(bell.request), Status::would_block);

  hand->tell(7);
  ck_assert_uint_eq(bell.rings(), 0);
  hand->tell(0);
  ck_assert_uint_eq(bell.rings(), 0);
  std::jthread([&] { hand->tell(7); }).join();
  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert(bell.thread() != std::this_thread::get_id());
  ck_assert_status(look(reader, all), Status::would_block);
  ck_assert_uint_eq(all.size(), 10);
  hand->tell(3, Status::end);

  ck_assert_status(look(reader, all), Status::end);
  ck_assert(all == reversed_pattern(10, 17));
  ck_assert(hand->is_gone);
}
END_TEST

START_TEST(readers_that_block_are_served_too) {
  auto hand = std::make_shared<Hand>();
  auto catcher = through_hand(hand, std::make_shared<Reversing>(50));
  std::jthread source([&] {
    for (std::uint64_t read = 1; read <= 40; ++read) {
      hand->started.wait("a read is begun", read);
      hand->tell(11, read == 40 ? Status::end : Status::ok);
    }
  });

  ck_assert(all_of(catcher, 13) == reversed_pattern(50, 440));
}
END_TEST

// What the source has brought is used up first.
START_TEST(the_source_is_read_when_the_transform_wants_more_and_not_before) {
  auto hand = std::make_shared<Hand>();
  Reader reader(through_hand(hand, std::make_shared<Reversing>(10)));
  std::vector<std::byte> all;
  ck_assert_status(look(reader, all), Status::would_block);
  hand->tell(45);
  Bell bell;

  for (int block = 1; block <= 4; ++block) {
    ck_assert_status(reader.once_readable(bell.request), Status::ok);
    std::byte room[10];
    ck_assert_uint_eq(reader.try_read(room).bytes, 10);
    ck_assert_uint_eq(hand->started.granted(), 1);
  }
  ck_assert_status(reader.once_readable(bell.request), Status::would_block);
  ck_assert_uint_eq(hand->started.granted(), 2);
  bell.request.cancel();
}
END_TEST

// It takes all, says `ok` without a byte, and gives when it is asked again.
START_TEST(a_transform_that_wants_to_be_asked_again_does_not_wait_for_the_source) {
  auto hand = std::make_shared<Hand>();
  bool has_taken = false;
  Reader reader(through_hand(hand, ad_hoc([&](TransformInput& in, Space space, const Wait& wait) {
                               if (std::exchange(has_taken, false)) {
                                 fill_pattern(space.first(5), 0);
                                 return SourceResult::some(5);
                               }
                               std::byte taken[5];
                               const auto got = in.read(taken, wait);
                               has_taken = got.bytes != 0;
                               return SourceResult{0, got.status, got.error};
                             })));
  ck_assert_status(try_read(reader, 5).status, Status::would_block);

  hand->tell(5);

  take(reader, 5);
  ck_assert_uint_eq(hand->started.granted(), 1);
}
END_TEST

// Behind the contract, which says that a reason is passed on, but not a loop without end.
START_TEST(a_transform_that_keeps_would_block_to_itself_waits_for_the_source) {
  auto hand = std::make_shared<Hand>();
  Reader reader(through_hand(hand, ad_hoc([](TransformInput& in, Space space, const Wait& wait) {
                               const auto got = in.read(space, wait);
                               if (got.status == Status::would_block) return SourceResult{};
                               return got;
                             })));
  ck_assert_status(try_read(reader, 5).status, Status::would_block);

  hand->tell(5);

  take(reader, 5);
}
END_TEST

// seed fault 8
START_TEST(a_transform_gets_the_room_it_needs) {
  for (const std::size_t chunk : {10, 150}) {
    const Config config{.growth = Growth::constant(chunk), .read_burst = 1};
    auto hand = std::make_shared<Hand>();
    Reader reader(through_hand(hand, std::make_shared<Reversing>(100), config));
    std::vector<std::byte> all;
    for (int i = 0; i < 214; ++i) {
      ck_assert_status(look(reader, all), Status::would_block);
      ck_assert_uint_eq(all.size(), static_cast<unsigned>(i * 7 / 100 * 100));
      hand->tell(7, i == 213 ? Status::end : Status::ok);
    }

    ck_assert_status(look(reader, all), Status::end);
    ck_assert(all == reversed_pattern(100, 1498));
  }
}
END_TEST

// It writes beside the chunk, and says `would_block` with the same call.
START_TEST(bytes_that_come_with_would_block_are_kept) {
  auto hand = std::make_shared<Hand>();
  Reader reader(through_hand(hand, ad_hoc(
                                       [](TransformInput& in, Space space, const Wait& wait) {
                                         std::size_t written = 0;
                                         for (;;) {
                                           const auto got = in.read(space.subspan(written), wait);
                                           written += got.bytes;
                                           if (got.status == Status::ok && written < 300) continue;
                                           return SourceResult{written, got.status, got.error};
                                         }
                                       },
                                       300)));
  ck_assert_status(try_read(reader, 1).status, Status::would_block);
  for (int i = 1; i <= 3; ++i) {
    hand->tell(35);
    take(reader, 35);
    ck_assert_status(try_read(reader, 1).status, Status::would_block);
    ck_assert_uint_eq(hand->started.granted(), static_cast<unsigned>(i + 1));
  }
  hand->tell(0, Status::end);
  ck_assert_status(try_read(reader, 1).status, Status::end);
}
END_TEST

// seed fault 8
START_TEST(bytes_together_with_the_end_are_kept) {
  for (const std::size_t min_contiguous : {1, 40}) {
    auto catcher = through_script(std::move(Script().give(5).end(30)),
                                  ad_hoc(
                                      [](TransformInput& in, Space space, const Wait& wait) {
                                        const auto got = in.read(space.first(1), wait);
                                        if (got.status != Status::end) return got;
                                        fill_pattern(space.first(7), 35);
                                        return SourceResult::at_end(7);
                                      },
                                      min_contiguous),
                                  {.growth = Growth::constant(50), .read_burst = 1});
    Reader reader(catcher);

    ck_assert_uint_eq(read_all(reader, 3).bytes, 42);
    ck_assert_uint_eq(catcher->length().value_or(0), 42);
  }
}
END_TEST

START_TEST(calls_without_a_byte_are_not_the_readers_concern) {
  auto catcher = through_script(std::move(Script().give(3000)),
                                ad_hoc([](TransformInput& in, Space space, const Wait& wait) {
                                  const std::uint64_t offset = in.bytes();
                                  const auto got = in.read(space.first(1), wait);
                                  if (got.status != Status::ok || offset % 1000 == 999) return got;
                                  return SourceResult::some(0);
                                }));

  const auto all = all_of(catcher);

  ck_assert_uint_eq(all.size(), 3);
  for (std::size_t i = 0; i < 3; ++i) ck_assert(all[i] == byte_at(1000 * i + 999));
}
END_TEST

START_TEST(a_transform_may_end_before_its_input) {
  auto hand = std::make_shared<Hand>();
  Reader reader(through_hand(hand, ad_hoc([](TransformInput& in, Space space, const Wait& wait) {
                               const auto got = in.read(space.first(1), wait);
                               return in.bytes() < 12 ? got : SourceResult::at_end(got.bytes);
                             })));
  ck_assert_status(try_read(reader, 1).status, Status::would_block);
  hand->tell(1000);

  ck_assert_uint_eq(read_all(reader).bytes, 12);
  ck_assert(hand->is_gone);
  ck_assert_uint_eq(hand->started.granted(), 1);
  ck_assert_uint_eq(hand->cancelled.granted(), 0);
}
END_TEST

START_TEST(transforms_follow_one_another) {
  auto hand = std::make_shared<Hand>();
  Reader reader(pulled_async(
      transformed(transformed(std::make_unique<HandSource>(hand), std::make_shared<Reversing>(10)),
                  std::make_shared<Reversing>(10)),
      kTenBytes));
  for (int i = 0; i < 15; ++i) {
    ck_assert_status(read_all(reader, 9, Wait::none()).status, Status::would_block);
    hand->tell(7, i == 14 ? Status::end : Status::ok);
  }

  ck_assert_status(read_all(reader).status, Status::end);
  ck_assert_uint_eq(reader.offset(), 105);
}
END_TEST

// All that one block needs comes inside one call.
START_TEST(what_comes_at_once_does_not_pile_up) {
  constexpr std::size_t kBytes = 200'000;
  Script script;
  for (std::size_t i = 0; i < kBytes; ++i) script.give(1);
  auto catcher = through_script(std::move(script), std::make_shared<Reversing>(kBytes), {});

  ck_assert(all_of(catcher, 4096) == reversed_pattern(kBytes, kBytes));
}
END_TEST

// One whose first read takes its time, so that the others are begun by whoever tells of it.
START_TEST(what_comes_at_once_later_does_not_pile_up) {
  constexpr std::uint64_t kBytes = 200'000;
  class Flood final : public AsyncSource {
   public:
    explicit Flood(ReadDone& first) : first_(first) {}
    void start_read(Space space, ReadDone done) override {
      if (offset_ == 0) {
        first_ = std::move(done);
      } else {
        fill_pattern(space.first(1), offset_ - 1);
        done(SourceResult::some(1));
      }
      ++offset_;
    }
    void cancel() noexcept override {}

   private:
    ReadDone& first_;
    std::uint64_t offset_ = 0;
  };
  for (const std::size_t block : {1ul, 100'000ul}) {
    ReadDone first;
    auto catcher = pulled_async(
        transformed(std::make_unique<Flood>(first), std::make_shared<Reversing>(block)));
    Bell bell;
    ck_assert_status(catcher->once_readable(kBytes - 1, bell.request), Status::would_block);

    first(SourceResult{});

    ck_assert_uint_eq(bell.rings(), 1);
    Reader reader(catcher);
    std::vector<std::byte> all(kBytes);
    ck_assert_uint_eq(reader.read_full(all, patiently()).bytes, kBytes);
    ck_assert(all == reversed_pattern(block, kBytes));
  }
}
END_TEST

START_TEST(the_final_state_is_there_at_the_end_and_not_before) {
  auto hand = std::make_shared<Hand>();
  auto made =
      catcher::pull_through(std::make_unique<HandSource>(hand), std::make_shared<Reversing>(10));
  ck_assert_status(made.status, Status::ok);
  Reader reader(made.catcher);
  Bell bell;
  ck_assert_status(made.catcher->once_readable(100, bell.request), Status::would_block);
  hand->tell(25);
  ck_assert(made.state.final_state() == nullptr);

  std::jthread source([&] { hand->tell(20, Status::end); });
  bell.wait("the end comes");

  ck_assert(made.state.final_state() != nullptr);
  ck_assert_uint_eq(made.state.final_state()->bytes(), 45);
}
END_TEST

Task read_all_awaiting(Reader& reader, std::vector<std::byte>& all, Status& end) {
  std::byte room[7];
  for (;;) {
    const catcher::ReadResult got = co_await catcher::async_read(reader, room);
    all.insert(all.end(), room, room + got.bytes);
    if (got.status == Status::ok) continue;
    end = got.status;
    co_return;
  }
}

START_TEST(coroutines_await_what_a_transform_makes) {
  auto hand = std::make_shared<Hand>();
  Reader reader(through_hand(hand, std::make_shared<Reversing>(10)));
  std::vector<std::byte> all;
  Status end = Status::ok;
  const Task task = read_all_awaiting(reader, all, end);
  for (std::size_t size = 0; size < 104; size += 4) {
    ck_assert_uint_eq(all.size(), size / 10 * 10);
    ck_assert(!task.is_done());
    std::jthread([&] { hand->tell(4); }).join();
  }
  hand->tell(0, Status::end);

  ck_assert(task.is_done());
  ck_assert_status(end, Status::end);
  ck_assert(all == reversed_pattern(10, 104));
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "async_transform",
      {{"bytes",
        {without_a_source_or_a_transform_there_is_no_catcher,
         what_comes_at_once_is_transformed_at_once, bytes_together_with_the_end_are_kept,
         calls_without_a_byte_are_not_the_readers_concern, a_transform_may_end_before_its_input,
         transforms_follow_one_another, a_transform_gets_the_room_it_needs,
         bytes_that_come_with_would_block_are_kept}},
       {"waiting",
        {a_transform_goes_on_when_its_input_has_come, readers_that_block_are_served_too,
         the_source_is_read_when_the_transform_wants_more_and_not_before,
         a_transform_that_wants_to_be_asked_again_does_not_wait_for_the_source,
         a_transform_that_keeps_would_block_to_itself_waits_for_the_source,
         what_comes_at_once_does_not_pile_up, what_comes_at_once_later_does_not_pile_up,
         coroutines_await_what_a_transform_makes}},
       {"state", {the_final_state_is_there_at_the_end_and_not_before}}});
}
