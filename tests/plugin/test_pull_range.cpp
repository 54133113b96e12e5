// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a branch gives to whoever pulls a range of it.
#include "tests/support/plugin_check.hpp"

#include "tests/support/pulling.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

// A tee that records the pattern, and a branch of it that pulls.
class Pair {
 public:
  explicit Pair(guint64 chunk = 1000, guint64 window = 0) : tee("catchertee") {
    tee.set("chunk-size", chunk, "chunk-size-max", chunk, "max-size-bytes", window);
    tee.set_text("pull-mode", "wait");
  }
  ~Pair() {
    upstream.reset();
    branch.reset();
  }
  Pair& start() {
    upstream.emplace(tee.get());
    branch.emplace(tee.get());
    link_to_pull(*branch);
    tee.to(GST_STATE_PLAYING);
    upstream->begin(GST_FORMAT_BYTES);
    return *this;
  }
  Pair& give(std::uint64_t size) {
    upstream->give_pattern(given_, size, 300);
    given_ += size;
    return *this;
  }
  void end() { upstream->eos(); }

  Element tee;
  std::optional<Upstream> upstream;
  std::optional<Branch> branch;

 private:
  std::uint64_t given_ = 0;
};

const guint8* address(const Pulled& pulled) {
  GstMapInfo map;
  demand(gst_buffer_map(pulled.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
  gst_buffer_unmap(pulled.buffer.get(), &map);
  return map.data;
}

BufferPtr marked_buffer(gsize size) {
  BufferPtr buffer(gst_buffer_new_allocate(nullptr, size, nullptr));
  gst_buffer_memset(buffer.get(), 0, 0xA5, size);
  return buffer;
}

bool is_marked(const BufferPtr& buffer, gsize size) {
  const std::vector<guint8> marks(size, 0xA5);
  return gst_buffer_get_size(buffer.get()) == size &&
         gst_buffer_memcmp(buffer.get(), 0, marks.data(), size) == 0;
}

START_TEST(any_range_has_the_bytes_of_its_offset) {
  Pair pair(997);
  pair.start().give(50'000).end();
  Random random(stress_seed());
  for (int count = 0; count < 2000; ++count) {
    const guint64 offset = random.below(50'000);
    const auto size = static_cast<guint>(1 + random.below(4000));
    const Pulled pulled = pull(*pair.branch, offset, size);
    ck_assert_uint_eq(checked_size(pulled, offset), std::min<guint64>(size, 50'000 - offset));
    ck_assert_uint_eq(GST_BUFFER_OFFSET(pulled.buffer.get()), offset);
  }
}
END_TEST

START_TEST(a_range_in_one_chunk_shares_its_memory) {
  Pair pair;
  pair.start().give(5000);
  const Pulled one = pull(*pair.branch, 2100, 800);
  const Pulled other = pull(*pair.branch, 2200, 100);
  ck_assert_uint_eq(checked_size(one, 2100), 800);
  ck_assert_uint_eq(checked_size(other, 2200), 100);
  ck_assert_ptr_eq(address(other), address(one) + 100);
}
END_TEST

START_TEST(a_range_that_arrives_bit_by_bit_in_one_chunk_shares_its_memory) {
  Pair pair;
  pair.start().give(100);
  Puller puller(*pair.branch, 50, 800);
  puller.wait_parked();
  pair.give(300).give(300).give(300);
  ck_assert_uint_eq(checked_size(puller.result(), 50), 800);
  const Pulled other = pull(*pair.branch, 150, 100);
  ck_assert_ptr_eq(address(other), address(puller.result()) + 100);
}
END_TEST

START_TEST(a_range_over_several_chunks_is_one_memory) {
  Pair pair;
  pair.start().give(9000);
  const Pulled pulled = pull(*pair.branch, 500, 7000);
  ck_assert_uint_eq(checked_size(pulled, 500), 7000);
  ck_assert_uint_eq(gst_buffer_n_memory(pulled.buffer.get()), 1);
}
END_TEST

START_TEST(a_range_at_the_edge_waits_for_all_of_it) {
  Pair pair;
  pair.start().give(1500);
  Puller puller(*pair.branch, 1000, 2000);
  puller.wait_parked();
  pair.give(1200);
  puller.wait_parked();
  ck_assert(!puller.is_done());
  pair.give(300);
  ck_assert_uint_eq(checked_size(puller.result(), 1000), 2000);
}
END_TEST

START_TEST(a_range_beyond_the_edge_waits_too) {
  Pair pair;
  pair.start().give(10);
  Puller puller(*pair.branch, 5000, 10);
  puller.wait_parked();
  pair.give(6000);
  ck_assert_uint_eq(checked_size(puller.result(), 5000), 10);
}
END_TEST

START_TEST(a_range_over_the_end_is_short) {
  Pair pair;
  pair.start().give(1500).end();
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 900, 1000), 900), 600);
}
END_TEST

START_TEST(a_range_that_waits_when_the_end_comes_is_short) {
  Pair pair;
  pair.start().give(1500);
  Puller puller(*pair.branch, 1400, 1000);
  puller.wait_parked();
  pair.end();
  ck_assert_uint_eq(checked_size(puller.result(), 1400), 100);
}
END_TEST

START_TEST(a_range_at_or_past_the_end_is_eos) {
  Pair pair;
  pair.start().give(1500);
  Puller waits(*pair.branch, 1500, 1);
  waits.wait_parked();
  pair.end();
  ck_assert_int_eq(waits.result().flow, GST_FLOW_EOS);
  for (const guint64 offset :
       {guint64{1500}, guint64{1501}, guint64{G_MAXINT64}, G_MAXUINT64 - 1}) {
    ck_assert_int_eq(pull(*pair.branch, offset, 10).flow, GST_FLOW_EOS);
  }
}
END_TEST

START_TEST(a_range_of_nothing_is_there_at_once) {
  Pair pair;
  pair.start().give(1500);
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 1500, 0), 1500), 0);
}
END_TEST

START_TEST(a_callers_buffer_is_filled_and_cut) {
  Pair pair;
  pair.start().give(5000).end();
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 500, 2000, marked_buffer(2000)), 500), 2000);
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 500, 2000, marked_buffer(3000)), 500), 2000);
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 4500, 2000, marked_buffer(2000)), 4500), 500);
}
END_TEST

START_TEST(a_callers_buffer_is_left_alone_at_the_end) {
  Pair pair;
  pair.start().give(500).end();
  const Pulled pulled = pull(*pair.branch, 500, 100, marked_buffer(100));
  ck_assert_int_eq(pulled.flow, GST_FLOW_EOS);
  ck_assert(is_marked(pulled.buffer, 100));
}
END_TEST

START_TEST(a_flush_brings_a_waiting_range_back_and_leaves_the_buffer_alone) {
  Pair pair;
  pair.start().give(1500);
  Puller puller(*pair.branch, 1000, 2000, marked_buffer(2000));
  puller.wait_parked();

  pair.branch->send(gst_event_new_flush_start());

  ck_assert_int_eq(puller.result().flow, GST_FLOW_FLUSHING);
  ck_assert(is_marked(puller.result().buffer, 2000));
  ck_assert_int_eq(pull(*pair.branch, 0, 10).flow, GST_FLOW_FLUSHING);
  pair.branch->send(gst_event_new_flush_stop(TRUE));
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 10, 1000), 10), 1000);
  pair.give(100);  // upstream has not heard of it
}
END_TEST

START_TEST(deactivation_brings_a_waiting_range_back) {
  Pair pair;
  pair.start().give(1500);
  Puller puller(*pair.branch, 1000, 2000, marked_buffer(2000));
  puller.wait_parked();

  ck_assert(in_pull_mode(*pair.branch, false));

  ck_assert_int_eq(puller.result().flow, GST_FLOW_FLUSHING);
  ck_assert(is_marked(puller.result().buffer, 2000));
}
END_TEST

START_TEST(a_state_change_brings_a_waiting_range_back) {
  Pair pair;
  pair.start().give(1500);
  Puller puller(*pair.branch, 1000, 2000);
  puller.wait_parked();
  pair.tee.to(GST_STATE_READY);
  ck_assert_int_eq(puller.result().flow, GST_FLOW_FLUSHING);
}
END_TEST

START_TEST(a_release_brings_a_waiting_range_back) {
  Pair pair;
  pair.start().give(1500);
  Puller puller(*pair.branch, 1000, 2000);
  puller.wait_parked();
  pair.branch->release();
  ck_assert_int_eq(puller.result().flow, GST_FLOW_FLUSHING);
}
END_TEST

START_TEST(an_unlink_brings_a_waiting_range_back_and_the_next_peer_is_pushed_to) {
  Pair pair;
  pair.start().give(1500);
  Puller puller(*pair.branch, 1000, 2000);
  puller.wait_parked();
  pair.branch->unlink();
  ck_assert_int_eq(puller.result().flow, GST_FLOW_FLUSHING);

  gst_pad_set_active(pair.branch->sink(), FALSE);
  gst_pad_set_active(pair.branch->sink(), TRUE);
  pair.branch->link();
  pair.branch->wait_bytes(1500);
  ck_assert(is_pattern(pair.branch->all_bytes(), 0));
}
END_TEST

START_TEST(upstreams_flush_brings_a_waiting_range_back_and_another_recording_follows) {
  Pair pair;
  pair.start().give(1500);
  Puller puller(*pair.branch, 1000, 2000);
  puller.wait_parked();

  pair.upstream->send(gst_event_new_flush_start());

  ck_assert_int_eq(puller.result().flow, GST_FLOW_FLUSHING);
  ck_assert_int_eq(pull(*pair.branch, 0, 10).flow, GST_FLOW_FLUSHING);
  pair.upstream->send(gst_event_new_flush_stop(TRUE));
  pair.upstream->set_segment(GST_FORMAT_BYTES);
  pair.upstream->give_pattern(0, 200);
  pair.end();
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 0, 1000), 0), 200);
  ck_assert_uint_eq(pair.branch->count(GST_EVENT_FLUSH_START), 0);
}
END_TEST

START_TEST(an_evicted_range_is_an_error_at_once_that_is_posted_once) {
  Pair pair(100, 6400);
  pair.start().give(20'000);

  const Pulled pulled = pull(*pair.branch, 0, 100, marked_buffer(100));

  ck_assert_int_eq(pulled.flow, GST_FLOW_ERROR);
  ck_assert(is_marked(pulled.buffer, 100));
  const PostedError error = pair.tee.wait_error();
  ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
  ck_assert_int_eq(pull(*pair.branch, 100, 100).flow, GST_FLOW_ERROR);
  pair.tee.demand_no_error();
  // What is kept can still be had.
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 19'000, 1000), 19'000), 1000);
}
END_TEST

START_TEST(ranges_from_several_threads_come_one_after_the_other) {
  Pair pair(97);
  pair.start().give(20'000);
  std::vector<std::jthread> threads;
  for (unsigned number = 0; number < 4; ++number) {
    threads.emplace_back([&pair, number] {
      Random random(stress_seed() + number);
      for (int count = 0; count < 500; ++count) {
        const guint64 offset = random.below(19'000);
        const auto size = static_cast<guint>(1 + random.below(1000));
        demand(checked_size(pull(*pair.branch, offset, size), offset) == size, "a range is whole");
      }
    });
  }
}
END_TEST

START_TEST(a_writer_that_waits_when_full_waits_for_who_pulls) {
  Pair pair(100, 6400);
  pair.tee.set_text("when-full", "block");
  pair.start();
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 0, 0), 0), 0);
  Gate given;
  const std::jthread feeder([&] {
    pair.give(50'000);
    given.open();
  });
  for (guint64 offset = 0; offset < 20'000; offset += 500) {
    ck_assert_uint_eq(checked_size(pull(*pair.branch, offset, 500), offset), 500);
  }
  ck_assert_uint_eq(given.granted(), 0);
  // More than the window holds.
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 20'000, 30'000), 20'000), 30'000);
  given.wait("upstream is let go on");
}
END_TEST

START_TEST(read_ahead_counts_from_what_was_pulled) {
  Pair pair;
  pair.tee.set("read-ahead-bytes", guint64{1000});
  pair.start();
  Gate given;
  const std::jthread feeder([&] {
    pair.give(10'000);
    given.open();
  });
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 3000, 3000), 3000), 3000);
  ck_assert_uint_eq(given.granted(), 0);
  ck_assert_uint_eq(checked_size(pull(*pair.branch, 9000, 900), 9000), 900);
  given.wait("upstream is let go on");
}
END_TEST

START_TEST(a_pulled_buffer_outlives_the_element) {
  Pulled kept;
  {
    Pair pair;
    pair.start().give(5000);
    kept = pull(*pair.branch, 2100, 800);
  }
  ck_assert_uint_eq(checked_size(kept, 2100), 800);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "pull_range",
      {{"bytes", {any_range_has_the_bytes_of_its_offset, a_range_of_nothing_is_there_at_once}},
       {"memory",
        {a_range_in_one_chunk_shares_its_memory,
         a_range_that_arrives_bit_by_bit_in_one_chunk_shares_its_memory,
         a_range_over_several_chunks_is_one_memory, a_pulled_buffer_outlives_the_element}},
       {"edge",
        {a_range_at_the_edge_waits_for_all_of_it, a_range_beyond_the_edge_waits_too,
         a_range_over_the_end_is_short, a_range_that_waits_when_the_end_comes_is_short,
         a_range_at_or_past_the_end_is_eos}},
       {"given", {a_callers_buffer_is_filled_and_cut, a_callers_buffer_is_left_alone_at_the_end}},
       {"interrupted",
        {a_flush_brings_a_waiting_range_back_and_leaves_the_buffer_alone,
         deactivation_brings_a_waiting_range_back, a_state_change_brings_a_waiting_range_back,
         a_release_brings_a_waiting_range_back,
         an_unlink_brings_a_waiting_range_back_and_the_next_peer_is_pushed_to,
         upstreams_flush_brings_a_waiting_range_back_and_another_recording_follows}},
       {"window",
        {an_evicted_range_is_an_error_at_once_that_is_posted_once,
         ranges_from_several_threads_come_one_after_the_other,
         a_writer_that_waits_when_full_waits_for_who_pulls,
         read_ahead_counts_from_what_was_pulled}}});
}
