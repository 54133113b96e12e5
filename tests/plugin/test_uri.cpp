// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// catchersrc behind URIs: what they mean, which are refused, and players that are given one.
#include "tests/support/feeding.hpp"

#include "tests/support/app_sink.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

struct FreeError {
  void operator()(GError* error) const noexcept { g_error_free(error); }
};
using ErrorPtr = std::unique_ptr<GError, FreeError>;

std::string text_property(const Element& element, const char* name) {
  const TextPtr text(element.value<gchar*>(name));
  return text == nullptr ? "" : text.get();
}

bool take_uri(Element& element, const char* uri, gint wanted_code = -1) {
  GError* error = nullptr;
  const bool taken = gst_uri_handler_set_uri(GST_URI_HANDLER(element.get()), uri, &error);
  const ErrorPtr owner(error);
  if (!taken) {
    demand(error != nullptr, "a refusal has a reason");
    if (wanted_code >= 0) ck_assert_int_eq(error->code, wanted_code);
  }
  return taken;
}

std::string uri_of(const Element& element) {
  const TextPtr uri(gst_uri_handler_get_uri(GST_URI_HANDLER(element.get())));
  return uri == nullptr ? "" : uri.get();
}

// ---- the handler

START_TEST(a_channel_has_a_uri) {
  Element source("catchersrc");
  ck_assert_text(uri_of(source), "");

  ck_assert(take_uri(source, "catcher://tone"));
  ck_assert_text(text_property(source, "channel"), "tone");
  ck_assert_text(uri_of(source), "catcher://tone");

  ck_assert(take_uri(source, "catcher://a%20name/with%3Amore"));
  ck_assert_text(text_property(source, "channel"), "a name/with:more");
  ck_assert_text(uri_of(source), "catcher://a%20name/with:more");
}
END_TEST

START_TEST(another_uri_has_one_with_catcher_before_it) {
  Element source("catchersrc");

  ck_assert(take_uri(source, "catcher+file:///tmp/a%20b?c#d"));

  ck_assert_text(text_property(source, "uri"), "file:///tmp/a%20b?c#d");
  ck_assert_text(text_property(source, "channel"), "");
  ck_assert_text(uri_of(source), "catcher+file:///tmp/a%20b?c#d");
  ck_assert(take_uri(source, "CATCHER+file:///tmp/b"));
  ck_assert_text(text_property(source, "uri"), "file:///tmp/b");
}
END_TEST

START_TEST(a_uri_replaces_whatever_was_set) {
  Element source("catchersrc");
  source.set("channel", "x", "feed", "fakesrc", "command", "true", "fd", 0);

  ck_assert(take_uri(source, "catcher+file:///tmp/a"));

  for (const char* other : {"channel", "feed", "command"}) {
    ck_assert_text(text_property(source, other), "");
  }
  ck_assert_int_eq(source.value<gint>("fd"), -1);
  ck_assert(take_uri(source, "catcher://x"));
  ck_assert_text(text_property(source, "uri"), "");
}
END_TEST

START_TEST(no_uri_starts_a_command) {
  const Folder folder;
  const std::string touch = "touch " + folder.path("done");
  for (const std::string& uri :
       {"catcher+command://" + touch, "catcher+command:" + touch, "catcher+feed://" + touch,
        "catcher+exec://" + touch, "catcher+pipe://" + touch, "catcher+sh://" + touch}) {
    Element source("catchersrc");
    ck_assert_msg(!take_uri(source, uri.c_str(), GST_URI_ERROR_UNSUPPORTED_PROTOCOL), "%s",
                  uri.c_str());
    ck_assert(gst_element_make_from_uri(GST_URI_SRC, uri.c_str(), nullptr, nullptr) == nullptr);
    ck_assert_text(text_property(source, "command"), "");
  }
  // A name is a name, whatever it looks like.
  Element source("catchersrc");
  ck_assert(take_uri(source, "catcher://command:true"));
  source.set("wait-timeout", guint64{0});
  source.to(GST_STATE_PAUSED);
  ck_assert_text(text_property(source, "command"), "");
}
END_TEST

START_TEST(uris_that_mean_nothing_are_refused) {
  Element source("catchersrc");

  ck_assert(!take_uri(source, "catcher://", GST_URI_ERROR_BAD_REFERENCE));
  for (const char* uri : {"catcher:", "catcher:x", "catcher:/", "catcher:name1"}) {
    ck_assert(!take_uri(source, uri, GST_URI_ERROR_BAD_URI));
  }
  // On the list, and nobody here takes it.
  ck_assert(!take_uri(source, "catcher+s3://a/b", GST_URI_ERROR_UNSUPPORTED_PROTOCOL));
  ck_assert(!take_uri(source, "catcher+catcher://a", GST_URI_ERROR_UNSUPPORTED_PROTOCOL));

  ck_assert_text(uri_of(source), "");
  ck_assert(take_uri(source, "catcher://a"));
  source.to(GST_STATE_PAUSED);
  ck_assert(!take_uri(source, "catcher://b", GST_URI_ERROR_BAD_STATE));
  ck_assert_text(uri_of(source), "catcher://a");
}
END_TEST

START_TEST(gstreamer_makes_the_element_for_its_uris) {
  const char* const uris[] = {"catcher://a", "catcher+file:///a", "catcher+fd://0"};
  for (const char* uri : uris) {
    Element source(gst_element_make_from_uri(GST_URI_SRC, uri, nullptr, nullptr));
    ck_assert_text(G_OBJECT_TYPE_NAME(source.get()), "GstCatcherSrc");
    ck_assert_text(uri_of(source), uri);
  }
}
END_TEST

START_TEST(a_descriptor_by_uri_is_one_by_number) {
  const NothingKept end;
  FeedPipe pipe;
  FedPlaying first(pipe.reader());
  Playing second(nullptr);
  ck_assert(take_uri(second.element, ("catcher+fd://" + std::to_string(pipe.reader())).c_str()));
  first.play();
  second.play();

  pipe.write(2000);
  pipe.close();
  first.branch.wait_eos();
  second.branch.wait_eos();

  ck_assert_uint_eq(first.branch.bytes(), 2000);
  ck_assert_uint_eq(second.branch.bytes(), 2000);
}
END_TEST

// ---- pulling

bool can_be_pulled(Element& source) {
  const GstPtr<GstPad> pad(gst_element_get_static_pad(source.get(), "src"));
  const QueryPtr query(gst_query_new_scheduling());
  demand(gst_pad_query(pad.get(), query.get()), "scheduling is answered");
  return gst_query_has_scheduling_mode(query.get(), GST_PAD_MODE_PULL);
}

START_TEST(a_local_file_that_fits_can_be_pulled_from_the_beginning) {
  const Folder folder;
  folder.write_pattern("a", 100'000);
  Element source("catchersrc");
  ck_assert(!can_be_pulled(source));

  source.set("uri", folder.uri("a").c_str());
  ck_assert(can_be_pulled(source));

  source.set("max-size-bytes", guint64{99'999});
  ck_assert(!can_be_pulled(source));
  source.set("max-size-bytes", guint64{0});
  ck_assert(can_be_pulled(source));
  source.set_text("pull-mode", "never");
  ck_assert(!can_be_pulled(source));
  source.set_text("pull-mode", "auto");
  source.set("uri", folder.uri("none").c_str());
  ck_assert(!can_be_pulled(source));
  source.set("uri", "file:///dev/zero");
  ck_assert(!can_be_pulled(source));
}
END_TEST

START_TEST(a_file_is_pulled_before_the_source_has_started) {
  const NothingKept end;
  const Folder folder;
  folder.write_pattern("a", 300'000);
  Element pipeline = Element::launch("catchersrc name=in uri=" + folder.uri("a") +
                                     " ! typefind force-caps=application/x-test ! identity ! "
                                     "filesink location=" +
                                     folder.path("b"));

  pipeline.settle(GST_STATE_PAUSED);
  pipeline.to(GST_STATE_PLAYING);
  pipeline.wait_eos();

  ck_assert_uint_eq(folder.text("b").size(), 300'000);
  ck_assert(folder.text("a") == folder.text("b"));
}
END_TEST

// ---- players

constexpr GstClockTime kLength = 12 * GST_SECOND;

struct Medium {
  const char* name;
  const char* encoder;
  const char* needs[3];
};
constexpr Medium kMedia[] = {
    {"a.wav", "wavenc", {"wavenc", "wavparse", nullptr}},
    {"a.mov", "qtmux", {"qtmux", "qtdemux", nullptr}},
    {"a.ogg", "vorbisenc ! oggmux", {"vorbisenc", "oggdemux", "vorbisdec"}},
};

bool has_all(const Medium& medium) {
  bool has = has_element("audiotestsrc") && has_element("playbin") && has_element("uridecodebin3");
  for (const char* need : medium.needs) has = has && (need == nullptr || has_element(need));
  if (!has) std::printf("skipped: %s\n", medium.name);
  return has;
}

void encode(const Folder& folder, const Medium& medium) {
  Element made = Element::launch(
      "audiotestsrc wave=pink-noise volume=0.5 samplesperbuffer=2205 num-buffers=240 ! "
      "audio/x-raw,format=S16LE,channels=2,rate=44100 ! audioconvert ! " +
      std::string(medium.encoder) + " ! filesink location=" + folder.path(medium.name));
  made.to(GST_STATE_PLAYING);
  made.wait_eos();
}

struct Heard {
  GstClockTime time = GST_CLOCK_TIME_NONE;
  std::vector<std::byte> bytes;
  bool operator==(const Heard&) const = default;
};

// A sink of an application, for a player that makes its own pipeline.
GstElement* make_sink() {
  GError* error = nullptr;
  GstElement* bin = gst_parse_bin_from_description(
      "audioconvert dithering=none ! audio/x-raw,format=F32LE ! appsink name=out sync=false "
      "max-buffers=9",
      TRUE, &error);
  if (error != nullptr) give_up(error->message);
  return bin;
}

Element make_player(const char* factory, const std::string& uri) {
  if (std::string(factory).starts_with("uridecodebin")) {
    return Element::launch(std::string(factory) + " uri=" + uri +
                           " ! audioconvert dithering=none ! audio/x-raw,format=F32LE ! "
                           "appsink name=out sync=false max-buffers=9");
  }
  Element player(factory);
  // Its own volume is left out: it outlives the player, with any URI.
  player.set("uri", uri.c_str(), "audio-sink", make_sink());
  player.set_text("flags", "audio");
  return player;
}

// What cannot be pulled is pushed: the demuxers seek in bytes.
void push_only(Element& player) {
  g_signal_connect(player.get(), "source-setup",
                   G_CALLBACK(+[](GstElement*, GstElement* source, gpointer) noexcept {
                     gst_util_set_object_arg(G_OBJECT(source), "pull-mode", "never");
                   }),
                   nullptr);
}

enum class How : std::uint8_t { as_it_likes, pushed };

Heard hear(Element& player, AppSink& sink, GstClockTime target) {
  const bool taken = gst_element_seek_simple(
      player.get(), GST_FORMAT_TIME,
      static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
      static_cast<gint64>(target));
  demand(taken, "a seek is taken", target);
  demand(gst_element_get_state(player.get(), nullptr, nullptr, kPatienceNs) !=
             GST_STATE_CHANGE_FAILURE,
         "a seek prerolls");
  Heard heard;
  for (int count = 0; count < 4; ++count) {
    const SamplePtr sample = sink.pull();
    if (sample == nullptr) break;
    GstBuffer* buffer = gst_sample_get_buffer(sample.get());
    if (count == 0) {
      heard.time = gst_segment_to_stream_time(gst_sample_get_segment(sample.get()), GST_FORMAT_TIME,
                                              GST_BUFFER_PTS(buffer));
    }
    AppSink::append(heard.bytes, buffer);
  }
  return heard;
}

// The whole, and after seeks.
std::vector<Heard> hear_all(const char* factory, const std::string& uri,
                            How how = How::as_it_likes) {
  Element player = make_player(factory, uri);
  if (how == How::pushed) push_only(player);
  player.settle(GST_STATE_PAUSED);
  AppSink sink(player, "out");
  player.to(GST_STATE_PLAYING);
  std::vector<Heard> all{{0, sink.pull_all()}};
  for (const unsigned percent : {50u, 10u, 90u, 0u, 70u, 69u, 3u}) {
    all.push_back(hear(player, sink, kLength * percent / 100 + 12'345'678));
  }
  player.demand_no_error();
  return all;
}

void compare(const char* factory) {
  const NothingKept end;
  const Folder folder;
  for (const Medium& medium : kMedia) {
    if (!has_all(medium) || !has_element(factory)) continue;
    encode(folder, medium);
    const auto wanted = hear_all(factory, folder.uri(medium.name));
    ck_assert_uint_gt(wanted[0].bytes.size(), 1'000'000);
    // The second time it is played from what was kept.
    for (int time = 0; time < 2; ++time) {
      const auto heard = hear_all(factory, "catcher+" + folder.uri(medium.name));
      for (std::size_t i = 0; i < wanted.size(); ++i) {
        ck_assert_msg(heard[i].time == wanted[i].time, "%s in %s: place %zu is %" G_GUINT64_FORMAT,
                      medium.name, factory, i, heard[i].time);
        ck_assert_msg(heard[i].bytes == wanted[i].bytes, "%s in %s: other samples in place %zu",
                      medium.name, factory, i);
      }
    }
    std::printf("%s in %s: the same\n", medium.name, factory);
  }
}

START_TEST(playbin_plays_and_seeks_as_in_the_file) {
  compare("playbin");
}
END_TEST
START_TEST(playbin3_plays_and_seeks_as_in_the_file) {
  compare("playbin3");
}
END_TEST
START_TEST(uridecodebin_plays_and_seeks_as_in_the_file) {
  compare("uridecodebin");
}
END_TEST
START_TEST(uridecodebin3_plays_and_seeks_as_in_the_file) {
  compare("uridecodebin3");
}
END_TEST

// Pieces may be larger in the one than in the other.
bool begins_alike(const std::vector<std::byte>& one, const std::vector<std::byte>& other) {
  const std::size_t both = std::min(one.size(), other.size());
  return both >= 4000 &&
         std::equal(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(both), other.begin());
}

START_TEST(what_is_pushed_plays_and_seeks_too) {
  const NothingKept end;
  const Folder folder;
  for (const Medium& medium : kMedia) {
    // Demuxers of others are less exact, or refuse some seeks, when they are pushed to.
    if (medium.name != std::string("a.wav") || !has_all(medium)) continue;
    encode(folder, medium);
    const auto wanted = hear_all("playbin", folder.uri(medium.name));
    const auto heard = hear_all("playbin", "catcher+" + folder.uri(medium.name), How::pushed);
    ck_assert_msg(heard[0].bytes == wanted[0].bytes, "%s: other samples", medium.name);
    for (std::size_t i = 1; i < wanted.size(); ++i) {
      // wavparse tells the time of the frame's beginning when it is pushed to.
      ck_assert_msg(wanted[i].time - heard[i].time < GST_SECOND / 44100,
                    "%s: place %zu is %" G_GUINT64_FORMAT ", not %" G_GUINT64_FORMAT, medium.name,
                    i, heard[i].time, wanted[i].time);
      ck_assert_msg(begins_alike(heard[i].bytes, wanted[i].bytes), "%s: other samples in place %zu",
                    medium.name, i);
    }
  }
}
END_TEST

START_TEST(two_players_share_one_feed_and_seek_on_their_own) {
  const NothingKept end;
  const Medium& medium = kMedia[0];
  if (!has_all(medium)) return;
  const Folder folder;
  encode(folder, medium);
  const std::string uri = folder.uri(medium.name);
  Element first = make_player("playbin", "catcher+" + uri);
  Element second = make_player("uridecodebin3", "catcher+" + uri);
  first.settle(GST_STATE_PAUSED);
  second.settle(GST_STATE_PAUSED);
  AppSink first_sink(first, "out");
  AppSink second_sink(second, "out");

  const std::atomic<bool> never{false};
  const auto recording = catcher::plugin::channels::await("uri:" + uri, 0, never);
  ck_assert(recording != nullptr);
  GstStructure* stats = recording->stats();
  const GValue* players = gst_structure_get_value(stats, "players");
  ck_assert_uint_eq(gst_value_list_get_size(players), 2);
  gst_structure_free(stats);

  first.to(GST_STATE_PLAYING);
  second.to(GST_STATE_PLAYING);
  const Heard late = hear(first, first_sink, 9 * GST_SECOND);
  const Heard early = hear(second, second_sink, 3 * GST_SECOND);
  ck_assert_uint_eq(late.time, 9 * GST_SECOND);
  ck_assert_uint_eq(early.time, 3 * GST_SECOND);
  ck_assert(late.bytes != early.bytes);
  ck_assert(hear(second, second_sink, 9 * GST_SECOND) == late);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "uri",
      {{"handler",
        {a_channel_has_a_uri, another_uri_has_one_with_catcher_before_it,
         a_uri_replaces_whatever_was_set, no_uri_starts_a_command,
         uris_that_mean_nothing_are_refused, gstreamer_makes_the_element_for_its_uris,
         a_descriptor_by_uri_is_one_by_number}},
       {"pulling",
        {a_local_file_that_fits_can_be_pulled_from_the_beginning,
         a_file_is_pulled_before_the_source_has_started}},
       {"players",
        {playbin_plays_and_seeks_as_in_the_file, playbin3_plays_and_seeks_as_in_the_file,
         uridecodebin_plays_and_seeks_as_in_the_file, uridecodebin3_plays_and_seeks_as_in_the_file,
         what_is_pushed_plays_and_seeks_too, two_players_share_one_feed_and_seek_on_their_own}}});
}
