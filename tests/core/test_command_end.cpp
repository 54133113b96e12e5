// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The end of commands that cannot be ended: kill() is this file's own.
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "tests/support/check.hpp"
#include "tests/support/commands.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/scratch.hpp"

namespace {

std::atomic<bool> is_refused{false};

}  // namespace

// As to a process that has become another user. In place of the C library's.
extern "C" int kill(pid_t pid, int number) noexcept {
  if (is_refused && number != 0) {
    errno = EPERM;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_kill, pid, number));
}

namespace {

using namespace catcher;
using namespace catcher::test;

// Until this process's child is dead, which it stays.
void wait_dead(pid_t pid) {
  const Deadline patience = Clock::now() + kPatience;
  siginfo_t info{};
  while (info.si_pid == 0) {
    demand(Clock::now() < patience, "a child ends");
    demand(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0,
           "nobody has reaped it");
    std::this_thread::yield();
  }
}

START_TEST(a_command_that_may_not_be_signalled_ends_when_nobody_reads) {
  for (const char* where : {"", " >&2"}) {
    const NothingLeft nothing;
    Command command = Command::script(std::string("echo here; exec yes") + where);
    check_text(command.line(), "here\n");

    is_refused = true;
    command.drop();
    is_refused = false;

    ck_assert(is_reaped(command.pid()));
  }
}
END_TEST

START_TEST(a_command_that_goes_on_whatever_comes_is_left_and_reaped_later) {
  const NothingLeft nothing;
  const Folder folder;
  const std::string gate = folder.path() + "/gate";
  ck_assert_int_eq(::mkfifo(gate.c_str(), 0600), 0);
  Command command = Command::script("echo here; read x < " + gate);
  check_text(command.line(), "here\n");

  is_refused = true;
  command.drop();
  is_refused = false;

  // It is alive: it opens the gate.
  std::ofstream(gate) << "go\n";
  wait_dead(command.pid());
  Command another({"true"});
  ck_assert(is_reaped(command.pid()));
}
END_TEST

}  // namespace

int main() {
  return run_suite("command_end",
                   {{"refused",
                     {a_command_that_may_not_be_signalled_ends_when_nobody_reads,
                      a_command_that_goes_on_whatever_comes_is_left_and_reaped_later}}});
}
