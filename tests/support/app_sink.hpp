// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Pulls what an appsink of a pipeline gets. Whoever waits longer than kPatience ends the test.
#pragma once

#include <gst/app/gstappsink.h>

#include <cstddef>
#include <vector>

#include "tests/support/element.hpp"

namespace catcher::test {

struct UnrefSample {
  void operator()(GstSample* sample) const noexcept { gst_sample_unref(sample); }
};
using SamplePtr = std::unique_ptr<GstSample, UnrefSample>;

// Thread: one at a time.
class AppSink {
 public:
  AppSink(const Element& pipeline, const char* name) : sink_(pipeline.child(name)) {}

  GstElement* get() const { return sink_.get(); }
  // Nothing at the end.
  SamplePtr pull() {
    SamplePtr sample(gst_app_sink_try_pull_sample(GST_APP_SINK(get()), kPatienceNs));
    if (sample == nullptr) demand(gst_app_sink_is_eos(GST_APP_SINK(get())), "a sample comes");
    return sample;
  }
  SamplePtr pull_preroll() {
    SamplePtr sample(gst_app_sink_try_pull_preroll(GST_APP_SINK(get()), kPatienceNs));
    demand(sample != nullptr, "a sample comes to preroll with");
    return sample;
  }
  // All bytes up to the end.
  std::vector<std::byte> pull_all() {
    std::vector<std::byte> all;
    while (const SamplePtr sample = pull()) append(all, gst_sample_get_buffer(sample.get()));
    return all;
  }
  static void append(std::vector<std::byte>& all, GstBuffer* buffer) {
    const std::size_t size = gst_buffer_get_size(buffer);
    all.resize(all.size() + size);
    gst_buffer_extract(buffer, 0, all.data() + all.size() - size, size);
  }

  // From the sink upwards, as an application does with one branch. It waits until the pipeline is
  // in its state: a sink that is flushed while a bin still takes it to PLAYING may be left in
  // PAUSED, behind a file too, and gives no more samples.
  bool seek(GstFormat format, std::uint64_t to, int more_flags = GST_SEEK_FLAG_ACCURATE) {
    settle();
    return gst_element_seek(get(), 1.0, format,
                            static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | more_flags),
                            GST_SEEK_TYPE_SET, static_cast<gint64>(to), GST_SEEK_TYPE_NONE, -1);
  }
  void settle() const {
    GstPtr<GstObject> top(GST_OBJECT_CAST(gst_object_ref(get())));
    while (GstObject* parent = gst_object_get_parent(top.get())) top.reset(parent);
    gst_element_get_state(GST_ELEMENT_CAST(top.get()), nullptr, nullptr, kPatienceNs);
  }

 private:
  GstPtr<GstElement> sink_;
};

}  // namespace catcher::test
