// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Real codecs: a pipeline that encodes a few seconds into a catchertee, decodes what its first
// branch gives, and keeps the packets on both of its sides.
#pragma once

#include <gst/audio/audio.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/app_sink.hpp"
#include "tests/support/branch.hpp"
#include "tests/support/plugin_check.hpp"

namespace catcher::test {

struct Codec {
  const char* name;
  const char* encoder;
  const char* decoder;
  bool is_video = false;
  // Its decoder does not forget what came before a seek, and gives other samples for a while.
  bool remembers = false;
  const char* pattern = "ball";  // of the picture
};

inline const std::vector<Codec>& codecs() {
  static const std::vector<Codec> all{
      {"Vorbis", "vorbisenc", "vorbisdec ! audioconvert"},
      {"Opus", "opusenc", "opusdec ! audioconvert", false, true},
      {"FLAC", "flacenc ! flacparse", "flacdec ! audioconvert"},
      {"MP3", "lamemp3enc ! mpegaudioparse", "mpg123audiodec ! audioconvert"},
      {"MP3 of few bits",
       "lamemp3enc target=bitrate bitrate=32 cbr=true ! audio/mpeg,rate=48000 ! mpegaudioparse",
       "mpg123audiodec ! audioconvert"},
      {"AAC", "voaacenc ! aacparse", "faad ! audioconvert"},
      {"H.264 with B-frames", "x264enc bframes=3 b-adapt=false key-int-max=20 ! h264parse",
       "avdec_h264", true},
      {"H.264, byte stream",
       "x264enc bframes=2 key-int-max=20 ! video/x-h264,stream-format=byte-stream", "avdec_h264",
       true},
      {"VP8", "vp8enc keyframe-max-dist=20 deadline=1", "vp8dec", true},
      {"Theora", "theoraenc keyframe-auto=false keyframe-freq=16 keyframe-force=16", "theoradec",
       true},
      // All packets but its key units are empty.
      {"Theora of a picture that stays",
       "theoraenc keyframe-auto=false keyframe-freq=16 keyframe-force=16", "theoradec", true, false,
       "black"},
  };
  return all;
}

// The factory names in a piece of a launch line are all here.
inline bool has_elements(const std::string& line) {
  for (std::size_t begin = 0; begin < line.size();) {
    const std::size_t bar = std::min(line.find(" ! ", begin), line.size());
    const std::string one = line.substr(begin, bar - begin);
    const std::string name = one.substr(0, one.find(' '));
    if (name.find('/') == std::string::npos && !has_element(name.c_str())) return false;
    begin = bar + 3;
  }
  return true;
}

inline std::string raw_source(const Codec& codec) {
  return codec.is_video ? std::string("videotestsrc num-buffers=100 pattern=") + codec.pattern +
                              " ! video/x-raw,format=I420,width=96,height=64,framerate=25/1"
                        : "audiotestsrc wave=pink-noise volume=0.5 num-buffers=200 ! "
                          "audio/x-raw,format=S16LE,channels=2,rate=48000 ! audioconvert";
}

inline bool can_be_coded(const Codec& codec) {
  const bool can = has_elements(raw_source(codec)) && has_elements(codec.encoder) &&
                   has_elements(codec.decoder) && has_element("appsink");
  if (!can) std::printf("skipped: %s\n", codec.name);
  return can;
}

inline std::vector<std::byte> bytes_of(GstBuffer* buffer) {
  std::vector<std::byte> all;
  if (gst_buffer_get_size(buffer) != 0) AppSink::append(all, buffer);
  return all;
}

// What came of a seek, or of a whole decode.
struct Decoded {
  unsigned rate = 0;                         // units a second
  std::size_t unit = 0;                      // bytes
  GstClockTime start = GST_CLOCK_TIME_NONE;  // of the segment
  std::vector<GstClockTime> times;           // stream time of each buffer
  std::vector<std::vector<std::byte>> buffers;
};

// A whole decode, and whether pieces of another fit into it: units are samples of all channels,
// or pictures.
class Straight {
 public:
  Straight(const Codec& codec, Decoded whole) : codec_(codec) {
    demand(!whole.buffers.empty(), codec.name);
    first_ = whole.times.front();
    unit_ = whole.unit;
    rate_ = whole.rate;
    for (const auto& buffer : whole.buffers) all_.insert(all_.end(), buffer.begin(), buffer.end());
  }
  GstClockTime length() const { return time_of(all_.size() / unit_); }
  std::size_t unit() const { return unit_; }
  std::uint64_t units() const { return all_.size() / unit_; }
  // The unit that is heard or seen then.
  std::uint64_t unit_at(GstClockTime time) const {
    return gst_util_uint64_scale(time - first_ + 1, rate_, GST_SECOND);
  }
  // Timestamps are rounded, and decoders count samples from them.
  std::uint64_t nearest(GstClockTime time) const {
    if (codec_.is_video) return unit_at(time);
    return gst_util_uint64_scale_round(time - first_, rate_, GST_SECOND);
  }
  GstClockTime time_of(std::uint64_t unit) const {
    return first_ + gst_util_uint64_scale(unit, GST_SECOND, rate_);
  }
  // What is wrong with a decode that is to begin with a unit; nothing if all is right.
  std::string fault(const Decoded& decoded, std::uint64_t first) const {
    std::uint64_t next = first;
    for (std::size_t number = 0; number < decoded.buffers.size(); ++number) {
      const std::uint64_t begins = nearest(decoded.times[number]);
      const std::uint64_t off = begins > next ? begins - next : next - begins;
      if (off > (codec_.is_video ? 0 : 1)) {
        return "buffer " + std::to_string(number) + " is of unit " + std::to_string(begins) +
               ", not " + std::to_string(next);
      }
      const std::size_t count = decoded.buffers[number].size() / unit_;
      if (next + count > units()) return "there is more than there was";
      const int differs = difference(next, decoded.buffers[number]);
      if (differs > tolerance(next - first)) {
        return "buffer " + std::to_string(number) + " at unit " + std::to_string(next) +
               " differs by " + std::to_string(differs);
      }
      next += count;
    }
    return "";
  }

 private:
  // Behind its pre-roll a decoder is near enough, and 100 ms later nobody can tell.
  int tolerance(std::uint64_t units) const {
    if (!codec_.remembers) return 0;
    return units < rate_ / 10 ? 1024 : 64;
  }
  // The largest one: in steps of 16 bits, or of pictures any.
  int difference(std::uint64_t unit, const std::vector<std::byte>& bytes) const {
    const std::byte* wanted = all_.data() + unit * unit_;
    if (std::memcmp(wanted, bytes.data(), bytes.size()) == 0) return 0;
    if (codec_.is_video) return 1'000'000;
    float largest = 0;
    for (std::size_t at = 0; at + sizeof(float) <= bytes.size(); at += sizeof(float)) {
      float one = 0, other = 0;
      std::memcpy(&one, wanted + at, sizeof one);
      std::memcpy(&other, bytes.data() + at, sizeof other);
      largest = std::max(largest, std::abs(one - other));
    }
    return static_cast<int>(std::ceil(largest * 32768));
  }

  const Codec& codec_;
  GstClockTime first_ = 0;
  std::size_t unit_ = 1;
  unsigned rate_ = 1;
  std::vector<std::byte> all_;
};

inline void take_format(const GstCaps* caps, Decoded& decoded) {
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  GstAudioInfo audio;
  gint rate = 0, scale = 1;
  if (gst_structure_get_fraction(structure, "framerate", &rate, &scale)) {
    GstVideoInfo video;
    demand(gst_video_info_from_caps(&video, caps), "the caps are of raw video");
    decoded.rate = static_cast<unsigned>(rate / scale);
    decoded.unit = GST_VIDEO_INFO_SIZE(&video);
    return;
  }
  demand(gst_audio_info_from_caps(&audio, caps), "the caps are of raw audio");
  decoded.rate = static_cast<unsigned>(GST_AUDIO_INFO_RATE(&audio));
  decoded.unit = static_cast<std::size_t>(GST_AUDIO_INFO_BPF(&audio));
}

// At most so many buffers.
inline Decoded decode(AppSink& sink, std::size_t most) {
  Decoded decoded;
  while (decoded.buffers.size() < most) {
    const SamplePtr sample = sink.pull();
    if (sample == nullptr) break;
    const GstSegment* segment = gst_sample_get_segment(sample.get());
    GstBuffer* buffer = gst_sample_get_buffer(sample.get());
    decoded.start = segment->time;
    take_format(gst_sample_get_caps(sample.get()), decoded);
    decoded.times.push_back(
        gst_segment_to_stream_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer)));
    decoded.buffers.push_back(bytes_of(buffer));
  }
  return decoded;
}

// From packets to an appsink.
inline std::string decoding(const Codec& codec, const char* sink) {
  return std::string(codec.decoder) +
         (codec.is_video ? " ! video/x-raw,format=I420" : " ! audio/x-raw,format=F32LE") +
         " ! appsink sync=false max-buffers=3 name=" + sink;
}

// Packets of a codec in a catchertee.
class Coded {
 public:
  explicit Coded(const Codec& codec)
      : codec_(codec),
        pipeline_(Element::launch(raw_source(codec) + " ! " + codec.encoder +
                                  " ! catchertee name=tee ! " + decoding(codec, "out"))),
        sink_(pipeline_, "out"),
        branch_(pipeline_.child("tee").get()) {
    const GstPtr<GstPad> pad(gst_element_get_static_pad(pipeline_.child("tee").get(), "sink"));
    gst_pad_add_probe(
        pad.get(), GST_PAD_PROBE_TYPE_BUFFER,
        [](GstPad*, GstPadProbeInfo* info, gpointer in) noexcept {
          GstBuffer* buffer = gst_buffer_ref(GST_PAD_PROBE_INFO_BUFFER(info));
          static_cast<std::vector<BufferPtr>*>(in)->emplace_back(buffer);
          return GST_PAD_PROBE_OK;
        },
        &in_, nullptr);
    branch_.link();
    pipeline_.to(GST_STATE_PLAYING);
    straight_.emplace(codec, decode(~0u));
    branch_.wait_eos();
  }

  const Codec& codec() const { return codec_; }
  const std::vector<BufferPtr>& in() const { return in_; }
  // What another branch was given.
  Branch& branch() { return branch_; }
  std::vector<Arrival> out() const { return branch_.arrivals(); }
  const Straight& straight() const { return *straight_; }
  Element& pipeline() { return pipeline_; }
  AppSink& sink() { return sink_; }

  Decoded decode(std::size_t most) { return catcher::test::decode(sink_, most); }

 private:
  const Codec& codec_;
  std::vector<BufferPtr> in_;
  Element pipeline_;
  AppSink sink_;
  Branch branch_;
  std::optional<Straight> straight_;
};

}  // namespace catcher::test
