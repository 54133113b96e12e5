// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Raw audio that is like music, and what libopus itself makes of it.
#pragma once

#include <opus.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include "core/adapters/opus_frames.hpp"
#include "core/adapters/opus_reader.hpp"
#include "core/source.hpp"
#include "tests/support/demand.hpp"

namespace catcher::test {

using Packet = std::vector<std::byte>;

// Chords that change, a chirp, beats and noise; different on each channel. From -1 to 1.
inline std::vector<float> music(std::uint64_t samples, unsigned channels) {
  std::vector<float> pcm;
  pcm.reserve(samples * channels);
  std::uint32_t noise = 1;
  for (std::uint64_t i = 0; i < samples; ++i) {
    const double time = static_cast<double>(i) / kOpusRate;
    const double beat = std::exp(-8 * std::fmod(time, 0.5));
    const double root = 110 * std::pow(2, std::fmod(std::floor(time), 5) / 12);
    for (unsigned channel = 0; channel < channels; ++channel) {
      noise = noise * 1'664'525 + 1'013'904'223;
      double value = 0.2 * std::sin(2 * M_PI * root * time);
      value += 0.15 * std::sin(2 * M_PI * root * (channel == 0 ? 1.26 : 1.5) * time);
      value += 0.1 * std::sin(2 * M_PI * (200 + 900 * std::fmod(time, 3)) * time);
      value += 0.2 * beat * (static_cast<double>(noise >> 8) / (1 << 23) - 1);
      pcm.push_back(static_cast<float>(value));
    }
  }
  return pcm;
}

// The bytes of such samples, in a format.
inline std::vector<std::byte> pcm_bytes(std::span<const float> samples, SampleFormat format) {
  if (format == SampleFormat::f32) {
    const auto bytes = std::as_bytes(samples);
    return {bytes.begin(), bytes.end()};
  }
  std::vector<std::int16_t> shorts;
  for (const float sample : samples) {
    shorts.push_back(static_cast<std::int16_t>(std::lrint(sample * 32'767)));
  }
  const auto bytes = std::as_bytes(std::span(shorts));
  return {bytes.begin(), bytes.end()};
}

inline std::size_t sample_bytes(const OpusSettings& settings) {
  return settings.channels * (settings.format == SampleFormat::f32 ? 4u : 2u);
}

// The same packets without us. The end is padded until the decoder has given all samples.
inline std::vector<Packet> encoded(std::vector<std::byte> pcm, const OpusSettings& settings) {
  int error = 0;
  const int kinds[] = {OPUS_APPLICATION_AUDIO, OPUS_APPLICATION_VOIP,
                       OPUS_APPLICATION_RESTRICTED_LOWDELAY};
  ::OpusEncoder* encoder =
      opus_encoder_create(48'000, static_cast<int>(settings.channels),
                          kinds[static_cast<int>(settings.application)], &error);
  demand(error == OPUS_OK, "there is an encoder");
  using Mode = OpusSettings::BitrateMode;
  opus_int32 pre_skip = 0;
  opus_encoder_ctl(encoder, OPUS_SET_BITRATE(settings.bitrate));
  opus_encoder_ctl(encoder, OPUS_SET_VBR(settings.bitrate_mode != Mode::constant));
  opus_encoder_ctl(encoder, OPUS_SET_VBR_CONSTRAINT(settings.bitrate_mode != Mode::variable));
  opus_encoder_ctl(encoder, OPUS_SET_COMPLEXITY(settings.complexity));
  opus_encoder_ctl(encoder, OPUS_GET_LOOKAHEAD(&pre_skip));

  const std::size_t size = sample_bytes(settings);
  const std::size_t whole = pcm.size() / size + static_cast<std::size_t>(pre_skip);
  const std::size_t frames = pcm.empty() ? 0 : (whole + 959) / 960;
  pcm.resize(frames * 960 * size);
  std::vector<Packet> packets;
  for (std::size_t i = 0; i < frames; ++i) {
    unsigned char room[4000];
    std::byte* const at = pcm.data() + i * 960 * size;
    const int got = settings.format == SampleFormat::f32
                        ? opus_encode_float(encoder, reinterpret_cast<float*>(at), 960, room, 4000)
                        : opus_encode(encoder, reinterpret_cast<opus_int16*>(at), 960, room, 4000);
    demand(got > 0, "libopus encodes", i);
    const auto bytes = std::as_bytes(std::span(room, static_cast<std::size_t>(got)));
    packets.emplace_back(bytes.begin(), bytes.end());
  }
  opus_encoder_destroy(encoder);
  return packets;
}

// What a decoder of libopus makes of them all, from its very first sample.
inline std::vector<float> decoded(const std::vector<Packet>& packets, unsigned channels) {
  int error = 0;
  ::OpusDecoder* decoder = opus_decoder_create(48'000, static_cast<int>(channels), &error);
  demand(error == OPUS_OK, "there is a decoder");
  std::vector<float> all;
  for (const Packet& packet : packets) {
    float room[2 * 960];
    const int got =
        opus_decode_float(decoder, reinterpret_cast<const unsigned char*>(packet.data()),
                          static_cast<opus_int32>(packet.size()), room, 960, 0);
    demand(got == 960, "libopus decodes");
    all.insert(all.end(), room, room + std::size_t{960} * channels);
  }
  opus_decoder_destroy(decoder);
  return all;
}

// Frames as they stand in the rope.
inline std::vector<std::byte> framed(const std::vector<Packet>& packets) {
  std::vector<std::byte> all;
  for (const Packet& packet : packets) {
    all.push_back(static_cast<std::byte>(packet.size() % 256));
    all.push_back(static_cast<std::byte>(packet.size() / 256));
    all.insert(all.end(), packet.begin(), packet.end());
  }
  return all;
}

// The bytes it is given, in reads of odd sizes with interruptions between them.
class PcmSource final : public Source {
 public:
  explicit PcmSource(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  SourceResult read(std::span<std::byte> space, const Wait&) override {
    if (++reads_ % 5 == 0) return SourceResult::some(0);
    const std::size_t size = std::min({space.size(), bytes_.size() - at_, reads_ * 397 % 2'000});
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), size, space.begin());
    at_ += size;
    return at_ < bytes_.size() ? SourceResult::some(size) : SourceResult::at_end(size);
  }

 private:
  const std::vector<std::byte> bytes_;
  std::size_t at_ = 0;
  std::size_t reads_ = 0;
};

inline OpusCaught caught(std::vector<std::byte> pcm, const OpusSettings& settings,
                         const Config& config = {}) {
  auto made = catch_as_opus(std::make_unique<PcmSource>(std::move(pcm)), settings, config);
  demand(made.status == Status::ok, "the settings are valid");
  return made;
}

}  // namespace catcher::test
