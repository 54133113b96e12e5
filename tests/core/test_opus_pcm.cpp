// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Raw audio of Opus packets: straight, and from any place.
#include "core/adapters/opus_reader.hpp"

#include <dlfcn.h>

#include "core/loader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/opus.hpp"
#include "tests/support/transforms.hpp"

namespace {

using catcher::Catcher;
using catcher::Growth;
using catcher::kOpusFrameSamples;
using catcher::OpusCaught;
using catcher::OpusPcmReader;
using catcher::OpusPreroll;
using catcher::OpusSettings;
using catcher::SampleFormat;
using catcher::SourceResult;
using catcher::Status;
using catcher::Wait;
using namespace catcher::test;

// OpusPreroll::close: what is left of the older past, at most, in parts of full scale.
constexpr float kBound = 1.0F / 16'384;

// The next so many packets cannot be decoded.
int broken_packets = 0;

}  // namespace

// Stands before libopus's own, for those who fail.
extern "C" int opus_decode_float(OpusDecoder* decoder, const unsigned char* packet, opus_int32 size,
                                 float* pcm, int samples, int fec) {
  using Function = int (*)(OpusDecoder*, const unsigned char*, opus_int32, float*, int, int);
  static const auto real = reinterpret_cast<Function>(dlsym(RTLD_NEXT, "opus_decode_float"));
  if (broken_packets > 0) {
    --broken_packets;
    return OPUS_INVALID_PACKET;
  }
  return real(decoder, packet, size, pcm, samples, fec);
}

namespace {

std::unique_ptr<OpusPcmReader> decoder_of(const OpusCaught& caught,
                                          SampleFormat format = SampleFormat::f32,
                                          OpusPreroll preroll = OpusPreroll::close) {
  auto made = OpusPcmReader::make(caught.catcher, caught.index, format, preroll);
  demand(made.reader != nullptr && !made.error, "there is a decoder");
  return std::move(made.reader);
}

// Reads `size` bytes, or up to the end.
std::vector<std::byte> take_bytes(OpusPcmReader& reader, std::size_t size, std::size_t step = 777) {
  std::vector<std::byte> all;
  while (all.size() < size) {
    std::vector<std::byte> room(std::min(step, size - all.size()));
    const SourceResult got = reader.read(room, patiently());
    if (got.status == Status::end) break;
    demand(got.status == Status::ok && got.bytes > 0, "there is audio", all.size());
    all.insert(all.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(got.bytes));
  }
  return all;
}

std::vector<float> take_floats(OpusPcmReader& reader, std::size_t samples) {
  const auto bytes = take_bytes(reader, samples * sizeof(float));
  std::vector<float> floats(bytes.size() / sizeof(float));
  if (!floats.empty()) std::memcpy(floats.data(), bytes.data(), floats.size() * sizeof(float));
  return floats;
}

constexpr std::size_t kAll = std::size_t{1} << 30;

// Music of two channels, and all that is to be known of it.
struct Played {
  explicit Played(std::uint64_t count, const OpusSettings& with = {.format = SampleFormat::f32})
      : settings(with),
        samples(count),
        caught(catcher::test::caught(pcm_bytes(music(count, with.channels), with.format), with,
                                     {.growth = Growth::constant(700)})) {
    demand(catcher::load_all(caught.catcher).status == Status::ok, "all is encoded");
    const auto packets = encoded(pcm_bytes(music(count, with.channels), with.format), with);
    straight = decoded(packets, with.channels);
    if (count == 0) return;
    straight.erase(straight.begin(), straight.begin() + caught.index->pre_skip() * with.channels);
    straight.resize(count * with.channels);
  }
  std::span<const float> at(std::uint64_t sample, std::uint64_t count) const {
    return std::span(straight).subspan(sample * settings.channels, count * settings.channels);
  }

  OpusSettings settings;
  std::uint64_t samples;
  OpusCaught caught;
  std::vector<float> straight;
};

float largest_difference(std::span<const float> one, std::span<const float> other) {
  demand(one.size() == other.size(), "both are as long", one.size());
  float largest = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    largest = std::max(largest, std::fabs(one[i] - other[i]));
  }
  return largest;
}

START_TEST(a_straight_decode_is_libopuss_without_the_delay_and_the_padding) {
  for (const std::uint64_t samples : {0, 1, 648, 649, 4 * 960, 48'000 + 700}) {
    for (const unsigned channels : {1u, 2u}) {
      const Played played(samples, {.format = SampleFormat::f32, .channels = channels});
      const auto reader = decoder_of(played.caught);

      ck_assert(take_floats(*reader, kAll) == played.straight);

      ck_assert_uint_eq(reader->sample(), samples);
    }
  }
}
END_TEST

START_TEST(what_is_decoded_is_what_was_encoded_and_not_a_sample_late) {
  const Played played(48'000, {.format = SampleFormat::f32, .bitrate = 256'000});
  const auto original = music(48'000, 2);
  // Of the energy, if what was decoded is so many samples late.
  const auto error = [&](std::size_t late) {
    double off = 0;
    double energy = 0;
    for (std::size_t i = 0; i + 8 < original.size(); ++i) {
      off += std::pow(original[i + 4] - played.straight[i + 2 * late], 2);
      energy += std::pow(original[i + 4], 2);
    }
    return off / energy;
  };

  ck_assert_double_lt(error(2), 0.02);
  for (const std::size_t late : {0, 1, 3, 4}) ck_assert_double_lt(error(2), error(late));
}
END_TEST

START_TEST(a_seek_with_80_ms_before_it_is_near_the_straight_decode) {
  const Played played(3 * 48'000 + 100);
  const auto reader = decoder_of(played.caught, SampleFormat::f32, OpusPreroll::standard);
  double off = 0;
  double energy = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const std::uint64_t sample = i * 7'919 % (played.samples - 2'000);
    ck_assert_status(reader->seek_sample(sample), Status::ok);
    const auto heard = take_floats(*reader, 960 * 2);
    const auto straight = played.at(sample, 960);
    for (std::size_t k = 0; k < heard.size(); ++k) {
      off += std::pow(heard[k] - straight[k], 2);
      energy += std::pow(straight[k], 2);
    }
  }
  std::printf("off by %g of the energy after 80 ms\n", off / energy);
  ck_assert_double_lt(off / energy, 0.01);
}
END_TEST

START_TEST(a_seek_is_exact_and_within_a_bound_of_the_straight_decode) {
  const Played played(3 * 48'000 + 100);
  const auto reader = decoder_of(played.caught);
  float largest = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const std::uint64_t sample = i * 7'919 % (played.samples - 2'000);
    const auto time = static_cast<std::int64_t>(sample * 1'000'000'000 / 48'000);

    ck_assert_status(reader->seek(time), Status::ok);
    ck_assert_uint_eq(reader->sample(), sample);
    const auto heard = take_floats(*reader, 2'000 * 2);

    largest = std::max(largest, largest_difference(heard, played.at(sample, 2'000)));
    ck_assert_uint_eq(reader->sample(), sample + 2'000);
  }
  std::printf("largest difference after a seek: %g of full scale\n", static_cast<double>(largest));
  ck_assert_float_le(largest, kBound);
}
END_TEST

START_TEST(near_the_beginning_a_seek_is_the_straight_decode) {
  const Played played(8'000);
  const auto reader = decoder_of(played.caught);
  for (const std::uint64_t sample : {0, 1, 500, 648, 3'000, 3'527}) {
    ck_assert_status(reader->seek_sample(sample), Status::ok);
    ck_assert(take_floats(*reader, kAll).size() == (8'000 - sample) * 2);

    ck_assert_status(reader->seek_sample(sample), Status::ok);
    const auto heard = take_floats(*reader, 1'000);
    ck_assert(std::ranges::equal(heard, played.at(sample, 500)));
  }
}
END_TEST

START_TEST(a_seek_to_the_end_or_beyond_ends_and_one_below_0_is_refused) {
  const Played played(5'000);
  const auto reader = decoder_of(played.caught);
  std::byte room[16];
  ck_assert_status(reader->seek_sample(4'999), Status::ok);
  ck_assert_uint_eq(take_floats(*reader, kAll).size(), 2);

  ck_assert_status(reader->seek(-1), Status::bad_argument);
  ck_assert_status(reader->seek_sample(std::uint64_t{1} << 63), Status::bad_argument);
  ck_assert_uint_eq(reader->sample(), 5'000);
  ck_assert_status(reader->seek_sample(5'000), Status::ok);
  ck_assert_status(reader->read(room, patiently()).status, Status::end);
  ck_assert_status(reader->seek(std::numeric_limits<std::int64_t>::max()), Status::ok);
  ck_assert_status(reader->read(room, patiently()).status, Status::end);
  ck_assert_status(reader->seek_sample(0), Status::ok);

  ck_assert_uint_eq(take_floats(*reader, kAll).size(), 10'000);
}
END_TEST

START_TEST(samples_may_be_read_in_pieces_and_in_16_bits) {
  const OpusSettings settings{.format = SampleFormat::s16};
  const Played played(5'000, settings);
  const auto whole = take_bytes(*decoder_of(played.caught, SampleFormat::s16), kAll);
  const auto reader = decoder_of(played.caught, SampleFormat::s16);
  ck_assert_uint_eq(whole.size(), 5'000 * 4);
  ck_assert_uint_eq(take_bytes(*reader, 4 * 10 + 1, 1).size(), 41);
  ck_assert_uint_eq(reader->sample(), 10);
  ck_assert_status(reader->seek_sample(0), Status::ok);

  ck_assert(take_bytes(*reader, kAll, 3) == whole);

  for (std::size_t i = 0; i < played.straight.size(); ++i) {
    std::int16_t value = 0;
    std::memcpy(&value, whole.data() + 2 * i, 2);
    ck_assert_double_le(std::fabs(value - 32'768.0 * static_cast<double>(played.straight[i])), 1.0);
  }
}
END_TEST

START_TEST(a_packet_that_cannot_be_decoded_is_made_up_and_time_goes_on) {
  const Played played(20 * 960);
  const auto reader = decoder_of(played.caught);
  (void)take_floats(*reader, 2 * 3 * 960);
  const std::uint64_t before = reader->sample();
  std::byte room[16];
  // What is decoded already comes first.
  (void)take_floats(*reader, 2 * (4 * 960 - 312 - before));
  broken_packets = 1;

  const auto result = reader->read(room, patiently());

  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error.category() == catcher::opus_category());
  ck_assert_int_eq(result.error.value(), OPUS_INVALID_PACKET);
  ck_assert_uint_eq(reader->sample(), 4 * 960 - 312);
  const auto rest = take_floats(*reader, kAll);
  ck_assert_uint_eq(rest.size(), 2 * (16 * 960 + 312));
  // Well behind it, all is as it was.
  const auto late = std::span(rest).subspan(2 * 10 * 960);
  ck_assert_float_le(largest_difference(late, played.at(14 * 960 - 312, 6 * 960 + 312)), 0.001F);
}
END_TEST

START_TEST(it_waits_for_what_is_still_to_come) {
  Gate gate;
  auto source =
      std::make_unique<ScriptedSource>(std::move(Script().give(3 * 3840).wait(gate).give(3840)));
  const auto made = catcher::catch_as_opus(std::move(source));
  const auto reader = decoder_of(made);
  ck_assert_uint_eq(take_floats(*reader, 2 * (3 * 960 - 312)).size(), 2 * (3 * 960 - 312));
  std::byte room[16];

  ck_assert_status(reader->read(room, Wait::none()).status, Status::would_block);
  ck_assert_status(reader->read(room, Wait::at_most(std::chrono::milliseconds(1))).status,
                   Status::timed_out);
  gate.open();

  ck_assert_uint_eq(take_floats(*reader, kAll).size(), 2 * (960 + 312));
}
END_TEST

START_TEST(what_has_left_the_window_is_evicted_and_the_oldest_is_right_at_once) {
  const OpusSettings settings{.format = SampleFormat::f32};
  const auto pcm = pcm_bytes(music(150 * 960, 2), settings.format);
  const auto straight = decoded(encoded(pcm, settings), 2);
  const auto made =
      caught(pcm, settings, {.growth = Growth::constant(50), .max_bytes = 6400, .read_burst = 1});
  ck_assert_status(catcher::load_all(made.catcher).status, Status::ok);
  const auto reader = decoder_of(made);
  std::byte room[16];
  ck_assert_status(reader->read(room, patiently()).status, Status::evicted);

  reader->seek_oldest();

  const std::uint64_t sample = reader->sample();
  ck_assert_uint_gt(sample, 100 * 960);
  const auto heard = take_floats(*reader, kAll);
  ck_assert_uint_eq(heard.size(), 2 * (150 * 960 - sample));
  ck_assert_float_le(
      largest_difference(heard, std::span(straight).subspan(2 * (sample + 312), heard.size())),
      kBound);
}
END_TEST

START_TEST(a_catcher_pulls_from_it) {
  const Played played(30'000);
  auto made = Catcher::pull(decoder_of(played.caught), {.growth = Growth::constant(1'000)});
  ck_assert_status(made.status, Status::ok);

  const auto all = all_of(made.catcher, 333);

  ck_assert_uint_eq(all.size(), 30'000 * 8);
  ck_assert(std::memcmp(all.data(), played.straight.data(), all.size()) == 0);
}
END_TEST

}  // namespace

int main() {
  return run_suite("opus_pcm",
                   {{"straight",
                     {a_straight_decode_is_libopuss_without_the_delay_and_the_padding,
                      what_is_decoded_is_what_was_encoded_and_not_a_sample_late,
                      samples_may_be_read_in_pieces_and_in_16_bits, a_catcher_pulls_from_it}},
                    {"seek",
                     {a_seek_is_exact_and_within_a_bound_of_the_straight_decode,
                      a_seek_with_80_ms_before_it_is_near_the_straight_decode,
                      near_the_beginning_a_seek_is_the_straight_decode,
                      a_seek_to_the_end_or_beyond_ends_and_one_below_0_is_refused,
                      what_has_left_the_window_is_evicted_and_the_oldest_is_right_at_once}},
                    {"waiting", {it_waits_for_what_is_still_to_come}},
                    {"failure", {a_packet_that_cannot_be_decoded_is_made_up_and_time_goes_on}}});
}
