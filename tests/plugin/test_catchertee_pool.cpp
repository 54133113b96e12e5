// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// ALLOCATION: a source with few buffers, as a camera has, gets each of them back however much is
// kept and however slow branches are. No pool is offered to it, and none is asked for downstream.
#include "tests/support/plugin_check.hpp"

#include <gst/base/gstpushsrc.h>

#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

constexpr guint kBuffers = 4;
constexpr std::size_t kSize = 256 * 64;
constexpr std::uint64_t kFrames = 300;

}  // namespace

// Fills buffers of its own pool, and waits where all of them are out.
G_DECLARE_FINAL_TYPE(TestPoolSrc, test_pool_src, TEST, POOL_SRC, GstPushSrc)

struct _TestPoolSrc {
  GstPushSrc parent;
  GstBufferPool* pool;
  std::uint64_t next;
  guint offered;  // pools that downstream has proposed
};

G_DEFINE_FINAL_TYPE(TestPoolSrc, test_pool_src, GST_TYPE_PUSH_SRC)

static GstFlowReturn test_pool_src_create(GstPushSrc* src, GstBuffer** made) noexcept {
  auto* self = TEST_POOL_SRC(src);
  if (self->next == kFrames) return GST_FLOW_EOS;
  const GstFlowReturn flow = gst_buffer_pool_acquire_buffer(self->pool, made, nullptr);
  if (flow != GST_FLOW_OK) return flow;
  GstMapInfo map;
  demand(gst_buffer_map(*made, &map, GST_MAP_WRITE), "a buffer of the pool can be written");
  fill_pattern(std::as_writable_bytes(std::span(map.data, map.size)), self->next * kSize);
  gst_buffer_unmap(*made, &map);
  GST_BUFFER_PTS(*made) = self->next * 40 * GST_MSECOND;
  GST_BUFFER_DURATION(*made) = 40 * GST_MSECOND;
  ++self->next;
  return GST_FLOW_OK;
}

static void test_pool_src_class_init(TestPoolSrcClass* klass) {
  static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
      "src", GST_PAD_SRC, GST_PAD_ALWAYS,
      GST_STATIC_CAPS("video/x-raw,format=GRAY8,width=256,height=64,framerate=25/1"));
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &src_template);
  gst_element_class_set_static_metadata(GST_ELEMENT_CLASS(klass), "Pool source", "Source", "A test",
                                        "The catcher authors");
  auto* base_class = GST_BASE_SRC_CLASS(klass);
  base_class->start = [](GstBaseSrc* src) noexcept {
    return gst_buffer_pool_set_active(TEST_POOL_SRC(src)->pool, TRUE);
  };
  base_class->stop = [](GstBaseSrc* src) noexcept {
    return gst_buffer_pool_set_active(TEST_POOL_SRC(src)->pool, FALSE);
  };
  base_class->unlock = [](GstBaseSrc* src) noexcept {
    gst_buffer_pool_set_flushing(TEST_POOL_SRC(src)->pool, TRUE);
    return gboolean{TRUE};
  };
  base_class->unlock_stop = [](GstBaseSrc* src) noexcept {
    gst_buffer_pool_set_flushing(TEST_POOL_SRC(src)->pool, FALSE);
    return gboolean{TRUE};
  };
  base_class->decide_allocation = [](GstBaseSrc* src, GstQuery* query) noexcept {
    TEST_POOL_SRC(src)->offered += gst_query_get_n_allocation_pools(query);
    return gboolean{TRUE};
  };
  GST_PUSH_SRC_CLASS(klass)->create = test_pool_src_create;
  G_OBJECT_CLASS(klass)->finalize = [](GObject* object) noexcept {
    gst_object_unref(TEST_POOL_SRC(object)->pool);
    G_OBJECT_CLASS(test_pool_src_parent_class)->finalize(object);
  };
}

static void test_pool_src_init(TestPoolSrc* self) {
  gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
  self->pool = gst_buffer_pool_new();
  GstStructure* config = gst_buffer_pool_get_config(self->pool);
  gst_buffer_pool_config_set_params(config, nullptr, kSize, kBuffers, kBuffers);
  demand(gst_buffer_pool_set_config(self->pool, config), "the pool can be had");
}

namespace {

// The source and a tee, in a pipeline.
class Camera {
 public:
  Camera() : pipeline(gst_pipeline_new(nullptr)) {
    src = TEST_POOL_SRC(g_object_new(test_pool_src_get_type(), nullptr));
    tee = gst_element_factory_make("catchertee", nullptr);
    gst_bin_add_many(GST_BIN(pipeline.get()), GST_ELEMENT(src), tee, nullptr);
    demand(gst_element_link(GST_ELEMENT(src), tee), "they can be linked");
  }
  // Whether every buffer is in the pool again.
  bool has_all_back() const {
    GstBufferPoolAcquireParams params{};
    params.flags = GST_BUFFER_POOL_ACQUIRE_FLAG_DONTWAIT;
    std::vector<BufferPtr> got;
    for (guint i = 0; i < kBuffers; ++i) {
      GstBuffer* buffer = nullptr;
      if (gst_buffer_pool_acquire_buffer(src->pool, &buffer, &params) != GST_FLOW_OK) return false;
      got.emplace_back(buffer);
    }
    return true;
  }

  Element pipeline;
  TestPoolSrc* src;
  GstElement* tee;
};

void demand_all_frames(const Branch& branch) {
  const auto all = branch.all_bytes();
  ck_assert_uint_eq(all.size(), kFrames * kSize);
  demand_pattern(all, 0);
  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer != nullptr) ck_assert(one.buffer->pool == nullptr);
  }
}

START_TEST(a_source_of_four_buffers_goes_on_behind_branches_that_stall) {
  Camera camera;
  Branch stalled(camera.tee);
  Branch slow(camera.tee);
  Branch fast(camera.tee);
  Branch unlinked(camera.tee);
  stalled.block();
  slow.admit(3);
  for (Branch* one : {&stalled, &slow, &fast}) one->link();

  camera.pipeline.to(GST_STATE_PLAYING);
  fast.wait_eos();
  stalled.wait_blocked();
  slow.wait_blocked();

  // All is kept, two branches have most of it still to come, and one keeps what it got.
  ck_assert(camera.has_all_back());
  demand_all_frames(fast);
  slow.unblock();
  stalled.unblock();
  slow.wait_eos();
  stalled.wait_eos();
  demand_all_frames(slow);
  demand_all_frames(stalled);
  camera.pipeline.demand_no_error();
}
END_TEST

START_TEST(a_window_that_moves_keeps_no_buffer) {
  Camera camera;
  g_object_set(camera.tee, "max-size-bytes", guint64{64 * kSize}, nullptr);
  Branch stalled(camera.tee);
  Branch fast(camera.tee);
  stalled.block();
  stalled.link();
  fast.keeps_none().link();

  camera.pipeline.to(GST_STATE_PLAYING);
  fast.wait_eos();

  ck_assert(camera.has_all_back());
  stalled.unblock();
  stalled.wait_eos();
}
END_TEST

START_TEST(no_pool_is_offered_or_asked_for) {
  Camera camera;
  Branch branch(camera.tee);
  std::atomic<unsigned> asked = 0;
  gst_pad_add_probe(
      branch.sink(), GST_PAD_PROBE_TYPE_QUERY_DOWNSTREAM,
      [](GstPad*, GstPadProbeInfo* info, gpointer count) noexcept {
        if (GST_QUERY_TYPE(GST_PAD_PROBE_INFO_QUERY(info)) == GST_QUERY_ALLOCATION) {
          ++*static_cast<std::atomic<unsigned>*>(count);
        }
        return GST_PAD_PROBE_OK;
      },
      &asked, nullptr);
  branch.link();
  camera.pipeline.to(GST_STATE_PLAYING);
  branch.wait_eos();

  ck_assert_uint_eq(camera.src->offered, 0);
  ck_assert_uint_eq(asked, 0);
  const CapsPtr caps(gst_caps_from_string("video/x-raw,format=GRAY8,width=256,height=64"));
  const QueryPtr query(gst_query_new_allocation(caps.get(), TRUE));
  const GstPtr<GstPad> sink(gst_element_get_static_pad(camera.tee, "sink"));
  ck_assert(!gst_pad_query(sink.get(), query.get()));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_pool",
      {{"pool",
        {a_source_of_four_buffers_goes_on_behind_branches_that_stall,
         a_window_that_moves_keeps_no_buffer, no_pool_is_offered_or_asked_for}}});
}
