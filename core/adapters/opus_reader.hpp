// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Readers of what opus_frames.hpp has caught: one for packets, to be sent as they are, and one
// that decodes. Both seek by time, while the stream is still being encoded too.
//
// Thread: each by one thread at a time; different ones by any. A seek does not wait and, beyond
// what has come, needs nothing to be there: the read behind it waits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <vector>

#include "../export.hpp"
#include "../reader.hpp"
#include "../source.hpp"
#include "opus_frames.hpp"

namespace catcher {

// A packet; or none, and the reason as for a ReadResult.
struct [[nodiscard]] OpusPacketResult {
  std::size_t bytes = 0;       // of the packet
  Status status = Status::ok;  // ok: there is one
  std::error_code error{};     // set when status is `failed`
  Window window{};             // set when status is `evicted`: the window of bytes at that moment
  std::uint64_t number = 0;    // of the frame, counted from the stream's beginning
};

// Where a seek went; `bad_argument` and the old place if it could not be carried out.
struct [[nodiscard]] OpusSeekResult {
  std::uint64_t number = 0;    // of the frame that was meant
  std::uint64_t first = 0;     // of the next to be read, which comes earlier by the pre-roll
  Status status = Status::ok;  // bad_argument: the time is below 0
};

class CATCHER_API OpusFrameReader {
 public:
  // Starts at frame 0. Requires: neither is null, and they belong together.
  OpusFrameReader(std::shared_ptr<Catcher> catcher, std::shared_ptr<const OpusIndex> index);

  // Number of the next frame.
  std::uint64_t number() const noexcept { return next_; }
  // Where frames are.
  const OpusIndex& index() const noexcept { return *index_; }

  // To the frame that holds `time` (ns).
  OpusSeekResult seek(std::int64_t time, OpusPreroll preroll = OpusPreroll::none) noexcept;
  // To a frame by its number.
  OpusSeekResult seek_frame(std::uint64_t number, OpusPreroll preroll = OpusPreroll::none) noexcept;
  // To the oldest frame that is whole in the window: what to do after `evicted`.
  OpusSeekResult seek_oldest() noexcept;

  // Copies the next packet, without its prefix, to the front of `out` and moves on. Otherwise
  // stays: `evicted`, `end`, `bad_argument` (there is too little room; kOpusMaxPacket always
  // is enough), and all that a Reader says. A read that is interrupted has lost nothing.
  OpusPacketResult read_packet(std::span<std::byte> out, const Wait& wait = {});

 private:
  OpusPacketResult wait_for_next(const Wait& wait);

  Reader reader_;
  std::shared_ptr<const OpusIndex> index_;
  std::uint64_t next_ = 0;
};

// The way back: raw audio at 48 kHz, interleaved, exactly as many samples as were encoded, and
// without the encoder's delay. A seek is exact to the sample, and gives the decoder what lies
// before the place, so that what comes is what a straight decode gives there, as nearly as
// OpusPreroll says. A source too, so that a catcher can pull from it.
class CATCHER_API OpusPcmReader final : public Source {
  struct Decoder;
  struct Private {};

 public:
  // Either `reader` is set, or `error` says what libopus has against it.
  struct Made {
    std::unique_ptr<OpusPcmReader> reader{};  // in its place, where it starts
    std::error_code error{};                  // of opus_category()
  };
  // Starts at sample 0. Requires: as OpusFrameReader.
  static Made make(std::shared_ptr<Catcher> catcher, std::shared_ptr<const OpusIndex> index,
                   SampleFormat format = SampleFormat::s16,
                   OpusPreroll preroll = OpusPreroll::close);

  // For make().
  OpusPcmReader(Private, OpusFrameReader frames, std::unique_ptr<Decoder> decoder,
                OpusPreroll preroll);
  ~OpusPcmReader() override;

  // As Source::read(), and `evicted` where the packets are gone. After a packet that
  // cannot be decoded, `failed`, the next read goes on with 20 ms that the decoder makes up.
  SourceResult read(std::span<std::byte> space, const Wait& wait = {}) override;

  // To the sample that is heard at `time` (ns). `bad_argument` below 0.
  Status seek(std::int64_t time) noexcept;
  // To a sample of each channel by its number. `bad_argument` beyond 2^62.
  Status seek_sample(std::uint64_t sample) noexcept;
  // To the oldest sample of which all that a decoder needs is there: what to do after `evicted`.
  void seek_oldest() noexcept;
  // Number of the next sample; where a read has taken a part of one, of that.
  std::uint64_t sample() const noexcept;

 private:
  SourceResult decode_next(const Wait& wait);

  OpusFrameReader frames_;
  const std::unique_ptr<Decoder> decoder_;
  const OpusPreroll preroll_;
  std::span<const std::byte> ready_{};  // decoded, and not given yet
  std::uint64_t target_ = 0;            // of samples before this nothing is given
  bool is_broken_ = false;              // the last packet could not be decoded
};

}  // namespace catcher
