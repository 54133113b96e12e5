// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Feeds that cannot be, do not start, or break off: each player is told once, after what came
// before.
#include "tests/support/feeding.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

bool names(const std::string& text, const char* what) {
  return text.find(what) != std::string::npos;
}

struct Wrong {
  const char* property;
  const char* value;
  GQuark domain;
  gint code;
  const char* text;
  const char* advice;
};

void demand_wrong(Playing& player, const Wrong& wrong) {
  const PostedError error = player.element.wait_error();
  ck_assert_msg(error.is(wrong.domain, wrong.code), "%s: domain %s, code %d: %s", wrong.value,
                g_quark_to_string(error.domain), error.code, error.text.c_str());
  ck_assert_msg(names(error.text, wrong.text), "%s: %s", wrong.value, error.text.c_str());
  ck_assert_msg(names(error.debug, wrong.advice), "%s: %s", wrong.value, error.debug.c_str());
  ck_assert_text(error.from, GST_OBJECT_NAME(player.element.get()));
  ck_assert(gst_bus_pop_filtered(player.element.bus(), GST_MESSAGE_ERROR) == nullptr);
}

// A filter that says that something is wrong at its third buffer, and is silent from then on: no
// end of the stream either. Upstream is told that all is well.
constexpr const char* kMute = "catchertestmute";
struct Mute {
  GstElement parent;
  int buffers;
};
struct MuteClass {
  GstElementClass parent;
};
GType mute_type();
G_DEFINE_TYPE(Mute, mute, GST_TYPE_ELEMENT)
GType mute_type() {
  return mute_get_type();
}

GstStaticPadTemplate mute_sink =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate mute_src =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

void mute_class_init(MuteClass* klass) {
  auto* element_class = reinterpret_cast<GstElementClass*>(klass);
  gst_element_class_add_static_pad_template(element_class, &mute_sink);
  gst_element_class_add_static_pad_template(element_class, &mute_src);
  gst_element_class_set_static_metadata(element_class, "Mute", "Filter", "Falls silent", "tests");
}

void mute_init(Mute* mute) {
  GstPad* sink = gst_pad_new_from_static_template(&mute_sink, "sink");
  GstPad* src = gst_pad_new_from_static_template(&mute_src, "src");
  gst_element_add_pad(&mute->parent, sink);
  gst_element_add_pad(&mute->parent, src);
  gst_pad_set_element_private(sink, src);
  gst_pad_set_chain_function(sink, [](GstPad* pad, GstObject* parent, GstBuffer* buffer) {
    auto* self = reinterpret_cast<Mute*>(parent);
    if (++self->buffers <= 2) {
      return gst_pad_push(static_cast<GstPad*>(gst_pad_get_element_private(pad)), buffer);
    }
    gst_buffer_unref(buffer);
    if (self->buffers == 3) {
      GST_ELEMENT_ERROR(self, RESOURCE, FAILED, ("It has fallen silent."), (nullptr));
    }
    return GST_FLOW_OK;
  });
  gst_pad_set_event_function(sink, [](GstPad* pad, GstObject* parent, GstEvent* event) -> gboolean {
    if (GST_EVENT_TYPE(event) == GST_EVENT_EOS) {
      gst_event_unref(event);
      return TRUE;
    }
    return gst_pad_event_default(pad, parent, event);
  });
}

constexpr const char* kPieces = "fakesrc sizetype=fixed sizemax=1000 filltype=pattern-span ";

START_TEST(what_is_wrong_with_a_feed_is_told) {
  const NothingKept end;
  const Wrong all[] = {
      {"feed", "catchernonesuch ! identity", GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN,
       "needs an element", "catchernonesuch"},
      {"feed", "fakesrc ! fakesink", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
       "cannot be linked", "one source pad"},
      {"feed", "fakesrc ! tee name=t t. ! identity t. ! identity", GST_RESOURCE_ERROR,
       GST_RESOURCE_ERROR_SETTINGS, "more than one stream", "identity"},
      {"feed", "fakesrc !", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "cannot be read",
       "gst-launch-1.0"},
      {"feed", "fakesrc nonesuch=1", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
       "cannot be read", "nonesuch"},
      {"uri", "catchernonesuch://x", GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN,
       "catchernonesuch://x", "scheme"},
      {"uri", "file:///no/such/file", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "",
       "/no/such/file"},
      {"feed", "filesrc location=/no/such/file ! identity", GST_RESOURCE_ERROR,
       GST_RESOURCE_ERROR_NOT_FOUND, "", "filesrc"},
      {"feed",
       "fakesrc ! tee name=t t. ! queue ! fakesink state-error=ready-to-paused t. ! identity",
       GST_CORE_ERROR, GST_CORE_ERROR_STATE_CHANGE, "", "fakesink"},
  };
  for (const Wrong& wrong : all) {
    FedPlaying player(wrong.property, wrong.value);
    player.play();
    demand_wrong(player, wrong);
    player.branch.wait_eos();
    ck_assert_uint_eq(player.branch.bytes(), 0);
  }
}
END_TEST

// A demuxer that finds two streams. Only the real one does.
START_TEST(a_feed_that_finds_a_second_stream_is_told) {
  if (!has_element("audiotestsrc") || !has_element("qtmux") || !has_element("qtdemux")) return;
  const NothingKept end;
  const Folder folder;
  Element made = Element::launch(
      "audiotestsrc num-buffers=20 ! qtmux name=mux ! filesink location=" + folder.path("two.mov") +
      " audiotestsrc num-buffers=20 ! mux.");
  made.to(GST_STATE_PLAYING);
  made.wait_eos();
  const std::string source = "filesrc location=" + folder.path("two.mov") + " ! qtdemux name=d ";
  FedPlaying both("feed", source);
  both.play();
  demand_wrong(both, {"feed", "two streams", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                      "more than one stream", "fakesink"});
  both.branch.wait_eos();
  FedPlaying one("feed", source + "d.audio_0 ! queue ! fakesink d.audio_1 ! queue");
  one.play();
  one.branch.wait_eos();

  ck_assert_uint_gt(one.branch.bytes(), 0);
  one.element.demand_no_error();
}
END_TEST

START_TEST(settings_that_cannot_be_fail_the_state_change) {
  const NothingKept end;
  const Wrong all[] = {
      {"uri", "no uri", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "is no URI", "://"},
      {"command", "echo 'a", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "cannot be read",
       "quote"},
      {"command", "  ", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "cannot be read", "quote"},
      {"uri", "fd://987654", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, "not open",
       "PAUSED"},
      {"channel", nullptr, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "No channel",
       "command"},
  };
  for (const Wrong& wrong : all) {
    Playing player(nullptr);
    player.element.set(wrong.property, wrong.value);
    ck_assert_int_eq(player.element.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    demand_wrong(player, wrong);
  }
}
END_TEST

START_TEST(two_feeds_at_a_time_are_refused_and_named) {
  const NothingKept end;
  FedPlaying player("uri", "file:///a");
  player.element.set("command", "true");

  ck_assert_int_eq(player.element.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
  demand_wrong(player, {"uri, command", "both", GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
                        "uri, command", "only one"});

  player.element.set("uri", nullptr);
  player.play();
  player.branch.wait_eos();
  player.element.demand_no_error();
}
END_TEST

START_TEST(a_channel_that_is_its_own_source_is_refused) {
  const NothingKept end;
  FedPlaying player("uri", "catcher://own");
  player.element.set("channel", "own");

  ck_assert_int_eq(player.element.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);

  ck_assert(names(player.element.wait_error().text, "itself"));
}
END_TEST

START_TEST(settings_that_contradict_each_other_are_told_by_the_player) {
  const NothingKept end;
  FedPlaying player("feed", kPieces);
  player.element.set("chunk-size", guint64{4096}, "chunk-size-max", guint64{1024});

  player.play();

  demand_wrong(player, {"feed", "chunk-size", GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS,
                        "these settings", "chunk-size"});
}
END_TEST

START_TEST(a_feed_that_breaks_off_is_told_to_each_player_after_its_bytes) {
  const NothingKept end;
  const std::string line = std::string(kPieces) + "! identity error-after=20";
  {
    FedPlaying first("feed", line);
    FedPlaying second("feed", line);
    first.branch.block();
    first.play();
    first.branch.wait_blocked();
    second.play();
    first.branch.unblock();
    for (FedPlaying* one : {&first, &second}) {
      const PostedError error = one->element.wait_error();
      ck_assert(names(error.debug, "identity"));
      one->branch.wait_eos();
      ck_assert_uint_eq(one->branch.bytes() % 1000, 0);
      ck_assert_uint_ge(one->branch.bytes(), 19'000);
      ck_assert(gst_bus_pop_filtered(one->element.bus(), GST_MESSAGE_ERROR) == nullptr);
    }
    ck_assert(first.branch.all_bytes() == second.branch.all_bytes());
  }

  const std::atomic<bool> never{false};
  ck_assert(catcher::plugin::channels::await("feed:" + line, 0, never) == nullptr);
}
END_TEST

START_TEST(a_feed_whose_queue_breaks_off_is_told_too) {
  const NothingKept end;
  FedPlaying player("feed", std::string(kPieces) + "! queue ! identity error-after=20 ! queue");

  player.play();
  player.element.wait_error();
  player.branch.wait_eos();

  ck_assert_uint_ge(player.branch.bytes(), 19'000);
}
END_TEST

START_TEST(a_feed_that_breaks_off_without_an_end_is_told_too) {
  const NothingKept end;
  demand(gst_element_register(nullptr, kMute, GST_RANK_NONE, mute_type()), "an element is known");
  FedPlaying player("feed", std::string(kPieces) + "! " + kMute);

  player.play();
  const PostedError error = player.element.wait_error();
  player.branch.wait_eos();

  ck_assert_text(error.text, "It has fallen silent.");
  ck_assert_uint_eq(player.branch.bytes(), 2000);
}
END_TEST

START_TEST(a_feed_that_failed_is_started_again_for_who_comes_then) {
  const NothingKept end;
  const Folder folder;
  FedPlaying player("uri", folder.uri("late"));
  player.play();
  ck_assert(player.element.wait_error().is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND));
  player.branch.wait_eos();
  folder.write_pattern("late", 5000);

  FedPlaying other("uri", folder.uri("late"));
  other.play();
  other.branch.wait_eos();
  player.element.settle(GST_STATE_READY);
  player.branch.forget();
  player.element.to(GST_STATE_PLAYING);
  player.branch.wait_eos();

  ck_assert_uint_eq(other.branch.bytes(), 5000);
  ck_assert_uint_eq(player.branch.bytes(), 5000);
  player.element.demand_no_error();
}
END_TEST

START_TEST(players_of_a_feed_that_fails_come_and_go_at_any_time) {
  const NothingKept end;
  const std::string line = std::string(kPieces) + "! identity error-after=5";
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&line] {
      for (int round = 0; round < 25; ++round) {
        Playing player(nullptr);
        player.element.set("feed", line.c_str());
        player.play();
        if (round % 3 == 0) continue;
        player.element.wait_error();
        player.branch.wait_eos();
      }
    });
  }
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "feed_errors",
      {{"settings",
        {what_is_wrong_with_a_feed_is_told, a_feed_that_finds_a_second_stream_is_told,
         settings_that_cannot_be_fail_the_state_change, two_feeds_at_a_time_are_refused_and_named,
         a_channel_that_is_its_own_source_is_refused,
         settings_that_contradict_each_other_are_told_by_the_player}},
       {"breaks",
        {a_feed_that_breaks_off_is_told_to_each_player_after_its_bytes,
         a_feed_whose_queue_breaks_off_is_told_too,
         a_feed_that_breaks_off_without_an_end_is_told_too,
         a_feed_that_failed_is_started_again_for_who_comes_then,
         players_of_a_feed_that_fails_come_and_go_at_any_time}}});
}
