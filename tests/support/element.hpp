// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// An element on its own, or a pipeline, with a bus that a test reads. Whoever waits longer than
// kPatience ends the test. Its end takes it to NULL and lets it go.
#pragma once

#include <gst/gst.h>

#include <string>
#include <utility>

#include "plugin/support/gst_ptr.hpp"
#include "tests/support/demand.hpp"
#include "tests/support/gate.hpp"

namespace catcher::test {

using plugin::BufferPtr;
using plugin::CapsPtr;
using plugin::EventPtr;
using plugin::GstPtr;
using plugin::QueryPtr;
using plugin::TextPtr;

inline constexpr GstClockTime kPatienceNs =
    static_cast<GstClockTime>(std::chrono::nanoseconds(kPatience).count());

// A pad that belongs to no element and takes anything. Its template keeps GStreamer from answering
// CAPS with those of a sticky event that another thread replaces.
inline GstPtr<GstPad> bare_pad(const char* name, GstPadDirection direction) {
  const CapsPtr any(gst_caps_new_any());
  GstPadTemplate* any_pad = gst_pad_template_new("any", direction, GST_PAD_ALWAYS, any.get());
  gst_object_ref_sink(any_pad);
  GstPtr<GstPad> pad(GST_PAD_CAST(gst_object_ref_sink(gst_pad_new_from_template(any_pad, name))));
  gst_object_unref(any_pad);
  return pad;
}

struct PostedError {
  GQuark domain = 0;
  gint code = 0;
  std::string text;   // what the user reads
  std::string debug;  // what to change
  std::string from;   // name of the element
  bool is(GQuark of, gint number) const { return domain == of && code == number; }
};

// Thread: any, but one at a time at the bus.
class Element {
 public:
  explicit Element(const char* factory) : Element(gst_element_factory_make(factory, nullptr)) {}
  // Takes over a floating reference.
  explicit Element(GstElement* element) {
    demand(element != nullptr, "there is such an element");
    element_.reset(GST_ELEMENT_CAST(gst_object_ref_sink(element)));
    if (GST_IS_PIPELINE(element)) {
      bus_.reset(GST_OBJECT_CAST(gst_pipeline_get_bus(GST_PIPELINE(element))));
    } else {
      bus_.reset(GST_OBJECT_CAST(gst_bus_new()));
      gst_element_set_bus(element, bus());
    }
  }
  // A pipeline by its gst-launch line.
  static Element launch(const std::string& line) {
    GError* error = nullptr;
    GstElement* made = gst_parse_launch(line.c_str(), &error);
    if (error != nullptr) give_up(error->message);
    if (GST_IS_PIPELINE(made)) return Element(made);
    GstElement* pipeline = gst_pipeline_new(nullptr);
    gst_bin_add(GST_BIN(pipeline), made);
    return Element(pipeline);
  }
  ~Element() { end(); }
  Element(Element&&) noexcept = default;
  Element& operator=(Element&&) = delete;

  GstElement* get() const { return element_.get(); }
  GstBus* bus() const { return GST_BUS_CAST(bus_.get()); }
  GstPtr<GstElement> child(const char* name) const {
    GstElement* found = gst_bin_get_by_name(GST_BIN(get()), name);
    demand(found != nullptr, name);
    return GstPtr<GstElement>(found);
  }

  // g_object_set() without its end.
  template <class... Arguments>
  void set(const char* name, Arguments... arguments) {
    g_object_set(get(), name, arguments..., nullptr);
  }
  void set_text(const char* name, const char* value) {
    gst_util_set_object_arg(G_OBJECT(get()), name, value);
  }
  template <class T>
  T value(const char* name) const {
    T value{};
    g_object_get(get(), name, &value, nullptr);
    return value;
  }

  GstStateChangeReturn try_to(GstState state) { return gst_element_set_state(get(), state); }
  void to(GstState state) {
    demand(try_to(state) != GST_STATE_CHANGE_FAILURE, "the state can be had", state);
  }
  // Waits until it is there.
  void settle(GstState state) {
    GstStateChangeReturn result = try_to(state);
    if (result == GST_STATE_CHANGE_ASYNC) {
      result = gst_element_get_state(get(), nullptr, nullptr, kPatienceNs);
    }
    if (result != GST_STATE_CHANGE_SUCCESS && result != GST_STATE_CHANGE_NO_PREROLL) {
      demand_no_error();
      give_up("the state is reached in time", state);
    }
  }
  // To NULL, and gone: buffers of its may be kept.
  void end() {
    if (element_ == nullptr) return;
    gst_element_set_state(get(), GST_STATE_NULL);
    gst_bus_set_flushing(bus(), TRUE);
    if (!GST_IS_PIPELINE(get())) gst_element_set_bus(get(), nullptr);
    element_.reset();
    bus_.reset();
  }

  // The next message of these types; others are thrown away. The caller's to unref.
  GstMessage* wait_message(int types, const char* for_what = "a message is posted") {
    GstMessage* message =
        gst_bus_timed_pop_filtered(bus(), kPatienceNs, static_cast<GstMessageType>(types));
    demand(message != nullptr, for_what);
    return message;
  }
  PostedError wait_error() {
    return read_error(wait_message(GST_MESSAGE_ERROR, "an error is posted"));
  }
  // Ends the test if an error was posted.
  void demand_no_error() {
    GstMessage* message = gst_bus_pop_filtered(bus(), GST_MESSAGE_ERROR);
    if (message == nullptr) return;
    const PostedError error = read_error(message);
    std::fprintf(stderr, "%s: %s (%s)\n", error.from.c_str(), error.text.c_str(),
                 error.debug.c_str());
    give_up("no error is posted");
  }
  // Of a pipeline: until all of its sinks are through.
  void wait_eos() {
    GstMessage* message =
        wait_message(GST_MESSAGE_EOS | GST_MESSAGE_ERROR, "the pipeline comes to its end");
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
      const PostedError error = read_error(message);
      std::fprintf(stderr, "%s (%s)\n", error.text.c_str(), error.debug.c_str());
      give_up("the pipeline ends without an error");
    }
    gst_message_unref(message);
  }

 private:
  static PostedError read_error(GstMessage* message) {
    GError* error = nullptr;
    gchar* debug = nullptr;
    gst_message_parse_error(message, &error, &debug);
    PostedError read{error->domain, error->code, error->message, debug == nullptr ? "" : debug,
                     GST_OBJECT_NAME(GST_MESSAGE_SRC(message))};
    g_error_free(error);
    g_free(debug);
    gst_message_unref(message);
    return read;
  }

  GstPtr<GstElement> element_;
  GstPtr<GstObject> bus_;
};

}  // namespace catcher::test
