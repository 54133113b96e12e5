// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The real track (CATCHER_TEST_TRACK), and what a straight decode makes of it.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/app_sink.hpp"
#include "tests/support/follower.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/plugin_check.hpp"

namespace catcher::test {

// As the decoder gives it: a conversion would dither, and differ each time.
inline constexpr const char* kDecoded =
    "audioconvert ! audio/x-raw,format=F32LE,channels=2,rate=44100 ! ";
inline const std::string kDecoder = std::string("decodebin ! ") + kDecoded;

// The track's bytes. Nothing, and a word about it, where it or its decoder is missing.
inline std::vector<std::byte> test_track() {
  std::vector<std::byte> all;
  const char* path = std::getenv("CATCHER_TEST_TRACK");
  FILE* file = path == nullptr ? nullptr : std::fopen(path, "rb");
  std::byte room[65536];
  while (const std::size_t got = file == nullptr ? 0 : std::fread(room, 1, sizeof room, file)) {
    all.insert(all.end(), room, room + got);
  }
  if (file != nullptr) std::fclose(file);
  if (!has_element("decodebin") || !has_element("vorbisdec")) all.clear();
  if (all.empty()) std::printf("skipped: there is no track, or no decoder for it\n");
  return all;
}

// A track that is piped in as `cat` does it.
class PipedTrack {
 public:
  explicit PipedTrack(std::vector<std::byte> track) : track_(std::move(track)) {
    demand(::pipe2(ends_, O_CLOEXEC) == 0, "there is a pipe");
  }
  ~PipedTrack() { ::close(ends_[0]); }
  PipedTrack(const PipedTrack&) = delete;
  PipedTrack& operator=(const PipedTrack&) = delete;

  // The beginning of a launch line.
  std::string source() const { return "fdsrc fd=" + std::to_string(ends_[0]) + " ! "; }
  // A piece for each pass, and its end after `passes`. To be called once.
  std::jthread feed(Gate& more, unsigned passes) {
    return std::jthread([this, &more, passes] {
      const std::size_t head = std::min<std::size_t>(track_.size(), 200'000);
      const std::size_t each = (track_.size() - head) / passes + 1;
      write(0, head);
      for (std::size_t at = head; at < track_.size(); at += each) {
        more.pass(patiently());
        write(at, std::min(each, track_.size() - at));
      }
      ::close(ends_[1]);
    });
  }

 private:
  void write(std::size_t from, std::size_t size) const {
    for (auto left = std::span(track_).subspan(from, size); !left.empty();) {
      const ssize_t wrote = ::write(ends_[1], left.data(), left.size());
      demand(wrote > 0 || errno == EINTR, "a pipe takes what is written");
      if (wrote > 0) left = left.subspan(static_cast<std::size_t>(wrote));
    }
  }
  const std::vector<std::byte> track_;
  int ends_[2]{};
};

// All of it, through the same kind of pipe: a demuxer that knows the length beforehand trims the
// end.
inline Audio straight_decode(const std::vector<std::byte>& track) {
  PipedTrack piped(track);
  Gate more;
  more.open();
  Element straight =
      Element::launch(piped.source() + kDecoder + "appsink name=out sync=false max-buffers=100");
  straight.to(GST_STATE_PLAYING);
  const std::jthread feeder = piped.feed(more, 1);
  return {AppSink(straight, "out").pull_all(), 8, 44100};
}

}  // namespace catcher::test
