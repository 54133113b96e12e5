// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A player that waited for a recording's format when the writer was flushed sent a segment in TIME
// for it, with nothing behind, before that of what followed.
#include "tests/support/channel.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

START_TEST(a_recording_that_a_flush_cut_off_before_its_segment_is_passed_over) {
  const NothingKept end;
  Writing writer("flushed");
  writer.element.to(GST_STATE_PLAYING);
  writer.upstream.start_stream();
  Playing player("flushed");
  player.play();
  // Somebody plays it once its player is listed.
  const auto is_played = [&] {
    GstStructure* stats = writer.element.value<GstStructure*>("stats");
    const bool any = gst_value_list_get_size(gst_structure_get_value(stats, "players")) != 0;
    gst_structure_free(stats);
    return any;
  };
  const auto patience = std::chrono::steady_clock::now() + kPatience;
  while (!is_played()) {
    demand(std::chrono::steady_clock::now() < patience, "the channel is played");
    std::this_thread::yield();
  }

  writer.upstream.send(gst_event_new_flush_start());
  writer.upstream.send(gst_event_new_flush_stop(TRUE));
  writer.upstream.set_segment(GST_FORMAT_BYTES);
  writer.upstream.give_pattern(0, 10'000);
  writer.upstream.eos();

  player.branch.wait_eos();
  ck_assert_text(player.branch.story(), "stream-start segment buffer eos");
  ck_assert(is_pattern(player.branch.all_bytes(), 0));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "flush_before_the_segment",
      {{"flush", {a_recording_that_a_flush_cut_off_before_its_segment_is_passed_over}}});
}
