// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "plugin/recording.hpp"

#include "tests/support/pattern.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher;
using namespace catcher::plugin;
using catcher::test::demand;
using catcher::test::pattern;

using Snap = Timeline::Snap;
using Where = Found::Where;

constexpr std::int64_t kSecond = GST_SECOND;
constexpr std::int64_t kMs = GST_MSECOND;
// Raw audio with round numbers: a frame of 4 bytes each millisecond.
constexpr std::uint32_t kFrame = 4, kRate = 1000;

// A chunk for each 100 bytes, and a window of 64 chunks if there is any.
std::shared_ptr<Recording> recording(GstFormat format, std::uint64_t max_bytes = 0) {
  Settings settings;
  settings.growth = Growth::Kind::constant;
  settings.chunk_size = 100;
  settings.max_size_bytes = max_bytes;
  auto made = Recording::make(settings).recording;
  demand(made != nullptr, "the settings are valid");
  if (format != GST_FORMAT_UNDEFINED) made->set_format(format, 0);
  return made;
}

void add_bytes(Recording& to, std::size_t size) {
  demand(to.writer.append(pattern(to.writer.offset(), size)).status == Status::ok, "there is room");
}

void add_opaque(Recording& to, std::size_t size) {
  add_bytes(to, size);
  to.publish(kNoTime);
  to.follow_window();
}

// Raw audio: one frame a millisecond, from `time` on.
void add_run(Recording& to, std::int64_t time, std::size_t frames) {
  const std::uint64_t offset = to.writer.offset();
  add_bytes(to, frames * kFrame);
  demand(to.timeline.append_run(time, offset, kFrame, kRate) == Status::ok, "a run is added");
  to.publish(to.timeline.last()->entry.time_at(to.writer.offset()));
  to.follow_window();
}

void add_packet(Recording& to, std::int64_t time, std::uint32_t flags, std::uint32_t size = 10) {
  Timeline::Packet packet;
  packet.pts = packet.dts = time;
  packet.duration = kMs;
  packet.offset = to.writer.offset();
  packet.size = size;
  packet.flags = flags;
  add_bytes(to, size);
  demand(to.timeline.append_packet(packet) == Status::ok, "a packet is added");
  to.publish(time + kMs);
  to.follow_window();
}

std::uint32_t flags_of(int packet, int gop) {
  return packet % gop == 0 ? std::uint32_t{Entry::key_unit} : 0;
}

// Video: a key unit each `gop` packets, one packet each millisecond.
void add_packets(Recording& to, int count, int gop) {
  for (int i = 0; i < count; ++i) add_packet(to, i * kMs, flags_of(i, gop));
}

#define ck_assert_there(found, at_offset, at_time)                                             \
  do {                                                                                         \
    const Found ck_found = (found);                                                            \
    ck_assert_int_eq(static_cast<int>(ck_found.where), static_cast<int>(Found::Where::there)); \
    ck_assert_uint_eq(ck_found.place.offset, at_offset);                                       \
    ck_assert_int_eq(ck_found.place.time, at_time);                                            \
  } while (0)
#define ck_assert_where(found, expected) \
  ck_assert_int_eq(static_cast<int>((found).where), static_cast<int>(expected))

START_TEST(without_a_format_nothing_is_known) {
  const auto made = recording(GST_FORMAT_UNDEFINED);

  ck_assert_int_eq(made->format(), GST_FORMAT_UNDEFINED);
  ck_assert_int_eq(made->duration(GST_FORMAT_TIME), -1);
  ck_assert_int_eq(made->duration(GST_FORMAT_BYTES), -1);
  ck_assert_int_eq(made->edge_time(), kNoTime);
  ck_assert_uint_eq(made->edge(), 0);
  ck_assert(!made->is_finished());
}
END_TEST

START_TEST(contradicting_settings_make_no_recording_and_say_why) {
  Settings settings;
  settings.chunk_size = 0;
  const auto made = Recording::make(settings);

  ck_assert(made.recording == nullptr);
  ck_assert(made.why.find("chunk") != std::string::npos);
}
END_TEST

START_TEST(what_is_published_is_below_the_edge) {
  const auto made = recording(GST_FORMAT_BYTES);
  add_bytes(*made, 50);
  ck_assert_uint_eq(made->edge(), 0);
  ck_assert_where(made->find(0, Snap::before), Where::ahead);

  made->publish(kNoTime);

  ck_assert_uint_eq(made->edge(), 50);
  ck_assert_there(made->find(0, Snap::before), 0, kNoTime);
}
END_TEST

START_TEST(bytes_are_places_by_themselves) {
  const auto made = recording(GST_FORMAT_BYTES);
  add_opaque(*made, 250);

  ck_assert_there(made->find(0, Snap::before), 0, kNoTime);
  ck_assert_there(made->find(249, Snap::after), 249, kNoTime);
  ck_assert_there(made->find(-5, Snap::before), 0, kNoTime);
  ck_assert_where(made->find(250, Snap::before), Where::ahead);
  ck_assert_uint_eq(made->oldest().offset, 0);
  ck_assert_uint_eq(made->newest().offset, 250);
}
END_TEST

START_TEST(bytes_before_the_window_are_evicted) {
  const auto made = recording(GST_FORMAT_BYTES, 6400);
  add_opaque(*made, 10'000);
  const std::uint64_t begin = made->begin();
  ck_assert_uint_gt(begin, 0);

  ck_assert_where(made->find(static_cast<std::int64_t>(begin) - 1, Snap::before), Where::evicted);
  ck_assert_there(made->find(static_cast<std::int64_t>(begin), Snap::before), begin, kNoTime);
  ck_assert_uint_eq(made->oldest().offset, begin);
}
END_TEST

START_TEST(a_frame_is_found_by_any_time_that_it_lasts) {
  const auto made = recording(GST_FORMAT_TIME);
  add_run(*made, 0, 1000);

  ck_assert_there(made->find(0, Snap::before), 0, 0);
  ck_assert_there(made->find(500 * kMs, Snap::before), 2000, 500 * kMs);
  ck_assert_there(made->find(500 * kMs + 999'999, Snap::after), 2000, 500 * kMs);
  ck_assert_there(made->find(999 * kMs, Snap::before), 3996, 999 * kMs);
  ck_assert_where(made->find(kSecond, Snap::before), Where::ahead);
  ck_assert_int_eq(made->edge_time(), kSecond);
}
END_TEST

START_TEST(before_all_that_was_ever_caught_is_the_beginning) {
  const auto made = recording(GST_FORMAT_TIME);
  add_run(*made, 5 * kSecond, 1000);

  ck_assert_there(made->find(0, Snap::before), 0, 5 * kSecond);
}
END_TEST

START_TEST(preroll_lies_below_zero_and_is_found_there) {
  const auto made = recording(GST_FORMAT_TIME);
  add_run(*made, -80 * kMs, 1000);

  ck_assert_there(made->find(-80 * kMs, Snap::before), 0, -80 * kMs);
  ck_assert_there(made->find(0, Snap::before), 320, 0);
  ck_assert_int_eq(made->oldest_time(), -80 * kMs);
}
END_TEST

START_TEST(a_time_in_a_gap_between_runs_is_what_comes_after_it) {
  const auto made = recording(GST_FORMAT_TIME);
  add_run(*made, 0, 1000);
  add_run(*made, 3 * kSecond, 1000);

  ck_assert_there(made->find(999 * kMs, Snap::before), 3996, 999 * kMs);
  ck_assert_there(made->find(kSecond, Snap::before), 4000, 3 * kSecond);
  ck_assert_there(made->find(2 * kSecond, Snap::before), 4000, 3 * kSecond);
  ck_assert_there(made->find(3 * kSecond, Snap::before), 4000, 3 * kSecond);
  ck_assert_uint_eq(made->find(2 * kSecond, Snap::before).place.entry, 1);
  ck_assert_where(made->find(4 * kSecond, Snap::before), Where::ahead);
}
END_TEST

START_TEST(a_gap_whose_end_has_not_been_published_is_ahead) {
  const auto made = recording(GST_FORMAT_TIME);
  add_run(*made, 0, 1000);
  const std::uint64_t offset = made->writer.offset();
  add_bytes(*made, 400);
  ck_assert(made->timeline.append_run(3 * kSecond, offset, kFrame, kRate) == Status::ok);

  ck_assert_where(made->find(2 * kSecond, Snap::before), Where::ahead);
}
END_TEST

START_TEST(audio_that_has_left_the_window_is_evicted) {
  const auto made = recording(GST_FORMAT_TIME, 6400);
  for (int i = 0; i < 100; ++i) add_run(*made, i * 100 * kMs, 100);
  const std::uint64_t begin = made->begin();
  ck_assert_uint_gt(begin, 0);
  const std::int64_t oldest = made->oldest_time();

  ck_assert_int_eq(oldest, static_cast<std::int64_t>(begin / kFrame) * kMs);
  ck_assert_where(made->find(0, Snap::before), Where::evicted);
  ck_assert_where(made->find(oldest - 1, Snap::before), Where::evicted);
  ck_assert_there(made->find(oldest, Snap::before), begin, oldest);
  ck_assert_int_eq(made->newest().time, 10 * kSecond);
  ck_assert_uint_eq(made->newest().offset, made->edge());
}
END_TEST

START_TEST(packets_are_found_by_the_key_units_among_them) {
  const auto made = recording(GST_FORMAT_TIME);
  add_packets(*made, 50, 10);

  ck_assert_there(made->find(0, Snap::before), 0, 0);
  ck_assert_there(made->find(19 * kMs, Snap::before), 100, 10 * kMs);
  ck_assert_there(made->find(20 * kMs, Snap::before), 200, 20 * kMs);
  ck_assert_there(made->find(21 * kMs, Snap::after), 300, 30 * kMs);
  ck_assert_there(made->find(20 * kMs, Snap::after), 200, 20 * kMs);
  ck_assert_there(made->find(24 * kMs, Snap::nearest), 200, 20 * kMs);
  ck_assert_there(made->find(26 * kMs, Snap::nearest), 300, 30 * kMs);
  ck_assert_uint_eq(made->find(26 * kMs, Snap::nearest).place.entry, 30);
}
END_TEST

START_TEST(a_packet_s_time_beyond_the_edge_is_ahead) {
  const auto made = recording(GST_FORMAT_TIME);
  add_packets(*made, 50, 10);

  ck_assert_there(made->find(49 * kMs, Snap::before), 400, 40 * kMs);
  ck_assert_where(made->find(50 * kMs, Snap::before), Where::ahead);
  ck_assert_where(made->find(41 * kMs, Snap::after), Where::ahead);
}
END_TEST

START_TEST(a_last_packet_without_a_duration_is_found) {
  const auto made = recording(GST_FORMAT_TIME);
  add_packets(*made, 50, 1);
  made->publish(49 * kMs);

  ck_assert_there(made->find(49 * kMs, Snap::before), 490, 49 * kMs);
  ck_assert_where(made->find(49 * kMs + 1, Snap::before), Where::ahead);
}
END_TEST

START_TEST(packets_of_a_group_whose_key_unit_has_left_are_evicted) {
  const auto made = recording(GST_FORMAT_TIME, 6400);
  // Twenty packets a group and ten a chunk, so that the window can begin within a group.
  int count = 0;
  while (made->begin() % 200 == 0) {
    add_packet(*made, count * kMs, flags_of(count, 20));
    ++count;
  }
  const std::uint64_t begin = made->begin();
  const auto first = static_cast<std::int64_t>(begin / 10);
  const std::int64_t next_key = (first / 20 + 1) * 20;

  ck_assert_where(made->find((first + 2) * kMs, Snap::before), Where::evicted);
  ck_assert_there(made->find((first + 2) * kMs, Snap::after), next_key * 10, next_key * kMs);
  ck_assert_there(made->find(next_key * kMs, Snap::before), next_key * 10, next_key * kMs);
  ck_assert_uint_eq(made->oldest().offset, next_key * 10);
  ck_assert_int_eq(made->oldest_time(), next_key * kMs);
  ck_assert_uint_eq(made->oldest().entry, next_key);
}
END_TEST

START_TEST(packets_that_all_begin_alone_are_found_each) {
  const auto made = recording(GST_FORMAT_TIME);
  for (int i = 0; i < 50; ++i) add_packet(*made, i * kMs, Entry::key_unit);

  ck_assert_there(made->find(17 * kMs + 1, Snap::before), 170, 17 * kMs);
  ck_assert_uint_eq(made->newest().offset, made->edge());
  ck_assert_int_eq(made->newest().time, 50 * kMs);
}
END_TEST

START_TEST(the_newest_place_is_the_key_unit_that_what_comes_next_needs) {
  const auto made = recording(GST_FORMAT_TIME);
  add_packets(*made, 45, 10);

  ck_assert_uint_eq(made->newest().offset, 400);
  ck_assert_int_eq(made->newest().time, 40 * kMs);
  ck_assert_uint_eq(made->newest().entry, 40);
}
END_TEST

START_TEST(of_an_empty_recording_the_oldest_and_the_newest_place_are_the_beginning) {
  const auto made = recording(GST_FORMAT_TIME);

  ck_assert_uint_eq(made->oldest().offset, 0);
  ck_assert_uint_eq(made->newest().offset, 0);
  ck_assert_uint_eq(made->oldest().entry, 0);
  ck_assert_int_eq(made->oldest_time(), kNoTime);
  ck_assert_where(made->find(0, Snap::before), Where::ahead);
}
END_TEST

START_TEST(past_the_end_is_behind_the_last_unit) {
  const auto made = recording(GST_FORMAT_TIME);
  add_packets(*made, 5, 1);
  made->finish();

  const Place end = made->past_the_end();

  ck_assert_uint_eq(end.offset, 50);
  ck_assert_uint_eq(end.entry, 5);
  ck_assert_int_eq(end.time, 5 * kMs);
}
END_TEST

START_TEST(a_duration_is_known_at_the_end_or_from_upstream) {
  const auto timed = recording(GST_FORMAT_TIME);
  add_run(*timed, 2 * kSecond, 500);
  ck_assert_int_eq(timed->duration(GST_FORMAT_TIME), -1);
  timed->set_upstream_duration(9 * kSecond);
  ck_assert_int_eq(timed->duration(GST_FORMAT_TIME), 9 * kSecond);
  ck_assert_int_eq(timed->duration(GST_FORMAT_BYTES), -1);

  timed->finish();
  ck_assert_int_eq(timed->duration(GST_FORMAT_TIME), 2 * kSecond + 500 * kMs);

  const auto bytes = recording(GST_FORMAT_BYTES);
  add_opaque(*bytes, 123);
  ck_assert_int_eq(bytes->duration(GST_FORMAT_BYTES), -1);
  bytes->finish();
  ck_assert_int_eq(bytes->duration(GST_FORMAT_BYTES), 123);
}
END_TEST

START_TEST(an_end_after_a_failure_is_remembered) {
  const auto well = recording(GST_FORMAT_BYTES);
  const auto badly = recording(GST_FORMAT_BYTES);

  well->finish();
  badly->finish(true);
  badly->finish();

  ck_assert(well->is_finished() && !well->has_failed());
  ck_assert(badly->is_finished() && badly->has_failed());
}
END_TEST

START_TEST(the_segment_of_then_is_found_by_offset) {
  const auto made = recording(GST_FORMAT_TIME);
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  ck_assert_int_eq(made->upstream_segment(0).format, GST_FORMAT_UNDEFINED);
  segment.base = 1;
  made->events.append(0, EventPtr(gst_event_new_segment(&segment)));
  segment.base = 2;
  made->events.append(100, EventPtr(gst_event_new_segment(&segment)));

  ck_assert_uint_eq(made->upstream_segment(99).base, 1);
  ck_assert_uint_eq(made->upstream_segment(100).base, 2);
}
END_TEST

START_TEST(the_furthest_player_counts_after_it_has_gone) {
  const auto made = recording(GST_FORMAT_BYTES);
  PlayerMark one, other;
  made->add_player(&one);
  made->add_player(&other);
  one.offset = 70;
  other.offset = 30;
  ck_assert_uint_eq(made->furthest(), 70);

  made->remove_player(&one);
  ck_assert_uint_eq(made->furthest(), 70);
  other.offset = 80;
  ck_assert_uint_eq(made->furthest(), 80);
  other.offset = 10;
  ck_assert_uint_eq(made->furthest(), 80);
  made->remove_player(&other);
}
END_TEST

START_TEST(stats_name_each_player_and_its_place) {
  const auto made = recording(GST_FORMAT_TIME);
  add_run(*made, 0, 1000);
  PlayerMark mark;
  mark.name = "src_7";
  mark.offset = 1000;
  mark.seeks = 3;
  made->add_player(&mark);

  GstStructure* stats = made->stats();

  guint64 bytes_in = 0, evicted = 1, entries = 0;
  ck_assert(gst_structure_get(stats, "bytes-in", G_TYPE_UINT64, &bytes_in, "bytes-evicted",
                              G_TYPE_UINT64, &evicted, "entries", G_TYPE_UINT64, &entries,
                              nullptr));
  ck_assert_uint_eq(bytes_in, 4000);
  ck_assert_uint_eq(evicted, 0);
  ck_assert_uint_eq(entries, 1);
  const GValue* players = gst_structure_get_value(stats, "players");
  ck_assert_uint_eq(gst_value_list_get_size(players), 1);
  const GstStructure* player = gst_value_get_structure(gst_value_list_get_value(players, 0));
  gint64 position = -1;
  guint64 lag_bytes = 0, lag_time = 0, seeks = 0;
  ck_assert(gst_structure_get(player, "position", G_TYPE_INT64, &position, "lag-bytes",
                              G_TYPE_UINT64, &lag_bytes, "lag-time", G_TYPE_UINT64, &lag_time,
                              "seeks", G_TYPE_UINT64, &seeks, nullptr));
  ck_assert_str_eq(gst_structure_get_string(player, "name"), "src_7");
  ck_assert_int_eq(position, 250 * kMs);
  ck_assert_uint_eq(lag_bytes, 3000);
  ck_assert_uint_eq(lag_time, 750 * kMs);
  ck_assert_uint_eq(seeks, 3);
  gst_structure_free(stats);
  made->remove_player(&mark);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return catcher::test::run_plugin_suite(
      argc, argv, "Recording",
      {{"beginning",
        {without_a_format_nothing_is_known, contradicting_settings_make_no_recording_and_say_why,
         what_is_published_is_below_the_edge,
         of_an_empty_recording_the_oldest_and_the_newest_place_are_the_beginning}},
       {"bytes", {bytes_are_places_by_themselves, bytes_before_the_window_are_evicted}},
       {"runs",
        {a_frame_is_found_by_any_time_that_it_lasts,
         before_all_that_was_ever_caught_is_the_beginning,
         preroll_lies_below_zero_and_is_found_there,
         a_time_in_a_gap_between_runs_is_what_comes_after_it,
         a_gap_whose_end_has_not_been_published_is_ahead,
         audio_that_has_left_the_window_is_evicted}},
       {"packets",
        {packets_are_found_by_the_key_units_among_them, a_packet_s_time_beyond_the_edge_is_ahead,
         a_last_packet_without_a_duration_is_found,
         packets_of_a_group_whose_key_unit_has_left_are_evicted,
         packets_that_all_begin_alone_are_found_each,
         the_newest_place_is_the_key_unit_that_what_comes_next_needs}},
       {"end",
        {past_the_end_is_behind_the_last_unit, a_duration_is_known_at_the_end_or_from_upstream,
         an_end_after_a_failure_is_remembered}},
       {"figures",
        {the_segment_of_then_is_found_by_offset, the_furthest_player_counts_after_it_has_gone,
         stats_name_each_player_and_its_place}}});
}
