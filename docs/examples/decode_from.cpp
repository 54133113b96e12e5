// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Plays pieces of what is piped in, in any order, while it still arrives: each FROM+FOR, in
// seconds, is decoded and written to stdout as interleaved 16-bit samples.
//
//   curl -s https://example.org/talk.ogg | catcher-decode-from 60+10 0+5 |
//     aplay -f S16_LE -c 2 -r 44100
//
// A thread catches stdin; libavformat opens and seeks in what it has caught.
#include <catcher/adapters/avio.hpp>
#include <catcher/all.hpp>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
}

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

// Whatever is wrong ends the program with a message.
int check(int result, const char* what) {
  if (result >= 0) return result;
  char text[AV_ERROR_MAX_STRING_SIZE];
  av_strerror(result, text, sizeof text);
  throw std::runtime_error(std::string(what) + ": " + text);
}

void catch_stdin(catcher::Writer writer, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto reserved = writer.reserve(1);
    if (reserved.status != catcher::Status::ok) {
      return writer.fail(std::make_error_code(std::errc::not_enough_memory));
    }
    const ssize_t got = ::read(STDIN_FILENO, reserved.space.data(), reserved.space.size());
    if (got > 0) {
      writer.commit(static_cast<std::size_t>(got));
    } else if (got == 0) {
      return writer.finish();
    } else if (errno == EAGAIN) {
      pollfd input{STDIN_FILENO, POLLIN, 0};  // somebody has made it not to wait
      ::poll(&input, 1, -1);
    } else if (errno != EINTR) {
      return writer.fail({errno, std::system_category()});
    }
  }
}

class Decoder {
 public:
  explicit Decoder(const std::shared_ptr<catcher::Catcher>& caught)
      : input_(catcher::Reader(caught)) {
    // What has come is enough for most formats: they are not to look for an end that is hours away.
    catcher::Reader ahead(caught);
    static_cast<void>(ahead.skip(256 * 1024));
    input_.end_at_edge();
    const bool opened = open() >= 0;
    input_.end_at_end();
    // The index of an MP4 may come last.
    if (!opened) check(open(), "it cannot be opened");

    const AVCodec* codec = nullptr;
    stream_ = check(av_find_best_stream(format_, AVMEDIA_TYPE_AUDIO, -1, -1, &codec, 0),
                    "there is no audio in it");
    for (unsigned i = 0; i < format_->nb_streams; ++i) {
      if (static_cast<int>(i) != stream_) format_->streams[i]->discard = AVDISCARD_ALL;
    }
    codec_ = avcodec_alloc_context3(codec);
    check(avcodec_parameters_to_context(codec_, format_->streams[stream_]->codecpar), "codec");
    codec_->pkt_timebase = format_->streams[stream_]->time_base;
    check(avcodec_open2(codec_, codec, nullptr), "it cannot be decoded");
    check(swr_alloc_set_opts2(&converter_, &codec_->ch_layout, AV_SAMPLE_FMT_S16,
                              codec_->sample_rate, &codec_->ch_layout, codec_->sample_fmt,
                              codec_->sample_rate, 0, nullptr),
          "its samples cannot be converted");
    check(swr_init(converter_), "its samples cannot be converted");
    std::fprintf(stderr, "%s: %s, %d Hz, %d channels\n", format_->iformat->name, codec->name,
                 codec_->sample_rate, codec_->ch_layout.nb_channels);
  }
  ~Decoder() {
    swr_free(&converter_);
    avcodec_free_context(&codec_);
    avformat_close_input(&format_);
    av_packet_free(&packet_);
    av_frame_free(&frame_);
  }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Writes the samples of `length` seconds that begin at `from`; waits for those still to come.
  void play(double from, double length) {
    // Decoders need a moment to settle, so that it begins earlier and drops what was not asked for.
    const auto target = static_cast<std::int64_t>(std::max(from - 1, 0.0) * AV_TIME_BASE);
    input_.end_at_edge();
    const int went = av_seek_frame(format_, -1, target, AVSEEK_FLAG_BACKWARD);
    input_.end_at_end();
    check(went, "there is no way there");
    avcodec_flush_buffers(codec_);

    first_ = static_cast<std::int64_t>(from * codec_->sample_rate);
    last_ = first_ + static_cast<std::int64_t>(length * codec_->sample_rate);
    next_ = AV_NOPTS_VALUE;
    bool more = true;
    while (more) {
      const int got = av_read_frame(format_, packet_);
      if (got != AVERROR_EOF) check(got, "it cannot be read on");
      // Nothing drains the decoder.
      if (got < 0 || packet_->stream_index == stream_) more = decode(got < 0 ? nullptr : packet_);
      av_packet_unref(packet_);
      if (got < 0) break;
    }
    std::fflush(stdout);
  }

 private:
  int open() {
    format_ = avformat_alloc_context();
    input_.attach(*format_);
    avio_seek(format_->pb, 0, SEEK_SET);
    int result = avformat_open_input(&format_, nullptr, nullptr, nullptr);
    if (result >= 0) result = avformat_find_stream_info(format_, nullptr);
    if (result < 0) avformat_close_input(&format_);
    return result;
  }

  // False once the last sample is written.
  bool decode(const AVPacket* packet) {
    // A packet that is cut off is left out, as in players.
    if (avcodec_send_packet(codec_, packet) < 0) return true;
    while (avcodec_receive_frame(codec_, frame_) >= 0) {
      if (!write(*frame_)) return false;
    }
    return true;
  }

  bool write(const AVFrame& frame) {
    if (frame.pts != AV_NOPTS_VALUE) {
      next_ = av_rescale_q(frame.pts, codec_->pkt_timebase, {1, codec_->sample_rate});
    }
    if (next_ == AV_NOPTS_VALUE) return true;
    const std::int64_t begin = next_;
    next_ += frame.nb_samples;
    const std::int64_t from = std::clamp(first_, begin, next_);
    const std::int64_t to = std::clamp(last_, begin, next_);
    const auto channels = static_cast<std::size_t>(frame.ch_layout.nb_channels);
    samples_.resize(static_cast<std::size_t>(frame.nb_samples) * channels);
    auto* out = reinterpret_cast<std::uint8_t*>(samples_.data());
    check(swr_convert(converter_, &out, frame.nb_samples,
                      const_cast<const std::uint8_t**>(frame.extended_data), frame.nb_samples),
          "its samples cannot be converted");
    const std::size_t size = static_cast<std::size_t>(to - from) * channels;
    const std::int16_t* at = samples_.data() + static_cast<std::size_t>(from - begin) * channels;
    if (std::fwrite(at, sizeof *at, size, stdout) != size) {
      throw std::runtime_error("it cannot be written");
    }
    return next_ < last_;
  }

  catcher::AvioInput input_;
  AVFormatContext* format_ = nullptr;
  AVCodecContext* codec_ = nullptr;
  SwrContext* converter_ = nullptr;
  AVPacket* packet_ = av_packet_alloc();
  AVFrame* frame_ = av_frame_alloc();
  std::vector<std::int16_t> samples_;
  int stream_ = -1;
  std::int64_t first_ = 0;  // of what is asked for, in samples; last_ is behind it
  std::int64_t last_ = 0;
  std::int64_t next_ = 0;  // first sample of the next frame
};

struct Piece {
  double from, seconds;
};

std::vector<Piece> pieces_of(std::span<char*> words) {
  if (words.empty()) throw std::runtime_error("catcher-decode-from FROM+FOR...  (seconds)");
  std::vector<Piece> pieces;
  for (const char* word : words) {
    char* rest = nullptr;
    const double from = std::strtod(word, &rest);
    if (*rest != '+') throw std::runtime_error(std::string(word) + " is not FROM+FOR");
    pieces.push_back({from, std::strtod(rest + 1, nullptr)});
  }
  return pieces;
}

}  // namespace

int main(int count, char** words) {
  auto made = catcher::Catcher::push();
  const std::jthread feeder(
      [&made](const std::stop_token& stop) { catch_stdin(std::move(made.writer), stop); });
  int status = 0;
  try {
    const auto pieces = pieces_of(std::span(words, static_cast<std::size_t>(count)).subspan(1));
    Decoder decoder(made.catcher);
    for (const Piece& piece : pieces) decoder.play(piece.from, piece.seconds);
  } catch (const std::exception& wrong) {
    std::fprintf(stderr, "%s\n", wrong.what());
    status = 1;
  }
  // Whoever writes may never end, so the feeder is not waited for.
  std::fflush(stdout);
  std::_Exit(status);
}
