// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "feed_pipeline.hpp"

#include <string>
#include <utility>

#include "feed_command.hpp"
#include "feed_sink.hpp"

namespace catcher::plugin {
namespace {

constexpr const char* kSinkName = "catcher-feed-sink";
constexpr const char* kEndsWithOne =
    "The feed's last element must have one source pad that goes into any sink: end the line with "
    "the element whose stream is to be recorded, without a sink behind it.";

FeedPipeline failed(GQuark domain, gint code, std::string text, std::string debug) {
  return {nullptr, nullptr, {domain, code, std::move(text), std::move(debug)}};
}

FeedPipeline wrong_feed(std::string text, std::string debug) {
  return failed(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, std::move(text), std::move(debug));
}

FeedPipeline missing(std::string text, std::string debug) {
  return failed(GST_CORE_ERROR, GST_CORE_ERROR_MISSING_PLUGIN, std::move(text), std::move(debug));
}

FeedPipeline cannot_be_parsed(const GError& error) {
  const std::string why = error.message;
  if (error.domain != GST_PARSE_ERROR) return wrong_feed("The feed cannot be made.", why);
  switch (error.code) {
    case GST_PARSE_ERROR_NO_SUCH_ELEMENT:
      return missing("The feed needs an element that is not there.",
                     why + ". Install the plugin that has it, or correct its name in feed.");
    case GST_PARSE_ERROR_LINK:
      return wrong_feed("The feed's elements cannot be linked.", why + ". " + kEndsWithOne);
    default:
      return wrong_feed("The feed cannot be read.",
                        why + ". Write feed as a line for gst-launch-1.0.");
  }
}

// A stream that comes as the feed runs, out of the element whose first one is recorded.
void refuse_second(GstElement* element, GstPad* pad, GstElement* sink) noexcept {
  if (GST_PAD_DIRECTION(pad) != GST_PAD_SRC) return;
  const GstPtr<GstPad> into(gst_element_get_static_pad(sink, "sink"));
  const GstPtr<GstPad> recorded(gst_pad_get_peer(into.get()));
  if (recorded == nullptr || recorded.get() == pad || gst_pad_is_linked(pad)) return;
  const GstPtr<GstElement> last(gst_pad_get_parent_element(recorded.get()));
  if (last.get() != element) return;
  GST_ELEMENT_ERROR(element, RESOURCE, SETTINGS, ("The feed gives more than one stream."),
                    ("%s gives %s too, and a channel holds one stream. In feed, go on from the "
                     "one that is wanted, and link others to a fakesink.",
                     GST_OBJECT_NAME(element), GST_OBJECT_NAME(pad)));
}

void watch_for_more(GstElement* pipeline, GstElement* sink) {
  GstIterator* all = gst_bin_iterate_elements(GST_BIN(pipeline));
  GValue item = G_VALUE_INIT;
  while (gst_iterator_next(all, &item) == GST_ITERATOR_OK) {
    gpointer element = g_value_get_object(&item);
    if (element != sink) {
      g_signal_connect_object(element, "pad-added", G_CALLBACK(refuse_second), sink,
                              static_cast<GConnectFlags>(0));
    }
    g_value_reset(&item);
  }
  g_value_unset(&item);
  gst_iterator_free(all);
}

// A second stream would be lost without a word.
FeedPipeline check_loose_ends(FeedPipeline made) {
  const GstPtr<GstPad> loose(gst_bin_find_unlinked_pad(GST_BIN(made.pipeline.get()), GST_PAD_SRC));
  if (loose == nullptr) return made;
  const GstPtr<GstElement> owner(gst_pad_get_parent_element(loose.get()));
  const std::string name = std::string(owner == nullptr ? "?" : GST_OBJECT_NAME(owner.get())) +
                           "." + GST_OBJECT_NAME(loose.get());
  return wrong_feed("The feed gives more than one stream.",
                    "Nothing takes what comes out of " + name +
                        ", and a channel holds one stream. Link it in feed, to a fakesink if it "
                        "is not wanted.");
}

FeedPipeline from_description(const std::string& description) {
  GError* error = nullptr;
  const std::string line = description + " ! catchersink name=" + kSinkName;
  GstElement* parsed =
      gst_parse_launch_full(line.c_str(), nullptr, GST_PARSE_FLAG_FATAL_ERRORS, &error);
  if (parsed != nullptr) gst_object_ref_sink(parsed);
  GstPtr<GstElement> made(parsed);
  if (error != nullptr) {
    FeedPipeline refused = cannot_be_parsed(*error);
    g_error_free(error);
    return refused;
  }
  if (made == nullptr || !GST_IS_PIPELINE(made.get())) {
    return wrong_feed("The feed cannot be read.", kEndsWithOne);
  }
  GstPtr<GstElement> sink(gst_bin_get_by_name(GST_BIN(made.get()), kSinkName));
  if (sink == nullptr) return wrong_feed("The feed cannot be read.", kEndsWithOne);
  return check_loose_ends({std::move(made), std::move(sink), {}});
}

// A source that finds its streams as it runs: the first that comes is recorded.
void link_when_it_comes(GstElement* source, GstElement* sink) {
  g_signal_connect_object(source, "pad-added",
                          G_CALLBACK(+[](GstElement*, GstPad* pad, GstElement* end) noexcept {
                            const GstPtr<GstPad> into(gst_element_get_static_pad(end, "sink"));
                            if (!gst_pad_is_linked(into.get())) gst_pad_link(pad, into.get());
                          }),
                          sink, static_cast<GConnectFlags>(0));
}

FeedPipeline from_source(GstElement* source) {
  GstElement* pipeline = gst_pipeline_new(nullptr);
  GstElement* sink = gst_element_factory_make("catchersink", kSinkName);
  if (sink == nullptr) {
    gst_object_unref(gst_object_ref_sink(source));
    gst_object_unref(gst_object_ref_sink(pipeline));
    return missing("A feed needs catchersink, which is not there.", "Install the whole plugin.");
  }
  FeedPipeline made{GstPtr<GstElement>(GST_ELEMENT_CAST(gst_object_ref_sink(pipeline))),
                    GstPtr<GstElement>(GST_ELEMENT_CAST(gst_object_ref_sink(sink))),
                    {}};
  gst_bin_add_many(GST_BIN(pipeline), source, sink, nullptr);
  if (!gst_element_link(source, sink)) link_when_it_comes(source, sink);
  return made;
}

FeedPipeline from_uri(const std::string& uri) {
  GError* error = nullptr;
  GstElement* source = gst_element_make_from_uri(GST_URI_SRC, uri.c_str(), nullptr, &error);
  if (source != nullptr) return from_source(source);
  const std::string why = error == nullptr ? "No element takes it" : error->message;
  const bool is_unknown =
      error == nullptr || g_error_matches(error, GST_URI_ERROR, GST_URI_ERROR_UNSUPPORTED_PROTOCOL);
  g_clear_error(&error);
  const std::string text = "Nothing can read \"" + uri + "\".";
  if (is_unknown) return missing(text, why + ". Install a plugin with a source for this scheme.");
  return wrong_feed(text, why + ". Correct the URI.");
}

FeedPipeline from_fd(int fd) {
  GstElement* source = gst_element_factory_make("fdsrc", nullptr);
  if (source == nullptr) {
    return missing("A descriptor cannot be read without fdsrc.",
                   "Install GStreamer's core elements.");
  }
  g_object_set(source, "fd", fd, nullptr);
  return from_source(source);
}

FeedPipeline make(const FeedSpec& spec) {
  switch (spec.kind) {
    case FeedSpec::Kind::description: return from_description(spec.text);
    case FeedSpec::Kind::uri: return from_uri(spec.text);
    case FeedSpec::Kind::command: return from_source(make_command_source(spec.text));
    case FeedSpec::Kind::fd: return from_fd(spec.fd->get());
    case FeedSpec::Kind::none: break;
  }
  return wrong_feed("There is no feed.", "Set one of feed, uri, command and fd.");
}

}  // namespace

FeedPipeline make_feed_pipeline(const FeedSpec& spec, const Settings& settings) {
  FeedPipeline made = make(spec);
  if (made.pipeline == nullptr) return made;
  Settings recorded = settings;
  recorded.channel = spec.channel;
  watch_for_more(made.pipeline.get(), made.sink.get());
  set_recording_settings(made.sink.get(), recorded);
  return made;
}

}  // namespace catcher::plugin
