// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Buffers share the recording's memory: read-only, the same for every branch, and good for as long
// as somebody has them.
#include "tests/support/plugin_check.hpp"

#include <map>

#include "tests/support/branch.hpp"
#include "tests/support/follower.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kBytes = 300'000;

// Where in memory each byte of what came lies.
std::map<std::uint64_t, const std::uint8_t*> addresses(const Branch& branch) {
  std::map<std::uint64_t, const std::uint8_t*> found;
  for (const Arrival& one : branch.arrivals()) {
    if (one.buffer == nullptr) continue;
    GstMapInfo map;
    demand(gst_buffer_map(one.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
    for (std::size_t at = 0; at < map.size; ++at) {
      found[GST_BUFFER_OFFSET(one.buffer.get()) + at] = map.data + at;
    }
    gst_buffer_unmap(one.buffer.get(), &map);
  }
  return found;
}

class Caught {
 public:
  Caught() : tee("catchertee"), upstream(tee.get()), one(tee.get()), other(tee.get()) {
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_BYTES);
    upstream.give_pattern(0, kBytes, 1000);
    upstream.eos();
    one.link().wait_eos();
    other.link().wait_eos();
  }
  Element tee;
  Upstream upstream;
  Branch one, other;
};

START_TEST(branches_get_the_same_memory) {
  Caught caught;
  const auto here = addresses(caught.one);
  ck_assert_uint_eq(here.size(), kBytes);
  ck_assert(here == addresses(caught.other));
}
END_TEST

START_TEST(a_replay_gets_the_same_memory) {
  Caught caught;
  const auto before = addresses(caught.one);
  caught.one.forget();
  ck_assert_uint_ne(caught.one.seek(GST_FORMAT_BYTES, 0), GST_SEQNUM_INVALID);
  caught.one.wait_eos();
  ck_assert(before == addresses(caught.one));
}
END_TEST

START_TEST(memory_is_read_only_and_a_writer_gets_a_copy) {
  Caught caught;
  for (const Arrival& arrival : caught.one.arrivals()) {
    if (arrival.buffer == nullptr) continue;
    for (guint number = 0; number < gst_buffer_n_memory(arrival.buffer.get()); ++number) {
      ck_assert(GST_MEMORY_IS_READONLY(gst_buffer_peek_memory(arrival.buffer.get(), number)));
    }
    // What a filter in place does.
    BufferPtr mine(gst_buffer_make_writable(gst_buffer_ref(arrival.buffer.get())));
    GstMapInfo map;
    ck_assert(gst_buffer_map(mine.get(), &map, GST_MAP_READWRITE));
    ck_assert(is_pattern(std::as_bytes(std::span(map.data, map.size)),
                         GST_BUFFER_OFFSET(arrival.buffer.get())));
    std::fill_n(map.data, map.size, std::uint8_t{0});
    gst_buffer_unmap(mine.get(), &map);
  }
  ck_assert(is_pattern(caught.one.all_bytes(), 0));
  ck_assert(is_pattern(caught.other.all_bytes(), 0));
}
END_TEST

START_TEST(a_discontinuity_is_marked_on_one_branch_alone) {
  Caught caught;
  caught.one.forget();
  ck_assert_uint_ne(caught.one.seek(GST_FORMAT_BYTES, 0), GST_SEQNUM_INVALID);
  caught.one.wait_eos();
  std::size_t marked = 0;
  for (const Arrival& arrival : caught.one.arrivals()) {
    marked += arrival.buffer != nullptr && is_discont(arrival) ? 1 : 0;
  }
  ck_assert_uint_eq(marked, 1);
}
END_TEST

START_TEST(a_buffer_outlives_the_element_and_all_it_had) {
  std::vector<Arrival> kept;
  {
    Caught caught;
    kept = caught.one.arrivals();
    caught.one.release();
    caught.other.release();
    caught.upstream.unlink();
    GstElement* gone = caught.tee.get();
    g_object_add_weak_pointer(G_OBJECT(gone), reinterpret_cast<gpointer*>(&gone));
    caught.tee.end();
    ck_assert(gone == nullptr);
  }
  std::vector<std::byte> all;
  for (const Arrival& one : kept) {
    if (one.buffer == nullptr) continue;
    const std::size_t size = gst_buffer_get_size(one.buffer.get());
    all.resize(all.size() + size);
    gst_buffer_extract(one.buffer.get(), 0, all.data() + all.size() - size, size);
  }
  ck_assert_uint_eq(all.size(), kBytes);
  ck_assert(is_pattern(all, 0));
}
END_TEST

START_TEST(a_buffer_outlives_its_place_in_the_window) {
  constexpr std::uint64_t kWindow = 1 << 20;
  Element tee("catchertee");
  tee.set("max-size-bytes", guint64{kWindow});
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.admit(2);
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, kWindow / 2);
  branch.wait_buffers(2);

  upstream.give_pattern(kWindow / 2, 4 * kWindow);

  const auto all = branch.all_bytes();
  ck_assert_uint_gt(all.size(), 0);
  ck_assert(is_pattern(all, 0));
}
END_TEST

START_TEST(raw_audio_comes_in_large_pieces_whatever_it_came_in) {
  const Audio audio = coded_audio(48'000, 48'000);
  Element tee("catchertee");
  Upstream upstream(tee.get());
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, frame_caps(audio.rate).c_str());
  give_frames(upstream, 0, audio.frames(), audio.rate, 7);
  upstream.eos();
  const Follower follower(audio);
  Branch branch(tee.get());
  branch.looks(follower).link().wait_eos();

  ck_assert_uint_eq(follower.total(), audio.frames());
  ck_assert_uint_le(branch.buffers(), 16);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "catchertee_memory",
                          {{"sharing",
                            {branches_get_the_same_memory, a_replay_gets_the_same_memory,
                             memory_is_read_only_and_a_writer_gets_a_copy,
                             a_discontinuity_is_marked_on_one_branch_alone,
                             raw_audio_comes_in_large_pieces_whatever_it_came_in}},
                           {"lifetime",
                            {a_buffer_outlives_the_element_and_all_it_had,
                             a_buffer_outlives_its_place_in_the_window}}});
}
