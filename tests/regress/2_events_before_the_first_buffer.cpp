// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A player went on behind all events at the offset where it began. What is no state but happens
// once, a GAP or a custom event before the first buffer, was heard of by nobody.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

constexpr const char* kStory = "stream-start caps segment gap custom-downstream buffer eos";

void give_packet(Upstream& upstream, GstClockTime time) {
  BufferPtr buffer = pattern_buffer(0, 100);
  GST_BUFFER_PTS(buffer.get()) = GST_BUFFER_DTS(buffer.get()) = time;
  GST_BUFFER_DURATION(buffer.get()) = GST_SECOND;
  upstream.give(std::move(buffer));
}

START_TEST(each_branch_meets_what_came_before_the_first_buffer) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch early(tee.get());
  early.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, "video/x-test");
  upstream.send(gst_event_new_gap(0, GST_SECOND));
  upstream.send(
      gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty("hello")));
  give_packet(upstream, GST_SECOND);
  upstream.eos();
  Branch late(tee.get());
  late.link();
  early.wait_eos();
  late.wait_eos();

  ck_assert_text(early.story(), kStory);
  ck_assert_text(late.story(), kStory);
}
END_TEST

START_TEST(a_seek_to_where_something_happened_meets_it_again) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, "video/x-test");
  give_packet(upstream, 0);
  upstream.send(gst_event_new_gap(GST_SECOND, GST_SECOND));
  give_packet(upstream, 2 * GST_SECOND);
  upstream.eos();
  branch.wait_eos();
  ck_assert_text(branch.story(), "stream-start caps segment buffer gap buffer eos");

  branch.forget();
  branch.seek(GST_FORMAT_TIME, 2 * GST_SECOND, GST_SEEK_FLAG_KEY_UNIT);
  branch.wait_eos();

  ck_assert_text(branch.story(), "flush-start flush-stop segment gap buffer eos");
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "2_events_before_the_first_buffer",
                          {{"events",
                            {each_branch_meets_what_came_before_the_first_buffer,
                             a_seek_to_where_something_happened_meets_it_again}}});
}
