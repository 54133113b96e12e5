// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Limits in time and on upstream's lead: max-size-time, read-ahead-bytes and read-ahead-time.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/follower.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;

// How long the window is by SEEKING; 0 while nothing is there.
GstClockTime span_of(Branch& branch, gint64* oldest = nullptr) {
  const QueryPtr query(gst_query_new_seeking(GST_FORMAT_TIME));
  gboolean is = FALSE;
  gint64 start = 0;
  gint64 end = 0;
  if (!branch.query(query)) return 0;
  gst_query_parse_seeking(query.get(), nullptr, &is, &start, &end);
  if (oldest != nullptr) *oldest = start;
  return is ? static_cast<GstClockTime>(end - start) : 0;
}

START_TEST(raw_audio_is_kept_for_the_time_asked) {
  constexpr GstClockTime kKept = 2 * GST_SECOND;
  constexpr std::uint64_t kBuffer = 480;  // 10 ms
  const Audio audio = coded_audio(12 * kRate, kRate);
  Element tee("catchertee");
  tee.set("max-size-time", guint64{kKept});
  Upstream upstream(tee.get());
  const Follower follower(audio);
  Branch branch(tee.get());
  branch.looks(follower).keeps_none().link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());

  for (std::uint64_t frame = 0; frame < audio.frames(); frame += kBuffer) {
    upstream.give(frames(frame, kBuffer, kRate));
    const GstClockTime caught = time_of_frame(frame + kBuffer, kRate);
    branch.wait_buffers(1);
    const GstClockTime span = span_of(branch);
    ck_assert_uint_ge(span, std::min(caught, kKept));
    ck_assert_uint_le(span, kKept + kKept / 8 + 10 * GST_MSECOND);
  }

  // The oldest can be played, from its very sample.
  gint64 oldest = -1;
  ck_assert_uint_gt(span_of(branch, &oldest), 0);
  const guint32 seqnum = branch.seek(GST_FORMAT_TIME, static_cast<std::uint64_t>(oldest));
  branch.wait_after(seqnum);
  ck_assert(follower.first_of(seqnum) == frame_at(static_cast<GstClockTime>(oldest), kRate));
  ck_assert_uint_eq(tee.value<guint64>("current-level-time"), span_of(branch));
}
END_TEST

BufferPtr packet(std::uint64_t number, std::size_t size, GstClockTime lasts) {
  BufferPtr buffer = pattern_buffer(number * size, size);
  GST_BUFFER_PTS(buffer.get()) = GST_BUFFER_DTS(buffer.get()) = number * lasts;
  GST_BUFFER_DURATION(buffer.get()) = lasts;
  return buffer;
}

START_TEST(packets_are_kept_for_the_time_asked) {
  constexpr GstClockTime kKept = 4 * GST_SECOND;
  constexpr GstClockTime kPacket = 20 * GST_MSECOND;
  Element tee("catchertee");
  tee.set("max-size-time", guint64{kKept});
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.keeps_none().link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, "audio/x-test");

  for (std::uint64_t number = 0; number < 1000; ++number) {
    upstream.give(packet(number, 100, kPacket));
    branch.wait_buffers(1);
    const GstClockTime span = span_of(branch);
    ck_assert_uint_ge(span, std::min((number + 1) * kPacket, kKept));
    ck_assert_uint_le(span, kKept + kKept / 8 + kPacket);
  }
}
END_TEST

START_TEST(upstream_runs_no_further_ahead_than_read_ahead_bytes) {
  constexpr std::uint64_t kAhead = 100'000;
  constexpr std::uint64_t kAll = 1'000'000;
  Element tee("catchertee");
  tee.set("read-ahead-bytes", guint64{kAhead});
  Upstream upstream(tee.get());
  std::atomic<std::uint64_t> begun = 0;  // by the branch, before it counts as played
  Branch branch(tee.get());
  branch
      .looks([&](const Arrival& one) {
        begun = GST_BUFFER_OFFSET_END(one.buffer.get());
        return GST_FLOW_OK;
      })
      .admit(1);
  branch.link();
  tee.to(GST_STATE_PLAYING);

  std::jthread feeder([&] {
    upstream.begin(GST_FORMAT_BYTES);
    for (std::uint64_t offset = 0; offset < kAll; offset += 4000) {
      upstream.give(pattern_buffer(offset, 4000));
      demand(offset <= begun + kAhead + 4000, "upstream waits for the furthest", offset);
    }
    upstream.eos();
  });
  branch.wait_blocked();
  branch.unblock();
  feeder.join();
  branch.wait_eos();

  const auto all = branch.all_bytes();
  ck_assert_uint_eq(all.size(), kAll);
  ck_assert(is_pattern(all, 0));
}
END_TEST

START_TEST(upstream_runs_no_further_ahead_than_read_ahead_time) {
  constexpr std::uint64_t kAhead = kRate / 2;  // frames
  const Audio audio = coded_audio(10 * kRate, kRate);
  Element tee("catchertee");
  tee.set("read-ahead-time", guint64{GST_SECOND / 2});
  Upstream upstream(tee.get());
  const Follower follower(audio);
  Branch branch(tee.get());
  branch.looks(follower).keeps_none().admit(1);
  branch.link();
  tee.to(GST_STATE_PLAYING);

  std::jthread feeder([&] {
    upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
    for (std::uint64_t frame = 0; frame < audio.frames(); frame += 480) {
      upstream.give(frames(frame, 480, kRate));
      demand(frame <= follower.next() + kAhead + 480, "upstream waits for the furthest", frame);
    }
    upstream.eos();
  });
  branch.wait_blocked();
  branch.unblock();
  feeder.join();
  branch.wait_eos();

  ck_assert_uint_eq(follower.total(), audio.frames());
}
END_TEST

START_TEST(a_flush_sets_an_upstream_free_that_is_far_ahead) {
  Element tee("catchertee");
  tee.set("read-ahead-bytes", guint64{1000});
  Upstream upstream(tee.get());
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 4000);
  GstFlowReturn flow = GST_FLOW_OK;
  std::jthread feeder([&] { flow = upstream.push(pattern_buffer(4000, 4000)); });

  upstream.send(gst_event_new_flush_start());
  feeder.join();

  ck_assert_int_eq(flow, GST_FLOW_FLUSHING);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_limits",
      {{"max_size_time",
        {raw_audio_is_kept_for_the_time_asked, packets_are_kept_for_the_time_asked}},
       {"read_ahead",
        {upstream_runs_no_further_ahead_than_read_ahead_bytes,
         upstream_runs_no_further_ahead_than_read_ahead_time,
         a_flush_sets_an_upstream_free_that_is_far_ahead}}});
}
