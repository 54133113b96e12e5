// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What packets carry besides bytes and times: metas, offsets and flags come out as they went in.
#include "tests/support/plugin_check.hpp"

#include <gst/audio/audio.h>
#include <gst/video/video.h>

#include "tests/support/app_sink.hpp"
#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

constexpr std::size_t kSize = 1000;
constexpr GstClockTime kLasts = 20 * GST_MSECOND;

BufferPtr packet(std::uint64_t number) {
  BufferPtr made = pattern_buffer(number * kSize, kSize);
  GST_BUFFER_PTS(made.get()) = number * kLasts;
  GST_BUFFER_DURATION(made.get()) = kLasts;
  return made;
}

class Packets {
 public:
  explicit Packets(guint64 window = 0) : tee("catchertee"), upstream(tee.get()), branch(tee.get()) {
    if (window != 0) tee.set("max-size-bytes", window);
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_TIME, "audio/x-test");
  }
  // Plays all, and returns the buffers.
  std::vector<BufferPtr> play() {
    upstream.eos();
    branch.link().wait_eos();
    return buffers();
  }
  std::vector<BufferPtr> buffers() const {
    std::vector<BufferPtr> found;
    for (Arrival& one : branch.arrivals()) {
      if (one.buffer != nullptr) found.push_back(std::move(one.buffer));
    }
    return found;
  }
  Element tee;
  Upstream upstream;
  Branch branch;
};

// All that comes out of a line's end.
std::vector<std::byte> heard(const char* between) {
  Element pipeline = Element::launch(
      std::string("audiotestsrc num-buffers=500 ! audio/x-raw,rate=48000 ! opusenc ! ") + between +
      "opusdec ! appsink name=out sync=false");
  AppSink sink(pipeline, "out");
  pipeline.to(GST_STATE_PLAYING);
  std::vector<std::byte> all = sink.pull_all();
  pipeline.demand_no_error();
  return all;
}

START_TEST(opus_is_heard_to_the_sample_as_without_it) {
  if (!has_element("opusenc") || !has_element("audiotestsrc")) return;
  const std::vector<std::byte> straight = heard("");
  const std::vector<std::byte> caught = heard("catchertee ! ");

  ck_assert_uint_gt(straight.size(), 500 * 1024);
  ck_assert_uint_eq(caught.size(), straight.size());
  ck_assert(caught == straight);
}
END_TEST

START_TEST(metas_come_out_of_the_packets_that_they_were_on) {
  Packets packets;
  const CapsPtr reference(gst_caps_new_empty_simple("timestamp/x-test"));
  for (std::uint64_t number = 0; number < 100; ++number) {
    BufferPtr one = packet(number);
    if (number % 7 == 0) {
      gst_buffer_add_audio_clipping_meta(one.get(), GST_FORMAT_DEFAULT, number, number + 1);
      gst_buffer_add_reference_timestamp_meta(one.get(), reference.get(), number, kLasts);
    }
    packets.upstream.give(std::move(one));
  }

  const auto came = packets.play();

  ck_assert_uint_eq(came.size(), 100);
  for (std::uint64_t number = 0; number < 100; ++number) {
    const auto* clip = gst_buffer_get_audio_clipping_meta(came[number].get());
    const auto* time = gst_buffer_get_reference_timestamp_meta(came[number].get(), nullptr);
    ck_assert_int_eq(clip != nullptr, number % 7 == 0);
    ck_assert_int_eq(time != nullptr, number % 7 == 0);
    if (clip == nullptr) continue;
    ck_assert_uint_eq(clip->start, number);
    ck_assert_uint_eq(clip->end, number + 1);
    ck_assert_uint_eq(time->timestamp, number);
    ck_assert(time->reference == reference.get());
  }
}
END_TEST

START_TEST(a_seek_and_a_late_branch_get_the_metas_of_then) {
  Packets packets;
  for (std::uint64_t number = 0; number < 100; ++number) {
    BufferPtr one = packet(number);
    gst_buffer_add_audio_clipping_meta(one.get(), GST_FORMAT_DEFAULT, number, 0);
    packets.upstream.give(std::move(one));
  }
  packets.play();
  packets.branch.forget();
  packets.branch.seek(GST_FORMAT_TIME, 30 * kLasts);
  packets.branch.wait_eos();
  Branch late(packets.tee.get());
  late.set_text("start-from", "offset");
  late.set("start-offset", gint64{30 * kLasts});
  late.link().wait_eos();

  for (const Branch* branch : {&packets.branch, &late}) {
    std::uint64_t number = 30;
    for (const Arrival& one : branch->arrivals()) {
      if (one.buffer == nullptr) continue;
      const auto* clip = gst_buffer_get_audio_clipping_meta(one.buffer.get());
      ck_assert(clip != nullptr);
      ck_assert_uint_eq(clip->start, number++);
    }
    ck_assert_uint_eq(number, 100);
  }
}
END_TEST

START_TEST(metas_of_memory_that_is_not_kept_are_not_kept_either) {
  Packets packets;
  BufferPtr pooled(gst_buffer_new());
  BufferPtr one = packet(0);
  gst_buffer_add_parent_buffer_meta(one.get(), pooled.get());
  gst_buffer_add_video_meta(one.get(), GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_GRAY8, 10, 100);
  packets.upstream.give(std::move(one));

  ck_assert_int_eq(GST_MINI_OBJECT_REFCOUNT_VALUE(pooled.get()), 1);
  const auto came = packets.play();
  ck_assert(gst_buffer_get_parent_buffer_meta(came[0].get()) == nullptr);
  const GstVideoMeta* video = gst_buffer_get_video_meta(came[0].get());
  ck_assert(video != nullptr);
  ck_assert_int_eq(video->stride[0], 12);
}
END_TEST

START_TEST(metas_leave_with_the_window) {
  constexpr std::uint64_t kPackets = 20'000;
  Packets packets(256 * 1024);
  const CapsPtr reference(gst_caps_new_empty_simple("timestamp/x-test"));
  for (std::uint64_t number = 0; number < kPackets; ++number) {
    BufferPtr one = packet(number);
    gst_buffer_add_reference_timestamp_meta(one.get(), reference.get(), number, kLasts);
    packets.upstream.give(std::move(one));
  }
  // The window has 262 packets; entries leave a chunk of 256 at a time.
  ck_assert_int_le(GST_MINI_OBJECT_REFCOUNT_VALUE(reference.get()), 800);

  for (const BufferPtr& one : packets.play()) {
    const auto* time = gst_buffer_get_reference_timestamp_meta(one.get(), nullptr);
    ck_assert(time != nullptr);
    ck_assert_uint_eq(time->timestamp, GST_BUFFER_PTS(one.get()) / kLasts);
  }
}
END_TEST

START_TEST(offsets_come_out_as_they_went_in) {
  Packets packets;
  for (std::uint64_t number = 0; number < 1000; ++number) {
    BufferPtr one = packet(number);
    if (number >= 10 && number % 5 != 0) {
      GST_BUFFER_OFFSET(one.get()) = number * number;
      GST_BUFFER_OFFSET_END(one.get()) = number * 960;
    }
    packets.upstream.give(std::move(one));
  }

  const auto came = packets.play();

  for (std::uint64_t number = 0; number < 1000; ++number) {
    const bool has = number >= 10 && number % 5 != 0;
    ck_assert_uint_eq(GST_BUFFER_OFFSET(came[number].get()),
                      has ? number * number : GST_BUFFER_OFFSET_NONE);
    ck_assert_uint_eq(GST_BUFFER_OFFSET_END(came[number].get()),
                      has ? number * 960 : GST_BUFFER_OFFSET_NONE);
  }
}
END_TEST

START_TEST(flags_come_out_as_they_went_in) {
  constexpr auto kFlags = std::to_array<guint>(
      {GST_BUFFER_FLAG_DECODE_ONLY, GST_BUFFER_FLAG_DISCONT, GST_BUFFER_FLAG_RESYNC,
       GST_BUFFER_FLAG_CORRUPTED, GST_BUFFER_FLAG_MARKER, GST_BUFFER_FLAG_HEADER,
       GST_BUFFER_FLAG_GAP, GST_BUFFER_FLAG_DROPPABLE, GST_BUFFER_FLAG_DELTA_UNIT,
       GST_BUFFER_FLAG_NON_DROPPABLE, GST_VIDEO_BUFFER_FLAG_INTERLACED, GST_VIDEO_BUFFER_FLAG_TFF});
  guint looked_at = 0;
  for (const guint flag : kFlags) looked_at |= flag;
  Packets packets;
  packets.upstream.give(packet(0));  // which is a discontinuity anyway
  for (std::size_t number = 0; number < kFlags.size(); ++number) {
    BufferPtr one = packet(1 + number);
    GST_BUFFER_FLAG_SET(one.get(), kFlags[number]);
    packets.upstream.give(std::move(one));
  }

  const auto came = packets.play();

  for (std::size_t number = 0; number < kFlags.size(); ++number) {
    ck_assert_uint_eq(GST_BUFFER_FLAGS(came[1 + number].get()) & looked_at, kFlags[number]);
  }
}
END_TEST

// Theora says so that a picture stays, and subtitles that nothing is shown.
START_TEST(an_empty_packet_is_a_packet) {
  const auto is_empty = [](std::uint64_t number) { return number % 3 != 0 || number > 95; };
  Packets packets;
  for (std::uint64_t number = 0; number < 100; ++number) {
    BufferPtr one = packet(number);
    if (is_empty(number)) gst_buffer_remove_all_memory(one.get());
    gst_buffer_add_audio_clipping_meta(one.get(), GST_FORMAT_DEFAULT, number, 0);
    packets.upstream.give(std::move(one));
  }
  const auto came = packets.play();
  packets.branch.forget();
  packets.branch.seek(GST_FORMAT_TIME, 50 * kLasts);
  packets.branch.wait_eos();
  const auto sought = packets.buffers();

  ck_assert_uint_eq(came.size(), 100);
  ck_assert_uint_eq(sought.size(), 50);
  for (const auto* all : {&came, &sought}) {
    std::uint64_t number = 100 - all->size();
    for (const BufferPtr& one : *all) {
      ck_assert_uint_eq(gst_buffer_get_size(one.get()), is_empty(number) ? 0 : kSize);
      ck_assert_uint_eq(GST_BUFFER_PTS(one.get()), number * kLasts);
      ck_assert_uint_eq(GST_BUFFER_DURATION(one.get()), kLasts);
      ck_assert_uint_eq(gst_buffer_get_audio_clipping_meta(one.get())->start, number);
      ++number;
    }
  }
}
END_TEST

// An event keeps its place between empty packets, and who joins behind them begins there.
START_TEST(empty_packets_have_places_of_their_own) {
  Packets packets;
  const auto give_empty = [&](std::uint64_t number) {
    BufferPtr one = packet(number);
    gst_buffer_remove_all_memory(one.get());
    packets.upstream.give(std::move(one));
  };
  packets.branch.link();
  packets.upstream.give(packet(0));
  give_empty(1);
  packets.branch.wait_buffers(2);
  packets.upstream.send(gst_event_new_gap(2 * kLasts, kLasts));
  give_empty(3);
  Branch late(packets.tee.get());
  late.set_text("start-from", "edge");
  late.link().wait_event(GST_EVENT_SEGMENT);
  give_empty(4);
  packets.upstream.eos();
  packets.branch.wait_eos();
  late.wait_eos();

  ck_assert_text(packets.branch.story(), "stream-start caps segment buffer gap buffer eos");
  ck_assert_uint_eq(packets.buffers().size(), 4);
  std::string joined;
  for (const Arrival& one : late.arrivals()) {
    if (one.buffer != nullptr) joined += std::to_string(GST_BUFFER_PTS(one.buffer.get()) / kLasts);
  }
  ck_assert_text(joined, "4");
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_packets",
      {{"metas",
        {opus_is_heard_to_the_sample_as_without_it, metas_come_out_of_the_packets_that_they_were_on,
         a_seek_and_a_late_branch_get_the_metas_of_then,
         metas_of_memory_that_is_not_kept_are_not_kept_either, metas_leave_with_the_window}},
       {"offsets", {offsets_come_out_as_they_went_in}},
       {"flags", {flags_come_out_as_they_went_in}},
       {"empty", {an_empty_packet_is_a_packet, empty_packets_have_places_of_their_own}}});
}
