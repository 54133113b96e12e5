// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Files of many kinds that are demuxed before they are caught: an accurate seek among the packets,
// while the demuxer knows nothing of it, gives the samples that a straight decode of the file
// gives there. Kinds that cannot be made or read here are left out.
#include "tests/support/plugin_check.hpp"

#include "tests/support/media_files.hpp"

namespace {

using namespace catcher::test;

// Of a medium: what stands before the catcher, and what behind it.
struct Demuxed {
  std::size_t medium;  // its number
  const char* demuxer;
  Codec codec;
};

const std::vector<Demuxed>& all() {
  static const std::vector<Demuxed> list{
      {0, "oggdemux", {"Ogg/Vorbis", "", "vorbisdec ! audioconvert"}},
      {1, "matroskademux", {"WebM/Opus", "", "opusdec ! audioconvert", false, true}},
      {3, "qtdemux ! aacparse", {"MP4/AAC", "", "faad ! audioconvert"}},
      {4, "flacparse", {"FLAC", "", "flacdec ! audioconvert"}},
      {6, "mpegaudioparse", {"MP3", "", "mpg123audiodec ! audioconvert"}},
      {7, "qtdemux name=demux demux.video_0 ! h264parse", {"MP4/H.264", "", "avdec_h264", true}},
      {7, "qtdemux name=demux demux.audio_0 ! aacparse", {"MP4/+AAC", "", "faad ! audioconvert"}},
  };
  return list;
}

class Folder {
 public:
  Folder() { demand(::mkdtemp(path_) != nullptr, "there is room for a folder"); }
  ~Folder() {
    for (std::size_t medium = 0; medium < media().size(); ++medium) {
      ::unlink((path() + "/" + std::to_string(medium)).c_str());
    }
    ::rmdir(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string path() const { return path_; }

 private:
  char path_[32] = "/tmp/catcher-demuxed-XXXXXX";
};

void compare(const Demuxed& one, const std::string& file) {
  const std::string source = "filesrc location=" + file + " ! " + one.demuxer + " ! ";
  Element from_disk = Element::launch(source + decoding(one.codec, "out"));
  AppSink disk(from_disk, "out");
  from_disk.to(GST_STATE_PLAYING);
  const Straight straight(one.codec, decode(disk, ~std::size_t{0}));
  Element pipeline = Element::launch(source + "catchertee ! " + decoding(one.codec, "out"));
  AppSink caught(pipeline, "out");
  pipeline.to(GST_STATE_PLAYING);

  const std::string name = one.codec.name;
  const Decoded whole = decode(caught, ~std::size_t{0});
  ck_assert_text(name + straight.fault(whole, 0), name);
  for (const unsigned percent : {50u, 10u, 90u, 3u, 70u, 69u, 96u, 0u}) {
    if (one.codec.remembers && percent < 3) continue;
    const GstClockTime target = straight.length() * percent / 100 + 12'345'678;
    ck_assert(caught.seek(GST_FORMAT_TIME, target));
    const Decoded decoded = decode(caught, 8);
    ck_assert_msg(decoded.start == target, "%s: a segment from %" GST_TIME_FORMAT, name.c_str(),
                  GST_TIME_ARGS(decoded.start));
    ck_assert_text(name + straight.fault(decoded, straight.unit_at(target)), name);
  }
  pipeline.demand_no_error();
  std::printf("%s: the same\n", name.c_str());
}

START_TEST(an_accurate_seek_among_demuxed_packets_gives_what_the_file_has_there) {
  const Folder folder;
  for (const Demuxed& one : all()) {
    const Medium& medium = media()[one.medium];
    if (!can_be_made(medium) || !has_elements(one.codec.decoder)) {
      std::printf("skipped: %s\n", one.codec.name);
      continue;
    }
    compare(one, file_of(medium, folder.path()));
  }
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "demuxed_media",
      {{"seek", {an_accurate_seek_among_demuxed_packets_gives_what_the_file_has_there}}});
}
