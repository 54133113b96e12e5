// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How a program makes a one-way stream seekable. What a command prints can be read once, forwards;
// it is decoded into a catchertee, and three branches play it from there: one straight through,
// one that joins late and seeks while the stream still arrives, and one in another pipeline after
// the first is gone. Each is compared with a decode of the same bytes without catcher.
//
//   catcher-demo [--play] --out DIR --command 'CMD ARGS'
#include <gio/gunixinputstream.h>
#include <gst/app/gstappsink.h>
#include <gst/gst.h>

#include <memory>
#include <string_view>
#include <vector>

#include "account.hpp"

namespace {

constexpr GstClockTime kJoinAfter = 5 * GST_SECOND;   // on the wall clock: the late branch
constexpr GstClockTime kTakeLasts = 10 * GST_SECOND;  // of audio: what is played after a seek
constexpr GstClockTime kPatience = 30 * GST_SECOND;   // on the wall clock: without anything new

// Dithering would add noise, and other noise each time.
const std::string kDecode =
    " ! decodebin caps=audio/x-raw expose-all-streams=false ! audioconvert dithering=none"
    " ! audio/x-raw,format=S16LE,channels=[1,2]";
const std::string kToFile = " ! wavenc ! filesink name=file";

using Failure = std::runtime_error;

void check(const GError* error, const std::string& what) {
  if (error != nullptr) throw Failure(what + ": " + error->message);
}

class Pipeline {
 public:
  explicit Pipeline(const std::string& description) {
    g_autoptr(GError) error = nullptr;
    pipeline_.reset(gst_parse_launch(description.c_str(), &error));
    check(error, "The pipeline cannot be made");
    gst_object_ref_sink(pipeline_.get());
  }

  GstBin* bin() const { return GST_BIN(pipeline_.get()); }
  template <class Value>
  void set(const char* name, const char* property, Value value) const {
    g_autoptr(GstElement) element = gst_bin_get_by_name(bin(), name);
    g_object_set(element, property, value, nullptr);
  }
  void play(const std::string& to_file) const {
    set("file", "location", to_file.c_str());
    gst_element_set_state(pipeline_.get(), GST_STATE_PLAYING);
  }

  // Waits for the end, at most for `timeout`; true at the end. Throws what an element reports.
  bool ends_within(GstClockTime timeout) {
    g_autoptr(GstBus) bus = gst_element_get_bus(pipeline_.get());
    const auto kinds = static_cast<GstMessageType>(GST_MESSAGE_ERROR | GST_MESSAGE_EOS);
    g_autoptr(GstMessage) message =
        ended_ ? nullptr : gst_bus_timed_pop_filtered(bus, timeout, kinds);
    if (message != nullptr && GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      g_autoptr(GError) error = nullptr;
      gst_message_parse_error(message, &error, nullptr);
      check(error, std::string("Error in ") + GST_MESSAGE_SRC_NAME(message));
    }
    return ended_ = ended_ || message != nullptr;
  }
  void wait_for_end(GstClockTime patience = 10 * kPatience) {
    if (!ends_within(patience)) throw Failure("A pipeline does not come to its end");
  }

 private:
  struct Stop {
    void operator()(GstElement* pipeline) const {
      gst_element_set_state(pipeline, GST_STATE_NULL);
      gst_object_unref(pipeline);
    }
  };
  std::unique_ptr<GstElement, Stop> pipeline_;
  bool ended_ = false;
};

// Starts a program, without a shell; the pipeline reads what it prints.
GSubprocess* feed(const Pipeline& pipeline, const std::string& command_line) {
  g_autoptr(GError) error = nullptr;
  g_auto(GStrv) argv = nullptr;
  GSubprocess* command = nullptr;
  if (g_shell_parse_argv(command_line.c_str(), nullptr, &argv, &error)) {
    command = g_subprocess_newv(argv, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
  }
  check(error, "The command cannot be started");
  auto* output = G_UNIX_INPUT_STREAM(g_subprocess_get_stdout_pipe(command));
  pipeline.set("in", "fd", g_unix_input_stream_get_fd(output));
  return command;
}

// Nothing but zeros as long as no audio has come.
Window window_of(GstElement* tee) {
  g_autoptr(GstQuery) query = gst_query_new_seeking(GST_FORMAT_TIME);
  gint64 oldest = 0, edge = 0;
  gst_element_query(tee, query);
  gst_query_parse_seeking(query, nullptr, nullptr, &oldest, &edge);
  if (edge <= 0) return {};
  return {static_cast<std::uint64_t>(oldest), static_cast<std::uint64_t>(edge)};
}

// A branch that comes while the stream runs, and is read here, a sample at a time.
class LateBranch {
 public:
  LateBranch(Pipeline& stream, GstElement* tee)
      : stream_(stream), tee_(tee), sink_(gst_element_factory_make("appsink", nullptr)) {
    // With a short queue the branch waits for its reader; the others do not.
    g_object_set(sink_, "sync", FALSE, "async", FALSE, "max-buffers", 8, nullptr);
    gst_bin_add(stream_.bin(), sink_);
    gst_element_sync_state_with_parent(sink_);
  }

  Take join() {
    const gint64 begun = g_get_monotonic_time();
    Take take{"late: join", window_of(tee_).edge};
    g_autoptr(GstPad) pad = gst_element_request_pad_simple(tee_, "src_%u");
    gst_util_set_object_arg(G_OBJECT(pad), "start-from", "edge");
    g_autoptr(GstPad) input = gst_element_get_static_pad(sink_, "sink");
    gst_pad_link(pad, input);
    return listen(std::move(take), begun, kTakeLasts);
  }

  // `halves` of what is kept lie before the place: 0 is the start, 2 the edge.
  Take seek(const char* name, unsigned halves, GstClockTime lasts = kTakeLasts) {
    const gint64 begun = g_get_monotonic_time();
    const Window now = window_of(tee_);
    const GstClockTime place = now.oldest + (now.edge - now.oldest) * halves / 2;
    const auto flags = static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE);
    if (!gst_element_seek_simple(sink_, GST_FORMAT_TIME, flags, static_cast<gint64>(place))) {
      throw Failure("The late branch refuses to seek");
    }
    return listen({name, now.edge, place}, begun, lasts);
  }

 private:
  Take listen(Take take, gint64 begun, GstClockTime lasts) {
    take.landed = take.edge;
    for (GstClockTime heard = 0; heard < lasts;) {
      g_autoptr(GstSample) sample = gst_app_sink_try_pull_sample(GST_APP_SINK(sink_), kPatience);
      if (sample == nullptr) {
        take.to_end = gst_app_sink_is_eos(GST_APP_SINK(sink_)) != FALSE;
        if (!take.to_end && !stream_.ends_within(0)) throw Failure("No audio has come for long");
        break;
      }
      GstBuffer* buffer = gst_sample_get_buffer(sample);
      if (heard == 0) {
        take.wait_ms = double(g_get_monotonic_time() - begun) / 1000;
        gst_segment_to_stream_time_full(gst_sample_get_segment(sample), GST_FORMAT_TIME,
                                        GST_BUFFER_PTS(buffer), &take.landed);
      }
      heard += GST_BUFFER_DURATION(buffer);
      const std::size_t old = take.audio.size();
      take.audio.resize(old + gst_buffer_get_size(buffer));
      gst_buffer_extract(buffer, 0, take.audio.data() + old, take.audio.size() - old);
    }
    return take;
  }

  Pipeline& stream_;
  GstElement* const tee_;
  GstElement* const sink_;  // the stream's
};

// The stream arrives, is kept, and is played meanwhile.
Caught record(const std::string& out, const std::string& command_line, bool aloud) {
  // The copy takes whatever comes: neither its queue nor a question to it may stop the source.
  Pipeline stream(
      "fdsrc name=in ! identity drop-allocation=true ! tee name=bytes"
      "  bytes. ! queue max-size-buffers=0 max-size-bytes=0 ! filesink name=copy  bytes. ! queue" +
      kDecode + " ! catchertee name=caught channel=demo  caught." + kToFile +
      (aloud ? "  caught. ! audioconvert ! audioresample ! autoaudiosink" : ""));
  g_autoptr(GSubprocess) command = feed(stream, command_line);
  stream.set("copy", "location", (out + "stream.bin").c_str());
  stream.play(out + "through.wav");
  g_autoptr(GstElement) tee = gst_bin_get_by_name(stream.bin(), "caught");
  Caught caught;
  for (GstClockTime waited = 0; caught.first.edge == 0; waited += kJoinAfter) {
    try {
      if (waited > kPatience) throw Failure("none has come");
      stream.ends_within(kJoinAfter);
    } catch (const Failure& failure) {
      if (window_of(tee).edge != 0) throw;
      throw Failure(std::string("The command prints no audio: ") + failure.what());
    }
    caught.first = window_of(tee);
  }
  LateBranch late(stream, tee);
  caught.takes.push_back(late.join());
  caught.takes.push_back(late.seek("late: to the start", 0));
  caught.takes.push_back(late.seek("late: to the middle", 1));
  caught.takes.push_back(late.seek("late: to the edge", 2, GST_CLOCK_TIME_NONE));
  stream.wait_for_end(aloud ? GST_CLOCK_TIME_NONE : kPatience);

  g_autoptr(GError) error = nullptr;
  g_subprocess_wait_check(command, nullptr, &error);
  check(error, "The command failed");
  caught.last = window_of(tee);
  g_object_get(tee, "current-level-bytes", &caught.bytes, nullptr);
  return caught;
}

// True if all that was played is right.
bool demo(const std::string& out, const std::string& command_line, bool aloud) {
  const Caught caught = record(out, command_line, aloud);
  // The writer is gone, and its pipeline with it; the channel's name is all that this one knows.
  Pipeline player("catchersrc channel=demo wait-timeout=0" + kToFile);
  player.play(out + "replay.wav");
  player.wait_for_end();
  // The same bytes, one way again, without catcher.
  Pipeline decoder("fdsrc name=in" + kDecode + kToFile);
  g_autofree char* copy = g_shell_quote((out + "stream.bin").c_str());
  g_autoptr(GSubprocess) cat = feed(decoder, std::string("cat ") + copy);
  decoder.play(out + "decode.wav");
  decoder.wait_for_end();

  return give_account(caught, out);
}

}  // namespace

int main(int argc, char** argv) {
  std::string out, command_line;
  bool aloud = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--play") aloud = true;
    if (option == "--out" && i + 1 < argc) out = std::string(argv[++i]) + "/";
    if (option == "--command" && i + 1 < argc) command_line = argv[++i];
  }
  if (out.empty() || command_line.empty()) {
    std::fputs("catcher-demo [--play] --out DIR --command 'CMD ARGS'\n", stderr);
    return 2;
  }
  gst_init(nullptr, nullptr);
  try {
    return demo(out, command_line, aloud) ? 0 : 1;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "catcher-demo: %s\n", failure.what());
    return 1;
  }
}
