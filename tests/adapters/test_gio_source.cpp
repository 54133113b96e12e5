// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A catcher that pulls from a GInputStream: of a file, and of one that is polled (which is another
// catcher's, so that a test can say when its bytes come).
#include "core/adapters/gio_source.hpp"

#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/bell.hpp"
#include "tests/support/check.hpp"
#include "tests/support/gio_reading.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Catcher;
using catcher::Config;
using catcher::GioAsyncSource;
using catcher::GioSource;
using catcher::Growth;
using catcher::Reader;
using catcher::Status;
using catcher::Wait;
using namespace catcher::test;

const Config kSmall{.growth = Growth::constant(16), .read_burst = 16};

std::shared_ptr<Catcher> caught_from(GInputStream* stream) {
  auto made = Catcher::pull(std::make_unique<GioSource>(stream), kSmall);
  demand(made.status == Status::ok, "the settings are valid");
  return made.catcher;
}

// A file of the pattern, which goes when it is closed.
GPtr<GInputStream> file_of(std::size_t size) {
  GFileIOStream* both = nullptr;
  GPtr<GFile> file(g_file_new_tmp("catcher-test-XXXXXX", &both, nullptr));
  demand(file != nullptr, "there is room for a temporary file");
  const GPtr<GFileIOStream> closing(both);
  const auto bytes = pattern(0, size);
  demand(g_output_stream_write_all(g_io_stream_get_output_stream(G_IO_STREAM(both)), bytes.data(),
                                   size, nullptr, nullptr, nullptr),
         "the file is written");
  GPtr<GInputStream> stream(G_INPUT_STREAM(g_file_read(file.get(), nullptr, nullptr)));
  demand(stream != nullptr, "the file is opened");
  g_file_delete(file.get(), nullptr, nullptr);
  return stream;
}

// A thread that runs a context.
class Looping {
 public:
  Looping()
      : context_(g_main_context_new()),
        loop_(g_main_loop_new(context_, FALSE)),
        thread_([this] { g_main_loop_run(loop_); }) {}
  ~Looping() {
    g_main_context_invoke(
        context_,
        [](gpointer loop) noexcept -> gboolean {
          g_main_loop_quit(static_cast<GMainLoop*>(loop));
          return G_SOURCE_REMOVE;
        },
        loop_);
    thread_.join();
    // What is cancelled is still told.
    while (g_main_context_iteration(context_, FALSE)) {
    }
    g_main_loop_unref(loop_);
    g_main_context_unref(context_);
  }
  Looping(const Looping&) = delete;
  Looping& operator=(const Looping&) = delete;

  GMainContext* context() const { return context_; }

 private:
  GMainContext* context_;
  GMainLoop* loop_;
  std::jthread thread_;
};

std::shared_ptr<Catcher> caught_in(const Looping& looping, GInputStream* stream) {
  auto made =
      Catcher::pull_async(std::make_unique<GioAsyncSource>(stream, looping.context()), kSmall);
  demand(made.status == Status::ok, "the settings are valid");
  return made.catcher;
}

// ---- GioSource ------------------------------------------------------------------------------
START_TEST(a_file_is_read_to_its_end) {
  const auto caught = caught_from(file_of(1000).get());
  Reader reader(caught);

  const auto all = read_all(reader);

  ck_assert_status(all.status, Status::end);
  ck_assert_uint_eq(all.bytes, 1000);
}
END_TEST

// seed fault 1
START_TEST(a_read_that_is_late_or_stopped_loses_no_byte) {
  auto upstream = pushed();
  const auto caught = caught_from(stream_of(upstream.catcher).get());
  Reader reader(caught);
  for (int i = 0; i < 20; ++i) {
    ck_assert_status(read(reader, 10, Wait::none()).status, Status::would_block);
    ck_assert_status(read(reader, 10, Wait::at_most(std::chrono::milliseconds(1))).status,
                     Status::timed_out);
    std::stop_source stop;
    std::jthread stopper([&] { stop.request_stop(); });
    ck_assert_status(read(reader, 10, {catcher::kForever, stop.get_token()}).status,
                     Status::cancelled);
    add(upstream.writer, 3);
    take(reader, 3);
  }
}
END_TEST

START_TEST(a_read_with_a_deadline_wakes_for_bytes) {
  auto upstream = pushed();
  const auto caught = caught_from(stream_of(upstream.catcher).get());
  Reader reader(caught);
  for (int i = 0; i < 100; ++i) {
    std::jthread writer([&] { add(upstream.writer, 1); });
    ck_assert_uint_eq(read(reader, 10, patiently()).bytes, 1);
  }
  upstream.writer.finish();
  ck_assert_status(read(reader, 10, patiently()).status, Status::end);
}
END_TEST

START_TEST(a_failure_comes_after_every_byte_and_can_be_resumed_from) {
  auto upstream = filled(40);
  const auto caught = caught_from(stream_of(upstream.catcher).get());
  Reader reader(caught);
  upstream.writer.fail(std::make_error_code(std::errc::timed_out));

  const auto all = read_all(reader);
  ck_assert_status(all.status, Status::failed);
  ck_assert_uint_eq(all.bytes, 40);
  ck_assert(all.error == std::errc::timed_out);

  ck_assert_status(upstream.catcher->resume(), Status::ok);
  add(upstream.writer, 5);
  ck_assert_status(caught->resume(), Status::ok);
  take(reader, 5);
}
END_TEST

// ---- GioAsyncSource -------------------------------------------------------------------------
START_TEST(a_context_reads_for_readers_that_wait_in_threads) {
  const Looping looping;
  auto upstream = pushed();
  const auto caught = caught_in(looping, stream_of(upstream.catcher).get());
  std::vector<std::jthread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      Reader reader(caught);
      const auto all = read_all(reader, 7);
      demand(all.status == Status::end, "all comes to the end");
      demand(all.bytes == 2000, "all is read", all.bytes);
    });
  }
  for (int i = 0; i < 200; ++i) {
    g_main_context_invoke(
        looping.context(),
        [](gpointer writer) noexcept -> gboolean {
          add(*static_cast<catcher::Writer*>(writer), 10);
          return G_SOURCE_REMOVE;
        },
        &upstream.writer);
  }
  g_main_context_invoke(
      looping.context(),
      [](gpointer writer) noexcept -> gboolean {
        static_cast<catcher::Writer*>(writer)->finish();
        return G_SOURCE_REMOVE;
      },
      &upstream.writer);
}
END_TEST

START_TEST(one_thread_reads_and_is_told_by_its_own_loop) {
  auto made = Catcher::pull_async(std::make_unique<GioAsyncSource>(file_of(1000).get()), kSmall);
  const auto stream = stream_of(made.catcher);
  std::vector<std::byte> bytes(1000);
  struct Call {
    gsize done = 0;
    bool is_over = false;
  } call;

  g_input_stream_read_all_async(
      stream.get(), bytes.data(), bytes.size(), G_PRIORITY_DEFAULT, nullptr,
      [](GObject* source, GAsyncResult* result, gpointer told) noexcept {
        auto& to = *static_cast<Call*>(told);
        g_input_stream_read_all_finish(G_INPUT_STREAM(source), result, &to.done, nullptr);
        to.is_over = true;
      },
      &call);
  run_until([&] { return call.is_over; }, "all is read");

  ck_assert_uint_eq(call.done, 1000);
  demand_pattern(bytes, 0);
}
END_TEST

START_TEST(an_asynchronous_failure_reaches_every_reader_and_can_be_resumed_from) {
  const Looping looping;
  auto upstream = filled(40);
  const auto caught = caught_in(looping, stream_of(upstream.catcher).get());
  upstream.writer.fail(std::make_error_code(std::errc::timed_out));
  Reader one(caught);
  Reader other(caught);

  for (Reader* reader : {&one, &other}) {
    const auto all = read_all(*reader);
    ck_assert_status(all.status, Status::failed);
    ck_assert_uint_eq(all.bytes, 40);
    ck_assert(all.error == std::errc::timed_out);
  }
  ck_assert_status(upstream.catcher->resume(), Status::ok);
  ck_assert_status(caught->resume(), Status::ok);
  add(upstream.writer, 5);
  take(one, 5);
  take(other, 5);
}
END_TEST

START_TEST(a_catcher_goes_while_its_context_reads) {
  // Outlive the reads: GLib 2.74 loses a reference on a source that is cancelled just when it is
  // dispatched for another reason, here that the stream has failed.
  std::vector<Catcher::Pushed> upstreams;
  const Looping looping;
  for (int i = 0; i < 50; ++i) {
    upstreams.push_back(pushed());
    auto caught = caught_in(looping, stream_of(upstreams.back().catcher).get());
    Reader reader(caught);
    Bell bell;
    ck_assert_status(reader.once_readable(bell.request), Status::would_block);
    bell.request.cancel();
    caught.reset();
  }
}
END_TEST

}  // namespace

int main() {
  return run_suite("gio_source",
                   {{"waiting",
                     {a_file_is_read_to_its_end, a_read_that_is_late_or_stopped_loses_no_byte,
                      a_read_with_a_deadline_wakes_for_bytes,
                      a_failure_comes_after_every_byte_and_can_be_resumed_from}},
                    {"async",
                     {a_context_reads_for_readers_that_wait_in_threads,
                      one_thread_reads_and_is_told_by_its_own_loop,
                      an_asynchronous_failure_reaches_every_reader_and_can_be_resumed_from,
                      a_catcher_goes_while_its_context_reads}}});
}
