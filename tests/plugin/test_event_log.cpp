// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "plugin/event_log.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::plugin;
using catcher::test::demand;

EventPtr stream_start(const char* id) {
  return EventPtr(gst_event_new_stream_start(id));
}

EventPtr caps(const char* text) {
  const CapsPtr made(gst_caps_from_string(text));
  return EventPtr(gst_event_new_caps(made.get()));
}

EventPtr tags(GstTagScope scope, const char* title) {
  GstTagList* list = gst_tag_list_new(GST_TAG_TITLE, title, nullptr);
  gst_tag_list_set_scope(list, scope);
  return EventPtr(gst_event_new_tag(list));
}

EventPtr gap(GstClockTime time) {
  return EventPtr(gst_event_new_gap(time, GST_SECOND));
}

EventPtr sticky(const char* name) {
  return EventPtr(
      gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_STICKY, gst_structure_new_empty(name)));
}

// Logs an event, and gives it for comparing.
GstEvent* add(EventLog& log, std::uint64_t offset, EventPtr event) {
  GstEvent* added = event.get();
  log.append(offset, std::move(event));
  return added;
}

std::vector<GstEvent*> held_at(const EventLog& log, std::uint64_t offset) {
  std::vector<GstEvent*> held;
  for (const EventPtr& event : log.held_at(offset).stickies) held.push_back(event.get());
  return held;
}

using Events = std::vector<GstEvent*>;

START_TEST(an_empty_log_holds_nothing) {
  EventLog log;

  const EventLog::Held held = log.held_at(100);

  ck_assert(held.stickies.empty());
  ck_assert_uint_eq(held.next, 0);
  ck_assert(!log.from(0));
  log.drop_before(100);
  ck_assert_uint_eq(log.next_serial(), 0);
}
END_TEST

START_TEST(serials_count_events_in_the_order_in_which_they_came) {
  EventLog log;
  GstEvent* first = add(log, 0, stream_start("a"));
  GstEvent* second = add(log, 0, caps("audio/x-opus"));
  GstEvent* third = add(log, 40, gap(0));

  const auto one = log.from(0);
  const auto two = log.from(1);
  const auto three = log.from(2);

  ck_assert(one->event.get() == first && one->offset == 0);
  ck_assert(two->event.get() == second && two->serial == 1);
  ck_assert(three->event.get() == third && three->offset == 40);
  ck_assert(!log.from(3));
  ck_assert_uint_eq(log.next_serial(), 3);
}
END_TEST

START_TEST(a_sticky_holds_from_its_own_offset_on) {
  EventLog log;
  GstEvent* start = add(log, 0, stream_start("a"));
  GstEvent* format = add(log, 100, caps("audio/x-opus"));

  ck_assert(held_at(log, 0) == Events{start});
  ck_assert(held_at(log, 99) == Events{start});
  ck_assert((held_at(log, 100) == Events{start, format}));
  ck_assert((held_at(log, 1000) == Events{start, format}));
}
END_TEST

START_TEST(what_comes_next_is_what_happens_once_at_the_offset_or_all_beyond) {
  EventLog log;
  add(log, 0, stream_start("a"));
  add(log, 100, gap(0));
  add(log, 100, gap(1));
  add(log, 200, gap(2));

  ck_assert_uint_eq(log.held_at(0).next, 1);
  ck_assert_uint_eq(log.held_at(100).next, 1);
  ck_assert_uint_eq(log.held_at(199).next, 3);
  ck_assert_uint_eq(log.held_at(200).next, 3);
}
END_TEST

START_TEST(the_last_sticky_of_a_kind_holds) {
  EventLog log;
  GstEvent* start = add(log, 0, stream_start("a"));
  GstEvent* old_format = add(log, 0, caps("audio/x-opus"));
  GstEvent* new_format = add(log, 50, caps("audio/x-vorbis"));
  GstEvent* newest_format = add(log, 50, caps("audio/x-flac"));

  ck_assert((held_at(log, 49) == Events{start, old_format}));
  ck_assert((held_at(log, 50) == Events{start, newest_format}));
  ck_assert(new_format != newest_format);
}
END_TEST

START_TEST(tags_of_two_scopes_and_custom_stickies_of_two_names_hold_together) {
  EventLog log;
  GstEvent* of_stream = add(log, 0, tags(GST_TAG_SCOPE_STREAM, "one"));
  GstEvent* of_all = add(log, 0, tags(GST_TAG_SCOPE_GLOBAL, "all"));
  GstEvent* station = add(log, 0, sticky("station"));
  GstEvent* weather = add(log, 0, sticky("weather"));
  GstEvent* next_of_stream = add(log, 10, tags(GST_TAG_SCOPE_STREAM, "two"));
  GstEvent* next_station = add(log, 20, sticky("station"));

  ck_assert((held_at(log, 0) == Events{of_stream, of_all, station, weather}));
  ck_assert((held_at(log, 10) == Events{of_all, station, weather, next_of_stream}));
  ck_assert((held_at(log, 20) == Events{of_all, weather, next_of_stream, next_station}));
}
END_TEST

START_TEST(what_happened_once_does_not_hold) {
  EventLog log;
  GstEvent* start = add(log, 0, stream_start("a"));
  GstEvent* silence = add(log, 10, gap(0));

  ck_assert(held_at(log, 10) == Events{start});
  ck_assert(log.from(1)->event.get() == silence);
}
END_TEST

START_TEST(dropping_keeps_the_last_sticky_of_each_kind_and_all_from_the_offset_on) {
  EventLog log;
  GstEvent* start = add(log, 0, stream_start("a"));
  add(log, 0, caps("audio/x-opus"));
  add(log, 10, gap(0));
  GstEvent* format = add(log, 50, caps("audio/x-vorbis"));
  GstEvent* at_border = add(log, 60, gap(1));
  GstEvent* beyond = add(log, 70, caps("audio/x-flac"));

  log.drop_before(60);

  ck_assert((held_at(log, 60) == Events{start, format}));
  ck_assert((held_at(log, 70) == Events{start, beyond}));
  ck_assert(log.from(0)->event.get() == start);
  ck_assert_uint_eq(log.from(1)->serial, 3);
  ck_assert(log.from(4)->event.get() == at_border);
  ck_assert(log.from(5)->event.get() == beyond);
  ck_assert_uint_eq(log.next_serial(), 6);
}
END_TEST

START_TEST(dropping_again_at_the_same_offset_changes_nothing) {
  EventLog log;
  GstEvent* start = add(log, 0, stream_start("a"));
  GstEvent* format = add(log, 5, caps("audio/x-opus"));
  log.drop_before(60);

  log.drop_before(60);
  log.drop_before(50);

  ck_assert((held_at(log, 60) == Events{start, format}));
}
END_TEST

START_TEST(a_dropped_event_is_let_go_of) {
  EventLog log;
  const EventPtr silence = gap(0);
  log.append(10, add_ref(silence));
  ck_assert_int_eq(GST_MINI_OBJECT_REFCOUNT_VALUE(silence.get()), 2);

  log.drop_before(11);

  ck_assert_int_eq(GST_MINI_OBJECT_REFCOUNT_VALUE(silence.get()), 1);
}
END_TEST

START_TEST(memory_stays_bounded_where_the_window_moves_on_for_ever) {
  EventLog log;
  add(log, 0, stream_start("a"));

  for (std::uint64_t offset = 1; offset < 10000; ++offset) {
    log.append(offset, tags(GST_TAG_SCOPE_STREAM, "song"));
    log.append(offset, gap(offset));
    log.drop_before(offset - std::min<std::uint64_t>(offset, 100));
  }

  std::size_t kept = 0;
  for (auto logged = log.from(0); logged; logged = log.from(logged->serial + 1)) ++kept;
  ck_assert_uint_le(kept, 2 + 2 * 101);
}
END_TEST

START_TEST(readers_see_whole_events_while_others_come_and_go) {
  EventLog log;
  log.append(0, stream_start("a"));
  std::atomic<bool> done{false};
  std::thread reader([&] {
    std::uint64_t serial = 0;
    while (!done.load()) {
      const auto logged = log.from(serial);
      if (!logged) continue;
      demand(logged->serial >= serial, "an event is not older than what was asked for", serial);
      demand(logged->offset == logged->serial, "an event keeps its offset", logged->serial);
      serial = logged->serial + 1;
      const EventLog::Held held = log.held_at(logged->offset);
      demand(!held.stickies.empty(), "there is always a stream", serial);
      demand(held.next >= serial, "what comes next has not been", serial);
    }
  });

  for (std::uint64_t offset = 1; offset < 5000; ++offset) {
    log.append(offset, tags(GST_TAG_SCOPE_STREAM, "song"));
    log.drop_before(offset / 2);
  }
  done = true;
  reader.join();

  ck_assert_uint_eq(log.next_serial(), 5000);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return catcher::test::run_plugin_suite(
      argc, argv, "EventLog",
      {{"order",
        {an_empty_log_holds_nothing, serials_count_events_in_the_order_in_which_they_came}},
       {"held",
        {a_sticky_holds_from_its_own_offset_on,
         what_comes_next_is_what_happens_once_at_the_offset_or_all_beyond,
         the_last_sticky_of_a_kind_holds,
         tags_of_two_scopes_and_custom_stickies_of_two_names_hold_together,
         what_happened_once_does_not_hold}},
       {"window",
        {dropping_keeps_the_last_sticky_of_each_kind_and_all_from_the_offset_on,
         dropping_again_at_the_same_offset_changes_nothing, a_dropped_event_is_let_go_of,
         memory_stays_bounded_where_the_window_moves_on_for_ever}},
       {"threads", {readers_see_whole_events_while_others_come_and_go}}});
}
