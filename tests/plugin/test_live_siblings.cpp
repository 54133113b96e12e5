// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A live pipeline with four branches. Three of them seek, pause and return to live, again and
// again; the fourth renders every frame, one after the other and in time.
#include "tests/support/plugin_check.hpp"

#include "tests/support/live_pipeline.hpp"
#include "tests/support/stress.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kActions = 200;
constexpr unsigned kBuffersAnAction = 2;
constexpr unsigned kBefore = 20;

// One of the three.
class Restless {
 public:
  Restless(const Element& pipeline, const char* sink) : rendered_(pipeline, sink) {}
  ~Restless() { go_on(); }

  void act(Random& random, GstClockTime edge) {
    switch (random.below(5)) {
      case 0: seek(GST_SEEK_TYPE_END, 0); break;
      case 1: seek(GST_SEEK_TYPE_END, -static_cast<gint64>(random.below(edge))); break;
      case 2: pause(); break;
      case 3: go_on(); break;
      default: seek(GST_SEEK_TYPE_SET, static_cast<gint64>(random.below(edge))); break;
    }
  }
  void go_on() {
    if (probe_ == 0) return;
    gst_pad_remove_probe(pad().get(), probe_);
    probe_ = 0;
  }
  const Rendered& rendered() const { return rendered_; }
  Rendered& rendered() { return rendered_; }

 private:
  GstPtr<GstPad> pad() const {
    return GstPtr<GstPad>(gst_element_get_static_pad(rendered_.sink(), "sink"));
  }
  void seek(GstSeekType type, gint64 to) {
    demand(rendered_.seek(type, to) != GST_SEQNUM_INVALID, "a seek is taken",
           static_cast<std::uint64_t>(to));
  }
  // Data stops here; flushes get through.
  void pause() {
    if (probe_ != 0) return;
    probe_ = gst_pad_add_probe(
        pad().get(),
        static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BLOCK | GST_PAD_PROBE_TYPE_BUFFER),
        [](GstPad*, GstPadProbeInfo*, gpointer) noexcept { return GST_PAD_PROBE_OK; }, nullptr,
        nullptr);
  }

  Rendered rendered_;
  gulong probe_ = 0;
};

// Each LATENCY message is answered as gst-launch does.
GstBusSyncReply distribute(GstBus*, GstMessage* message, gpointer pipeline) noexcept {
  if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_LATENCY) {
    gst_element_call_async(
        GST_ELEMENT_CAST(pipeline),
        [](GstElement* all, gpointer) noexcept { gst_bin_recalculate_latency(GST_BIN(all)); },
        nullptr, nullptr);
  }
  return GST_BUS_PASS;
}

START_TEST(a_sink_beside_restless_branches_renders_all_in_time) {
  // What is not rendered within the pipeline's latency is late, and dropped: a second, for a
  // machine that does other things too. The others are given theirs at once.
  Element pipeline = Element::launch(
      live_source(-1) +
      "catchertee name=t src_0::min-latency=1000000000 "
      "t.src_0 ! fakesink name=steady sync=true qos=true max-lateness=0 signal-handoffs=true "
      "t.src_1 ! fakesink name=one ts-offset=-1000000000 sync=true signal-handoffs=true "
      "t.src_2 ! fakesink name=two ts-offset=-1000000000 sync=true async=false "
      "signal-handoffs=true "
      "t.src_3 ! queue ! fakesink name=three ts-offset=-1000000000 sync=true signal-handoffs=true");
  begin_numbering(pipeline);
  gst_bus_set_sync_handler(pipeline.bus(), distribute, pipeline.get(), nullptr);
  Random random(stress_seed());
  Rendered steady(pipeline, "steady");
  Restless one(pipeline, "one"), two(pipeline, "two"), three(pipeline, "three");
  Restless* const restless[] = {&one, &two, &three};
  pipeline.to(GST_STATE_PLAYING);
  steady.wait_more(kBefore * kLiveBuffer);
  const GstClockTime base = gst_element_get_base_time(pipeline.get());

  for (unsigned action = 0; action < kActions; ++action) {
    const GstClockTime edge = time_of_frame(steady.last().frame, kLiveRate);
    restless[random.below(3)]->act(random, edge);
    steady.wait_total((kBefore + (action + 1) * kBuffersAnAction) * 480);
  }
  // Back to live, all of them: they are in step with the fourth.
  // None may be held up: a sink that was flushed waits, in PAUSED, for all others that were.
  for (Restless* branch : restless) branch->go_on();
  guint32 seqnums[3];
  for (int number = 0; number < 3; ++number) {
    seqnums[number] = restless[number]->rendered().seek(GST_SEEK_TYPE_END, 0);
    ck_assert_uint_ne(seqnums[number], GST_SEQNUM_INVALID);
  }
  for (int number = 0; number < 3; ++number) {
    Restless* branch = restless[number];
    branch->rendered().wait_after(seqnums[number]);
    const Rendered::One live = branch->rendered().last();
    ck_assert(is_live_time(live.frame, live.running));
  }
  for (const Restless* branch : restless) ck_assert_uint_gt(branch->rendered().all().size(), 20);
  ck_assert(gst_element_send_event(pipeline.get(), gst_event_new_eos()));
  pipeline.wait_eos();
  gst_bus_set_sync_handler(pipeline.bus(), nullptr, nullptr, nullptr);

  ck_assert_uint_eq(gst_element_get_base_time(pipeline.get()), base);
  ck_assert_uint_eq(dropped_by(steady.sink()), 0);
  std::uint64_t next = steady.all().front().frame;
  for (const Rendered::One& part : steady.all()) {
    ck_assert_uint_eq(part.frame, next);
    ck_assert(is_live_time(part.frame, part.running));
    next = part.frame + part.count;
  }
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "live_siblings",
                          {{"four", {a_sink_beside_restless_branches_renders_all_in_time}}});
}
