// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Searches of a timeline: key units one case at a time, then everything against a plain vector
// that is searched from end to end. CATCHER_SEED repeats a run.
#include "tests/support/check.hpp"

#include <cstdint>
#include <limits>
#include <random>

#include "core/timeline.hpp"

using namespace catcher;

namespace {

using enum Timeline::Snap;

constexpr std::uint64_t kNone = std::numeric_limits<std::uint64_t>::max();

std::uint64_t index_of(const std::optional<Indexed>& found) {
  return found ? found->index : kNone;
}

// ---- key units ------------------------------------------------------------------------------

// Packets that last 10 each, with key units at the numbers given; DTS runs 15 behind PTS.
void fill(Timeline& timeline, std::uint64_t packets, std::initializer_list<std::uint64_t> keys) {
  for (std::uint64_t i = 0; i < packets; ++i) {
    const bool key = std::ranges::find(keys, i) != keys.end();
    const auto pts = static_cast<std::int64_t>(i) * 10;
    ck_assert_status(timeline.append_packet({pts, pts - 15, 10, i * 100, 100,
                                             key ? std::uint32_t{Entry::key_unit} : 0}),
                     Status::ok);
  }
}

START_TEST(before_is_the_last_key_unit_at_or_below_the_time) {
  Timeline timeline;
  fill(timeline, 1000, {0, 300, 700});

  ck_assert_uint_eq(index_of(timeline.key_unit(2999, before)), 0);
  ck_assert_uint_eq(index_of(timeline.key_unit(3000, before)), 300);
  ck_assert_uint_eq(index_of(timeline.key_unit(6999, before)), 300);
  ck_assert_uint_eq(index_of(timeline.key_unit(1'000'000, before)), 700);
}
END_TEST

START_TEST(before_falls_back_on_the_first_key_unit) {
  Timeline timeline;
  fill(timeline, 1000, {300, 700});

  ck_assert_uint_eq(index_of(timeline.key_unit(0, before)), 300);
  ck_assert_uint_eq(index_of(timeline.key_unit(kNoTime, before)), 300);
}
END_TEST

START_TEST(after_is_the_first_key_unit_at_or_above_the_time) {
  Timeline timeline;
  fill(timeline, 1000, {0, 300, 700});

  ck_assert_uint_eq(index_of(timeline.key_unit(kNoTime, after)), 0);
  ck_assert_uint_eq(index_of(timeline.key_unit(1, after)), 300);
  ck_assert_uint_eq(index_of(timeline.key_unit(3000, after)), 300);
  ck_assert_uint_eq(index_of(timeline.key_unit(3001, after)), 700);
  ck_assert_uint_eq(index_of(timeline.key_unit(7001, after)), kNone);
}
END_TEST

START_TEST(nearest_is_the_closer_one_and_the_earlier_of_a_tie) {
  Timeline timeline;
  fill(timeline, 1000, {100, 300, 700});

  ck_assert_uint_eq(index_of(timeline.key_unit(0, nearest)), 100);
  ck_assert_uint_eq(index_of(timeline.key_unit(4999, nearest)), 300);
  ck_assert_uint_eq(index_of(timeline.key_unit(5000, nearest)), 300);
  ck_assert_uint_eq(index_of(timeline.key_unit(5001, nearest)), 700);
  ck_assert_uint_eq(index_of(timeline.key_unit(1'000'000, nearest)), 700);
}
END_TEST

START_TEST(of_equal_times_before_takes_the_last_and_the_others_the_first) {
  Timeline timeline;
  for (std::uint64_t i = 0; i < 9; ++i) {
    ck_assert_status(timeline.append_packet(
                         {static_cast<std::int64_t>(i / 3), kNoTime, 1, i, 1, Entry::key_unit}),
                     Status::ok);
  }

  ck_assert_uint_eq(index_of(timeline.key_unit(1, before)), 5);
  ck_assert_uint_eq(index_of(timeline.key_unit(1, after)), 3);
  ck_assert_uint_eq(index_of(timeline.key_unit(1, nearest)), 3);
  ck_assert_uint_eq(index_of(timeline.at_time(1)), 5);
}
END_TEST

START_TEST(without_a_key_unit_none_is_found) {
  Timeline empty;
  Timeline timeline;
  fill(timeline, 500, {});

  for (const auto snap : {before, after, nearest}) {
    ck_assert(!empty.key_unit(0, snap));
    ck_assert(!timeline.key_unit(0, snap));
  }
  ck_assert(!empty.last() && !empty.at(0) && !empty.at_time(0));
  ck_assert(!empty.at_offset(0) && !empty.from_offset(0));
}
END_TEST

START_TEST(key_units_older_than_asked_for_do_not_count) {
  Timeline timeline;
  fill(timeline, 1000, {0, 300, 700});

  ck_assert_uint_eq(index_of(timeline.key_unit(3500, before, 300)), 300);
  ck_assert_uint_eq(index_of(timeline.key_unit(3500, before, 301)), 700);
  ck_assert_uint_eq(index_of(timeline.key_unit(3500, nearest, 301)), 700);
  ck_assert_uint_eq(index_of(timeline.key_unit(0, after, 1)), 300);
  ck_assert_uint_eq(index_of(timeline.key_unit(kNoTime, after, 701)), kNone);
  ck_assert_uint_eq(index_of(timeline.key_unit(9000, before, 701)), kNone);
  ck_assert_uint_eq(index_of(timeline.key_unit(9000, before, 5000)), kNone);
}
END_TEST

START_TEST(key_units_without_pts_are_found_by_their_order) {
  Timeline timeline;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const auto time = static_cast<std::int64_t>(i) * 10;
    ck_assert_status(
        timeline.append_packet({i % 2 == 0 ? time : kNoTime, time, 10, i, 1, Entry::key_unit}),
        Status::ok);
  }

  ck_assert_uint_eq(index_of(timeline.key_unit(55, before)), 5);
  ck_assert_uint_eq(index_of(timeline.key_unit(45, after)), 5);
}
END_TEST

// ---- against a plain vector -----------------------------------------------------------------

std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* set = std::getenv("CATCHER_SEED");
    const std::uint64_t drawn =
        set != nullptr ? std::strtoull(set, nullptr, 10) : std::random_device{}();
    std::printf("CATCHER_SEED=%llu\n", static_cast<unsigned long long>(drawn));
    std::fflush(stdout);
    return drawn;
  }();
  return value;
}

using Random = std::mt19937_64;

std::int64_t up_to(Random& random, std::int64_t most) {
  return std::uniform_int_distribution<std::int64_t>(0, most)(random);
}

// A stream in one of several manners, as a timeline and as a vector.
class Stream {
 public:
  enum class Manner { runs, packets, reordered, without_dts, sparse_times, falling_keys };

  Stream(Random& random, Manner manner) : random_(random), manner_(manner) {}

  void append() {
    if (manner_ == Manner::runs) return append_run();
    Timeline::Packet packet;
    decode_ += up_to(random_, 20);
    packet.pts = decode_;
    packet.offset = offset_ + (up_to(random_, 9) == 0 ? 3 : 0);
    packet.size = static_cast<std::uint32_t>(up_to(random_, 5));
    const bool key = manner_ == Manner::packets || up_to(random_, key_distance_) == 0;
    if (key) packet.flags = Entry::key_unit;
    if (manner_ == Manner::reordered || manner_ == Manner::falling_keys) packet.dts = decode_;
    if (manner_ == Manner::reordered || manner_ == Manner::without_dts) {
      // A key unit is shown after all that was decoded before it.
      packet.pts = key ? shown_ + up_to(random_, 20) : decode_ + up_to(random_, 100);
      if (key) packet.pts = std::max(packet.pts, decode_);
      shown_ = std::max(shown_, packet.pts);
    }
    if (manner_ == Manner::falling_keys) packet.pts = decode_ + up_to(random_, 100);
    if (manner_ == Manner::sparse_times && up_to(random_, 2) != 0) packet.pts = kNoTime;
    ck_assert_status(timeline.append_packet(packet), Status::ok);
    offset_ = packet.offset + packet.size;
    keep();
  }

  void drop() {
    const std::uint64_t begin = timeline.window().begin;
    const auto kept = static_cast<std::int64_t>(all.size() - begin);
    const std::uint64_t below =
        all[begin + static_cast<std::uint64_t>(up_to(random_, kept - 1))].offset;
    timeline.drop_before(below);
    ck_assert_uint_eq(index_of(timeline.at_offset(below)), last_at_offset(below));
  }

  // Places worth a question: at, just before and just behind what is there.
  std::int64_t some_time() {
    const Entry& entry = some_entry();
    const std::int64_t time =
        up_to(random_, 1) == 0 && entry.pts != kNoTime ? entry.pts : entry.order;
    return time == kNoTime ? 0 : time + up_to(random_, 2) - 1;
  }
  std::uint64_t some_offset() {
    const std::uint64_t offset =
        some_entry().offset + static_cast<std::uint64_t>(up_to(random_, 2));
    return offset == 0 ? 0 : offset - 1;
  }

  std::uint64_t last_at_offset(std::uint64_t offset) const {
    return last([&](const Entry& entry) { return entry.offset <= offset; });
  }
  template <class Fact>
  std::uint64_t last(const Fact& fact, std::uint64_t oldest = 0) const {
    const std::uint64_t begin = std::max(oldest, timeline.window().begin);
    for (std::uint64_t i = all.size(); i-- > begin;) {
      if (fact(all[i])) return i;
    }
    return kNone;
  }
  template <class Fact>
  std::uint64_t first(const Fact& fact, std::uint64_t oldest = 0) const {
    for (std::uint64_t i = std::max(oldest, timeline.window().begin); i < all.size(); ++i) {
      if (fact(all[i])) return i;
    }
    return kNone;
  }

  Timeline timeline;
  std::vector<Entry> all;  // ever

 private:
  void append_run() {
    const auto frames = static_cast<std::uint64_t>(up_to(random_, 50));
    const auto rate = static_cast<std::uint32_t>(1000 + up_to(random_, 3));
    ck_assert_status(timeline.append_run(decode_, offset_, 4, rate, Entry::discont), Status::ok);
    offset_ += frames * 4;
    decode_ += static_cast<std::int64_t>(frames) * 1'000'000 + up_to(random_, 3);
    keep();
  }
  void keep() {
    all.push_back(timeline.last()->entry);
    ck_assert_uint_eq(timeline.last()->index, all.size() - 1);
  }
  const Entry& some_entry() {
    return all[static_cast<std::size_t>(up_to(random_, static_cast<std::int64_t>(all.size()) - 1))];
  }

  Random& random_;
  const Manner manner_;
  const std::int64_t key_distance_ = 1 + up_to(random_, 400);
  std::int64_t decode_ = -50;  // a pre-roll
  std::int64_t shown_ = -50;
  std::uint64_t offset_ = 0;
};

std::int64_t key_time(const Entry& entry) {
  return entry.pts == kNoTime ? entry.order : entry.pts;
}

std::uint64_t distance(const Entry& entry, std::int64_t time) {
  // No difference of theirs overflows as unsigned, kNoTime included.
  const auto a = static_cast<std::uint64_t>(key_time(entry));
  const auto b = static_cast<std::uint64_t>(time);
  return key_time(entry) < time ? b - a : a - b;
}

void check_keys(const Stream& stream, std::int64_t time, std::uint64_t oldest) {
  const auto below = [&](const Entry& e) { return e.is_key() && key_time(e) <= time; };
  const auto above = [&](const Entry& e) { return e.is_key() && key_time(e) >= time; };
  std::uint64_t earlier = stream.last(below, oldest);
  const std::uint64_t later = stream.first(above, oldest);
  if (earlier == kNone) earlier = stream.first([](const Entry& e) { return e.is_key(); }, oldest);
  std::uint64_t closer = earlier;
  if (later != kNone) {
    const std::uint64_t back = distance(stream.all[earlier], time);
    const std::uint64_t ahead = distance(stream.all[later], time);
    if (ahead < back || (ahead == back && later < earlier)) closer = later;
  }

  ck_assert_uint_eq(index_of(stream.timeline.key_unit(time, before, oldest)), earlier);
  ck_assert_uint_eq(index_of(stream.timeline.key_unit(time, after, oldest)), later);
  ck_assert_uint_eq(index_of(stream.timeline.key_unit(time, nearest, oldest)), closer);
}

// Where the PTS of key units falls, an answer must fit, but need not be the only one that does.
void check_falling_keys(const Stream& stream, std::int64_t time, std::uint64_t oldest) {
  const auto earlier = stream.timeline.key_unit(time, before, oldest);
  const auto later = stream.timeline.key_unit(time, after, oldest);
  const auto is_key = [](const Entry& entry) { return entry.is_key(); };

  ck_assert(earlier.has_value() == (stream.first(is_key, oldest) != kNone));
  if (earlier && earlier->entry.pts > time) {
    ck_assert_uint_eq(earlier->index, stream.first(is_key, oldest));
  }
  if (later) ck_assert_int_ge(later->entry.pts, time);
  for (const auto& found : {earlier, later}) {
    if (found) ck_assert(found->entry.is_key() && found->index >= oldest);
  }
}

void check_searches(const Stream& stream, std::int64_t time, std::uint64_t offset) {
  const Timeline& timeline = stream.timeline;
  ck_assert_uint_eq(index_of(timeline.at_offset(offset)), stream.last_at_offset(offset));
  ck_assert_uint_eq(index_of(timeline.from_offset(offset)),
                    stream.first([&](const Entry& e) { return e.offset >= offset; }));
  const auto at = timeline.at_time(time);
  ck_assert_uint_eq(index_of(at), stream.last([&](const Entry& e) { return e.order <= time; }));
  if (at) ck_assert_uint_eq(at->entry.offset, stream.all[at->index].offset);
}

void compare(Stream::Manner manner) {
  Random random(seed() + static_cast<std::uint64_t>(manner));
  for (int round = 0; round < 20; ++round) {
    Stream stream(random, manner);
    const std::int64_t entries = 1 + up_to(random, 1500);
    const std::int64_t drop_distance = up_to(random, 300);
    for (std::int64_t i = 0; i < entries; ++i) {
      stream.append();
      if (drop_distance > 50 && up_to(random, drop_distance) == 0) stream.drop();
      if (up_to(random, 7) != 0) continue;
      const std::int64_t time = stream.some_time();
      check_searches(stream, time, stream.some_offset());
      const Window window = stream.timeline.window();
      const auto kept = static_cast<std::int64_t>(window.end - window.begin);
      const std::uint64_t oldest =
          up_to(random, 1) == 0 ? 0
                                : window.begin + static_cast<std::uint64_t>(up_to(random, kept));
      if (manner == Stream::Manner::falling_keys) {
        check_falling_keys(stream, time, oldest);
      } else {
        check_keys(stream, time, oldest);
      }
    }
  }
}

START_TEST(runs_are_found_as_a_vector_finds_them) {
  compare(Stream::Manner::runs);
}
END_TEST
START_TEST(packets_are_found_as_a_vector_finds_them) {
  compare(Stream::Manner::packets);
}
END_TEST
START_TEST(reordered_packets_are_found_as_a_vector_finds_them) {
  compare(Stream::Manner::reordered);
}
END_TEST
START_TEST(reordered_packets_without_dts_are_found_as_a_vector_finds_them) {
  compare(Stream::Manner::without_dts);
}
END_TEST
START_TEST(packets_with_few_times_are_found_as_a_vector_finds_them) {
  compare(Stream::Manner::sparse_times);
}
END_TEST
START_TEST(key_units_whose_pts_falls_give_answers_that_fit) {
  compare(Stream::Manner::falling_keys);
}
END_TEST

}  // namespace

int main() {
  seed();
  return test::run_suite(
      "Timeline",
      {{"key units",
        {before_is_the_last_key_unit_at_or_below_the_time, before_falls_back_on_the_first_key_unit,
         after_is_the_first_key_unit_at_or_above_the_time,
         nearest_is_the_closer_one_and_the_earlier_of_a_tie,
         of_equal_times_before_takes_the_last_and_the_others_the_first,
         without_a_key_unit_none_is_found, key_units_older_than_asked_for_do_not_count,
         key_units_without_pts_are_found_by_their_order}},
       {"against a vector",
        {runs_are_found_as_a_vector_finds_them, packets_are_found_as_a_vector_finds_them,
         reordered_packets_are_found_as_a_vector_finds_them,
         reordered_packets_without_dts_are_found_as_a_vector_finds_them,
         packets_with_few_times_are_found_as_a_vector_finds_them,
         key_units_whose_pts_falls_give_answers_that_fit}}});
}
