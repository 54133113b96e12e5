// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "opus_frames.hpp"

#include <opus.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "../stateful.hpp"

namespace catcher {
namespace {

// How often the index lets go of what has left the window.
constexpr std::uint64_t kFramesPerTidying = 64;

class OpusCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "opus"; }
  std::string message(int value) const override { return opus_strerror(value); }
};

std::error_code opus_error(int value) noexcept {
  return {value, opus_category()};
}

int application(OpusSettings::Application application) noexcept {
  switch (application) {
    case OpusSettings::Application::voip: return OPUS_APPLICATION_VOIP;
    case OpusSettings::Application::low_delay: return OPUS_APPLICATION_RESTRICTED_LOWDELAY;
    default: return OPUS_APPLICATION_AUDIO;
  }
}

std::size_t sample_bytes(const OpusSettings& settings) noexcept {
  const bool is_float = settings.format == SampleFormat::f32;
  return settings.channels * (is_float ? sizeof(float) : sizeof(opus_int16));
}

struct Destroy {
  void operator()(::OpusEncoder* encoder) const noexcept { opus_encoder_destroy(encoder); }
};

OpusFrame frame_of(const Indexed& found) noexcept {
  const Entry& entry = found.entry;
  return {found.index, entry.offset, entry.size - kOpusPrefix, entry.note()};
}

std::optional<OpusFrame> frame_of(const std::optional<Indexed>& found) noexcept {
  return found ? std::optional(frame_of(*found)) : std::nullopt;
}

}  // namespace

const std::error_category& opus_category() noexcept {
  static const OpusCategory category;
  return category;
}

std::optional<OpusFrame> OpusIndex::frame(std::uint64_t number) const noexcept {
  const auto entry = timeline_.at(number);
  return entry ? std::optional(frame_of({number, *entry})) : std::nullopt;
}

std::optional<OpusFrame> OpusIndex::at_time(std::int64_t time) const noexcept {
  const auto found = timeline_.at_time(time);
  if (!found || time - found->entry.pts >= kOpusFrameTime) return std::nullopt;
  return frame_of(*found);
}

std::optional<OpusFrame> OpusIndex::from_offset(std::uint64_t offset) const noexcept {
  return frame_of(timeline_.from_offset(offset));
}

std::optional<OpusFrame> OpusIndex::last() const noexcept {
  return frame_of(timeline_.last());
}

std::uint64_t OpusIndex::samples_to(std::uint64_t number) const noexcept {
  auto found = frame(number);
  // Behind the samples there is at most one more frame, of padding alone.
  if (found && found->samples == 0 && number > 0) found = frame(--number);
  return number * kOpusFrameSamples + (found ? found->samples : kOpusFrameSamples);
}

struct OpusFrameEncoder::Encoder {
  // What libopus says: bytes, or an error below 0.
  int encode(std::span<const std::byte> block) {
    const auto most = static_cast<opus_int32>(packet.size());
    const int samples = kOpusFrameSamples;
    if (format == SampleFormat::f32) {
      std::memcpy(floats.data(), block.data(), block.size());
      return opus_encode_float(opus.get(), floats.data(), samples, packet.data(), most);
    }
    std::memcpy(shorts.data(), block.data(), block.size());
    return opus_encode(opus.get(), shorts.data(), samples, packet.data(), most);
  }

  std::unique_ptr<::OpusEncoder, Destroy> opus;
  SampleFormat format{};
  std::array<opus_int16, std::size_t{2} * kOpusFrameSamples> shorts{};
  std::array<float, std::size_t{2} * kOpusFrameSamples> floats{};
  std::array<unsigned char, kOpusMaxPacket> packet{};
  std::size_t packet_bytes = 0;  // encoded, and not given yet
};

OpusFrameEncoder::Made OpusFrameEncoder::make(const OpusSettings& settings) {
  int error = OPUS_OK;
  auto encoder = std::make_unique<Encoder>();
  encoder->format = settings.format;
  encoder->opus.reset(opus_encoder_create(static_cast<opus_int32>(kOpusRate),
                                          static_cast<int>(settings.channels),
                                          application(settings.application), &error));
  if (error != OPUS_OK) return {nullptr, opus_error(error)};
  // libopus takes some negative numbers as "choose yourself", and others for the nearest it has.
  if (settings.bitrate < 500 || settings.bitrate > 512'000)
    return {nullptr, opus_error(OPUS_BAD_ARG)};
  const bool is_constant = settings.bitrate_mode == OpusSettings::BitrateMode::constant;
  const bool is_variable = settings.bitrate_mode == OpusSettings::BitrateMode::variable;
  opus_int32 pre_skip = 0;
  ::OpusEncoder* const opus = encoder->opus.get();
  for (const int result : {opus_encoder_ctl(opus, OPUS_SET_BITRATE(settings.bitrate)),
                           opus_encoder_ctl(opus, OPUS_SET_VBR(is_constant ? 0 : 1)),
                           opus_encoder_ctl(opus, OPUS_SET_VBR_CONSTRAINT(is_variable ? 0 : 1)),
                           opus_encoder_ctl(opus, OPUS_SET_COMPLEXITY(settings.complexity)),
                           opus_encoder_ctl(opus, OPUS_GET_LOOKAHEAD(&pre_skip))}) {
    if (result != OPUS_OK) return {nullptr, opus_error(result)};
  }
  return {std::make_shared<OpusFrameEncoder>(Private{}, settings, std::move(encoder),
                                             static_cast<std::uint32_t>(pre_skip)),
          {}};
}

OpusFrameEncoder::OpusFrameEncoder(Private, const OpusSettings& settings,
                                   std::unique_ptr<Encoder> encoder, std::uint32_t pre_skip)
    : BlockTransform(kOpusFrameSamples * sample_bytes(settings)),
      sample_bytes_(sample_bytes(settings)),
      index_(new OpusIndex(settings.channels, pre_skip)),
      encoder_(std::move(encoder)) {}

OpusFrameEncoder::~OpusFrameEncoder() = default;

SourceResult OpusFrameEncoder::transform_block(std::span<const std::byte> block,
                                               std::span<std::byte> space) {
  return encode(block, kOpusFrameSamples, space);
}

SourceResult OpusFrameEncoder::transform_last(std::span<const std::byte> rest,
                                              std::span<std::byte> space) {
  const std::size_t samples = rest.size() / sample_bytes_;
  const std::uint64_t needed = samples_ + samples;
  if (needed == 0 || frames_ * kOpusFrameSamples >= needed + index_->pre_skip()) {
    return SourceResult::at_end();
  }
  std::vector<std::byte> padded(kOpusFrameSamples * sample_bytes_);
  std::copy_n(rest.begin(), samples * sample_bytes_, padded.begin());
  return encode(padded, static_cast<std::uint32_t>(samples), space);
}

SourceResult OpusFrameEncoder::encode(std::span<const std::byte> block, std::uint32_t samples,
                                      std::span<std::byte> space) {
  if (encoder_->packet_bytes == 0) {
    const int made = encoder_->encode(block);
    if (made <= 0) return SourceResult::failure(opus_error(made < 0 ? made : OPUS_INTERNAL_ERROR));
    encoder_->packet_bytes = static_cast<std::size_t>(made);
  }
  const std::size_t packet_bytes = encoder_->packet_bytes;
  const std::size_t bytes = kOpusPrefix + packet_bytes;
  const Status indexed = index_->timeline_.append_packet(
      {.pts = static_cast<std::int64_t>(frames_) * kOpusFrameTime,
       .duration = std::uint64_t{samples} * 1'000'000'000 / kOpusRate,
       .offset = offset_,
       .size = static_cast<std::uint32_t>(bytes),
       .flags = Entry::key_unit,
       .note = samples});
  if (indexed != Status::ok) {
    // The packet is kept, for the encoder has gone on. The block comes again.
    return SourceResult::failure(std::make_error_code(std::errc::not_enough_memory));
  }
  space[0] = static_cast<std::byte>(packet_bytes & 0xFF);
  space[1] = static_cast<std::byte>(packet_bytes >> 8);
  std::memcpy(space.data() + kOpusPrefix, encoder_->packet.data(), packet_bytes);
  encoder_->packet_bytes = 0;
  samples_ += samples;
  offset_ += bytes;
  if (++frames_ % kFramesPerTidying == 0 && follows_ != nullptr) {
    index_->timeline_.drop_before(follows_->window().begin);
  }
  return SourceResult::some(bytes);
}

OpusCaught catch_as_opus(std::unique_ptr<Source> pcm, const OpusSettings& settings,
                         const Config& config) {
  OpusCaught caught;
  auto made = OpusFrameEncoder::make(settings);
  if (made.encoder == nullptr) {
    caught.status = Status::bad_argument;
    caught.why = "settings: libopus says: " + made.error.message();
    caught.error = made.error;
    return caught;
  }
  auto pulled = pull_through(std::move(pcm), made.encoder, config);
  caught.status = pulled.status;
  caught.why = std::move(pulled.why);
  if (caught.status != Status::ok) return caught;
  made.encoder->follow(*pulled.catcher);
  caught.catcher = std::move(pulled.catcher);
  caught.index = made.encoder->index();
  return caught;
}

}  // namespace catcher
