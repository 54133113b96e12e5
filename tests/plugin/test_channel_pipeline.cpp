// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Both ends of a channel in pipelines: prerolling, EOS, and whose running time a seek may reset.
#include "tests/support/channel.hpp"

#include "tests/support/frames.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;

// GStreamer's own test source, so that it is there under a sanitizer: bytes that count up.
std::string counting(int buffers) {
  return "fakesrc num-buffers=" + std::to_string(buffers) +
         " sizetype=fixed sizemax=1000 filltype=pattern-span ";
}

bool counts_up(const std::vector<std::byte>& bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != static_cast<std::byte>(i & 0xff)) return false;
  }
  return true;
}

// Messages of this kind that are on the bus now.
unsigned count_posted(Element& pipeline, GstMessageType type) {
  unsigned count = 0;
  while (GstMessage* message = gst_bus_pop_filtered(pipeline.bus(), type)) {
    gst_message_unref(message);
    ++count;
  }
  return count;
}

START_TEST(a_pipeline_with_both_ends_prerolls_and_plays) {
  const NothingKept end;
  Element pipeline = Element::launch(counting(500) +
                                     "! catchersink channel=both  catchersrc channel=both "
                                     "! fakesink name=sink sync=true");

  pipeline.settle(GST_STATE_PAUSED);
  pipeline.settle(GST_STATE_PLAYING);
  pipeline.wait_eos();

  pipeline.demand_no_error();
}
END_TEST

START_TEST(the_order_of_both_ends_in_a_pipeline_does_not_matter) {
  const NothingKept end;
  Element pipeline = Element::launch("catchersrc channel=order ! fakesink sync=true " +
                                     counting(500) + "! catchersink channel=order");

  pipeline.settle(GST_STATE_PAUSED);
  pipeline.settle(GST_STATE_PLAYING);
  pipeline.wait_eos();
}
END_TEST

START_TEST(a_bounded_channel_in_one_pipeline_prerolls_though_its_writer_is_held_back) {
  const NothingKept end;
  Element pipeline = Element::launch(counting(500) +
                                     "! catchersink channel=bound read-ahead-bytes=5000 "
                                     "catchersrc channel=bound ! fakesink sync=true");

  pipeline.settle(GST_STATE_PAUSED);
  pipeline.settle(GST_STATE_PLAYING);
  pipeline.wait_eos();
}
END_TEST

START_TEST(the_line_in_the_documentation_works) {
  const NothingKept end;
  if (!has_element("audiotestsrc") || !has_element("wavenc")) return;
  Element pipeline = Element::launch(
      "audiotestsrc num-buffers=500 ! catchersink channel=tone "
      "catchersrc channel=tone ! wavenc ! fakesink name=sink");

  pipeline.to(GST_STATE_PLAYING);
  pipeline.wait_eos();

  const GstPtr<GstElement> sink = pipeline.child("sink");
  GstSample* last = nullptr;
  g_object_get(sink.get(), "last-sample", &last, nullptr);
  ck_assert(last != nullptr);
  gst_sample_unref(last);
}
END_TEST

START_TEST(a_pipeline_that_only_records_comes_to_its_end) {
  const NothingKept end;
  Element pipeline = Element::launch(counting(20) + "! catchersink channel=only");

  pipeline.to(GST_STATE_PLAYING);
  pipeline.wait_eos();

  Playing player("only");
  player.play();
  player.branch.wait_eos();
  ck_assert_uint_eq(player.branch.bytes(), 20'000);
  ck_assert(counts_up(player.branch.all_bytes()));
}
END_TEST

START_TEST(an_end_that_came_in_paused_is_told_when_the_pipeline_plays) {
  const NothingKept end;
  Element pipeline = Element::launch(counting(20) + "! catchersink channel=paused");
  pipeline.settle(GST_STATE_PAUSED);
  // Posted once the end has been recorded.
  gst_message_unref(pipeline.wait_message(GST_MESSAGE_DURATION_CHANGED));
  ck_assert_uint_eq(count_posted(pipeline, GST_MESSAGE_EOS), 0);

  pipeline.settle(GST_STATE_PLAYING);

  pipeline.wait_eos();
  ck_assert_uint_eq(count_posted(pipeline, GST_MESSAGE_EOS), 0);
}
END_TEST

START_TEST(a_sink_tells_its_end_with_the_seqnum_that_upstream_gave_it) {
  const NothingKept end;
  Writing writer("seqnum");
  writer.begin();
  GstEvent* eos = gst_event_new_eos();
  gst_event_set_seqnum(eos, 4711);

  writer.upstream.send(eos);

  GstMessage* message = writer.element.wait_message(GST_MESSAGE_EOS);
  ck_assert_uint_eq(gst_message_get_seqnum(message), 4711);
  gst_message_unref(message);
}
END_TEST

START_TEST(a_flush_takes_an_end_back) {
  const NothingKept end;
  Writing writer("unended");
  writer.element.settle(GST_STATE_PAUSED);
  writer.upstream.begin(GST_FORMAT_BYTES);
  writer.upstream.give_pattern(0, 1000);
  writer.upstream.eos();
  writer.upstream.send(gst_event_new_flush_start());
  writer.upstream.send(gst_event_new_flush_stop(TRUE));
  writer.upstream.set_segment(GST_FORMAT_BYTES);

  writer.element.settle(GST_STATE_PLAYING);

  ck_assert_uint_eq(count_posted(writer.element, GST_MESSAGE_EOS), 0);
  writer.upstream.give_pattern(0, 500);
  writer.upstream.eos();
  writer.element.wait_eos();
  Playing player("unended");
  player.play();
  player.branch.wait_eos();
  ck_assert_uint_eq(player.branch.bytes(), 500);
}
END_TEST

START_TEST(a_pipeline_that_starts_again_tells_its_end_again) {
  const NothingKept end;
  Element pipeline = Element::launch(counting(20) + "! catchersink channel=anew");
  for (int i = 0; i < 3; ++i) {
    pipeline.to(GST_STATE_PLAYING);
    pipeline.wait_eos();
    pipeline.settle(GST_STATE_NULL);
  }
}
END_TEST

// A pipeline with one catchersrc whose downstream is a branch.
struct InPipeline {
  Element pipeline{gst_pipeline_new(nullptr)};
  Playing player;

  explicit InPipeline(const char* channel) : player(channel) { add(player); }
  ~InPipeline() { pipeline.end(); }
  void add(Playing& one) {
    gst_element_set_bus(one.element.get(), nullptr);
    gst_bin_add(GST_BIN(pipeline.get()), one.element.get());
    one.branch.link();
  }
};

void record_audio(Writing& writer, std::uint64_t seconds) {
  writer.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(writer.upstream, 0, seconds * kRate, kRate, 4800);
  writer.upstream.eos();
}

bool resets_time(const Branch& branch) {
  for (const Arrival& one : branch.arrivals()) {
    if (one.event == nullptr || GST_EVENT_TYPE(one.event.get()) != GST_EVENT_FLUSH_STOP) continue;
    gboolean reset = FALSE;
    gst_event_parse_flush_stop(one.event.get(), &reset);
    return reset;
  }
  give_up("a flush has come");
}

GstClockTime base_after(Branch& branch, guint32 seqnum) {
  branch.wait_after(seqnum);
  GstClockTime base = GST_CLOCK_TIME_NONE;
  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer != nullptr && one.seqnum == seqnum) base = one.segment.base;
  }
  return base;
}

START_TEST(a_player_that_is_alone_in_its_pipeline_resets_time_when_it_seeks) {
  const NothingKept end;
  Writing writer("alone");
  record_audio(writer, 2);
  InPipeline alone("alone");
  alone.pipeline.settle(GST_STATE_PLAYING);
  alone.player.branch.wait_eos();
  alone.player.branch.forget();

  const guint32 seqnum = alone.player.branch.seek(GST_FORMAT_TIME, GST_SECOND);

  ck_assert_uint_eq(base_after(alone.player.branch, seqnum), 0);
  ck_assert(resets_time(alone.player.branch));
}
END_TEST

START_TEST(a_player_with_another_catcher_in_its_pipeline_goes_on_in_running_time) {
  const NothingKept end;
  Writing writer("kin");
  record_audio(writer, 2);
  InPipeline both("kin");
  // However deep it lies.
  GstElement* bin = gst_bin_new(nullptr);
  gst_bin_add(GST_BIN(bin), gst_element_factory_make("catchertee", nullptr));
  gst_bin_add(GST_BIN(both.pipeline.get()), bin);
  both.pipeline.settle(GST_STATE_PLAYING);
  both.player.branch.wait_eos();
  both.player.branch.forget();
  const GstClockTime before = gst_element_get_current_running_time(both.pipeline.get());

  const guint32 seqnum = both.player.branch.seek(GST_FORMAT_TIME, GST_SECOND);

  const GstClockTime base = base_after(both.player.branch, seqnum);
  ck_assert(!resets_time(both.player.branch));
  ck_assert_uint_ge(base, before);
  ck_assert_uint_le(base, gst_element_get_current_running_time(both.pipeline.get()));
}
END_TEST

START_TEST(players_that_carry_out_one_seek_go_on_from_one_running_time) {
  const NothingKept end;
  Writing writer("step");
  record_audio(writer, 2);
  InPipeline both("step");
  Playing other("step");
  both.add(other);
  both.pipeline.settle(GST_STATE_PLAYING);
  both.player.branch.wait_eos();
  other.branch.wait_eos();
  GstEvent* seek = gst_event_new_seek(
      1.0, GST_FORMAT_TIME, static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
      GST_SEEK_TYPE_SET, GST_SECOND, GST_SEEK_TYPE_NONE, -1);
  const guint32 seqnum = gst_event_get_seqnum(seek);

  ck_assert(both.player.branch.send(gst_event_ref(seek)));
  const GstClockTime base = base_after(both.player.branch, seqnum);
  ck_assert(other.branch.send(seek));

  ck_assert_uint_ne(base, 0);
  ck_assert_uint_eq(base_after(other.branch, seqnum), base);
}
END_TEST

START_TEST(a_writer_that_waits_for_its_players_loses_nothing) {
  const NothingKept end;
  Element pipeline = Element::launch(
      counting(500) + "! catchersink channel=block when-full=block max-size-bytes=65536");
  Playing slow("block");
  slow.branch.block();
  slow.play();
  pipeline.to(GST_STATE_PLAYING);
  slow.branch.wait_blocked();

  slow.branch.unblock();
  slow.branch.wait_eos();
  pipeline.wait_eos();

  ck_assert_uint_eq(slow.branch.bytes(), 500'000);
  ck_assert(counts_up(slow.branch.all_bytes()));
}
END_TEST

START_TEST(a_writer_that_waits_for_its_players_can_be_stopped) {
  const NothingKept end;
  for (const char* limit : {"when-full=block max-size-bytes=65536", "read-ahead-bytes=5000"}) {
    Element pipeline =
        Element::launch(counting(-1) + "! catchersink name=sink channel=stuck " + limit);
    Playing stuck("stuck");
    stuck.branch.block();
    stuck.play();
    pipeline.to(GST_STATE_PLAYING);
    stuck.branch.wait_blocked();

    pipeline.settle(GST_STATE_NULL);

    stuck.branch.unblock();
    stuck.branch.wait_eos();
    ck_assert(counts_up(stuck.branch.all_bytes()));
  }
}
END_TEST

START_TEST(a_seek_in_bytes_resets_time_in_any_company) {
  const NothingKept end;
  Writing writer("bytes");
  writer.begin();
  writer.upstream.give_pattern(0, 10'000);
  writer.upstream.eos();
  InPipeline both("bytes");
  Playing other("bytes");
  both.add(other);
  both.pipeline.settle(GST_STATE_PLAYING);
  both.player.branch.wait_eos();
  both.player.branch.forget();

  const guint32 seqnum = both.player.branch.seek(GST_FORMAT_BYTES, 5'000);

  ck_assert_uint_eq(base_after(both.player.branch, seqnum), 0);
  ck_assert(resets_time(both.player.branch));
  ck_assert_uint_eq(other.branch.count(GST_EVENT_FLUSH_START), 0);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "channel_pipeline",
      {{"both_ends",
        {a_pipeline_with_both_ends_prerolls_and_plays,
         the_order_of_both_ends_in_a_pipeline_does_not_matter,
         a_bounded_channel_in_one_pipeline_prerolls_though_its_writer_is_held_back,
         the_line_in_the_documentation_works}},
       {"eos",
        {a_pipeline_that_only_records_comes_to_its_end,
         an_end_that_came_in_paused_is_told_when_the_pipeline_plays,
         a_sink_tells_its_end_with_the_seqnum_that_upstream_gave_it, a_flush_takes_an_end_back,
         a_pipeline_that_starts_again_tells_its_end_again}},
       {"running_time",
        {a_player_that_is_alone_in_its_pipeline_resets_time_when_it_seeks,
         a_player_with_another_catcher_in_its_pipeline_goes_on_in_running_time,
         players_that_carry_out_one_seek_go_on_from_one_running_time,
         a_seek_in_bytes_resets_time_in_any_company}},
       {"waiting",
        {a_writer_that_waits_for_its_players_loses_nothing,
         a_writer_that_waits_for_its_players_can_be_stopped}}});
}
