// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A player that started at the edge just behind a key unit began with the packet after it, which
// cannot be decoded without.
#include "tests/support/churn.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

void give_packets(Upstream& upstream, std::uint64_t first, std::uint64_t end) {
  for (; first < end; ++first) upstream.give(coded_piece(Form::packets, 1, first, 1));
}

START_TEST(a_player_at_the_edge_begins_with_a_key_unit) {
  for (std::uint64_t there = 1; there <= 3 * kPacketsPerKey; ++there) {
    Element tee("catchertee");
    Upstream upstream(tee.get());
    tee.to(GST_STATE_PLAYING);
    upstream.start_stream();
    upstream.send(generation_event(1));
    upstream.set_caps(coded_caps(Form::packets, 0).c_str());
    upstream.set_segment(GST_FORMAT_TIME);
    give_packets(upstream, 0, there);

    const auto limb = Limb::of_tee(tee.get(), Form::packets);
    limb->branch().set_text("start-from", "edge");
    limb->link();
    const auto begins = [](const Judge::Standing& now) { return now.segments != 0; };
    ck_assert(limb->judge().wait_for(begins, kPatience));
    give_packets(upstream, there, there + 2 * kPacketsPerKey);

    // The judge demands that it begins with a key unit.
    const bool all_came = limb->judge().wait_for(
        [&](const Judge::Standing& now) { return now.next == there + 2 * kPacketsPerKey; },
        kPatience);
    ck_assert(all_came);
    ck_assert_uint_le(limb->judge().standing().units, 3 * kPacketsPerKey);
  }
}
END_TEST

START_TEST(where_each_packet_is_a_key_unit_the_edge_is_behind_the_last) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, "audio/x-opus");
  const auto give = [&](std::uint64_t number) {
    BufferPtr packet = pattern_buffer(number * 100, 100);
    GST_BUFFER_PTS(packet.get()) = number * kPacketTime;
    GST_BUFFER_DURATION(packet.get()) = kPacketTime;
    upstream.give(std::move(packet));
  };
  for (std::uint64_t number = 0; number < 4; ++number) give(number);

  Branch branch(tee.get());
  branch.set_text("start-from", "edge");
  branch.link();
  branch.wait_event(GST_EVENT_SEGMENT);
  give(4);
  branch.wait_buffers(1);
  ck_assert(is_pattern(branch.all_bytes(), 400));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "edge_behind_a_key_unit",
                          {{"start",
                            {a_player_at_the_edge_begins_with_a_key_unit,
                             where_each_packet_is_a_key_unit_the_edge_is_behind_the_last}}});
}
