// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "opus_reader.hpp"

#include <opus.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace catcher {
namespace {

// Beyond this, arithmetic on frames and bytes could wrap.
constexpr std::uint64_t kLastSample = std::uint64_t{1} << 62;

struct Destroy {
  void operator()(::OpusDecoder* decoder) const noexcept { opus_decoder_destroy(decoder); }
};

std::error_code opus_error(int value) noexcept {
  return {value, opus_category()};
}

}  // namespace

OpusFrameReader::OpusFrameReader(std::shared_ptr<Catcher> catcher,
                                 std::shared_ptr<const OpusIndex> index)
    : reader_(std::move(catcher)), index_(std::move(index)) {}

OpusSeekResult OpusFrameReader::seek(std::int64_t time, OpusPreroll preroll) noexcept {
  if (time < 0) return {next_, next_, Status::bad_argument};
  const auto found = index_->at_time(time);
  // Beyond what has come, frames will be as long as they are.
  const auto beyond = static_cast<std::uint64_t>(time / kOpusFrameTime);
  return seek_frame(found ? found->number : beyond, preroll);
}

OpusSeekResult OpusFrameReader::seek_frame(std::uint64_t number, OpusPreroll preroll) noexcept {
  const auto back = static_cast<std::uint64_t>(preroll);
  next_ = number - std::min(number, back);
  return {number, next_, Status::ok};
}

OpusSeekResult OpusFrameReader::seek_oldest() noexcept {
  const Window window = reader_.catcher()->window();
  const auto found = index_->from_offset(window.begin);
  return seek_frame(found ? found->number : index_->window().end);
}

OpusPacketResult OpusFrameReader::read_packet(std::span<std::byte> out, const Wait& wait) {
  for (;;) {
    const auto frame = index_->frame(next_);
    if (!frame) {
      const OpusPacketResult waited = wait_for_next(wait);
      if (waited.status != Status::ok) return waited;
      continue;
    }
    if (frame->size > out.size()) return {0, Status::bad_argument, {}, {}, next_};
    const auto sought = reader_.seek(static_cast<std::int64_t>(frame->offset + kOpusPrefix));
    if (sought.status != Status::ok) return {0, sought.status, {}, {}, next_};
    const ReadResult got = reader_.read_full(out.first(frame->size), wait);
    if (got.status != Status::ok) return {0, got.status, got.error, got.window, next_};
    return {frame->size, Status::ok, {}, {}, next_++};
  }
}

// Frames are in the index before their first byte can be read.
OpusPacketResult OpusFrameReader::wait_for_next(const Wait& wait) {
  const auto last = index_->last();
  if (last && last->number >= next_) {
    const bool is_gone = next_ < index_->window().begin;
    if (!is_gone) return {};  // it has just come
    return {0, Status::evicted, {}, reader_.catcher()->window(), next_};
  }
  const std::uint64_t end = last ? last->offset + kOpusPrefix + last->size : 0;
  const auto sought = reader_.seek(static_cast<std::int64_t>(end));
  if (sought.status != Status::ok) return {0, sought.status, {}, {}, next_};
  const ReadResult waited = reader_.wait(wait);
  // Evicted: more has come than the window holds. The frame may be there all the same.
  if (waited.status == Status::ok || waited.status == Status::evicted) return {};
  return {0, waited.status, waited.error, waited.window, next_};
}

struct OpusPcmReader::Decoder {
  // Decodes a packet, or makes one up for nothing: samples of each channel, or an error below 0.
  int decode(std::span<const std::byte> data) {
    const auto* bytes =
        data.empty() ? nullptr : reinterpret_cast<const unsigned char*>(data.data());
    const auto size = static_cast<opus_int32>(data.size());
    const int room = kOpusFrameSamples;
    if (format == SampleFormat::f32) {
      return opus_decode_float(opus.get(), bytes, size, floats.data(), room, 0);
    }
    return opus_decode(opus.get(), bytes, size, shorts.data(), room, 0);
  }
  std::span<const std::byte> pcm() const noexcept {
    if (format == SampleFormat::f32) return std::as_bytes(std::span(floats));
    return std::as_bytes(std::span(shorts));
  }

  std::unique_ptr<::OpusDecoder, Destroy> opus;
  SampleFormat format{};
  std::size_t sample_bytes = 0;  // of all channels
  std::array<opus_int16, std::size_t{2} * kOpusFrameSamples> shorts{};
  std::array<float, std::size_t{2} * kOpusFrameSamples> floats{};
  std::array<std::byte, kOpusMaxPacket> packet{};
};

OpusPcmReader::Made OpusPcmReader::make(std::shared_ptr<Catcher> catcher,
                                        std::shared_ptr<const OpusIndex> index, SampleFormat format,
                                        OpusPreroll preroll) {
  int error = OPUS_OK;
  const unsigned channels = index->channels();
  auto decoder = std::make_unique<Decoder>();
  decoder->format = format;
  decoder->sample_bytes =
      channels * (format == SampleFormat::f32 ? sizeof(float) : sizeof(opus_int16));
  decoder->opus.reset(
      opus_decoder_create(static_cast<opus_int32>(kOpusRate), static_cast<int>(channels), &error));
  if (error != OPUS_OK) return {nullptr, opus_error(error)};
  OpusFrameReader frames(std::move(catcher), std::move(index));
  auto made =
      std::make_unique<OpusPcmReader>(Private{}, std::move(frames), std::move(decoder), preroll);
  return {std::move(made), {}};
}

OpusPcmReader::OpusPcmReader(Private, OpusFrameReader frames, std::unique_ptr<Decoder> decoder,
                             OpusPreroll preroll)
    : frames_(std::move(frames)), decoder_(std::move(decoder)), preroll_(preroll) {}

OpusPcmReader::~OpusPcmReader() = default;

SourceResult OpusPcmReader::read(std::span<std::byte> space, const Wait& wait) {
  while (ready_.empty()) {
    const SourceResult decoded = decode_next(wait);
    if (decoded.status != Status::ok) return decoded;
  }
  const std::size_t bytes = std::min(space.size(), ready_.size());
  std::memcpy(space.data(), ready_.data(), bytes);
  ready_ = ready_.subspan(bytes);
  return SourceResult::some(bytes);
}

// Sample s of the stream comes out as number s + pre_skip.
SourceResult OpusPcmReader::decode_next(const Wait& wait) {
  std::uint64_t number = frames_.number() - (is_broken_ ? 1 : 0);
  std::span<const std::byte> packet{};
  if (!is_broken_) {
    const OpusPacketResult got = frames_.read_packet(decoder_->packet, wait);
    if (got.status != Status::ok) return {0, got.status, got.error};
    packet = std::span(decoder_->packet).first(got.bytes);
    number = got.number;
  }
  const int decoded = decoder_->decode(packet);
  is_broken_ = decoded != static_cast<int>(kOpusFrameSamples) && !packet.empty();
  if (decoded < 0) return SourceResult::failure(opus_error(decoded));
  if (decoded != static_cast<int>(kOpusFrameSamples)) {
    return SourceResult::failure(opus_error(OPUS_INVALID_PACKET));
  }
  const OpusIndex& index = frames_.index();
  const std::uint64_t skipped = index.pre_skip();
  const std::uint64_t first = number * kOpusFrameSamples;
  const std::uint64_t begin = std::max(first, target_ + skipped);
  const std::uint64_t end = std::min(first + kOpusFrameSamples, index.samples_to(number) + skipped);
  if (begin >= end) return {};
  ready_ = decoder_->pcm().subspan((begin - first) * decoder_->sample_bytes,
                                   (end - begin) * decoder_->sample_bytes);
  target_ = end - skipped;
  return {};
}

Status OpusPcmReader::seek(std::int64_t time) noexcept {
  if (time < 0) return Status::bad_argument;
  const auto whole = static_cast<std::uint64_t>(time);
  const std::uint64_t seconds = whole / 1'000'000'000;
  const std::uint64_t rest = whole % 1'000'000'000;
  // Rounded to the nearest, so that the time of a sample finds that sample.
  return seek_sample(seconds * kOpusRate + (rest * kOpusRate + 500'000'000) / 1'000'000'000);
}

Status OpusPcmReader::seek_sample(std::uint64_t sample) noexcept {
  if (sample > kLastSample) return Status::bad_argument;
  target_ = sample;
  ready_ = {};
  is_broken_ = false;
  const std::uint64_t number = (sample + frames_.index().pre_skip()) / kOpusFrameSamples;
  (void)frames_.seek_frame(number, preroll_);
  opus_decoder_ctl(decoder_->opus.get(), OPUS_RESET_STATE);
  return Status::ok;
}

void OpusPcmReader::seek_oldest() noexcept {
  const OpusSeekResult oldest = frames_.seek_oldest();
  const std::uint64_t begin =
      (oldest.number + static_cast<std::uint64_t>(preroll_)) * kOpusFrameSamples;
  (void)seek_sample(oldest.number == 0 ? 0 : begin - frames_.index().pre_skip());
}

std::uint64_t OpusPcmReader::sample() const noexcept {
  const std::size_t size = decoder_->sample_bytes;
  return target_ - (ready_.size() + size - 1) / size;
}

}  // namespace catcher
