// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Seeks while PAUSED, of a catchertee's branch and of a catchersrc: a new preroll at the target,
// and the running time that goes on from there; and seeks from several threads at once.
#include "tests/support/channel.hpp"

#include "tests/support/plugin_check.hpp"
#include "tests/support/reverse.hpp"

namespace {

using namespace catcher::test;

struct UnrefSample {
  void operator()(GstSample* sample) const noexcept { gst_sample_unref(sample); }
};

// A finished recording in a pipeline that is paused, or plays, with a sink that waits for a clock.
class Paused {
 public:
  explicit Paused(const char* line = "catchertee name=c ! fakesink name=out sync=true")
      : pipeline(Element::launch(line)),
        element(pipeline.child("c")),
        sink(pipeline.child("out")) {}
  ~Paused() { pipeline.try_to(GST_STATE_NULL); }

  Paused& feed() {
    upstream.emplace(element.get());
    pipeline.to(GST_STATE_PAUSED);
    upstream->begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
    give_frames(*upstream, 0, kFrames, kRate);
    upstream->eos();
    pipeline.settle(GST_STATE_PAUSED);
    return *this;
  }
  void seek(double rate, int flags, gint64 start, gint64 stop = kOpen) {
    demand(gst_element_send_event(sink.get(), rate_seek(rate, flags, start, stop)),
           "the seek is taken");
    pipeline.settle(GST_STATE_PAUSED);
  }
  struct Preroll {
    std::uint64_t first = 0, end = 0;  // frames
    GstSegment segment{};
    GstClockTime rendered_at = 0;
    GstClockTime stream_time = 0;
  };
  Preroll preroll() const {
    GstSample* got = nullptr;
    g_object_get(sink.get(), "last-sample", &got, nullptr);
    demand(got != nullptr, "the sink has a sample");
    const std::unique_ptr<GstSample, UnrefSample> sample(got);
    GstBuffer* buffer = gst_sample_get_buffer(got);
    Arrival one{nullptr, BufferPtr(gst_buffer_ref(buffer)), *gst_sample_get_segment(got)};
    return {first_frame(buffer), first_frame(buffer) + frame_count(buffer), one.segment,
            rendered_at(one),
            gst_segment_to_stream_time(&one.segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer))};
  }
  GstClockTime start_time() const { return gst_element_get_start_time(pipeline.get()); }

  Element pipeline;
  GstPtr<GstElement> element, sink;
  std::optional<Upstream> upstream;
};

void demand_preroll_at(const Paused& paused, std::uint64_t frame, double rate) {
  const Paused::Preroll preroll = paused.preroll();
  demand((rate < 0 ? preroll.end : preroll.first) == frame, "it is at the target", frame);
  demand(preroll.stream_time == time_of_frame(preroll.first, kRate), "its stream time is exact");
  demand(preroll.segment.rate == rate, "it has the rate");
  demand(preroll.rendered_at == paused.start_time(), "it is rendered as soon as playing goes on",
         preroll.rendered_at);
}

START_TEST(a_seek_while_paused_prerolls_at_its_target) {
  Paused paused;
  paused.feed();
  paused.seek(1, GST_SEEK_FLAG_FLUSH, time_of(100'000));
  demand_preroll_at(paused, 100'000, 1);
  paused.seek(-2, GST_SEEK_FLAG_FLUSH, 0, time_of(70'001));
  demand_preroll_at(paused, 70'001, -2);
  paused.seek(0.5, GST_SEEK_FLAG_FLUSH, time_of(5), time_of(1000));
  demand_preroll_at(paused, 5, 0.5);
  // Twice to the same place.
  paused.seek(1, GST_SEEK_FLAG_FLUSH, time_of(5), -2);
  paused.seek(1, GST_SEEK_FLAG_FLUSH, time_of(5), -2);
  demand_preroll_at(paused, 5, 1);
}
END_TEST

// What a sink renders, with the running time at which it does.
struct Played {
  std::vector<std::uint64_t> frames;
  std::vector<GstClockTime> times;
  GstElement* sink;
  explicit Played(const Paused& paused) : sink(paused.sink.get()) {
    g_object_set(sink, "signal-handoffs", TRUE, nullptr);
    g_signal_connect(sink, "handoff",
                     G_CALLBACK(+[](GstElement* from, GstBuffer* buffer, GstPad*, Played* self) {
                       self->frames.push_back(first_frame(buffer));
                       self->times.push_back(gst_element_get_current_running_time(from));
                     }),
                     this);
  }
};

START_TEST(playing_goes_on_from_a_seek_while_paused) {
  for (const double rate : {1.0, -1.0}) {
    Paused paused;
    paused.feed();
    Played played(paused);
    paused.pipeline.settle(GST_STATE_PLAYING);
    paused.pipeline.settle(GST_STATE_PAUSED);
    for (const std::uint64_t to : {std::uint64_t{90'000}, std::uint64_t{20'000}, kFrames - 9'600}) {
      if (rate > 0) {
        paused.seek(rate, GST_SEEK_FLAG_FLUSH, time_of(to), -2);
      } else {
        paused.seek(rate, GST_SEEK_FLAG_FLUSH, time_of(to) - time_of(9'600), time_of(to));
      }
      demand_preroll_at(paused, to, rate);
    }
    const GstClockTime resumed = paused.start_time();
    const std::size_t before = played.frames.size();
    paused.pipeline.to(GST_STATE_PLAYING);
    paused.pipeline.wait_eos();

    ck_assert_uint_gt(played.frames.size(), before);
    if (rate > 0) ck_assert_uint_eq(played.frames[before], kFrames - 9'600);
    if (rate < 0) ck_assert_uint_eq(played.frames.back(), kFrames - 2 * 9'600);
    // None earlier than it should be; how late depends on the machine.
    for (std::size_t number = before; number < played.times.size(); ++number) {
      ck_assert_uint_ge(played.times[number], resumed);
    }
    ck_assert_uint_ge(gst_element_get_start_time(paused.pipeline.get()), resumed);
  }
}
END_TEST

START_TEST(a_seek_without_a_flush_while_paused_waits_for_playing) {
  Paused paused;
  paused.feed();
  Played played(paused);
  // Not by the sink, whose state cannot change while it sends an event.
  const GstPtr<GstPad> pad(gst_element_get_static_pad(paused.sink.get(), "sink"));
  std::thread seeker([&] {
    demand(gst_pad_push_event(pad.get(), rate_seek(1, 0, time_of(kFrames - 4'800), -2)),
           "the seek is taken");
  });
  paused.pipeline.to(GST_STATE_PLAYING);
  paused.pipeline.wait_eos();
  seeker.join();
  // It may come after the end: then there is nothing for the sink, which has had its EOS.
  ck_assert_uint_eq(played.frames.front(), 0);
  paused.pipeline.demand_no_error();
}
END_TEST

START_TEST(catchersrc_prerolls_at_the_target_and_begins_at_0) {
  const NothingKept end;
  Writing writer("paused");
  writer.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(writer.upstream, 0, kFrames, kRate);
  writer.upstream.eos();
  Paused paused("catchersrc name=c channel=paused ! fakesink name=out sync=true");
  paused.pipeline.settle(GST_STATE_PAUSED);

  for (const double rate : {1.0, -1.0, 2.0, -0.5}) {
    paused.seek(rate, GST_SEEK_FLAG_FLUSH, rate > 0 ? time_of(9'000) : 0,
                rate > 0 ? -2 : time_of(9'000));
    demand_preroll_at(paused, 9'000, rate);
    ck_assert_uint_eq(paused.start_time(), 0);
    ck_assert_uint_eq(paused.preroll().segment.base, 0);
  }
}
END_TEST

// ---- several threads

// Ends the test unless what came after the last FLUSH_STOP, up to EOS, is [from, to) in this
// direction.
void demand_last_seek(const Branch& branch, guint32 seqnum, std::uint64_t from, std::uint64_t to) {
  const auto buffers = buffers_of(branch, seqnum);
  demand(!buffers.empty(), "the last seek has data");
  if (buffers.front().segment.rate < 0) {
    demand_backwards(buffers, from, to, kRate);
    return;
  }
  std::uint64_t frame = from;
  for (const Arrival& one : buffers) {
    demand(first_frame(one.buffer.get()) == frame, "each frame comes once", frame);
    frame += frame_count(one.buffer.get());
  }
  demand(frame == to, "all is played", frame);
}

constexpr double kRates[] = {1.0, -1.0, 2.0, -0.5};

void seek_about(Branch& branch, std::uint64_t seed, unsigned times) {
  for (unsigned time = 0; time < times; ++time) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const double rate = kRates[(seed >> 33) % 4];
    const int flush = (seed >> 40) % 4 == 0 ? 0 : static_cast<int>(GST_SEEK_FLAG_FLUSH);
    const auto at = static_cast<gint64>((seed >> 42) % kFrames);
    if ((seed >> 60) % 4 == 0) {
      seek_rate(branch, rate, flush);
    } else if (rate > 0) {
      seek_rate(branch, rate, flush, time_of(static_cast<std::uint64_t>(at)), -2);
    } else {
      seek_rate(branch, rate, flush, 0, time_of(static_cast<std::uint64_t>(at)));
    }
  }
}

START_TEST(seeks_from_several_threads_all_end_in_order) {
  Caught caught;
  caught.all();
  Branch other(caught.tee.get());
  other.link().wait_eos();
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t number = 0; number < 4; ++number) {
      threads.emplace_back([&, number] { seek_about(caught.branch, number + 1, 40); });
    }
    threads.emplace_back([&] { seek_about(other, 77, 40); });
  }
  for (Branch* branch : {&caught.branch, &other}) {
    branch->forget();
    for (const double rate : kRates) {
      const guint32 seqnum =
          seek_rate(*branch, rate, GST_SEEK_FLAG_FLUSH, time_of(1'000), time_of(100'000));
      // The end of what was played before may come first.
      for (std::size_t ends = 1;; ++ends) {
        branch->wait_event(GST_EVENT_EOS, ends);
        if (gst_event_get_seqnum(branch->last_event(GST_EVENT_EOS).get()) == seqnum) break;
      }
      demand_last_seek(*branch, seqnum, 1'000, 100'000);
      branch->forget();
    }
  }
  caught.tee.demand_no_error();
}
END_TEST

START_TEST(a_seek_that_comes_twice_is_done_once_backwards_too) {
  Caught caught;
  caught.all();
  GstEvent* event = rate_seek(-1, GST_SEEK_FLAG_FLUSH, 0, time_of(kRate));
  ck_assert(caught.branch.send(gst_event_ref(event)));
  ck_assert(caught.branch.send(event));
  caught.branch.wait_eos();

  ck_assert_uint_eq(caught.branch.count(GST_EVENT_FLUSH_START), 1);
  ck_assert_uint_eq(caught.branch.bytes(), kRate * kFrame);
  // The same range by another seek is another one.
  caught.back(-1, 0, time_of(kRate));
  caught.branch.wait_event(GST_EVENT_EOS, 2);
  ck_assert_uint_eq(caught.branch.bytes(), 2 * kRate * kFrame);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "seek_paused",
      {{"paused",
        {a_seek_while_paused_prerolls_at_its_target, playing_goes_on_from_a_seek_while_paused,
         a_seek_without_a_flush_while_paused_waits_for_playing,
         catchersrc_prerolls_at_the_target_and_begins_at_0}},
       {"threads",
        {seeks_from_several_threads_all_end_in_order,
         a_seek_that_comes_twice_is_done_once_backwards_too}}});
}
