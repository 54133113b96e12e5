// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A window that moves on: no branch ever gets a wrong byte, what has gone is replaced as on-evicted
// says, and the SEEKING query shows what is there.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kWindow = 8 * kMiB;
// A chunk is at most a 64th of the window, and the oldest goes as a whole.
constexpr std::uint64_t kChunk = kWindow / 64;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kStream = 48 * kMiB;
#else
constexpr std::uint64_t kStream = 256 * kMiB;
#endif

// Checks each byte against its offset, and each buffer against its segment. For Branch::looks().
class Bytes {
 public:
  GstFlowReturn operator()(const Arrival& one) const {
    Seen& seen = *seen_;
    GstMapInfo map;
    demand(gst_buffer_map(one.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
    const std::uint64_t offset = GST_BUFFER_OFFSET(one.buffer.get());
    demand_pattern(std::as_bytes(std::span(map.data, map.size)), offset);
    demand(offset + map.size == GST_BUFFER_OFFSET_END(one.buffer.get()), "its end is told", offset);
    const bool begins = seen.segment != one.segments;
    demand(offset == (begins ? one.segment.start : seen.next.load()),
           "a buffer follows the one before, or begins its segment", offset);
    seen.segment = one.segments;
    seen.next = offset + map.size;
    gst_buffer_unmap(one.buffer.get(), &map);
    return GST_FLOW_OK;
  }
  std::uint64_t next() const { return seen_->next; }

 private:
  struct Seen {
    std::uint64_t segment = 0;
    std::atomic<std::uint64_t> next{0};
  };
  std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
};

struct Seekable {
  bool is = false;
  std::uint64_t start = 0, end = 0;
};

Seekable seekable(Branch& branch, GstFormat format) {
  const QueryPtr query(gst_query_new_seeking(format));
  gboolean is = FALSE;
  gint64 start = -1;
  gint64 end = -1;
  demand(branch.query(query), "SEEKING is answered");
  gst_query_parse_seeking(query.get(), nullptr, &is, &start, &end);
  return {is != FALSE, static_cast<std::uint64_t>(start), static_cast<std::uint64_t>(end)};
}

// A tee with this window that has caught `size` bytes.
class Caught {
 public:
  explicit Caught(std::uint64_t size, const char* when_full = "evict")
      : tee("catchertee"), upstream(tee.get()) {
    tee.set("max-size-bytes", guint64{kWindow});
    tee.set_text("when-full", when_full);
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_BYTES);
    upstream.give_pattern(0, size, 65536);
  }
  Element tee;
  Upstream upstream;
};

START_TEST(no_branch_gets_a_wrong_byte) {
  Caught caught(0);
  Random random(stress_seed());
  const Bytes fast_bytes, slow_bytes, seeking_bytes, edge_bytes;
  Branch fast(caught.tee.get()), slow(caught.tee.get()), seeking(caught.tee.get()),
      edge(caught.tee.get());
  fast.looks(fast_bytes).keeps_none().link();
  seeking.looks(seeking_bytes).keeps_none().link();
  edge.set_text("on-evicted", "edge");
  edge.looks(edge_bytes).keeps_none().link();
  slow.looks(slow_bytes).keeps_none().admit(1);
  slow.link();

  std::atomic<bool> fed = false;
  std::jthread feeder([&] {
    caught.upstream.give_pattern(0, kStream, 65536);
    caught.upstream.eos();
    fed = true;
  });
  std::jthread seeker([&, own = Random(random.fork())]() mutable {
    // Some that has gone, some at the border, some at the edge.
    while (!fed) {
      const Seekable window = seekable(seeking, GST_FORMAT_BYTES);
      if (!window.is || window.end == 0) continue;
      const std::uint64_t target = own.one_in(4)   ? own.below(window.end)
                                   : own.one_in(3) ? window.start
                                                   : window.end - 1 - own.below(100'000);
      const guint32 seqnum = seeking.seek(GST_FORMAT_BYTES, std::min(target, window.end - 1));
      demand(seqnum != GST_SEQNUM_INVALID, "a seek to what was there is taken", target);
      seeking.wait_after(seqnum);
    }
  });
  // The slow one is lapped again and again.
  for (std::uint64_t offset = 0; offset < kStream - kWindow; offset += kWindow * 2) {
    fast.wait("the fast one gets on", [&] { return fast_bytes.next() >= offset; });
    slow.admit(3);
  }
  feeder.join();
  seeker.join();
  slow.unblock();

  for (Branch* branch : {&fast, &slow, &edge, &seeking}) branch->wait_eos();
  ck_assert_uint_eq(fast_bytes.next(), kStream);
  ck_assert_uint_eq(slow_bytes.next(), kStream);
  ck_assert_uint_gt(slow.count(GST_EVENT_SEGMENT), 1);
  caught.tee.demand_no_error();
}
END_TEST

START_TEST(seeking_shows_the_window_that_is_there) {
  Caught caught(4 * kWindow + 12'345);
  Branch branch(caught.tee.get());
  const Bytes bytes;
  branch.looks(bytes).link();
  branch.wait("all that is kept comes", [&] { return bytes.next() == 4 * kWindow + 12'345; });

  const Seekable window = seekable(branch, GST_FORMAT_BYTES);
  ck_assert(window.is);
  ck_assert_uint_eq(window.end, 4 * kWindow + 12'345);
  ck_assert_uint_le(window.end - window.start, kWindow);
  ck_assert_uint_ge(window.end - window.start, kWindow - 2 * kChunk);
  ck_assert_uint_eq(caught.tee.value<guint64>("current-level-bytes"), window.end - window.start);
  // Its first byte can be had, and the one before it cannot.
  const guint32 first = branch.seek(GST_FORMAT_BYTES, window.start);
  branch.wait_after(first);
  const guint32 gone = branch.seek(GST_FORMAT_BYTES, window.start - 1);
  branch.wait_after(gone);
  for (const Arrival& one : branch.arrivals()) {
    if (one.event != nullptr && GST_EVENT_TYPE(one.event.get()) == GST_EVENT_SEGMENT) {
      ck_assert_uint_eq(one.segment.start, window.start);
    }
  }
  const Seekable time = seekable(branch, GST_FORMAT_TIME);
  ck_assert(!time.is);
}
END_TEST

START_TEST(an_evicted_seek_goes_to_the_oldest) {
  Caught caught(2 * kWindow);
  Branch branch(caught.tee.get());
  const Bytes bytes;
  branch.looks(bytes).link();
  branch.wait("all that is kept comes", [&] { return bytes.next() == 2 * kWindow; });

  const guint32 seqnum = branch.seek(GST_FORMAT_BYTES, 5);
  branch.wait_after(seqnum);

  const EventPtr segment = branch.last_event(GST_EVENT_SEGMENT);
  const GstSegment* sent = nullptr;
  gst_event_parse_segment(segment.get(), &sent);
  ck_assert_uint_eq(gst_event_get_seqnum(segment.get()), seqnum);
  ck_assert_uint_eq(sent->start, seekable(branch, GST_FORMAT_BYTES).start);
  caught.tee.demand_no_error();
}
END_TEST

START_TEST(an_evicted_seek_goes_to_the_edge) {
  Caught caught(2 * kWindow);
  Branch branch(caught.tee.get());
  branch.set_text("on-evicted", "edge");
  const Bytes bytes;
  branch.looks(bytes).link();
  branch.wait("all that is kept comes", [&] { return bytes.next() == 2 * kWindow; });

  const guint32 seqnum = branch.seek(GST_FORMAT_BYTES, 5);
  branch.wait_event(GST_EVENT_SEGMENT, 2);
  caught.upstream.give_pattern(2 * kWindow, 1000);
  branch.wait_after(seqnum);

  const EventPtr segment = branch.last_event(GST_EVENT_SEGMENT);
  const GstSegment* sent = nullptr;
  gst_event_parse_segment(segment.get(), &sent);
  ck_assert_uint_eq(sent->start, 2 * kWindow);
}
END_TEST

START_TEST(an_evicted_seek_is_an_error_if_wanted) {
  Caught caught(2 * kWindow);
  Branch branch(caught.tee.get()), sibling(caught.tee.get());
  branch.set_text("on-evicted", "error");
  const Bytes bytes, sibling_bytes;
  branch.looks(bytes).link();
  sibling.looks(sibling_bytes).link();
  branch.wait("all that is kept comes", [&] { return bytes.next() == 2 * kWindow; });

  ck_assert_uint_ne(branch.seek(GST_FORMAT_BYTES, 5), GST_SEQNUM_INVALID);
  branch.wait_eos();

  const PostedError error = caught.tee.wait_error();
  ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
  ck_assert(error.debug.find("on-evicted") != std::string::npos);
  // The others and the recording go on, and the branch itself after another seek.
  caught.upstream.give_pattern(2 * kWindow, 5000);
  sibling.wait("the sibling goes on", [&] { return sibling_bytes.next() == 2 * kWindow + 5000; });
  const guint32 seqnum = branch.seek(GST_FORMAT_BYTES, 2 * kWindow);
  branch.wait_after(seqnum);
  ck_assert_uint_eq(sibling.count(GST_EVENT_FLUSH_START), 0);
}
END_TEST

START_TEST(a_window_that_blocks_loses_nothing) {
  Caught caught(0, "block");
  const Bytes slow_bytes, fast_bytes;
  Branch slow(caught.tee.get()), fast(caught.tee.get());
  slow.looks(slow_bytes).keeps_none().admit(1);
  slow.link();
  fast.looks(fast_bytes).keeps_none().link();
  constexpr std::uint64_t kAll = 3 * kWindow;

  std::jthread feeder([&] {
    for (std::uint64_t offset = 0; offset < kAll; offset += 65536) {
      caught.upstream.give(pattern_buffer(offset, 65536));
      // What is in the window has not been played by the slow one, except for its chunk.
      demand(offset + 65536 <= slow_bytes.next() + kWindow + 65536 + kChunk,
             "upstream waits for the slow one", offset);
    }
    caught.upstream.eos();
  });
  fast.wait("the fast one fills the window", [&] { return fast_bytes.next() > kWindow / 2; });
  slow.wait_blocked();
  ck_assert_uint_le(fast_bytes.next(), kWindow + 65536);
  slow.unblock();
  feeder.join();
  slow.wait_eos();
  fast.wait_eos();

  ck_assert_uint_eq(slow_bytes.next(), kAll);
  ck_assert_uint_eq(slow.count(GST_EVENT_SEGMENT), 1);
  ck_assert_uint_eq(fast_bytes.next(), kAll);
  ck_assert_uint_eq(fast.count(GST_EVENT_SEGMENT), 1);
}
END_TEST

START_TEST(a_branch_that_goes_sets_a_blocked_upstream_free) {
  Caught caught(0, "block");
  const Bytes fast_bytes;
  Branch slow(caught.tee.get()), fast(caught.tee.get());
  slow.admit(1);
  slow.link();
  fast.looks(fast_bytes).keeps_none().link();
  std::jthread feeder([&] {
    caught.upstream.give_pattern(0, 2 * kWindow, 65536);
    caught.upstream.eos();
  });
  slow.wait_blocked();

  slow.release();

  fast.wait_eos();
  ck_assert_uint_eq(fast_bytes.next(), 2 * kWindow);
}
END_TEST

START_TEST(going_to_ready_sets_a_blocked_upstream_free) {
  Caught caught(0, "block");
  Branch slow(caught.tee.get());
  slow.admit(1);
  slow.link();
  std::atomic<GstFlowReturn> last = GST_FLOW_OK;
  std::jthread feeder([&] {
    for (std::uint64_t offset = 0; last == GST_FLOW_OK; offset += 65536) {
      last = caught.upstream.push(pattern_buffer(offset, 65536));
    }
  });
  slow.wait_blocked();
  slow.unblock();

  caught.tee.to(GST_STATE_READY);
  feeder.join();

  ck_assert_int_eq(last, GST_FLOW_FLUSHING);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_window",
      {{"bytes", {no_branch_gets_a_wrong_byte, seeking_shows_the_window_that_is_there}},
       {"evicted",
        {an_evicted_seek_goes_to_the_oldest, an_evicted_seek_goes_to_the_edge,
         an_evicted_seek_is_an_error_if_wanted}},
       {"block",
        {a_window_that_blocks_loses_nothing, a_branch_that_goes_sets_a_blocked_upstream_free,
         going_to_ready_sets_a_blocked_upstream_free}}});
}
