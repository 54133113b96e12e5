// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Real codecs, as packets in TIME: each comes out as it went in, and what is decoded after a seek,
// or by a branch that joins midway, is what a decode from the beginning gives there. Codecs that
// are not here are left out.
#include "tests/support/plugin_check.hpp"

#include <cstring>

#include "tests/support/app_sink.hpp"
#include "tests/support/branch.hpp"
#include "tests/support/coded.hpp"
#include "tests/support/follower.hpp"

namespace {

using namespace catcher::test;

void compare_packets(const Coded& coded) {
  const char* name = coded.codec().name;
  std::size_t number = 0;
  for (const Arrival& one : coded.out()) {
    if (one.buffer == nullptr) continue;
    ck_assert_msg(number < coded.in().size(), "%s: a packet more", name);
    GstBuffer* in = coded.in()[number].get();
    GstBuffer* out = one.buffer.get();
    ck_assert_msg(bytes_of(in) == bytes_of(out), "%s: packet %zu is another", name, number);
    ck_assert_msg(GST_BUFFER_PTS(in) == GST_BUFFER_PTS(out), "%s: PTS of %zu", name, number);
    ck_assert_msg(GST_BUFFER_DTS(in) == GST_BUFFER_DTS(out), "%s: DTS of %zu", name, number);
    ck_assert_msg(GST_BUFFER_DURATION(in) == GST_BUFFER_DURATION(out), "%s: duration of %zu", name,
                  number);
    ck_assert_msg(GST_BUFFER_OFFSET_END(in) == GST_BUFFER_OFFSET_END(out), "%s: offset of %zu",
                  name, number);
    constexpr guint kNotKept = GST_BUFFER_FLAG_TAG_MEMORY | GST_BUFFER_FLAG_LIVE;
    const guint flags = GST_BUFFER_FLAGS(in) & ~guint{GST_MINI_OBJECT_FLAG_LAST - 1};
    const guint kept = GST_BUFFER_FLAGS(out) & ~guint{GST_MINI_OBJECT_FLAG_LAST - 1};
    const guint first = number == 0 ? guint{GST_BUFFER_FLAG_DISCONT} : 0;
    ck_assert_msg(((flags ^ kept) & ~(kNotKept | first)) == 0, "%s: flags of %zu: %x, not %x", name,
                  number, kept, flags);
    ++number;
  }
  ck_assert_msg(number == coded.in().size(), "%s: %zu packets, not %zu", name, number,
                coded.in().size());
  std::printf("%s: %zu packets\n", name, number);
}

START_TEST(a_packet_comes_out_as_it_went_in) {
  for (const Codec& codec : codecs()) {
    if (!can_be_coded(codec)) continue;
    const Coded coded(codec);
    compare_packets(coded);
  }
}
END_TEST

// Where seeks go: percents of the length, none of them at the border of a packet.
constexpr auto kTargets = std::to_array<unsigned>({50, 10, 90, 0, 70, 69, 97, 3});
constexpr GstClockTime kBetween = 12'345'678;
// Nearer to the beginning a decoder that remembers cannot be given what it needs.
constexpr unsigned kNearestPercent = 3;

START_TEST(an_accurate_seek_gives_the_samples_of_a_straight_decode) {
  for (const Codec& codec : codecs()) {
    if (!can_be_coded(codec)) continue;
    Coded coded(codec);
    const Straight& straight = coded.straight();
    for (const unsigned percent : kTargets) {
      if (codec.remembers && percent < kNearestPercent) continue;
      const GstClockTime target = straight.length() * percent / 100 + kBetween;
      ck_assert(coded.sink().seek(GST_FORMAT_TIME, target));
      const Decoded decoded = coded.decode(8);
      const std::string fault = straight.fault(decoded, straight.unit_at(target));
      ck_assert_msg(decoded.start == target, "%s: a segment from %" GST_TIME_FORMAT, codec.name,
                    GST_TIME_ARGS(decoded.start));
      ck_assert_msg(fault.empty(), "%s, %u %%: %s", codec.name, percent, fault.c_str());
    }
  }
}
END_TEST

// The stream times of all key units.
std::vector<std::int64_t> key_times(const Coded& coded) {
  std::vector<std::int64_t> times;
  for (const Arrival& one : coded.out()) {
    GstBuffer* packet = one.buffer.get();
    if (packet == nullptr || !GST_BUFFER_PTS_IS_VALID(packet)) continue;
    if (!GST_BUFFER_FLAG_IS_SET(packet, GST_BUFFER_FLAG_DELTA_UNIT)) {
      times.push_back(stream_time(one));
    }
  }
  return times;
}

struct Snapped {
  int flags;
  // Of the key units at or before, and after, a target.
  std::int64_t (*wanted)(std::int64_t before, std::int64_t after, std::int64_t target);
};

const std::vector<Snapped>& snaps() {
  using Time = std::int64_t;
  static const std::vector<Snapped> all{
      {GST_SEEK_FLAG_KEY_UNIT, [](Time before, Time, Time) { return before; }},
      {GST_SEEK_FLAG_KEY_UNIT | GST_SEEK_FLAG_SNAP_BEFORE,
       [](Time before, Time, Time) { return before; }},
      {GST_SEEK_FLAG_KEY_UNIT | GST_SEEK_FLAG_SNAP_AFTER,
       [](Time, Time after, Time) { return after; }},
      {GST_SEEK_FLAG_KEY_UNIT | GST_SEEK_FLAG_SNAP_NEAREST,
       [](Time before, Time after, Time target) {
         return target - before <= after - target ? before : after;
       }},
  };
  return all;
}

START_TEST(a_key_unit_seek_shows_the_picture_of_the_key_unit_first) {
  for (const Codec& codec : codecs()) {
    if (!codec.is_video || !can_be_coded(codec)) continue;
    Coded coded(codec);
    const Straight& straight = coded.straight();
    const std::vector<std::int64_t> keys = key_times(coded);
    ck_assert_uint_ge(keys.size(), 4);
    for (std::size_t key = 0; key + 1 < keys.size(); ++key) {
      for (const int percent : {1, 40, 60, 99}) {
        const std::int64_t target = keys[key] + (keys[key + 1] - keys[key]) * percent / 100;
        for (const Snapped& snap : snaps()) {
          const auto wanted =
              static_cast<GstClockTime>(snap.wanted(keys[key], keys[key + 1], target));
          ck_assert(coded.sink().seek(GST_FORMAT_TIME, static_cast<guint64>(target), snap.flags));
          const Decoded decoded = coded.decode(5);
          ck_assert_msg(decoded.start == wanted,
                        "%s: %" GST_TIME_FORMAT " (%x) snaps to %" GST_TIME_FORMAT, codec.name,
                        GST_TIME_ARGS(target), snap.flags, GST_TIME_ARGS(decoded.start));
          const std::string fault = straight.fault(decoded, straight.unit_at(wanted));
          ck_assert_msg(fault.empty(), "%s: %s", codec.name, fault.c_str());
        }
      }
    }
  }
}
END_TEST

// The same packets again, from the test itself.
class Replay {
 public:
  Replay(const Coded& coded, guint64 window)
      : coded_(coded),
        pipeline_(Element::launch("catchertee name=tee max-size-bytes=" + std::to_string(window))),
        upstream_(pipeline_.child("tee").get()) {
    pipeline_.to(GST_STATE_PLAYING);
    for (const Arrival& one : coded.out()) {
      if (one.event == nullptr || GST_EVENT_TYPE(one.event.get()) == GST_EVENT_EOS) continue;
      upstream_.send(gst_event_ref(one.event.get()));
      if (GST_EVENT_TYPE(one.event.get()) == GST_EVENT_SEGMENT) return;
    }
  }
  void give(std::size_t from, std::size_t to) {
    for (; from < to; ++from) upstream_.give(BufferPtr(gst_buffer_copy(coded_.in()[from].get())));
  }
  void end() { upstream_.eos(); }
  std::size_t size() const { return coded_.in().size(); }
  // A branch that decodes, to be linked to what begins as `pad_settings` say.
  AppSink join(const char* start_from, gint64 start_offset = 0) {
    GstElement* bin = gst_parse_bin_from_description(
        ("identity name=in ! " + decoding(coded_.codec(), "out")).c_str(), FALSE, nullptr);
    const GstPtr<GstElement> in(gst_bin_get_by_name(GST_BIN(bin), "in"));
    const GstPtr<GstPad> target(gst_element_get_static_pad(in.get(), "sink"));
    gst_element_add_pad(bin, gst_ghost_pad_new("sink", target.get()));
    gst_bin_add(GST_BIN(pipeline_.get()), bin);
    gst_element_sync_state_with_parent(bin);
    const GstPtr<GstElement> tee = pipeline_.child("tee");
    pad_.reset(gst_element_request_pad_simple(tee.get(), "src_%u"));
    gst_util_set_object_arg(G_OBJECT(pad_.get()), "start-from", start_from);
    g_object_set(pad_.get(), "start-offset", start_offset, nullptr);
    const GstPtr<GstPad> sink(gst_element_get_static_pad(bin, "sink"));
    demand(gst_pad_link(pad_.get(), sink.get()) == GST_PAD_LINK_OK, "a bin can be linked");
    return AppSink(pipeline_, "out");
  }
  // Until the last branch that joined has found its place.
  void wait_placed() const {
    const catcher::Deadline patience = catcher::Clock::now() + kPatience;
    for (gint64 position = -1; position < 0; std::this_thread::yield()) {
      g_object_get(pad_.get(), "position", &position, nullptr);
      demand(catcher::Clock::now() < patience, "a branch finds its place");
    }
  }
  Element& pipeline() { return pipeline_; }

 private:
  const Coded& coded_;
  Element pipeline_;
  Upstream upstream_;
  GstPtr<GstPad> pad_;
};

// What a joiner's decoder gives before it has settled is its own affair.
constexpr GstClockTime kSettles = 400 * GST_MSECOND;

// Without the pictures or samples of its first moment, which a decoder may give or not.
void drop_first(Decoded& decoded) {
  std::size_t count = 0;
  while (count < decoded.times.size() && decoded.times[count] < decoded.times[0] + kSettles) {
    ++count;
  }
  decoded.times.erase(decoded.times.begin(), decoded.times.begin() + static_cast<long>(count));
  decoded.buffers.erase(decoded.buffers.begin(),
                        decoded.buffers.begin() + static_cast<long>(count));
}

void compare_joiner(const Coded& coded, Decoded decoded, GstClockTime at_least) {
  const char* name = coded.codec().name;
  const Straight& straight = coded.straight();
  ck_assert_msg(!decoded.times.empty(), "%s: nothing is decoded", name);
  const GstClockTime begins = decoded.times[0];
  drop_first(decoded);
  ck_assert_msg(begins + at_least <= straight.length(), "%s: it begins at %" GST_TIME_FORMAT, name,
                GST_TIME_ARGS(begins));
  ck_assert_msg(!decoded.times.empty(), "%s: no more is decoded", name);
  const std::string fault = straight.fault(decoded, straight.nearest(decoded.times[0]));
  ck_assert_msg(fault.empty(), "%s: %s", name, fault.c_str());
  std::uint64_t units = straight.nearest(decoded.times[0]);
  for (const auto& buffer : decoded.buffers) units += buffer.size() / straight.unit();
  ck_assert_msg(units == straight.units(), "%s: it ends at %lu of %lu", name,
                static_cast<unsigned long>(units), static_cast<unsigned long>(straight.units()));
}

START_TEST(a_branch_that_joins_in_the_middle_decodes) {
  for (const Codec& codec : codecs()) {
    if (!can_be_coded(codec)) continue;
    const Coded coded(codec);
    Replay replay(coded, 0);
    replay.give(0, replay.size());
    replay.end();
    const auto middle = static_cast<gint64>(coded.straight().length() / 2);

    AppSink sink = replay.join("offset", middle);
    const Decoded decoded = decode(sink, ~std::size_t{0});

    compare_joiner(coded, decoded, GST_SECOND);
    replay.pipeline().demand_no_error();
  }
}
END_TEST

START_TEST(a_branch_that_joins_at_the_edge_decodes) {
  for (const Codec& codec : codecs()) {
    if (!can_be_coded(codec)) continue;
    const Coded coded(codec);
    Replay replay(coded, 0);
    replay.give(0, replay.size() / 2);

    AppSink sink = replay.join("edge");
    replay.wait_placed();
    replay.give(replay.size() / 2, replay.size());
    replay.end();
    const Decoded decoded = decode(sink, ~std::size_t{0});

    compare_joiner(coded, decoded, GST_SECOND);
    replay.pipeline().demand_no_error();
  }
}
END_TEST

// Headers that came in the stream have gone; those in the caps are what a decoder needs.
START_TEST(a_branch_that_joins_when_the_headers_have_left_the_window_decodes) {
  for (const Codec& codec : codecs()) {
    if (!can_be_coded(codec)) continue;
    const Coded coded(codec);
    std::uint64_t bytes = 0, largest = 0;
    for (const BufferPtr& packet : coded.in()) {
      const std::uint64_t size = gst_buffer_get_size(packet.get());
      bytes += size;
      largest = std::max(largest, size);
    }
    if (largest > bytes / 4) continue;  // there is no such window
    Replay replay(coded, bytes / 2);
    replay.give(0, replay.size());
    replay.end();

    AppSink sink = replay.join("oldest");
    const Decoded decoded = decode(sink, ~std::size_t{0});

    ck_assert_msg(decoded.times.empty() || decoded.times[0] > GST_SECOND / 2, "%s: it has left",
                  codec.name);
    compare_joiner(coded, decoded, GST_SECOND);
    replay.pipeline().demand_no_error();
  }
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "packet_media",
      {{"packets", {a_packet_comes_out_as_it_went_in}},
       {"seek",
        {an_accurate_seek_gives_the_samples_of_a_straight_decode,
         a_key_unit_seek_shows_the_picture_of_the_key_unit_first}},
       {"joiner",
        {a_branch_that_joins_in_the_middle_decodes, a_branch_that_joins_at_the_edge_decodes,
         a_branch_that_joins_when_the_headers_have_left_the_window_decodes}}});
}
