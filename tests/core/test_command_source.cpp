// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/sources/command_source.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "core/sources/owned_fd.hpp"
#include "tests/support/check.hpp"
#include "tests/support/commands.hpp"
#include "tests/support/parked.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/scratch.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

START_TEST(what_a_command_prints_is_caught_byte_for_byte) {
  const NothingLeft nothing;
  const Folder folder;
  const auto bytes = pattern(0, 1'000'003);
  const std::string path = folder.path() + "/a b";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), std::streamsize(bytes.size()));
  Command command({"cat", path});
  std::string text;

  ck_assert_status(command.read_all(text).status, Status::end);

  ck_assert_uint_eq(text.size(), bytes.size());
  ck_assert(is_pattern(std::as_bytes(std::span(text)), 0));
  ck_assert_int_eq(command.report().exit_status().value_or(-1), 0);
  ck_assert(names(command.report().text(), "has ended after 1000003 bytes"));
}
END_TEST

START_TEST(words_come_as_they_are_and_nothing_is_there_to_read) {
  const NothingLeft nothing;
  Command command({"sh", "-c", "printf '%s|' \"$@\"; cat", "x", "a  b", "$HOME", "*", "", "it's"});
  std::string text;

  ck_assert_status(command.read_all(text).status, Status::end);

  check_text(text, "a  b|$HOME|*||it's|");
}
END_TEST

START_TEST(a_failure_comes_after_all_bytes_with_status_and_last_words) {
  const NothingLeft nothing;
  Command command = Command::script("echo one; echo what went wrong >&2; exit 3");
  std::string text;

  const ReadResult last = command.read_all(text);

  check_text(text, "one\n");
  ck_assert_status(last.status, Status::failed);
  ck_assert(last.error.category() == command_category());
  check_text(last.error.message(), "exit status 3");
  ck_assert_int_eq(command.report().exit_status().value_or(-1), 3);
  check_text(command.report().last_words(), "what went wrong\n");
  ck_assert(names(command.report().text(), "exit status 3, after 4 bytes"));
  // No second run, and no zombie while the catcher is kept.
  ck_assert(is_reaped(command.pid()));
  ck_assert_status(command.reader().catcher()->resume(), Status::ok);
  check_text(command.read_all(text).error.message(), "exit status 3");
}
END_TEST

START_TEST(a_signal_that_ends_a_command_is_named) {
  const NothingLeft nothing;
  Command command = Command::script("kill -SEGV $$");
  std::string text;

  const ReadResult last = command.read_all(text);

  ck_assert(names(last.error.message(), "signal 11"));
  ck_assert(!command.report().exit_status());
  ck_assert_int_eq(WTERMSIG(command.report().wait_status().value_or(0)), SIGSEGV);
}
END_TEST

START_TEST(a_program_that_cannot_be_run_is_named) {
  const NothingLeft nothing;
  const Folder folder;
  std::ofstream(folder.path() + "/data") << "no program";
  const auto absent = CommandSource::start({"catcher-no-such-program", "-x"});
  const auto data = CommandSource::start({folder.path() + "/data"});

  ck_assert(absent.source == nullptr);
  ck_assert(absent.error == std::errc::no_such_file_or_directory);
  ck_assert(names(absent.why, "catcher-no-such-program"));
  ck_assert(data.source == nullptr);
  ck_assert(data.error == std::errc::permission_denied);
  ck_assert(names(data.why, folder.path() + "/data"));
  ck_assert(CommandSource::start({}).error == std::errc::invalid_argument);
}
END_TEST

START_TEST(a_command_that_floods_stderr_is_caught_and_can_be_ended) {
  const NothingLeft nothing;
  {
    Command command = Command::script(
        "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i >&2; done; echo done; exit 1");
    std::string text;
    ck_assert_status(command.read_all(text).status, Status::failed);
    check_text(text, "done\n");
    ck_assert(names(command.report().last_words(), "line 20000\n"));
    ck_assert_uint_le(command.report().last_words().size(), 2048);
  }
  Command endless = Command::script("echo here; exec yes >&2");
  check_text(endless.line(), "here\n");

  endless.drop();

  ck_assert(is_reaped(endless.pid()));
}
END_TEST

// ---- waits that end

START_TEST(a_stop_and_a_deadline_end_a_wait_and_lose_nothing) {
  const NothingLeft nothing;
  const Folder folder;
  const std::string more = folder.path() + "/more";
  ck_assert_int_eq(::mkfifo(more.c_str(), 0600), 0);
  Command command = Command::script("echo here; exec cat " + more);
  Reader& reader = command.reader();
  check_text(command.line(), "here\n");
  std::byte room[10];
  std::stop_source stop;
  Parked parked;
  Status status = Status::ok;
  std::thread other([&] {
    parked.enter();
    status = reader.read(room, {Clock::now() + kPatience, stop.get_token()}).status;
  });
  parked.wait("a reader waits for a command");

  stop.request_stop();
  other.join();

  ck_assert_status(status, Status::cancelled);
  ck_assert_status(reader.read(room, Wait::none()).status, Status::would_block);
  ck_assert_status(reader.read(room, Wait::at_most(std::chrono::milliseconds(2))).status,
                   Status::timed_out);
  { std::ofstream(more) << "more\n"; }
  std::string text;
  ck_assert_status(command.read_all(text).status, Status::end);
  check_text(text, "more\n");
}
END_TEST

START_TEST(a_command_that_closes_its_output_is_waited_for) {
  const NothingLeft nothing;
  const Folder folder;
  const std::string gate = folder.path() + "/gate";
  ck_assert_int_eq(::mkfifo(gate.c_str(), 0600), 0);
  Command command = Command::script("echo here; exec >&-; read x < " + gate + "; exit 5");
  check_text(command.line(), "here\n");
  std::byte room[10];
  ck_assert_status(command.reader().read(room, Wait::at_most(std::chrono::milliseconds(2))).status,
                   Status::timed_out);
  std::stop_source stop;
  stop.request_stop();
  ck_assert_status(command.reader().read(room, {kForever, stop.get_token()}).status,
                   Status::cancelled);

  { std::ofstream(gate) << "go\n"; }
  std::string text;

  check_text(command.read_all(text).error.message(), "exit status 5");
}
END_TEST

START_TEST(a_handler_that_interrupts_calls_loses_nothing) {
  const NothingLeft nothing;
  static std::atomic<unsigned> handled{0};
  struct sigaction action {};
  action.sa_handler = [](int) { ++handled; };
  ck_assert_int_eq(::sigaction(SIGUSR1, &action, nullptr), 0);
  std::atomic<bool> over{false};
  const pthread_t self = ::pthread_self();
  std::thread disturber([&] {
    while (!over) {
      ::pthread_kill(self, SIGUSR1);
      std::this_thread::yield();
    }
  });
  Command command =
      Command::script("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done; exit 6");
  std::string text;

  const ReadResult last = command.read_all(text);

  over = true;
  disturber.join();
  check_text(last.error.message(), "exit status 6");
  std::string expected;
  for (unsigned i = 1; i <= 3000; ++i) expected += std::to_string(i) + "\n";
  ck_assert(text == expected);
  ck_assert_uint_gt(handled, 0);
}
END_TEST

// ---- processes

START_TEST(nothing_of_a_group_is_left_when_its_source_is) {
  const NothingLeft nothing;
  Command command = Command::script("echo here; sleep 1000 & sleep 1000 | cat & wait");
  command.line();
  ck_assert(has_process(command.pid()));

  command.drop();

  ck_assert(is_reaped(command.pid()));
  wait_group_gone(command.pid());
}
END_TEST

START_TEST(a_command_that_ignores_being_asked_is_made_to_end) {
  const NothingLeft nothing;
  Command command = Command::script("trap '' TERM; echo here; while :; do sleep 1000; done");
  command.line();

  command.drop();

  ck_assert(is_reaped(command.pid()));
  wait_group_gone(command.pid());
}
END_TEST

START_TEST(what_a_failed_command_leaves_running_is_ended_before_its_failure) {
  const NothingLeft nothing;
  Command command = Command::script("echo here; sleep 1000 & exit 4");
  std::string text;

  check_text(command.read_all(text).error.message(), "exit status 4");

  wait_group_gone(command.pid());
}
END_TEST

START_TEST(a_daemon_that_holds_the_output_is_not_waited_for) {
  const NothingLeft nothing;
  const Folder folder;
  const std::string gate = folder.path() + "/gate";
  ck_assert_int_eq(::mkfifo(gate.c_str(), 0600), 0);
  // In a session of its own, where only what comes through the gate ends it.
  Command command =
      Command::script("setsid sh -c 'echo daemon; read x < " + gate + "' & sleep 1000");
  check_text(command.line(), "daemon\n");

  command.drop();

  ck_assert(is_reaped(command.pid()));
  // It is alive: somebody still opens the gate to read.
  std::ofstream(gate) << "go\n";
}
END_TEST

START_TEST(a_failed_command_whose_daemon_holds_the_output_fails) {
  const NothingLeft nothing;
  const Folder folder;
  const std::string mine = folder.path() + "/mine";
  const std::string daemons = folder.path() + "/daemons";
  ck_assert_int_eq(::mkfifo(mine.c_str(), 0600), 0);
  ck_assert_int_eq(::mkfifo(daemons.c_str(), 0600), 0);
  Command command = Command::script("setsid sh -c 'echo daemon; read x < " + daemons +
                                    "' & read x < " + mine + "; exit 9");
  check_text(command.line(), "daemon\n");
  std::ofstream(mine) << "go\n";
  std::string text;

  check_text(command.read_all(text).error.message(), "exit status 9");

  std::ofstream(daemons) << "go\n";
}
END_TEST

START_TEST(a_failed_command_fails_while_its_daemon_goes_on_writing) {
  const NothingLeft nothing;
  const Folder folder;
  const std::string gate = folder.path() + "/gate";
  ck_assert_int_eq(::mkfifo(gate.c_str(), 0600), 0);
  // It fails once the daemon has a session of its own.
  auto made = CommandSource::start({"sh", "-c",
                                    "head -c 60000 /dev/zero; setsid sh -c 'echo go > " + gate +
                                        "; exec yes' & read x < " + gate + "; exit 3"});
  std::byte room[16];  // never does it find the pipe empty
  std::uint64_t zeros = 0;
  const Deadline patience = Clock::now() + kPatience;
  SourceResult got;
  do {
    got = made.source->read(room, patiently());
    zeros += static_cast<std::uint64_t>(std::count(room, room + got.bytes, std::byte{0}));
    demand(Clock::now() < patience, "it fails in time");
  } while (got.status == Status::ok);

  check_text(got.error.message(), "exit status 3");
  ck_assert_uint_eq(zeros, 60'000);
}
END_TEST

START_TEST(a_command_that_somebody_else_reaps_has_failed) {
  const NothingLeft nothing;
  Command command = Command::script("echo one; exit 3");
  // Not before it was read: reading looks at the end.
  int status = 0;
  ck_assert_int_eq(::waitpid(-1, &status, 0), command.pid());
  std::string text;

  const ReadResult last = command.read_all(text);

  check_text(text, "one\n");
  ck_assert_status(last.status, Status::failed);
  ck_assert_int_eq(last.error.value(), kEndNotKnown);
  ck_assert(names(command.report().text(), "SIGCHLD"));
}
END_TEST

START_TEST(signals_that_are_blocked_or_ignored_here_are_not_there) {
  const NothingLeft nothing;
  sigset_t term;
  sigset_t before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &term, &before);
  void (*const old)(int) = std::signal(SIGINT, SIG_IGN);
  Command command({"cat", "/proc/self/status"});
  std::string text;
  ck_assert_status(command.read_all(text).status, Status::end);
  std::signal(SIGINT, old);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  ck_assert(names(text, "SigBlk:\t0000000000000000"));
  const auto ignored = std::strtoull(text.c_str() + text.find("SigIgn:") + 7, nullptr, 16);
  // Those of the C library's own, which nobody can set, are as they were.
  ck_assert_uint_eq(ignored & ~(3ull << (32 - 1)), 0);
}
END_TEST

START_TEST(no_descriptor_of_this_process_is_there) {
  const NothingLeft nothing;
  // Not marked to be closed, as careless libraries leave them.
  const OwnedFd careless(::open("/dev/zero", O_RDONLY));
  Command command({"ls", "/proc/self/fd"});
  std::string text;

  ck_assert_status(command.read_all(text).status, Status::end);

  // The fourth is the folder that ls looks at.
  check_text(text, "0\n1\n2\n3\n");
}
END_TEST

START_TEST(a_hundred_commands_leave_nothing) {
  const NothingLeft nothing;
  for (unsigned round = 0; round < 100; ++round) {
    Command command({"echo", std::to_string(round)});
    std::string text;
    if (round % 2 == 0) ck_assert_status(command.read_all(text).status, Status::end);
  }
}
END_TEST

}  // namespace

int main() {
  return run_suite("command_source",
                   {{"output",
                     {what_a_command_prints_is_caught_byte_for_byte,
                      words_come_as_they_are_and_nothing_is_there_to_read}},
                    {"failure",
                     {a_failure_comes_after_all_bytes_with_status_and_last_words,
                      a_signal_that_ends_a_command_is_named, a_program_that_cannot_be_run_is_named,
                      a_command_that_floods_stderr_is_caught_and_can_be_ended}},
                    {"waits",
                     {a_stop_and_a_deadline_end_a_wait_and_lose_nothing,
                      a_command_that_closes_its_output_is_waited_for,
                      a_handler_that_interrupts_calls_loses_nothing}},
                    {"processes",
                     {nothing_of_a_group_is_left_when_its_source_is,
                      a_command_that_ignores_being_asked_is_made_to_end,
                      what_a_failed_command_leaves_running_is_ended_before_its_failure,
                      a_daemon_that_holds_the_output_is_not_waited_for,
                      a_failed_command_whose_daemon_holds_the_output_fails,
                      a_failed_command_fails_while_its_daemon_goes_on_writing,
                      a_command_that_somebody_else_reaps_has_failed,
                      signals_that_are_blocked_or_ignored_here_are_not_there,
                      no_descriptor_of_this_process_is_there, a_hundred_commands_leave_nothing}}});
}
