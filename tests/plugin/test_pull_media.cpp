// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Files of many formats out of a pipe, behind demuxers that pull: whole and after seeks they are
// what the same file is from disk. Formats that cannot be written here are left out.
#include "tests/support/channel.hpp"

#include "tests/support/piped_track.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr GstClockTime kLength = 12 * GST_SECOND;
constexpr const char* kPackets = " ! appsink name=out sync=false max-buffers=9";
const std::string kSink = std::string(" ! audioconvert ! audio/x-raw,format=F32LE") + kPackets;

struct Medium {
  const char* name;
  const char* encoder;
  const char* demuxer;
  const char* decoder;
};

// These remember what was before a seek, or need what the demuxer leaves out, and give other
// samples each time for a while.
bool remembers(const Medium& medium) {
  const std::string decoder = medium.decoder;
  return decoder == "opusdec" || decoder == "mpg123audiodec";
}

const std::vector<Medium>& media() {
  static const std::vector<Medium> all{
      {"WAV", "wavenc", "wavparse", "identity"},
      {"MOV, its index at the end", "qtmux", "qtdemux", "identity"},
      {"MP4, its index at the end", "lamemp3enc ! mp4mux", "qtdemux", "mpg123audiodec"},
      {"FLAC", "flacenc", "flacparse", "flacdec"},
      {"MP3", "lamemp3enc cbr=true target=bitrate", "mpegaudioparse", "mpg123audiodec"},
      {"Ogg/Vorbis", "vorbisenc ! oggmux", "oggdemux", "vorbisdec"},
      {"Ogg/Opus", "opusenc ! oggmux", "oggdemux", "opusdec"},
      {"Matroska/Vorbis", "vorbisenc ! matroskamux", "matroskademux", "vorbisdec"},
      {"WebM/Opus", "opusenc ! webmmux", "matroskademux", "opusdec"},
  };
  return all;
}

bool can_be_made(const Medium& medium) {
  bool can = has_element("audiotestsrc") && has_element("decodebin") &&
             has_element(medium.demuxer) && has_element(medium.decoder);
  const std::string encoder = medium.encoder;
  for (std::size_t begin = 0; can && begin < encoder.size();) {
    const std::size_t bar = std::min(encoder.find(" ! ", begin), encoder.size());
    const std::string one = encoder.substr(begin, bar - begin);
    can = has_element(one.substr(0, one.find(' ')).c_str());
    begin = bar + 3;
  }
  if (!can) std::printf("skipped: %s\n", medium.name);
  return can;
}

// A file that is gone with this.
class File {
 public:
  explicit File(const Medium& medium) {
    const int file = ::mkstemp(path_);
    demand(file >= 0, "there is room for a file");
    ::close(file);
    Element made = Element::launch(
        "audiotestsrc wave=pink-noise volume=0.5 samplesperbuffer=2205 num-buffers=240 ! "
        "audio/x-raw,format=S16LE,channels=2,rate=44100 ! audioconvert ! audioresample ! " +
        std::string(medium.encoder) + " ! filesink location=" + path_);
    made.to(GST_STATE_PLAYING);
    made.wait_eos();
  }
  ~File() { ::unlink(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  std::string source() const { return "filesrc location=" + std::string(path_) + " ! "; }
  std::vector<std::byte> bytes() const {
    gchar* text = nullptr;
    gsize size = 0;
    demand(g_file_get_contents(path_, &text, &size, nullptr), "the file can be read");
    const auto all = std::as_bytes(std::span(text, size));
    std::vector<std::byte> copy(all.begin(), all.end());
    g_free(text);
    return copy;
  }

 private:
  char path_[32] = "/tmp/catcher-media-XXXXXX";
};

// What came first after a seek.
struct Heard {
  bool taken = false;
  GstClockTime time = GST_CLOCK_TIME_NONE;
  std::vector<std::byte> bytes;
  bool operator==(const Heard&) const = default;
};

Heard hear(AppSink& sink, GstClockTime target, int flags) {
  Heard heard;
  heard.taken = sink.seek(GST_FORMAT_TIME, target, flags);
  for (int count = 0; heard.taken && count < 4; ++count) {
    const SamplePtr sample = sink.pull();
    if (sample == nullptr) break;
    GstBuffer* buffer = gst_sample_get_buffer(sample.get());
    if (count == 0) {
      heard.time = gst_segment_to_stream_time(gst_sample_get_segment(sample.get()), GST_FORMAT_TIME,
                                              GST_BUFFER_PTS(buffer));
    }
    AppSink::append(heard.bytes, buffer);
  }
  return heard;
}

bool is_pulled(Element& pipeline, const char* element, const char* pad) {
  const GstPtr<GstElement> found = pipeline.child(element);
  const GstPtr<GstPad> src(gst_element_get_static_pad(found.get(), pad));
  demand(src != nullptr, "there is such a pad");
  return GST_PAD_MODE(src.get()) == GST_PAD_MODE_PULL;
}

enum class Compare : std::uint8_t { none, times, all };

void compare_after_seeks(AppSink& disk, AppSink& caught, const char* name, Compare what) {
  if (what == Compare::none) return;
  for (const int flags :
       {static_cast<int>(GST_SEEK_FLAG_ACCURATE), static_cast<int>(GST_SEEK_FLAG_KEY_UNIT)}) {
    for (const unsigned percent : {50u, 10u, 90u, 0u, 70u, 69u, 99u, 3u}) {
      const GstClockTime target = kLength * percent / 100 + 12'345'678;
      const Heard wanted = hear(disk, target, flags);
      const Heard heard = hear(caught, target, flags);
      ck_assert_msg(wanted.taken && heard.taken, "%s: a seek to %u %% is taken", name, percent);
      ck_assert_msg(heard.time == wanted.time,
                    "%s: %u %% (flags %d) goes to %" GST_TIME_FORMAT ", not %" GST_TIME_FORMAT,
                    name, percent, flags, GST_TIME_ARGS(heard.time), GST_TIME_ARGS(wanted.time));
      if (what == Compare::times) continue;
      ck_assert_msg(heard.bytes == wanted.bytes, "%s: other samples at %u %%", name, percent);
    }
  }
}

// `rest` is behind the source, up to the sink.
void compare(const Medium& medium, const std::string& rest, Compare after_seeks) {
  const File file(medium);
  PipedTrack piped(file.bytes());
  Gate more;
  more.open(5);
  Element from_disk = Element::launch(file.source() + rest);
  Element from_pipe =
      Element::launch(piped.source() + "catchertee name=tee pull-mode=wait ! " + rest);
  AppSink disk(from_disk, "out");
  AppSink caught(from_pipe, "out");
  from_disk.to(GST_STATE_PLAYING);
  from_pipe.to(GST_STATE_PLAYING);
  const std::jthread feeder = piped.feed(more, 5);

  const std::vector<std::byte> whole = caught.pull_all();

  ck_assert_msg(whole.size() > 50'000, "%s: %zu bytes", medium.name, whole.size());
  ck_assert_msg(whole == disk.pull_all(), "%s is not what it is from disk", medium.name);
  ck_assert_msg(is_pulled(from_pipe, "tee", "src_0"), "%s is not pulled", medium.name);
  compare_after_seeks(disk, caught, medium.name, after_seeks);
  from_pipe.demand_no_error();
  std::printf("%s: the same\n", medium.name);
}

START_TEST(out_of_a_pipe_it_plays_and_seeks_in_decodebin_as_from_disk) {
  for (const Medium& medium : media()) {
    if (!can_be_made(medium)) continue;
    compare(medium, "decodebin" + kSink, remembers(medium) ? Compare::times : Compare::all);
  }
}
END_TEST

START_TEST(out_of_a_pipe_it_plays_in_decodebin3_as_from_disk) {
  for (const Medium& medium : media()) {
    if (!can_be_made(medium) || !has_element("decodebin3")) continue;
    compare(medium, "decodebin3" + kSink, Compare::none);
  }
}
END_TEST

START_TEST(out_of_a_pipe_it_plays_and_seeks_behind_demuxers_as_from_disk) {
  for (const Medium& medium : media()) {
    if (can_be_made(medium)) compare(medium, medium.demuxer + std::string(kPackets), Compare::all);
  }
}
END_TEST

// Without waiting: a channel whose writer has finished is like a file.
START_TEST(a_finished_channel_plays_and_seeks_as_from_disk) {
  const Medium& medium = media()[1];
  if (!can_be_made(medium)) return;
  const NothingKept end;
  const File file(medium);
  Element writer = Element::launch(file.source() + "identity ! catchersink channel=media");
  writer.to(GST_STATE_PLAYING);
  writer.wait_eos();
  Element from_disk = Element::launch(file.source() + "decodebin" + kSink);
  Element from_channel = Element::launch("catchersrc name=in channel=media ! decodebin" + kSink);
  AppSink disk(from_disk, "out");
  AppSink caught(from_channel, "out");
  from_disk.to(GST_STATE_PLAYING);
  from_channel.to(GST_STATE_PLAYING);

  ck_assert(caught.pull_all() == disk.pull_all());

  ck_assert(is_pulled(from_channel, "in", "src"));
  compare_after_seeks(disk, caught, medium.name, Compare::all);
  from_channel.demand_no_error();
}
END_TEST

START_TEST(a_pipeline_that_waits_for_the_length_can_be_stopped) {
  if (!has_element("decodebin")) return;
  PipedTrack piped(std::vector<std::byte>(200'100));  // what is left over fits into the pipe
  Gate more;
  Element pipeline =
      Element::launch(piped.source() + "catchertee name=tee pull-mode=wait ! decodebin" + kSink);
  pipeline.to(GST_STATE_PAUSED);
  const std::jthread feeder = piped.feed(more, 1);
  const GstPtr<GstElement> tee = pipeline.child("tee");
  const catcher::Deadline patience = catcher::Clock::now() + kPatience;
  for (guint64 kept = 0; kept < 200'000; std::this_thread::yield()) {
    g_object_get(tee.get(), "current-level-bytes", &kept, nullptr);
    demand(catcher::Clock::now() < patience, "the first part arrives", kept);
  }

  pipeline.settle(GST_STATE_READY);

  pipeline.demand_no_error();
  pipeline.end();
  more.open();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "pull_media",
                          {{"pipe",
                            {out_of_a_pipe_it_plays_and_seeks_in_decodebin_as_from_disk,
                             out_of_a_pipe_it_plays_in_decodebin3_as_from_disk,
                             out_of_a_pipe_it_plays_and_seeks_behind_demuxers_as_from_disk}},
                           {"channel", {a_finished_channel_plays_and_seeks_as_from_disk}},
                           {"stop", {a_pipeline_that_waits_for_the_length_can_be_stopped}}});
}
