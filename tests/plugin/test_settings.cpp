// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "plugin/support/settings.hpp"

#include "plugin/recording.hpp"
#include "tests/support/element.hpp"
#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher;
using namespace catcher::plugin;
using namespace catcher::test;

class Value {
 public:
  explicit Value(GType type) { g_value_init(&value_, type); }
  ~Value() { g_value_unset(&value_); }
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  GValue* get() { return &value_; }

 private:
  GValue value_ = G_VALUE_INIT;
};

std::vector<GParamSpec*> own_properties(GObject* object) {
  guint count = 0;
  GParamSpec** all = g_object_class_list_properties(G_OBJECT_GET_CLASS(object), &count);
  std::vector<GParamSpec*> own;
  for (guint i = 0; i < count; ++i) {
    if (all[i]->owner_type == G_OBJECT_TYPE(object)) own.push_back(all[i]);
  }
  g_free(all);
  return own;
}

std::vector<std::string> own_names(GObject* object) {
  std::vector<std::string> names;
  for (const GParamSpec* spec : own_properties(object)) names.emplace_back(spec->name);
  std::sort(names.begin(), names.end());
  return names;
}

// Something that the property can be and by default is not.
void fill_with_another(GParamSpec* spec, GValue* value) {
  if (G_IS_PARAM_SPEC_STRING(spec)) {
    g_value_set_static_string(value, "another");
  } else if (G_IS_PARAM_SPEC_UINT64(spec)) {
    g_value_set_uint64(value, 123456789);
  } else if (G_IS_PARAM_SPEC_INT64(spec)) {
    g_value_set_int64(value, -123456789);
  } else if (G_IS_PARAM_SPEC_BOOLEAN(spec)) {
    g_value_set_boolean(value, TRUE);
  } else if (G_IS_PARAM_SPEC_DOUBLE(spec)) {
    g_value_set_double(value, 0.25);
  } else if (G_IS_PARAM_SPEC_INT(spec)) {
    g_value_set_int(value, 123456789);
  } else if (G_IS_PARAM_SPEC_ENUM(spec)) {
    g_value_set_enum(value, G_PARAM_SPEC_ENUM(spec)->default_value == 0 ? 1 : 0);
  } else {
    give_up(spec->name);
  }
}

void demand_settable(GObject* object) {
  for (GParamSpec* spec : own_properties(object)) {
    demand((spec->flags & G_PARAM_READABLE) != 0, spec->name);
    Value read(spec->value_type);
    g_object_get_property(object, spec->name, read.get());
    if ((spec->flags & G_PARAM_WRITABLE) == 0) continue;
    demand(g_param_value_defaults(spec, read.get()), spec->name);

    Value another(spec->value_type);
    fill_with_another(spec, another.get());
    g_object_set_property(object, spec->name, another.get());
    g_object_get_property(object, spec->name, read.get());

    demand(g_param_values_cmp(spec, another.get(), read.get()) == 0, spec->name);
    demand(!g_param_value_defaults(spec, read.get()), spec->name);
    g_param_value_set_default(spec, another.get());
    g_object_set_property(object, spec->name, another.get());
  }
}

void demand_described(GObject* object) {
  for (GParamSpec* spec : own_properties(object)) {
    const std::string blurb = g_param_spec_get_blurb(spec);
    demand(blurb.size() > 10 && blurb.back() != '.', spec->name);
  }
}

const std::vector<std::string> kRecording = {
    "channel",       "chunk-size",       "chunk-size-max", "current-level-bytes",
    "growth",        "max-size-bytes",   "max-size-time",  "current-level-time",
    "when-full",     "read-ahead-bytes", "stats",          "read-ahead-time",
    "temp-template", "use-buffering",    "low-watermark",  "high-watermark",
    "compact",
};
const std::vector<std::string> kPlaying = {
    "start-from", "start-offset", "on-evicted", "position", "lag-bytes", "lag-time", "min-latency",
};

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

START_TEST(each_element_and_pad_has_the_properties_that_are_promised) {
  const Element tee("catchertee");
  const Element sink("catchersink");
  const Element src("catchersrc");
  const GstPtr<GstPad> pad(gst_element_request_pad_simple(tee.get(), "src_%u"));
  std::vector<std::string> of_src = kPlaying;
  of_src.insert(of_src.end(), kRecording.begin(), kRecording.end());
  of_src.insert(of_src.end(), {"wait-timeout", "cache-bytes", "pull-mode"});
  of_src.insert(of_src.end(), {"feed", "uri", "command", "fd"});
  std::vector<std::string> of_tee = kRecording;
  of_tee.push_back("pull-mode");

  ck_assert(own_names(G_OBJECT(tee.get())) == sorted(of_tee));
  ck_assert(own_names(G_OBJECT(sink.get())) == sorted(kRecording));
  ck_assert(own_names(G_OBJECT(src.get())) == sorted(of_src));
  ck_assert(own_names(G_OBJECT(pad.get())) == sorted(kPlaying));
  gst_element_release_request_pad(tee.get(), pad.get());
}
END_TEST

START_TEST(each_property_can_be_read_and_the_settable_ones_keep_what_they_are_given) {
  const Element tee("catchertee");
  const Element sink("catchersink");
  const Element src("catchersrc");
  const GstPtr<GstPad> pad(gst_element_request_pad_simple(tee.get(), "src_%u"));

  demand_settable(G_OBJECT(tee.get()));
  demand_settable(G_OBJECT(sink.get()));
  demand_settable(G_OBJECT(src.get()));
  demand_settable(G_OBJECT(pad.get()));
  gst_element_release_request_pad(tee.get(), pad.get());
}
END_TEST

START_TEST(each_property_is_described) {
  const Element tee("catchertee");
  const Element sink("catchersink");
  const Element src("catchersrc");
  const GstPtr<GstPad> pad(gst_element_request_pad_simple(tee.get(), "src_%u"));

  demand_described(G_OBJECT(tee.get()));
  demand_described(G_OBJECT(sink.get()));
  demand_described(G_OBJECT(src.get()));
  demand_described(G_OBJECT(pad.get()));
  gst_element_release_request_pad(tee.get(), pad.get());
}
END_TEST

START_TEST(defaults_are_those_of_settings) {
  const Element tee("catchertee");
  const Settings defaults;

  ck_assert(tee.value<gchar*>("channel") == nullptr);
  ck_assert_uint_eq(tee.value<guint64>("max-size-bytes"), defaults.max_size_bytes);
  ck_assert_uint_eq(tee.value<guint64>("max-size-bytes"), 1ull << 30);
  ck_assert_uint_eq(tee.value<guint64>("max-size-time"), 0);
  ck_assert_int_eq(tee.value<gint>("when-full"), static_cast<gint>(WhenFull::evict));
  ck_assert_uint_eq(tee.value<guint64>("read-ahead-bytes"), 0);
  ck_assert_uint_eq(tee.value<guint64>("read-ahead-time"), 0);
  ck_assert_uint_eq(tee.value<guint64>("chunk-size"), 16 * 1024);
  ck_assert_uint_eq(tee.value<guint64>("chunk-size-max"), 256 * 1024);
  ck_assert_int_eq(tee.value<gint>("growth"), static_cast<gint>(Growth::Kind::geometric));
}
END_TEST

START_TEST(catchersrc_waits_for_ever_by_default_and_caches_a_gibibyte) {
  const Element src("catchersrc");

  ck_assert_uint_eq(src.value<guint64>("wait-timeout"), GST_CLOCK_TIME_NONE);
  ck_assert_uint_eq(src.value<guint64>("cache-bytes"), 1ull << 30);
}
END_TEST

START_TEST(nothing_is_kept_before_there_is_a_recording) {
  const Element tee("catchertee");
  const Element src("catchersrc");

  ck_assert_uint_eq(tee.value<guint64>("current-level-bytes"), 0);
  ck_assert_uint_eq(tee.value<guint64>("current-level-time"), 0);
  ck_assert(tee.value<GstStructure*>("stats") == nullptr);
  ck_assert_int_eq(src.value<gint64>("position"), -1);
  ck_assert_uint_eq(src.value<guint64>("lag-bytes"), 0);
}
END_TEST

START_TEST(choices_have_the_names_that_launch_lines_use) {
  Element tee("catchertee");
  const GstPtr<GstPad> pad(gst_element_request_pad_simple(tee.get(), "src_%u"));

  tee.set_text("when-full", "block");
  tee.set_text("growth", "linear");
  gst_util_set_object_arg(G_OBJECT(pad.get()), "start-from", "edge");
  gst_util_set_object_arg(G_OBJECT(pad.get()), "on-evicted", "error");
  gint start_from = 0, on_evicted = 0;
  g_object_get(pad.get(), "start-from", &start_from, "on-evicted", &on_evicted, nullptr);

  ck_assert_int_eq(tee.value<gint>("when-full"), static_cast<gint>(WhenFull::block));
  ck_assert_int_eq(tee.value<gint>("growth"), static_cast<gint>(Growth::Kind::linear));
  ck_assert_int_eq(start_from, static_cast<gint>(StartFrom::edge));
  ck_assert_int_eq(on_evicted, static_cast<gint>(OnEvicted::error));
  gst_element_release_request_pad(tee.get(), pad.get());
}
END_TEST

START_TEST(settings_mean_for_the_core_what_they_say) {
  Settings settings;
  settings.max_size_bytes = 1000;
  settings.when_full = WhenFull::block;
  settings.chunk_size = 10;
  settings.chunk_size_max = 40;
  settings.growth = Growth::Kind::linear;

  const Config core = settings.core();

  ck_assert_uint_eq(core.max_bytes, 1000);
  ck_assert(core.when_full == WhenFull::block);
  ck_assert_uint_eq(core.growth.first, 10);
  ck_assert_uint_eq(core.growth.max, 40);
  ck_assert(core.growth.kind == Growth::Kind::linear);
}
END_TEST

START_TEST(the_largest_chunk_does_not_matter_where_chunks_do_not_grow) {
  Settings settings;
  settings.growth = Growth::Kind::constant;
  settings.chunk_size = settings.chunk_size_max * 2;

  ck_assert(Recording::make(settings).recording != nullptr);
}
END_TEST

START_TEST(a_chunk_of_no_bytes_cannot_be_set) {
  Element tee("catchertee");
  const guint64 before = tee.value<guint64>("chunk-size");
  Value zero(G_TYPE_UINT64);
  g_value_set_uint64(zero.get(), 0);

  // GLib clamps or warns before the element is asked.
  GParamSpec* spec = g_object_class_find_property(G_OBJECT_GET_CLASS(tee.get()), "chunk-size");
  ck_assert(g_param_value_validate(spec, zero.get()));
  ck_assert_uint_eq(g_value_get_uint64(zero.get()), 1);
  ck_assert_uint_eq(tee.value<guint64>("chunk-size"), before);
}
END_TEST

void demand_refused(Element& element) {
  ck_assert_int_eq(element.try_to(GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);

  ck_assert_int_eq(element.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);

  const PostedError error = element.wait_error();
  ck_assert_msg(error.is(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS), "%s", error.text.c_str());
  ck_assert_msg(error.debug.find("chunk-size-max") != std::string::npos, "%s", error.debug.c_str());
  ck_assert_msg(error.debug.find("4096") != std::string::npos, "%s", error.debug.c_str());
  ck_assert(gst_bus_pop_filtered(element.bus(), GST_MESSAGE_ERROR) == nullptr);
}

START_TEST(a_tee_whose_sizes_contradict_each_other_says_so_on_its_way_to_paused) {
  Element tee("catchertee");
  tee.set("chunk-size", guint64{8192}, "chunk-size-max", guint64{4096});

  demand_refused(tee);

  tee.set("chunk-size-max", guint64{8192});
  tee.settle(GST_STATE_PAUSED);
}
END_TEST

START_TEST(a_sink_whose_sizes_contradict_each_other_lets_go_of_its_channel) {
  Element sink("catchersink");
  Element other("catchersink");
  sink.set("channel", "contradiction", "chunk-size", guint64{8192}, "chunk-size-max",
           guint64{4096});
  other.set("channel", "contradiction");

  demand_refused(sink);

  other.settle(GST_STATE_PAUSED);
}
END_TEST

START_TEST(an_element_without_the_channel_that_it_needs_says_what_to_set) {
  for (const char* factory : {"catchersink", "catchersrc"}) {
    Element element(factory);

    ck_assert_int_eq(element.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);

    const PostedError error = element.wait_error();
    ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS));
    ck_assert(error.debug.find("channel") != std::string::npos);
  }
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "Settings",
      {{"properties",
        {each_element_and_pad_has_the_properties_that_are_promised,
         each_property_can_be_read_and_the_settable_ones_keep_what_they_are_given,
         each_property_is_described, defaults_are_those_of_settings,
         catchersrc_waits_for_ever_by_default_and_caches_a_gibibyte,
         nothing_is_kept_before_there_is_a_recording,
         choices_have_the_names_that_launch_lines_use}},
       {"core",
        {settings_mean_for_the_core_what_they_say,
         the_largest_chunk_does_not_matter_where_chunks_do_not_grow}},
       {"contradictions",
        {a_chunk_of_no_bytes_cannot_be_set,
         a_tee_whose_sizes_contradict_each_other_says_so_on_its_way_to_paused,
         a_sink_whose_sizes_contradict_each_other_lets_go_of_its_channel,
         an_element_without_the_channel_that_it_needs_says_what_to_set}}});
}
