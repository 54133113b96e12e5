// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// When a pad can be pulled, how it comes to that and back, and what it answers meanwhile.
#include "tests/support/channel.hpp"

#include "tests/support/frames.hpp"
#include "tests/support/plugin_check.hpp"
#include "tests/support/pulling.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kBytes = 100'000;

bool offers_pull(Branch& branch) {
  const QueryPtr query(gst_query_new_scheduling());
  demand(branch.query(query), "SCHEDULING is answered");
  demand(gst_query_has_scheduling_mode(query.get(), GST_PAD_MODE_PUSH), "push is always offered");
  return gst_query_has_scheduling_mode_with_flags(query.get(), GST_PAD_MODE_PULL,
                                                  GST_SCHEDULING_FLAG_SEEKABLE);
}

std::optional<gint64> length(Branch& branch) {
  gint64 value = 0;
  if (!gst_pad_peer_query_duration(branch.sink(), GST_FORMAT_BYTES, &value)) return std::nullopt;
  return value;
}

// A tee and a branch that takes what is pushed.
class Tee {
 public:
  explicit Tee(const char* mode = nullptr) : tee("catchertee"), upstream(tee.get()) {
    if (mode != nullptr) tee.set_text("pull-mode", mode);
    branch.emplace(tee.get());
  }
  ~Tee() { branch.reset(); }
  Tee& begin(GstFormat format = GST_FORMAT_BYTES) {
    tee.to(GST_STATE_PLAYING);
    upstream.begin(format, format == GST_FORMAT_TIME ? frame_caps(48000).c_str() : nullptr);
    return *this;
  }
  Tee& give() {
    upstream.give_pattern(0, kBytes);
    return *this;
  }
  Tee& end() {
    upstream.eos();
    return *this;
  }

  Element tee;
  Upstream upstream;
  std::optional<Branch> branch;
};

START_TEST(auto_offers_pull_once_the_length_is_known) {
  Tee tee;
  tee.branch->link();
  ck_assert(!offers_pull(*tee.branch));
  tee.begin();
  ck_assert(!offers_pull(*tee.branch));
  tee.give();
  ck_assert(!offers_pull(*tee.branch));
  tee.end();
  ck_assert(offers_pull(*tee.branch));
}
END_TEST

// A demuxer that is plugged in the middle of a push would have the pad wait for its own thread.
START_TEST(pull_is_not_offered_to_whoever_is_pushed_to_just_now) {
  Tee tee;
  tee.branch->looks([&tee](const Arrival&) {
    tee.end();
    demand(!offers_pull(*tee.branch), "a pad that pushes cannot be pulled");
    return GST_FLOW_OK;
  });
  tee.branch->link();
  tee.begin();
  tee.upstream.give_pattern(0, 1000);
  tee.branch->wait_eos();

  ck_assert(offers_pull(*tee.branch));
}
END_TEST

START_TEST(wait_offers_pull_from_the_beginning) {
  Tee tee("wait");
  tee.branch->link();
  ck_assert(offers_pull(*tee.branch));
  tee.begin();
  ck_assert(offers_pull(*tee.branch));
  tee.give().end();
  ck_assert(offers_pull(*tee.branch));
}
END_TEST

START_TEST(never_offers_push_alone) {
  Tee tee("never");
  tee.branch->link();
  ck_assert(!offers_pull(*tee.branch));
  tee.begin().give().end();
  ck_assert(!offers_pull(*tee.branch));
  ck_assert(!in_pull_mode(*tee.branch));
}
END_TEST

START_TEST(a_recording_in_time_is_never_pulled) {
  for (const char* mode : {"auto", "wait"}) {
    Tee tee(mode);
    tee.branch->link();
    tee.begin(GST_FORMAT_TIME);
    give_frames(tee.upstream, 0, 1000, 48000);
    tee.end();
    ck_assert(!offers_pull(*tee.branch));
    ck_assert(!in_pull_mode(*tee.branch));
  }
}
END_TEST

START_TEST(a_stream_in_time_that_was_taken_for_bytes_is_an_error) {
  Tee tee("wait");
  link_to_pull(*tee.branch);
  Puller puller(*tee.branch, 0, 10);
  puller.wait_parked();
  tee.begin(GST_FORMAT_TIME);
  ck_assert_int_eq(puller.result().flow, GST_FLOW_ERROR);
  ck_assert(tee.tee.wait_error().is(GST_STREAM_ERROR, GST_STREAM_ERROR_FORMAT));
  ck_assert(!length(*tee.branch).has_value());
  tee.tee.demand_no_error();
}
END_TEST

START_TEST(whoever_pulls_before_the_tee_starts_waits_for_it) {
  Tee tee("wait");
  link_to_pull(*tee.branch);
  Puller puller(*tee.branch, 100, 10);
  puller.wait_parked();
  tee.begin().give();
  ck_assert_uint_eq(checked_size(puller.result(), 100), 10);
}
END_TEST

START_TEST(whoever_waits_for_the_tee_to_start_is_interrupted) {
  Tee tee("wait");
  link_to_pull(*tee.branch);
  Puller puller(*tee.branch, 100, 10);
  puller.wait_parked();
  ck_assert(in_pull_mode(*tee.branch, false));
  ck_assert_int_eq(puller.result().flow, GST_FLOW_FLUSHING);
}
END_TEST

START_TEST(nothing_is_pushed_to_who_pulls) {
  Tee tee("wait");
  link_to_pull(*tee.branch);
  tee.begin().give().end();
  ck_assert_uint_eq(checked_size(pull(*tee.branch, 100, 1000), 100), 1000);
  ck_assert_text(tee.branch->story(), "");
}
END_TEST

START_TEST(an_empty_stream_has_length_0) {
  Tee tee("wait");
  link_to_pull(*tee.branch);
  tee.tee.to(GST_STATE_PLAYING);
  tee.upstream.start_stream();
  tee.end();
  ck_assert(length(*tee.branch) == 0);
  ck_assert_int_eq(pull(*tee.branch, 0, 10).flow, GST_FLOW_EOS);
}
END_TEST

// ---- length

START_TEST(with_wait_the_length_waits_for_the_end) {
  Tee tee("wait");
  tee.upstream.knows_duration(GST_FORMAT_BYTES, 123);
  link_to_pull(*tee.branch);
  Parked parked;
  Gate answered;
  std::optional<gint64> told;
  const std::jthread asks([&] {
    parked.enter();
    told = length(*tee.branch);
    answered.open();
  });
  parked.wait("whoever asks for the length sleeps");
  tee.begin().give();
  parked.wait("whoever asks for the length sleeps");
  ck_assert_uint_eq(answered.granted(), 0);
  tee.end();
  answered.wait("the length is told");
  ck_assert(told == kBytes);
}
END_TEST

START_TEST(whoever_waits_for_the_length_is_interrupted) {
  for (const bool flushes : {true, false}) {
    Tee tee("wait");
    link_to_pull(*tee.branch);
    tee.begin().give();
    Parked parked;
    Gate answered;
    std::optional<gint64> told = 1;
    const std::jthread asks([&] {
      parked.enter();
      told = length(*tee.branch);
      answered.open();
    });
    parked.wait("whoever asks for the length sleeps");
    if (flushes) {
      tee.branch->send(gst_event_new_flush_start());
    } else {
      ck_assert(in_pull_mode(*tee.branch, false));
    }
    answered.wait("whoever asked is back");
    ck_assert(!told.has_value());
  }
}
END_TEST

START_TEST(whoever_waits_for_the_length_lets_upstream_run_ahead) {
  Tee tee("wait");
  tee.tee.set("read-ahead-bytes", guint64{1000});
  link_to_pull(*tee.branch);
  tee.tee.to(GST_STATE_PLAYING);
  std::optional<gint64> told;
  {
    const std::jthread asks([&] { told = length(*tee.branch); });
    tee.upstream.begin(GST_FORMAT_BYTES);
    tee.give().end();
  }
  ck_assert(told == kBytes);
}
END_TEST

START_TEST(a_length_that_cannot_come_because_the_window_is_full_is_an_error) {
  Tee tee("wait");
  tee.tee.set("max-size-bytes", guint64{6400}, "chunk-size", guint64{100});
  tee.tee.set_text("when-full", "block");
  link_to_pull(*tee.branch);
  tee.tee.to(GST_STATE_PLAYING);
  tee.upstream.begin(GST_FORMAT_BYTES);
  const std::jthread feeder([&] {
    demand(tee.upstream.push(pattern_buffer(0, 10'000)) == GST_FLOW_FLUSHING, "it is let go");
  });
  ck_assert(!length(*tee.branch).has_value());
  ck_assert(tee.tee.wait_error().is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT));
  tee.tee.to(GST_STATE_READY);
}
END_TEST

START_TEST(a_length_is_not_waited_for_while_pushing) {
  Tee tee("wait");
  tee.branch->link();
  tee.begin().give();
  tee.branch->wait_bytes(kBytes);
  ck_assert(length(*tee.branch) == -1);
}
END_TEST

START_TEST(position_and_lag_are_those_of_the_last_range) {
  Tee tee("wait");
  link_to_pull(*tee.branch);
  tee.begin().give();
  ck_assert_uint_eq(checked_size(pull(*tee.branch, 5000, 1000), 5000), 1000);
  ck_assert_int_eq(tee.branch->value<gint64>("position"), 6000);
  ck_assert_uint_eq(tee.branch->value<guint64>("lag-bytes"), kBytes - 6000);
  gint64 position = 0;
  ck_assert(gst_pad_peer_query_position(tee.branch->sink(), GST_FORMAT_BYTES, &position));
  ck_assert_int_eq(position, 6000);
}
END_TEST

// ---- from one to the other

START_TEST(a_pad_goes_from_push_to_pull_and_back) {
  Tee tee;
  tee.branch->link();
  tee.begin().give().end();
  tee.branch->wait_eos();
  for (int round = 0; round < 3; ++round) {
    ck_assert(in_pull_mode(*tee.branch));
    tee.branch->forget();
    ck_assert(length(*tee.branch) == kBytes);
    ck_assert_uint_eq(checked_size(pull(*tee.branch, 70'000, 5000), 70'000), 5000);
    ck_assert_text(tee.branch->story(), "");

    ck_assert(in_pull_mode(*tee.branch, false));
    ck_assert(gst_pad_set_active(tee.branch->sink(), TRUE));
    ck_assert(gst_pad_set_active(tee.branch->src(), TRUE));
    tee.branch->wait_eos();
    ck_assert_text(tee.branch->story(), "stream-start segment buffer eos");
    ck_assert(is_pattern(tee.branch->all_bytes(), 0));
    ck_assert_uint_eq(tee.branch->bytes(), kBytes);
  }
}
END_TEST

START_TEST(siblings_push_while_one_is_pulled) {
  Tee tee("wait");
  link_to_pull(*tee.branch);
  Branch other(tee.tee.get());
  other.link();
  tee.begin();
  Puller puller(*tee.branch, 50'000, 1000);
  puller.wait_parked();
  tee.give();
  other.wait_bytes(kBytes);
  ck_assert_uint_eq(checked_size(puller.result(), 50'000), 1000);
  tee.end();
  other.wait_eos();
}
END_TEST

// ---- channels

START_TEST(a_finished_channel_is_pulled_with_auto) {
  const NothingKept end;
  Writing writer("finished");
  writer.begin();
  writer.upstream.give_pattern(0, kBytes);
  Playing player("finished");
  gst_pad_set_active(player.branch.sink(), FALSE);
  player.branch.link();
  ck_assert(!offers_pull(player.branch));
  writer.upstream.eos();
  ck_assert(offers_pull(player.branch));
  ck_assert(in_pull_mode(player.branch));
  player.element.to(GST_STATE_PLAYING);
  ck_assert(length(player.branch) == kBytes);
  ck_assert_uint_eq(checked_size(pull(player.branch, 77, 7000), 77), 7000);
  ck_assert_int_eq(pull(player.branch, kBytes, 1).flow, GST_FLOW_EOS);
  player.element.demand_no_error();
}
END_TEST

START_TEST(a_channel_that_nobody_writes_to_is_waited_for) {
  const NothingKept end;
  Playing player("later");
  player.element.set_text("pull-mode", "wait");
  link_to_pull(player.branch);
  player.element.to(GST_STATE_PLAYING);
  Puller puller(player.branch, 77, 7000);
  puller.wait_parked();
  Writing writer("later");
  writer.begin();
  writer.upstream.give_pattern(0, kBytes);
  ck_assert_uint_eq(checked_size(puller.result(), 77), 7000);
}
END_TEST

START_TEST(whoever_waits_for_a_channel_is_interrupted) {
  const NothingKept end;
  Playing player("not at all");
  player.element.set_text("pull-mode", "wait");
  link_to_pull(player.branch);
  player.element.to(GST_STATE_PLAYING);
  Puller puller(player.branch, 77, 7000);
  puller.wait_parked();
  player.element.to(GST_STATE_READY);
  ck_assert_int_eq(puller.result().flow, GST_FLOW_FLUSHING);
}
END_TEST

START_TEST(an_unlink_brings_back_who_waits_for_a_channel) {
  const NothingKept end;
  Playing player("unlinked");
  player.element.set_text("pull-mode", "wait");
  link_to_pull(player.branch);
  player.element.to(GST_STATE_PLAYING);
  Puller puller(player.branch, 77, 7000);
  puller.wait_parked();
  player.branch.unlink();
  ck_assert_int_eq(puller.result().flow, GST_FLOW_FLUSHING);
}
END_TEST

START_TEST(a_channel_that_never_comes_is_an_error) {
  const NothingKept end;
  Playing player("nobody");
  player.element.set_text("pull-mode", "wait");
  player.element.set("wait-timeout", guint64{0});
  link_to_pull(player.branch);
  player.element.to(GST_STATE_PLAYING);
  ck_assert_int_eq(pull(player.branch, 0, 10).flow, GST_FLOW_ERROR);
  ck_assert(player.element.wait_error().is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "pull_mode",
      {{"offer",
        {auto_offers_pull_once_the_length_is_known,
         pull_is_not_offered_to_whoever_is_pushed_to_just_now, wait_offers_pull_from_the_beginning,
         never_offers_push_alone, a_recording_in_time_is_never_pulled,
         a_stream_in_time_that_was_taken_for_bytes_is_an_error}},
       {"start",
        {whoever_pulls_before_the_tee_starts_waits_for_it,
         whoever_waits_for_the_tee_to_start_is_interrupted, nothing_is_pushed_to_who_pulls,
         an_empty_stream_has_length_0}},
       {"queries",
        {with_wait_the_length_waits_for_the_end, whoever_waits_for_the_length_is_interrupted,
         whoever_waits_for_the_length_lets_upstream_run_ahead,
         a_length_that_cannot_come_because_the_window_is_full_is_an_error,
         a_length_is_not_waited_for_while_pushing, position_and_lag_are_those_of_the_last_range}},
       {"switch", {a_pad_goes_from_push_to_pull_and_back, siblings_push_while_one_is_pulled}},
       {"channel",
        {a_finished_channel_is_pulled_with_auto, a_channel_that_nobody_writes_to_is_waited_for,
         whoever_waits_for_a_channel_is_interrupted, an_unlink_brings_back_who_waits_for_a_channel,
         a_channel_that_never_comes_is_an_error}}});
}
