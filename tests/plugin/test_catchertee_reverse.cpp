// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Rates below 0 of raw audio: each sample once, pieces from back to front.
#include "tests/support/plugin_check.hpp"

#include "tests/support/reverse.hpp"

namespace {

using namespace catcher::test;

START_TEST(each_sample_comes_once_from_the_end_to_the_beginning) {
  Caught caught;
  caught.all();
  const guint32 seqnum = caught.back(-1, 0, time_of(kFrames));
  caught.branch.wait_eos();

  ck_assert_text(caught.branch.story(), "flush-start flush-stop segment buffer eos");
  const auto buffers = buffers_of(caught.branch, seqnum);
  demand_backwards(buffers, 0, kFrames, kRate);
  ck_assert_uint_gt(buffers.size(), 8);
  for (std::size_t number = 0; number < buffers.size(); ++number) {
    ck_assert_int_eq(GST_BUFFER_IS_DISCONT(buffers[number].buffer.get()), number == 0);
  }
  ck_assert_int_eq(caught.branch.value<gint64>("position"), 0);
}
END_TEST

START_TEST(start_and_stop_are_kept_to_the_sample) {
  Caught caught;
  caught.all();
  for (const std::uint64_t from : {std::uint64_t{1}, std::uint64_t{4800}, std::uint64_t{77777}}) {
    for (const std::uint64_t to : {from + 1, from + 2, from + 1000, std::uint64_t{143'999}}) {
      caught.branch.forget();
      const guint32 seqnum = caught.back(-1, time_of(from), time_of(to));
      caught.branch.wait_eos();
      demand_backwards(buffers_of(caught.branch, seqnum), from, to, kRate);
    }
  }
}
END_TEST

START_TEST(a_time_within_a_sample_is_kept_as_forwards) {
  Caught caught;
  caught.all();
  const gint64 start = time_of(1000) + 5, stop = time_of(9000) + 5;
  guint32 seqnum = caught.back(1, start, stop);
  caught.branch.wait_eos();
  const auto forward = buffers_of(caught.branch, seqnum);
  const std::uint64_t from = first_frame(forward.front().buffer.get());
  const std::uint64_t to =
      first_frame(forward.back().buffer.get()) + frame_count(forward.back().buffer.get());
  ck_assert_uint_eq(from, 1000);
  ck_assert_uint_eq(to, 9001);

  caught.branch.forget();
  seqnum = caught.back(-1, start, stop);
  caught.branch.wait_eos();
  demand_backwards(buffers_of(caught.branch, seqnum), from, to, kRate);
}
END_TEST

START_TEST(running_time_goes_forward_while_stream_time_goes_back) {
  Caught caught;
  caught.all();
  for (const double rate : {-1.0, -2.0, -0.5}) {
    caught.branch.forget();
    const guint32 seqnum = caught.back(rate, time_of(4800), time_of(100'800));
    caught.branch.wait_eos();

    const auto buffers = buffers_of(caught.branch, seqnum);
    const GstClockTime base = buffers.front().segment.base;
    ck_assert_uint_eq(rendered_at(buffers.front()), base);
    for (std::size_t number = 1; number < buffers.size(); ++number) {
      ck_assert_uint_eq(rendered_at(buffers[number]), rendered_until(buffers[number - 1]));
    }
    const auto lasts = static_cast<GstClockTime>(2 * GST_SECOND / -rate);
    ck_assert_uint_eq(rendered_until(buffers.back()), base + lasts);
  }
}
END_TEST

START_TEST(without_a_stop_it_begins_at_the_edge) {
  Caught caught;
  caught.branch.link();
  give_frames(caught.upstream, 0, kRate, kRate);
  caught.branch.wait_bytes(kRate * kFrame);
  caught.branch.forget();

  // The recording goes on meanwhile, and a stop beyond the edge is the edge.
  for (const gint64 stop : {gint64{-2}, time_of(10 * kRate)}) {
    GstEvent* event = gst_event_new_seek(-1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                         GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, stop);
    const guint32 seqnum = gst_event_get_seqnum(event);
    ck_assert(caught.branch.send(event));
    caught.branch.wait_eos();
    const auto buffers = buffers_of(caught.branch, seqnum);
    demand_backwards(buffers, 0, kRate, kRate);
    ck_assert_uint_eq(buffers.front().segment.stop, time_of(kRate));
    ck_assert_uint_eq(rendered_at(buffers.front()), buffers.front().segment.base);
    caught.branch.forget();
  }
  // Nothing of it is there.
  ck_assert_uint_eq(
      seek_rate(caught.branch, -1, GST_SEEK_FLAG_FLUSH, time_of(2 * kRate), time_of(3 * kRate)),
      GST_SEQNUM_INVALID);
  ck_assert_uint_eq(caught.branch.count(GST_EVENT_FLUSH_START), 0);
}
END_TEST

START_TEST(end_counts_from_the_end) {
  Caught caught;
  caught.all();
  GstEvent* event = gst_event_new_seek(-1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_END,
                                       -2 * time_of(kRate), GST_SEEK_TYPE_END, -time_of(kRate));
  const guint32 seqnum = gst_event_get_seqnum(event);
  ck_assert(caught.branch.send(event));
  caught.branch.wait_eos();

  demand_backwards(buffers_of(caught.branch, seqnum), kFrames - 2 * kRate, kFrames - kRate, kRate);
}
END_TEST

START_TEST(runs_and_gaps_keep_their_times) {
  Caught caught;
  caught.branch.link();
  // Three runs of a second; a second is missing before each but the first.
  for (std::uint64_t run = 0; run < 3; ++run) {
    give_frames(caught.upstream, run * 2 * kRate, kRate, kRate);
  }
  caught.upstream.eos();
  caught.branch.wait_eos();
  caught.branch.forget();
  const guint32 seqnum = caught.back(-1, time_of(kRate / 2), time_of(4 * kRate + kRate / 2));
  caught.branch.wait_eos();

  std::uint64_t top = 4 * kRate + kRate / 2;
  unsigned disconts = 0;
  for (const Arrival& one : buffers_of(caught.branch, seqnum)) {
    const std::uint64_t first = first_frame(one.buffer.get());
    if (top % (2 * kRate) == 0) top -= kRate;  // over the gap
    ck_assert_uint_eq(first + frame_count(one.buffer.get()), top);
    ck_assert_uint_eq(GST_BUFFER_PTS(one.buffer.get()), time_of_frame(first, kRate));
    if (GST_BUFFER_IS_DISCONT(one.buffer.get())) ++disconts;
    top = first;
  }
  ck_assert_uint_eq(top, kRate / 2);
  ck_assert_uint_eq(disconts, 3);
}
END_TEST

START_TEST(a_stop_in_a_gap_leaves_the_gap_out) {
  Caught caught;
  caught.branch.link();
  give_frames(caught.upstream, 0, kRate, kRate);
  give_frames(caught.upstream, 2 * kRate, kRate, kRate);
  caught.upstream.eos();
  caught.branch.wait_eos();
  caught.branch.forget();

  const guint32 seqnum = caught.back(-1, 0, time_of(kRate + kRate / 2));
  caught.branch.wait_eos();
  const auto buffers = buffers_of(caught.branch, seqnum);
  demand_backwards(buffers, 0, kRate, kRate);
  ck_assert_uint_eq(rendered_at(buffers.front()),
                    buffers.front().segment.base + time_of(kRate / 2));
}
END_TEST

START_TEST(caps_and_events_are_those_of_then) {
  Caught caught;
  caught.branch.link();
  give_frames(caught.upstream, 0, kRate, kRate);
  caught.upstream.send(gst_event_new_gap(time_of(kRate), 0));
  // The same format in another order of channels: it lies in one run.
  std::string other = frame_caps(kRate);
  other.replace(other.find("(bitmask)3"), 10, "(bitmask)6");
  caught.upstream.set_caps(other.c_str());
  give_frames(caught.upstream, kRate, kRate, kRate);
  caught.upstream.eos();
  caught.branch.wait_eos();
  caught.branch.forget();

  const guint32 seqnum = caught.back(-1, 0, time_of(2 * kRate));
  caught.branch.wait_eos();
  ck_assert_text(caught.branch.story(),
                 "flush-start flush-stop segment buffer gap caps buffer eos");
  demand_backwards(buffers_of(caught.branch, seqnum), 0, 2 * kRate, kRate);
  std::uint64_t from = 2 * kRate;
  gint mask = 6;  // downstream has these caps already
  for (const Arrival& one : caught.branch.arrivals()) {
    if (one.buffer != nullptr) {
      from = first_frame(one.buffer.get());
      ck_assert_int_eq(mask, from >= kRate ? 6 : 3);
    } else if (GST_EVENT_TYPE(one.event.get()) == GST_EVENT_CAPS) {
      GstCaps* caps = nullptr;
      gst_event_parse_caps(one.event.get(), &caps);
      guint64 bits = 0;
      gst_structure_get(gst_caps_get_structure(caps, 0), "channel-mask", GST_TYPE_BITMASK, &bits,
                        nullptr);
      mask = static_cast<gint>(bits);
    }
  }
}
END_TEST

constexpr guint64 kWindow = 256 * 1024;

START_TEST(what_is_evicted_on_the_way_is_the_end) {
  Caught caught(kWindow);
  caught.branch.link();
  give_frames(caught.upstream, 0, kRate, kRate);
  caught.branch.wait_bytes(kRate * kFrame);
  caught.branch.forget();
  caught.branch.admit(2);
  const guint32 seqnum = caught.back(-1, 0, time_of(kRate));
  caught.branch.wait_blocked();
  // All that it had still to play goes.
  give_frames(caught.upstream, kRate, 3 * kRate, kRate);
  caught.branch.unblock();
  caught.branch.wait_eos();

  const auto buffers = buffers_of(caught.branch, seqnum);
  ck_assert_uint_eq(buffers.size(), 3);
  demand_backwards(buffers, first_frame(buffers.back().buffer.get()), kRate, kRate);
  caught.tee.demand_no_error();
}
END_TEST

START_TEST(it_plays_down_to_the_oldest_that_is_kept) {
  Caught caught(kWindow);
  caught.branch.link();
  give_frames(caught.upstream, 0, 4 * kRate, kRate);
  caught.branch.wait_event(GST_EVENT_SEGMENT);
  const guint32 seqnum = caught.back(-1, 0, time_of(4 * kRate));
  caught.branch.wait_eos();

  const auto buffers = buffers_of(caught.branch, seqnum);
  const std::uint64_t from = first_frame(buffers.back().buffer.get());
  ck_assert_uint_gt(from, 4 * kRate - kWindow / kFrame - 1);
  ck_assert_uint_lt(from, 4 * kRate - kWindow / kFrame / 2);
  demand_backwards(buffers, from, 4 * kRate, kRate);
}
END_TEST

START_TEST(on_evicted_error_says_so) {
  Caught caught(kWindow);
  caught.branch.set_text("on-evicted", "error");
  caught.branch.link();
  give_frames(caught.upstream, 0, kRate / 2, kRate);
  caught.branch.wait_bytes(kRate / 2 * kFrame);
  caught.branch.forget();
  caught.branch.admit(2);
  caught.back(-1, 0, time_of(kRate / 2));
  caught.branch.wait_blocked();
  give_frames(caught.upstream, kRate / 2, 3 * kRate, kRate);
  caught.branch.unblock();

  const PostedError error = caught.tee.wait_error();
  ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
}
END_TEST

START_TEST(the_writer_waits_for_who_goes_backwards) {
  Caught caught(kWindow);
  caught.tee.to(GST_STATE_READY);
  caught.tee.set_text("when-full", "block");
  caught.tee.to(GST_STATE_PLAYING);
  caught.upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  caught.branch.link();
  give_frames(caught.upstream, 0, kRate, kRate);
  caught.branch.wait_bytes(kRate * kFrame);
  caught.branch.forget();
  caught.branch.block();
  const guint32 seqnum = caught.back(-1, 0, time_of(kRate));
  caught.branch.wait_blocked();
  const std::jthread writer([&] { give_frames(caught.upstream, kRate, 3 * kRate, kRate); });
  caught.branch.unblock();
  caught.branch.wait_eos();
  demand_backwards(buffers_of(caught.branch, seqnum), 0, kRate, kRate);

  // At its end it holds nobody back, and the writer waits for whoever plays on.
  caught.branch.forget();
  caught.back(1, time_of(kRate), -2);
  caught.branch.wait_bytes(3 * kRate * kFrame);
}
END_TEST

START_TEST(a_segment_seek_is_done_at_its_start) {
  Caught caught;
  caught.all();
  const guint32 seqnum = caught.back(-1, time_of(kRate), time_of(2 * kRate),
                                     GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_SEGMENT);
  caught.branch.wait_event(GST_EVENT_SEGMENT_DONE);

  demand_backwards(buffers_of(caught.branch, seqnum), kRate, 2 * kRate, kRate);
  gint64 position = 0;
  gst_event_parse_segment_done(caught.branch.last_event(GST_EVENT_SEGMENT_DONE).get(), nullptr,
                               &position);
  ck_assert_int_eq(position, time_of(kRate));
  ck_assert_uint_eq(caught.branch.count(GST_EVENT_EOS), 0);

  // There and back again, without a gap.
  const GstClockTime ended = rendered_until(buffers_of(caught.branch, seqnum).back());
  const guint32 again =
      seek_rate(caught.branch, 1, GST_SEEK_FLAG_SEGMENT, time_of(kRate), time_of(2 * kRate));
  caught.branch.wait_event(GST_EVENT_SEGMENT_DONE, 2);
  ck_assert_uint_eq(rendered_at(buffers_of(caught.branch, again).front()), ended);
}
END_TEST

START_TEST(position_and_lag_go_backwards) {
  Caught caught;
  caught.all();
  std::atomic<gint64> last = time_of(kFrames);
  caught.branch.looks([&](const Arrival& one) {
    // What is being pushed is still to be played.
    const auto position = caught.branch.value<gint64>("position");
    demand(position == last, "the position is where the pieces meet", position);
    gint64 queried = -1;
    demand(gst_pad_peer_query_position(caught.branch.sink(), GST_FORMAT_TIME, &queried) &&
               queried == position,
           "POSITION tells the same", queried);
    const auto lag = caught.branch.value<guint64>("lag-time");
    demand(static_cast<gint64>(lag) == time_of(kFrames) - position, "it lags more and more", lag);
    demand(
        caught.branch.value<guint64>("lag-bytes") == (kFrames - frame_at(position, kRate)) * kFrame,
        "in bytes too");
    last = static_cast<gint64>(GST_BUFFER_PTS(one.buffer.get()));
    return GST_FLOW_OK;
  });
  caught.back(-1, 0, time_of(kFrames));
  caught.branch.wait_eos();
  ck_assert_int_eq(caught.branch.value<gint64>("position"), 0);
}
END_TEST

START_TEST(bytes_are_not_played_backwards) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  tee.to(GST_STATE_PLAYING);
  branch.link();
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 100'000);
  branch.wait_bytes(100'000);

  ck_assert(!branch.send(gst_event_new_seek(-1, GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH,
                                            GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET, 50'000)));
  ck_assert_uint_eq(branch.count(GST_EVENT_FLUSH_START), 0);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_reverse",
      {{"samples",
        {each_sample_comes_once_from_the_end_to_the_beginning,
         start_and_stop_are_kept_to_the_sample, a_time_within_a_sample_is_kept_as_forwards,
         runs_and_gaps_keep_their_times, a_stop_in_a_gap_leaves_the_gap_out,
         caps_and_events_are_those_of_then}},
       {"segment",
        {running_time_goes_forward_while_stream_time_goes_back,
         without_a_stop_it_begins_at_the_edge, end_counts_from_the_end,
         a_segment_seek_is_done_at_its_start, position_and_lag_go_backwards,
         bytes_are_not_played_backwards}},
       {"window",
        {what_is_evicted_on_the_way_is_the_end, it_plays_down_to_the_oldest_that_is_kept,
         on_evicted_error_says_so, the_writer_waits_for_who_goes_backwards}}});
}
