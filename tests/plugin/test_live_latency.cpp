// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What players of a live stream say of its latency: the same at the edge and in history, with one
// message for each way between them, and without asking a writer through its channel.
#include "tests/support/channel.hpp"

#include "tests/support/live_pipeline.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;

struct Latency {
  bool live = false;
  GstClockTime least = 0, most = 0;
  bool operator==(const Latency&) const = default;
};

Latency parse(GstQuery* query) {
  gboolean live = FALSE;
  Latency latency;
  gst_query_parse_latency(query, &live, &latency.least, &latency.most);
  latency.live = live != FALSE;
  return latency;
}

Latency latency_of(Branch& branch) {
  const QueryPtr query(gst_query_new_latency());
  demand(gst_pad_query(branch.src(), query.get()), "LATENCY is answered");
  return parse(query.get());
}

constexpr Latency live(GstClockTime least) {
  return {true, least, GST_CLOCK_TIME_NONE};
}
constexpr Latency kNotLive{false, 0, GST_CLOCK_TIME_NONE};

// LATENCY messages that are on the bus now: all, or those of one element.
unsigned count_posted(Element& element, const std::string& from = {}) {
  unsigned count = 0;
  while (GstMessage* message = gst_bus_pop_filtered(element.bus(), GST_MESSAGE_LATENCY)) {
    if (from.empty() || from == GST_OBJECT_NAME(GST_MESSAGE_SRC(message))) ++count;
    gst_message_unref(message);
  }
  return count;
}

void wait_posted(Element& element) {
  gst_message_unref(element.wait_message(GST_MESSAGE_LATENCY, "a crossing is told"));
}

// Each of these elements has posted one: sinks post some too.
void wait_posted(Element& pipeline, std::vector<std::string> names) {
  while (!names.empty()) {
    GstMessage* message = pipeline.wait_message(GST_MESSAGE_LATENCY, "all players have begun");
    std::erase(names, GST_OBJECT_NAME(GST_MESSAGE_SRC(message)));
    gst_message_unref(message);
  }
}

class LiveTee {
 public:
  LiveTee() : tee("catchertee"), upstream(tee.get()) {
    upstream.is_live(20 * GST_MSECOND);
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  }
  Element tee;
  Upstream upstream;
};

// In pieces, each of which the branch gets before the next one: it does not fall behind.
void give_in_step(LiveTee& live_tee, Branch& branch, std::uint64_t frame, std::uint64_t count) {
  constexpr std::uint64_t kPiece = kRate / 10;
  for (const std::uint64_t end = frame + count; frame < end; frame += kPiece) {
    const std::uint64_t before = branch.bytes();
    give_frames(live_tee.upstream, frame, kPiece, kRate);
    branch.wait_bytes(before + kPiece * kFrame);
  }
}

START_TEST(a_pad_adds_its_minimum_to_upstreams) {
  LiveTee live_tee;
  Branch one(live_tee.tee.get()), other(live_tee.tee.get());
  one.set("min-latency", guint64{5 * GST_MSECOND});

  ck_assert(latency_of(one) == live(25 * GST_MSECOND));
  ck_assert(latency_of(other) == live(20 * GST_MSECOND));
  ck_assert_uint_eq(one.value<guint64>("min-latency"), 5 * GST_MSECOND);
}
END_TEST

START_TEST(a_stream_that_is_not_live_has_none) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.set("min-latency", guint64{5 * GST_MSECOND});
  count_posted(tee);
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(upstream, 0, kRate, kRate);
  branch.wait_bytes(kRate * kFrame);

  ck_assert(latency_of(branch) == kNotLive);
  ck_assert_uint_eq(branch.seek(GST_FORMAT_TIME, 0) == GST_SEQNUM_INVALID, 0);
  upstream.eos();
  branch.wait_eos();
  ck_assert_uint_eq(count_posted(tee), 0);
}
END_TEST

START_TEST(a_changed_minimum_is_told) {
  LiveTee live_tee;
  Branch branch(live_tee.tee.get());
  branch.set("min-latency", guint64{GST_MSECOND});
  ck_assert_uint_eq(count_posted(live_tee.tee), 1);
  Playing player("none");
  player.element.set("min-latency", guint64{GST_MSECOND});
  ck_assert_uint_eq(count_posted(player.element), 1);
}
END_TEST

START_TEST(each_way_between_edge_and_history_is_told_once) {
  LiveTee live_tee;
  Branch branch(live_tee.tee.get());
  branch.link();
  give_in_step(live_tee, branch, 0, 3 * kRate);
  ck_assert_uint_eq(count_posted(live_tee.tee), 1);

  branch.admit(3);
  const guint32 seqnum = branch.seek(GST_FORMAT_TIME, GST_SECOND);
  branch.wait_after(seqnum);
  branch.wait_blocked();
  ck_assert_uint_eq(count_posted(live_tee.tee), 1);
  ck_assert(latency_of(branch) == live(20 * GST_MSECOND));

  branch.unblock();
  wait_posted(live_tee.tee);
  give_in_step(live_tee, branch, 3 * kRate, 2 * kRate);
  ck_assert_uint_eq(count_posted(live_tee.tee), 0);
}
END_TEST

START_TEST(a_branch_that_is_held_up_is_in_history_until_it_is_through) {
  LiveTee live_tee;
  Branch branch(live_tee.tee.get());
  branch.link();
  give_in_step(live_tee, branch, 0, kRate);
  ck_assert_uint_eq(count_posted(live_tee.tee), 1);

  branch.block();
  give_frames(live_tee.upstream, kRate, 3 * kRate, kRate);
  branch.wait_blocked();
  branch.unblock();
  wait_posted(live_tee.tee);
  wait_posted(live_tee.tee);
  give_in_step(live_tee, branch, 4 * kRate, kRate);
  ck_assert_uint_eq(count_posted(live_tee.tee), 0);
}
END_TEST

// What the sinks of a pipeline wait for on purpose is no lag.
START_TEST(a_branch_that_is_held_up_for_the_pipelines_latency_is_at_the_edge) {
  LiveTee live_tee;
  Branch branch(live_tee.tee.get());
  branch.link();
  ck_assert(branch.send(gst_event_new_latency(5 * GST_SECOND)));
  give_in_step(live_tee, branch, 0, kRate);
  ck_assert_uint_eq(count_posted(live_tee.tee), 1);

  branch.block();
  give_frames(live_tee.upstream, kRate, 3 * kRate, kRate);
  branch.wait_blocked();
  branch.unblock();
  branch.wait_bytes(4 * kRate * kFrame);
  give_in_step(live_tee, branch, 4 * kRate, kRate);
  ck_assert_uint_eq(count_posted(live_tee.tee), 0);
}
END_TEST

START_TEST(a_channel_has_its_writers_latency) {
  const NothingKept end;
  Writing writer("live");
  writer.upstream.is_live(30 * GST_MSECOND);
  Playing player("live");
  ck_assert(latency_of(player.branch) == kNotLive);
  player.element.set("min-latency", guint64{10 * GST_MSECOND});
  writer.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(writer.upstream, 0, kRate, kRate);
  // Also before it plays.
  ck_assert(latency_of(player.branch) == live(40 * GST_MSECOND));

  player.play().branch.wait_bytes(kRate * kFrame);
  ck_assert(latency_of(player.branch) == live(40 * GST_MSECOND));

  // It is another one from now on, and that is told.
  writer.upstream.is_live(50 * GST_MSECOND);
  gst_element_send_event(writer.element.get(), gst_event_new_latency(50 * GST_MSECOND));
  ck_assert(latency_of(player.branch) == live(60 * GST_MSECOND));
  count_posted(player.element);
  give_frames(writer.upstream, kRate, kRate, kRate);
  wait_posted(player.element);

  writer.upstream.eos();
  player.branch.wait_eos();
  // What plays goes on in time; what begins now is no longer live.
  ck_assert(latency_of(player.branch) == live(60 * GST_MSECOND));
  Playing late("live");
  late.play().branch.wait_eos();
  ck_assert(latency_of(late.branch) == kNotLive);
  writer.end();
}
END_TEST

// A player beside its own writer counts what the writer's upstream needs, and itself; were it asked
// through the channel, each round would add to the one before.
START_TEST(a_channel_in_one_pipeline_settles) {
  const NothingKept end;
  Element pipeline =
      Element::launch(live_source(150) +
                      "catchersink channel=beside  catchersrc name=player channel=beside "
                      "min-latency=50000000 ! fakesink "
                      "name=sink sync=true async=false processing-deadline=0 signal-handoffs=true");
  begin_numbering(pipeline);
  Rendered rendered(pipeline, "sink");
  pipeline.to(GST_STATE_PLAYING);
  wait_posted(pipeline, {"player"});
  for (int round = 0; round < 5; ++round) {
    ck_assert(gst_bin_recalculate_latency(GST_BIN(pipeline.get())));
    const QueryPtr query(gst_query_new_latency());
    ck_assert(gst_element_query(pipeline.get(), query.get()));
    ck_assert(parse(query.get()) == live(50 * GST_MSECOND));
    ck_assert_uint_eq(gst_pipeline_get_latency(GST_PIPELINE(pipeline.get())) == GST_CLOCK_TIME_NONE,
                      1);
  }
  rendered.wait_more(GST_SECOND);
  ck_assert_uint_eq(count_posted(pipeline, "player"), 0);
  pipeline.wait_eos();
  ck_assert_uint_eq(dropped_by(rendered.sink()), 0);
  // Beside its writer, a player is in step with it.
  for (const Rendered::One& one : rendered.all()) {
    ck_assert(is_live_time(one.frame, one.running));
  }
}
END_TEST

START_TEST(a_source_with_a_latency_of_its_own_is_counted_once) {
  if (!has_element("audiotestsrc")) return;
  const NothingKept end;
  Element pipeline = Element::launch(
      "audiotestsrc is-live=true samplesperbuffer=480 ! audio/x-raw,rate=48000 ! catchertee name=t "
      "channel=own t.src_0 ! fakesink sync=true async=false processing-deadline=0  catchersrc "
      "name=own "
      "channel=own ! "
      "catchersink channel=again  catchersrc name=again channel=again min-latency=1000000 ! "
      "fakesink sync=true async=false processing-deadline=0");
  pipeline.to(GST_STATE_PLAYING);
  wait_posted(pipeline, {"t", "own", "again"});
  for (int round = 0; round < 5; ++round) {
    gst_bin_recalculate_latency(GST_BIN(pipeline.get()));
  }
  const QueryPtr query(gst_query_new_latency());
  ck_assert(gst_element_query(pipeline.get(), query.get()));
  ck_assert(parse(query.get()).live);
  ck_assert_uint_eq(parse(query.get()).least, 11 * GST_MSECOND);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "live_latency",
      {{"answer",
        {a_pad_adds_its_minimum_to_upstreams, a_stream_that_is_not_live_has_none,
         a_channel_has_its_writers_latency}},
       {"message",
        {a_changed_minimum_is_told, each_way_between_edge_and_history_is_told_once,
         a_branch_that_is_held_up_is_in_history_until_it_is_through,
         a_branch_that_is_held_up_for_the_pipelines_latency_is_at_the_edge}},
       {"loop",
        {a_channel_in_one_pipeline_settles, a_source_with_a_latency_of_its_own_is_counted_once}}});
}
