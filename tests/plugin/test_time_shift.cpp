// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Time-shift: a branch, or another pipeline on the channel, stands still while capture goes on,
// goes on behind live without a gap, and is sent to the edge.
#include "tests/support/channel.hpp"

#include "tests/support/live_pipeline.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr GstClockTime kPause = 1500 * GST_MSECOND;
constexpr unsigned kBuffers = 1000;  // more than is waited for

std::uint64_t frames_in(GstClockTime time) {
  return gst_util_uint64_scale(time, kLiveRate, GST_SECOND);
}

// A pipeline that captures, with a branch that is rendered live.
class Capture {
 public:
  explicit Capture(const std::string& more)
      : pipeline(Element::launch(live_source(kBuffers) +
                                 "catchertee name=t channel=shift t.src_0 ! fakesink name=steady "
                                 "sync=true async=false signal-handoffs=true " +
                                 more)),
        steady(pipeline, "steady") {
    begin_numbering(pipeline);
  }
  Element pipeline;
  Rendered steady;
};

// All that follows each other in one segment, from number `from` on.
void demand_no_gap(const std::vector<Rendered::One>& all, std::size_t from = 1) {
  for (std::size_t number = std::max<std::size_t>(from, 1); number < all.size(); ++number) {
    const Rendered::One& before = all[number - 1];
    if (all[number].seqnum != before.seqnum) continue;
    demand(all[number].frame == before.frame + before.count, "nothing is left out", number);
    const GstClockTime expected = before.running + before.lasts;
    const GstClockTime running = all[number].running;
    demand(expected <= running + 1 && running <= expected + 1, "running time goes on", number);
  }
}

// The LATENCY messages of a player, each with the side of which it tells: sinks post some too.
// Where a machine is slow the edge gets away, and is reached again; each way is told once.
class Crossings {
 public:
  enum class Side : std::uint8_t { edge, history };

  // Until the bus has another sync handler.
  Crossings(const Element& pipeline, const GstPtr<GstElement>& player) : player_(player.get()) {
    gst_bus_set_sync_handler(pipeline.bus(), note, this, nullptr);
  }
  // What was told since the last time; ends the test unless it went to and fro.
  std::vector<Side> take() {
    const std::lock_guard lock(mutex_);
    for (const Side side : told_) {
      demand(side_ != side, "each crossing is told once", told_.size());
      side_ = side;
    }
    return std::exchange(told_, {});
  }
  void demand_told(Side side) {
    const std::vector<Side> told = take();
    demand(std::find(told.begin(), told.end(), side) != told.end(), "the crossing is told");
  }

 private:
  // On the thread that crosses.
  static GstBusSyncReply note(GstBus*, GstMessage* message, gpointer self) noexcept {
    auto& crossings = *static_cast<Crossings*>(self);
    if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_LATENCY ||
        GST_MESSAGE_SRC(message) != GST_OBJECT_CAST(crossings.player_)) {
      return GST_BUS_PASS;
    }
    guint64 lag = 0;
    g_object_get(crossings.player_, "lag-time", &lag, nullptr);
    const std::lock_guard lock(crossings.mutex_);
    crossings.told_.push_back(lag > kSlack ? Side::history : Side::edge);
    return GST_BUS_PASS;
  }

  // Less is never history.
  static constexpr GstClockTime kSlack = 500 * GST_MSECOND;

  GstElement* const player_;
  std::mutex mutex_;
  std::vector<Side> told_;
  std::optional<Side> side_;
};

START_TEST(a_branch_that_was_paused_goes_on_behind_live_and_returns) {
  const NothingKept end;
  Capture capture("t.src_1 ! fakesink name=shifted sync=true async=false signal-handoffs=true");
  Rendered shifted(capture.pipeline, "shifted");
  const GstPtr<GstElement> tee = capture.pipeline.child("t");
  const GstPtr<GstPad> pad(gst_element_get_static_pad(tee.get(), "src_1"));
  const auto lag = [&] {
    guint64 value = 0;
    g_object_get(pad.get(), "lag-time", &value, nullptr);
    return value;
  };
  capture.pipeline.to(GST_STATE_PLAYING);
  shifted.wait_more(200 * GST_MSECOND);

  gst_element_set_locked_state(shifted.sink(), TRUE);
  gst_element_set_state(shifted.sink(), GST_STATE_PAUSED);
  capture.steady.wait_more(kPause);
  const Rendered::One before = shifted.last();
  ck_assert_uint_ge(lag(), kPause - 200 * GST_MSECOND);

  // Where it was, from now on. Sought first: what it holds would be rendered, late.
  const guint32 on = shifted.seek(GST_SEEK_TYPE_NONE, 0);
  ck_assert_uint_ne(on, GST_SEQNUM_INVALID);
  gst_element_set_state(shifted.sink(), GST_STATE_PLAYING);
  shifted.wait_after(on);
  shifted.wait_more(200 * GST_MSECOND);
  const auto all = shifted.all();
  const auto first = std::find_if(all.begin(), all.end(),
                                  [on](const Rendered::One& one) { return one.seqnum == on; });
  ck_assert_uint_eq(first->frame, before.frame + before.count);
  ck_assert_uint_ge(first->running, before.running + kPause - 200 * GST_MSECOND);
  ck_assert_uint_ge(lag(), kPause - 500 * GST_MSECOND);

  const guint32 live = shifted.seek(GST_SEEK_TYPE_END, 0);
  ck_assert_uint_ne(live, GST_SEQNUM_INVALID);
  shifted.wait_after(live);
  shifted.wait_more(200 * GST_MSECOND);
  // In step with the sibling again.
  const Rendered::One now = shifted.last();
  ck_assert(is_live_time(now.frame, now.running));
  demand_no_gap(shifted.all());
  demand_no_gap(capture.steady.all());
  gst_element_set_locked_state(shifted.sink(), FALSE);
}
END_TEST

START_TEST(a_pipeline_that_was_paused_goes_on_behind_live_and_returns) {
  const NothingKept end;
  Capture capture("");
  capture.pipeline.to(GST_STATE_PLAYING);
  capture.steady.wait_more(200 * GST_MSECOND);
  Element player = Element::launch(
      "catchersrc name=src channel=shift start-from=edge ! "
      "fakesink name=shifted sync=true signal-handoffs=true");
  Rendered shifted(player, "shifted");
  const GstPtr<GstElement> source = player.child("src");
  Crossings crossings(player, source);
  const auto lag = [&] {
    guint64 value = 0;
    g_object_get(source.get(), "lag-time", &value, nullptr);
    return value;
  };
  // What is kept is played in PAUSED too: it prerolls, though it is live.
  player.settle(GST_STATE_PAUSED);
  player.settle(GST_STATE_PLAYING);
  shifted.wait_more(200 * GST_MSECOND);
  crossings.demand_told(Crossings::Side::edge);

  player.settle(GST_STATE_PAUSED);
  capture.steady.wait_more(kPause);
  const std::size_t until = shifted.all().size();
  ck_assert_uint_ge(lag(), kPause - 200 * GST_MSECOND);
  player.settle(GST_STATE_PLAYING);
  shifted.wait_more(300 * GST_MSECOND);
  ck_assert_uint_gt(shifted.all().size(), until);
  demand_no_gap(shifted.all());
  ck_assert_uint_ge(lag(), kPause - 500 * GST_MSECOND);
  crossings.demand_told(Crossings::Side::history);

  const Rendered::One behind = shifted.last();
  const guint32 live = shifted.seek(GST_SEEK_TYPE_END, 0);
  ck_assert_uint_ne(live, GST_SEQNUM_INVALID);
  shifted.wait_after(live);
  shifted.wait_more(200 * GST_MSECOND);
  const auto all = shifted.all();
  const auto first = std::find_if(all.begin(), all.end(),
                                  [live](const Rendered::One& one) { return one.seqnum == live; });
  ck_assert_uint_ge(first->frame, behind.frame + frames_in(kPause / 2));
  demand_no_gap(all);
  crossings.demand_told(Crossings::Side::edge);
  gst_bus_set_sync_handler(player.bus(), nullptr, nullptr, nullptr);
}
END_TEST

// Two players on a channel of another pipeline: its running time means nothing in theirs.
START_TEST(players_of_another_pipeline_begin_in_their_own_running_time) {
  const NothingKept end;
  Writing writer("far");
  writer.upstream.is_live(0);
  writer.begin(GST_FORMAT_TIME, frame_caps(kLiveRate).c_str());
  give_frames(writer.upstream, 1000 * kLiveRate, kLiveRate, kLiveRate);
  Element player = Element::launch(
      "catchersrc name=c channel=far start-from=edge ! fakesink name=a sync=true async=false "
      "signal-handoffs=true  catchersrc name=d channel=far start-from=edge ! "
      "fakesink name=b sync=true async=false signal-handoffs=true");
  Rendered a(player, "a"), b(player, "b");
  player.to(GST_STATE_PLAYING);
  // Both have their place at the edge before there is more.
  const GstPtr<GstElement> sources[] = {player.child("c"), player.child("d")};
  for (bool began[2] = {}; !began[0] || !began[1];) {
    GstMessage* message = player.wait_message(GST_MESSAGE_LATENCY);
    for (int which = 0; which < 2; ++which) {
      began[which] |= GST_MESSAGE_SRC(message) == GST_OBJECT_CAST(sources[which].get());
    }
    gst_message_unref(message);
  }
  give_frames(writer.upstream, 1001 * kLiveRate, kLiveRate, kLiveRate);
  for (Rendered* rendered : {&a, &b}) {
    rendered->wait("what comes is rendered", [](const auto& all) { return !all.empty(); });
    ck_assert_uint_lt(rendered->all().front().running, 500 * GST_SECOND);
    ck_assert_uint_eq(rendered->all().front().frame, 1001 * kLiveRate);
  }
  writer.end();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "time_shift",
                          {{"branch", {a_branch_that_was_paused_goes_on_behind_live_and_returns}},
                           {"pipeline",
                            {a_pipeline_that_was_paused_goes_on_behind_live_and_returns,
                             players_of_another_pipeline_begin_in_their_own_running_time}}});
}
