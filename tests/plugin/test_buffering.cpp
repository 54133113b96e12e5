// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// BUFFERING messages: for an application that pauses below 100 %, and never in vain.
#include "plugin/buffering.hpp"

#include <atomic>

#include "tests/support/channel.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;
using catcher::plugin::Buffering;
using catcher::plugin::RateMeter;
using catcher::plugin::Settings;

constexpr unsigned kRate = 48000;

int percent_of(GstMessage* message) {
  gint percent = -1;
  gst_message_parse_buffering(message, &percent);
  return percent;
}

// The next one's; ends the test if none comes.
int next_percent(Element& element) {
  GstMessage* message = element.wait_message(GST_MESSAGE_BUFFERING, "a percentage is posted");
  const int percent = percent_of(message);
  gst_message_unref(message);
  return percent;
}

// All that were posted until now.
std::vector<int> percents(Element& element) {
  std::vector<int> all;
  while (GstMessage* message = gst_bus_pop_filtered(element.bus(), GST_MESSAGE_BUFFERING)) {
    all.push_back(percent_of(message));
    gst_message_unref(message);
  }
  return all;
}

void wait_full(Element& element) {
  while (next_percent(element) != 100) {
  }
}

// ---- what 100 % is ------------------------------------------------------------------

START_TEST(the_target_is_the_read_ahead_limit_where_there_is_one) {
  Settings settings;
  settings.read_ahead_bytes = 1000;
  ck_assert_uint_eq(Buffering::target(settings, GST_FORMAT_BYTES).bytes, 1000);
  ck_assert_uint_eq(Buffering::target(settings, GST_FORMAT_TIME).bytes, 1000);
  ck_assert_int_eq(Buffering::target(settings, GST_FORMAT_TIME).time, 0);
  settings.read_ahead_time = 5 * GST_SECOND;
  ck_assert_int_eq(Buffering::target(settings, GST_FORMAT_TIME).time, 5 * GST_SECOND);
  ck_assert_int_eq(Buffering::target(settings, GST_FORMAT_BYTES).time, 0);
}
END_TEST

START_TEST(without_a_limit_the_target_is_what_is_enough_for_most) {
  ck_assert_uint_eq(Buffering::target({}, GST_FORMAT_BYTES).bytes, 2 << 20);
  ck_assert_int_eq(Buffering::target({}, GST_FORMAT_TIME).time, 2 * GST_SECOND);
}
END_TEST

START_TEST(the_target_is_never_more_than_the_window_can_have) {
  Settings settings;
  settings.max_size_bytes = 160'000;
  settings.max_size_time = GST_SECOND;
  settings.read_ahead_time = 10 * GST_SECOND;
  ck_assert_uint_eq(Buffering::target(settings, GST_FORMAT_BYTES).bytes, 150'000);
  ck_assert_uint_eq(Buffering::target(settings, GST_FORMAT_TIME).bytes, 150'000);
  ck_assert_int_eq(Buffering::target(settings, GST_FORMAT_TIME).time, GST_SECOND);
}
END_TEST

START_TEST(a_rate_is_an_average_over_time) {
  RateMeter meter;
  meter.add(1000, 0);
  ck_assert(meter.rate() == 0);
  meter.add(99'000, 200'000);
  ck_assert(meter.rate() == 500'000);
  meter.add(0, 399'000);
  ck_assert(meter.rate() == 500'000);
  meter.add(20'000, 400'000);
  ck_assert(meter.rate() == (3 * 500'000 + 100'000) / 4);
}
END_TEST

// ---- messages -----------------------------------------------------------------------

// A tee in bytes whose 100 % is 100 000 bytes ahead.
class Caught {
 public:
  Caught() : tee("catchertee"), upstream(tee.get()), branch(tee.get()) {
    tee.set("use-buffering", TRUE, "read-ahead-bytes", guint64{100'000}, "low-watermark", 0.1,
            "high-watermark", 0.5);
    branch.keeps_none();
  }
  void play() {
    branch.link();
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_BYTES);
  }
  void give(std::uint64_t bytes) {
    upstream.give_pattern(given, bytes, 1000);
    given += bytes;
  }
  // Plays to a branch that takes one buffer and then blocks, with 1 % ahead of it.
  void play_and_stall() {
    branch.admit(1);
    play();
    give(1000);
    branch.wait_buffers(1);
    give(1000);
    branch.wait_blocked();
    give(1000);
    ck_assert_int_lt(next_percent(tee), 20);
    percents(tee);
  }
  Element tee;
  Upstream upstream;
  Branch branch;
  std::atomic<std::uint64_t> given = 0;
};

START_TEST(nothing_is_posted_that_was_not_asked_for) {
  Caught caught;
  caught.tee.set("use-buffering", FALSE);
  caught.play();
  caught.give(50'000);
  caught.upstream.eos();
  caught.branch.wait_eos();
  ck_assert(percents(caught.tee).empty());
}
END_TEST

START_TEST(it_rises_to_100_and_says_each_percentage_once) {
  Caught caught;
  caught.play_and_stall();

  caught.give(70'000);

  const std::vector<int> all = percents(caught.tee);
  ck_assert_uint_gt(all.size(), 10);
  ck_assert_int_eq(all.back(), 100);
  ck_assert(std::is_sorted(all.begin(), all.end()));
  ck_assert(std::adjacent_find(all.begin(), all.end()) == all.end());
  caught.branch.unblock();
}
END_TEST

// Between the marks it may fall and rise, and nothing is said.
START_TEST(it_begins_again_only_below_the_low_mark) {
  Caught caught;
  caught.play_and_stall();
  caught.give(60'000);
  wait_full(caught.tee);
  // Pieces are of at most 4 KiB at first: a quarter is left, and then a tenth more comes.
  caught.branch.admit(8);
  caught.branch.wait_blocked();
  caught.give(10'000);
  ck_assert(percents(caught.tee).empty());

  caught.branch.unblock();
  caught.branch.wait_bytes(caught.given);

  ck_assert_int_lt(next_percent(caught.tee), 20);
}
END_TEST

START_TEST(the_end_is_100) {
  Caught caught;
  caught.play();
  caught.give(2000);
  caught.branch.wait_bytes(2000);
  caught.give(1000);
  ck_assert_int_lt(next_percent(caught.tee), 100);

  caught.upstream.eos();

  wait_full(caught.tee);
  caught.branch.wait_eos();
}
END_TEST

START_TEST(a_flush_ends_what_was_below_100) {
  Caught caught;
  caught.play();
  caught.give(2000);
  caught.branch.wait_bytes(2000);
  caught.give(1000);
  ck_assert_int_lt(next_percent(caught.tee), 100);

  caught.upstream.send(gst_event_new_flush_start());
  caught.upstream.send(gst_event_new_flush_stop(TRUE));

  wait_full(caught.tee);
}
END_TEST

START_TEST(the_slowest_running_branch_counts) {
  Caught caught;
  Branch edge(caught.tee.get());
  edge.keeps_none().link();
  caught.play_and_stall();
  caught.give(60'000);
  edge.wait_bytes(63'000);
  wait_full(caught.tee);
  // The other is at the edge all the time, and nothing is said of it.
  caught.give(20'000);
  edge.wait_bytes(83'000);
  ck_assert(percents(caught.tee).empty());

  // Without the slow one it is.
  caught.branch.release();
  caught.give(1000);

  ck_assert_int_lt(next_percent(caught.tee), 20);
}
END_TEST

START_TEST(a_writer_that_waits_for_the_window_has_said_100) {
  Caught caught;
  caught.tee.set("read-ahead-bytes", guint64{0}, "max-size-bytes", guint64{200'000}, "when-full", 1,
                 "high-watermark", 1.0);
  caught.play_and_stall();
  std::jthread feeder([&] {
    caught.give(400'000);
    caught.upstream.eos();
  });

  wait_full(caught.tee);

  caught.branch.unblock();
  feeder.join();
  caught.branch.wait_eos();
}
END_TEST

// A target in time that cannot be reached, because the window is full before.
START_TEST(a_writer_that_waits_for_a_small_window_has_said_100) {
  Element tee("catchertee");
  tee.set("use-buffering", TRUE, "max-size-time", guint64{GST_SECOND / 10}, "when-full", 1,
          "low-watermark", 0.3, "high-watermark", 1.0);
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.keeps_none().block();
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(upstream, 0, 480, kRate, 480);
  branch.wait_blocked();
  std::jthread feeder([&] {
    give_frames(upstream, 480, kRate, kRate, 480);
    upstream.eos();
  });

  wait_full(tee);

  branch.unblock();
  feeder.join();
  branch.wait_eos();
}
END_TEST

START_TEST(a_writer_that_is_far_ahead_has_said_100) {
  Caught caught;
  caught.tee.set("high-watermark", 1.0);
  caught.play_and_stall();
  std::jthread feeder([&] {
    caught.give(400'000);
    caught.upstream.eos();
  });

  wait_full(caught.tee);

  caught.branch.unblock();
  feeder.join();
  caught.branch.wait_eos();
}
END_TEST

// What a sink that is paused holds is neither ahead of the player nor played.
START_TEST(a_writer_that_waits_for_what_is_on_its_way_has_said_100) {
  Caught caught;
  caught.tee.set("read-ahead-bytes", guint64{3000}, "high-watermark", 1.0);
  caught.branch.admit(1);
  caught.play();
  caught.give(1000);
  ck_assert_int_eq(next_percent(caught.tee), 0);     // once that is played
  caught.upstream.give(pattern_buffer(1000, 2000));  // one piece, so that it is all on its way
  caught.branch.wait_blocked();
  caught.given = 3000;
  caught.give(2000);
  std::jthread feeder([&] { caught.give(1000); });

  wait_full(caught.tee);

  caught.branch.unblock();
}
END_TEST

START_TEST(marks_that_cross_are_refused) {
  Element tee("catchertee");
  tee.set("low-watermark", 0.6, "high-watermark", 0.5);

  ck_assert_int_eq(tee.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);

  const PostedError error = tee.wait_error();
  ck_assert(error.is(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS));
  ck_assert(error.debug.find("low-watermark") != std::string::npos);
}
END_TEST

START_TEST(a_message_says_how_and_how_fast) {
  Caught caught;
  caught.play_and_stall();
  caught.give(1000);
  GstMessage* message = caught.tee.wait_message(GST_MESSAGE_BUFFERING);
  GstBufferingMode mode = GST_BUFFERING_STREAM;
  gint in = 0;
  gint out = 0;
  gint64 left = 0;
  gst_message_parse_buffering_stats(message, &mode, &in, &out, &left);
  gst_message_unref(message);
  ck_assert_int_eq(mode, GST_BUFFERING_TIMESHIFT);
  // Whether there is a rate yet is a matter of time.
  ck_assert_int_ne(in, 0);
  ck_assert_int_eq(left >= 0, in > 0);

  caught.upstream.eos();
  for (;;) {
    message = caught.tee.wait_message(GST_MESSAGE_BUFFERING);
    gst_message_parse_buffering_stats(message, &mode, &in, &out, &left);
    const int percent = percent_of(message);
    gst_message_unref(message);
    if (percent == 100) break;
  }
  ck_assert_int_eq(left, 0);
  caught.branch.unblock();
}
END_TEST

// Whoever looks at messages as they are posted may ask and set what he likes.
START_TEST(a_message_is_posted_without_a_lock) {
  Caught caught;
  std::atomic<unsigned> answered = 0;
  struct Handler {
    Caught& caught;
    std::atomic<unsigned>& answered;
  } handler{caught, answered};
  gst_bus_set_sync_handler(
      caught.tee.bus(),
      [](GstBus*, GstMessage* message, gpointer data) noexcept {
        auto& [all, count] = *static_cast<Handler*>(data);
        if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_BUFFERING) {
          const QueryPtr query(gst_query_new_buffering(GST_FORMAT_BYTES));
          demand(gst_pad_query(all.branch.src(), query.get()), "BUFFERING is answered");
          demand(all.tee.value<guint64>("current-level-bytes") <= all.given + 1000, "and levels");
          ++count;
        }
        return GST_BUS_PASS;
      },
      &handler, nullptr);
  caught.play();
  for (int i = 0; i < 50; ++i) {
    caught.give(1000);
    caught.branch.wait_bytes(caught.given);
  }
  caught.upstream.eos();
  caught.branch.wait_eos();
  gst_bus_set_sync_handler(caught.tee.bus(), nullptr, nullptr, nullptr);

  ck_assert_uint_gt(answered, 0);
}
END_TEST

START_TEST(a_sink_says_it_for_players_elsewhere) {
  const NothingKept nothing_kept;
  Writing writing("buffered");
  writing.element.set("use-buffering", TRUE);
  Playing playing("buffered");
  playing.branch.keeps_none();
  writing.begin();
  playing.play();
  writing.upstream.give_pattern(0, 10'000);
  playing.branch.wait_bytes(10'000);
  writing.upstream.give_pattern(10'000, 1000);
  ck_assert_int_lt(next_percent(writing.element), 100);

  writing.upstream.eos();

  wait_full(writing.element);
  writing.end();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "buffering",
      {{"target",
        {the_target_is_the_read_ahead_limit_where_there_is_one,
         without_a_limit_the_target_is_what_is_enough_for_most,
         the_target_is_never_more_than_the_window_can_have, a_rate_is_an_average_over_time}},
       {"messages",
        {nothing_is_posted_that_was_not_asked_for, it_rises_to_100_and_says_each_percentage_once,
         it_begins_again_only_below_the_low_mark, the_end_is_100, a_flush_ends_what_was_below_100,
         the_slowest_running_branch_counts, marks_that_cross_are_refused,
         a_message_says_how_and_how_fast, a_message_is_posted_without_a_lock,
         a_sink_says_it_for_players_elsewhere}},
       {"waiting",
        {a_writer_that_waits_for_the_window_has_said_100,
         a_writer_that_waits_for_a_small_window_has_said_100,
         a_writer_that_is_far_ahead_has_said_100,
         a_writer_that_waits_for_what_is_on_its_way_has_said_100}}});
}
