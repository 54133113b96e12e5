// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A pad that is released flushes what is downstream of it. Before the first segment, when the
// format of the recording was not known yet, that FLUSH_STOP reset time: the sink behind it told
// its pipeline, and the running time of everybody else in it began again at 0.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/frames.hpp"

namespace {

using namespace catcher::test;

bool resets_time(const Branch& branch) {
  const EventPtr event = branch.last_event(GST_EVENT_FLUSH_STOP);
  demand(event != nullptr, "a release ends its flush");
  gboolean resets = FALSE;
  gst_event_parse_flush_stop(event.get(), &resets);
  return resets != FALSE;
}

START_TEST(a_release_before_the_first_segment_keeps_running_time) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.start_stream();

  branch.release();

  ck_assert(!resets_time(branch));
}
END_TEST

START_TEST(a_release_before_anything_came_keeps_running_time) {
  Element tee("catchertee");
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);

  branch.release();

  ck_assert(!resets_time(branch));
}
END_TEST

START_TEST(a_release_in_time_keeps_running_time) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(48000).c_str());
  give_frames(upstream, 0, 1000, 48000);
  branch.wait_buffers(1);

  branch.release();

  ck_assert(!resets_time(branch));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "2_release_keeps_running_time",
                          {{"release",
                            {a_release_before_the_first_segment_keeps_running_time,
                             a_release_before_anything_came_keeps_running_time,
                             a_release_in_time_keeps_running_time}}});
}
