// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Failures of transforms behind asynchronous sources, and catchers that are given up meanwhile.
#include <new>
#include <stdexcept>

#include "tests/support/async_transforms.hpp"
#include "tests/support/check.hpp"

namespace {

using catcher::AsyncSource;
using catcher::Fault;
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

START_TEST(a_transform_that_waits_for_something_else_has_failed) {
  bool has_waited = false;
  auto catcher = through_script(std::move(Script().give(30)),
                                ad_hoc([&](TransformInput& in, Space space, const Wait& wait) {
                                  if (in.bytes() == 5 && !std::exchange(has_waited, true)) {
                                    return SourceResult{0, Status::would_block, {}};
                                  }
                                  return in.read(space.first(5), wait);
                                }));
  Reader reader(catcher);

  const auto result = read_all(reader);
  ck_assert_uint_eq(result.bytes, 5);
  ck_assert(result.error == std::errc::resource_unavailable_try_again);
  ck_assert_status(catcher->resume(), Status::ok);
  ck_assert_uint_eq(read_all(reader).bytes, 25);
}
END_TEST

// seed fault 1, 4: each failure once, after what was made of the bytes before it.
START_TEST(failures_of_the_source_come_after_the_bytes_before_them_and_are_resumed) {
  struct {
    Status status;
    std::error_code error;
  } const failures[] = {
      {Status::failed, kBroken},
      {Status::cancelled, std::make_error_code(std::errc::operation_canceled)},
      {Status::timed_out, std::make_error_code(std::errc::timed_out)},
      {Status::would_block, std::make_error_code(std::errc::resource_unavailable_try_again)},
      {Status::full, std::make_error_code(std::errc::io_error)},
  };
  auto hand = std::make_shared<Hand>();
  auto catcher = through_hand(hand, std::make_shared<Reversing>(10));
  Reader reader(catcher);
  std::vector<std::byte> all;
  std::size_t size = 0;
  const auto expect_failure = [&](std::error_code error) {
    const auto result = collect(reader, all, 64, Wait::none());
    ck_assert_status(result.status, Status::failed);
    ck_assert(result.error == error);
    ck_assert_uint_eq(all.size(), size / 10 * 10);
    ck_assert(!hand->is_reading());
    ck_assert_status(catcher->resume(), Status::ok);
  };

  for (const auto& [status, error] : failures) {
    ck_assert_status(look(reader, all), Status::would_block);
    size += hand->tell(25, status, kBroken);
    expect_failure(error);
  }
  ck_assert_status(look(reader, all), Status::would_block);
  hand->drop();
  expect_failure(Fault::read_dropped);
  ck_assert_status(look(reader, all), Status::would_block);
  size += hand->tell(1, Status::end);

  ck_assert_status(look(reader, all), Status::end);
  ck_assert(all == reversed_pattern(10, size));
}
END_TEST

START_TEST(faults_of_the_source_are_its_own) {
  auto catcher = through_script(std::move(Script().give(5).throws().give(5).overrun().give(5)),
                                std::make_shared<Reversing>(10));
  Reader reader(catcher);
  std::vector<std::byte> all;

  ck_assert(collect(reader, all).error == Fault::source_threw);
  ck_assert_status(catcher->resume(), Status::ok);
  ck_assert(collect(reader, all).error == Fault::source_overran);
  ck_assert_status(catcher->resume(), Status::ok);

  ck_assert_status(collect(reader, all).status, Status::end);
  ck_assert(all == reversed_pattern(10, 15));
}
END_TEST

START_TEST(a_read_that_is_told_later_and_claims_too_much_has_failed) {
  class Overrunning final : public AsyncSource {
   public:
    explicit Overrunning(std::function<void()>& tell) : tell_(tell) {}
    void start_read(Space space, ReadDone done) override {
      tell_ = [held = std::make_shared<ReadDone>(std::move(done)), size = space.size()] {
        (*held)(SourceResult::some(size + 1));
      };
    }
    void cancel() noexcept override {}

   private:
    std::function<void()>& tell_;
  };
  std::function<void()> tell;
  Reader reader(pulled_async(
      transformed(std::make_unique<Overrunning>(tell), std::make_shared<IdentityTransform>())));
  ck_assert_status(try_read(reader, 1).status, Status::would_block);

  tell();

  ck_assert(reader.peek().error == Fault::source_overran);
}
END_TEST

// seed fault 3, 8: what the transform has not taken is there when it is resumed.
START_TEST(faults_of_the_transform_are_its_own_and_are_resumed) {
  for (const std::size_t min_contiguous : {1, 40}) {
    int calls = 0;
    auto catcher = through_script(std::move(Script().give(40)),
                                  ad_hoc(
                                      [&](TransformInput& in, Space space, const Wait& wait) {
                                        switch (in.bytes() == 0 ? 0 : ++calls) {
                                          case 1: throw std::runtime_error("a whim");
                                          case 2: throw std::bad_alloc();
                                          case 3: return SourceResult::some(space.size() + 1);
                                          case 4: return SourceResult::failure(kBroken);
                                          default: return in.read(space.first(1), wait);
                                        }
                                      },
                                      min_contiguous));
    Reader reader(catcher);
    const std::error_code errors[] = {Fault::transform_threw,
                                      std::make_error_code(std::errc::not_enough_memory),
                                      Fault::transform_overran, kBroken};

    for (const auto& error : errors) {
      ck_assert(read_all(reader, 1).error == error);
      ck_assert_uint_eq(reader.offset(), 1);
      ck_assert_status(catcher->resume(), Status::ok);
    }

    ck_assert_uint_eq(read_all(reader, 1).bytes, 39);
  }
}
END_TEST

START_TEST(a_catcher_that_is_given_up_cancels_the_read_of_the_source) {
  for (const bool tells_when_cancelled : {true, false}) {
    for (const int transforms : {1, 2}) {
      auto hand = std::make_shared<Hand>();
      hand->tells_when_cancelled = tells_when_cancelled;
      int calls = 0;
      {
        std::unique_ptr<AsyncSource> source = std::make_unique<HandSource>(hand);
        for (int i = 0; i < transforms; ++i) {
          source = transformed(std::move(source),
                               ad_hoc([&](TransformInput& in, Space space, const Wait& wait) {
                                 ++calls;
                                 return in.read(space, wait);
                               }));
        }
        Reader reader(pulled_async(std::move(source)));
        ck_assert_status(try_read(reader, 1).status, Status::would_block);
      }
      ck_assert_uint_eq(hand->cancelled.granted(), 1);
      ck_assert(hand->is_gone == tells_when_cancelled);

      // Writes into the memory of the transform.
      if (!tells_when_cancelled) std::jthread([&] { hand->tell(1000); }).join();

      ck_assert(hand->is_gone);
      ck_assert_int_eq(calls, transforms);
    }
  }
}
END_TEST

START_TEST(giving_up_and_the_end_of_a_read_race) {
  // The transform has enough, or wants another read.
  for (const std::size_t block : {10, 100}) {
    for (int round = 0; round < 300; ++round) {
      auto hand = std::make_shared<Hand>();
      hand->tells_when_cancelled = false;
      auto reader =
          std::make_unique<Reader>(through_hand(hand, std::make_shared<Reversing>(block)));
      ck_assert_status(try_read(*reader, 1).status, Status::would_block);
      Gate ready;
      {
        std::jthread teller([&] {
          ready.open();
          hand->tell(50);
        });
        ready.wait("the other thread runs");
        reader.reset();
      }
      if (hand->is_reading()) hand->tell(50);  // begun before it was given up
      ck_assert(hand->is_gone);
    }
  }
}
END_TEST

// The source of the test below: is there as long as it is being called.
class Touchy final : public AsyncSource {
 public:
  struct Log {
    ReadDone done;
    int reads = 0;
    int cancels = 0;
    bool tells_when_cancelled = true;
    bool is_gone = false;
  };
  explicit Touchy(Log& log) : log_(log) {}
  ~Touchy() override { log_.is_gone = true; }

  void start_read(Space, ReadDone done) override {
    ++log_.reads;
    log_.done = std::move(done);
  }
  void cancel() noexcept override {
    ++log_.cancels;
    if (!log_.tells_when_cancelled) return;
    ReadDone done = std::move(log_.done);
    done(SourceResult{0, Status::cancelled, {}});
    demand(!log_.is_gone, "a source outlives the calls of it");
  }

 private:
  Log& log_;
};

// Where there is no read to be cancelled when the catcher goes, and the transform wants one then.
START_TEST(a_read_that_begins_after_the_catcher_was_given_up_is_cancelled) {
  for (const bool tells_when_cancelled : {true, false}) {
    Touchy::Log log;
    log.tells_when_cancelled = tells_when_cancelled;
    Gate inside;
    Gate go_on;
    int calls = 0;
    auto reader = std::make_unique<Reader>(
        pulled_async(transformed(std::make_unique<Touchy>(log),
                                 ad_hoc([&](TransformInput& in, Space space, const Wait& wait) {
                                   if (++calls == 2) {
                                     inside.open();
                                     go_on.wait("the catcher has been given up");
                                     (void)in.read(space, wait);
                                   }
                                   return in.read(space, wait);
                                 }))));
    ck_assert_status(try_read(*reader, 1).status, Status::would_block);
    {
      std::jthread teller([&, done = std::move(log.done)]() mutable { done(SourceResult{0}); });
      inside.wait("the transform runs");
      reader.reset();
      go_on.open();
    }

    ck_assert_int_eq(log.reads, 2);
    ck_assert_int_eq(log.cancels, 1);
    ck_assert(log.is_gone == tells_when_cancelled);
    if (!tells_when_cancelled) std::exchange(log.done, ReadDone())(SourceResult::some(5));

    ck_assert(log.is_gone);
    ck_assert_int_eq(calls, 2);
  }
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "async_transform_failure",
      {{"failure",
        {failures_of_the_source_come_after_the_bytes_before_them_and_are_resumed,
         faults_of_the_source_are_its_own, a_read_that_is_told_later_and_claims_too_much_has_failed,
         faults_of_the_transform_are_its_own_and_are_resumed,
         a_transform_that_waits_for_something_else_has_failed}},
       {"lifetime",
        {a_catcher_that_is_given_up_cancels_the_read_of_the_source,
         giving_up_and_the_end_of_a_read_race,
         a_read_that_begins_after_the_catcher_was_given_up_is_cancelled}}});
}
