// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The BUFFERING query: which parts of a stream are really there.
#include "tests/support/channel.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;

using Ranges = std::vector<std::pair<gint64, gint64>>;

struct Answer {
  Ranges ranges;
  gint percent = -1;
  bool is_busy = false;
  gint64 start = 0, stop = 0, left = 0;
};

Answer buffering(Branch& branch, GstFormat format) {
  const QueryPtr query(gst_query_new_buffering(format));
  demand(branch.query(query), "BUFFERING is answered");
  Answer answer;
  gboolean busy = FALSE;
  gst_query_parse_buffering_percent(query.get(), &busy, &answer.percent);
  answer.is_busy = busy != FALSE;
  GstFormat answered = GST_FORMAT_UNDEFINED;
  gst_query_parse_buffering_range(query.get(), &answered, &answer.start, &answer.stop,
                                  &answer.left);
  demand(answered == format, "it is in the format that was asked for", answered);
  for (guint number = 0; number < gst_query_get_n_buffering_ranges(query.get()); ++number) {
    gint64 start = 0;
    gint64 stop = 0;
    gst_query_parse_nth_buffering_range(query.get(), number, &start, &stop);
    answer.ranges.emplace_back(start, stop);
  }
  return answer;
}

Ranges range(gint64 start, gint64 stop) {
  return {{start, stop}};
}

class Caught {
 public:
  Caught() : tee("catchertee"), upstream(tee.get()), branch(tee.get()) { branch.keeps_none(); }
  void play(GstFormat format, const char* caps = nullptr) {
    branch.link();
    tee.to(GST_STATE_PLAYING);
    upstream.begin(format, caps);
  }
  Element tee;
  Upstream upstream;
  Branch branch;
};

START_TEST(of_bytes_it_is_the_window) {
  Caught caught;
  caught.tee.set("max-size-bytes", guint64{64'000});
  caught.play(GST_FORMAT_BYTES);
  ck_assert(buffering(caught.branch, GST_FORMAT_BYTES).ranges.empty());

  caught.upstream.give_pattern(0, 50'000);
  ck_assert(buffering(caught.branch, GST_FORMAT_BYTES).ranges == range(0, 50'000));
  caught.upstream.give_pattern(50'000, 150'000);
  caught.branch.wait_bytes(1);

  const Answer answer = buffering(caught.branch, GST_FORMAT_BYTES);
  const auto kept = static_cast<gint64>(caught.tee.value<guint64>("current-level-bytes"));
  ck_assert(answer.ranges == range(200'000 - kept, 200'000));
  ck_assert_int_eq(answer.start, 200'000 - kept);
  ck_assert_int_eq(answer.stop, 200'000);
  ck_assert_int_eq(answer.left, -1);
  ck_assert_int_lt(kept, 64'001);
}
END_TEST

START_TEST(it_changes_nothing) {
  Caught caught;
  caught.play(GST_FORMAT_BYTES);
  caught.upstream.give_pattern(0, 10'000);
  caught.upstream.eos();
  caught.branch.wait_eos();  // only then does its place stand still
  const Answer once = buffering(caught.branch, GST_FORMAT_BYTES);
  for (int i = 0; i < 10; ++i) {
    const Answer again = buffering(caught.branch, GST_FORMAT_BYTES);
    ck_assert(again.ranges == once.ranges && again.percent == once.percent);
    ck_assert(!again.is_busy);
  }
  ck_assert_int_eq(caught.branch.value<gint64>("position"), 10'000);
  ck_assert(gst_bus_pop_filtered(caught.tee.bus(), GST_MESSAGE_BUFFERING) == nullptr);
}
END_TEST

START_TEST(a_part_of_the_whole_needs_the_length) {
  Caught caught;
  caught.play(GST_FORMAT_BYTES);
  caught.upstream.give_pattern(0, 50'000);
  ck_assert(buffering(caught.branch, GST_FORMAT_PERCENT).ranges.empty());

  caught.upstream.eos();
  caught.branch.wait_eos();

  const Answer answer = buffering(caught.branch, GST_FORMAT_PERCENT);
  ck_assert(answer.ranges == range(0, GST_FORMAT_PERCENT_MAX));
  ck_assert_int_eq(answer.percent, 100);
  ck_assert_int_eq(answer.left, 0);
}
END_TEST

START_TEST(a_part_of_the_whole_is_what_upstream_knows) {
  Caught caught;
  caught.upstream.knows_duration(GST_FORMAT_BYTES, 200'000);
  caught.play(GST_FORMAT_BYTES);
  caught.upstream.give_pattern(0, 50'000);

  ck_assert(buffering(caught.branch, GST_FORMAT_PERCENT).ranges ==
            range(0, GST_FORMAT_PERCENT_MAX / 4));
}
END_TEST

START_TEST(what_cannot_be_said_in_the_asked_format_is_left_out) {
  Caught caught;
  caught.play(GST_FORMAT_BYTES);
  caught.upstream.give_pattern(0, 50'000);

  const Answer answer = buffering(caught.branch, GST_FORMAT_TIME);

  ck_assert(answer.ranges.empty());
  ck_assert_int_eq(answer.start, -1);
  ck_assert_int_eq(answer.stop, -1);
}
END_TEST

START_TEST(of_raw_audio_it_is_exact_and_leaves_gaps_out) {
  Caught caught;
  caught.play(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(caught.upstream, 0, kRate, kRate);
  give_frames(caught.upstream, 3 * kRate, kRate / 2, kRate);
  const auto second = static_cast<gint64>(GST_SECOND);

  ck_assert(buffering(caught.branch, GST_FORMAT_TIME).ranges ==
            (Ranges{{0, second}, {3 * second, 3 * second + second / 2}}));
}
END_TEST

START_TEST(of_raw_audio_in_a_window_it_is_what_is_kept) {
  Caught caught;
  caught.tee.set("max-size-bytes", guint64{64'000});
  caught.play(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(caught.upstream, 0, kRate, kRate);

  const Answer answer = buffering(caught.branch, GST_FORMAT_TIME);

  const guint64 kept = caught.tee.value<guint64>("current-level-time");
  ck_assert(answer.ranges == range(static_cast<gint64>(GST_SECOND - kept), GST_SECOND));
}
END_TEST

constexpr GstClockTime kPacket = 20 * GST_MSECOND;

// Packet `number` in the order of decoding, shown as number `shown`.
BufferPtr packet(std::uint64_t number, std::uint64_t shown) {
  BufferPtr buffer = pattern_buffer(number * 100, 100);
  GST_BUFFER_DTS(buffer.get()) = number * kPacket;
  GST_BUFFER_PTS(buffer.get()) = shown * kPacket;
  GST_BUFFER_DURATION(buffer.get()) = kPacket;
  return buffer;
}

gint64 time_of(std::uint64_t number) {
  return static_cast<gint64>(number * kPacket);
}

START_TEST(of_packets_what_is_lost_is_not_there) {
  Caught caught;
  caught.play(GST_FORMAT_TIME, "audio/x-test");
  for (const std::uint64_t number : {0, 1, 2, 4, 5, 9}) {
    caught.upstream.give(packet(number, number));
  }

  ck_assert(buffering(caught.branch, GST_FORMAT_TIME).ranges ==
            (Ranges{{0, time_of(3)}, {time_of(4), time_of(6)}, {time_of(9), time_of(10)}}));
}
END_TEST

START_TEST(of_packets_out_of_order_there_is_one_range) {
  Caught caught;
  caught.play(GST_FORMAT_TIME, "video/x-test");
  const std::array<std::uint64_t, 7> shown = {0, 3, 1, 2, 6, 4, 5};
  for (std::uint64_t number = 0; number < 5; ++number) {
    caught.upstream.give(packet(number, shown[number]));
  }
  // The last one is shown after two that are still to come.
  ck_assert(buffering(caught.branch, GST_FORMAT_TIME).ranges ==
            (Ranges{{0, time_of(4)}, {time_of(6), time_of(7)}}));
  for (std::uint64_t number = 5; number < 7; ++number) {
    caught.upstream.give(packet(number, shown[number]));
  }

  ck_assert(buffering(caught.branch, GST_FORMAT_TIME).ranges == range(0, time_of(7)));
}
END_TEST

START_TEST(of_packets_without_durations_one_lasts_to_the_next) {
  Caught caught;
  caught.play(GST_FORMAT_TIME, "audio/x-test");
  for (std::uint64_t number = 0; number < 10; ++number) {
    BufferPtr buffer = packet(number, number);
    GST_BUFFER_DURATION(buffer.get()) = GST_CLOCK_TIME_NONE;
    caught.upstream.give(std::move(buffer));
  }

  ck_assert(buffering(caught.branch, GST_FORMAT_TIME).ranges == range(0, time_of(9)));
}
END_TEST

START_TEST(of_packets_in_a_window_it_is_what_is_kept) {
  Caught caught;
  caught.tee.set("max-size-bytes", guint64{64'000});
  caught.play(GST_FORMAT_TIME, "audio/x-test");
  for (std::uint64_t number = 0; number < 2000; ++number) {
    caught.upstream.give(packet(number, number));
  }

  const Answer answer = buffering(caught.branch, GST_FORMAT_TIME);

  const guint64 kept = caught.tee.value<guint64>("current-level-time");
  ck_assert_uint_le(kept, 640 * kPacket);
  ck_assert(answer.ranges == range(time_of(2000) - static_cast<gint64>(kept), time_of(2000)));
}
END_TEST

START_TEST(a_channel_says_it_too) {
  const NothingKept nothing_kept;
  Writing writing("asked");
  Playing playing("asked");
  writing.begin();
  playing.play();
  writing.upstream.give_pattern(0, 30'000);
  playing.branch.wait_bytes(30'000);

  ck_assert(buffering(playing.branch, GST_FORMAT_BYTES).ranges == range(0, 30'000));
  writing.end();
}
END_TEST

// ---- CONVERT ------------------------------------------------------------------------

std::optional<gint64> converted(Branch& branch, GstFormat from, gint64 value, GstFormat to) {
  gint64 result = 0;
  if (!gst_pad_peer_query_convert(branch.sink(), from, value, to, &result)) return std::nullopt;
  return result;
}

START_TEST(raw_audio_converts_between_time_bytes_and_frames) {
  Caught caught;
  caught.play(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(caught.upstream, 0, 480, kRate);
  caught.branch.wait_bytes(480 * kFrame);
  const auto second = static_cast<gint64>(GST_SECOND);

  ck_assert(converted(caught.branch, GST_FORMAT_TIME, second, GST_FORMAT_BYTES) == kRate * kFrame);
  ck_assert(converted(caught.branch, GST_FORMAT_TIME, second, GST_FORMAT_DEFAULT) == kRate);
  ck_assert(converted(caught.branch, GST_FORMAT_BYTES, kRate * kFrame, GST_FORMAT_TIME) == second);
  ck_assert(converted(caught.branch, GST_FORMAT_DEFAULT, kRate / 2, GST_FORMAT_TIME) == second / 2);
  ck_assert(converted(caught.branch, GST_FORMAT_DEFAULT, 10, GST_FORMAT_BYTES) == 10 * kFrame);
  ck_assert(!converted(caught.branch, GST_FORMAT_TIME, second, GST_FORMAT_BUFFERS));
}
END_TEST

START_TEST(nothing_else_converts) {
  Caught packets;
  packets.play(GST_FORMAT_TIME, "audio/x-test");
  packets.upstream.give(packet(0, 0));
  packets.branch.wait_buffers(1);
  ck_assert(!converted(packets.branch, GST_FORMAT_TIME, 1, GST_FORMAT_BYTES));

  Caught bytes;
  ck_assert(!converted(bytes.branch, GST_FORMAT_TIME, 1, GST_FORMAT_BYTES));
  bytes.play(GST_FORMAT_BYTES);
  bytes.upstream.give_pattern(0, 1000);
  bytes.branch.wait_bytes(1000);
  ck_assert(!converted(bytes.branch, GST_FORMAT_TIME, 1, GST_FORMAT_BYTES));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "buffering_query",
      {{"bytes",
        {of_bytes_it_is_the_window, it_changes_nothing, a_part_of_the_whole_needs_the_length,
         a_part_of_the_whole_is_what_upstream_knows,
         what_cannot_be_said_in_the_asked_format_is_left_out, a_channel_says_it_too}},
       {"time",
        {of_raw_audio_it_is_exact_and_leaves_gaps_out, of_raw_audio_in_a_window_it_is_what_is_kept,
         of_packets_what_is_lost_is_not_there, of_packets_out_of_order_there_is_one_range,
         of_packets_without_durations_one_lasts_to_the_next,
         of_packets_in_a_window_it_is_what_is_kept}},
       {"convert", {raw_audio_converts_between_time_bytes_and_frames, nothing_else_converts}}});
}
