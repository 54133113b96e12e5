// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Media of many kinds, as files that a test makes for itself, and `cat FILE |`.
#pragma once

#include <fcntl.h>
#include <gst/gst.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "tests/support/coded.hpp"
#include "tests/support/element.hpp"

extern char** environ;

namespace catcher::test {

// What its decoder gives after a flush, until it has settled, is not the same from disk either: the
// demuxer gives it nothing of what came before.
constexpr GstClockTime kNever = GST_CLOCK_TIME_NONE;

struct Medium {
  const char* name;
  const char* audio;         // from raw samples to the muxer, or to the end where there is none
  const char* video;         // the same of pictures, or nothing
  const char* muxer;         // or nothing
  const char* decoders;      // of both, and the demuxer
  GstClockTime settles = 0;  // how long that takes its audio decoder
};

inline const std::vector<Medium>& media() {
  constexpr GstClockTime kAac = 100 * GST_MSECOND;
  static const std::vector<Medium> all{
      {"Ogg/Vorbis", "vorbisenc", nullptr, "oggmux", "oggdemux ! vorbisdec"},
      {"WebM/Opus", "opusenc", nullptr, "webmmux", "matroskademux ! opusdec", kNever},
      {"MP4/AAC, index first", "voaacenc ! aacparse", nullptr, "mp4mux faststart=true",
       "qtdemux ! avdec_aac", kAac},
      {"MP4/AAC, index last", "voaacenc ! aacparse", nullptr, "mp4mux", "qtdemux ! avdec_aac",
       kAac},
      {"FLAC", "flacenc", nullptr, nullptr, "flacparse ! flacdec"},
      {"WAV", "wavenc", nullptr, nullptr, "wavparse"},
      // Its parser guesses where a time is, from what it happens to have seen.
      {"MP3", "lamemp3enc target=bitrate cbr=true", nullptr, nullptr,
       "mpegaudioparse ! mpg123audiodec", kNever},
      {"MP4/H.264+AAC", "voaacenc ! aacparse", "x264enc bframes=2 key-int-max=15 ! h264parse",
       "mp4mux", "qtdemux ! avdec_h264 ! avdec_aac", kAac},
  };
  return all;
}

inline bool can_be_made(const Medium& medium) {
  bool can = has_elements(medium.audio) && has_elements(medium.decoders) &&
             has_elements("audiotestsrc ! decodebin ! appsink ! filesink");
  if (medium.video != nullptr)
    can = can && has_elements("videotestsrc") && has_elements(medium.video);
  if (medium.muxer != nullptr) can = can && has_elements(medium.muxer);
  return can;
}

inline constexpr GstClockTime kMediumLength = 4 * GST_SECOND;

// The file, which is made when it is first asked for. `folder` is the test's own.
inline std::string file_of(const Medium& medium, const std::string& folder) {
  const std::string path = folder + "/" + std::to_string(&medium - media().data());
  if (::access(path.c_str(), R_OK) == 0) return path;
  const std::string writing = path + ".new";
  const bool muxed = medium.muxer != nullptr;
  std::string line =
      muxed ? std::string(medium.muxer) + " name=mux ! filesink location=" + writing : "";
  line +=
      " audiotestsrc wave=pink-noise volume=0.5 samplesperbuffer=1764 num-buffers=100 ! "
      "audio/x-raw,format=S16LE,channels=2,rate=44100 ! audioconvert ! audioresample ! " +
      std::string(medium.audio) + (muxed ? " ! mux." : " ! filesink location=" + writing);
  if (medium.video != nullptr) {
    line +=
        " videotestsrc pattern=ball num-buffers=100 ! "
        "video/x-raw,format=I420,width=96,height=64,framerate=25/1 ! " +
        std::string(medium.video) + " ! queue ! mux.";
  }
  Element made = Element::launch(line);
  made.to(GST_STATE_PLAYING);
  made.wait_eos();
  made.end();
  demand(std::rename(writing.c_str(), path.c_str()) == 0, "a file can be renamed");
  return path;
}

// `cat FILE |`
class Cat {
 public:
  explicit Cat(const std::string& path) {
    int ends[2];
    demand(::pipe2(ends, O_CLOEXEC) == 0, "there is a pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string cat = "cat", file = path;
    char* argv[] = {cat.data(), file.data(), nullptr};
    demand(::posix_spawnp(&child_, "cat", &actions, nullptr, argv, environ) == 0, "cat runs");
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    end_ = ends[0];
  }
  // Whoever reads must have stopped.
  ~Cat() {
    ::close(end_);
    ::waitpid(child_, nullptr, 0);
  }
  Cat(const Cat&) = delete;
  Cat& operator=(const Cat&) = delete;
  std::string source() const { return "fdsrc fd=" + std::to_string(end_); }

 private:
  pid_t child_ = 0;
  int end_ = -1;
};

}  // namespace catcher::test
