// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A player that the window had passed could still read on in the chunk that it held, where the
// events had gone: it played data in the caps of another place.
#include "tests/support/churn.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

START_TEST(data_that_is_no_longer_kept_is_not_played_without_its_caps) {
  constexpr std::uint64_t kEra = units_per_era(Form::frames);
  constexpr std::uint64_t kWindow = 16 << 20;
  constexpr std::uint64_t kChunk = 256 * 1024;  // caps change within
  static_assert(kEra * kFrame < kChunk);
  Element tee("catchertee");
  tee.set("max-size-bytes", guint64{kWindow});
  tee.set("chunk-size", guint64{kChunk});
  tee.set_text("growth", "constant");
  Upstream upstream(tee.get());
  const auto limb = Limb::of_tee(tee.get(), Form::frames);
  limb->branch().block();
  limb->link();
  tee.to(GST_STATE_PLAYING);
  upstream.start_stream();
  upstream.send(generation_event(1));
  const std::uint64_t end = 2 * kWindow / kFrame / kEra * kEra;
  const auto give = [&](std::uint64_t first) {
    if (first % kEra == 0) upstream.set_caps(coded_caps(Form::frames, first).c_str());
    if (first == 0) upstream.set_segment(GST_FORMAT_TIME);
    upstream.give(coded_piece(Form::frames, 1, first, 10'000));
  };
  for (std::uint64_t first = 0; first < end; first += 10'000) {
    give(first);
    if (first == 60'000) limb->branch().wait_blocked();
  }
  upstream.eos();

  limb->branch().unblock();

  // The judge looks at the caps of all that comes.
  ck_assert(limb->judge().wait_for(
      [&](const Judge::Standing& now) { return now.ended && now.next == end; }, kPatience));
  ck_assert_uint_ge(limb->judge().standing().segments, 2);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "events_of_an_evicted_place",
      {{"window", {data_that_is_no_longer_kept_is_not_played_without_its_caps}}});
}
