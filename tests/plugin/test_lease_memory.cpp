// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "plugin/support/lease_memory.hpp"

#include "plugin/support/gst_ptr.hpp"
#include "tests/support/streams.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher;
using namespace catcher::plugin;
using namespace catcher::test;

Config small_chunks() {
  Config config;
  config.growth = Growth::constant(64);
  return config;
}

Lease lease_at(const std::shared_ptr<Catcher>& catcher, std::uint64_t offset, std::size_t size) {
  Reader reader(catcher);
  demand(reader.seek(static_cast<std::int64_t>(offset)).status == Status::ok, "it is a place");
  LeaseResult got = reader.lease(size, Wait::none());
  demand(got.status == Status::ok, "it can be leased", offset);
  return std::move(got.lease);
}

void demand_bytes(GstMemory* memory, std::uint64_t offset, std::size_t size) {
  GstMapInfo map;
  demand(gst_memory_map(memory, &map, GST_MAP_READ), "memory can be read", offset);
  demand(map.size == size, "it has the lease's size", map.size);
  demand_pattern(std::as_bytes(std::span(map.data, map.size)), offset);
  gst_memory_unmap(memory, &map);
}

START_TEST(memory_shows_the_leased_bytes_themselves) {
  const auto made = filled(200, small_chunks());
  Lease lease = lease_at(made.catcher, 70, 40);
  const void* address = lease.bytes().data();

  GstMemory* memory = lease_memory(std::move(lease));

  demand_bytes(memory, 70, 40);
  GstMapInfo map;
  ck_assert(gst_memory_map(memory, &map, GST_MAP_READ));
  ck_assert_ptr_eq(map.data, address);
  gst_memory_unmap(memory, &map);
  gst_memory_unref(memory);
}
END_TEST

START_TEST(memory_cannot_be_written) {
  const auto made = filled(64, small_chunks());
  GstMemory* memory = lease_memory(lease_at(made.catcher, 0, 64));
  GstMapInfo map;

  ck_assert(GST_MEMORY_IS_READONLY(memory));
  ck_assert(!gst_memory_map(memory, &map, GST_MAP_WRITE));

  gst_memory_unref(memory);
}
END_TEST

START_TEST(a_buffer_that_is_written_to_gets_a_copy_and_the_rope_stays_as_it_is) {
  const auto made = filled(64, small_chunks());
  BufferPtr buffer(gst_buffer_new());
  gst_buffer_append_memory(buffer.get(), lease_memory(lease_at(made.catcher, 0, 64)));
  GstMapInfo map;

  ck_assert(gst_buffer_map(buffer.get(), &map, GST_MAP_READWRITE));
  ck_assert(is_pattern(std::as_bytes(std::span(map.data, map.size)), 0));
  std::fill_n(map.data, map.size, guint8{0});
  gst_buffer_unmap(buffer.get(), &map);

  Reader reader(made.catcher);
  take(reader, 64);
}
END_TEST

START_TEST(memory_outlives_the_window_the_writer_and_the_catcher) {
  Config config = small_chunks();
  config.max_bytes = 64 * 64;
  auto made = filled(64, config);
  GstMemory* memory = lease_memory(lease_at(made.catcher, 0, 64));

  add(made.writer, 64 * 200);
  ck_assert_uint_gt(made.catcher->window().begin, 64);
  demand_bytes(memory, 0, 64);
  made.writer = {};
  made.catcher.reset();

  demand_bytes(memory, 0, 64);
  gst_memory_unref(memory);
}
END_TEST

START_TEST(a_part_of_memory_keeps_the_bytes_too) {
  auto made = filled(64, small_chunks());
  GstMemory* memory = lease_memory(lease_at(made.catcher, 0, 64));

  GstMemory* part = gst_memory_share(memory, 16, 8);
  gst_memory_unref(memory);
  made.writer = {};
  made.catcher.reset();

  demand_bytes(part, 16, 8);
  gst_memory_unref(part);
}
END_TEST

START_TEST(memory_can_be_dropped_on_another_thread) {
  auto made = filled(64, small_chunks());
  GstMemory* memory = lease_memory(lease_at(made.catcher, 0, 64));

  std::thread other([&] {
    demand_bytes(memory, 0, 64);
    gst_memory_unref(memory);
  });
  made.writer = {};
  made.catcher.reset();
  other.join();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return catcher::test::run_plugin_suite(
      argc, argv, "lease_memory",
      {{"bytes",
        {memory_shows_the_leased_bytes_themselves, memory_cannot_be_written,
         a_buffer_that_is_written_to_gets_a_copy_and_the_rope_stays_as_it_is}},
       {"lifetime",
        {memory_outlives_the_window_the_writer_and_the_catcher,
         a_part_of_memory_keeps_the_bytes_too, memory_can_be_dropped_on_another_thread}}});
}
