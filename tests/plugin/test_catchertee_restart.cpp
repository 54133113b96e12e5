// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Upstream begins again after its end: branches go on there, each at its own pace, and a late one
// begins there.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/frames.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;
constexpr std::uint64_t kFrames = 4800;  // in each stream: 100 ms
constexpr const char* kStory = "stream-start caps segment buffer eos";

GstEvent* title(const char* text) {
  return gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, text, nullptr));
}

class Restarting {
 public:
  Restarting() : tee("catchertee"), upstream(tee.get()) { tee.to(GST_STATE_PLAYING); }
  // One stream, whose frames tell its number.
  void give_stream(std::uint64_t number, std::uint64_t count = kFrames) {
    upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
    give_data(number, count);
    upstream.eos();
  }
  void give_data(std::uint64_t number, std::uint64_t count = kFrames) {
    for (std::uint64_t done = 0; done < count; done += 480) {
      BufferPtr one = frames(number * 1'000'000 + done, 480, kRate);
      GST_BUFFER_PTS(one.get()) = time_of_frame(done, kRate);
      upstream.give(std::move(one));
    }
  }
  Element tee;
  Upstream upstream;
};

// The streams of which data came, and how many frames of each, in order.
struct Heard {
  std::uint64_t stream = 0, frames = 0;
  bool operator==(const Heard&) const = default;
};
std::vector<Heard> heard(const Branch& branch) {
  std::vector<Heard> streams;
  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer == nullptr) {
      if (GST_EVENT_TYPE(one.event.get()) == GST_EVENT_STREAM_START) streams.emplace_back();
      continue;
    }
    const std::uint64_t first = first_frame(one.buffer.get());
    Heard& last = streams.back();
    if (last.frames == 0) last.stream = first / 1'000'000;
    demand(first == last.stream * 1'000'000 + last.frames, "frames follow each other", first);
    last.frames += frame_count(one.buffer.get());
  }
  return streams;
}

GstClockTime running_time(const Arrival& one) {
  return gst_segment_to_running_time(&one.segment, GST_FORMAT_TIME,
                                     GST_BUFFER_PTS(one.buffer.get()));
}

std::string times(const char* text, unsigned count) {
  std::string told = text;
  for (unsigned more = 1; more < count; ++more) told += std::string(" ") + text;
  return told;
}

START_TEST(a_stream_after_the_end_is_played_by_every_branch) {
  Restarting now;
  Branch one(now.tee.get()), other(now.tee.get());
  one.link();
  other.link();

  now.give_stream(1);
  one.wait_eos();
  other.wait_eos();
  now.give_stream(2);
  one.wait_event(GST_EVENT_EOS, 2);
  other.wait_event(GST_EVENT_EOS, 2);
  Branch late(now.tee.get());
  late.link().wait_eos();

  for (Branch* branch : {&one, &other}) {
    ck_assert_text(branch->story(), times(kStory, 2));
    ck_assert(heard(*branch) == std::vector<Heard>({{1, kFrames}, {2, kFrames}}));
  }
  ck_assert_text(late.story(), kStory);
  ck_assert(heard(late) == std::vector<Heard>({{2, kFrames}}));
  now.tee.demand_no_error();
}
END_TEST

START_TEST(running_time_goes_on_from_stream_to_stream) {
  Restarting now;
  Branch branch(now.tee.get());
  branch.link();
  for (unsigned number = 1; number <= 5; ++number) {
    now.give_stream(number);
    if (number == 1) branch.wait_eos();
  }
  branch.wait_event(GST_EVENT_EOS, 5);

  GstClockTime expected = 0;
  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer == nullptr) continue;
    ck_assert_uint_eq(running_time(one), expected);
    expected += GST_BUFFER_DURATION(one.buffer.get());
  }
  ck_assert_uint_eq(expected, 5 * time_of_frame(kFrames, kRate));
}
END_TEST

START_TEST(a_base_that_upstream_gives_is_kept) {
  Restarting now;
  Branch branch(now.tee.get());
  branch.link();
  now.give_stream(1);
  branch.wait_eos();
  now.upstream.start_stream();
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.base = 7 * GST_SECOND;
  now.upstream.send(gst_event_new_segment(&segment));
  now.give_data(2);
  now.upstream.eos();
  branch.wait_event(GST_EVENT_EOS, 2);

  gst_event_copy_segment(branch.last_event(GST_EVENT_SEGMENT).get(), &segment);
  ck_assert_uint_eq(segment.base, 7 * GST_SECOND);
}
END_TEST

START_TEST(caps_and_segment_hold_until_others_come_and_tags_do_not) {
  Restarting now;
  Branch branch(now.tee.get());
  branch.link();
  now.upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  now.upstream.send(title("one"));
  now.give_data(1);
  now.upstream.eos();
  branch.wait_eos();
  branch.forget();

  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  ck_assert(!now.upstream.send(gst_event_new_segment(&segment)));
  now.upstream.start_stream("another");
  now.give_data(2);
  now.upstream.eos();
  branch.wait_eos();
  Branch late(now.tee.get());
  late.link().wait_eos();

  ck_assert_text(branch.story(), "stream-start segment buffer eos");
  ck_assert_text(late.story(), kStory);
  for (const Branch* one : {&branch, &late}) {
    ck_assert(heard(*one) == std::vector<Heard>({{2, kFrames}}));
    const gchar* id = nullptr;
    gst_event_parse_stream_start(one->last_event(GST_EVENT_STREAM_START).get(), &id);
    ck_assert_str_eq(id, "another");
  }
  now.tee.demand_no_error();
}
END_TEST

START_TEST(a_slow_branch_plays_one_stream_after_the_other) {
  Restarting now;
  Branch slow(now.tee.get()), quick(now.tee.get());
  slow.admit(1);
  slow.link();
  quick.link();
  std::vector<Heard> all;
  for (std::uint64_t number = 1; number <= 10; ++number) {
    now.give_stream(number);
    all.push_back({number, kFrames});
    if (number == 1) {
      quick.wait_eos();
      slow.wait_bytes(1);
    }
  }
  quick.wait_event(GST_EVENT_EOS, 10);
  ck_assert_uint_lt(slow.count(GST_EVENT_EOS), 2);

  slow.unblock();
  slow.wait_event(GST_EVENT_EOS, 10);

  ck_assert(heard(quick) == all);
  ck_assert(heard(slow) == all);
  ck_assert_text(slow.story(), times(kStory, 10));
}
END_TEST

START_TEST(what_a_slow_branch_has_still_to_come_to_is_bounded) {
  Restarting now;
  now.tee.to(GST_STATE_READY);
  now.tee.set("max-size-bytes", guint64{128 * 1024});
  now.tee.to(GST_STATE_PLAYING);
  Branch slow(now.tee.get());
  slow.admit(1);
  slow.link();
  for (std::uint64_t number = 1; number <= 50; ++number) {
    now.give_stream(number);
    if (number == 1) slow.wait_bytes(1);
  }

  slow.unblock();
  const auto has_last = [&] {
    const auto streams = heard(slow);
    return streams.back() == Heard{50, kFrames};
  };
  for (std::size_t ends = 1; !has_last(); ++ends) slow.wait_event(GST_EVENT_EOS, ends + 1);

  const auto streams = heard(slow);
  ck_assert(streams.front() == (Heard{1, kFrames}));
  ck_assert_uint_ge(streams.size(), 3);
  ck_assert_uint_le(streams.size(), 2 + 128 * 1024 / (kFrames * kFrame));
  for (std::size_t at = 2; at < streams.size(); ++at) {
    ck_assert_uint_eq(streams[at].stream, streams[at - 1].stream + 1);
  }
}
END_TEST

START_TEST(a_branch_that_went_back_plays_to_the_end_and_goes_on) {
  Restarting now;
  Branch branch(now.tee.get());
  branch.link();
  now.give_stream(1);
  branch.wait_eos();
  branch.block();
  branch.forget();
  ck_assert_uint_ne(branch.seek(GST_FORMAT_TIME, 0), GST_SEQNUM_INVALID);
  branch.wait_blocked();
  now.give_stream(2);

  branch.unblock();
  branch.wait_event(GST_EVENT_EOS, 2);

  ck_assert_text(branch.story(),
                 std::string("flush-start flush-stop segment buffer eos ") + kStory);
  // And seeks in the new one.
  branch.forget();
  ck_assert_uint_ne(branch.seek(GST_FORMAT_TIME, time_of_frame(480, kRate)), GST_SEQNUM_INVALID);
  branch.wait_eos();
  ck_assert_uint_eq(branch.bytes(), (kFrames - 480) * kFrame);
  ck_assert_uint_eq(first_frame(branch.arrivals()[3].buffer.get()), 2'000'480);
}
END_TEST

START_TEST(a_branch_that_stopped_before_the_end_goes_on) {
  Restarting now;
  Branch branch(now.tee.get());
  branch.link();
  now.give_stream(1);
  branch.wait_eos();
  ck_assert(branch.send(gst_event_new_seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                           GST_SEEK_TYPE_SET, 0, GST_SEEK_TYPE_SET,
                                           static_cast<gint64>(time_of_frame(480, kRate)))));
  branch.wait_event(GST_EVENT_EOS, 2);
  branch.forget();

  now.give_stream(2);
  branch.wait_eos();

  ck_assert_text(branch.story(), kStory);
  ck_assert(heard(branch) == std::vector<Heard>({{2, kFrames}}));
}
END_TEST

START_TEST(start_from_says_where_a_branch_starts_and_not_where_it_goes_on) {
  Restarting now;
  Branch branch(now.tee.get());
  branch.set_text("start-from", "offset");
  branch.set("start-offset", static_cast<gint64>(time_of_frame(4320, kRate)));
  now.give_stream(1);
  branch.link().wait_eos();
  ck_assert_uint_eq(branch.bytes(), 480 * kFrame);
  branch.forget();

  now.give_stream(2);
  branch.wait_eos();

  ck_assert(heard(branch) == std::vector<Heard>({{2, kFrames}}));
}
END_TEST

START_TEST(a_stream_in_another_format_may_follow) {
  Restarting now;
  Branch branch(now.tee.get());
  branch.link();
  now.give_stream(1);
  branch.wait_eos();
  now.upstream.begin(GST_FORMAT_BYTES);
  now.upstream.give_pattern(0, 10'000);
  now.upstream.eos();
  branch.wait_event(GST_EVENT_EOS, 2);

  ck_assert_uint_eq(branch.bytes(), kFrames * kFrame + 10'000);
  now.tee.demand_no_error();
}
END_TEST

START_TEST(a_stream_that_ends_without_data_is_passed_on) {
  Restarting now;
  Branch branch(now.tee.get());
  branch.link();
  now.give_stream(1);
  branch.wait_eos();
  now.give_stream(2, 0);
  now.give_stream(3);
  branch.wait_event(GST_EVENT_EOS, 3);

  ck_assert(heard(branch) == std::vector<Heard>({{1, kFrames}, {0, 0}, {3, kFrames}}));
}
END_TEST

START_TEST(a_flush_after_the_end_begins_again_without_an_end) {
  Restarting now;
  Branch branch(now.tee.get());
  branch.link();
  now.give_stream(1);
  branch.wait_eos();
  branch.forget();

  now.upstream.send(gst_event_new_flush_start());
  now.upstream.send(gst_event_new_flush_stop(TRUE));
  now.upstream.set_segment(GST_FORMAT_TIME);
  now.give_data(2);
  now.upstream.eos();
  branch.wait_eos();

  ck_assert_text(branch.story(), "flush-start flush-stop segment buffer eos");
}
END_TEST

START_TEST(six_branches_come_and_go_while_upstream_begins_ten_times) {
  Restarting now;
  std::atomic<bool> over = false;
  std::atomic<unsigned> running = 6;
  std::vector<std::thread> readers;
  for (unsigned reader = 0; reader < 6; ++reader) {
    readers.emplace_back([&now, &over, &running, reader] {
      for (std::uint64_t turn = reader; !over; ++turn) {
        Branch branch(now.tee.get());
        branch.link();
        if (turn % 3 != 0) branch.wait_event(GST_EVENT_EOS, 1 + turn % 2);
        if (turn % 4 == 1) branch.seek(GST_FORMAT_TIME, 0);
      }
      --running;
    });
  }
  for (std::uint64_t number = 1; number <= 10; ++number) {
    Branch watcher(now.tee.get());
    now.give_stream(number);
    watcher.link().wait_eos();
  }
  over = true;
  // Who waits for one end more gets it.
  while (running != 0) now.give_stream(12);
  for (std::thread& reader : readers) reader.join();

  Branch late(now.tee.get());
  late.link().wait_eos();
  ck_assert(heard(late) == std::vector<Heard>({{12, kFrames}}));
  now.tee.demand_no_error();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_restart",
      {{"streams",
        {a_stream_after_the_end_is_played_by_every_branch,
         running_time_goes_on_from_stream_to_stream, a_base_that_upstream_gives_is_kept,
         caps_and_segment_hold_until_others_come_and_tags_do_not,
         a_stream_in_another_format_may_follow, a_stream_that_ends_without_data_is_passed_on,
         a_flush_after_the_end_begins_again_without_an_end}},
       {"branches",
        {a_slow_branch_plays_one_stream_after_the_other,
         what_a_slow_branch_has_still_to_come_to_is_bounded,
         a_branch_that_went_back_plays_to_the_end_and_goes_on,
         a_branch_that_stopped_before_the_end_goes_on,
         start_from_says_where_a_branch_starts_and_not_where_it_goes_on}},
       {"churn", {six_branches_come_and_go_while_upstream_begins_ten_times}}});
}
