// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A transform that makes Opus of raw audio, to be kept in a twentieth of the space and sent
// as it is by whoever wants packets: voice chats, music bots. In the rope stand frames, one
// behind the other, as in a DCA0 file: the size of a packet (16 bits, little endian, never above
// 32767 or 0), then the packet. A packet is one Opus frame of 20 ms at 48 kHz.
//
//   auto made = catch_as_opus(std::move(pcm), {.channels = 2, .bitrate = 96'000});
//   OpusFrameReader reader(made.catcher, made.index);   // opus_reader.hpp
//   reader.seek(61'500'000'000);
//
// Opus delays: what is encoded comes out of a decoder `pre_skip` samples later. A last
// packet or two of silence see to it that all of it comes out.
// Not for Ogg: there is oggmux.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "../block_transform.hpp"
#include "../catcher.hpp"
#include "../export.hpp"
#include "../timeline.hpp"

namespace catcher {

inline constexpr std::uint32_t kOpusRate = 48'000;          // samples a second
inline constexpr std::uint32_t kOpusFrameSamples = 960;     // of each channel in a packet
inline constexpr std::int64_t kOpusFrameTime = 20'000'000;  // ns
inline constexpr std::size_t kOpusPrefix = 2;               // bytes before each packet
inline constexpr std::size_t kOpusMaxPacket = 1276;         // bytes of one frame, at most

// How much earlier a seek begins, since a decoder that knows nothing of the past is wrong at first.
// By value in packets. What was measured with music, against a straight decode:
enum class OpusPreroll : std::uint8_t {
  none = 0,
  standard = 4,  // 80 ms, as files with Opus in them ask for: off by 1 % of the energy
  close = 16,    // 320 ms: by 1/16384 of full scale at most (Application::audio), a step or two of
                 // 16 bits; speech that changes its mode more, by 1/10000 of the energy
};

// Errors of libopus, by its own numbers.
CATCHER_API const std::error_category& opus_category() noexcept;

// Interleaved, in the byte order of this machine.
enum class SampleFormat : std::uint8_t { s16, f32 };

// What libopus is told. Anything it does not take is refused by it.
struct OpusSettings {
  // What it is to be good at: music, speech, or a delay of 2.5 ms instead of 6.5.
  enum class Application : std::uint8_t { audio, voip, low_delay };
  // Whether packets are of one size, vary within what the bitrate allows on a line, or as they
  // need.
  enum class BitrateMode : std::uint8_t { constant, constrained, variable };

  SampleFormat format = SampleFormat::s16;              // of what is encoded
  unsigned channels = 2;                                // 1 or 2
  Application application = Application::audio;         // music, if not told otherwise
  std::int32_t bitrate = 96'000;                        // bits a second, 500 to 512000
  BitrateMode bitrate_mode = BitrateMode::constrained;  // libopus's own default
  int complexity = 10;                                  // 0 to 10: how much CPU it may cost
};

// One packet and where it is.
struct OpusFrame {
  std::uint64_t number = 0;   // from 0, of 20 ms each
  std::uint64_t offset = 0;   // of its prefix
  std::size_t size = 0;       // bytes of the packet, without the prefix
  std::uint32_t samples = 0;  // of each channel that are not padding: fewer at the end alone
};

// Where each frame of a stream is: a timeline with an entry of 48 bytes for each.
// A frame may be found here a moment before its bytes are: who reads them waits.
// Thread: any; lock-free, O(log frames).
class CATCHER_API OpusIndex {
 public:
  // 1 or 2.
  unsigned channels() const noexcept { return channels_; }
  // Samples by which a decoder is late.
  std::uint32_t pre_skip() const noexcept { return pre_skip_; }

  // Nothing if it is not there: not yet, or not any more.
  std::optional<OpusFrame> frame(std::uint64_t number) const noexcept;
  // The one that begins at or before `time` (ns) and lasts beyond it.
  std::optional<OpusFrame> at_time(std::int64_t time) const noexcept;
  // The first that begins at or above `offset`.
  std::optional<OpusFrame> from_offset(std::uint64_t offset) const noexcept;
  // The newest.
  std::optional<OpusFrame> last() const noexcept;
  // Numbers of the frames that are there: [begin, end).
  Window window() const noexcept { return timeline_.window(); }
  // Samples of each channel that were encoded up to the end of frame `number`, without
  // padding. Requires: that frame is there.
  std::uint64_t samples_to(std::uint64_t number) const noexcept;

 private:
  friend class OpusFrameEncoder;
  OpusIndex(unsigned channels, std::uint32_t pre_skip) noexcept
      : channels_(channels), pre_skip_(pre_skip) {}

  const unsigned channels_;
  const std::uint32_t pre_skip_;
  Timeline timeline_;
};

// Thread: as Transform. What it gives has to be all that its catcher holds, from offset 0.
class CATCHER_API OpusFrameEncoder final : public BlockTransform {
  struct Encoder;
  struct Private {};

 public:
  // Either `encoder` is set, or `error` says what libopus has against the settings.
  struct Made {
    std::shared_ptr<OpusFrameEncoder> encoder{};  // for transformed() or pull_through()
    std::error_code error{};                      // of opus_category()
  };
  // One for one stream.
  static Made make(const OpusSettings& settings = {});

  // For make().
  OpusFrameEncoder(Private, const OpusSettings& settings, std::unique_ptr<Encoder> encoder,
                   std::uint32_t pre_skip);
  ~OpusFrameEncoder() override;

  std::size_t min_contiguous() const noexcept override { return kOpusPrefix + kOpusMaxPacket; }

  // Grows with the stream. Thread: any.
  std::shared_ptr<const OpusIndex> index() const noexcept { return index_; }
  // Lets the index forget frames that have left the window of `catcher`, which is the one that
  // pulls through this. Thread: before that is read.
  void follow(const Catcher& catcher) noexcept { follows_ = &catcher; }

 private:
  SourceResult transform_block(std::span<const std::byte> block,
                               std::span<std::byte> space) override;
  SourceResult transform_last(std::span<const std::byte> rest, std::span<std::byte> space) override;
  SourceResult encode(std::span<const std::byte> block, std::uint32_t samples,
                      std::span<std::byte> space);

  const std::size_t sample_bytes_;  // of all channels
  const std::shared_ptr<OpusIndex> index_;
  std::unique_ptr<Encoder> encoder_;
  const Catcher* follows_ = nullptr;
  std::uint64_t frames_ = 0;   // given
  std::uint64_t samples_ = 0;  // of them
  std::uint64_t offset_ = 0;   // behind the last
};

// A catcher of frames, and where they are. Either both are set, or `status` is not ok, `why` says
// what to change, and `error` is libopus's, if it is that.
struct OpusCaught {
  std::shared_ptr<Catcher> catcher{};        // its bytes are frames
  std::shared_ptr<const OpusIndex> index{};  // grows with it
  Status status = Status::ok;                // ok or bad_argument
  std::string why{};                         // in words
  std::error_code error{};                   // of opus_category()
};

// `pcm` gives samples of settings.format, at 48 kHz. A part of a sample at its end is dropped.
// Config::length_hint and max_bytes count bytes of Opus.
CATCHER_API OpusCaught catch_as_opus(std::unique_ptr<Source> pcm, const OpusSettings& settings = {},
                                     const Config& config = {});

}  // namespace catcher
