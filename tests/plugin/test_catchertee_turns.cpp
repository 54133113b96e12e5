// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A branch that turns round: where it stands, with or without a flush, and the running time goes
// on.
#include "tests/support/channel.hpp"

#include "tests/support/plugin_check.hpp"
#include "tests/support/reverse.hpp"

namespace {

using namespace catcher::test;

START_TEST(it_turns_round_where_it_is) {
  for (const int flush : {0, static_cast<int>(GST_SEEK_FLAG_FLUSH)}) {
    Caught caught;
    caught.all();
    caught.branch.looks([&](const Arrival&) {
      if (caught.branch.buffers() != 3) return GST_FLOW_OK;
      // On the streaming thread, so that it is known where it stands.
      demand(seek_rate(caught.branch, -1, flush) != GST_SEQNUM_INVALID, "it can turn");
      return GST_FLOW_OK;
    });
    caught.back(1, time_of(kRate), kOpen);
    caught.branch.wait_eos();

    std::vector<Arrival> there, back;
    for (Arrival& one : caught.branch.arrivals()) {
      if (one.buffer == nullptr) continue;
      (one.segment.rate > 0 ? there : back).push_back(std::move(one));
    }
    ck_assert_uint_eq(there.size(), 4);
    const std::uint64_t turn =
        first_frame(back.front().buffer.get()) + frame_count(back.front().buffer.get());
    demand_backwards(back, kRate, turn, kRate);
    if (flush != 0) continue;
    ck_assert_uint_eq(
        turn, first_frame(there.back().buffer.get()) + frame_count(there.back().buffer.get()));
  }
}
END_TEST

START_TEST(there_and_back_and_there_again) {
  Caught caught;
  caught.all();
  unsigned pieces = 0;
  caught.branch.looks([&](const Arrival&) {
    constexpr double kRates[] = {-1.0, 2.0, -2.0, 1.0};
    const unsigned turn = pieces++ / 3;
    if (pieces % 3 == 0 && turn < 4) {
      // On the streaming thread, so that it is known where it stands.
      demand(seek_rate(caught.branch, kRates[turn], 0) != GST_SEQNUM_INVALID, "it can turn");
    }
    return GST_FLOW_OK;
  });
  caught.back(1, 0, kOpen);
  caught.branch.wait_eos();

  // Each goes on where the one before stands, in running time and in stream time.
  std::optional<Arrival> before;
  std::uint64_t turns = 0;
  for (Arrival& one : caught.branch.arrivals()) {
    if (one.buffer == nullptr) continue;
    if (before) {
      ck_assert_uint_eq(rendered_at(one), rendered_until(*before));
      const bool was_back = before->segment.rate < 0, is_back = one.segment.rate < 0;
      const std::uint64_t left =
          first_frame(before->buffer.get()) + (was_back ? 0 : frame_count(before->buffer.get()));
      const std::uint64_t goes_on =
          first_frame(one.buffer.get()) + (is_back ? frame_count(one.buffer.get()) : 0);
      ck_assert_uint_eq(goes_on, left);
      if (was_back != is_back) ++turns;
    }
    before = std::move(one);
  }
  ck_assert_uint_eq(turns, 4);
  // Its stop was the edge only while it went back.
  ck_assert_uint_eq(before->segment.stop, GST_CLOCK_TIME_NONE);
  ck_assert_uint_eq(first_frame(before->buffer.get()) + frame_count(before->buffer.get()), kFrames);
}
END_TEST

START_TEST(a_branch_without_a_peer_goes_on_backwards) {
  Caught caught;
  caught.all();
  caught.branch.admit(3);
  caught.back(-1, 0, time_of(kFrames));
  caught.branch.wait_blocked();
  caught.branch.answer(GST_FLOW_NOT_LINKED);
  caught.branch.unblock();
  caught.branch.unlink();
  caught.branch.answer(GST_FLOW_OK);
  caught.branch.link();
  caught.branch.wait_eos();

  std::vector<Arrival> all;
  for (Arrival& one : caught.branch.arrivals()) {
    if (one.buffer != nullptr) all.push_back(std::move(one));
  }
  demand_backwards(all, 0, kFrames, kRate);
}
END_TEST

START_TEST(catchersrc_goes_backwards_and_resets_the_time) {
  const NothingKept end;
  Writing writer("reverse");
  writer.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(writer.upstream, 0, kFrames, kRate);
  writer.upstream.eos();
  Playing player("reverse");
  player.play().branch.wait_eos();
  player.branch.forget();

  const guint32 seqnum =
      seek_rate(player.branch, -1, GST_SEEK_FLAG_FLUSH, time_of(10), time_of(kFrames));
  player.branch.wait_eos();
  const auto buffers = buffers_of(player.branch, seqnum);
  demand_backwards(buffers, 10, kFrames, kRate);
  ck_assert_uint_eq(buffers.front().segment.base, 0);
  gboolean resets = FALSE;
  gst_event_parse_flush_stop(player.branch.last_event(GST_EVENT_FLUSH_STOP).get(), &resets);
  ck_assert(resets);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "catchertee_turns",
                          {{"turns",
                            {it_turns_round_where_it_is, there_and_back_and_there_again,
                             a_branch_without_a_peer_goes_on_backwards,
                             catchersrc_goes_backwards_and_resets_the_time}}});
}
