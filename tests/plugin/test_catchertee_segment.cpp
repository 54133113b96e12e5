// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Segment seeks: SEGMENT_DONE in place of EOS, and loops without a gap.
#include "tests/support/channel.hpp"

#include "tests/support/frames.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;
constexpr std::uint64_t kFrames = 48'000;
constexpr std::uint64_t kFrom = 4'800, kTo = 16'800;

GstEvent* segment_seek(int more_flags, gint64 from, gint64 to) {
  return gst_event_new_seek(
      1.0, GST_FORMAT_TIME, static_cast<GstSeekFlags>(GST_SEEK_FLAG_SEGMENT | more_flags),
      GST_SEEK_TYPE_SET, from, to < 0 ? GST_SEEK_TYPE_NONE : GST_SEEK_TYPE_SET, to);
}

gint64 time_of(std::uint64_t frame) {
  return static_cast<gint64>(time_of_frame(frame, kRate));
}

// A and B of the loop.
GstEvent* loop(int more_flags = 0) {
  return segment_seek(more_flags, time_of(kFrom), time_of(kTo));
}

class Ended {
 public:
  Ended() : tee("catchertee"), upstream(tee.get()), branch(tee.get()) {
    tee.to(GST_STATE_PLAYING);
    branch.link();
    upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
    give_frames(upstream, 0, kFrames, kRate);
    upstream.eos();
    branch.wait_eos();
    branch.forget();
  }
  Element tee;
  Upstream upstream;
  Branch branch;
};

// How many messages of this type came so far, and the seqnum of the last.
struct Messages {
  unsigned count = 0;
  guint32 seqnum = GST_SEQNUM_INVALID;
};
Messages messages(const Element& element, GstMessageType type) {
  Messages found;
  while (GstMessage* message = gst_bus_pop_filtered(element.bus(), type)) {
    ++found.count;
    found.seqnum = gst_message_get_seqnum(message);
    gst_message_unref(message);
  }
  return found;
}

// Ends the test unless [from, to) was played `times` times, without a gap in running time.
void demand_loops(const Branch& branch, std::uint64_t from, std::uint64_t to, unsigned times) {
  std::uint64_t frame = from;
  std::optional<GstClockTime> next;
  unsigned done = 0;
  for (const Arrival& one : branch.arrivals()) {
    if (one.event != nullptr && GST_EVENT_TYPE(one.event.get()) == GST_EVENT_SEGMENT_DONE) {
      demand(frame == to, "the segment is played to its last frame", frame);
      frame = from;
      ++done;
    }
    if (one.buffer == nullptr) continue;
    demand(first_frame(one.buffer.get()) == frame, "each frame is played once", frame);
    frame += frame_count(one.buffer.get());
    const GstClockTime running = gst_segment_to_running_time(&one.segment, GST_FORMAT_TIME,
                                                             GST_BUFFER_PTS(one.buffer.get()));
    demand(!next || running == *next, "running time goes on", running);
    next = running + GST_BUFFER_DURATION(one.buffer.get());
  }
  demand(done == times, "it is played so often", done);
}

START_TEST(a_loop_has_no_gap) {
  Ended ended;
  ck_assert(ended.branch.send(loop(GST_SEEK_FLAG_FLUSH)));
  for (unsigned turn = 1; turn <= 10; ++turn) {
    ended.branch.wait_event(GST_EVENT_SEGMENT_DONE, turn);
    if (turn < 10) ck_assert(ended.branch.send(loop()));
  }

  demand_loops(ended.branch, kFrom, kTo, 10);
  ck_assert_uint_eq(ended.branch.count(GST_EVENT_EOS), 0);
  ck_assert_uint_eq(ended.branch.count(GST_EVENT_FLUSH_START), 1);
}
END_TEST

START_TEST(a_loop_over_all_of_it_has_no_gap) {
  Ended ended;
  ck_assert(ended.branch.send(segment_seek(GST_SEEK_FLAG_FLUSH, 0, -1)));
  for (unsigned turn = 1; turn <= 10; ++turn) {
    ended.branch.wait_event(GST_EVENT_SEGMENT_DONE, turn);
    if (turn < 10) ck_assert(ended.branch.send(segment_seek(0, 0, -1)));
  }

  demand_loops(ended.branch, 0, kFrames, 10);
}
END_TEST

START_TEST(a_loop_of_packets_has_no_gap) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  tee.to(GST_STATE_PLAYING);
  branch.link();
  upstream.begin(GST_FORMAT_TIME, "audio/x-test");
  for (std::uint64_t number = 0; number < 100; ++number) {
    upstream.give(frames(number * 960, 960, kRate));  // 20 ms, and all of them key units
  }
  upstream.eos();
  branch.wait_eos();
  branch.forget();

  ck_assert(branch.send(loop(GST_SEEK_FLAG_FLUSH)));
  for (unsigned turn = 1; turn <= 10; ++turn) {
    branch.wait_event(GST_EVENT_SEGMENT_DONE, turn);
    if (turn < 10) ck_assert(branch.send(loop()));
  }

  std::vector<GstClockTime> bases;
  for (const Arrival& one : branch.arrivals()) {
    if (one.event == nullptr || GST_EVENT_TYPE(one.event.get()) != GST_EVENT_SEGMENT) continue;
    bases.push_back(one.segment.base);
  }
  ck_assert_uint_eq(bases.size(), 10);
  for (std::size_t turn = 1; turn < bases.size(); ++turn) {
    ck_assert_uint_eq(bases[turn] - bases[turn - 1], time_of(kTo) - time_of(kFrom));
  }
}
END_TEST

START_TEST(segment_done_tells_where_and_for_which_seek) {
  Ended ended;
  messages(ended.tee, GST_MESSAGE_ANY);
  GstEvent* seek = loop(GST_SEEK_FLAG_FLUSH);
  const guint32 seqnum = gst_event_get_seqnum(seek);
  ck_assert(ended.branch.send(seek));
  ended.branch.wait_event(GST_EVENT_SEGMENT_DONE);

  const EventPtr done = ended.branch.last_event(GST_EVENT_SEGMENT_DONE);
  ck_assert_uint_eq(gst_event_get_seqnum(done.get()), seqnum);
  GstFormat format = GST_FORMAT_UNDEFINED;
  gint64 position = 0;
  gst_event_parse_segment_done(done.get(), &format, &position);
  ck_assert_int_eq(format, GST_FORMAT_TIME);
  ck_assert_int_eq(position, time_of(kTo));
  ck_assert_text(ended.branch.story(), "flush-start flush-stop segment buffer segment-done");
  ck_assert_int_eq(ended.branch.value<gint64>("position"), time_of(kTo));

  GstMessage* message = ended.tee.wait_message(GST_MESSAGE_SEGMENT_START);
  ck_assert_uint_eq(gst_message_get_seqnum(message), seqnum);
  gst_message_unref(message);
  message = ended.tee.wait_message(GST_MESSAGE_SEGMENT_DONE);
  ck_assert_uint_eq(gst_message_get_seqnum(message), seqnum);
  gst_message_parse_segment_done(message, &format, &position);
  ck_assert_int_eq(position, time_of(kTo));
  gst_message_unref(message);
}
END_TEST

START_TEST(the_element_tells_once_for_all_its_branches) {
  Ended ended;
  Branch other(ended.tee.get());
  other.link().wait_eos();
  messages(ended.tee, GST_MESSAGE_ANY);
  other.block();

  GstEvent* seek = loop(GST_SEEK_FLAG_FLUSH);
  const guint32 seqnum = gst_event_get_seqnum(seek);
  ck_assert(other.send(gst_event_ref(seek)));
  other.wait_blocked();
  ck_assert(ended.branch.send(seek));
  ended.branch.wait_event(GST_EVENT_SEGMENT_DONE);

  // The other one still plays.
  ck_assert(gst_bus_pop_filtered(ended.tee.bus(), GST_MESSAGE_SEGMENT_DONE) == nullptr);
  other.unblock();
  GstMessage* done = ended.tee.wait_message(GST_MESSAGE_SEGMENT_DONE);
  ck_assert_uint_eq(gst_message_get_seqnum(done), seqnum);
  gst_message_unref(done);
  other.wait_event(GST_EVENT_SEGMENT_DONE);
  ck_assert_uint_eq(messages(ended.tee, GST_MESSAGE_SEGMENT_DONE).count, 0);
}
END_TEST

START_TEST(a_branch_that_goes_is_not_waited_for) {
  Ended ended;
  Branch other(ended.tee.get());
  other.link().wait_eos();
  other.block();
  GstEvent* seek = loop(GST_SEEK_FLAG_FLUSH);
  ck_assert(other.send(gst_event_ref(seek)));
  other.wait_blocked();
  ck_assert(ended.branch.send(seek));
  ended.branch.wait_event(GST_EVENT_SEGMENT_DONE);
  other.release();

  gst_message_unref(ended.tee.wait_message(GST_MESSAGE_SEGMENT_DONE));
}
END_TEST

START_TEST(a_seek_without_the_flag_leads_to_the_end) {
  Ended ended;
  ck_assert(ended.branch.send(loop(GST_SEEK_FLAG_FLUSH)));
  ended.branch.wait_event(GST_EVENT_SEGMENT_DONE);

  ck_assert(ended.branch.send(gst_event_new_seek(1.0, GST_FORMAT_TIME, GST_SEEK_FLAG_NONE,
                                                 GST_SEEK_TYPE_SET, time_of(kTo), GST_SEEK_TYPE_SET,
                                                 time_of(kFrames))));
  ended.branch.wait_eos();

  ck_assert_uint_eq(ended.branch.bytes(), (kFrames - kFrom) * kFrame);
}
END_TEST

START_TEST(a_loop_stays_when_upstream_begins_again) {
  Ended ended;
  ck_assert(ended.branch.send(loop(GST_SEEK_FLAG_FLUSH)));
  ended.branch.wait_event(GST_EVENT_SEGMENT_DONE);
  ended.upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(ended.upstream, 0, 480, kRate);
  ended.upstream.eos();

  ck_assert(ended.branch.send(loop()));
  ended.branch.wait_event(GST_EVENT_SEGMENT_DONE, 2);
  demand_loops(ended.branch, kFrom, kTo, 2);
  ended.branch.forget();
  ck_assert_uint_ne(ended.branch.seek(GST_FORMAT_TIME, 0), GST_SEQNUM_INVALID);
  ended.branch.wait_event(GST_EVENT_EOS, 2);

  ck_assert_uint_eq(ended.branch.bytes(), (kTo + 480) * kFrame);  // the stop is kept
}
END_TEST

START_TEST(catchersrc_loops_without_a_gap) {
  const NothingKept end;
  Writing writer("loop");
  writer.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(writer.upstream, 0, kFrames, kRate);
  writer.upstream.eos();
  Playing player("loop");
  player.play().branch.wait_eos();
  player.branch.forget();

  ck_assert(player.branch.send(loop(GST_SEEK_FLAG_FLUSH)));
  for (unsigned turn = 1; turn <= 10; ++turn) {
    gst_message_unref(player.element.wait_message(GST_MESSAGE_SEGMENT_DONE));
    if (turn < 10) ck_assert(player.branch.send(loop()));
  }
  player.branch.wait_event(GST_EVENT_SEGMENT_DONE, 10);

  demand_loops(player.branch, kFrom, kTo, 10);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_segment",
      {{"loop",
        {a_loop_has_no_gap, a_loop_over_all_of_it_has_no_gap, a_loop_of_packets_has_no_gap,
         a_seek_without_the_flag_leads_to_the_end, a_loop_stays_when_upstream_begins_again,
         catchersrc_loops_without_a_gap}},
       {"done",
        {segment_done_tells_where_and_for_which_seek, the_element_tells_once_for_all_its_branches,
         a_branch_that_goes_is_not_waited_for}}});
}
