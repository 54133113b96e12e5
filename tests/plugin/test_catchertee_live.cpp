// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Seeks in a pipeline that plays live: running time goes on, and nobody else notices. And a change
// of format on the way, after which time is as exact as before.
#include "tests/support/plugin_check.hpp"

#include <gst/check/gsttestclock.h>

#include <condition_variable>
#include <mutex>

#include "tests/support/branch.hpp"
#include "tests/support/follower.hpp"
#include "tests/support/stress.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;

// A live tee that plays by a clock that the test moves.
class Live {
 public:
  explicit Live(GstState state = GST_STATE_PLAYING)
      : clock_(GST_CLOCK_CAST(gst_test_clock_new())), tee("catchertee"), upstream(tee.get()) {
    upstream.is_live(0);
    set_now(0);
    gst_element_set_clock(tee.get(), clock_.get());
    gst_element_set_base_time(tee.get(), kBase);
    tee.to(state);
    upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  }
  // Time since the pipeline began to play.
  void set_now(GstClockTime now) {
    gst_test_clock_set_time(GST_TEST_CLOCK(clock_.get()), kBase + now);
  }

 private:
  static constexpr GstClockTime kBase = 1000 * GST_SECOND;
  GstPtr<GstClock> clock_;

 public:
  Element tee;
  Upstream upstream;
};

GstSegment last_segment(const Branch& branch) {
  GstSegment segment;
  gst_event_copy_segment(branch.last_event(GST_EVENT_SEGMENT).get(), &segment);
  return segment;
}

bool resets_time(const Branch& branch) {
  gboolean resets = FALSE;
  gst_event_parse_flush_stop(branch.last_event(GST_EVENT_FLUSH_STOP).get(), &resets);
  return resets != FALSE;
}

START_TEST(a_seek_goes_on_at_the_running_time_of_now) {
  Live live;
  Branch branch(live.tee.get());
  branch.link();
  give_frames(live.upstream, 0, 5 * kRate, kRate);
  branch.wait_bytes(5 * kRate * kFrame);
  ck_assert_uint_eq(last_segment(branch).base, 0);
  live.set_now(5 * GST_SECOND + 7);

  const guint32 seqnum = branch.seek(GST_FORMAT_TIME, 2 * GST_SECOND);
  branch.wait_after(seqnum);

  const GstSegment segment = last_segment(branch);
  ck_assert(!resets_time(branch));
  ck_assert_uint_eq(segment.base, 5 * GST_SECOND + 7);
  ck_assert_uint_eq(segment.start, 2 * GST_SECOND);
  ck_assert_uint_eq(segment.time, 2 * GST_SECOND);
  ck_assert_uint_eq(gst_segment_to_running_time(&segment, GST_FORMAT_TIME, 2 * GST_SECOND),
                    5 * GST_SECOND + 7);
}
END_TEST

START_TEST(a_seek_while_paused_goes_on_at_the_start_time) {
  Live live(GST_STATE_PAUSED);
  gst_element_set_start_time(live.tee.get(), 3 * GST_SECOND);
  Branch branch(live.tee.get());
  branch.link();
  give_frames(live.upstream, 0, kRate, kRate);
  branch.wait_bytes(kRate * kFrame);
  live.set_now(50 * GST_SECOND);

  const guint32 seqnum = branch.seek(GST_FORMAT_TIME, GST_SECOND / 2);
  branch.wait_after(seqnum);

  ck_assert_uint_eq(last_segment(branch).base, 3 * GST_SECOND);
  ck_assert(!resets_time(branch));
}
END_TEST

START_TEST(branches_that_do_one_seek_get_one_base) {
  Live live;
  Branch one(live.tee.get()), other(live.tee.get());
  one.link();
  other.link();
  give_frames(live.upstream, 0, kRate, kRate);
  one.wait_bytes(kRate * kFrame);
  other.wait_bytes(kRate * kFrame);
  const EventPtr seek(gst_event_new_seek(
      1.0, GST_FORMAT_TIME, static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
      GST_SEEK_TYPE_SET, 1000, GST_SEEK_TYPE_NONE, -1));

  live.set_now(GST_SECOND);
  ck_assert(one.send(gst_event_ref(seek.get())));
  live.set_now(GST_SECOND + 40 * GST_MSECOND);
  ck_assert(other.send(gst_event_ref(seek.get())));
  one.wait_after(gst_event_get_seqnum(seek.get()));
  other.wait_after(gst_event_get_seqnum(seek.get()));

  ck_assert_uint_eq(last_segment(one).base, GST_SECOND);
  ck_assert_uint_eq(last_segment(other).base, GST_SECOND);
  // Another seek has another base.
  one.wait_after(one.seek(GST_FORMAT_TIME, 2000));
  ck_assert_uint_eq(last_segment(one).base, GST_SECOND + 40 * GST_MSECOND);
}
END_TEST

START_TEST(a_seek_beyond_a_live_edge_goes_to_the_edge) {
  Live live;
  const Audio audio = coded_audio(2 * kRate, kRate);
  const Follower follower(audio);
  Branch branch(live.tee.get());
  branch.looks(follower).link();
  give_frames(live.upstream, 0, kRate, kRate);
  branch.wait_bytes(kRate * kFrame);
  live.set_now(GST_SECOND);

  const guint32 seqnum = branch.seek(GST_FORMAT_TIME, 100 * GST_SECOND);
  branch.wait_event(GST_EVENT_SEGMENT, 2);
  give_frames(live.upstream, kRate, 1000, kRate);
  branch.wait_after(seqnum);

  ck_assert(follower.first_of(seqnum) == kRate);
  ck_assert_uint_eq(last_segment(branch).start, GST_SECOND);
}
END_TEST

START_TEST(a_branch_at_the_live_edge_keeps_upstreams_time) {
  Live live;
  give_frames(live.upstream, 0, kRate, kRate);
  live.set_now(GST_SECOND + 20 * GST_MSECOND);
  Branch at_edge(live.tee.get()), history(live.tee.get());
  at_edge.set_text("start-from", "edge");
  at_edge.link().wait_event(GST_EVENT_SEGMENT);
  history.link().wait_bytes(kRate * kFrame);

  GstSegment edge = last_segment(at_edge);
  ck_assert_uint_eq(gst_segment_to_running_time(&edge, GST_FORMAT_TIME, GST_SECOND), GST_SECOND);
  // What is replayed is rendered from now on.
  ck_assert_uint_eq(last_segment(history).base, GST_SECOND + 20 * GST_MSECOND);
}
END_TEST

// Packets that cannot be decoded alone: what the last key unit brings is decoded, and nothing is
// rendered before what comes next, in step with upstream.
START_TEST(a_return_to_live_decodes_from_the_last_key_unit) {
  constexpr GstClockTime kPicture = 40 * GST_MSECOND;
  Live live;
  Upstream& upstream = live.upstream;
  upstream.set_caps("video/x-h264,stream-format=avc,alignment=au");
  const auto give = [&](unsigned from, unsigned to) {
    for (unsigned number = from; number < to; ++number) {
      BufferPtr buffer = pattern_buffer(number, 100);
      GST_BUFFER_PTS(buffer.get()) = GST_BUFFER_DTS(buffer.get()) = number * kPicture;
      GST_BUFFER_DURATION(buffer.get()) = kPicture;
      if (number % 25 != 0) GST_BUFFER_FLAG_SET(buffer.get(), GST_BUFFER_FLAG_DELTA_UNIT);
      upstream.give(std::move(buffer));
    }
  };
  Branch branch(live.tee.get());
  branch.link();
  give(0, 60);
  branch.wait_buffers(60);
  live.set_now(60 * kPicture + 7);

  branch.forget();
  const EventPtr seek(gst_event_new_seek(
      1.0, GST_FORMAT_TIME, static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
      GST_SEEK_TYPE_END, 0, GST_SEEK_TYPE_NONE, -1));
  ck_assert(branch.send(gst_event_ref(seek.get())));
  give(60, 62);
  branch.wait_buffers(62 - 50);

  const GstSegment segment = last_segment(branch);
  const GstClockTime begins = segment.start;
  ck_assert_uint_ge(begins, 60 * kPicture);
  ck_assert_uint_eq(gst_segment_to_running_time(&segment, GST_FORMAT_TIME, begins), begins);
  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer == nullptr) continue;
    ck_assert_uint_eq(GST_BUFFER_PTS(one.buffer.get()), 50 * kPicture);
    break;
  }
}
END_TEST

// A pipeline with a source that is live by the real clock: one branch is rendered in time while the
// other seeks, and then comes in time too.
START_TEST(a_siblings_synced_sink_loses_nothing) {
  constexpr unsigned kBuffers = 120;  // of 10 ms
  Element pipeline = Element::launch(
      "fakesrc is-live=true format=time sync=true datarate=192000 sizetype=fixed sizemax=1920 "
      "num-buffers=" +
      std::to_string(kBuffers) + " ! " + frame_caps(kRate) +
      " ! catchertee name=t t.src_0 ! fakesink name=steady sync=true max-lateness=1000000000 "
      "signal-handoffs=true t.src_1 ! fakesink name=seeks sync=true");
  struct Rendered {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<GstClockTime> begins, ends;
    // Pieces are as large as the load makes them, so it is time that counts.
    void wait(GstClockTime until) {
      std::unique_lock lock(mutex);
      const bool reached = changed.wait_for(
          lock, kPatience, [&] { return !ends.empty() && ends.back() >= begins.front() + until; });
      demand(reached, "the live branch goes on", until);
    }
  } rendered;
  const GstPtr<GstElement> steady = pipeline.child("steady"), seeks = pipeline.child("seeks");
  g_signal_connect(steady.get(), "handoff",
                   G_CALLBACK(+[](GstElement*, GstBuffer* buffer, GstPad* pad, gpointer self) {
                     auto& seen = *static_cast<Rendered*>(self);
                     GstSegment segment;
                     const EventPtr event(gst_pad_get_sticky_event(pad, GST_EVENT_SEGMENT, 0));
                     gst_event_copy_segment(event.get(), &segment);
                     const GstClockTime begin = gst_segment_to_running_time(
                         &segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
                     const std::lock_guard lock(seen.mutex);
                     seen.begins.push_back(begin);
                     seen.ends.push_back(begin + GST_BUFFER_DURATION(buffer));
                     seen.changed.notify_all();
                   }),
                   &rendered);
  pipeline.to(GST_STATE_PLAYING);
  rendered.wait(100 * GST_MSECOND);
  const GstClockTime base = gst_element_get_base_time(pipeline.get());

  Random random(stress_seed());
  for (unsigned done = 0; done < 8; ++done) {
    ck_assert(gst_element_seek(
        seeks.get(), 1.0, GST_FORMAT_TIME,
        static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE), GST_SEEK_TYPE_SET,
        static_cast<gint64>(random.below(80 * GST_MSECOND)), GST_SEEK_TYPE_NONE, -1));
    rendered.wait((180 + done * 80) * GST_MSECOND);
  }
  pipeline.wait_eos();

  ck_assert_uint_eq(gst_element_get_base_time(pipeline.get()), base);
  GstStructure* stats = nullptr;
  g_object_get(steady.get(), "stats", &stats, nullptr);
  guint64 dropped = 0;
  guint64 count = 0;
  ck_assert(gst_structure_get(stats, "dropped", G_TYPE_UINT64, &dropped, "rendered", G_TYPE_UINT64,
                              &count, nullptr));
  gst_structure_free(stats);
  ck_assert_uint_eq(dropped, 0);
  ck_assert_uint_eq(count, rendered.begins.size());
  for (std::size_t number = 1; number < rendered.begins.size(); ++number) {
    ck_assert_uint_eq(rendered.begins[number], rendered.ends[number - 1]);
  }
  ck_assert_uint_eq(rendered.ends.back() - rendered.begins.front(), kBuffers * 10 * GST_MSECOND);
}
END_TEST

START_TEST(a_change_of_format_begins_a_run_and_time_stays_exact) {
  constexpr unsigned kOther = 44100;
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  // A second of each; the frames of the second part are numbered from 1000000.
  upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(upstream, 0, kRate, kRate, 1000);
  upstream.set_caps(frame_caps(kOther).c_str());
  for (unsigned frame = 0; frame < kOther; frame += 900) {
    BufferPtr buffer = frames(1'000'000 + frame, 900, kOther);
    GST_BUFFER_PTS(buffer.get()) = GST_SECOND + time_of_frame(frame, kOther);
    upstream.give(std::move(buffer));
  }
  upstream.eos();
  branch.wait_eos();

  // Seeks into either part find its very frame, with its caps; the other's come in their place.
  const auto begins = [&](GstClockTime target) {
    branch.forget();
    demand(branch.seek(GST_FORMAT_TIME, target) != GST_SEQNUM_INVALID, "the seek is taken", target);
    branch.wait_eos();
    for (const Arrival& one : branch.arrivals()) {
      if (one.buffer != nullptr) return first_frame(one.buffer.get());
    }
    return std::uint64_t{0};
  };
  ck_assert_uint_eq(begins(GST_SECOND / 2), kRate / 2);
  ck_assert_text(branch.story(), "flush-start flush-stop caps segment buffer caps buffer eos");
  ck_assert_uint_eq(begins(GST_SECOND - 1), kRate - 1);
  ck_assert_uint_eq(begins(GST_SECOND), 1'000'000);
  ck_assert_uint_eq(begins(GST_SECOND + GST_SECOND / 2),
                    1'000'000 + frame_at(GST_SECOND / 2, kOther));

  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer == nullptr) continue;
    const std::uint64_t frame = first_frame(one.buffer.get()) - 1'000'000;
    ck_assert_int_eq(stream_time(one),
                     static_cast<gint64>(GST_SECOND + time_of_frame(frame, kOther)));
  }
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_live",
      {{"seek",
        {a_seek_goes_on_at_the_running_time_of_now, a_seek_while_paused_goes_on_at_the_start_time,
         branches_that_do_one_seek_get_one_base, a_seek_beyond_a_live_edge_goes_to_the_edge,
         a_return_to_live_decodes_from_the_last_key_unit}},
       {"start", {a_branch_at_the_live_edge_keeps_upstreams_time}},
       {"sibling", {a_siblings_synced_sink_loses_nothing}},
       {"format", {a_change_of_format_begins_a_run_and_time_stays_exact}}});
}
