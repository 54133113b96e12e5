// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Rates above 0 other than 1, and instant changes of them: running times, the live edge, siblings.
#include "tests/support/plugin_check.hpp"

#include <gst/check/gsttestclock.h>

#include <condition_variable>
#include <mutex>

#include "tests/support/reverse.hpp"

namespace {

using namespace catcher::test;

constexpr int kInstant = GST_SEEK_FLAG_INSTANT_RATE_CHANGE;

// Ends the test unless the buffers follow each other in stream time and in running time.
void demand_no_gap(const std::vector<Arrival>& buffers) {
  for (std::size_t number = 1; number < buffers.size(); ++number) {
    const Arrival& before = buffers[number - 1];
    const Arrival& now = buffers[number];
    demand(first_frame(now.buffer.get()) ==
               first_frame(before.buffer.get()) + frame_count(before.buffer.get()),
           "each frame comes once", number);
    const GstClockTime ends = rendered_until(before), begins = rendered_at(now);
    // Running time is rounded at each change.
    demand(begins + 2 >= ends && begins <= ends + 2, "running time goes on", number);
  }
}

std::vector<Arrival> all_buffers(const Branch& branch) {
  std::vector<Arrival> found;
  for (Arrival& one : branch.arrivals()) {
    if (one.buffer != nullptr) found.push_back(std::move(one));
  }
  return found;
}

START_TEST(a_range_is_the_same_at_each_rate) {
  Caught caught;
  caught.all();
  for (const double rate : {0.5, 1.0, 1.5, 2.0, -0.5, -1.5, -2.0}) {
    caught.branch.forget();
    const guint32 seqnum = caught.back(rate, time_of(1000), time_of(97'000));
    caught.branch.wait_eos();
    const auto buffers = buffers_of(caught.branch, seqnum);
    ck_assert(buffers.front().segment.rate == rate);
    ck_assert(buffers.front().segment.applied_rate == 1.0);
    if (rate > 0) {
      demand_no_gap(buffers);
      ck_assert_uint_eq(first_frame(buffers.front().buffer.get()), 1000);
      ck_assert_uint_eq(
          first_frame(buffers.back().buffer.get()) + frame_count(buffers.back().buffer.get()),
          97'000);
    } else {
      demand_backwards(buffers, 1000, 97'000, kRate);
    }
    const GstClockTime base = buffers.front().segment.base;
    const auto lasts = static_cast<GstClockTime>(2 * GST_SECOND / std::abs(rate));
    ck_assert_uint_eq(rendered_at(buffers.front()), base);
    ck_assert_uint_eq(rendered_until(buffers.back()), base + lasts);
  }
}
END_TEST

// A branch in a pipeline whose clock the test turns, with a sink that waits for it.
class Clocked {
 public:
  Clocked()
      : clock(GST_OBJECT_CAST(gst_test_clock_new_with_start_time(GST_SECOND))),
        pipeline(Element::launch("catchertee name=c ! fakesink name=out sync=true")),
        tee(pipeline.child("c")),
        upstream(tee.get()) {
    gst_pipeline_use_clock(GST_PIPELINE(pipeline.get()), GST_CLOCK(clock.get()));
  }
  ~Clocked() {
    pipeline.try_to(GST_STATE_NULL);
    upstream.unlink();
  }
  GstTestClock* test_clock() const { return GST_TEST_CLOCK(clock.get()); }
  // Waits until the sink does, and lets it render; the running time for which it waited.
  GstClockTime render() {
    GstClockID id = nullptr;
    gst_test_clock_wait_for_next_pending_id(test_clock(), &id);
    const GstClockTime time = gst_clock_id_get_time(id);
    gst_clock_id_unref(id);
    demand(gst_test_clock_crank(test_clock()), "the sink goes on");
    return time - gst_element_get_base_time(pipeline.get());
  }

  GstPtr<GstObject> clock;
  Element pipeline;
  GstPtr<GstElement> tee;
  Upstream upstream;
};

START_TEST(a_synced_sink_waits_by_the_rate) {
  for (const double rate : {0.5, 2.0, -1.0, -2.0}) {
    Clocked clocked;
    clocked.pipeline.to(GST_STATE_PLAYING);
    clocked.upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
    give_frames(clocked.upstream, 0, kFrames, kRate);
    clocked.upstream.eos();
    clocked.pipeline.settle(GST_STATE_PLAYING);  // the tee too, so that it has a running time
    ck_assert_uint_eq(clocked.render(), 0);
    const GstClockTime second = clocked.render();

    const GstPtr<GstElement> sink = clocked.pipeline.child("out");
    ck_assert(gst_element_send_event(
        sink.get(), rate_seek(rate, GST_SEEK_FLAG_FLUSH, time_of(kRate), time_of(2 * kRate))));
    // Each piece is rendered when the ones before have been, faster or slower than they last.
    const auto lasts = static_cast<GstClockTime>(GST_SECOND / std::abs(rate));
    std::vector<GstClockTime> rendered;
    while (rendered.empty() || rendered.back() < second + lasts) {
      rendered.push_back(clocked.render());
      if (rendered.size() == 1) ck_assert_uint_eq(rendered[0], second);
    }
    // The last one is the end: all of the range has been rendered.
    ck_assert_uint_eq(rendered.back(), second + lasts);
    ck_assert(std::is_sorted(rendered.begin(), rendered.end()));
  }
}
END_TEST

class Live {
 public:
  Live() : tee("catchertee"), upstream(tee.get()), sibling(tee.get()), branch(tee.get()) {
    upstream.is_live(0);
    tee.to(GST_STATE_PLAYING);
    sibling.link();
    upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
    give_frames(upstream, 0, 2 * kRate, kRate);
    sibling.wait_bytes(2 * kRate * kFrame);
    sibling.forget();
  }
  void more() {
    const std::uint64_t frame = given;
    given += kRate / 50;
    give_frames(upstream, frame, kRate / 50, kRate);
  }
  std::uint64_t given = 2 * kRate;
  Element tee;
  Upstream upstream;
  Branch sibling, branch;
};

START_TEST(a_seek_beyond_the_live_edge_is_at_the_edge_at_rate_1) {
  Live live;
  live.branch.link().wait_bytes(2 * kRate * kFrame);
  live.branch.forget();
  const guint32 seqnum =
      seek_rate(live.branch, 2, GST_SEEK_FLAG_FLUSH, time_of(100 * kRate), kOpen);
  live.branch.wait_event(GST_EVENT_SEGMENT, 2);
  live.more();
  live.branch.wait_after(seqnum);

  const auto buffers = buffers_of(live.branch, seqnum);
  ck_assert_uint_eq(first_frame(buffers.front().buffer.get()), 2 * kRate);
  ck_assert(buffers.front().segment.rate == 1.0);
}
END_TEST

START_TEST(a_faster_branch_goes_on_at_rate_1_at_the_live_edge) {
  Live live;
  live.branch.looks([&](const Arrival&) {
    if (live.branch.buffers() == 3) {
      demand(seek_rate(live.branch, 2, 0) != GST_SEQNUM_INVALID, "it can go faster");
    }
    return GST_FLOW_OK;
  });
  live.branch.link();
  // Its own, the faster one, and the one at the edge, which comes as soon as it is reached.
  live.branch.wait_event(GST_EVENT_SEGMENT, 3);
  for (int more = 0; more < 10; ++more) live.more();
  live.branch.wait_bytes(live.given * kFrame);

  auto buffers = all_buffers(live.branch);
  const auto is_fast = [](const Arrival& one) { return one.segment.rate == 2.0; };
  const auto fast = std::find_if(buffers.begin(), buffers.end(), is_fast);
  const auto slow = std::find_if_not(fast, buffers.end(), is_fast);
  ck_assert_int_gt(slow - fast, 2);
  ck_assert_uint_eq(first_frame(slow->buffer.get()), 2 * kRate);
  // From there on it is in step with upstream.
  for (auto one = slow; one != buffers.end(); ++one) {
    ck_assert(one->segment.rate == 1.0);
    ck_assert_uint_eq(rendered_at(*one), GST_BUFFER_PTS(one->buffer.get()));
  }
  ck_assert_uint_eq(live.branch.count(GST_EVENT_FLUSH_START), 0);
  buffers.erase(slow, buffers.end());
  demand_no_gap(buffers);
  ck_assert_uint_eq(live.sibling.count(GST_EVENT_SEGMENT), 0);
}
END_TEST

START_TEST(an_instant_change_flushes_nothing_and_skips_nothing) {
  Caught caught;
  caught.all();
  unsigned pieces = 0;
  caught.branch.looks([&](const Arrival&) {
    if (++pieces == 3) demand(seek_rate(caught.branch, 2, kInstant) != 0, "it can go faster");
    if (pieces == 6) demand(seek_rate(caught.branch, 0.5, kInstant) != 0, "it can go slower");
    if (pieces == 9) demand(seek_rate(caught.branch, 1, kInstant) != 0, "it can go as before");
    return GST_FLOW_OK;
  });
  caught.back(1, 0, kOpen);
  caught.branch.wait_eos();

  const auto buffers = all_buffers(caught.branch);
  demand_no_gap(buffers);
  std::vector<double> rates;
  for (const Arrival& one : buffers) {
    if (rates.empty() || rates.back() != one.segment.rate) rates.push_back(one.segment.rate);
  }
  ck_assert(rates == (std::vector<double>{1, 2, 0.5, 1}));
  ck_assert_uint_eq(caught.branch.count(GST_EVENT_FLUSH_START), 1);
  for (std::size_t number = 1; number < buffers.size(); ++number) {
    ck_assert(!GST_BUFFER_IS_DISCONT(buffers[number].buffer.get()));
  }
}
END_TEST

START_TEST(an_instant_change_leaves_the_rest_of_the_segment) {
  Caught caught;
  caught.all();
  unsigned pieces = 0;
  caught.branch.looks([&](const Arrival&) {
    if (++pieces != 3) return GST_FLOW_OK;
    demand(seek_rate(caught.branch, -2, kInstant | GST_SEEK_FLAG_TRICKMODE_NO_AUDIO) != 0,
           "it can go faster backwards");
    return GST_FLOW_OK;
  });
  caught.back(-1, time_of(kRate), time_of(3 * kRate),
              GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_SEGMENT | GST_SEEK_FLAG_TRICKMODE_KEY_UNITS);
  caught.branch.wait_event(GST_EVENT_SEGMENT_DONE);

  const auto buffers = all_buffers(caught.branch);
  demand_backwards(buffers, kRate, 3 * kRate, kRate);
  const GstSegment& last = buffers.back().segment;
  ck_assert(last.rate == -2);
  ck_assert_uint_eq(last.flags, GST_SEGMENT_FLAG_RESET | GST_SEGMENT_FLAG_SEGMENT |
                                    GST_SEGMENT_FLAG_TRICKMODE_NO_AUDIO);
}
END_TEST

START_TEST(what_is_no_instant_change_is_refused) {
  Caught caught;
  caught.all();
  for (const int flag : {GST_SEEK_FLAG_ACCURATE, GST_SEEK_FLAG_KEY_UNIT, GST_SEEK_FLAG_SEGMENT}) {
    ck_assert_uint_eq(seek_rate(caught.branch, 2, kInstant | flag), GST_SEQNUM_INVALID);
  }
  ck_assert_uint_eq(seek_rate(caught.branch, -1, kInstant), GST_SEQNUM_INVALID);
  ck_assert_text(caught.branch.story(), "");

  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  tee.to(GST_STATE_PLAYING);
  branch.link();
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  branch.wait_bytes(10'000);
  ck_assert(
      !branch.send(gst_event_new_seek(2, GST_FORMAT_BYTES, static_cast<GstSeekFlags>(kInstant),
                                      GST_SEEK_TYPE_NONE, -1, GST_SEEK_TYPE_NONE, -1)));
}
END_TEST

// What a sink has rendered.
class Rendered {
 public:
  Rendered(const Element& pipeline, const char* name) : sink_(pipeline.child(name)) {
    g_signal_connect(sink_.get(), "handoff", G_CALLBACK(handoff), this);
  }
  GstElement* sink() const { return sink_.get(); }
  // Waits until `is_so` holds of the time up to which it has rendered.
  template <class Predicate>
  std::uint64_t wait(const char* for_what, const Predicate& is_so) {
    std::unique_lock lock(mutex_);
    demand(changed_.wait_for(lock, kPatience, [&] { return until_ != 0 && is_so(until_); }),
           for_what);
    return until_;
  }
  // Times at which it went on from elsewhere than where it was.
  std::vector<GstClockTime> jumps() {
    const std::lock_guard lock(mutex_);
    return jumps_;
  }

 private:
  static void handoff(GstElement*, GstBuffer* buffer, GstPad*, Rendered* self) {
    const GstClockTime pts = GST_BUFFER_PTS(buffer);
    const std::lock_guard lock(self->mutex_);
    if (self->until_ != 0 && pts != self->until_) self->jumps_.push_back(pts);
    self->until_ = pts + GST_BUFFER_DURATION(buffer);
    self->changed_.notify_all();
  }
  GstPtr<GstElement> sink_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t until_ = 0;
  std::vector<GstClockTime> jumps_;
};

START_TEST(a_branch_of_a_live_stream_catches_up) {
  if (!has_element("audiotestsrc")) return;
  Element pipeline = Element::launch(
      "audiotestsrc is-live=true samplesperbuffer=480 ! audio/x-raw,rate=48000 ! "
      "catchertee name=c  c.src_0 ! fakesink name=live sync=true signal-handoffs=true  "
      "c.src_1 ! fakesink name=behind sync=true signal-handoffs=true");
  Rendered live(pipeline, "live"), behind(pipeline, "behind");
  const GstPtr<GstElement> tee = pipeline.child("c");
  const GstPtr<GstPad> pad(gst_element_get_static_pad(tee.get(), "src_1"));
  const auto lag = [&] {
    guint64 time = 0;
    g_object_get(pad.get(), "lag-time", &time, nullptr);
    return time;
  };
  pipeline.to(GST_STATE_PLAYING);
  behind.wait("a second is played", [](GstClockTime until) { return until > GST_SECOND; });
  // Back to the beginning, and so a second behind.
  demand(gst_element_send_event(behind.sink(), rate_seek(1, GST_SEEK_FLAG_FLUSH, 0, kOpen)),
         "it can go back");
  behind.wait("it plays history", [](GstClockTime until) { return until < GST_SECOND / 2; });
  ck_assert_uint_gt(lag(), GST_SECOND / 2);
  demand(gst_element_send_event(behind.sink(), rate_seek(2, kInstant, kOpen, kOpen)),
         "it can go faster");
  const GstClockTime here =
      behind.wait("it has caught up", [&](GstClockTime) { return lag() < GST_SECOND / 5; });
  demand(gst_element_send_event(behind.sink(), rate_seek(1, kInstant, kOpen, kOpen)),
         "it can go as before");
  const GstClockTime there = here + GST_SECOND / 2;
  behind.wait("it goes on", [&](GstClockTime until) { return until > there; });
  live.wait("its sibling does too", [&](GstClockTime until) { return until > there; });

  ck_assert_uint_eq(behind.jumps().size(), 1);
  ck_assert_uint_eq(live.jumps().size(), 0);
  pipeline.demand_no_error();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_rates",
      {{"rates",
        {a_range_is_the_same_at_each_rate, a_synced_sink_waits_by_the_rate,
         a_seek_beyond_the_live_edge_is_at_the_edge_at_rate_1,
         a_faster_branch_goes_on_at_rate_1_at_the_live_edge}},
       {"instant",
        {an_instant_change_flushes_nothing_and_skips_nothing,
         an_instant_change_leaves_the_rest_of_the_segment, what_is_no_instant_change_is_refused,
         a_branch_of_a_live_stream_catches_up}}});
}
