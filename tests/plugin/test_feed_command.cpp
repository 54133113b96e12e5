// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Commands as feeds: what they print, how they fail, and that nothing of them is left.
#include "tests/support/feeding.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

bool names(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

class Commanded : public FedPlaying {
 public:
  explicit Commanded(const std::string& command) : FedPlaying("command", command) {}
};

// Plays to the error, which comes after all bytes and before EOS.
PostedError play_to_error(Commanded& player) {
  player.play();
  const PostedError error = player.element.wait_error();
  player.branch.wait_eos();
  demand(gst_bus_pop_filtered(player.element.bus(), GST_MESSAGE_ERROR) == nullptr,
         "an error is posted once");
  return error;
}

START_TEST(what_a_command_prints_is_recorded_byte_for_byte) {
  const NothingKept end;
  const Folder folder;
  folder.write_pattern("a", 1'000'003);
  Commanded player("cat " + folder.path("a"));

  player.play();
  player.branch.wait_eos();

  ck_assert_uint_eq(player.branch.bytes(), 1'000'003);
  ck_assert(is_pattern(player.branch.all_bytes(), 0));
  player.element.demand_no_error();
}
END_TEST

START_TEST(words_are_quoted_as_for_a_shell_and_no_shell_reads_them) {
  const NothingKept end;
  Commanded player(R"(printf '%s|' 'a  b' "c'd" e\ f $HOME '*' ; ls > x)");

  player.play();
  player.branch.wait_eos();

  ck_assert_text(text_of(player.branch), "a  b|c'd|e f|$HOME|*|;|ls|>|x|");
}
END_TEST

START_TEST(a_command_has_nothing_to_read) {
  const NothingKept end;
  Commanded player("cat");

  player.play();
  player.branch.wait_eos();

  ck_assert_uint_eq(player.branch.bytes(), 0);
  player.element.demand_no_error();
}
END_TEST

START_TEST(a_failure_is_told_after_what_was_printed) {
  const NothingKept end;
  Commanded player(script("echo one; echo what went wrong >&2; exit 3"));

  const PostedError error = play_to_error(player);

  ck_assert_text(text_of(player.branch), "one\n");
  ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
  ck_assert(names(error.text, "exit status 3"));
  ck_assert(names(error.debug, "what went wrong"));
  ck_assert(names(error.debug, "After 4 bytes"));
}
END_TEST

START_TEST(a_failure_without_a_word_is_told_too) {
  const NothingKept end;
  Commanded player("false");

  const PostedError error = play_to_error(player);

  ck_assert_uint_eq(player.branch.bytes(), 0);
  ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
  ck_assert(names(error.text, "exit status 1"));
  ck_assert(names(error.debug, "nothing to stderr"));
}
END_TEST

START_TEST(each_player_is_told_and_nothing_is_kept) {
  const NothingKept end;
  const Folder folder;
  const std::string command = script("echo >> " + folder.path("runs") + "; echo here; exit 7");
  {
    Commanded first(command);
    Commanded second(command);
    first.branch.block();
    first.play();
    first.branch.wait_blocked();
    second.play();
    first.branch.unblock();
    for (Commanded* one : {&first, &second}) {
      ck_assert(names(one->element.wait_error().text, "exit status 7"));
      one->branch.wait_eos();
      ck_assert_text(text_of(one->branch), "here\n");
    }
  }
  const std::size_t runs = folder.text("runs").size();

  Commanded late(command);
  play_to_error(late);

  ck_assert_uint_eq(folder.text("runs").size(), runs + 1);
}
END_TEST

START_TEST(a_player_that_goes_back_is_not_told_again) {
  const NothingKept end;
  Commanded player(script("echo here; exit 7"));
  play_to_error(player);
  player.branch.forget();

  const guint32 seek = player.branch.seek(GST_FORMAT_BYTES, 1);
  ck_assert_uint_ne(seek, GST_SEQNUM_INVALID);
  player.branch.wait_eos();

  ck_assert_text(text_of(player.branch), "ere\n");
  player.element.demand_no_error();
}
END_TEST

START_TEST(a_signal_that_ends_a_command_is_named) {
  const NothingKept end;
  Commanded player(script("echo $$; kill -SEGV $$"));

  const PostedError error = play_to_error(player);

  ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
  ck_assert(names(error.text, "signal 11"));
}
END_TEST

START_TEST(a_command_that_somebody_kills_has_failed) {
  const NothingKept end;
  Commanded player(script("echo $$; exec sleep 1000"));
  player.play();
  const pid_t pid = printed_pid(player.branch);

  ::kill(pid, SIGKILL);

  ck_assert(names(player.element.wait_error().text, "signal 9"));
  player.branch.wait_eos();
}
END_TEST

START_TEST(only_the_end_of_what_it_complained_of_is_shown) {
  const NothingKept end;
  Commanded player(
      script("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i >&2; done; exit 1"));

  const PostedError error = play_to_error(player);

  ck_assert(names(error.debug, "line 20000\n"));
  ck_assert(!names(error.debug, "line 19000\n"));
  ck_assert_uint_lt(error.debug.size(), 4000);
}
END_TEST

START_TEST(a_command_that_is_not_there_is_told) {
  const NothingKept end;
  Commanded player("catcher-no-such-program -x");

  const PostedError error = play_to_error(player);

  ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
  ck_assert(names(error.text, "catcher-no-such-program"));
  ck_assert(names(error.debug, "PATH"));
}
END_TEST

START_TEST(a_file_that_is_no_program_is_told) {
  const NothingKept end;
  const Folder folder;
  folder.write_pattern("data", 100);
  Commanded player(folder.path("data"));

  const PostedError error = play_to_error(player);

  ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ));
  ck_assert(names(error.text, folder.path("data")));
}
END_TEST

// ---- processes

START_TEST(nothing_of_a_group_is_left_when_its_feed_is) {
  const NothingKept end;
  Commanded player(script("echo $$; sleep 1000 & sleep 1000 | cat & wait"));
  player.play();
  const pid_t group = printed_pid(player.branch);
  ck_assert(has_process(group));

  player.element.settle(GST_STATE_READY);

  ck_assert(is_reaped(group));
  wait_group_gone(group);
}
END_TEST

START_TEST(a_command_that_does_not_want_to_end_is_made_to) {
  const NothingKept end;
  Commanded player(script("trap \"\" TERM; echo $$; while :; do sleep 1000; done"));
  player.play();
  const pid_t group = printed_pid(player.branch);

  player.element.settle(GST_STATE_READY);

  ck_assert(is_reaped(group));
  wait_group_gone(group);
}
END_TEST

START_TEST(what_a_command_leaves_running_goes_on_printing_and_ends_with_the_feed) {
  const NothingKept end;
  const Folder folder;
  ck_assert_int_eq(::mkfifo(folder.path("more").c_str(), 0600), 0);
  Commanded player(script("echo $$; (cat " + folder.path("more") + "; exec sleep 1000) & exit 0"));
  player.play();
  const pid_t group = printed_pid(player.branch);
  const auto before = player.branch.bytes();

  const int fifo = ::open(folder.path("more").c_str(), O_WRONLY | O_CLOEXEC);
  ck_assert_int_eq(::write(fifo, "more", 4), 4);
  ::close(fifo);
  player.branch.wait_bytes(before + 4);
  player.element.settle(GST_STATE_READY);

  ck_assert(is_reaped(group));
  wait_group_gone(group);
  player.element.demand_no_error();
}
END_TEST

START_TEST(what_a_failed_command_leaves_running_is_ended) {
  const NothingKept end;
  Commanded player(script("echo $$; sleep 1000 & exit 4"));

  const PostedError error = play_to_error(player);

  ck_assert(names(error.text, "exit status 4"));
  wait_group_gone(printed_pid(player.branch));
}
END_TEST

START_TEST(a_command_that_closes_its_output_is_waited_for) {
  const NothingKept end;
  Commanded player(script("echo here; exec >&-; sleep 0.3; exit 5"));

  const PostedError error = play_to_error(player);

  ck_assert_text(text_of(player.branch), "here\n");
  ck_assert(names(error.text, "exit status 5"));
}
END_TEST

START_TEST(a_command_whose_printing_waits_for_players_can_be_ended) {
  const NothingKept end;
  Commanded player(script("echo $$; exec cat /dev/zero"));
  player.element.set("read-ahead-bytes", guint64{100'000});
  player.branch.admit(1);
  player.play();
  const pid_t group = printed_pid(player.branch);
  player.branch.wait_blocked();

  player.branch.unblock();
  player.element.settle(GST_STATE_READY);

  ck_assert(is_reaped(group));
}
END_TEST

START_TEST(a_command_that_complains_without_end_can_be_ended) {
  const NothingKept end;
  Commanded player(script("echo $$; exec yes >&2"));
  player.play();
  const pid_t pid = printed_pid(player.branch);

  player.element.to(GST_STATE_NULL);

  wait_group_gone(pid);
  ck_assert(is_reaped(pid));
}
END_TEST

START_TEST(a_command_whose_end_is_not_known_has_failed) {
  const NothingKept end;
  struct sigaction before {};
  struct sigaction ignored {};
  ignored.sa_handler = SIG_IGN;
  demand(::sigaction(SIGCHLD, &ignored, &before) == 0, "a signal can be ignored");
  PostedError error;
  {
    Commanded player(script("echo one; exit 3"));
    error = play_to_error(player);
    ck_assert_text(text_of(player.branch), "one\n");
  }
  ::sigaction(SIGCHLD, &before, nullptr);

  ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
  ck_assert(names(error.text, "not known"));
  ck_assert(names(error.debug, "SIGCHLD"));
}
END_TEST

START_TEST(signals_that_this_process_blocks_reach_a_command) {
  const NothingKept end;
  sigset_t term;
  sigset_t before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &term, &before);
  const Folder folder;
  Commanded player(script("trap \"echo ended > " + folder.path("end") +
                          "; exit 0\" TERM; echo $$; while :; do sleep 0.01; done"));
  player.play();
  printed_pid(player.branch);

  player.element.settle(GST_STATE_READY);

  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ck_assert_text(folder.text("end"), "ended\n");
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "feed_command",
      {{"output",
        {what_a_command_prints_is_recorded_byte_for_byte,
         words_are_quoted_as_for_a_shell_and_no_shell_reads_them, a_command_has_nothing_to_read}},
       {"failure",
        {a_failure_is_told_after_what_was_printed, a_failure_without_a_word_is_told_too,
         each_player_is_told_and_nothing_is_kept, a_player_that_goes_back_is_not_told_again,
         a_signal_that_ends_a_command_is_named, a_command_that_somebody_kills_has_failed,
         only_the_end_of_what_it_complained_of_is_shown, a_command_that_is_not_there_is_told,
         a_file_that_is_no_program_is_told}},
       {"processes",
        {nothing_of_a_group_is_left_when_its_feed_is,
         a_command_that_does_not_want_to_end_is_made_to,
         what_a_command_leaves_running_goes_on_printing_and_ends_with_the_feed,
         what_a_failed_command_leaves_running_is_ended,
         a_command_that_closes_its_output_is_waited_for,
         a_command_whose_printing_waits_for_players_can_be_ended,
         signals_that_this_process_blocks_reach_a_command,
         a_command_that_complains_without_end_can_be_ended,
         a_command_whose_end_is_not_known_has_failed}}});
}
