// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a decoder is given before the packet that was asked for: which caps want how much, and where
// that is in a stream. Real decoders are in test_packet_media.cpp.
#include "tests/support/plugin_check.hpp"

#include "plugin/support/preroll.hpp"
#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;
using catcher::plugin::Preroll;
using catcher::plugin::preroll_of;

constexpr std::size_t kSize = 100;
constexpr GstClockTime kLasts = 20 * GST_MSECOND;
constexpr const char* kOpus = "audio/x-opus,channel-mapping-family=0";
constexpr const char* kVorbis = "audio/x-vorbis,rate=48000,channels=2";
constexpr const char* kMp3 = "audio/mpeg,mpegversion=1,layer=3";

Preroll of(const char* caps) {
  return preroll_of(CapsPtr(gst_caps_from_string(caps)).get());
}

START_TEST(each_codec_wants_what_its_packets_lean_on) {
  constexpr std::int64_t kOpusTime = 80 * GST_MSECOND;
  ck_assert(of(kOpus) == Preroll({0, kOpusTime}));
  ck_assert(of(kVorbis) == Preroll({1, 0}));
  ck_assert(of(kMp3) == Preroll({10, 0}));
  ck_assert(of("audio/mpeg,mpegversion=1,layer=3,mpegaudioversion=1") == Preroll({10, 0}));
  ck_assert(of("audio/mpeg,mpegversion=1,layer=3,mpegaudioversion=2") == Preroll({30, 0}));
  ck_assert(of("audio/mpeg,mpegversion=1,layer=3,mpegaudioversion=3") == Preroll({30, 0}));
  ck_assert(of("audio/mpeg,mpegversion=1,layer=2") == Preroll({1, 0}));
  ck_assert(of("audio/mpeg,mpegversion=4,stream-format=raw") == Preroll({3, 0}));
  ck_assert(of("audio/mpeg,mpegversion=2,stream-format=adts") == Preroll({3, 0}));
  ck_assert(of("audio/x-ac3") == Preroll({1, 0}));
  ck_assert(of("audio/x-eac3") == Preroll({1, 0}));
  ck_assert(of("audio/x-dts") == Preroll({2, 0}));
}
END_TEST

START_TEST(what_stands_alone_and_what_is_not_known_wants_none) {
  for (const char* caps : {"audio/x-flac", "audio/x-alac", "audio/x-mulaw", "video/x-h264",
                           "video/mpeg,mpegversion=1", "audio/x-test", "NONE", "ANY"}) {
    ck_assert_msg(of(caps) == Preroll{}, "%s", caps);
  }
  ck_assert(preroll_of(nullptr) == Preroll{});
}
END_TEST

BufferPtr packet(std::uint64_t number) {
  BufferPtr made = pattern_buffer(number * kSize, kSize);
  GST_BUFFER_PTS(made.get()) = number * kLasts;
  GST_BUFFER_DURATION(made.get()) = kLasts;
  return made;
}

// Packets with these caps, of 20 ms each, and a branch that has played them.
class Packets {
 public:
  explicit Packets(const char* caps, guint64 window = 0)
      : tee("catchertee"), upstream(tee.get()), branch(tee.get()) {
    tee.set("max-size-bytes", window);
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_TIME, caps);
  }
  Packets& give(std::uint64_t from, std::uint64_t to) {
    for (; from < to; ++from) upstream.give(packet(from));
    return *this;
  }
  Packets& end() {
    upstream.eos();
    branch.link().wait_eos();
    return *this;
  }
  // The number of the packet that comes first; the segment must begin at the target, or where the
  // seek snaps to.
  std::uint64_t first_after(GstClockTime target, int flags = GST_SEEK_FLAG_ACCURATE) {
    branch.forget();
    const guint32 seqnum = branch.seek(GST_FORMAT_TIME, target, flags);
    demand(seqnum != GST_SEQNUM_INVALID, "the seek is taken");
    branch.wait_eos();
    for (const Arrival& one : branch.arrivals()) {
      if (one.buffer == nullptr) continue;
      const std::uint64_t number = GST_BUFFER_PTS(one.buffer.get()) / kLasts;
      const bool snaps = (flags & GST_SEEK_FLAG_KEY_UNIT) != 0;
      demand(one.segment.start == (snaps ? number * kLasts : target), "the segment is exact",
             one.segment.start);
      demand(one.segment.time == one.segment.start, "and so is its time", one.segment.time);
      return number;
    }
    give_up("something comes");
  }
  Element tee;
  Upstream upstream;
  Branch branch;
};

START_TEST(opus_begins_80_ms_early) {
  Packets packets(kOpus);
  packets.give(0, 100).end();

  ck_assert_uint_eq(packets.first_after(50 * kLasts), 46);
  ck_assert_uint_eq(packets.first_after(50 * kLasts + kLasts / 2), 46);
  ck_assert_uint_eq(packets.first_after(50 * kLasts, 0), 46);
}
END_TEST

START_TEST(a_codec_that_counts_packets_begins_so_many_early) {
  Packets vorbis(kVorbis), mp3(kMp3), flac("audio/x-flac");
  for (Packets* packets : {&vorbis, &mp3, &flac}) packets->give(0, 100).end();

  ck_assert_uint_eq(vorbis.first_after(50 * kLasts + 1), 49);
  ck_assert_uint_eq(mp3.first_after(50 * kLasts + 1), 40);
  ck_assert_uint_eq(flac.first_after(50 * kLasts + 1), 50);
}
END_TEST

START_TEST(a_seek_to_a_key_unit_begins_with_it) {
  Packets packets(kOpus);
  packets.give(0, 100).end();

  ck_assert_uint_eq(packets.first_after(50 * kLasts + 1, GST_SEEK_FLAG_KEY_UNIT), 50);
}
END_TEST

START_TEST(near_the_beginning_there_is_less) {
  Packets packets(kOpus);
  packets.give(0, 100).end();

  ck_assert_uint_eq(packets.first_after(2 * kLasts), 0);
  ck_assert_uint_eq(packets.first_after(1), 0);
}
END_TEST

START_TEST(what_has_left_the_window_is_done_without) {
  Packets packets(kMp3, 64 * kSize);
  packets.give(0, 200).end();
  const auto kept = packets.tee.value<guint64>("current-level-bytes");
  const std::uint64_t oldest = 200 - kept / kSize;

  ck_assert_uint_ge(kept, 40 * kSize);
  ck_assert_uint_eq(packets.first_after((oldest + 2) * kLasts + 1), oldest);
  ck_assert_uint_eq(packets.first_after((oldest + 10) * kLasts + 1), oldest);
  ck_assert_uint_eq(packets.first_after((oldest + 12) * kLasts + 1), oldest + 2);
}
END_TEST

START_TEST(where_something_is_missing_a_decoder_begins_anew) {
  Packets packets(kMp3);
  packets.give(0, 50);
  BufferPtr gap = packet(50);
  GST_BUFFER_FLAG_SET(gap.get(), GST_BUFFER_FLAG_DISCONT);
  packets.upstream.give(std::move(gap));
  packets.give(51, 100).end();

  ck_assert_uint_eq(packets.first_after(55 * kLasts + 1), 50);
  ck_assert_uint_eq(packets.first_after(65 * kLasts + 1), 55);
  ck_assert_uint_eq(packets.first_after(50 * kLasts + 1), 50);
  ck_assert_uint_eq(packets.first_after(49 * kLasts + 1), 39);
}
END_TEST

START_TEST(headers_are_not_packets_of_it) {
  Packets packets(kVorbis);
  for (int header = 0; header < 3; ++header) {
    BufferPtr made = pattern_buffer(0, kSize);
    GST_BUFFER_FLAG_SET(made.get(), GST_BUFFER_FLAG_HEADER);
    packets.upstream.give(std::move(made));
  }
  packets.give(0, 100).end();

  ck_assert_uint_eq(packets.first_after(kLasts / 2), 0);
  ck_assert_uint_eq(packets.first_after(kLasts + 1), 0);
  ck_assert_uint_eq(packets.first_after(2 * kLasts + 1), 1);
}
END_TEST

// The codec of then counts, not that of now.
START_TEST(after_a_change_of_codec_each_part_has_its_own) {
  Packets packets(kMp3);
  packets.give(0, 50);
  packets.upstream.set_caps("audio/x-flac");
  packets.give(50, 100).end();

  ck_assert_uint_eq(packets.first_after(30 * kLasts + 1), 20);
  ck_assert_uint_eq(packets.first_after(55 * kLasts + 1), 55);
}
END_TEST

START_TEST(a_place_that_was_waited_for_has_it_too) {
  Packets packets(kOpus);
  packets.give(0, 20);
  packets.branch.link().wait_buffers(20);
  packets.branch.forget();
  const GstClockTime target = 40 * kLasts + 1;
  ck_assert_uint_ne(packets.branch.seek(GST_FORMAT_TIME, target), GST_SEQNUM_INVALID);

  packets.give(20, 60);
  packets.upstream.eos();
  packets.branch.wait_eos();

  for (const Arrival& one : packets.branch.arrivals()) {
    if (one.buffer == nullptr) continue;
    ck_assert_uint_eq(GST_BUFFER_PTS(one.buffer.get()), 36 * kLasts);
    ck_assert_uint_eq(one.segment.start, target);
    break;
  }
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "preroll",
      {{"caps",
        {each_codec_wants_what_its_packets_lean_on,
         what_stands_alone_and_what_is_not_known_wants_none}},
       {"seek",
        {opus_begins_80_ms_early, a_codec_that_counts_packets_begins_so_many_early,
         a_seek_to_a_key_unit_begins_with_it, near_the_beginning_there_is_less,
         what_has_left_the_window_is_done_without, where_something_is_missing_a_decoder_begins_anew,
         headers_are_not_packets_of_it, after_a_change_of_codec_each_part_has_its_own,
         a_place_that_was_waited_for_has_it_too}}});
}
