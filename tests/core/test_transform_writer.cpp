// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A transform on the side that pushes.
#include "core/transform_writer.hpp"

#include "tests/support/check.hpp"
#include "tests/support/transforms.hpp"

namespace {

using catcher::Config;
using catcher::Fault;
using catcher::Growth;
using catcher::Reader;
using catcher::SourceResult;
using catcher::Status;
using catcher::TransformInput;
using catcher::TransformWriter;
using catcher::Wait;
using catcher::WhenFull;
using namespace catcher::test;
using Space = std::span<std::byte>;

struct Made {
  std::shared_ptr<catcher::Catcher> catcher;
  TransformWriter writer;
};

Made through(std::shared_ptr<catcher::Transform> transform, const Config& config = {}) {
  auto made = pushed(config);
  return {made.catcher, TransformWriter(std::move(made.writer), std::move(transform))};
}

START_TEST(what_is_appended_goes_through_in_pieces_of_any_size) {
  Made made = through(std::make_shared<Reversing>(10), {.growth = Growth::constant(7)});
  std::size_t offset = 0;
  for (std::size_t size = 0; size < 50; ++size) {
    const auto result = made.writer.append(pattern(offset, size));
    ck_assert_status(result.status, Status::ok);
    ck_assert_uint_eq(result.bytes, size);
    offset += size;
  }
  ck_assert_uint_eq(made.catcher->window().end, offset - offset % 10);
  ck_assert(!made.catcher->is_finished());

  ck_assert_status(made.writer.finish(), Status::ok);

  ck_assert(all_of(made.catcher) == reversed_pattern(10, offset));
  ck_assert_status(made.writer.append(pattern(0, 1)).status, Status::bad_argument);
}
END_TEST

START_TEST(a_full_window_takes_what_it_can_and_loses_nothing) {
  Made made =
      through(std::make_shared<Reversing>(10),
              {.growth = Growth::constant(1), .max_bytes = 64, .when_full = WhenFull::block});
  Reader reader(made.catcher);
  const auto bytes = pattern(0, 1003);
  std::vector<std::byte> all;
  std::size_t taken = 0;

  while (taken < bytes.size()) {
    const auto result = made.writer.append(std::span(bytes).subspan(taken), Wait::none());
    taken += result.bytes;
    ck_assert_status(result.status, taken < bytes.size() ? Status::full : Status::ok);
    ck_assert_status(collect(reader, all, 9, Wait::none()).status, Status::would_block);
  }
  Status finished = made.writer.finish(Wait::none());
  while (finished == Status::full) {
    ck_assert_status(collect(reader, all, 9, Wait::none()).status, Status::would_block);
    finished = made.writer.finish(Wait::none());
  }

  ck_assert_status(finished, Status::ok);
  ck_assert_status(collect(reader, all).status, Status::end);
  ck_assert(all == reversed_pattern(10, 1003));
}
END_TEST

// The rest of an earlier piece, which ended with `would_block`, says nothing of what is new.
START_TEST(a_rest_that_is_handed_out_later_does_not_stop_what_follows) {
  const auto in_tens = [](TransformInput& in, Space space, const Wait& wait) {
    std::size_t done = 0;
    while (done < 10) {
      const auto got = in.read(space.subspan(done, 10 - done), wait);
      done += got.bytes;
      if (got.status != Status::ok) return SourceResult{done, got.status, got.error};
    }
    return SourceResult::some(done);
  };
  Made made =
      through(std::make_shared<AdHoc>(in_tens, 10),
              {.growth = Growth::constant(1), .max_bytes = 64, .when_full = WhenFull::block});
  Reader reader(made.catcher);
  ck_assert_uint_eq(made.writer.append(pattern(0, 60), Wait::none()).bytes, 60);
  ck_assert_uint_eq(made.writer.append(pattern(60, 9), Wait::none()).bytes, 9);
  std::vector<std::byte> all;
  ck_assert_status(collect(reader, all, 9, Wait::none()).status, Status::would_block);
  ck_assert_uint_eq(all.size(), 64);

  const auto result = made.writer.append(pattern(69, 5), Wait::none());

  ck_assert_status(result.status, Status::ok);
  ck_assert_uint_eq(result.bytes, 5);
  ck_assert_status(collect(reader, all, 9, Wait::none()).status, Status::would_block);
  ck_assert(all == pattern(0, 74));
}
END_TEST

START_TEST(a_transform_that_ends_finishes_the_stream) {
  Made made =
      through(std::make_shared<AdHoc>([](TransformInput& in, Space space, const Wait& wait) {
        const auto got = in.read(space.first(1), wait);
        return in.bytes() < 5 ? got : SourceResult::at_end(got.bytes);
      }));

  const auto result = made.writer.append(pattern(0, 9));

  ck_assert_status(result.status, Status::end);
  ck_assert_uint_eq(result.bytes, 5);
  ck_assert(made.catcher->is_finished());
  ck_assert(all_of(made.catcher) == pattern(0, 5));
}
END_TEST

START_TEST(a_transform_that_fails_fails_the_stream_which_can_be_resumed) {
  auto transform = std::make_shared<Reversing>(10);
  Made made = through(transform);
  transform->fail_once();

  const auto result = made.writer.append(pattern(0, 25));
  ck_assert_status(result.status, Status::failed);
  ck_assert_uint_eq(result.bytes, 10);
  Reader reader(made.catcher);
  std::vector<std::byte> all;
  ck_assert(collect(reader, all).error == kBroken);
  ck_assert_status(made.writer.append(pattern(10, 15)).status, Status::bad_argument);

  ck_assert_status(made.catcher->resume(), Status::ok);
  ck_assert_uint_eq(made.writer.append(pattern(10, 15)).bytes, 15);
  ck_assert_status(made.writer.finish(), Status::ok);
  ck_assert_status(collect(reader, all).status, Status::end);
  ck_assert(all == reversed_pattern(10, 25));
}
END_TEST

START_TEST(dropped_before_the_end_it_fails_the_stream) {
  std::shared_ptr<catcher::Catcher> catcher;
  {
    Made made = through(std::make_shared<Reversing>(10));
    catcher = made.catcher;
    TransformWriter moved(std::move(made.writer));
    ck_assert_uint_eq(moved.append(pattern(0, 15)).bytes, 15);
  }
  Reader reader(catcher);
  std::vector<std::byte> all;

  ck_assert(collect(reader, all).error == Fault::writer_gone);
  ck_assert_uint_eq(all.size(), 10);
}
END_TEST

START_TEST(a_failure_of_who_pushes_reaches_readers) {
  Made made = through(std::make_shared<Reversing>(10));
  ck_assert_uint_eq(made.writer.append(pattern(0, 15)).bytes, 15);

  made.writer.fail(kBroken);

  Reader reader(made.catcher);
  std::vector<std::byte> all;
  ck_assert(collect(reader, all).error == kBroken);
  ck_assert_uint_eq(all.size(), 10);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "transform_writer",
      {{"append",
        {what_is_appended_goes_through_in_pieces_of_any_size,
         a_full_window_takes_what_it_can_and_loses_nothing,
         a_rest_that_is_handed_out_later_does_not_stop_what_follows}},
       {"end",
        {a_transform_that_ends_finishes_the_stream,
         a_transform_that_fails_fails_the_stream_which_can_be_resumed,
         dropped_before_the_end_it_fails_the_stream, a_failure_of_who_pushes_reaches_readers}}});
}
