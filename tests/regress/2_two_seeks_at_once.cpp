// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A player let in one seek at a time. An application's seek held that door and waited for the
// streaming thread to come back from its push; a seek that came on the streaming thread itself, as
// a demuxer's or a probe's may, waited at the door. Neither moved again.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/parked.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kInner = 2000, kOuter = 5000, kAll = 100'000;

EventPtr seek_to(std::uint64_t offset, int flags) {
  return EventPtr(gst_event_new_seek(1.0, GST_FORMAT_BYTES, static_cast<GstSeekFlags>(flags),
                                     GST_SEEK_TYPE_SET, static_cast<gint64>(offset),
                                     GST_SEEK_TYPE_NONE, -1));
}

// Stops the seek of the streaming thread where the pad has taken it, before the player has.
struct Meeting {
  guint32 inner = GST_SEQNUM_INVALID;
  Gate arrived;
  Parked application;

  static GstPadProbeReturn probe(GstPad*, GstPadProbeInfo* info, gpointer self) noexcept {
    auto& meeting = *static_cast<Meeting*>(self);
    if (gst_event_get_seqnum(GST_PAD_PROBE_INFO_EVENT(info)) == meeting.inner) {
      meeting.arrived.open();
      meeting.application.wait("the application's seek waits for the streaming thread");
    }
    return GST_PAD_PROBE_OK;
  }
};

void check_two_seeks(int flags) {
  const EventPtr inner = seek_to(kInner, flags), outer = seek_to(kOuter, flags);
  Meeting meeting;
  meeting.inner = gst_event_get_seqnum(inner.get());
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  std::atomic<bool> inner_taken = false;
  bool first = true;
  branch.looks([&](const Arrival&) {
    if (std::exchange(first, false)) inner_taken = branch.send(gst_event_ref(inner.get()));
    return GST_FLOW_OK;
  });
  branch.link();
  gst_pad_add_probe(branch.src(), GST_PAD_PROBE_TYPE_EVENT_UPSTREAM, Meeting::probe, &meeting,
                    nullptr);
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, kAll);

  Gate came_back;
  std::atomic<bool> outer_taken = false;
  const std::jthread application([&] {
    meeting.arrived.wait("the streaming thread seeks");
    meeting.application.enter();
    outer_taken = branch.send(gst_event_ref(outer.get()));
    came_back.open();
  });
  came_back.wait("the application's seek comes back");

  ck_assert(outer_taken);
  branch.wait_after(gst_event_get_seqnum(outer.get()));
  ck_assert(inner_taken);
}

START_TEST(two_flushing_seeks_from_two_threads_are_both_done) {
  check_two_seeks(GST_SEEK_FLAG_FLUSH);
}
END_TEST

START_TEST(two_seeks_without_a_flush_from_two_threads_are_both_done) {
  check_two_seeks(GST_SEEK_FLAG_NONE);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "2_two_seeks_at_once",
                          {{"threads",
                            {two_flushing_seeks_from_two_threads_are_both_done,
                             two_seeks_without_a_flush_from_two_threads_are_both_done}}});
}
