// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Opus packets of raw audio, and their index.
#include "core/adapters/opus_frames.hpp"

#include <dlfcn.h>

#include "core/loader.hpp"
#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/opus.hpp"
#include "tests/support/transforms.hpp"

namespace {

using catcher::catch_as_opus;
using catcher::Config;
using catcher::Growth;
using catcher::kOpusFrameSamples;
using catcher::kOpusFrameTime;
using catcher::OpusFrameEncoder;
using catcher::OpusFrameReader;
using catcher::OpusPreroll;
using catcher::OpusSettings;
using catcher::Reader;
using catcher::SampleFormat;
using catcher::Status;
using catcher::Wait;
using catcher::WhenFull;
using namespace catcher::test;
using Application = OpusSettings::Application;
using Mode = OpusSettings::BitrateMode;

constexpr std::uint64_t kSamples = 48'000 + 123;

// The next so many packets are errors.
int failing_packets = 0;

}  // namespace

// Stands before libopus's own, for those who fail.
extern "C" opus_int32 opus_encode(OpusEncoder* encoder, const opus_int16* pcm, int samples,
                                  unsigned char* packet, opus_int32 size) {
  using Function = opus_int32 (*)(OpusEncoder*, const opus_int16*, int, unsigned char*, opus_int32);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "opus_encode"));
  if (failing_packets > 0) {
    --failing_packets;
    return OPUS_INTERNAL_ERROR;
  }
  return real(encoder, pcm, samples, packet, size);
}

namespace {

std::vector<std::byte> music_in(const OpusSettings& settings, std::uint64_t samples = kSamples) {
  return pcm_bytes(music(samples, settings.channels), settings.format);
}

// Reads and checks one packet.
void expect_packet(OpusFrameReader& reader, const std::vector<Packet>& packets,
                   std::uint64_t number) {
  std::byte room[catcher::kOpusMaxPacket];
  const auto got = reader.read_packet(room, patiently());
  demand(got.status == Status::ok && got.number == number, "the packet can be read", number);
  demand(std::ranges::equal(std::span(room).first(got.bytes), packets[number]),
         "it is the one that libopus makes", number);
}

START_TEST(packets_are_those_of_libopus_and_stand_behind_their_sizes) {
  const OpusSettings kinds[] = {
      {},
      {.format = SampleFormat::f32, .channels = 1, .bitrate = 24'000, .complexity = 3},
      {.channels = 1, .application = Application::voip, .bitrate_mode = Mode::variable},
      {.format = SampleFormat::f32, .application = Application::low_delay, .bitrate = 510'000},
      {.bitrate = 64'000, .bitrate_mode = Mode::constant},
  };
  for (const OpusSettings& settings : kinds) {
    const auto pcm = music_in(settings);
    const auto expected = framed(encoded(pcm, settings));

    const auto made = caught(pcm, settings, {.growth = Growth::constant(999), .read_burst = 1});

    ck_assert(all_of(made.catcher, 100) == expected);
  }
}
END_TEST

START_TEST(the_end_is_padded_and_the_samples_are_known) {
  const OpusSettings settings{.channels = 1};
  for (const std::uint64_t samples : {0, 1, 647, 648, 649, 959, 960, 961, 5 * 960, 5 * 960 + 649}) {
    const auto made = caught(music_in(settings, samples), settings);
    ck_assert_uint_eq(made.index->pre_skip(), 312);
    (void)all_of(made.catcher);

    const std::uint64_t frames = samples == 0 ? 0 : (samples + 312 + 959) / 960;
    const auto last = made.index->last();
    ck_assert_uint_eq(made.index->window().end, frames);
    ck_assert_uint_eq(last.has_value(), frames != 0);
    if (!last) continue;
    ck_assert_uint_eq(made.index->samples_to(last->number), samples);
    ck_assert_uint_eq(last->offset + 2 + last->size, made.catcher->length().value_or(0));
  }
}
END_TEST

START_TEST(a_part_of_a_sample_at_the_end_is_dropped) {
  const OpusSettings settings{};
  auto pcm = music_in(settings);
  const auto expected = framed(encoded(pcm, settings));
  pcm.resize(pcm.size() + 3, std::byte{77});

  ck_assert(all_of(caught(pcm, settings).catcher) == expected);
}
END_TEST

START_TEST(settings_that_make_no_sense_are_refused) {
  const OpusSettings kinds[] = {{.channels = 0},   {.channels = 3},      {.bitrate = -1000},
                                {.bitrate = 499},  {.bitrate = 512'001}, {.complexity = 11},
                                {.complexity = -1}};
  for (const OpusSettings& settings : kinds) {
    const auto made =
        catch_as_opus(std::make_unique<PcmSource>(std::vector<std::byte>()), settings);
    ck_assert_status(made.status, Status::bad_argument);
    ck_assert(made.catcher == nullptr && made.index == nullptr && !made.why.empty());
    ck_assert(made.error.category() == catcher::opus_category());
    ck_assert_int_eq(made.error.value(), OPUS_BAD_ARG);
    ck_assert(made.error.message() == opus_strerror(OPUS_BAD_ARG));
  }
  const auto without = catch_as_opus(nullptr);
  ck_assert_status(without.status, Status::bad_argument);
  ck_assert(!without.why.empty() && !without.error);
}
END_TEST

START_TEST(an_error_of_the_encoder_is_a_status_and_nothing_is_lost) {
  const OpusSettings settings{};
  const auto pcm = music_in(settings);
  const auto packets = encoded(pcm, settings);
  const auto made = caught(pcm, settings);
  OpusFrameReader reader(made.catcher, made.index);
  for (std::uint64_t number = 0; number < 10; ++number) expect_packet(reader, packets, number);

  failing_packets = 2;
  std::byte room[catcher::kOpusMaxPacket];
  for (int i = 0; i < 2; ++i) {
    const auto result = reader.read_packet(room, patiently());
    ck_assert_status(result.status, Status::failed);
    ck_assert(result.error.category() == catcher::opus_category());
    ck_assert_int_eq(result.error.value(), OPUS_INTERNAL_ERROR);
    ck_assert_uint_eq(reader.number(), 10);
    ck_assert_status(made.catcher->resume(), Status::ok);
  }

  ck_assert(all_of(made.catcher) == framed(packets));
}
END_TEST

START_TEST(an_error_of_the_source_comes_after_all_packets_before_it) {
  auto source = std::make_unique<ScriptedSource>(
      std::move(Script().give(3 * 3840).fail(kBroken, 1000).give(3840 - 1000)));
  const auto made = catch_as_opus(std::move(source));
  Reader reader(made.catcher);
  std::vector<std::byte> all;

  ck_assert(collect(reader, all).error == kBroken);
  ck_assert_uint_eq(made.index->window().end, 3);
  ck_assert_status(made.catcher->resume(), Status::ok);

  ck_assert_status(collect(reader, all).status, Status::end);
  ck_assert(all == framed(encoded(pattern(0, 4 * 3840), {})));
}
END_TEST

START_TEST(a_seek_to_a_frame_gives_its_packet) {
  const OpusSettings settings{};
  const auto pcm = music_in(settings);
  const auto packets = encoded(pcm, settings);
  const auto made = caught(pcm, settings, {.growth = Growth::constant(300)});
  (void)all_of(made.catcher);
  OpusFrameReader reader(made.catcher, made.index);

  for (std::uint64_t i = 0; i < packets.size(); ++i) {
    const std::uint64_t number = i * 37 % packets.size();
    const auto time = static_cast<std::int64_t>(number) * kOpusFrameTime;
    for (const std::int64_t within : {std::int64_t{0}, kOpusFrameTime - 1}) {
      const auto sought = reader.seek(time + within);
      ck_assert_status(sought.status, Status::ok);
      ck_assert_uint_eq(sought.number, number);
      ck_assert_uint_eq(sought.first, number);
      expect_packet(reader, packets, number);
    }
    const auto early = reader.seek(time, OpusPreroll::standard);
    ck_assert_uint_eq(early.number, number);
    ck_assert_uint_eq(early.first, number < 4 ? 0 : number - 4);
    for (std::uint64_t next = early.first; next <= number; ++next) {
      expect_packet(reader, packets, next);
    }
    const auto found = made.index->at_time(time + 1);
    ck_assert(found && found->number == number && found->size == packets[number].size());
  }
}
END_TEST

START_TEST(a_seek_that_goes_nowhere_says_so) {
  const OpusSettings settings{};
  const auto made = caught(music_in(settings), settings);
  OpusFrameReader reader(made.catcher, made.index);
  std::byte room[catcher::kOpusMaxPacket];
  ck_assert_status(reader.seek_frame(7).status, Status::ok);

  ck_assert_status(reader.seek(-1).status, Status::bad_argument);
  ck_assert_uint_eq(reader.number(), 7);
  const auto narrow = reader.read_packet(std::span(room).first(3), patiently());
  ck_assert_status(narrow.status, Status::bad_argument);
  ck_assert_uint_eq(reader.number(), 7);

  ck_assert_status(reader.seek(std::numeric_limits<std::int64_t>::max()).status, Status::ok);
  ck_assert_status(reader.read_packet(room, patiently()).status, Status::end);
  ck_assert(!made.index->at_time(std::numeric_limits<std::int64_t>::max()));
  ck_assert_status(reader.seek_oldest().status, Status::ok);
  ck_assert_uint_eq(reader.number(), 0);
}
END_TEST

START_TEST(a_frame_that_has_not_come_is_waited_for) {
  const OpusSettings settings{};
  Gate gate;
  auto source = std::make_unique<ScriptedSource>(
      std::move(Script().give(4 * 3840 + 1).wait(gate).give(20 * 3840)));
  const auto made = catch_as_opus(std::move(source), settings);
  const auto packets = encoded(pattern(0, 24 * 3840 + 1), settings);
  OpusFrameReader reader(made.catcher, made.index);
  std::byte room[catcher::kOpusMaxPacket];

  const auto sought = reader.seek(10 * kOpusFrameTime + 5);
  ck_assert_uint_eq(sought.number, 10);
  ck_assert_status(reader.read_packet(room, Wait::none()).status, Status::would_block);
  ck_assert_status(reader.read_packet(room, Wait::at_most(std::chrono::milliseconds(1))).status,
                   Status::timed_out);
  ck_assert_uint_eq(reader.number(), 10);
  gate.open();

  expect_packet(reader, packets, 10);
  expect_packet(reader, packets, 11);
}
END_TEST

START_TEST(a_frame_that_has_left_the_window_is_evicted) {
  const OpusSettings settings{};
  const auto pcm = music_in(settings, 300 * 960);
  const auto packets = encoded(pcm, settings);
  // The burst is below any packet: the window is in small chunks, which packets cross.
  const auto made =
      caught(pcm, settings, {.growth = Growth::constant(50), .max_bytes = 3200, .read_burst = 1});
  OpusFrameReader reader(made.catcher, made.index);
  std::byte room[catcher::kOpusMaxPacket];
  const auto loaded = catcher::load_all(made.catcher);
  ck_assert_status(loaded.status, Status::ok);

  const auto result = reader.read_packet(room, patiently());
  ck_assert_status(result.status, Status::evicted);
  ck_assert_uint_eq(result.window.begin, made.catcher->window().begin);
  ck_assert_uint_gt(result.window.begin, 0);
  // Entries leave with the bytes that they name, some at a time.
  ck_assert_uint_gt(made.index->window().begin, 0);
  const auto oldest = reader.seek_oldest();

  ck_assert_uint_gt(oldest.first, 250);
  for (std::uint64_t number = oldest.first; number < packets.size(); ++number) {
    expect_packet(reader, packets, number);
  }
  ck_assert_status(reader.read_packet(room, patiently()).status, Status::end);
}
END_TEST

START_TEST(many_readers_seek_while_it_is_encoded) {
  const OpusSettings settings{.channels = 1, .complexity = 0};
  const auto pcm = music_in(settings, 200 * 960);
  const auto packets = encoded(pcm, settings);
  const auto made = caught(pcm, settings, {.growth = Growth::constant(500), .read_burst = 1});
  std::vector<std::thread> threads;

  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    threads.emplace_back([&, seed] {
      OpusFrameReader reader(made.catcher, made.index);
      for (std::uint64_t i = 0; i < 300; ++i) {
        // Further and further, from behind the edge to beyond it.
        const std::uint64_t number = (i * seed * 31 % 50 + i / 2) % packets.size();
        (void)reader.seek_frame(number);
        expect_packet(reader, packets, number);
      }
    });
  }
  for (auto& thread : threads) thread.join();

  ck_assert(all_of(made.catcher) == framed(packets));
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "opus_frames",
      {{"packets",
        {packets_are_those_of_libopus_and_stand_behind_their_sizes,
         the_end_is_padded_and_the_samples_are_known, a_part_of_a_sample_at_the_end_is_dropped}},
       {"failure",
        {settings_that_make_no_sense_are_refused,
         an_error_of_the_encoder_is_a_status_and_nothing_is_lost,
         an_error_of_the_source_comes_after_all_packets_before_it}},
       {"seek",
        {a_seek_to_a_frame_gives_its_packet, a_seek_that_goes_nowhere_says_so,
         a_frame_that_has_not_come_is_waited_for, a_frame_that_has_left_the_window_is_evicted,
         many_readers_seek_while_it_is_encoded}}});
}
