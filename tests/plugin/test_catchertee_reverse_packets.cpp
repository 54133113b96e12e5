// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Rates below 0 of packets: groups from back to front, the packets of each in their order; and
// trick modes that play key units alone, in both directions.
#include "tests/support/plugin_check.hpp"

#include <cstring>
#include <map>

#include "tests/support/app_sink.hpp"
#include "tests/support/reverse.hpp"

namespace {

using namespace catcher::test;

constexpr GstClockTime kLasts = 100 * GST_MSECOND;
constexpr std::size_t kSize = 100;
constexpr std::uint64_t kGop = 10, kCount = 60;

gint64 begin_of(std::uint64_t number) {
  return static_cast<gint64>(number * kLasts);
}

BufferPtr packet(std::uint64_t number, GstClockTime lasts = kLasts) {
  BufferPtr made = pattern_buffer(number * kSize, kSize);
  GST_BUFFER_PTS(made.get()) = number * lasts;
  GST_BUFFER_DURATION(made.get()) = lasts;
  return made;
}

std::uint64_t number_of(const Arrival& one, GstClockTime lasts = kLasts) {
  const std::uint64_t number = GST_BUFFER_PTS(one.buffer.get()) / lasts;
  GstMapInfo map;
  demand(gst_buffer_map(one.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
  const auto bytes = std::as_bytes(std::span(map.data, map.size));
  demand(map.size == kSize && is_pattern(bytes, number * kSize), "each has its bytes", number);
  gst_buffer_unmap(one.buffer.get(), &map);
  return number;
}

class Packets {
 public:
  explicit Packets(guint64 window = 0) : tee("catchertee"), upstream(tee.get()), branch(tee.get()) {
    if (window != 0) tee.set("max-size-bytes", window);
    tee.to(GST_STATE_PLAYING);
    branch.link();
  }
  // GOPs of ten, as of video without B-frames.
  Packets& video(std::uint64_t count = kCount) {
    upstream.begin(GST_FORMAT_TIME, "video/x-test");
    for (std::uint64_t number = 0; number < count; ++number) {
      BufferPtr one = packet(number);
      if (number % kGop != 0) GST_BUFFER_FLAG_SET(one.get(), GST_BUFFER_FLAG_DELTA_UNIT);
      upstream.give(std::move(one));
    }
    return *this;
  }
  Packets& end() {
    upstream.eos();
    branch.wait_eos();
    branch.forget();
    return *this;
  }
  std::vector<Arrival> play(double rate, gint64 start, gint64 stop, int flags = 0) {
    branch.forget();
    const guint32 seqnum = seek_rate(branch, rate, GST_SEEK_FLAG_FLUSH | flags, start, stop);
    demand(seqnum != GST_SEQNUM_INVALID, "the seek is taken");
    branch.wait_eos();
    return buffers_of(branch, seqnum);
  }
  Element tee;
  Upstream upstream;
  Branch branch;
};

// Ends the test unless groups [number, end) came, each in its order, with DISCONT at its beginning.
void demand_groups(const std::vector<Arrival>& buffers,
                   const std::vector<std::pair<std::uint64_t, std::uint64_t>>& groups) {
  std::size_t at = 0;
  for (const auto& [from, to] : groups) {
    for (std::uint64_t number = from; number < to; ++number, ++at) {
      demand(at < buffers.size(), "so many come", number);
      demand(number_of(buffers[at]) == number, "it is that one's turn", number);
      const bool first = number == from;
      demand(GST_BUFFER_IS_DISCONT(buffers[at].buffer.get()) == first, "a group begins", number);
    }
  }
  demand(at == buffers.size(), "no more come", at);
}

START_TEST(groups_come_from_back_to_front) {
  Packets packets;
  packets.video().end();

  demand_groups(packets.play(-1, 0, begin_of(kCount)),
                {{50, 60}, {40, 50}, {30, 40}, {20, 30}, {10, 20}, {0, 10}});
  // From within a group to within another: the decoder clips.
  demand_groups(packets.play(-1, begin_of(14), begin_of(35)), {{30, 35}, {20, 30}, {10, 20}});
  demand_groups(packets.play(-1, begin_of(20), begin_of(30)), {{20, 30}});
  demand_groups(packets.play(-1, begin_of(20), begin_of(30) + 1), {{30, 31}, {20, 30}});
}
END_TEST

START_TEST(running_time_counts_back_from_the_stop) {
  Packets packets;
  packets.video().end();
  const auto buffers = packets.play(-2, begin_of(10), begin_of(30));

  const GstSegment& segment = buffers.front().segment;
  ck_assert_uint_eq(segment.start, begin_of(10));
  ck_assert_uint_eq(segment.stop, begin_of(30));
  ck_assert(segment.rate == -2);
  for (const Arrival& one : buffers) {
    const std::uint64_t below = 30 - number_of(one) - 1;
    ck_assert_uint_eq(rendered_at(one), segment.base + below * kLasts / 2);
  }
}
END_TEST

START_TEST(reordered_frames_stay_in_the_order_of_decoding) {
  Packets packets;
  packets.upstream.begin(GST_FORMAT_TIME, "video/x-test");
  // I P B B P B B P B B, decoded in this order; each shown two later than decoded at the earliest.
  constexpr std::uint64_t kShown[] = {0, 3, 1, 2, 6, 4, 5, 9, 7, 8};
  for (std::uint64_t number = 0; number < 40; ++number) {
    BufferPtr one = pattern_buffer(number * kSize, kSize);
    GST_BUFFER_DTS(one.get()) = number * kLasts;
    GST_BUFFER_PTS(one.get()) = (number / 10 * 10 + kShown[number % 10] + 2) * kLasts;
    GST_BUFFER_DURATION(one.get()) = kLasts;
    if (number % 10 != 0) GST_BUFFER_FLAG_SET(one.get(), GST_BUFFER_FLAG_DELTA_UNIT);
    packets.upstream.give(std::move(one));
  }
  packets.end();

  std::vector<std::uint64_t> order;
  for (const Arrival& one : packets.play(-1, 0, begin_of(42))) {
    order.push_back(GST_BUFFER_DTS(one.buffer.get()) / kLasts);
  }
  std::vector<std::uint64_t> expected;
  for (const std::uint64_t group : {30, 20, 10, 0}) {
    for (std::uint64_t number = 0; number < 10; ++number) expected.push_back(group + number);
  }
  ck_assert(order == expected);
}
END_TEST

START_TEST(packets_of_audio_come_by_the_half_second) {
  Packets packets;
  constexpr GstClockTime kShort = 20 * GST_MSECOND;
  packets.upstream.begin(GST_FORMAT_TIME, "audio/x-test");
  for (std::uint64_t number = 0; number < 200; ++number) {
    packets.upstream.give(packet(number, kShort));
  }
  packets.end();
  const auto buffers = packets.play(-1, 0, 200 * kShort);

  ck_assert_uint_eq(buffers.size(), 200);
  std::uint64_t top = 200, in_group = 0, next = 0;
  for (const Arrival& one : buffers) {
    const std::uint64_t number = number_of(one, kShort);
    if (GST_BUFFER_IS_DISCONT(one.buffer.get())) {
      top -= in_group;
      in_group = 0;
    } else {
      ck_assert_uint_eq(number, next);
    }
    next = number + 1;
    ++in_group;
    if (top != 200 && number == 0) break;
    if (next == top) ck_assert_uint_ge(in_group, std::min<std::uint64_t>(top, 25));
  }
}
END_TEST

START_TEST(a_group_whose_key_unit_is_gone_is_not_played) {
  Packets packets(16 * 1024);
  packets.video(400);
  packets.branch.wait_buffers(1);
  const auto buffers = packets.play(-1, 0, begin_of(400));

  const std::uint64_t oldest = number_of(buffers[buffers.size() - kGop]);
  ck_assert_uint_eq(oldest % kGop, 0);
  ck_assert_uint_gt(oldest, 200);
  ck_assert_uint_eq(buffers.size(), 400 - oldest);
  packets.tee.demand_no_error();
}
END_TEST

START_TEST(each_group_has_the_caps_that_held_there) {
  Packets packets;
  packets.upstream.begin(GST_FORMAT_TIME, "video/x-test,width=1");
  for (std::uint64_t number = 0; number < 40; ++number) {
    if (number % 20 == 0 && number != 0) packets.upstream.set_caps("video/x-test,width=2");
    BufferPtr one = packet(number);
    if (number % kGop != 0) GST_BUFFER_FLAG_SET(one.get(), GST_BUFFER_FLAG_DELTA_UNIT);
    packets.upstream.give(std::move(one));
  }
  packets.end();
  demand_groups(packets.play(-1, 0, begin_of(40)), {{30, 40}, {20, 30}, {10, 20}, {0, 10}});

  ck_assert_text(packets.branch.story(), "flush-start flush-stop segment buffer caps buffer eos");
  gint width = 2;
  for (const Arrival& one : packets.branch.arrivals()) {
    if (one.buffer != nullptr) {
      ck_assert_int_eq(width, number_of(one) >= 20 ? 2 : 1);
    } else if (GST_EVENT_TYPE(one.event.get()) == GST_EVENT_CAPS) {
      GstCaps* caps = nullptr;
      gst_event_parse_caps(one.event.get(), &caps);
      gst_structure_get_int(gst_caps_get_structure(caps, 0), "width", &width);
    }
  }
}
END_TEST

START_TEST(a_change_of_rate_within_a_group_goes_on_with_the_next) {
  Packets packets;
  packets.video().end();
  unsigned pushed = 0;
  packets.branch.looks([&](const Arrival&) {
    if (++pushed == 13) {
      demand(seek_rate(packets.branch, -2, 0) != GST_SEQNUM_INVALID, "the rate can change");
    }
    return GST_FLOW_OK;
  });
  ck_assert_uint_ne(seek_rate(packets.branch, -1, GST_SEEK_FLAG_FLUSH, 0, begin_of(kCount)),
                    GST_SEQNUM_INVALID);
  packets.branch.wait_eos();

  std::vector<Arrival> before, after;
  for (Arrival& one : packets.branch.arrivals()) {
    if (one.buffer == nullptr) continue;
    (one.segment.rate == -1 ? before : after).push_back(std::move(one));
  }
  demand_groups(before, {{50, 60}, {40, 43}});
  demand_groups(after, {{30, 40}, {20, 30}, {10, 20}, {0, 10}});
  ck_assert_uint_eq(rendered_at(after[kGop - 1]), rendered_until(before[kGop]));
}
END_TEST

START_TEST(key_units_alone_are_played_both_ways) {
  Packets packets;
  packets.video().end();
  constexpr int kKeys = GST_SEEK_FLAG_TRICKMODE | GST_SEEK_FLAG_TRICKMODE_KEY_UNITS;

  demand_groups(packets.play(1, 0, -2, kKeys),
                {{0, 1}, {10, 11}, {20, 21}, {30, 31}, {40, 41}, {50, 51}});
  demand_groups(packets.play(4, begin_of(10), begin_of(31), kKeys), {{10, 11}, {20, 21}, {30, 31}});
  demand_groups(packets.play(-8, 0, begin_of(kCount), kKeys),
                {{50, 51}, {40, 41}, {30, 31}, {20, 21}, {10, 11}, {0, 1}});
  demand_groups(packets.play(-1, begin_of(15), begin_of(30), kKeys), {{20, 21}, {10, 11}});
}
END_TEST

START_TEST(key_units_are_played_as_they_come) {
  Packets packets;
  packets.video(25);
  packets.branch.wait_buffers(25);
  packets.branch.forget();
  ck_assert_uint_ne(
      seek_rate(packets.branch, 1, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_TRICKMODE_KEY_UNITS, 0),
      GST_SEQNUM_INVALID);
  packets.branch.wait_buffers(3);
  for (std::uint64_t number = 25; number < 45; ++number) {
    BufferPtr one = packet(number);
    if (number % kGop != 0) GST_BUFFER_FLAG_SET(one.get(), GST_BUFFER_FLAG_DELTA_UNIT);
    packets.upstream.give(std::move(one));
  }
  packets.upstream.eos();
  packets.branch.wait_eos();

  std::vector<Arrival> buffers;
  for (Arrival& one : packets.branch.arrivals()) {
    if (one.buffer != nullptr) buffers.push_back(std::move(one));
  }
  demand_groups(buffers, {{0, 1}, {10, 11}, {20, 21}, {30, 31}, {40, 41}});
}
END_TEST

START_TEST(flags_of_trick_modes_are_in_the_segment) {
  Packets packets;
  packets.video().end();
  for (const auto& [asked, carried] :
       {std::pair{GST_SEEK_FLAG_TRICKMODE, GST_SEGMENT_FLAG_TRICKMODE},
        std::pair{GST_SEEK_FLAG_TRICKMODE_KEY_UNITS, GST_SEGMENT_FLAG_TRICKMODE_KEY_UNITS},
        std::pair{GST_SEEK_FLAG_TRICKMODE_FORWARD_PREDICTED,
                  GST_SEGMENT_FLAG_TRICKMODE_FORWARD_PREDICTED},
        std::pair{GST_SEEK_FLAG_TRICKMODE_NO_AUDIO, GST_SEGMENT_FLAG_TRICKMODE_NO_AUDIO}}) {
    for (const double rate : {2.0, -2.0}) {
      const auto buffers = packets.play(rate, 0, begin_of(30), asked);
      ck_assert_uint_eq(buffers.front().segment.flags & GST_SEGMENT_INSTANT_FLAGS,
                        static_cast<guint>(carried));
    }
  }
  ck_assert_uint_eq(
      packets.play(1, 0, begin_of(30)).front().segment.flags & GST_SEGMENT_INSTANT_FLAGS, 0);
}
END_TEST

// What a decoder makes of a caught stream: data of each buffer by its time, in the order it came.
struct Decoded {
  std::vector<GstClockTime> order;
  std::map<GstClockTime, std::vector<std::byte>> by_time;
};

Decoded decoded(AppSink& sink) {
  Decoded all;
  while (const SamplePtr sample = sink.pull()) {
    GstBuffer* buffer = gst_sample_get_buffer(sample.get());
    all.order.push_back(GST_BUFFER_PTS(buffer));
    AppSink::append(all.by_time[GST_BUFFER_PTS(buffer)], buffer);
  }
  return all;
}

// The same packets, both ways.
struct Both {
  Both(const std::string& source, const char* decoder) {
    Element pipeline = Element::launch(source + " ! catchertee name=c ! " + decoder +
                                       " ! appsink name=out sync=false");
    AppSink sink(pipeline, "out");
    pipeline.to(GST_STATE_PLAYING);
    forward = decoded(sink);
    GstEvent* back = gst_event_new_seek(-1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET,
                                        0, GST_SEEK_TYPE_END, 0);
    demand(gst_element_send_event(sink.get(), back), "the decoder goes backwards");
    backward = decoded(sink);
    pipeline.demand_no_error();
  }
  Decoded forward, backward;
};

bool can_make(const char* encoder, const char* decoder) {
  const std::string name(encoder, std::strcspn(encoder, " "));
  return has_element(name.c_str()) && has_element(decoder);
}

void video_goes_backwards(const char* encoder, const char* decoder) {
  if (!has_element("videotestsrc") || !can_make(encoder, decoder)) return;
  const std::string source =
      "videotestsrc num-buffers=100 pattern=ball ! video/x-raw,format=I420,width=64,height=48,"
      "framerate=25/1 ! " +
      std::string(encoder);
  const auto [forward, backward] = Both(source, decoder);

  ck_assert_uint_eq(forward.order.size(), 100);
  ck_assert_uint_eq(backward.order.size(), 100);
  ck_assert(std::equal(forward.order.begin(), forward.order.end(), backward.order.rbegin()));
  ck_assert(forward.by_time == backward.by_time);
}

START_TEST(theora_is_seen_backwards_frame_by_frame) {
  video_goes_backwards("theoraenc keyframe-force=10 keyframe-freq=10", "theoradec");
}
END_TEST

START_TEST(vp8_is_seen_backwards_frame_by_frame) {
  video_goes_backwards("vp8enc deadline=1 keyframe-max-dist=10", "vp8dec");
}
END_TEST

// Buffers of audio come from back to front; most samples are those of playing forwards.
void audio_goes_backwards(const char* encoder, const char* decoder) {
  if (!has_element("audiotestsrc") || !can_make(encoder, decoder)) return;
  const std::string source =
      "audiotestsrc num-buffers=200 samplesperbuffer=960 wave=ticks ! audio/x-raw,rate=48000,"
      "channels=1 ! " +
      std::string(encoder);
  const auto [forward, backward] = Both(source, decoder);

  ck_assert(std::is_sorted(backward.order.rbegin(), backward.order.rend()));
  std::size_t played = 0, all = 0;
  for (const auto& [time, bytes] : forward.by_time) all += bytes.size();
  for (const auto& [time, bytes] : backward.by_time) played += bytes.size();
  ck_assert_uint_gt(played, all / 10 * 9);
  ck_assert_uint_le(backward.order.back(), 40 * GST_MSECOND);
  ck_assert_uint_ge(backward.order.front() + 40 * GST_MSECOND, forward.order.back());
}

START_TEST(vorbis_is_heard_backwards) {
  audio_goes_backwards("vorbisenc", "vorbisdec");
}
END_TEST

START_TEST(opus_is_heard_backwards) {
  audio_goes_backwards("opusenc", "opusdec");
}
END_TEST

START_TEST(flac_is_heard_backwards) {
  audio_goes_backwards("flacenc ! flacparse", "flacdec");
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_reverse_packets",
      {{"groups",
        {groups_come_from_back_to_front, running_time_counts_back_from_the_stop,
         reordered_frames_stay_in_the_order_of_decoding, packets_of_audio_come_by_the_half_second,
         a_group_whose_key_unit_is_gone_is_not_played, each_group_has_the_caps_that_held_there,
         a_change_of_rate_within_a_group_goes_on_with_the_next}},
       {"trick_modes",
        {key_units_alone_are_played_both_ways, key_units_are_played_as_they_come,
         flags_of_trick_modes_are_in_the_segment}},
       {"decoders",
        {theora_is_seen_backwards_frame_by_frame, vp8_is_seen_backwards_frame_by_frame,
         vorbis_is_heard_backwards, opus_is_heard_backwards, flac_is_heard_backwards}}});
}
