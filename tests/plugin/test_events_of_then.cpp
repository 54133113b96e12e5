// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Events among packets: whoever comes to a time, by a seek or as a joiner, gets the stickies of
// then, and meets what came later where it came.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/follower.hpp"

namespace {

using namespace catcher::test;

constexpr std::size_t kSize = 500;
constexpr GstClockTime kLasts = 20 * GST_MSECOND;
constexpr const char* kCaps = "audio/x-test,part=(int)";

BufferPtr packet(std::uint64_t number) {
  BufferPtr made = pattern_buffer(number * kSize, kSize);
  GST_BUFFER_PTS(made.get()) = number * kLasts;
  GST_BUFFER_DURATION(made.get()) = kLasts;
  return made;
}

GstEvent* title(const char* text, GstTagScope scope) {
  GstTagList* tags = gst_tag_list_new(GST_TAG_TITLE, text, nullptr);
  gst_tag_list_set_scope(tags, scope);
  return gst_event_new_tag(tags);
}

GstEvent* collection(const char* upstream_id, unsigned streams) {
  GstStreamCollection* made = gst_stream_collection_new(upstream_id);
  for (unsigned number = 0; number < streams; ++number) {
    const std::string id = upstream_id + std::to_string(number);
    gst_stream_collection_add_stream(
        made, gst_stream_new(id.c_str(), nullptr, GST_STREAM_TYPE_AUDIO, GST_STREAM_FLAG_NONE));
  }
  GstEvent* event = gst_event_new_stream_collection(made);
  gst_object_unref(made);
  return event;
}

GstEvent* chapters(unsigned count) {
  GstToc* toc = gst_toc_new(GST_TOC_SCOPE_GLOBAL);
  for (unsigned number = 0; number < count; ++number) {
    GstTocEntry* entry =
        gst_toc_entry_new(GST_TOC_ENTRY_TYPE_CHAPTER, std::to_string(number).c_str());
    gst_toc_entry_set_start_stop_times(entry, number, number + 1);
    gst_toc_append_entry(toc, entry);
  }
  GstEvent* event = gst_event_new_toc(toc, FALSE);
  gst_toc_unref(toc);
  return event;
}

GstEvent* custom(GstEventType type, const char* name, int value) {
  return gst_event_new_custom(type, gst_structure_new(name, "value", G_TYPE_INT, value, nullptr));
}

// What an event says, in a few words.
std::string text_of(GstEvent* event) {
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_CAPS: {
      GstCaps* caps = nullptr;
      gint part = -1;
      gst_event_parse_caps(event, &caps);
      gst_structure_get_int(gst_caps_get_structure(caps, 0), "part", &part);
      return "caps " + std::to_string(part);
    }
    case GST_EVENT_TAG: {
      GstTagList* tags = nullptr;
      gchar* text = nullptr;
      gst_event_parse_tag(event, &tags);
      gst_tag_list_get_string(tags, GST_TAG_TITLE, &text);
      return std::string("tag ") + TextPtr(text).get();
    }
    case GST_EVENT_STREAM_COLLECTION: {
      GstStreamCollection* made = nullptr;
      gst_event_parse_stream_collection(event, &made);
      const guint size = gst_stream_collection_get_size(made);
      gst_object_unref(made);
      return "streams " + std::to_string(size);
    }
    case GST_EVENT_TOC: {
      GstToc* toc = nullptr;
      gst_event_parse_toc(event, &toc, nullptr);
      const guint size = g_list_length(gst_toc_get_entries(toc));
      gst_toc_unref(toc);
      return "toc " + std::to_string(size);
    }
    case GST_EVENT_GAP: {
      GstClockTime at = 0;
      gst_event_parse_gap(event, &at, nullptr);
      return "gap " + std::to_string(at / kLasts);
    }
    case GST_EVENT_CUSTOM_DOWNSTREAM:
    case GST_EVENT_CUSTOM_DOWNSTREAM_STICKY: {
      gint value = -1;
      const GstStructure* structure = gst_event_get_structure(event);
      gst_structure_get_int(structure, "value", &value);
      return gst_structure_get_name(structure) + (" " + std::to_string(value));
    }
    case GST_EVENT_SEGMENT: return "segment";
    default: return GST_EVENT_TYPE_NAME(event);
  }
}

// All that came, packets by their numbers: "caps 0, segment, 0-9, gap 10, eos". Packets are as they
// were recorded.
std::string told(const Branch& branch) {
  std::string text;
  std::uint64_t first = 0, next = ~std::uint64_t{0};
  const auto say = [&text](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  const auto say_packets = [&] {
    if (next != ~std::uint64_t{0}) say(std::to_string(first) + "-" + std::to_string(next - 1));
    next = ~std::uint64_t{0};
  };
  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer == nullptr) {
      say_packets();
      say(text_of(one.event.get()));
      continue;
    }
    const auto number = static_cast<std::uint64_t>(stream_time(one)) / kLasts;
    if (number != next) {
      say_packets();
      first = number;
    }
    next = number + 1;
    GstMapInfo map;
    demand(gst_buffer_map(one.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
    demand_pattern(std::as_bytes(std::span(map.data, map.size)), number * kSize);
    gst_buffer_unmap(one.buffer.get(), &map);
  }
  say_packets();
  return text;
}

class Stream {
 public:
  explicit Stream(guint64 window = 0) : tee("catchertee"), upstream(tee.get()) {
    tee.set("max-size-bytes", window);
    tee.to(GST_STATE_PLAYING);
  }
  Stream& caps(int part) {
    upstream.set_caps((kCaps + std::to_string(part)).c_str());
    return *this;
  }
  Stream& begin() {
    upstream.start_stream();
    caps(0);
    upstream.set_segment(GST_FORMAT_TIME);
    return *this;
  }
  Stream& give(std::uint64_t from, std::uint64_t to) {
    for (; from < to; ++from) upstream.give(packet(from));
    return *this;
  }
  Stream& send(GstEvent* event) {
    upstream.send(event);
    return *this;
  }
  Stream& end() {
    upstream.eos();
    return *this;
  }
  // What a branch is told that begins with this packet.
  std::string joiner(std::uint64_t number) {
    Branch late(tee.get());
    late.set_text("start-from", "offset");
    late.set("start-offset", static_cast<gint64>(number * kLasts));
    late.link().wait_eos();
    return told(late);
  }
  // What comes of a seek to this packet, without the flush.
  static std::string sought(Branch& branch, std::uint64_t number) {
    branch.forget();
    demand(branch.seek(GST_FORMAT_TIME, number * kLasts) != GST_SEQNUM_INVALID, "it is taken");
    branch.wait_eos();
    const std::string text = told(branch);
    const std::string flush = "flush-start, flush-stop, ";
    demand(text.compare(0, flush.size(), flush) == 0, text.c_str());
    return text.substr(flush.size());
  }
  Element tee;
  Upstream upstream;
};

START_TEST(caps_that_change_midway_are_those_of_then) {
  Stream stream;
  Branch branch(stream.tee.get());
  branch.link();
  stream.begin().give(0, 10).caps(1).give(10, 20).caps(2).give(20, 30).end();
  branch.wait_eos();

  ck_assert_text(told(branch),
                 "stream-start, caps 0, segment, 0-9, caps 1, 10-19, caps 2, 20-29, eos");
  ck_assert_text(stream.joiner(15), "stream-start, caps 1, segment, 15-19, caps 2, 20-29, eos");
  ck_assert_text(stream.joiner(20), "stream-start, caps 2, segment, 20-29, eos");
  ck_assert_text(Stream::sought(branch, 5),
                 "caps 0, segment, 5-9, caps 1, 10-19, caps 2, 20-29, eos");
  ck_assert_text(Stream::sought(branch, 25), "segment, 25-29, eos");
  ck_assert_text(Stream::sought(branch, 10), "caps 1, segment, 10-19, caps 2, 20-29, eos");
}
END_TEST

// It belongs behind the segment, whenever upstream sends it.
START_TEST(a_stream_collection_is_told_to_who_joins_later) {
  Stream stream;
  Branch branch(stream.tee.get());
  branch.link();
  stream.upstream.start_stream();
  stream.send(collection("one", 2)).caps(0);
  stream.upstream.set_segment(GST_FORMAT_TIME);
  stream.give(0, 10).send(collection("two", 3)).give(10, 20).end();
  branch.wait_eos();

  ck_assert_text(told(branch),
                 "stream-start, caps 0, segment, streams 2, 0-9, streams 3, 10-19, eos");
  ck_assert_text(stream.joiner(15), "stream-start, caps 0, segment, streams 3, 15-19, eos");
  ck_assert_text(Stream::sought(branch, 5), "segment, streams 2, 5-9, streams 3, 10-19, eos");
}
END_TEST

START_TEST(a_table_of_contents_is_told_to_who_joins_later) {
  Stream stream;
  Branch branch(stream.tee.get());
  branch.link();
  stream.begin().send(chapters(2)).give(0, 10).send(chapters(5)).give(10, 20).end();
  branch.wait_eos();

  ck_assert_text(told(branch), "stream-start, caps 0, segment, toc 2, 0-9, toc 5, 10-19, eos");
  ck_assert_text(stream.joiner(15), "stream-start, caps 0, segment, toc 5, 15-19, eos");
  ck_assert_text(Stream::sought(branch, 5), "segment, toc 2, 5-9, toc 5, 10-19, eos");
}
END_TEST

// Tags of the stream and of all streams hold side by side, and so do custom stickies by their
// names.
START_TEST(stickies_of_several_kinds_hold_side_by_side) {
  constexpr auto kSticky = GST_EVENT_CUSTOM_DOWNSTREAM_STICKY;
  Stream stream;
  Branch branch(stream.tee.get());
  branch.link();
  stream.begin()
      .send(title("all", GST_TAG_SCOPE_GLOBAL))
      .send(title("one", GST_TAG_SCOPE_STREAM))
      .send(custom(kSticky, "here", 1))
      .send(custom(kSticky, "there", 1))
      .give(0, 10)
      .send(title("two", GST_TAG_SCOPE_STREAM))
      .send(custom(kSticky, "here", 2))
      .give(10, 20)
      .end();
  branch.wait_eos();

  ck_assert_text(told(branch),
                 "stream-start, caps 0, segment, tag all, tag one, here 1, there 1, 0-9, tag two, "
                 "here 2, 10-19, eos");
  ck_assert_text(stream.joiner(15),
                 "stream-start, caps 0, segment, tag all, there 1, tag two, here 2, 15-19, eos");
}
END_TEST

START_TEST(what_happens_once_comes_where_it_came) {
  constexpr auto kOnce = GST_EVENT_CUSTOM_DOWNSTREAM;
  Stream stream;
  Branch branch(stream.tee.get());
  branch.link();
  stream.begin()
      .give(0, 10)
      .send(custom(kOnce, "mark", 10))
      .give(10, 15)
      .send(gst_event_new_gap(15 * kLasts, 5 * kLasts))
      .give(20, 30)
      .send(custom(kOnce, "mark", 30))
      .end();
  branch.wait_eos();

  ck_assert_text(told(branch),
                 "stream-start, caps 0, segment, 0-9, mark 10, 10-14, gap 15, 20-29, mark 30, eos");
  ck_assert_text(stream.joiner(10),
                 "stream-start, caps 0, segment, mark 10, 10-14, gap 15, 20-29, mark 30, eos");
  ck_assert_text(stream.joiner(12),
                 "stream-start, caps 0, segment, 12-14, gap 15, 20-29, mark 30, eos");
  ck_assert_text(Stream::sought(branch, 20), "segment, gap 15, 20-29, mark 30, eos");
  ck_assert_text(Stream::sought(branch, 21), "segment, 21-29, mark 30, eos");
}
END_TEST

// Where upstream's segment changes, its timestamps do; players keep to stream time in one segment.
START_TEST(a_segment_that_changes_midway_changes_no_stream_time) {
  Stream stream;
  Branch branch(stream.tee.get());
  branch.link();
  stream.begin().give(0, 10);
  GstSegment moved;
  gst_segment_init(&moved, GST_FORMAT_TIME);
  moved.start = GST_SECOND;
  moved.time = 10 * kLasts;
  moved.base = 10 * kLasts;
  stream.send(gst_event_new_segment(&moved));
  for (std::uint64_t number = 10; number < 20; ++number) {
    BufferPtr later = packet(number);
    GST_BUFFER_PTS(later.get()) = GST_SECOND + (number - 10) * kLasts;
    stream.upstream.give(std::move(later));
  }
  stream.end();
  branch.wait_eos();

  ck_assert_text(told(branch), "stream-start, caps 0, segment, 0-19, eos");
  ck_assert_text(stream.joiner(15), "stream-start, caps 0, segment, 15-19, eos");
  ck_assert_text(Stream::sought(branch, 5), "segment, 5-19, eos");
  ck_assert_text(Stream::sought(branch, 12), "segment, 12-19, eos");
  stream.tee.demand_no_error();
}
END_TEST

GstEvent* segment_until(GstClockTime start, GstClockTime stop, GstClockTime time = 0) {
  GstSegment segment;
  gst_segment_init(&segment, GST_FORMAT_TIME);
  segment.start = start;
  segment.stop = stop;
  segment.time = time;
  return gst_event_new_segment(&segment);
}

// The stops of the segments that a branch was given, in packets.
std::string stops(const Branch& branch) {
  std::string text;
  for (const Arrival& one : branch.arrivals()) {
    if (one.event == nullptr || GST_EVENT_TYPE(one.event.get()) != GST_EVENT_SEGMENT) continue;
    const GstSegment& segment = one.segment;
    text += (text.empty() ? "" : ", ");
    text += segment.stop == GST_CLOCK_TIME_NONE ? "none" : std::to_string(segment.stop / kLasts);
  }
  return text;
}

// Decoders clip there: an encoder's last packet has more in it than was put in.
START_TEST(where_upstream_s_segment_ends_is_told_to_each) {
  Stream stream;
  Branch branch(stream.tee.get());
  branch.link();
  stream.upstream.start_stream();
  stream.caps(0).send(segment_until(100 * kLasts, 119 * kLasts));
  for (std::uint64_t number = 0; number < 20; ++number) {
    BufferPtr shifted = packet(number);
    GST_BUFFER_PTS(shifted.get()) += 100 * kLasts;
    stream.upstream.give(std::move(shifted));
  }
  stream.end();
  branch.wait_eos();
  Branch late(stream.tee.get());
  late.link().wait_eos();

  ck_assert_text(told(branch), "stream-start, caps 0, segment, 0-19, eos");
  ck_assert_text(stops(branch), "119");
  ck_assert_text(stops(late), "119");
  ck_assert_text(Stream::sought(branch, 5), "segment, 5-19, eos");
  ck_assert_text(stops(branch), "119");
  branch.forget();
  branch.send(gst_event_new_seek(1, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, GST_SEEK_TYPE_SET, 0,
                                 GST_SEEK_TYPE_SET, 10 * kLasts));
  branch.wait_eos();
  ck_assert_text(stops(branch), "110");
}
END_TEST

START_TEST(an_end_that_changes_midway_is_told_where_it_does) {
  Stream stream;
  Branch branch(stream.tee.get());
  branch.link();
  stream.upstream.start_stream();
  stream.caps(0).send(segment_until(0, 10 * kLasts)).give(0, 10);
  stream.send(segment_until(10 * kLasts, 20 * kLasts, 10 * kLasts)).give(10, 20);
  stream.send(segment_until(20 * kLasts, GST_CLOCK_TIME_NONE, 20 * kLasts)).give(20, 30);
  stream.end();
  branch.wait_eos();

  ck_assert_text(told(branch),
                 "stream-start, caps 0, segment, 0-9, segment, 10-19, segment, 20-29, eos");
  ck_assert_text(stops(branch), "10, 20, none");
  for (const Arrival& one : branch.arrivals()) {
    ck_assert(one.buffer == nullptr || (one.segment.start == 0 && one.segment.base == 0));
  }
  ck_assert_text(Stream::sought(branch, 15), "segment, 15-19, segment, 20-29, eos");
  ck_assert_text(stops(branch), "20, none");
}
END_TEST

// What came before the window has left it, but what it said still holds.
START_TEST(stickies_outlive_the_bytes_that_they_came_with) {
  Stream stream(64 * kSize);
  stream.begin()
      .send(collection("one", 2))
      .send(chapters(3))
      .send(title("all", GST_TAG_SCOPE_GLOBAL))
      .give(0, 100)
      .caps(1)
      .give(100, 500)
      .end();

  Branch late(stream.tee.get());
  late.link().wait_eos();

  const std::string text = told(late);
  const std::string wanted = "stream-start, caps 1, segment, streams 2, toc 3, tag all, ";
  ck_assert_text(text.substr(0, wanted.size()), wanted);
  ck_assert_text(text.substr(text.size() - 9), "-499, eos");
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "events_of_then",
      {{"stickies",
        {caps_that_change_midway_are_those_of_then, a_stream_collection_is_told_to_who_joins_later,
         a_table_of_contents_is_told_to_who_joins_later,
         stickies_of_several_kinds_hold_side_by_side,
         stickies_outlive_the_bytes_that_they_came_with}},
       {"once", {what_happens_once_comes_where_it_came}},
       {"segment",
        {a_segment_that_changes_midway_changes_no_stream_time,
         where_upstream_s_segment_ends_is_told_to_each,
         an_end_that_changes_midway_is_told_where_it_does}}});
}
