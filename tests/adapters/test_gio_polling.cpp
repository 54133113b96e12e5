// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A GInputStream over a reader in a main loop: sources that say when it is readable, and reads that
// are cancelled.
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "tests/support/check.hpp"
#include "tests/support/gio_reading.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Status;
using namespace catcher::test;

// ---- polling --------------------------------------------------------------------------------
START_TEST(a_stream_is_readable_when_a_read_would_not_wait) {
  auto made = filled(10);
  const auto stream = stream_of(made.catcher);
  ck_assert(g_pollable_input_stream_can_poll(G_POLLABLE_INPUT_STREAM(stream.get())));

  ck_assert(is_readable(stream.get()));
  ck_assert_int_eq(read_nonblocking(stream.get(), 100).bytes, 10);
  ck_assert(!is_readable(stream.get()));
  ck_assert_int_eq(read_nonblocking(stream.get(), 100).code, G_IO_ERROR_WOULD_BLOCK);
  made.writer.fail(kBroken);
  ck_assert(is_readable(stream.get()));
  ck_assert_int_eq(read_nonblocking(stream.get(), 100).code, g_io_error_from_errno(EIO));
  ck_assert_status(made.catcher->resume(), Status::ok);
  ck_assert(!is_readable(stream.get()));
  made.writer.finish();
  ck_assert(is_readable(stream.get()));
  ck_assert_int_eq(read_nonblocking(stream.get(), 100).bytes, 0);
}
END_TEST

START_TEST(a_source_is_dispatched_once_bytes_have_come_from_a_thread) {
  auto made = pushed();
  const auto stream = stream_of(made.catcher);
  Polling polling(stream.get());

  for (unsigned i = 0; i < 200; ++i) {
    ck_assert(!polling.is_called());
    std::jthread writer([&] { add(made.writer, 1); });
    const unsigned before = polling.calls();
    run_until([&] { return polling.calls() != before; }, "the source is dispatched");
    ck_assert_int_eq(read_nonblocking(stream.get(), 10).bytes, 1);
  }
}
END_TEST

START_TEST(a_source_goes_on_as_long_as_there_is_something_to_read) {
  auto made = filled(2);
  const auto stream = stream_of(made.catcher);
  Polling polling(stream.get());

  ck_assert(polling.is_called());
  ck_assert_int_eq(read_nonblocking(stream.get(), 1).bytes, 1);
  ck_assert(polling.is_called());
  ck_assert_int_eq(read_nonblocking(stream.get(), 1).bytes, 1);
  ck_assert(!polling.is_called());
}
END_TEST

START_TEST(a_source_follows_a_seek) {
  auto made = filled(10);
  const auto stream = stream_of(made.catcher);
  ck_assert_int_eq(seek(stream.get(), 10, G_SEEK_SET), -1);
  Polling polling(stream.get());
  ck_assert(!polling.is_called());

  ck_assert_int_eq(seek(stream.get(), 3, G_SEEK_SET), -1);
  ck_assert(polling.is_called());
  ck_assert_int_eq(seek(stream.get(), 20, G_SEEK_SET), -1);
  ck_assert(!polling.is_called());
  add(made.writer, 10);
  ck_assert(!polling.is_called());
  add(made.writer, 1);
  ck_assert(polling.is_called());
}
END_TEST

START_TEST(a_source_that_waits_can_be_destroyed_and_outlive_its_stream) {
  auto made = pushed();
  for (int i = 0; i < 50; ++i) {
    auto stream = stream_of(made.catcher);
    ck_assert_int_eq(seek(stream.get(), i, G_SEEK_SET), -1);
    auto polling = std::make_unique<Polling>(stream.get());
    ck_assert(!polling->is_called());
    if (i % 2 == 0) stream.reset();
    std::jthread writer([&] { add(made.writer, 1); });
    polling.reset();
    made.catcher->wake();
  }
}
END_TEST

START_TEST(a_stream_that_is_only_asked_now_and_then_is_filled_on_the_executor) {
  Script script;
  script.give(10).end();
  std::vector<std::function<void()>> jobs;
  const auto caught =
      pulled(std::move(script), nullptr,
             {.executor = [&](std::function<void()> job) { jobs.push_back(std::move(job)); }});
  const auto stream = stream_of(caught);
  ck_assert(g_pollable_input_stream_can_poll(G_POLLABLE_INPUT_STREAM(stream.get())));

  ck_assert_int_eq(read_nonblocking(stream.get(), 100).code, G_IO_ERROR_WOULD_BLOCK);
  ck_assert(!is_readable(stream.get()));
  ck_assert_uint_eq(jobs.size(), 1);
  jobs.front()();

  ck_assert(is_readable(stream.get()));
  ck_assert_int_eq(read_nonblocking(stream.get(), 100).bytes, 10);
}
END_TEST

START_TEST(a_context_goes_before_a_source_that_somebody_keeps) {
  auto made = pushed();
  const auto stream = stream_of(made.catcher);
  GMainContext* context = g_main_context_new();
  GSource* source =
      g_pollable_input_stream_create_source(G_POLLABLE_INPUT_STREAM(stream.get()), nullptr);
  g_source_set_dummy_callback(source);
  g_source_attach(source, context);
  g_main_context_iteration(context, FALSE);

  g_main_context_unref(context);
  add(made.writer, 1);

  g_source_unref(source);
}
END_TEST

// ---- cancellation ---------------------------------------------------------------------------
START_TEST(a_read_that_waits_in_a_thread_is_cancelled_and_loses_nothing) {
  auto made = filled(0);
  const auto stream = stream_of(made.catcher);
  for (unsigned i = 0; i < 200; ++i) {
    GPtr<GCancellable> cancellable(g_cancellable_new());
    std::jthread stopper([&] { g_cancellable_cancel(cancellable.get()); });
    ck_assert_int_eq(read(stream.get(), 10, cancellable.get()).code, G_IO_ERROR_CANCELLED);
    stopper.join();
    add(made.writer, 1);
    ck_assert_int_eq(read(stream.get(), 10).bytes, 1);
  }
}
END_TEST

START_TEST(a_read_that_waits_in_a_main_loop_is_cancelled_at_every_point) {
  auto made = filled(0);
  const auto stream = stream_of(made.catcher);

  GPtr<GCancellable> before(g_cancellable_new());
  g_cancellable_cancel(before.get());
  ck_assert_int_eq(AsyncRead(stream.get(), 10, before.get()).wait().code, G_IO_ERROR_CANCELLED);

  GPtr<GCancellable> begun(g_cancellable_new());
  AsyncRead first(stream.get(), 10, begun.get());
  g_cancellable_cancel(begun.get());
  ck_assert_int_eq(first.wait().code, G_IO_ERROR_CANCELLED);

  GPtr<GCancellable> waiting(g_cancellable_new());
  AsyncRead second(stream.get(), 10, waiting.get());
  run_ready();
  g_cancellable_cancel(waiting.get());
  ck_assert_int_eq(second.wait().code, G_IO_ERROR_CANCELLED);

  add(made.writer, 10);
  ck_assert_int_eq(AsyncRead(stream.get(), 10).wait().bytes, 10);
}
END_TEST

START_TEST(a_cancellation_that_races_with_bytes_loses_none) {
  auto made = filled(0);
  const auto stream = stream_of(made.catcher);
  std::minstd_rand random(1);
  for (unsigned i = 0; i < 300; ++i) {
    GPtr<GCancellable> cancellable(g_cancellable_new());
    AsyncRead read(stream.get(), 10, cancellable.get());
    if (random() % 2 == 0) run_ready();
    std::jthread writer([&] { add(made.writer, 3); });
    std::jthread stopper([&] { g_cancellable_cancel(cancellable.get()); });

    const Outcome got = read.wait();

    ck_assert(got.bytes > 0 || got.code == G_IO_ERROR_CANCELLED);
    writer.join();
    const auto left = static_cast<gssize>(made.writer.offset()) - tell(stream.get());
    if (left != 0) ck_assert_int_eq(AsyncRead(stream.get(), 10).wait().bytes, left);
  }
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "gio_polling",
      {{"poll",
        {a_stream_is_readable_when_a_read_would_not_wait,
         a_source_is_dispatched_once_bytes_have_come_from_a_thread,
         a_source_goes_on_as_long_as_there_is_something_to_read, a_source_follows_a_seek,
         a_source_that_waits_can_be_destroyed_and_outlive_its_stream,
         a_stream_that_is_only_asked_now_and_then_is_filled_on_the_executor,
         a_context_goes_before_a_source_that_somebody_keeps}},
       {"cancel",
        {a_read_that_waits_in_a_thread_is_cancelled_and_loses_nothing,
         a_read_that_waits_in_a_main_loop_is_cancelled_at_every_point,
         a_cancellation_that_races_with_bytes_loses_none}}});
}
