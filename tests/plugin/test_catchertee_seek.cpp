// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Seeks in raw audio while it arrives: every sample is the one that was asked for, and who does
// not seek notices nothing. Once with a real track through a real decoder, once with coded frames.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/follower.hpp"
#include "tests/support/piped_track.hpp"
#include "tests/support/stress.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kSeekers = 3;
constexpr unsigned kSeeks = 100;

GstClockTime caught_until(Branch& branch) {
  const QueryPtr query(gst_query_new_seeking(GST_FORMAT_TIME));
  gboolean seekable = FALSE;
  gint64 start = -1;
  gint64 end = -1;
  if (!branch.query(query)) return 0;
  gst_query_parse_seeking(query.get(), nullptr, &seekable, &start, &end);
  if (!seekable || end < 0) return 0;
  demand(start == 0, "nothing is evicted", static_cast<std::uint64_t>(start));
  return static_cast<GstClockTime>(end);
}

// One branch's seeks; each lets more of the stream come.
void seek_about(Branch& branch, const Follower& follower, const Audio& audio, Random random,
                Gate& more) {
  branch.wait_buffers(1);
  for (unsigned done = 0; done < kSeeks; ++done) {
    const GstClockTime target = random.below(caught_until(branch));
    const guint32 seqnum = branch.seek(GST_FORMAT_TIME, target);
    demand(seqnum != GST_SEQNUM_INVALID, "a seek into what was caught is taken", target);
    branch.wait_after(seqnum);
    demand(follower.first_of(seqnum) == frame_at(target, audio.rate),
           "the first sample is the one that was asked for", target);
    more.open();
  }
}

// Three branches seek about in `audio`, which upstream sends a piece of at each pass of `more`, and
// ends after kSeekers * kSeeks of them. The pads are there before it begins.
template <class Begin>
void check_seeks(GstElement* tee, const Audio& audio, Gate& more, const Begin& begin) {
  Random random(stress_seed());
  std::vector<Follower> followers;
  for (unsigned number = 0; number <= kSeekers; ++number) followers.emplace_back(audio);
  std::vector<std::unique_ptr<Branch>> branches;
  for (const Follower& follower : followers) {
    branches.push_back(std::make_unique<Branch>(tee));
    branches.back()->looks(follower).keeps_none().link();
  }
  Branch& untouched = *branches[kSeekers];
  begin();
  std::vector<std::jthread> seekers;
  for (unsigned number = 0; number < kSeekers; ++number) {
    seekers.emplace_back([&, number, own = Random(random.fork())] {
      seek_about(*branches[number], followers[number], audio, own, more);
    });
  }
  seekers.clear();

  for (unsigned number = 0; number < kSeekers; ++number) {
    branches[number]->wait_eos();
    ck_assert_uint_eq(followers[number].next(), audio.frames());
  }
  untouched.wait_eos();
  ck_assert_uint_eq(followers[kSeekers].total(), audio.frames());
  ck_assert_uint_eq(untouched.count(GST_EVENT_SEGMENT), 1);
  ck_assert_uint_eq(untouched.count(GST_EVENT_FLUSH_START), 0);
}

START_TEST(coded_frames_are_sample_exact_while_they_arrive) {
  const Audio audio = coded_audio(900'000, 44100);
  Element tee("catchertee");
  Upstream upstream(tee.get());
  tee.to(GST_STATE_PLAYING);
  Gate more;
  std::jthread feeder;

  check_seeks(tee.get(), audio, more, [&] {
    feeder = std::jthread([&] {
      upstream.begin(GST_FORMAT_TIME, frame_caps(audio.rate).c_str());
      const std::uint64_t each = audio.frames() / (kSeekers * kSeeks + 10);
      give_frames(upstream, 0, each * 10, audio.rate, 1000);
      for (std::uint64_t at = each * 10; at < audio.frames(); at += each) {
        if (at + each <= audio.frames()) more.pass(patiently());
        give_frames(upstream, at, std::min(each, audio.frames() - at), audio.rate, 777);
      }
      upstream.eos();
    });
  });

  feeder.join();
  ck_assert_uint_eq(upstream.seeks(), 0);
  tee.demand_no_error();
}
END_TEST

START_TEST(a_real_track_is_sample_exact_while_it_arrives) {
  const std::vector<std::byte> track = test_track();
  if (track.empty()) return;
  const Audio audio = straight_decode(track);
  ck_assert_uint_gt(audio.frames(), 60 * 44100);
  PipedTrack piped(track);
  Element pipeline = Element::launch(piped.source() + kDecoder + "catchertee name=tee");
  const GstPtr<GstElement> tee = pipeline.child("tee");
  Gate more;
  std::jthread feeder;

  check_seeks(tee.get(), audio, more, [&] {
    pipeline.to(GST_STATE_PLAYING);
    feeder = piped.feed(more, kSeekers * kSeeks);
  });

  pipeline.demand_no_error();
}
END_TEST

START_TEST(a_seek_beyond_the_edge_waits_for_its_sample) {
  const Audio audio = coded_audio(100'000, 44100);
  Element tee("catchertee");
  Upstream upstream(tee.get());
  const Follower follower(audio);
  Branch branch(tee.get());
  branch.looks(follower).link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(44100).c_str());
  give_frames(upstream, 0, 10'000, 44100);
  branch.wait_bytes(10'000 * kFrame);

  const guint32 seqnum = branch.seek(GST_FORMAT_TIME, time_of_frame(50'001, 44100) + 11'000);
  ck_assert_uint_ne(seqnum, GST_SEQNUM_INVALID);
  give_frames(upstream, 10'000, 90'000, 44100);
  upstream.eos();
  branch.wait_eos();

  ck_assert(follower.first_of(seqnum) == 50'001);
  ck_assert_uint_eq(follower.next(), audio.frames());
}
END_TEST

START_TEST(a_seek_after_the_end_plays_to_the_end_again) {
  const Audio audio = coded_audio(50'000, 48000);
  Element tee("catchertee");
  Upstream upstream(tee.get());
  const Follower follower(audio);
  Branch branch(tee.get());
  branch.looks(follower).link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(48000).c_str());
  give_frames(upstream, 0, audio.frames(), 48000);
  upstream.eos();
  branch.wait_eos();

  const guint32 seqnum = branch.seek(GST_FORMAT_TIME, GST_SECOND / 3);
  branch.wait_event(GST_EVENT_EOS, 2);

  ck_assert(follower.first_of(seqnum) == 16'000);
  ck_assert_uint_eq(follower.next(), audio.frames());
  ck_assert_uint_eq(gst_event_get_seqnum(branch.last_event(GST_EVENT_EOS).get()), seqnum);
}
END_TEST

START_TEST(a_stop_position_ends_at_its_sample) {
  const Audio audio = coded_audio(50'000, 48000);
  Element tee("catchertee");
  Upstream upstream(tee.get());
  const Follower follower(audio);
  Branch branch(tee.get());
  branch.looks(follower).link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(48000).c_str());
  give_frames(upstream, 0, audio.frames(), 48000);
  branch.wait_bytes(audio.bytes.size());

  GstEvent* seek = gst_event_new_seek(
      1.0, GST_FORMAT_TIME, static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
      GST_SEEK_TYPE_SET, 100 * GST_MSECOND, GST_SEEK_TYPE_SET, 350 * GST_MSECOND);
  const guint32 seqnum = gst_event_get_seqnum(seek);
  ck_assert(branch.send(seek));
  branch.wait_eos();

  ck_assert(follower.first_of(seqnum) == 4'800);
  ck_assert_uint_eq(follower.next(), 16'800);
}
END_TEST

START_TEST(a_seek_without_a_start_goes_on_from_its_place) {
  const Audio audio = coded_audio(50'000, 48000);
  Element tee("catchertee");
  Upstream upstream(tee.get());
  const Follower follower(audio);
  Branch branch(tee.get());
  branch.looks(follower).admit(1);
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(48000).c_str());
  give_frames(upstream, 0, audio.frames(), 48000);
  branch.wait_blocked();
  const std::uint64_t next = follower.next();
  GstEvent* seek = gst_event_new_seek(
      1.0, GST_FORMAT_TIME, static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
      GST_SEEK_TYPE_NONE, -1, GST_SEEK_TYPE_SET, GST_SECOND);
  const guint32 seqnum = gst_event_get_seqnum(seek);

  ck_assert(branch.send(seek));
  branch.unblock();
  branch.wait_eos();

  ck_assert(follower.first_of(seqnum) == next);
  ck_assert_uint_eq(follower.next(), 48'000);
}
END_TEST

START_TEST(a_seek_from_the_end_counts_back_from_it) {
  const Audio audio = coded_audio(50'000, 48000);
  Element tee("catchertee");
  Upstream upstream(tee.get());
  const Follower follower(audio);
  Branch branch(tee.get());
  branch.looks(follower).link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(48000).c_str());
  give_frames(upstream, 0, audio.frames(), 48000);
  upstream.eos();
  branch.wait_eos();
  const auto seek = [&](gint64 back) {
    GstEvent* event =
        gst_event_new_seek(1.0, GST_FORMAT_TIME,
                           static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                           GST_SEEK_TYPE_END, -back, GST_SEEK_TYPE_NONE, -1);
    const guint32 seqnum = gst_event_get_seqnum(event);
    branch.forget();
    demand(branch.send(event), "a seek from the end is taken");
    branch.wait_eos();
    return follower.first_of(seqnum);
  };

  ck_assert(seek(GST_SECOND) == 2'000);
  ck_assert(seek(GST_MSECOND) == 50'000 - 48);
  ck_assert(seek(100 * GST_SECOND) == 0);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_seek",
      {{"arriving",
        {coded_frames_are_sample_exact_while_they_arrive,
         a_real_track_is_sample_exact_while_it_arrives,
         a_seek_beyond_the_edge_waits_for_its_sample}},
       {"ended",
        {a_seek_after_the_end_plays_to_the_end_again, a_stop_position_ends_at_its_sample,
         a_seek_without_a_start_goes_on_from_its_place, a_seek_from_the_end_counts_back_from_it}}});
}
