// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The parts of docs/recipes.md that need an application. Each runs for a few seconds, on a tone in
// place of a radio, and fails if it does not do what the page says.
//
//   catcher-recipes rewind|replay FILE|loop
#include <gst/gst.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace {

// [seek]
bool seek_to(GstElement* sink, GstSeekType type, gint64 place) {
  return gst_element_seek(sink, 1.0, GST_FORMAT_TIME,
                          static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                          type, place, GST_SEEK_TYPE_NONE, 0);
}

bool back(GstElement* sink, gint64 by) {
  gint64 now = 0;
  return gst_element_query_position(sink, GST_FORMAT_TIME, &now) &&
         seek_to(sink, GST_SEEK_TYPE_SET, now > by ? now - by : 0);
}

bool live(GstElement* sink) {
  return seek_to(sink, GST_SEEK_TYPE_END, 0);
}
// [seek]

// [replay]
// Everything from `seconds` ago until now, into a file.
void replay(GstElement* pipeline, GstElement* tee, gint64 seconds, const char* file) {
  GstElement* writer = gst_parse_bin_from_description("wavenc ! filesink name=file", TRUE, nullptr);
  GstElement* to_file = gst_bin_get_by_name(GST_BIN(writer), "file");
  g_object_set(to_file, "location", file, "async", FALSE, nullptr);
  gst_object_unref(to_file);
  gst_bin_add(GST_BIN(pipeline), writer);
  gst_element_sync_state_with_parent(writer);

  GstPad* from = gst_element_request_pad_simple(tee, "src_%u");
  gst_util_set_object_arg(G_OBJECT(from), "start-from", "offset");
  g_object_set(from, "start-offset", -seconds * gint64{GST_SECOND}, nullptr);
  GstPad* into = gst_element_get_static_pad(writer, "sink");
  gst_pad_link(from, into);

  // It plays as fast as the file takes it, until it has come to the edge.
  gint64 place = -1;
  guint64 lag = 0;
  while (place < 0 || lag > GST_SECOND / 10) {
    g_usleep(10'000);
    g_object_get(from, "position", &place, "lag-time", &lag, nullptr);
  }
  gst_pad_unlink(from, into);
  gst_element_release_request_pad(tee, from);
  gst_pad_send_event(into, gst_event_new_eos());  // the length is written into its header
  gst_element_set_state(writer, GST_STATE_NULL);
  gst_bin_remove(GST_BIN(pipeline), writer);
  gst_object_unref(into);
  gst_object_unref(from);
}
// [replay]

// [loop]
// Plays [a, b) over and over: `more` says how long. The next round is asked for when the one before
// has been handed out, and follows it without a gap.
template <class More>
bool loop(GstElement* pipeline, GstElement* sink, gint64 a, gint64 b, const More& more) {
  GstBus* bus = gst_element_get_bus(pipeline);
  int flags = GST_SEEK_FLAG_SEGMENT | GST_SEEK_FLAG_ACCURATE | GST_SEEK_FLAG_FLUSH;
  bool goes_on = true;
  do {
    goes_on = gst_element_seek(sink, 1.0, GST_FORMAT_TIME, static_cast<GstSeekFlags>(flags),
                               GST_SEEK_TYPE_SET, a, GST_SEEK_TYPE_SET, b);
    flags &= ~GST_SEEK_FLAG_FLUSH;
    GstMessage* done = gst_bus_timed_pop_filtered(bus, 10 * GST_SECOND, GST_MESSAGE_SEGMENT_DONE);
    goes_on = goes_on && done != nullptr;
    if (done != nullptr) gst_message_unref(done);
  } while (goes_on && more());
  gst_object_unref(bus);
  return goes_on;
}
// [loop]

// ---- what runs them

void check(bool fact, const char* what) {
  if (!fact) throw std::runtime_error(what);
}

class Pipeline {
 public:
  explicit Pipeline(const char* line) : top_(gst_parse_launch(line, nullptr)) {
    check(top_ != nullptr, "the pipeline can be made");
    tee = gst_bin_get_by_name(GST_BIN(top_), "c");
    sink = gst_bin_get_by_name(GST_BIN(top_), "speaker");
    gst_element_set_state(top_, GST_STATE_PLAYING);
    gst_element_get_state(top_, nullptr, nullptr, 10 * GST_SECOND);
  }
  ~Pipeline() {
    gst_element_set_state(top_, GST_STATE_NULL);
    gst_object_unref(tee);
    gst_object_unref(sink);
    gst_object_unref(top_);
  }
  Pipeline(const Pipeline&) = delete;
  Pipeline& operator=(const Pipeline&) = delete;

  GstElement* get() const { return top_; }
  // Until it has played up to there.
  void play_to(gint64 place) const {
    for (int tries = 0; tries < 2000; ++tries) {
      gint64 now = 0;
      if (gst_element_query_position(sink, GST_FORMAT_TIME, &now) && now >= place) return;
      g_usleep(10'000);
    }
    throw std::runtime_error("it does not play on");
  }
  gint64 place() const {
    gint64 now = -1;
    gst_element_query_position(sink, GST_FORMAT_TIME, &now);
    return now;
  }

  GstElement* tee = nullptr;
  GstElement* sink = nullptr;

 private:
  GstElement* const top_;
};

constexpr gint64 kSecond = GST_SECOND;
constexpr const char* kRadio =
    "audiotestsrc is-live=true ! audio/x-raw,rate=48000 ! catchertee name=c "
    "max-size-time=30000000000"
    " ! fakesink name=speaker sync=true";

void try_rewind() {
  const Pipeline radio(kRadio);
  radio.play_to(2 * kSecond);
  check(back(radio.sink, kSecond), "it goes back");
  gst_element_get_state(radio.get(), nullptr, nullptr, 10 * GST_SECOND);
  check(radio.place() < 2 * kSecond, "it is back");
  radio.play_to(kSecond * 3 / 2);
  check(live(radio.sink), "it goes to what arrives now");
  radio.play_to(kSecond * 5 / 2);
}

void try_replay(const char* file) {
  const Pipeline radio(kRadio);
  radio.play_to(2 * kSecond);
  replay(radio.get(), radio.tee, 1, file);
}

void try_loop() {
  const Pipeline player(
      "audiotestsrc num-buffers=500 ! audio/x-raw,rate=48000 ! catchertee name=c"
      " ! fakesink name=speaker sync=true");
  int rounds = 0;
  check(loop(player.get(), player.sink, kSecond, kSecond * 3 / 2, [&] { return ++rounds < 4; }),
        "it loops");
}

}  // namespace

int main(int argc, char** argv) {
  gst_init(&argc, &argv);
  try {
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "rewind") {
      try_rewind();
    } else if (what == "replay" && argc > 2) {
      try_replay(argv[2]);
    } else if (what == "loop") {
      try_loop();
    } else {
      std::fprintf(stderr, "catcher-recipes rewind|replay FILE|loop\n");
      return 2;
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "not so: %s\n", error.what());
    return 1;
  }
  return 0;
}
