// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A seek without FLUSH on a branch that had sent EOS was answered TRUE and came to nothing: a pad
// takes no event behind its EOS but STREAM_START. What it had refused was taken for sent, so that
// after the next seek data came in the caps of another place.
#include "tests/support/churn.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kEra = units_per_era(Form::frames);

class Played {
 public:
  Played() : tee("catchertee"), upstream(tee.get()), limb(Limb::of_tee(tee.get(), Form::frames)) {
    limb->link();
    tee.to(GST_STATE_PLAYING);
    upstream.start_stream();
    upstream.send(generation_event(1));
    for (std::uint64_t first = 0; first < 2 * kEra; first += 1000) {
      if (first % kEra == 0) upstream.set_caps(coded_caps(Form::frames, first).c_str());
      if (first == 0) upstream.set_segment(GST_FORMAT_TIME);
      upstream.give(coded_piece(Form::frames, 1, first, 1000));
    }
    upstream.eos();
    wait_end(2 * kEra);
  }
  // Until so many units have come in all, and then EOS.
  void wait_end(std::uint64_t units) {
    demand(limb->judge().wait_for(
               [&](const Judge::Standing& now) {
                 return now.ended && now.next == 2 * kEra && now.units == units;
               },
               kPatience),
           "the end comes after all that was asked for", limb->judge().standing().units);
  }
  void seek(GstSeekFlags flags, std::uint64_t unit) {
    demand(limb->seek(gst_event_new_seek(1.0, GST_FORMAT_TIME, flags, GST_SEEK_TYPE_SET,
                                         static_cast<gint64>(place_of_unit(Form::frames, unit)),
                                         GST_SEEK_TYPE_NONE, -1)),
           "a seek is carried out");
  }

  Element tee;
  Upstream upstream;
  std::unique_ptr<Limb> limb;
};

START_TEST(a_seek_without_flush_after_the_end_plays_again) {
  Played played;
  played.seek(GST_SEEK_FLAG_NONE, 0);
  played.wait_end(4 * kEra);
  played.seek(GST_SEEK_FLAG_NONE, kEra / 2);
  played.wait_end(5 * kEra + kEra / 2);
}
END_TEST

START_TEST(a_flush_after_it_finds_the_caps_of_its_place) {
  Played played;
  played.seek(GST_SEEK_FLAG_NONE, 0);
  played.seek(GST_SEEK_FLAG_FLUSH, kEra / 2);
  played.limb->branch().wait("the end comes",
                             [&] { return played.limb->judge().standing().ended; });
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "seek_without_flush_after_the_end",
                          {{"seek",
                            {a_seek_without_flush_after_the_end_plays_again,
                             a_flush_after_it_finds_the_caps_of_its_place}}});
}
