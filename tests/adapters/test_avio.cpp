// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The AVIOContext by itself, on bytes that prove where they are from.
#include "tests/support/check.hpp"

extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/error.h>
}

#include "core/adapters/avio.hpp"
#include "tests/support/parked.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::AvioInput;
using catcher::AvioOptions;
using catcher::Config;
using catcher::Growth;
using catcher::Reader;
using catcher::Status;
using catcher::Wait;
using namespace catcher::test;

const Config kSmallChunks{.growth = Growth::constant(1000)};

// What avio_read() gives, as bytes or as the error.
struct Got {
  int result = 0;
  std::vector<std::byte> bytes;
};
Got get(const AvioInput& input, int size) {
  Got got;
  got.bytes.resize(static_cast<std::size_t>(size));
  got.result = avio_read(input.context(), reinterpret_cast<unsigned char*>(got.bytes.data()), size);
  got.bytes.resize(static_cast<std::size_t>(std::max(got.result, 0)));
  return got;
}

START_TEST(every_buffer_size_gives_the_same_bytes) {
  auto made = filled(50'000, kSmallChunks);
  made.writer.finish();

  for (const std::size_t buffer : {0, 1, 7, 4096, 32 * 1024, 1 << 20}) {
    AvioInput input(Reader(made.catcher), {.buffer_size = buffer});
    std::size_t done = 0;
    for (const int size : {1, 999, 4096, 1, 70'000}) {
      const Got got = get(input, size);
      demand_pattern(got.bytes, done);
      done += got.bytes.size();
    }
    ck_assert_uint_eq(done, 50'000);
    ck_assert_int_eq(get(input, 10).result, AVERROR_EOF);
    ck_assert_status(input.why().status, Status::end);
  }
}
END_TEST

START_TEST(seeks_go_where_they_say) {
  auto made = filled(200'000, kSmallChunks);
  made.writer.finish();
  AvioInput input(Reader(made.catcher), {.buffer_size = 512});

  for (const std::int64_t to : {150'000, 3, 60'000, 60'100, 0, 199'990}) {
    ck_assert_int_eq(avio_seek(input.context(), to, SEEK_SET), to);
    demand_pattern(get(input, 10).bytes, static_cast<std::uint64_t>(to));
    ck_assert_int_eq(avio_tell(input.context()), to + 10);
  }
  ck_assert_int_eq(get(input, 1).result, AVERROR_EOF);
  ck_assert_int_eq(avio_seek(input.context(), -100'000, SEEK_CUR), 100'000);
  demand_pattern(get(input, 10).bytes, 100'000);
  ck_assert_int_lt(avio_seek(input.context(), -1, SEEK_SET), 0);
}
END_TEST

START_TEST(the_size_is_told_once_it_is_known) {
  auto made = filled(5000, kSmallChunks);
  AvioInput input{Reader(made.catcher)};
  AVIOContext* avio = input.context();

  ck_assert_int_eq(avio->seekable, AVIO_SEEKABLE_NORMAL);
  ck_assert_int_eq(avio_size(avio), AVERROR(ENOSYS));
  ck_assert_int_eq(avio->seek(avio->opaque, -10, SEEK_END), AVERROR(ENOSYS));
  add(made.writer, 10);
  made.writer.finish();
  ck_assert_int_eq(avio_size(avio), 5010);
  ck_assert_int_eq(avio->seek(avio->opaque, -10, SEEK_END), 5000);
  ck_assert_int_eq(avio->seek(avio->opaque, -6000, SEEK_END), AVERROR(EINVAL));
  ck_assert_int_eq(avio->seek(avio->opaque, 0, SEEK_CUR), 5000);
}
END_TEST

START_TEST(the_edge_can_be_the_end_for_a_while) {
  auto made = filled(5000, kSmallChunks);
  AvioInput input(Reader(made.catcher), {.buffer_size = 100, .wait = patiently()});

  input.end_at_edge();
  add(made.writer, 10);
  ck_assert_int_eq(avio_size(input.context()), 5000);
  ck_assert_int_eq(avio_seek(input.context(), 4990, SEEK_SET), 4990);
  const Got last = get(input, 20);
  ck_assert_uint_eq(last.bytes.size(), 10);
  demand_pattern(last.bytes, 4990);
  ck_assert_int_eq(get(input, 1).result, AVERROR_EOF);
  ck_assert_status(input.why().status, Status::end);
  ck_assert_int_eq(avio_seek(input.context(), 90'000, SEEK_SET), 90'000);
  ck_assert_int_eq(get(input, 1).result, AVERROR_EOF);

  ck_assert_int_eq(avio_seek(input.context(), 5000, SEEK_SET), 5000);
  input.end_at_end();
  ck_assert_int_eq(avio_size(input.context()), AVERROR(ENOSYS));
  demand_pattern(get(input, 10).bytes, 5000);
}
END_TEST

START_TEST(what_may_not_seek_says_so_and_goes_on_forwards) {
  auto made = filled(90'000, kSmallChunks);
  made.writer.finish();
  AvioInput input(Reader(made.catcher), {.buffer_size = 100, .seekable = false});

  ck_assert_int_eq(input.context()->seekable, 0);
  demand_pattern(get(input, 1000).bytes, 0);
  ck_assert_int_eq(avio_seek(input.context(), 80'000, SEEK_SET), 80'000);
  demand_pattern(get(input, 1000).bytes, 80'000);
  ck_assert_int_lt(avio_seek(input.context(), 0, SEEK_SET), 0);
}
END_TEST

START_TEST(position_0_is_where_the_reader_was) {
  auto made = filled(50'000, kSmallChunks);
  made.writer.finish();
  Reader reader(made.catcher);
  ck_assert_status(reader.seek(30'000).status, Status::ok);
  AvioInput input(std::move(reader), {.buffer_size = 512});
  AVIOContext* avio = input.context();

  ck_assert_int_eq(avio_size(avio), 20'000);
  demand_pattern(get(input, 2000).bytes, 30'000);
  ck_assert_int_eq(avio_seek(avio, 0, SEEK_SET), 0);
  demand_pattern(get(input, 10).bytes, 30'000);
  ck_assert_int_eq(avio->seek(avio->opaque, -20'001, SEEK_END), AVERROR(EINVAL));
  ck_assert_int_eq(avio->seek(avio->opaque, INT64_MAX, SEEK_SET), AVERROR(EINVAL));
}
END_TEST

START_TEST(a_read_at_the_edge_waits_for_a_byte) {
  auto made = filled(10, kSmallChunks);
  AvioInput input{Reader(made.catcher)};
  demand_pattern(get(input, 10).bytes, 0);
  Parked parked;
  std::optional<Got> late;
  std::jthread reader([&] {
    parked.enter();
    late = get(input, 5);
  });

  parked.wait("a read sleeps at the edge");
  add(made.writer, 5);
  reader.join();

  ck_assert_int_eq(late->result, 5);
  demand_pattern(late->bytes, 10);
}
END_TEST

START_TEST(a_read_that_is_stopped_loses_no_byte) {
  auto made = filled(10, kSmallChunks);
  std::stop_source stop;
  AvioInput input(Reader(made.catcher), {.wait = {.stop = stop.get_token()}});
  const AVIOInterruptCB interrupted = input.interrupt_callback();
  demand_pattern(get(input, 10).bytes, 0);
  ck_assert_int_eq(interrupted.callback(interrupted.opaque), 0);
  Parked parked;
  std::optional<Got> stopped;
  std::jthread reader([&] {
    parked.enter();
    stopped = get(input, 5);
  });

  parked.wait("a read sleeps at the edge");
  stop.request_stop();
  reader.join();

  ck_assert_int_eq(stopped->result, AVERROR_EXIT);
  ck_assert_status(input.why().status, Status::cancelled);
  ck_assert_int_eq(interrupted.callback(interrupted.opaque), 1);
  add(made.writer, 5);
  input.set_wait(patiently());
  input.clear();
  demand_pattern(get(input, 5).bytes, 10);
  ck_assert_int_eq(avio_tell(input.context()), 15);
}
END_TEST

START_TEST(a_deadline_and_a_look_are_errors_that_pass) {
  auto made = filled(10, kSmallChunks);
  AvioInput input{Reader(made.catcher)};
  demand_pattern(get(input, 10).bytes, 0);

  input.set_wait(Wait::at_most(std::chrono::milliseconds(1)));
  ck_assert_int_eq(get(input, 5).result, AVERROR(ETIMEDOUT));
  ck_assert_status(input.why().status, Status::timed_out);
  input.set_wait(Wait::none());
  input.clear();
  ck_assert_status(input.why().status, Status::ok);
  ck_assert_int_eq(get(input, 5).result, AVERROR(EAGAIN));
  ck_assert_status(input.why().status, Status::would_block);
  add(made.writer, 5);
  input.clear();
  demand_pattern(get(input, 5).bytes, 10);
}
END_TEST

START_TEST(a_failure_comes_after_every_byte_and_under_its_own_number) {
  const std::error_code reset = std::make_error_code(std::errc::connection_reset);
  const std::error_code systems(ENODEV, std::system_category());
  const std::error_code foreign(7, catcher::fault_category());
  const std::pair<std::error_code, int> expected[] = {{reset, AVERROR(ECONNRESET)},
                                                      {systems, AVERROR(ENODEV)},
                                                      {foreign, AVERROR(EIO)},
                                                      {{}, AVERROR(EIO)}};
  for (const auto& [error, averror] : expected) {
    auto made = filled(10, kSmallChunks);
    made.writer.fail(error);
    AvioInput input{Reader(made.catcher)};

    demand_pattern(get(input, 10).bytes, 0);
    ck_assert_int_eq(get(input, 5).result, averror);
    ck_assert_status(input.why().status, Status::failed);
    ck_assert(input.why().error == error);
  }
}
END_TEST

START_TEST(a_failed_source_can_be_gone_on_with) {
  Script script;
  script.give(10).fail(std::make_error_code(std::errc::connection_reset)).give(5).end();
  const auto caught = pulled(std::move(script));
  AvioInput input{Reader(caught)};

  demand_pattern(get(input, 10).bytes, 0);
  ck_assert_int_eq(get(input, 5).result, AVERROR(ECONNRESET));
  ck_assert_status(caught->resume(), Status::ok);
  input.clear();
  demand_pattern(get(input, 5).bytes, 10);
  ck_assert_int_eq(get(input, 5).result, AVERROR_EOF);
}
END_TEST

START_TEST(an_evicted_place_is_an_error_that_names_the_window) {
  auto made = pushed({.growth = Growth::constant(100), .max_bytes = 6400});
  AvioInput input(Reader(made.catcher), {.buffer_size = 50});
  for (int i = 0; i < 200; ++i) add(made.writer, 100);
  const std::uint64_t oldest = made.catcher->window().begin;

  ck_assert_int_eq(get(input, 5).result, AVERROR(EIO));
  ck_assert_status(input.why().status, Status::evicted);
  ck_assert_uint_eq(input.why().window.begin, oldest);
  ck_assert_uint_eq(input.why().window.end, 20'000);
  input.clear();
  const auto kept = static_cast<std::int64_t>(oldest);
  ck_assert_int_eq(avio_seek(input.context(), kept, SEEK_SET), kept);
  demand_pattern(get(input, 5).bytes, oldest);
  ck_assert_int_eq(avio_seek(input.context(), 0, SEEK_SET), 0);
  ck_assert_int_eq(get(input, 5).result, AVERROR(EIO));
}
END_TEST

START_TEST(it_can_be_moved_while_it_is_in_use) {
  auto made = filled(5000, kSmallChunks);
  AvioInput first(Reader(made.catcher), {.buffer_size = 100});
  AVFormatContext* format = avformat_alloc_context();
  first.attach(*format);
  demand_pattern(get(first, 150).bytes, 0);

  AvioInput second(std::move(first));
  AvioInput third{Reader(made.catcher)};
  third = std::move(second);

  ck_assert_ptr_eq(format->pb, third.context());
  ck_assert_int_ne(format->flags & AVFMT_FLAG_CUSTOM_IO, 0);
  ck_assert_int_eq(format->interrupt_callback.callback(format->interrupt_callback.opaque), 0);
  demand_pattern(get(third, 1000).bytes, 150);
  avformat_free_context(format);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "avio",
      {{"read",
        {every_buffer_size_gives_the_same_bytes, a_read_at_the_edge_waits_for_a_byte,
         a_read_that_is_stopped_loses_no_byte, a_deadline_and_a_look_are_errors_that_pass}},
       {"seek",
        {seeks_go_where_they_say, the_size_is_told_once_it_is_known,
         the_edge_can_be_the_end_for_a_while, what_may_not_seek_says_so_and_goes_on_forwards,
         position_0_is_where_the_reader_was}},
       {"errors",
        {a_failure_comes_after_every_byte_and_under_its_own_number,
         a_failed_source_can_be_gone_on_with, an_evicted_place_is_an_error_that_names_the_window}},
       {"lifetime", {it_can_be_moved_while_it_is_in_use}}});
}
