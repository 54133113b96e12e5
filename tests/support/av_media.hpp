// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Media for tests of libavformat: the real track (CATCHER_TEST_TRACK) in several containers, and
// what a demuxer makes of them.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/adler32.h>
#include <libavutil/log.h>
}

#include "core/adapters/avio.hpp"
#include "tests/support/demand.hpp"

namespace catcher::test {

inline std::vector<std::byte> bytes_of(const std::string& path) {
  std::vector<std::byte> all;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  std::byte room[65536];
  while (const std::size_t got = file == nullptr ? 0 : std::fread(room, 1, sizeof room, file)) {
    all.insert(all.end(), room, room + got);
  }
  if (file != nullptr) std::fclose(file);
  return all;
}

// All that a demuxer tells of a packet.
struct AvPacketFacts {
  int stream = 0;
  int size = 0;
  int flags = 0;
  std::int64_t pts = 0;
  std::int64_t dts = 0;
  std::int64_t duration = 0;
  std::int64_t position = 0;
  std::uint64_t sum = 0;  // of its bytes

  friend bool operator==(const AvPacketFacts&, const AvPacketFacts&) = default;
};

// An open medium. Thread: one at a time.
class AvDemuxer {
 public:
  // From disk. 0: it is open; otherwise libavformat's error.
  int open(const std::string& path) { return open(path.c_str()); }
  // From a caught stream, which must outlive this.
  int open(const AvioInput& input) {
    format_ = avformat_alloc_context();
    input.attach(*format_);
    return open(nullptr);
  }
  AvDemuxer() = default;
  AvDemuxer(const AvDemuxer&) = delete;
  AvDemuxer& operator=(const AvDemuxer&) = delete;
  ~AvDemuxer() {
    avformat_close_input(&format_);
    av_packet_free(&packet_);
  }

  AVFormatContext& format() const { return *format_; }

  // Nothing: see error(), which is AVERROR_EOF at the end.
  std::optional<AvPacketFacts> next() {
    error_ = av_read_frame(format_, packet_);
    if (error_ < 0) return std::nullopt;
    const AVPacket& got = *packet_;
    AvPacketFacts facts{got.stream_index, got.size,     got.flags, got.pts,
                        got.dts,          got.duration, got.pos,   0};
    facts.sum = av_adler32_update(1, got.data, static_cast<unsigned>(got.size));
    av_packet_unref(packet_);
    return facts;
  }
  std::vector<AvPacketFacts> next(std::size_t count) {
    std::vector<AvPacketFacts> all;
    while (all.size() < count) {
      const auto packet = next();
      if (!packet) break;
      all.push_back(*packet);
    }
    return all;
  }
  std::vector<AvPacketFacts> rest() { return next(SIZE_MAX); }
  // To the packet at or before `seconds`. False: see error().
  bool seek(double seconds) {
    const auto to = static_cast<std::int64_t>(seconds * AV_TIME_BASE);
    error_ = av_seek_frame(format_, -1, to, AVSEEK_FLAG_BACKWARD);
    return error_ >= 0;
  }
  int error() const { return error_; }

 private:
  int open(const char* path) {
    av_log_set_level(AV_LOG_FATAL);
    error_ = avformat_open_input(&format_, path, nullptr, nullptr);
    if (error_ >= 0) error_ = avformat_find_stream_info(format_, nullptr);
    return error_;
  }

  AVFormatContext* format_ = nullptr;
  AVPacket* packet_ = av_packet_alloc();
  int error_ = 0;
};

// `from` in another container, its packets unchanged.
// `live`: as into a pipe, with neither index nor length.
inline void remux(const std::string& from, const char* container, bool live,
                  const std::string& to) {
  AvDemuxer in;
  demand(in.open(from) == 0, "the track can be opened from disk");
  AVFormatContext* out = nullptr;
  demand(avformat_alloc_output_context2(&out, nullptr, container, to.c_str()) >= 0,
         "there is such a muxer");
  const AVStream& source = *in.format().streams[0];
  AVStream* stream = avformat_new_stream(out, nullptr);
  avcodec_parameters_copy(stream->codecpar, source.codecpar);
  stream->codecpar->codec_tag = 0;
  stream->time_base = source.time_base;
  demand(avio_open(&out->pb, to.c_str(), AVIO_FLAG_WRITE) >= 0, "a file can be made");
  if (live) out->pb->seekable = 0;
  demand(avformat_write_header(out, nullptr) >= 0, "a file can be begun");
  AVPacket* packet = av_packet_alloc();
  while (av_read_frame(&in.format(), packet) >= 0) {
    av_packet_rescale_ts(packet, source.time_base, stream->time_base);
    packet->pos = -1;
    demand(av_interleaved_write_frame(out, packet) >= 0, "a packet can be written");
  }
  av_packet_free(&packet);
  demand(av_write_trailer(out) >= 0, "the file can be ended");
  avio_closep(&out->pb);
  avformat_free_context(out);
}

// The track in one container.
struct AvMedium {
  std::string name;
  std::string path;
  bool opens_early;  // with what has come; otherwise the index has to come first
};

// In files of `folder`. None, and a word about it,
// where there is no track.
inline std::vector<AvMedium> av_media(const std::string& folder) {
  const char* track = std::getenv("CATCHER_TEST_TRACK");
  if (track == nullptr || bytes_of(track).empty()) {
    std::printf("skipped: there is no track\n");
    return {};
  }
  std::vector<AvMedium> all{{"ogg", track, true}};
  all.push_back({"matroska", folder + "/matroska", true});
  all.push_back({"live matroska", folder + "/live-matroska", true});
  all.push_back({"mp4", folder + "/mp4", false});
  remux(track, "matroska", false, all[1].path);
  remux(track, "matroska", true, all[2].path);
  remux(track, "mp4", false, all[3].path);
  return all;
}

// That of one name: nothing if there is none.
inline std::string av_medium(const char* name, const std::string& folder) {
  for (const AvMedium& medium : av_media(folder)) {
    if (medium.name == name) return medium.path;
  }
  return "";
}

}  // namespace catcher::test
