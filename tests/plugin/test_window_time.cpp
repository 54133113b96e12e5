// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A window by time over an hour of a live source, whose time goes as fast as it is pushed: it holds
// what was asked for and at most an eighth more after each buffer, and nothing that is kept grows.
#include "tests/support/plugin_check.hpp"

#include <unistd.h>

#include <fstream>

#include "tests/support/app_sink.hpp"
#include "tests/support/branch.hpp"
#include "tests/support/follower.hpp"
#include "tests/support/stress.hpp"

namespace {

using namespace catcher::test;

constexpr GstClockTime kWindow = 5 * GST_SECOND;
constexpr GstClockTime kMost = kWindow + kWindow / 8;
constexpr GstClockTime kPacket = 20 * GST_MSECOND;
constexpr unsigned kRate = 48000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr GstClockTime kHour = 300 * GST_SECOND;
constexpr bool kCountsMemory = false;  // what is freed is kept for a while
#else
constexpr GstClockTime kHour = 3600 * GST_SECOND;
constexpr bool kCountsMemory = true;
#endif

constexpr const char* kPacketCaps = "audio/x-opus,channel-mapping-family=0";

std::uint64_t resident() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t pages = 0;
  file >> total >> pages;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

// A live tee with the window, and the highest figures since its time is `settled`.
class Windowed {
 public:
  explicit Windowed(const char* caps) : tee("catchertee"), upstream(tee.get()) {
    tee.set("max-size-time", guint64{kWindow});
    upstream.is_live(0);
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_TIME, caps);
  }

  std::uint64_t stat(const char* name) const {
    auto* stats = tee.value<GstStructure*>("stats");
    guint64 value = 0;
    demand(gst_structure_get_uint64(stats, name, &value), name);
    gst_structure_free(stats);
    return value;
  }
  // After something that ends at `edge`.
  void check(GstClockTime edge) {
    if (edge < kWindow) return;
    const auto level = tee.value<guint64>("current-level-time");
    demand(level >= kWindow, "the window holds what was asked for", level);
    demand(level <= kMost, "it holds at most an eighth more", level);
    if (edge < kHour / 10 || edge / GST_SECOND == looked_) return;
    looked_ = edge / GST_SECOND;
    if (allocated_ == 0) {
      allocated_ = most_ = stat("bytes-allocated");
      resident_ = resident();
    }
    most_ = std::max(most_, stat("bytes-allocated"));
  }
  // What was checked did not grow.
  void check_growth(std::uint64_t slack = 0) const {
    std::printf("allocated %llu, at most %llu; resident %llu, then %llu; %llu chunks\n",
                static_cast<unsigned long long>(allocated_), static_cast<unsigned long long>(most_),
                static_cast<unsigned long long>(resident_),
                static_cast<unsigned long long>(resident()),
                static_cast<unsigned long long>(stat("chunks")));
    ck_assert_uint_gt(allocated_, 0);
    ck_assert_uint_le(most_, allocated_ + slack);
    if (kCountsMemory) ck_assert_uint_le(resident(), resident_ + (1 << 20));
  }
  std::uint64_t most() const { return most_; }

  Element tee;
  Upstream upstream;

 private:
  GstClockTime looked_ = 0;
  std::uint64_t allocated_ = 0, most_ = 0, resident_ = 0;
};

BufferPtr packet(std::size_t size, GstClockTime time, GstClockTime duration = kPacket) {
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, size, nullptr));
  gst_buffer_memset(buffer.get(), 0, static_cast<guint8>(time / kPacket), size);
  GST_BUFFER_PTS(buffer.get()) = time;
  GST_BUFFER_DURATION(buffer.get()) = duration;
  return buffer;
}

// Sizes of the packets that opusenc makes of two seconds of speech-like noise and silence each.
std::vector<std::size_t> opus_packets() {
  Element pipeline = Element::launch(
      "audiotestsrc wave=ticks num-buffers=200 samplesperbuffer=960 ! audio/x-raw,rate=48000 ! "
      "opusenc bitrate=64000 bitrate-type=vbr ! appsink name=sink sync=false");
  AppSink sink(pipeline, "sink");
  pipeline.to(GST_STATE_PLAYING);
  std::vector<std::size_t> sizes;
  while (const SamplePtr sample = sink.pull()) {
    sizes.push_back(gst_buffer_get_size(gst_sample_get_buffer(sample.get())));
  }
  return sizes;
}

void give_packets(Windowed& windowed, const std::vector<std::size_t>& sizes) {
  std::size_t number = 0;
  for (GstClockTime time = 0; time < kHour; time += kPacket) {
    windowed.upstream.give(packet(sizes[number++ % sizes.size()], time));
    windowed.check(time + kPacket);
  }
}

START_TEST(an_hour_of_raw_audio_keeps_its_window) {
  Windowed windowed(frame_caps(kRate).c_str());
  const BufferPtr any(frames(0, kRate / 50, kRate));
  for (GstClockTime time = 0; time < kHour; time += kPacket) {
    BufferPtr buffer(gst_buffer_copy(any.get()));
    GST_BUFFER_PTS(buffer.get()) = time;
    windowed.upstream.give(std::move(buffer));
    windowed.check(time + kPacket);
  }
  windowed.check_growth();
  // Four chunks may be free, and one is being filled.
  const std::uint64_t payload = kMost / GST_SECOND * kRate * kFrame;
  ck_assert_uint_le(windowed.most(), payload * 3 / 2);
}
END_TEST

START_TEST(raw_audio_in_large_buffers_keeps_its_window) {
  Windowed windowed(frame_caps(kRate).c_str());
  const BufferPtr any(frames(0, kRate * 3, kRate));
  for (GstClockTime time = 0; time < kHour / 4; time += 3 * GST_SECOND) {
    BufferPtr buffer(gst_buffer_copy(any.get()));
    GST_BUFFER_PTS(buffer.get()) = time;
    windowed.upstream.give(std::move(buffer));
    windowed.check(time + 3 * GST_SECOND);
  }
  windowed.check_growth();
}
END_TEST

START_TEST(an_hour_of_small_packets_keeps_its_window) {
  Windowed windowed(kPacketCaps);
  give_packets(windowed, {160});
  windowed.check_growth();
  const std::uint64_t payload = kMost / kPacket * (160 + 48);
  ck_assert_uint_le(windowed.most(), payload * 2);
}
END_TEST

START_TEST(an_hour_of_what_opusenc_makes_keeps_its_window) {
  if (!has_element("opusenc")) return;
  Windowed windowed(kPacketCaps);
  const std::vector<std::size_t> sizes = opus_packets();
  give_packets(windowed, sizes);
  // Chunks are filled sooner or later, as the packets vary.
  windowed.check_growth(windowed.most() / 8);
}
END_TEST

START_TEST(packets_of_any_size_keep_their_window) {
  Random random(stress_seed());
  Windowed windowed(kPacketCaps);
  for (GstClockTime time = 0; time < kHour / 2;) {
    const GstClockTime lasts = random.up_to(2 * kPacket);
    // Now and then much at once, as a picture that did not change and then does.
    const std::size_t size = random.one_in(500) ? 300'000 : random.up_to(400);
    windowed.upstream.give(packet(size, time, lasts));
    time += lasts;
    windowed.check(time);
  }
}
END_TEST

// Both by time and by bytes: whichever is reached first.
START_TEST(a_window_by_bytes_is_never_passed_for_time) {
  constexpr std::uint64_t kBytes = 256 * 1024;
  Element tee("catchertee");
  tee.set("max-size-time", guint64{kWindow}, "max-size-bytes", guint64{kBytes});
  Upstream upstream(tee.get());
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  for (std::uint64_t frame = 0; frame < 20 * kRate; frame += 960) {
    upstream.give(frames(frame, 960, kRate));
    ck_assert_uint_le(tee.value<guint64>("current-level-bytes"), kBytes);
  }
  ck_assert_uint_ge(tee.value<guint64>("current-level-bytes"), kBytes - 2 * kBytes / 64);
}
END_TEST

GstEvent* custom_event(GstClockTime time) {
  return gst_event_new_custom(
      GST_EVENT_CUSTOM_DOWNSTREAM,
      gst_structure_new("marker", "time", G_TYPE_UINT64, guint64{time}, nullptr));
}

GstEvent* tags(GstClockTime time) {
  GstTagList* list = gst_tag_list_new(GST_TAG_TITLE, std::to_string(time).c_str(), nullptr);
  return gst_event_new_tag(list);
}

// What a branch gets that begins now with the oldest there is, up to the end.
std::unique_ptr<Branch> join(Windowed& windowed) {
  auto branch = std::make_unique<Branch>(windowed.tee.get());
  branch->link();
  windowed.upstream.eos();
  branch->wait_eos();
  return branch;
}

START_TEST(events_and_metas_leave_with_the_window) {
  Windowed windowed(kPacketCaps);
  constexpr GstClockTime kEnd = kHour / 4;
  const CapsPtr reference(gst_caps_from_string("timestamp/x-test"));
  for (GstClockTime time = 0; time < kEnd; time += kPacket) {
    windowed.upstream.send(custom_event(time));
    windowed.upstream.send(tags(time));
    BufferPtr buffer = packet(100, time);
    gst_buffer_add_reference_timestamp_meta(buffer.get(), reference.get(), time,
                                            GST_CLOCK_TIME_NONE);
    GST_BUFFER_OFFSET(buffer.get()) = time;
    windowed.upstream.give(std::move(buffer));
    windowed.check(time + kPacket);
  }
  windowed.check_growth();

  const auto late = join(windowed);
  ck_assert_uint_le(late->count(GST_EVENT_CUSTOM_DOWNSTREAM), kMost / kPacket + 2);
  ck_assert_uint_ge(late->count(GST_EVENT_CUSTOM_DOWNSTREAM), kWindow / kPacket);
  // Entries leave some at a time.
  ck_assert_uint_le(windowed.stat("entries"), kMost / kPacket + 2 * 256);
}
END_TEST

// As subtitles are: something now and then, and GAPs between.
START_TEST(time_that_passes_in_gaps_moves_the_window) {
  constexpr GstClockTime kGap = 100 * GST_MSECOND;
  constexpr GstClockTime kLasts = 500 * GST_MSECOND;
  Windowed windowed("text/x-raw,format=utf8");
  constexpr GstClockTime kEnd = kHour;
  GstClockTime edge = 0;
  for (GstClockTime time = 0; time < kEnd; time += kGap) {
    if (time % (30 * GST_SECOND) == 0) {
      windowed.upstream.give(packet(40, time, kLasts));
      edge = time + kLasts;
    }
    windowed.upstream.send(gst_event_new_gap(time, kGap));
    edge = std::max(edge, time + kGap);
    windowed.check(edge);
  }
  // A chunk may be free, or in use.
  windowed.check_growth(16 * 1024);
  // The last packet is over for long: nothing is kept of it.
  ck_assert_uint_eq(windowed.tee.value<guint64>("current-level-bytes"), 0);

  const auto late = join(windowed);
  ck_assert_uint_le(late->count(GST_EVENT_GAP), kMost / kGap + 1);
  ck_assert_uint_ge(late->count(GST_EVENT_GAP), kWindow / kGap);
  for (const Arrival& one : late->arrivals()) {
    if (one.event == nullptr || GST_EVENT_TYPE(one.event.get()) != GST_EVENT_GAP) continue;
    GstClockTime time = 0;
    gst_event_parse_gap(one.event.get(), &time, nullptr);
    ck_assert_uint_ge(time, kEnd - kMost);
  }
  ck_assert_uint_eq(late->value<guint64>("lag-time"), 0);
}
END_TEST

// A branch of subtitles has something to preroll with before there is any, with a window or
// without.
void begin_with_gaps(GstClockTime window) {
  Element tee("catchertee");
  tee.set("max-size-time", guint64{window});
  Upstream upstream(tee.get());
  Branch early(tee.get()), late(tee.get()), edge(tee.get());
  edge.set_text("start-from", "edge");
  early.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, "text/x-raw,format=utf8");
  for (GstClockTime time = 3 * GST_SECOND; time < 5 * GST_SECOND; time += GST_SECOND / 2) {
    upstream.send(gst_event_new_gap(time, GST_SECOND / 2));
  }
  early.wait_event(GST_EVENT_GAP, 4);
  late.link().wait_event(GST_EVENT_GAP, 4);
  edge.link().wait_event(GST_EVENT_SEGMENT);
  ck_assert_text(late.story(), "stream-start caps segment gap gap gap gap");
  ck_assert_uint_eq(tee.value<guint64>("current-level-time"), 2 * GST_SECOND);

  upstream.give(packet(20, 5 * GST_SECOND, GST_SECOND));
  for (Branch* branch : {&early, &late, &edge}) {
    branch->wait_buffers(1);
    for (const Arrival& one : branch->arrivals()) {
      if (one.buffer == nullptr) continue;
      ck_assert_uint_eq(one.segment.start, (branch == &edge ? 5 : 3) * GST_SECOND);
      ck_assert_uint_eq(GST_BUFFER_PTS(one.buffer.get()), 5 * GST_SECOND);
    }
  }
  ck_assert_uint_eq(edge.count(GST_EVENT_GAP), 0);
  ck_assert_uint_eq(tee.value<guint64>("current-level-time"), 3 * GST_SECOND);
}

START_TEST(a_stream_that_begins_with_gaps_is_played) {
  begin_with_gaps(0);
  begin_with_gaps(kWindow);
}
END_TEST

START_TEST(nothing_but_gaps_keeps_its_window) {
  Windowed windowed("text/x-raw,format=utf8");
  for (GstClockTime time = 0; time < kHour / 4; time += 100 * GST_MSECOND) {
    windowed.upstream.send(gst_event_new_gap(time, 100 * GST_MSECOND));
    windowed.check(time + 100 * GST_MSECOND);
  }
  Branch late(windowed.tee.get());
  late.link();
  late.wait_event(GST_EVENT_GAP, kWindow / (100 * GST_MSECOND));
  windowed.upstream.eos();
  late.wait_eos();
  ck_assert_uint_le(late.count(GST_EVENT_GAP), kMost / (100 * GST_MSECOND) + 1);
}
END_TEST

START_TEST(a_hole_in_raw_audio_is_in_the_window) {
  Windowed windowed(frame_caps(kRate).c_str());
  Branch branch(windowed.tee.get());
  branch.link();
  give_frames(windowed.upstream, 0, 2 * kRate, kRate);
  branch.wait_bytes(2 * kRate * kFrame);
  for (GstClockTime time = 2 * GST_SECOND; time < 10 * GST_SECOND; time += GST_SECOND) {
    windowed.upstream.send(gst_event_new_gap(time, GST_SECOND));
    windowed.check(time + GST_SECOND);
  }
  ck_assert_uint_eq(windowed.tee.value<guint64>("current-level-bytes"), 0);
  give_frames(windowed.upstream, 10 * kRate, kRate, kRate);
  windowed.check(11 * GST_SECOND);

  branch.wait_bytes(3 * kRate * kFrame);
  ck_assert_uint_eq(branch.count(GST_EVENT_SEGMENT), 1);
  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer == nullptr) continue;
    ck_assert_uint_eq(GST_BUFFER_PTS(one.buffer.get()),
                      time_of_frame(first_frame(one.buffer.get()), kRate));
  }
  // In the hole one can be, and hear what comes after it.
  branch.forget();
  const guint32 seqnum = branch.seek(GST_FORMAT_TIME, 8 * GST_SECOND);
  branch.wait_after(seqnum);
  GstSegment segment;
  gst_event_copy_segment(branch.last_event(GST_EVENT_SEGMENT).get(), &segment);
  ck_assert_uint_eq(segment.start, 8 * GST_SECOND);
  branch.wait_bytes(kRate * kFrame);
  ck_assert_uint_ge(branch.count(GST_EVENT_GAP), 2);
}
END_TEST

// A branch that is passed by the window again and again, and holds what it has got.
void lag(const char* on_evicted) {
  const Audio audio = coded_audio(40 * kRate, kRate);
  Windowed windowed(frame_caps(kRate).c_str());
  const Follower follower(audio);
  const bool fails = std::string(on_evicted) == "error";
  const bool stays = std::string(on_evicted) == "oldest";
  Branch branch(windowed.tee.get());
  branch.set_text("on-evicted", on_evicted);
  branch.looks(follower).keeps_none().admit(1);
  branch.link();
  std::uint64_t admitted = 1;
  for (std::uint64_t frame = 0; frame < audio.frames(); frame += 960) {
    windowed.upstream.give(frames(frame, 960, kRate));
    const GstClockTime edge = time_of_frame(frame + 960, kRate);
    windowed.check(edge);
    if (edge % (8 * GST_SECOND) != 0) continue;
    // At the edge it waits for what is still to come here.
    if (admitted == 1 || stays) branch.wait_buffers(admitted);
    branch.admit(2);
    admitted += 2;
  }
  ck_assert_uint_le(windowed.stat("bytes-allocated"), 2 * kMost / GST_SECOND * kRate * kFrame);
  branch.unblock();
  windowed.upstream.eos();
  branch.wait_eos();
  if (fails) {
    const PostedError error = windowed.tee.wait_error();
    ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
  }
  windowed.tee.demand_no_error();
  if (!fails) ck_assert_uint_ge(branch.count(GST_EVENT_SEGMENT), stays ? 3 : 2);
}

START_TEST(a_branch_that_lags_goes_on_with_the_oldest) {
  lag("oldest");
}
END_TEST

START_TEST(a_branch_that_lags_goes_on_at_the_edge) {
  lag("edge");
}
END_TEST

START_TEST(a_branch_that_lags_fails_where_it_is_to) {
  lag("error");
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "window_time",
      {{"hour",
        {an_hour_of_raw_audio_keeps_its_window, raw_audio_in_large_buffers_keeps_its_window,
         an_hour_of_small_packets_keeps_its_window, an_hour_of_what_opusenc_makes_keeps_its_window,
         packets_of_any_size_keep_their_window, a_window_by_bytes_is_never_passed_for_time}},
       {"events", {events_and_metas_leave_with_the_window}},
       {"gaps",
        {time_that_passes_in_gaps_moves_the_window, a_stream_that_begins_with_gaps_is_played,
         nothing_but_gaps_keeps_its_window, a_hole_in_raw_audio_is_in_the_window}},
       {"lag",
        {a_branch_that_lags_goes_on_with_the_oldest, a_branch_that_lags_goes_on_at_the_edge,
         a_branch_that_lags_fails_where_it_is_to}}});
}
