// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A recording of bytes behind which a demuxer works in push mode: it seeks in bytes, by bisection.
#include "tests/support/plugin_check.hpp"

#include "tests/support/piped_track.hpp"
#include "tests/support/stress.hpp"

namespace {

using namespace catcher::test;

// The sink holds few buffers, so that there is always more to come when a seek is made.
const std::string kDemuxed =
    std::string("oggdemux ! vorbisdec ! ") + kDecoded + "appsink sync=false max-buffers=9 name=";

// The frame at which a sample begins; ends the test unless it has that place's samples.
std::uint64_t place_of(const Audio& audio, GstSample* sample) {
  GstBuffer* buffer = gst_sample_get_buffer(sample);
  const GstClockTime time = gst_segment_to_stream_time(gst_sample_get_segment(sample),
                                                       GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
  demand(GST_CLOCK_TIME_IS_VALID(time), "a sample is within its segment");
  const std::uint64_t first = gst_util_uint64_scale_round(time, audio.rate, GST_SECOND);
  GstMapInfo map;
  demand(gst_buffer_map(buffer, &map, GST_MAP_READ), "a buffer can be read");
  const std::size_t count = map.size / audio.frame;
  demand(first + count <= audio.frames(), "it is within the track", first);
  demand(std::memcmp(map.data, audio.at(first, count).data(), map.size) == 0,
         "the samples are those of this time", first);
  gst_buffer_unmap(buffer, &map);
  return first;
}

std::uint64_t frames_of(const Audio& audio, GstSample* sample) {
  return gst_buffer_get_size(gst_sample_get_buffer(sample)) / audio.frame;
}

// oggdemux in push mode, behind a file too, begins at a page near the wanted time, and may tell a
// wrong time for it; so what comes of a seek is found by its samples.
constexpr std::uint64_t kNear = 12 * 44100;

std::span<const std::byte> bytes_of(GstSample* sample, GstMapInfo& map) {
  demand(gst_buffer_map(gst_sample_get_buffer(sample), &map, GST_MAP_READ), "it can be read");
  return std::as_bytes(std::span(map.data, map.size));
}

std::optional<std::uint64_t> find_near(const Audio& audio, std::span<const std::byte> wanted,
                                       std::uint64_t frame) {
  const std::uint64_t from = frame - std::min(frame, kNear);
  const std::uint64_t to = std::min(frame + kNear, audio.frames());
  const auto where = audio.at(from, to - from);
  for (auto at = where.begin();;) {
    at = std::search(at, where.end(), wanted.begin(), wanted.end());
    if (at == where.end()) return std::nullopt;
    const auto distance = static_cast<std::uint64_t>(at - where.begin());
    if (distance % audio.frame == 0) return from + distance / audio.frame;
    ++at;
  }
}

// Whether the track goes on near the target. The demuxer seeks on a thread of its own,
// so what was on its way comes first; then the decoder needs a packet or two.
bool goes_on_near(const Audio& audio, AppSink& sink, GstClockTime target, GstClockTime& segment) {
  std::optional<std::uint64_t> next;
  for (unsigned pulled = 0; pulled < 20;) {
    const SamplePtr sample = sink.pull();
    if (sample == nullptr) return false;
    const GstClockTime begins = gst_sample_get_segment(sample.get())->time;
    if (begins == segment && pulled == 0) continue;
    segment = begins;
    if (++pulled < 5) continue;
    GstMapInfo map;
    const auto bytes = bytes_of(sample.get(), map);
    if (!next) next = find_near(audio, bytes, frame_at(target, audio.rate));
    const std::uint64_t count = bytes.size() / audio.frame;
    const bool fits =
        next && std::memcmp(bytes.data(), audio.at(*next, count).data(), bytes.size()) == 0;
    gst_buffer_unmap(gst_sample_get_buffer(sample.get()), &map);
    if (!fits) return false;
    *next += count;
  }
  return true;
}

// Whatever a branch is given are the track's bytes at the offset that the buffer tells.
GstPadProbeReturn check_bytes(GstPad*, GstPadProbeInfo* info, gpointer track) {
  GstBuffer* buffer = GST_PAD_PROBE_INFO_BUFFER(info);
  const auto& all = *static_cast<const std::vector<std::byte>*>(track);
  const std::uint64_t offset = GST_BUFFER_OFFSET(buffer);
  const std::size_t size = gst_buffer_get_size(buffer);
  demand(offset + size <= all.size(), "a piece is within the track", offset);
  demand(gst_buffer_memcmp(buffer, 0, all.data() + offset, size) == 0, "bytes are in their place",
         offset);
  return GST_PAD_PROBE_OK;
}

// A new branch that ends in an appsink of this name.
void add_branch(Element& pipeline, const char* name, const std::vector<std::byte>& track) {
  GstElement* bin = gst_parse_bin_from_description(
      ("identity name=in ! " + kDemuxed + name).c_str(), FALSE, nullptr);
  const GstPtr<GstElement> in(gst_bin_get_by_name(GST_BIN(bin), "in"));
  const GstPtr<GstPad> target(gst_element_get_static_pad(in.get(), "sink"));
  gst_pad_add_probe(target.get(), GST_PAD_PROBE_TYPE_BUFFER, check_bytes,
                    const_cast<std::vector<std::byte>*>(&track), nullptr);
  gst_element_add_pad(bin, gst_ghost_pad_new("sink", target.get()));
  gst_bin_add(GST_BIN(pipeline.get()), bin);
  gst_element_sync_state_with_parent(bin);
  demand(gst_element_link_pads(pipeline.child("tee").get(), "src_%u", bin, "sink"),
         "a bin can be linked");
}

START_TEST(a_branch_that_joins_at_the_end_seeks_forwards_and_back) {
  const std::vector<std::byte> track = test_track();
  if (track.empty()) return;
  const Audio audio = straight_decode(track);
  PipedTrack piped(track);
  Gate more;
  more.open();
  Element pipeline = Element::launch(piped.source() + "catchertee name=tee pull-mode=never ! " +
                                     kDemuxed + "first");
  AppSink first(pipeline, "first");
  pipeline.to(GST_STATE_PLAYING);
  const std::jthread feeder = piped.feed(more, 1);
  ck_assert(first.pull_all() == audio.bytes);

  add_branch(pipeline, "late", track);
  AppSink late(pipeline, "late");
  ck_assert_uint_eq(place_of(audio, late.pull().get()), 0);
  Random random(stress_seed());
  GstClockTime segment = 0;
  const GstClockTime length = time_of_frame(audio.frames(), audio.rate);
  for (const std::uint64_t percent : {50u, 10u, 90u, 0u, 70u, 69u, 3u, 94u}) {
    const GstClockTime target = length * percent / 100 + random.below(length / 100);
    // Behind a file too, the demuxer refuses or misses now and then.
    bool there = false;
    for (int tries = 0; !there && tries < 10; ++tries) {
      there = late.seek(GST_FORMAT_TIME, target) && goes_on_near(audio, late, target, segment);
    }
    ck_assert_msg(there, "the demuxer never got to %" GST_TIME_FORMAT, GST_TIME_ARGS(target));
  }
  late.pull_all();
  pipeline.demand_no_error();
}
END_TEST

START_TEST(a_seek_that_the_demuxer_refuses_while_it_arrives_disturbs_nothing) {
  const std::vector<std::byte> track = test_track();
  if (track.empty()) return;
  const Audio audio = straight_decode(track);
  PipedTrack piped(track);
  Gate more;
  Element pipeline = Element::launch(piped.source() + "catchertee name=tee pull-mode=never ! " +
                                     kDemuxed + "first");
  AppSink first(pipeline, "first");
  pipeline.to(GST_STATE_PLAYING);
  const std::jthread feeder = piped.feed(more, 10);
  more.open(3);
  SamplePtr sample = first.pull();

  const GstClockTime target = 2 * GST_SECOND;
  const bool taken = first.seek(GST_FORMAT_TIME, target);
  more.open(7);
  std::uint64_t next = frames_of(audio, sample.get());
  bool sought = false;
  while ((sample = first.pull()) != nullptr) {
    const std::uint64_t begins = place_of(audio, sample.get());
    const bool jumped = begins != next;
    ck_assert(!jumped || (taken && !sought));
    sought = sought || jumped;
    next = begins + frames_of(audio, sample.get());
  }

  ck_assert_uint_eq(next, audio.frames());
  std::printf("the demuxer %s a seek while it arrived\n", taken ? "took" : "refused");
  pipeline.demand_no_error();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "catchertee_demux",
                          {{"push",
                            {a_branch_that_joins_at_the_end_seeks_forwards_and_back,
                             a_seek_that_the_demuxer_refuses_while_it_arrives_disturbs_nothing}}});
}
