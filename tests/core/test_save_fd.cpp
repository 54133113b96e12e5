// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Saving to a descriptor, and what becomes of the window meanwhile.
#include "core/save.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

#include <csignal>

#include "core/sources/owned_fd.hpp"
#include "tests/support/check.hpp"
#include "tests/support/parked.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/saving.hpp"
#include "tests/support/scratch.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

struct Pipe {
  OwnedFd reader, writer;

  explicit Pipe(bool is_socket = false) {
    int ends[2];
    demand((is_socket ? ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)
                      : ::pipe2(ends, O_CLOEXEC)) == 0,
           "there are two ends");
    reader = OwnedFd(ends[0]);
    writer = OwnedFd(ends[1]);
  }
  // Reads what should be the pattern until nobody writes any more.
  std::uint64_t drain(std::uint64_t offset) const {
    std::vector<std::byte> room(5000);
    for (;;) {
      const ssize_t got = ::read(reader.get(), room.data(), room.size());
      if (got < 0 && errno == EINTR) continue;
      demand(got >= 0, "a pipe can be read");
      if (got == 0) return offset;
      demand_pattern(std::span(room).first(static_cast<std::size_t>(got)), offset);
      offset += static_cast<std::uint64_t>(got);
    }
  }
};

START_TEST(a_range_goes_to_whatever_is_open) {
  for (const bool is_socket : {false, true}) {
    Pipe pipe(is_socket);
    const Stream stream(1'000'003);
    std::uint64_t drained = 0;
    std::thread other([&] { drained = pipe.drain(3); });

    const SaveResult result = save(stream.catcher, 3, 1'000'003, pipe.writer.get(), patiently());

    ck_assert_status(result.status, Status::ok);
    ck_assert_uint_eq(result.bytes, 1'000'000);
    pipe.writer.close();
    other.join();
    ck_assert_uint_eq(drained, 1'000'003);
  }
}
END_TEST

START_TEST(a_file_that_is_open_is_appended_to) {
  const Folder folder;
  const std::string path = folder.path() + "/a";
  const OwnedFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const Stream stream(1000);

  ck_assert_status(save(stream.catcher, 0, 400, file.get()).status, Status::ok);
  ck_assert_status(save(stream.catcher, 400, 1000, file.get()).status, Status::ok);

  ck_assert(is_pattern(content(path), 0));
}
END_TEST

START_TEST(a_range_outlives_the_window_that_it_was_in) {
  const NothingLeft nothing;
  Stream stream(kWindow, window());
  Pipe pipe;
  // Of a page, so that what is saved cannot all be in it.
  ck_assert_int_ge(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, 4096), 4096);
  const Window range{kWindow / 64, kWindow - 5};
  Parked parked;
  SaveResult result;
  std::thread saver([&] {
    parked.enter();
    result = save(stream.catcher, range.begin, range.end, pipe.writer.get(), patiently());
    pipe.writer.close();
  });
  parked.wait("a save waits for a pipe");

  stream.write(5 * kWindow);
  const std::uint64_t most = stream.catcher->stats().bytes_allocated;
  const std::uint64_t drained = pipe.drain(range.begin);
  saver.join();

  ck_assert_uint_gt(stream.catcher->window().begin, range.end);
  ck_assert_status(result.status, Status::ok);
  ck_assert_uint_eq(drained, range.end);
  // The window and the range while it is written, then the window alone.
  ck_assert_uint_le(most, 2 * kWindow);
  stream.write(kWindow / 64);  // the appender takes back what came free
  ck_assert_uint_le(stream.catcher->stats().bytes_allocated, kWindow);
}
END_TEST

START_TEST(a_window_overtakes_what_follows_it_too_slowly) {
  Stream stream(0, window());
  Pipe pipe;
  ck_assert_int_ge(::fcntl(pipe.writer.get(), F_SETPIPE_SZ, 4096), 4096);
  Parked parked;
  SaveResult result;
  std::thread saver([&] {
    parked.enter();
    result = save(stream.catcher, 0, kToEnd, pipe.writer.get(), patiently());
    pipe.writer.close();
  });
  parked.wait("a save waits for bytes");
  stream.write(8000);
  parked.wait("a save waits for a pipe");
  stream.write(5 * kWindow);

  const std::uint64_t drained = pipe.drain(0);
  saver.join();

  ck_assert_status(result.status, Status::evicted);
  ck_assert_uint_eq(result.bytes, drained);
  ck_assert_uint_gt(result.window.begin, drained);
}
END_TEST

START_TEST(a_wait_for_room_can_be_ended) {
  for (const bool is_socket : {false, true}) {
    Pipe pipe(is_socket);
    const Stream stream(4'000'000);
    const auto some = [&](const Wait& wait) {
      return save(stream.catcher, 0, 4'000'000, pipe.writer.get(), wait);
    };
    const SaveResult looked = some(Wait::none());
    ck_assert_status(looked.status, Status::would_block);
    ck_assert_uint_gt(looked.bytes, 0);
    ck_assert_status(some(Wait::at_most(std::chrono::milliseconds(2))).status, Status::timed_out);
    std::stop_source stop;
    Parked parked;
    SaveResult result;
    std::thread saver([&] {
      parked.enter();
      result = some({Clock::now() + kPatience, stop.get_token()});
    });
    parked.wait("a save waits for room");
    stop.request_stop();
    saver.join();
    ck_assert_status(result.status, Status::cancelled);
  }
}
END_TEST

START_TEST(a_pipe_that_nobody_reads_is_an_error_and_no_signal) {
  for (const bool is_socket : {false, true}) {
    Pipe pipe(is_socket);
    pipe.reader.close();
    const Stream stream(1000);
    std::signal(SIGPIPE, SIG_DFL);  // which ends the process

    const SaveResult result = save(stream.catcher, 0, 1000, pipe.writer.get());

    ck_assert_status(result.status, Status::failed);
    ck_assert(result.error == std::errc::broken_pipe);
    sigset_t blocked;
    ck_assert_int_eq(::pthread_sigmask(SIG_SETMASK, nullptr, &blocked), 0);
    ck_assert_int_eq(sigismember(&blocked, SIGPIPE), 0);
  }
}
END_TEST

START_TEST(a_device_that_is_full_is_an_error) {
  const OwnedFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  const Stream stream(1000);

  ck_assert(save(stream.catcher, 0, 1000, full.get()).error == std::errc::no_space_on_device);
  ck_assert(save(stream.catcher, 0, 1000, -1).error == std::errc::bad_file_descriptor);
}
END_TEST

START_TEST(a_handler_that_interrupts_calls_loses_nothing) {
  static std::atomic<unsigned> handled{0};
  struct sigaction action {};
  action.sa_handler = [](int) { ++handled; };
  ck_assert_int_eq(::sigaction(SIGUSR1, &action, nullptr), 0);
  Pipe pipe;
  const Stream stream(3'000'000);
  std::atomic<bool> over{false};
  std::uint64_t drained = 0;
  SaveResult result;
  std::thread saver([&] {
    result = save(stream.catcher, 0, 3'000'000, pipe.writer.get(), patiently());
    pipe.writer.close();
    over = true;
  });
  std::thread disturber([&] {
    while (!over) ::pthread_kill(saver.native_handle(), SIGUSR1);
  });

  drained = pipe.drain(0);
  disturber.join();
  saver.join();

  ck_assert_status(result.status, Status::ok);
  ck_assert_uint_eq(drained, 3'000'000);
  ck_assert_uint_gt(handled, 0);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "save_fd",
      {{"descriptor",
        {a_range_goes_to_whatever_is_open, a_file_that_is_open_is_appended_to,
         a_pipe_that_nobody_reads_is_an_error_and_no_signal, a_device_that_is_full_is_an_error}},
       {"window",
        {a_range_outlives_the_window_that_it_was_in,
         a_window_overtakes_what_follows_it_too_slowly}},
       {"waits", {a_wait_for_room_can_be_ended, a_handler_that_interrupts_calls_loses_nothing}}});
}
