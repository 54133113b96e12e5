// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "tests/support/check.hpp"

#include <cstdint>
#include <limits>

#include "core/timeline.hpp"
#include "tests/support/counting_memory.hpp"

using namespace catcher;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kLastTime = std::numeric_limits<std::int64_t>::max();

#define must(call) ck_assert_status(call, Status::ok)
#define must_refuse(call) ck_assert_status(call, Status::bad_argument)

std::uint64_t count(const Timeline& timeline) {
  return timeline.window().end - timeline.window().begin;
}

Entry run_of(std::int64_t time, std::uint64_t offset, std::uint32_t frame, std::uint32_t rate) {
  Timeline timeline;
  must(timeline.append_run(time, offset, frame, rate));
  return timeline.last()->entry;
}

// ---- runs -----------------------------------------------------------------------------------

constexpr std::uint32_t kRates[] = {1,     7,     8000,   11025,  22050,     44100,
                                    48000, 96000, 192000, 352800, 999999937, 1'000'000'000};

START_TEST(every_frame_of_a_run_finds_back_to_itself) {
  for (const std::uint32_t rate : kRates) {
    const Entry run = run_of(-3 * kSecond, 17, 6, rate);
    for (const std::uint64_t second : {0u, 1u, 59u, 86'400u, 1'000'000'007u}) {
      for (std::uint64_t frame = second * rate; frame < second * rate + 500; ++frame) {
        const std::uint64_t offset = 17 + frame * 6;
        const std::int64_t time = run.time_at(offset);

        ck_assert_uint_eq(run.offset_at(time), offset);
        ck_assert_uint_eq(run.offset_at(run.time_at(offset + 6) - 1), offset);
        ck_assert_int_eq(run.time_at(offset + 5), time);
      }
    }
  }
}
END_TEST

START_TEST(time_of_a_frame_is_its_exact_time_rounded_down) {
  const Entry run = run_of(0, 0, 4, 44100);

  ck_assert_int_eq(run.time_at(4), 22675);                // 22675.73...
  ck_assert_int_eq(run.time_at(4 * 44099), 999'977'324);  // 999977324.26...
  ck_assert_int_eq(run.time_at(4 * 44100), kSecond);      // no error adds up
  ck_assert_int_eq(run.time_at(4ull * 44100 * 86400 * 365), 31'536'000 * kSecond);
  ck_assert_uint_eq(run.offset_at(22674), 0);
  ck_assert_uint_eq(run.offset_at(22675), 4);
}
END_TEST

START_TEST(places_before_a_run_give_its_first_frame) {
  const Entry run = run_of(kSecond, 1000, 4, 48000);

  ck_assert_int_eq(run.time_at(0), kSecond);
  ck_assert_uint_eq(run.offset_at(kSecond - 1), 1000);
  ck_assert_uint_eq(run.offset_at(kNoTime), 1000);
}
END_TEST

START_TEST(arithmetic_saturates_at_the_ends_of_the_axes) {
  constexpr std::uint64_t kFar = std::numeric_limits<std::uint64_t>::max();
  const Entry early = run_of(kNoTime + 1, 0, 1, 1'000'000'000);
  const Entry slow = run_of(0, 0, 8, 1);
  const Entry wide = run_of(0, 0, 1 << 20, 4'000'000'000);

  ck_assert_int_eq(early.time_at(kFar), kLastTime);
  ck_assert_int_eq(early.time_at(kFar - 1), kLastTime);
  ck_assert_int_eq(early.time_at(kFar - 2), kLastTime - 1);
  ck_assert_uint_eq(early.offset_at(kLastTime), kFar - 1);
  ck_assert_int_eq(slow.time_at(kFar), kLastTime);
  ck_assert_uint_eq(slow.offset_at(kLastTime),
                    8 * (static_cast<std::uint64_t>(kLastTime) / kSecond));
  ck_assert_uint_eq(wide.offset_at(kLastTime), kFar);
}
END_TEST

START_TEST(audio_that_continues_adds_nothing) {
  Timeline timeline;
  must(timeline.append_run(0, 0, 4, 44100));
  for (std::uint64_t frames = 441; frames < 441 * 1000; frames += 441) {
    must(timeline.append_run(timeline.last()->entry.time_at(frames * 4), frames * 4, 4, 44100));
  }

  ck_assert_uint_eq(count(timeline), 1);
}
END_TEST

START_TEST(audio_continues_up_to_half_a_frame_off) {
  constexpr std::int64_t kHalf = 10416;  // of 20833.3
  for (std::int64_t off : {-kHalf, std::int64_t{-1}, std::int64_t{1}, kHalf}) {
    Timeline timeline;
    must(timeline.append_run(0, 0, 4, 48000));
    must(timeline.append_run(kSecond + off, 192000, 4, 48000));
    ck_assert_uint_eq(count(timeline), 1);
  }
  for (std::int64_t off : {-kHalf - 1, kHalf + 1}) {
    Timeline timeline;
    must(timeline.append_run(0, 0, 4, 48000));
    must(timeline.append_run(kSecond + off, 192000, 4, 48000));
    ck_assert_uint_eq(count(timeline), 2);
    ck_assert_int_eq(timeline.last()->entry.pts, kSecond + off);
  }
}
END_TEST

START_TEST(another_format_begins_another_run) {
  Timeline timeline;
  must(timeline.append_run(0, 0, 4, 48000));
  must(timeline.append_run(kSecond, 192000, 8, 48000));
  must(timeline.append_run(2 * kSecond, 192000 + 384000, 8, 44100));

  ck_assert_uint_eq(count(timeline), 3);
  ck_assert_uint_eq(timeline.at_offset(192000 + 383999)->index, 1);
  ck_assert_uint_eq(timeline.at_time(2 * kSecond - 1)->index, 1);
  ck_assert_uint_eq(timeline.at_time(2 * kSecond)->index, 2);
  ck_assert(timeline.at(2)->is_run() && timeline.at(2)->is_key());
}
END_TEST

START_TEST(a_gap_a_discont_or_part_of_a_frame_begins_another_run) {
  Timeline timeline;
  must(timeline.append_run(0, 0, 4, 48000));
  must(timeline.append_run(5 * kSecond, 192000, 4, 48000));
  must(timeline.append_run(6 * kSecond, 384000, 4, 48000, Entry::discont));
  must(timeline.append_run(7 * kSecond, 576001, 4, 48000));

  ck_assert_uint_eq(count(timeline), 4);
  ck_assert_uint_eq(timeline.at(1)->flags & Entry::discont, 0);
  ck_assert_uint_ne(timeline.at(2)->flags & Entry::discont, 0);
}
END_TEST

START_TEST(a_run_that_makes_no_sense_is_refused) {
  Timeline timeline;
  must_refuse(timeline.append_run(0, 0, 0, 48000));
  must_refuse(timeline.append_run(0, 0, 4, 0));
  must_refuse(timeline.append_run(kNoTime, 0, 4, 48000));
  ck_assert_uint_eq(count(timeline), 0);
  must(timeline.append_run(kSecond, 1000, 4, 48000));

  must_refuse(timeline.append_run(2 * kSecond, 999, 4, 48000));
  must_refuse(timeline.append_run(kSecond - 20000, 2000, 4, 48000));
  ck_assert_uint_eq(count(timeline), 1);
}
END_TEST

// ---- packets --------------------------------------------------------------------------------

START_TEST(packets_keep_what_is_known_of_them) {
  Timeline timeline;
  must(timeline.append_packet({40, 20, 10, 5, 100, Entry::key_unit | Entry::discont | Entry::run}));
  must(timeline.append_packet({kNoTime, kNoTime, kNoDuration, 105, 0, Entry::header}));

  const Entry first = *timeline.at(0);
  ck_assert_int_eq(first.pts, 40);
  ck_assert_int_eq(first.dts(), 20);
  ck_assert_uint_eq(first.duration, 10);
  ck_assert_uint_eq(first.offset, 5);
  ck_assert_uint_eq(first.size, 100);
  ck_assert(first.is_key() && !first.is_run());
  const Entry second = *timeline.at(1);
  ck_assert_int_eq(second.pts, kNoTime);
  ck_assert_int_eq(second.dts(), kNoTime);
  ck_assert_int_eq(second.order, 20);
  ck_assert_uint_eq(second.since_key, 1);
}
END_TEST

START_TEST(order_is_the_dts_or_the_largest_pts_so_far) {
  Timeline with;
  Timeline without;
  constexpr std::int64_t kPts[] = {40, 160, 80, 120, 320, 240};
  for (int i = 0; i < 6; ++i) {
    must(with.append_packet({kPts[i], 40 * i, 40, static_cast<std::uint64_t>(i) * 10, 10}));
    must(without.append_packet({kPts[i], kNoTime, 40, static_cast<std::uint64_t>(i) * 10, 10}));
  }

  constexpr std::int64_t kLargest[] = {40, 160, 160, 160, 320, 320};
  for (std::uint64_t i = 0; i < 6; ++i) {
    ck_assert_int_eq(with.at(i)->order, 40 * static_cast<std::int64_t>(i));
    ck_assert_int_eq(without.at(i)->order, kLargest[i]);
  }
  ck_assert_uint_eq(with.at_time(100)->index, 2);
  ck_assert_uint_eq(without.at_time(319)->index, 3);
}
END_TEST

START_TEST(a_packet_that_runs_backwards_is_refused) {
  Timeline timeline;
  must(timeline.append_packet({100, 100, 10, 0, 50}));

  must_refuse(timeline.append_packet({110, 110, 10, 49, 50}));
  must_refuse(timeline.append_packet({110, 99, 10, 50, 50}));
  must(timeline.append_packet({90, 100, 10, 50, 50}));  // shown before, decoded after
  must(timeline.append_packet({kNoTime, kNoTime, 10, 100, 50}));
  must_refuse(timeline.append_run(200, 149, 4, 48000));
  must(timeline.append_run(200, 150, 4, 48000));
  must_refuse(timeline.append_packet({300, 300, 10, 149, 50}));
  ck_assert_uint_eq(count(timeline), 4);
}
END_TEST

START_TEST(since_key_counts_from_the_last_key_unit) {
  Timeline timeline;
  for (std::uint64_t i = 0; i < 10; ++i) {
    must(timeline.append_packet({static_cast<std::int64_t>(i), kNoTime, 1, i, 1,
                                 i == 3 || i == 7 ? std::uint32_t{Entry::key_unit} : 0}));
  }

  constexpr std::uint32_t kNone = Entry::kNoKey;
  constexpr std::uint32_t kSince[] = {kNone, kNone, kNone, 0, 1, 2, 3, 0, 1, 2};
  for (std::uint64_t i = 0; i < 10; ++i) ck_assert_uint_eq(timeline.at(i)->since_key, kSince[i]);
}
END_TEST

START_TEST(times_and_offsets_may_be_extreme) {
  constexpr std::uint64_t kFar = std::numeric_limits<std::uint64_t>::max();
  Timeline timeline;
  must(timeline.append_packet({kNoTime, kNoTime, kNoDuration, 0, 1, Entry::header}));
  must(timeline.append_packet({kNoTime + 1, kNoTime + 1, 1, 1, 1, Entry::key_unit}));
  must(timeline.append_packet({-6'500'000, kNoTime, 1, 2, 1, Entry::key_unit}));
  must(timeline.append_packet({kLastTime, kLastTime, 1, kFar - 1, 9, Entry::key_unit}));

  using enum Timeline::Snap;
  ck_assert_uint_eq(timeline.at_time(-6'500'001)->index, 1);
  ck_assert_uint_eq(timeline.at_time(kNoTime)->index, 0);
  ck_assert_uint_eq(timeline.at_time(kLastTime)->index, 3);
  ck_assert_uint_eq(timeline.at_offset(kFar)->index, 3);
  ck_assert_uint_eq(timeline.key_unit(0, nearest)->index, 2);
  ck_assert_uint_eq(timeline.key_unit(kNoTime, nearest)->index, 1);
  ck_assert_uint_eq(timeline.key_unit(kLastTime - 1, nearest)->index, 3);
  must_refuse(timeline.append_packet({kLastTime, kLastTime, 1, kFar - 1, 1}));
  must(timeline.append_packet({kLastTime, kLastTime, 1, kFar, 1}));
}
END_TEST

START_TEST(what_finds_no_memory_may_be_tried_again) {
  const auto memory = std::make_shared<test::CountingMemory>();
  Timeline timeline(memory);
  memory->refuse_above(0);
  ck_assert_status(timeline.append_packet({1, 1, 1, 0, 5, Entry::key_unit}), Status::out_of_memory);
  ck_assert(!timeline.last());

  memory->refuse_above(1 << 20);
  must(timeline.append_packet({0, 0, 1, 0, 5}));
  ck_assert_uint_eq(timeline.last()->entry.since_key, Entry::kNoKey);
}
END_TEST

// ---- dropping -------------------------------------------------------------------------------

Timeline& fill(Timeline& timeline, std::uint64_t packets) {
  for (std::uint64_t i = 0; i < packets; ++i) {
    must(timeline.append_packet({static_cast<std::int64_t>(i) * 20, kNoTime, 20, i * 10, 10,
                                 i % 100 == 0 ? std::uint32_t{Entry::key_unit} : 0}));
  }
  return timeline;
}

START_TEST(dropping_never_takes_what_holds_the_offset) {
  Timeline timeline;
  fill(timeline, 2000);
  for (std::uint64_t offset = 0; offset < 20000; offset += 7) {
    timeline.drop_before(offset);

    ck_assert_uint_eq(timeline.at_offset(offset)->index, offset / 10);
    ck_assert_uint_le(offset / 10 - timeline.window().begin, 256);
  }
}
END_TEST

START_TEST(dropping_everything_leaves_the_newest_entry) {
  Timeline timeline;
  fill(timeline, 64 + 128);  // full chunks, and none in hand
  timeline.drop_before(std::numeric_limits<std::uint64_t>::max());

  ck_assert_uint_eq(timeline.last()->index, 191);
  ck_assert_uint_eq(timeline.window().begin, 64);
  ck_assert_uint_eq(timeline.window().end, 192);
}
END_TEST

START_TEST(a_run_stays_until_the_next_one_begins_at_or_below) {
  Timeline timeline;
  for (std::uint64_t i = 0; i <= 64; ++i) {
    must(timeline.append_run(static_cast<std::int64_t>(i) * kSecond, i * 1000, 4, 48000));
  }

  timeline.drop_before(63'999);
  ck_assert_uint_eq(timeline.window().begin, 0);
  timeline.drop_before(64'000);
  ck_assert_uint_eq(timeline.window().begin, 64);
}
END_TEST

START_TEST(what_is_gone_is_told_from_what_is_not_there_yet_by_the_window) {
  Timeline timeline;
  fill(timeline, 1000);
  timeline.drop_before(9000);
  const Window window = timeline.window();

  ck_assert(!timeline.at(window.begin - 1));
  ck_assert(timeline.at(window.begin));
  ck_assert(timeline.at(window.end - 1));
  ck_assert(!timeline.at(window.end));
  ck_assert(!timeline.at_offset(window.begin * 10 - 1));
  ck_assert(!timeline.at_time(static_cast<std::int64_t>(window.begin) * 20 - 1));
  ck_assert_uint_eq(timeline.from_offset(0)->index, window.begin);
  ck_assert_uint_eq(timeline.key_unit(0, Timeline::Snap::before)->index,
                    (window.begin + 99) / 100 * 100);
}
END_TEST

START_TEST(a_probe_keeps_what_it_looks_at) {
  Timeline timeline;
  fill(timeline, 1000);
  Timeline::Probe probe(timeline);
  const Entry* entry = probe.at(3);
  timeline.drop_before(9999);
  ck_assert_uint_eq(entry->offset, 30);
  ck_assert_ptr_eq(probe.at(3), entry);
  ck_assert_uint_eq(probe.at(999)->offset, 9990);
  ck_assert_ptr_null(probe.at(3));
  ck_assert_ptr_null(probe.at(1000));
}
END_TEST

START_TEST(a_probe_follows_what_is_appended) {
  Timeline timeline;
  Timeline::Probe probe(timeline);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ck_assert_ptr_null(probe.at(i));
    must(timeline.append_packet({static_cast<std::int64_t>(i), kNoTime, 1, i, 1}));
    ck_assert_uint_eq(probe.at(i)->offset, i);
  }
}
END_TEST

START_TEST(entries_cost_little_more_than_their_size) {
  Timeline timeline;
  fill(timeline, 100'000);
  ck_assert_uint_le(timeline.allocated(), 100'000 * 50);
  for (std::uint64_t i = 100'000; i < 200'000; ++i) {
    must(timeline.append_packet({static_cast<std::int64_t>(i) * 20, kNoTime, 20, i * 10, 10}));
    timeline.drop_before(i * 10 - 10'000);
  }
  ck_assert_uint_le(timeline.allocated(), (1000 + 8 * 256) * sizeof(Entry));
}
END_TEST

}  // namespace

int main() {
  return test::run_suite(
      "Timeline",
      {{"runs",
        {every_frame_of_a_run_finds_back_to_itself, time_of_a_frame_is_its_exact_time_rounded_down,
         places_before_a_run_give_its_first_frame, arithmetic_saturates_at_the_ends_of_the_axes,
         audio_that_continues_adds_nothing, audio_continues_up_to_half_a_frame_off,
         another_format_begins_another_run, a_gap_a_discont_or_part_of_a_frame_begins_another_run,
         a_run_that_makes_no_sense_is_refused}},
       {"packets",
        {packets_keep_what_is_known_of_them, order_is_the_dts_or_the_largest_pts_so_far,
         a_packet_that_runs_backwards_is_refused, since_key_counts_from_the_last_key_unit,
         times_and_offsets_may_be_extreme, what_finds_no_memory_may_be_tried_again}},
       {"dropping",
        {dropping_never_takes_what_holds_the_offset, dropping_everything_leaves_the_newest_entry,
         a_run_stays_until_the_next_one_begins_at_or_below,
         what_is_gone_is_told_from_what_is_not_there_yet_by_the_window,
         a_probe_keeps_what_it_looks_at, a_probe_follows_what_is_appended,
         entries_cost_little_more_than_their_size}}});
}
