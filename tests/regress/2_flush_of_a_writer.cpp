// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A writer that is flushed goes on in another recording under the same name. To a catchersrc the
// first one just ended: it sent EOS, and its pipeline ended although the writer went on.
#include "tests/support/channel.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kAfter = 50'000;  // where the pattern goes on after the flush

void flush(Upstream& upstream) {
  upstream.send(gst_event_new_flush_start());
  upstream.send(gst_event_new_flush_stop(FALSE));
  upstream.set_segment(GST_FORMAT_BYTES);
}

// What was played: what came before the flush, in full, and what came after it.
void check_both(Playing& player, std::uint64_t before) {
  player.branch.wait_eos();
  const std::vector<std::byte> all = player.branch.all_bytes();
  ck_assert_uint_eq(all.size(), before + 1000);
  ck_assert(is_pattern(std::span(all).first(before), 0));
  ck_assert(is_pattern(std::span(all).subspan(before), kAfter));
  ck_assert_uint_eq(player.branch.count(GST_EVENT_EOS), 1);
  ck_assert_uint_eq(player.branch.count(GST_EVENT_SEGMENT), 2);
  player.element.demand_no_error();
}

START_TEST(a_player_at_the_edge_goes_on_with_what_comes_after_the_flush) {
  const NothingKept end;
  Writing writer("flushed");
  writer.begin();
  writer.upstream.give_pattern(0, 1000);
  Playing player("flushed");
  player.play();
  player.branch.wait_bytes(1000);

  flush(writer.upstream);
  writer.upstream.give_pattern(kAfter, 1000);
  writer.upstream.eos();

  check_both(player, 1000);
}
END_TEST

START_TEST(a_player_behind_the_edge_first_plays_what_came_before_the_flush) {
  const NothingKept end;
  Writing writer("flushed");
  writer.begin();
  writer.upstream.give_pattern(0, 100'000);
  Playing player("flushed");
  player.branch.admit(1);
  player.play();
  player.branch.wait_blocked();

  flush(writer.upstream);
  writer.upstream.give_pattern(kAfter, 1000);
  writer.upstream.eos();
  player.branch.unblock();

  check_both(player, 100'000);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "2_flush_of_a_writer",
                          {{"flush",
                            {a_player_at_the_edge_goes_on_with_what_comes_after_the_flush,
                             a_player_behind_the_edge_first_plays_what_came_before_the_flush}}});
}
