// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Events down a branch, in their order and place, and what ends or interrupts one branch alone.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/follower.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;

GstEvent* title(const char* text) {
  return gst_event_new_tag(gst_tag_list_new(GST_TAG_TITLE, text, nullptr));
}

GstEvent* custom(const char* name) {
  return gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty(name));
}

std::string title_of(GstEvent* event) {
  GstTagList* tags = nullptr;
  gst_event_parse_tag(event, &tags);
  gchar* text = nullptr;
  if (!gst_tag_list_get_string(tags, GST_TAG_TITLE, &text)) return "";
  return TextPtr(text).get();
}

// "at=frames" of each event of a type: how many frames came before it.
std::vector<std::uint64_t> places(const Branch& branch, GstEventType type) {
  std::vector<std::uint64_t> found;
  std::uint64_t frame = 0;
  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer != nullptr) {
      frame += frame_count(one.buffer.get());
    } else if (GST_EVENT_TYPE(one.event.get()) == type) {
      found.push_back(frame);
    }
  }
  return found;
}

class Playing {
 public:
  Playing() : tee("catchertee"), upstream(tee.get()) { tee.to(GST_STATE_PLAYING); }
  void begin() { upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str()); }
  Element tee;
  Upstream upstream;
};

START_TEST(a_late_branch_gets_the_stickies_of_then_and_meets_the_later_ones) {
  Playing now;
  now.begin();
  now.upstream.send(title("one"));
  give_frames(now.upstream, 0, 1000, kRate);
  now.upstream.send(title("two"));
  now.upstream.send(custom("mark"));
  give_frames(now.upstream, 1000, 1000, kRate);
  now.upstream.eos();

  Branch late(now.tee.get());
  late.link().wait_eos();

  ck_assert_text(late.story(),
                 "stream-start caps segment tag buffer tag custom-downstream buffer eos");
  const std::vector<std::uint64_t> tags = places(late, GST_EVENT_TAG);
  ck_assert(tags == std::vector<std::uint64_t>({0, 1000}));
  ck_assert_text(title_of(late.last_event(GST_EVENT_TAG).get()), "two");
}
END_TEST

START_TEST(a_seek_back_gets_the_tags_of_then) {
  Playing now;
  const Audio audio = coded_audio(3000, kRate);
  const Follower follower(audio);
  Branch branch(now.tee.get());
  branch.looks(follower).link();
  now.begin();
  now.upstream.send(title("one"));
  give_frames(now.upstream, 0, 1000, kRate);
  now.upstream.send(title("two"));
  give_frames(now.upstream, 1000, 2000, kRate);
  now.upstream.eos();
  branch.wait_eos();
  branch.forget();

  const guint32 seqnum = branch.seek(GST_FORMAT_TIME, time_of_frame(500, kRate));
  branch.wait_eos();

  ck_assert(follower.first_of(seqnum) == 500);
  ck_assert_text(branch.story(), "flush-start flush-stop segment tag buffer tag buffer eos");
  ck_assert(places(branch, GST_EVENT_TAG) == std::vector<std::uint64_t>({0, 500}));
}
END_TEST

START_TEST(a_seek_is_told_in_order_under_its_seqnum) {
  Playing now;
  Branch branch(now.tee.get()), sibling(now.tee.get());
  branch.link();
  sibling.link();
  now.begin();
  give_frames(now.upstream, 0, 4000, kRate);
  branch.wait_bytes(4000 * kFrame);
  sibling.wait_bytes(4000 * kFrame);
  branch.forget();
  sibling.forget();

  const guint32 seqnum = branch.seek(GST_FORMAT_TIME, time_of_frame(100, kRate));
  branch.wait_bytes(3900 * kFrame);

  ck_assert_text(branch.story(), "flush-start flush-stop segment buffer");
  for (const Arrival& one : branch.arrivals()) {
    if (one.event != nullptr) ck_assert_uint_eq(gst_event_get_seqnum(one.event.get()), seqnum);
  }
  gboolean resets = TRUE;
  gst_event_parse_flush_stop(branch.last_event(GST_EVENT_FLUSH_STOP).get(), &resets);
  ck_assert(!resets);
  ck_assert(is_discont(branch.arrivals()[3]));
  ck_assert_text(sibling.story(), "");
  ck_assert_uint_eq(now.upstream.seeks(), 0);
}
END_TEST

START_TEST(a_seek_that_is_refused_disturbs_nothing) {
  Playing now;
  Branch branch(now.tee.get());
  branch.link();
  ck_assert_uint_eq(branch.seek(GST_FORMAT_TIME, 0), GST_SEQNUM_INVALID);
  now.begin();
  give_frames(now.upstream, 0, 4000, kRate);
  branch.wait_bytes(4000 * kFrame);
  branch.forget();

  ck_assert_uint_eq(branch.seek(GST_FORMAT_BYTES, 0), GST_SEQNUM_INVALID);
  ck_assert(!branch.send(gst_event_new_seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                            GST_SEEK_TYPE_SET, 5000, GST_SEEK_TYPE_SET, 1000)));
  ck_assert(!branch.send(gst_event_new_seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                            GST_SEEK_TYPE_END, -1000, GST_SEEK_TYPE_NONE, -1)));

  ck_assert_text(branch.story(), "");
}
END_TEST

START_TEST(one_seek_that_comes_twice_is_done_once) {
  Playing now;
  Branch branch(now.tee.get());
  branch.link();
  now.begin();
  give_frames(now.upstream, 0, 4000, kRate);
  branch.wait_bytes(4000 * kFrame);
  branch.forget();
  const EventPtr seek(gst_event_new_seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                         GST_SEEK_TYPE_SET, 1000, GST_SEEK_TYPE_NONE, -1));

  ck_assert(branch.send(gst_event_ref(seek.get())));
  branch.wait_after(gst_event_get_seqnum(seek.get()));
  ck_assert(branch.send(gst_event_ref(seek.get())));

  ck_assert_uint_eq(branch.count(GST_EVENT_FLUSH_START), 1);
  ck_assert_uint_eq(branch.count(GST_EVENT_FLUSH_STOP), 1);
}
END_TEST

START_TEST(each_step_of_a_bisection_is_done) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  std::atomic<std::uint64_t> begins = 0;
  branch
      .looks([&](const Arrival& one) {
        begins = one.segment.start;
        return GST_FLOW_OK;
      })
      .link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 100'000);
  branch.wait_bytes(100'000);
  branch.forget();
  const guint32 seqnum = gst_util_seqnum_next();
  const auto seek = [&](gint64 to) {
    GstEvent* event = gst_event_new_seek(1.0, GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH,
                                         GST_SEEK_TYPE_SET, to, GST_SEEK_TYPE_NONE, -1);
    gst_event_set_seqnum(event, seqnum);
    return branch.send(event);
  };

  for (const gint64 to : {50'000, 25'000, 37'500, 37'500, 37'500, 12}) ck_assert(seek(to));
  branch.wait("the last one's bytes come", [&] { return begins == 12; });

  ck_assert_uint_eq(branch.count(GST_EVENT_FLUSH_START), 6);
  ck_assert_uint_eq(branch.count(GST_EVENT_FLUSH_STOP), 6);
  gboolean resets = FALSE;
  gst_event_parse_flush_stop(branch.last_event(GST_EVENT_FLUSH_STOP).get(), &resets);
  ck_assert(resets);
}
END_TEST

START_TEST(an_end_before_any_data_ends_every_branch) {
  Playing now;
  Branch early(now.tee.get());
  early.link();
  now.upstream.start_stream();
  now.upstream.eos();
  Branch late(now.tee.get());
  late.link();

  early.wait_eos();
  late.wait_eos();

  ck_assert_uint_eq(early.bytes(), 0);
  ck_assert_uint_eq(late.bytes(), 0);
  now.tee.demand_no_error();
}
END_TEST

START_TEST(a_branch_that_is_unlinked_goes_on_when_it_is_linked_again) {
  Playing now;
  const Audio audio = coded_audio(40'000, kRate);
  const Follower one_follower(audio), other_follower(audio);
  Branch one(now.tee.get()), other(now.tee.get());
  one.looks(one_follower).link();
  other.looks(other_follower).link();
  now.begin();
  give_frames(now.upstream, 0, 10'000, kRate);
  one.wait_bytes(10'000 * kFrame);

  one.unlink();
  give_frames(now.upstream, 10'000, 10'000, kRate);
  other.wait_bytes(20'000 * kFrame);
  one.link();
  one.wait_bytes(20'000 * kFrame);
  give_frames(now.upstream, 20'000, 20'000, kRate);
  now.upstream.eos();

  one.wait_eos();
  other.wait_eos();
  ck_assert_uint_eq(one_follower.total(), audio.frames());
  ck_assert_uint_eq(other_follower.total(), audio.frames());
  ck_assert_uint_eq(other.count(GST_EVENT_SEGMENT), 1);
  now.tee.demand_no_error();
}
END_TEST

START_TEST(an_error_downstream_stops_one_branch_alone) {
  Playing now;
  const Audio audio = coded_audio(40'000, kRate);
  const Follower follower(audio);
  Branch broken(now.tee.get()), sibling(now.tee.get());
  broken.answer(GST_FLOW_ERROR);
  broken.link();
  sibling.looks(follower).link();
  now.begin();
  give_frames(now.upstream, 0, 10'000, kRate);
  broken.wait_eos();
  give_frames(now.upstream, 10'000, 30'000, kRate);
  now.upstream.eos();
  sibling.wait_eos();

  ck_assert_uint_eq(follower.total(), audio.frames());
  ck_assert_uint_eq(broken.bytes(), 0);
}
END_TEST

START_TEST(an_end_that_downstream_asks_for_stops_one_branch_alone) {
  Playing now;
  const Audio audio = coded_audio(40'000, kRate);
  const Follower follower(audio), again(audio);
  Branch full(now.tee.get()), sibling(now.tee.get());
  full.looks(again).answer(GST_FLOW_EOS);
  full.link();
  sibling.looks(follower).link();
  now.begin();
  give_frames(now.upstream, 0, 20'000, kRate);
  full.wait_eos();
  give_frames(now.upstream, 20'000, 20'000, kRate);
  now.upstream.eos();
  sibling.wait_eos();
  ck_assert_uint_eq(follower.total(), audio.frames());

  full.answer(GST_FLOW_OK);
  full.forget();
  const guint32 seqnum = full.seek(GST_FORMAT_TIME, 0);
  full.wait_eos();

  ck_assert(again.first_of(seqnum) == 0);
  ck_assert_uint_eq(again.total(), audio.frames());
  now.tee.demand_no_error();
}
END_TEST

START_TEST(a_flush_from_upstream_empties_the_recording) {
  Playing now;
  Branch branch(now.tee.get());
  branch.link();
  now.begin();
  give_frames(now.upstream, 0, 10'000, kRate);
  branch.wait_bytes(10'000 * kFrame);
  branch.forget();

  now.upstream.send(gst_event_new_flush_start());
  now.upstream.send(gst_event_new_flush_stop(TRUE));
  ck_assert_uint_eq(now.tee.value<guint64>("current-level-bytes"), 0);
  now.upstream.set_segment(GST_FORMAT_TIME);
  give_frames(now.upstream, 70'000, 5'000, kRate);
  now.upstream.eos();
  branch.wait_eos();
  Branch late(now.tee.get());
  late.link().wait_eos();

  for (Branch* one : {&branch, &late}) {
    ck_assert_uint_eq(one->bytes(), 5'000 * kFrame);
    for (const Arrival& arrival : one->arrivals()) {
      if (arrival.buffer == nullptr) continue;
      ck_assert_uint_eq(first_frame(arrival.buffer.get()), 70'000);
      break;
    }
  }
  ck_assert_text(branch.story(), "flush-start flush-stop segment buffer eos");
  ck_assert_text(late.story(), "stream-start caps segment buffer eos");
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_events",
      {{"stickies",
        {a_late_branch_gets_the_stickies_of_then_and_meets_the_later_ones,
         a_seek_back_gets_the_tags_of_then}},
       {"seek",
        {a_seek_is_told_in_order_under_its_seqnum, a_seek_that_is_refused_disturbs_nothing,
         one_seek_that_comes_twice_is_done_once, each_step_of_a_bisection_is_done}},
       {"flow",
        {an_end_before_any_data_ends_every_branch,
         a_branch_that_is_unlinked_goes_on_when_it_is_linked_again,
         an_error_downstream_stops_one_branch_alone,
         an_end_that_downstream_asks_for_stops_one_branch_alone}},
       {"flush", {a_flush_from_upstream_empties_the_recording}}});
}
