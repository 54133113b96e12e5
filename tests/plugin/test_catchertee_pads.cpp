// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Pads that come and go, states, and both at once with everything else.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/follower.hpp"
#include "tests/support/stress.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;

START_TEST(states_are_walked_many_times) {
  const Audio audio = coded_audio(20'000, kRate);
  Element tee("catchertee");
  Upstream upstream(tee.get());
  for (int round = 0; round < 5; ++round) {
    const Follower follower(audio);
    Branch branch(tee.get());
    branch.looks(follower).link();
    for (const GstState state : {GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING}) {
      tee.settle(state);
    }
    ck_assert_uint_eq(tee.value<guint64>("current-level-bytes"), 0);
    upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
    give_frames(upstream, 0, audio.frames(), kRate);
    if (round % 2 == 0) upstream.eos();
    branch.wait_bytes(audio.bytes.size());
    for (const GstState state : {GST_STATE_PAUSED, GST_STATE_READY, GST_STATE_NULL}) {
      tee.settle(state);
    }
    ck_assert_uint_eq(follower.total(), audio.frames());
  }
  tee.demand_no_error();
}
END_TEST

START_TEST(a_branch_that_stays_begins_again_after_ready) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  for (const std::uint64_t offset : {0, 50'000}) {
    tee.to(GST_STATE_PLAYING);
    branch.forget();
    upstream.begin(GST_FORMAT_BYTES);
    upstream.give_pattern(offset, 10'000);
    upstream.eos();
    branch.wait_eos();
    ck_assert(is_pattern(branch.all_bytes(), offset));
    ck_assert_uint_eq(branch.bytes(), 10'000);
    tee.to(GST_STATE_READY);
  }
}
END_TEST

START_TEST(a_pad_is_released_while_downstream_blocks) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch blocked(tee.get()), sibling(tee.get());
  blocked.block();
  blocked.link();
  sibling.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  blocked.wait_blocked();

  blocked.release();

  upstream.give_pattern(10'000, 10'000);
  upstream.eos();
  sibling.wait_eos();
  ck_assert_uint_eq(sibling.bytes(), 20'000);
  ck_assert_text(blocked.story(), "stream-start segment flush-start flush-stop");
}
END_TEST

START_TEST(a_branch_that_blocks_does_not_hold_up_ready) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch blocked(tee.get());
  blocked.admit(1);
  blocked.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 200'000);
  blocked.wait_blocked();

  // Downstream goes first, as in a pipeline.
  gst_pad_send_event(blocked.sink(), gst_event_new_flush_start());
  tee.to(GST_STATE_READY);
  ck_assert_uint_eq(blocked.buffers(), 1);
}
END_TEST

START_TEST(names_are_kept_and_given_once) {
  Element tee("catchertee");
  Branch five(tee.get(), "src_5"), next(tee.get());
  const TextPtr name(gst_pad_get_name(next.src()));
  ck_assert_str_eq(name.get(), "src_6");
  ASSERT_CRITICAL(ck_assert(gst_element_request_pad_simple(tee.get(), "src_5") == nullptr));
}
END_TEST

START_TEST(a_tee_without_branches_takes_all) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 100'000);
  ck_assert_uint_eq(tee.value<guint64>("current-level-bytes"), 100'000);
}
END_TEST

// Each in a thread of its own: branches come, seek, go, block, are unlinked and linked again.
void come_and_go(Element& tee, const Audio& audio, Random random, const std::atomic<bool>& stop) {
  while (!stop) {
    const Follower follower(audio);
    Branch branch(tee.get());
    branch.looks(follower).keeps_none();
    if (random.one_in(4)) branch.set_text("start-from", "edge");
    if (random.one_in(4)) branch.admit(random.below(3));
    branch.link();
    for (std::uint64_t deeds = random.below(6); deeds-- > 0;) {
      switch (random.below(5)) {
        case 0: branch.seek(GST_FORMAT_TIME, random.below(GST_SECOND)); break;
        case 1: branch.seek(GST_FORMAT_TIME, 0, GST_SEEK_FLAG_KEY_UNIT); break;
        case 2: branch.admit(random.below(10)); break;
        case 3:
          branch.unlink();
          branch.link();
          break;
        default: {
          gint64 place = 0;
          gst_pad_peer_query_position(branch.sink(), GST_FORMAT_TIME, &place);
          GstStructure* stats = tee.value<GstStructure*>("stats");
          if (stats != nullptr) gst_structure_free(stats);
          break;
        }
      }
    }
    if (random.one_in(2)) branch.release();
  }
}

START_TEST(pads_come_and_go_while_it_streams) {
  const Audio audio = coded_audio(1'000'000, kRate);
  const auto round = [&](std::size_t kind, Random& random) {
    Element tee("catchertee");
    if (kind == 1) tee.set("max-size-bytes", guint64{1 << 18});
    Upstream upstream(tee.get());
    const Follower follower(audio);
    Branch steady(tee.get());
    steady.looks(follower).keeps_none().link();
    tee.to(GST_STATE_PLAYING);
    std::atomic<bool> stop = false;
    {
      std::vector<std::jthread> threads;
      for (int number = 0; number < 3; ++number) {
        threads.emplace_back(
            [&, own = Random(random.fork())] { come_and_go(tee, audio, own, stop); });
      }
      upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
      give_frames(upstream, 0, kind == 1 ? audio.frames() : 100'000, kRate, random.up_to(2000));
      upstream.eos();
      steady.wait_eos();
      stop = true;
    }
    if (kind == 0) ck_assert_uint_eq(follower.total(), 100'000);
  };
  stress(2, round);
}
END_TEST

START_TEST(states_change_while_all_goes_on) {
  const Audio audio = coded_audio(1'000'000, kRate);
  stress(1, [&](std::size_t, Random& random) {
    Element tee("catchertee");
    Upstream upstream(tee.get());
    std::atomic<bool> stop = false;
    tee.to(GST_STATE_PLAYING);
    std::vector<std::jthread> threads;
    for (int number = 0; number < 2; ++number) {
      threads.emplace_back(
          [&, own = Random(random.fork())] { come_and_go(tee, audio, own, stop); });
    }
    for (int walks = 0; walks < 10; ++walks) {
      std::jthread feeder([&] {
        upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
        for (std::uint64_t frame = 0; frame < audio.frames(); frame += 1000) {
          if (upstream.push(frames(frame, 1000, kRate)) != GST_FLOW_OK) return;
        }
      });
      for (const GstState state : {GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED}) {
        tee.to(state);
      }
      tee.to(random.one_in(2) ? GST_STATE_READY : GST_STATE_NULL);
      feeder.join();
      tee.to(GST_STATE_PLAYING);
    }
    stop = true;
  });
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_pads",
      {{"states",
        {states_are_walked_many_times, a_branch_that_stays_begins_again_after_ready,
         a_branch_that_blocks_does_not_hold_up_ready}},
       {"pads",
        {a_pad_is_released_while_downstream_blocks, names_are_kept_and_given_once,
         a_tee_without_branches_takes_all}},
       {"churn", {pads_come_and_go_while_it_streams, states_change_while_all_goes_on}}});
}
