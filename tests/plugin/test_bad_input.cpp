// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Input that cannot be recorded: one clear error, and what was caught before is played in full, by
// who is there and by who comes late. A channel that nobody writes to, or two, is in
// test_channel_wait.cpp; sizes that contradict each other are in test_settings.cpp.
#include "tests/support/channel.hpp"

#include "tests/support/frames.hpp"
#include "tests/support/plugin_check.hpp"

#include "tests/support/failing_new.hpp"

// A sanitizer's malloc says no, like another, to what cannot be had.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}
extern "C" const char* __tsan_default_options();
extern "C" const char* __tsan_default_options() {
  return "allocator_may_return_null=1";
}

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;
constexpr const char* kPackets = "audio/x-opus";

// A tee with one branch.
struct Bad {
  Element tee{"catchertee"};
  Upstream upstream{tee.get()};
  Branch branch{tee.get()};

  Bad() { branch.link(); }
  void begin(GstFormat format, const char* caps = nullptr) {
    tee.to(GST_STATE_PLAYING);
    upstream.begin(format, caps);
  }
};

struct Expected {
  GQuark domain;
  gint code;
  std::vector<const char*> words;  // in what to change
};

bool same_bytes(Branch& branch, const std::vector<std::byte>& caught) {
  branch.wait_eos();
  return branch.all_bytes() == caught;
}

// The error, once, and then what was caught: by the branch, by a late one, by both again after a
// seek.
void demand_refused(Bad& bad, const Expected& expected, const std::vector<std::byte>& caught) {
  const PostedError error = bad.tee.wait_error();
  demand(error.is(expected.domain, expected.code), error.text.c_str(),
         static_cast<std::uint64_t>(error.code));
  demand(error.from == GST_OBJECT_NAME(bad.tee.get()), error.from.c_str());
  demand(!error.text.empty() && error.text.back() == '.', error.text.c_str());
  for (const char* word : expected.words) {
    if (error.debug.find(word) == std::string::npos)
      give_up((error.debug + " lacks ").append(word).c_str());
  }
  demand(bad.upstream.push(pattern_buffer(0, 4096)) == GST_FLOW_ERROR, "nothing more is taken");
  bad.upstream.eos();

  demand(same_bytes(bad.branch, caught), "what was caught is played", bad.branch.bytes());
  Branch late(bad.tee.get());
  late.link();
  demand(same_bytes(late, caught), "what was caught is played late", late.bytes());
  demand(late.count(GST_EVENT_EOS) == 1 && bad.branch.count(GST_EVENT_EOS) == 1, "it ends once");
  bad.tee.demand_no_error();
}

std::vector<std::byte> audio(std::uint64_t frames_in_all) {
  std::vector<std::byte> all(frames_in_all * kFrame);
  const BufferPtr buffer = frames(0, frames_in_all, kRate);
  gst_buffer_extract(buffer.get(), 0, all.data(), all.size());
  return all;
}

BufferPtr packet(std::uint64_t offset, std::size_t size, GstClockTime time) {
  BufferPtr buffer = pattern_buffer(offset, size);
  GST_BUFFER_PTS(buffer.get()) = GST_BUFFER_DTS(buffer.get()) = time;
  GST_BUFFER_DURATION(buffer.get()) = 20 * GST_MSECOND;
  return buffer;
}

void give_packets(Upstream& upstream, int count) {
  for (int i = 0; i < count; ++i) {
    upstream.give(packet(static_cast<std::uint64_t>(i) * 100, 100,
                         static_cast<GstClockTime>(i) * 20 * GST_MSECOND));
  }
}

START_TEST(time_of_raw_audio_that_runs_backwards) {
  Bad bad;
  bad.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(bad.upstream, 0, 4096, kRate);

  ck_assert_int_eq(bad.upstream.push(frames(1024, 1024, kRate)), GST_FLOW_ERROR);

  demand_refused(bad, {GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, {"offset 16384", "PTS", "flush"}},
                 audio(4096));
}
END_TEST

START_TEST(time_of_packets_that_runs_backwards) {
  Bad bad;
  bad.begin(GST_FORMAT_TIME, kPackets);
  give_packets(bad.upstream, 10);

  ck_assert_int_eq(bad.upstream.push(packet(1000, 100, 100 * GST_MSECOND)), GST_FLOW_ERROR);

  demand_refused(bad, {GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, {"offset 1000", "DTS", "flush"}},
                 pattern(0, 1000));
}
END_TEST

START_TEST(a_pts_that_runs_backwards_in_packets_is_reordering_and_no_error) {
  Bad bad;
  bad.begin(GST_FORMAT_TIME, "video/x-h264");
  give_packets(bad.upstream, 10);
  BufferPtr reordered = packet(1000, 100, 200 * GST_MSECOND);
  GST_BUFFER_PTS(reordered.get()) = 150 * GST_MSECOND;

  bad.upstream.give(std::move(reordered));
  bad.upstream.eos();

  ck_assert(same_bytes(bad.branch, pattern(0, 1100)));
  bad.tee.demand_no_error();
}
END_TEST

// h264parse behind flvdemux: 0, 40, 80, 40, 80, 120 ms.
START_TEST(a_dts_that_steps_back_in_reordered_packets_is_that_of_the_one_before) {
  constexpr auto kTimes = std::to_array<GstClockTime>({0, 40, 80, 40, 80, 120});
  Bad bad;
  bad.begin(GST_FORMAT_TIME, "video/x-h264");
  for (std::size_t number = 0; number < kTimes.size(); ++number) {
    BufferPtr one = packet(number * 100, 100, kTimes[number] * GST_MSECOND);
    if (number != 0) GST_BUFFER_FLAG_SET(one.get(), GST_BUFFER_FLAG_DELTA_UNIT);
    bad.upstream.give(std::move(one));
  }
  bad.upstream.eos();

  ck_assert(same_bytes(bad.branch, pattern(0, 600)));
  std::string order;
  for (const Arrival& one : bad.branch.arrivals()) {
    if (one.buffer == nullptr) continue;
    order += std::to_string(GST_BUFFER_DTS(one.buffer.get()) / GST_MSECOND) + " ";
    order += std::to_string(GST_BUFFER_PTS(one.buffer.get()) / GST_MSECOND) + ", ";
  }
  ck_assert_text(order, "0 0, 40 40, 80 80, 80 40, 80 80, 120 120, ");
  bad.tee.demand_no_error();
}
END_TEST

START_TEST(a_dts_that_steps_back_far_in_reordered_packets) {
  Bad bad;
  bad.begin(GST_FORMAT_TIME, "video/x-h264");
  bad.upstream.give(packet(0, 100, 5 * GST_SECOND));
  BufferPtr far_back = packet(100, 100, 4 * GST_SECOND - 1);
  GST_BUFFER_FLAG_SET(far_back.get(), GST_BUFFER_FLAG_DELTA_UNIT);

  ck_assert_int_eq(bad.upstream.push(std::move(far_back)), GST_FLOW_ERROR);

  demand_refused(bad, {GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, {"offset 100", "DTS", "flush"}},
                 pattern(0, 100));
}
END_TEST

START_TEST(a_buffer_before_its_segment) {
  Bad bad;
  bad.tee.to(GST_STATE_PLAYING);
  bad.upstream.start_stream();

  // GStreamer warns as well.
  GstFlowReturn flow = GST_FLOW_OK;
  ASSERT_WARNING(flow = bad.upstream.push(pattern_buffer(0, 100)));

  ck_assert_int_eq(flow, GST_FLOW_ERROR);
  const PostedError error = bad.tee.wait_error();
  ck_assert(error.is(GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT));
  ck_assert(error.debug.find("SEGMENT") != std::string::npos);
  bad.branch.wait_eos();
  ck_assert_uint_eq(bad.branch.bytes(), 0);
  bad.tee.demand_no_error();
}
END_TEST

START_TEST(a_segment_in_another_format_later) {
  Bad bad;
  bad.begin(GST_FORMAT_BYTES);
  bad.upstream.give_pattern(0, 10'000);

  bad.upstream.set_segment(GST_FORMAT_TIME);

  demand_refused(bad,
                 {GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, {"offset 10000", "parser", "demuxer"}},
                 pattern(0, 10'000));
}
END_TEST

START_TEST(a_segment_that_is_neither_in_time_nor_in_bytes) {
  Bad bad;
  bad.begin(GST_FORMAT_DEFAULT);

  demand_refused(bad, {GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, {"offset 0", "time", "bytes"}},
                 {});
}
END_TEST

START_TEST(half_a_frame) {
  Bad bad;
  bad.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(bad.upstream, 0, 2048, kRate);
  BufferPtr half = frames(2048, 10, kRate);
  gst_buffer_set_size(half.get(), 38);

  ck_assert_int_eq(bad.upstream.push(std::move(half)), GST_FLOW_ERROR);

  demand_refused(bad, {GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT, {"38 bytes", "offset 8192", "4"}},
                 audio(2048));
}
END_TEST

START_TEST(a_packet_larger_than_the_window) {
  Bad bad;
  bad.tee.set("max-size-bytes", guint64{64 * 1024});
  bad.begin(GST_FORMAT_TIME, kPackets);
  give_packets(bad.upstream, 10);

  ck_assert_int_eq(bad.upstream.push(packet(1000, 65 * 1024, GST_SECOND)), GST_FLOW_ERROR);

  demand_refused(
      bad,
      {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT, {"66560", "max-size-bytes", "65536"}},
      pattern(0, 1000));
}
END_TEST

START_TEST(bytes_larger_than_the_window_pass_through_it) {
  Bad bad;
  bad.tee.set("max-size-bytes", guint64{64 * 1024});
  bad.begin(GST_FORMAT_BYTES);

  bad.upstream.give(pattern_buffer(0, 100 * 1024));
  bad.upstream.eos();

  bad.branch.wait_eos();
  bad.tee.demand_no_error();
  ck_assert_uint_le(bad.tee.value<guint64>("current-level-bytes"), 64 * 1024);
}
END_TEST

START_TEST(no_memory_for_the_first_chunk) {
  Bad bad;
  bad.tee.set("max-size-bytes", guint64{0}, "chunk-size", guint64{1} << 60);
  bad.tee.set_text("growth", "constant");
  bad.begin(GST_FORMAT_BYTES);

  ck_assert_int_eq(bad.upstream.push(pattern_buffer(0, 100)), GST_FLOW_ERROR);

  demand_refused(
      bad, {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT, {"offset 0", "chunk-size"}}, {});
}
END_TEST

START_TEST(no_memory_for_a_later_chunk) {
  Bad bad;
  bad.tee.set("chunk-size", guint64{10'000});
  bad.begin(GST_FORMAT_BYTES);
  bad.upstream.give_pattern(0, 9'000);
  BufferPtr more = pattern_buffer(9'000, 2'000);

  {
    const FailingNew failing(0);
    ck_assert_int_eq(bad.upstream.push(std::move(more)), GST_FLOW_ERROR);
  }

  demand_refused(
      bad,
      {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT, {"offset 10000", "max-size-bytes"}},
      pattern(0, 10'000));
}
END_TEST

START_TEST(no_memory_for_the_time_of_a_packet) {
  Bad bad;
  bad.begin(GST_FORMAT_TIME, kPackets);
  // Entries have chunks of their own, so that the bytes' chunk has room when they need another.
  std::uint64_t offset = 0;
  for (GstFlowReturn flow = GST_FLOW_OK;; ++offset) {
    demand(offset < 10'000, "memory is needed sometime", offset);
    BufferPtr next = packet(offset, 1, offset * GST_MSECOND);
    std::optional<FailingNew> failing;
    if (offset != 0) failing.emplace(0);
    flow = bad.upstream.push(std::move(next));
    if (flow != GST_FLOW_OK) break;
  }

  demand_refused(bad, {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT, {"max-size-bytes"}},
                 pattern(0, offset));
}
END_TEST

START_TEST(a_flush_of_upstream_makes_a_tee_that_failed_record_again) {
  Bad bad;
  bad.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(bad.upstream, 0, 2048, kRate);
  ck_assert_int_eq(bad.upstream.push(frames(0, 1024, kRate)), GST_FLOW_ERROR);
  bad.branch.wait_eos();
  bad.branch.forget();

  bad.upstream.send(gst_event_new_flush_start());
  bad.upstream.send(gst_event_new_flush_stop(TRUE));
  bad.upstream.set_segment(GST_FORMAT_TIME);
  give_frames(bad.upstream, 0, 1024, kRate);
  bad.upstream.eos();

  ck_assert(same_bytes(bad.branch, audio(1024)));
}
END_TEST

START_TEST(a_player_of_a_recording_that_broke_off_plays_it_all_and_then_says_so) {
  const NothingKept end;
  Writing writer("broken");
  writer.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  Playing early("broken");
  early.play();
  give_frames(writer.upstream, 0, 4096, kRate);
  early.branch.wait_bytes(4096 * kFrame);
  ck_assert_int_eq(writer.upstream.push(frames(0, 1024, kRate)), GST_FLOW_ERROR);
  Playing late("broken");
  late.play();

  for (Playing* player : {&early, &late}) {
    const PostedError error = player->element.wait_error();
    ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
    ck_assert(error.debug.find("16384") != std::string::npos);
    ck_assert(same_bytes(player->branch, audio(4096)));
    player->element.demand_no_error();
  }
  ck_assert(writer.element.wait_error().is(GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED));
  writer.element.demand_no_error();
}
END_TEST

START_TEST(an_element_upstream_that_fails) {
  const NothingKept end;
  Element pipeline = Element::launch(
      "fakesrc name=src sizetype=fixed sizemax=1000 filltype=pattern-span "
      "! identity name=fails error-after=6 ! catchertee name=tee channel=upstream-fails");
  const GstPtr<GstElement> tee = pipeline.child("tee");
  Branch branch(tee.get());
  branch.link();
  Playing player("upstream-fails");
  player.play();

  pipeline.to(GST_STATE_PLAYING);
  branch.wait_eos();
  player.branch.wait_eos();
  Branch late(tee.get());
  late.link();
  late.wait_eos();

  ck_assert(pipeline.wait_error().from == "fails");
  // The source says that it cannot go on; nobody else has anything to add.
  ck_assert(pipeline.wait_error().from == "src");
  pipeline.demand_no_error();
  player.element.demand_no_error();
  ck_assert_uint_ge(branch.bytes(), 4000);
  ck_assert(branch.all_bytes() == late.all_bytes());
  ck_assert(branch.all_bytes() == player.branch.all_bytes());
  branch.release();
  late.release();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "bad_input",
      {{"time",
        {time_of_raw_audio_that_runs_backwards, time_of_packets_that_runs_backwards,
         a_pts_that_runs_backwards_in_packets_is_reordering_and_no_error,
         a_dts_that_steps_back_in_reordered_packets_is_that_of_the_one_before,
         a_dts_that_steps_back_far_in_reordered_packets}},
       {"format",
        {a_buffer_before_its_segment, a_segment_in_another_format_later,
         a_segment_that_is_neither_in_time_nor_in_bytes, half_a_frame}},
       {"space",
        {a_packet_larger_than_the_window, bytes_larger_than_the_window_pass_through_it,
         no_memory_for_the_first_chunk, no_memory_for_a_later_chunk,
         no_memory_for_the_time_of_a_packet}},
       {"afterwards",
        {a_flush_of_upstream_makes_a_tee_that_failed_record_again,
         a_player_of_a_recording_that_broke_off_plays_it_all_and_then_says_so,
         an_element_upstream_that_fails}}});
}
