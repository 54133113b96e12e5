// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The flushes that a branch sends are pairs, whatever threads they come from; what arrives of them
// downstream is for GStreamer to say.
#include "tests/support/branch.hpp"
#include "tests/support/flush_pairs.hpp"
#include "tests/support/upstream.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

// Two flushes that overlap: of plain pads, without any of ours.
START_TEST(gstreamer_passes_on_one_beginning_and_both_ends) {
  const GstPtr<GstPad> src = bare_pad("src", GST_PAD_SRC);
  const GstPtr<GstPad> sink = bare_pad("sink", GST_PAD_SINK);
  std::string came;
  gst_pad_set_element_private(sink.get(), &came);
  gst_pad_set_event_function(sink.get(), [](GstPad* self, GstObject*, GstEvent* event) noexcept {
    *static_cast<std::string*>(gst_pad_get_element_private(self)) += GST_EVENT_TYPE_NAME(event);
    *static_cast<std::string*>(gst_pad_get_element_private(self)) += ' ';
    gst_event_unref(event);
    return gboolean{TRUE};
  });
  gst_pad_set_active(src.get(), TRUE);
  gst_pad_set_active(sink.get(), TRUE);
  ck_assert_int_eq(gst_pad_link(src.get(), sink.get()), GST_PAD_LINK_OK);

  for (int flushes = 0; flushes < 2; ++flushes) {
    gst_pad_push_event(src.get(), gst_event_new_flush_start());
  }
  for (int flushes = 0; flushes < 2; ++flushes) {
    gst_pad_push_event(src.get(), gst_event_new_flush_stop(TRUE));
  }

  ck_assert_text(came, "flush-start flush-stop flush-stop ");
  gst_pad_set_active(src.get(), FALSE);
  gst_pad_set_active(sink.get(), FALSE);
}
END_TEST

// Seeks from two threads, flushes of upstream and a release.
START_TEST(each_end_of_a_flush_has_its_beginning) {
  constexpr int kTimes = 100;
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  FlushPairs::watch(branch.src());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  branch.wait_bytes(10'000);
  {
    const auto seek = [&] {
      for (int times = 0; times < kTimes; ++times) branch.seek(GST_FORMAT_BYTES, 5000);
    };
    const std::jthread one(seek), other(seek);
    for (int times = 0; times < kTimes; ++times) {
      const FlushEvents flush;
      upstream.send(flush.begin);
      upstream.send(flush.end);
      upstream.set_segment(GST_FORMAT_BYTES);
      upstream.give_pattern(0, 10'000);
    }
  }
  upstream.eos();
  branch.wait_eos();
  branch.release();
  ck_assert_uint_ge(branch.count(GST_EVENT_FLUSH_STOP), kTimes);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "flushes",
      {{"pairs",
        {gstreamer_passes_on_one_beginning_and_both_ends, each_end_of_a_flush_has_its_beginning}}});
}
