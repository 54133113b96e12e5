// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A GInputStream over a reader, as GLib programs use one: reads, from a thread and from a main
// loop, and seeks. Polling and cancellation are in test_gio_polling.cpp.
#include "core/adapters/gio_stream.hpp"

#include <limits>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/check.hpp"
#include "tests/support/gio_reading.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Fault;
using catcher::Growth;
using catcher::Status;
using namespace catcher::test;

// ---- reads ----------------------------------------------------------------------------------
START_TEST(a_read_takes_what_is_there) {
  auto made = filled(100);
  const auto stream = stream_of(made.catcher);

  ck_assert_int_eq(read(stream.get(), 60).bytes, 60);
  ck_assert_int_eq(read(stream.get(), 60).bytes, 40);
  ck_assert_int_eq(tell(stream.get()), 100);
}
END_TEST

START_TEST(a_read_at_the_edge_waits_for_bytes_and_the_end) {
  auto made = filled(10, {.growth = Growth::constant(7)});
  const auto stream = stream_of(made.catcher);
  std::jthread writer([&] {
    for (int i = 0; i < 500; ++i) add(made.writer, 13);
    made.writer.finish();
  });

  gssize sum = 0;
  for (Outcome got; (got = read(stream.get(), 29)).bytes != 0; sum += got.bytes) {
    ck_assert_int_eq(got.code, -1);
  }

  ck_assert_int_eq(sum, 10 + 500 * 13);
  ck_assert_int_eq(read(stream.get(), 29).bytes, 0);
}
END_TEST

START_TEST(a_failure_comes_after_every_byte_and_is_that_of_the_system) {
  auto made = filled(10);
  const auto stream = stream_of(made.catcher);
  made.writer.fail(std::make_error_code(std::errc::no_space_on_device));

  ck_assert_int_eq(read(stream.get(), 100).bytes, 10);
  ck_assert_int_eq(read(stream.get(), 100).code, G_IO_ERROR_NO_SPACE);
  ck_assert_int_eq(read(stream.get(), 100).code, G_IO_ERROR_NO_SPACE);
  ck_assert_status(made.catcher->resume(), Status::ok);
  add(made.writer, 5);
  ck_assert_int_eq(read(stream.get(), 100).bytes, 5);
  made.writer.fail(std::make_error_code(std::errc::resource_unavailable_try_again));
  ck_assert_int_eq(AsyncRead(stream.get(), 100).wait().code, G_IO_ERROR_FAILED);
  ck_assert_status(made.catcher->resume(), Status::ok);
  made.writer.fail(Fault::writer_gone);
  ck_assert_int_eq(read(stream.get(), 100).code, G_IO_ERROR_FAILED);
}
END_TEST

START_TEST(what_is_evicted_is_an_error_that_names_the_window) {
  auto made = filled(2000, {.growth = Growth::constant(10), .max_bytes = 640});
  const auto stream = stream_of(made.catcher);
  ck_assert_int_eq(seek(stream.get(), 5, G_SEEK_SET), -1);
  std::byte byte{};
  GError* error = nullptr;

  ck_assert_int_eq(g_input_stream_read(stream.get(), &byte, 1, nullptr, &error), -1);

  ck_assert(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND));
  const std::string window = "[" + std::to_string(made.catcher->window().begin) + ",2000)";
  ck_assert_msg(std::string(error->message).find(window) != std::string::npos, "%s",
                error->message);
  g_error_free(error);
  ck_assert_int_eq(seek(stream.get(), 1990, G_SEEK_SET), -1);
  ck_assert_int_eq(read(stream.get(), 100).bytes, 10);
}
END_TEST

START_TEST(a_skip_passes_over_what_has_arrived_and_waits_for_the_rest) {
  auto made = filled(100);
  const auto stream = stream_of(made.catcher);
  std::jthread writer([&] { add(made.writer, 100); });

  ck_assert_int_eq(g_input_stream_skip(stream.get(), 150, nullptr, nullptr), 150);

  ck_assert_int_eq(tell(stream.get()), 150);
  writer.join();
  made.writer.finish();
  ck_assert_int_eq(g_input_stream_skip(stream.get(), 150, nullptr, nullptr), 50);
  ck_assert_int_eq(g_input_stream_skip(stream.get(), 150, nullptr, nullptr), 0);
}
END_TEST

// ---- asynchronous reads ---------------------------------------------------------------------
START_TEST(a_main_loop_reads_all_that_a_thread_writes) {
  auto made = pushed({.growth = Growth::constant(7)});
  const auto stream = stream_of(made.catcher);
  std::jthread writer([&] {
    for (int i = 0; i < 500; ++i) add(made.writer, 13);
    made.writer.finish();
  });

  gssize sum = 0;
  for (;;) {
    const Outcome got = AsyncRead(stream.get(), 29).wait();
    ck_assert_int_eq(got.code, -1);
    if (got.bytes == 0) break;
    sum += got.bytes;
  }

  ck_assert_int_eq(sum, 500 * 13);
}
END_TEST

START_TEST(reads_that_wait_in_a_main_loop_need_no_thread) {
  auto made = filled(10);
  std::vector<GPtr<GInputStream>> streams;
  std::vector<std::unique_ptr<AsyncRead>> reads;
  // With its first task GIO begins a thread of its own.
  ck_assert_int_eq(AsyncRead(stream_of(made.catcher).get(), 10).wait().bytes, 10);
  const std::size_t threads = thread_count();
  for (int i = 0; i < 100; ++i) {
    streams.push_back(stream_of(made.catcher));
    ck_assert_int_eq(seek(streams.back().get(), 10, G_SEEK_SET), -1);
    reads.push_back(std::make_unique<AsyncRead>(streams.back().get(), 10));
  }
  run_ready();

  ck_assert_uint_eq(thread_count(), threads);
  for (const auto& read : reads) ck_assert(!read->is_over());
  add(made.writer, 10);
  for (const auto& read : reads) ck_assert_int_eq(read->wait().bytes, 10);
}
END_TEST

START_TEST(lines_are_read_as_from_any_stream) {
  auto made = pushed();
  const std::string text = "one\ntwo\nthree";
  GPtr<GDataInputStream> lines(g_data_input_stream_new(stream_of(made.catcher).get()));
  std::jthread writer([&] {
    for (const char& letter : text) {
      demand(made.writer.append(std::as_bytes(std::span(&letter, 1))).status == Status::ok, "room");
    }
    made.writer.finish();
  });
  std::vector<std::string> got;
  struct Call {
    std::vector<std::string>& got;
    bool is_over = false;
  };

  for (Call call{got}; !call.is_over;) {
    const std::size_t before = got.size();
    const auto finish = [](GObject* source, GAsyncResult* result, gpointer data) noexcept {
      auto& told = *static_cast<Call*>(data);
      char* line = g_data_input_stream_read_line_finish(G_DATA_INPUT_STREAM(source), result,
                                                        nullptr, nullptr);
      told.is_over = line == nullptr;
      if (line != nullptr) told.got.emplace_back(line);
      g_free(line);
    };
    g_data_input_stream_read_line_async(lines.get(), G_PRIORITY_DEFAULT, nullptr, finish, &call);
    run_until([&] { return call.is_over || got.size() != before; }, "a line comes, or the end");
  }

  ck_assert_uint_eq(got.size(), 3);
  ck_assert_str_eq(got[0].c_str(), "one");
  ck_assert_str_eq(got[2].c_str(), "three");
}
END_TEST

// ---- seeks ----------------------------------------------------------------------------------
START_TEST(seeks_go_by_start_current_and_known_end) {
  auto made = filled(100);
  const auto stream = stream_of(made.catcher);
  ck_assert(g_seekable_can_seek(G_SEEKABLE(stream.get())));

  ck_assert_int_eq(seek(stream.get(), 90, G_SEEK_SET), -1);
  ck_assert_int_eq(read(stream.get(), 5).bytes, 5);
  ck_assert_int_eq(seek(stream.get(), -45, G_SEEK_CUR), -1);
  ck_assert_int_eq(tell(stream.get()), 50);
  ck_assert_int_eq(read(stream.get(), 100).bytes, 50);
  ck_assert_int_eq(seek(stream.get(), -1, G_SEEK_END), G_IO_ERROR_NOT_SUPPORTED);
  ck_assert_int_eq(tell(stream.get()), 100);
  made.writer.finish();
  ck_assert_int_eq(seek(stream.get(), -1, G_SEEK_END), -1);
  ck_assert_int_eq(read(stream.get(), 100).bytes, 1);
}
END_TEST

START_TEST(a_seek_that_makes_no_sense_is_refused_and_moves_nothing) {
  auto made = filled(100);
  const auto stream = stream_of(made.catcher);
  ck_assert_int_eq(seek(stream.get(), 50, G_SEEK_SET), -1);

  ck_assert_int_eq(seek(stream.get(), -51, G_SEEK_CUR), G_IO_ERROR_INVALID_ARGUMENT);
  ck_assert_int_eq(seek(stream.get(), std::numeric_limits<goffset>::max(), G_SEEK_CUR),
                   G_IO_ERROR_INVALID_ARGUMENT);

  ck_assert_int_eq(tell(stream.get()), 50);
  ck_assert(!g_seekable_can_truncate(G_SEEKABLE(stream.get())));
}
END_TEST

START_TEST(a_read_waits_where_a_seek_went_beyond_the_edge) {
  auto made = filled(100);
  const auto stream = stream_of(made.catcher);
  ck_assert_int_eq(seek(stream.get(), 150, G_SEEK_SET), -1);
  AsyncRead read(stream.get(), 10);
  run_ready();

  add(made.writer, 50);
  run_ready();
  ck_assert(!read.is_over());
  add(made.writer, 2);

  ck_assert_int_eq(read.wait().bytes, 2);
}
END_TEST

START_TEST(a_seek_is_refused_while_a_read_is_under_way) {
  auto made = filled(0);
  const auto stream = stream_of(made.catcher);
  AsyncRead read(stream.get(), 10);

  ck_assert_int_eq(seek(stream.get(), 0, G_SEEK_SET), G_IO_ERROR_PENDING);

  add(made.writer, 1);
  ck_assert_int_eq(read.wait().bytes, 1);
}
END_TEST

// ---- closing --------------------------------------------------------------------------------
START_TEST(a_closed_stream_is_no_reader_any_more) {
  auto made = filled(
      64, {.growth = Growth::constant(1), .max_bytes = 64, .when_full = catcher::WhenFull::block});
  const auto stream = stream_of(made.catcher);
  ck_assert_int_eq(read(stream.get(), 10).bytes, 10);
  ck_assert_uint_eq(made.catcher->stats().readers, 1);

  ck_assert(g_input_stream_close(stream.get(), nullptr, nullptr));

  ck_assert_uint_eq(made.catcher->stats().readers, 0);
  ck_assert_int_eq(read(stream.get(), 10).code, G_IO_ERROR_CLOSED);
  ck_assert_int_eq(seek(stream.get(), 0, G_SEEK_SET), G_IO_ERROR_CLOSED);
  ck_assert_int_eq(tell(stream.get()), 10);
  ck_assert(is_readable(stream.get()));
  ck_assert_int_eq(read_nonblocking(stream.get(), 10).code, G_IO_ERROR_CLOSED);
  g_object_unref(g_object_new(CATCHER_TYPE_INPUT_STREAM, nullptr));
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "gio_stream",
      {{"read",
        {a_read_takes_what_is_there, a_read_at_the_edge_waits_for_bytes_and_the_end,
         a_failure_comes_after_every_byte_and_is_that_of_the_system,
         what_is_evicted_is_an_error_that_names_the_window,
         a_skip_passes_over_what_has_arrived_and_waits_for_the_rest}},
       {"async",
        {a_main_loop_reads_all_that_a_thread_writes, reads_that_wait_in_a_main_loop_need_no_thread,
         lines_are_read_as_from_any_stream}},
       {"seek",
        {seeks_go_by_start_current_and_known_end,
         a_seek_that_makes_no_sense_is_refused_and_moves_nothing,
         a_read_waits_where_a_seek_went_beyond_the_edge,
         a_seek_is_refused_while_a_read_is_under_way}},
       {"close", {a_closed_stream_is_no_reader_any_more}}});
}
