// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Each allocation in turn fails, where something is recorded and where it is played: an error is
// posted, or it can be done without; what was caught before is played.
#include "tests/support/failing_new.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

constexpr int kAllocations = 40;  // more than any of these needs

bool is_no_space(const PostedError& error) {
  return error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT);
}

// What is recorded while memory is short, after some data and before more.
void record_without_memory(const std::function<void(Upstream&)>& what) {
  bool failed_once = false, worked_once = false;
  for (int allowed = 0; allowed < kAllocations; ++allowed) {
    Element tee("catchertee");
    Upstream upstream(tee.get());
    Branch branch(tee.get());
    branch.link();
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_BYTES);
    upstream.give_pattern(0, 10'000);
    branch.wait_bytes(10'000);
    {
      const FailingNew failing(allowed);
      what(upstream);
    }
    const bool works = upstream.push(pattern_buffer(10'000, 1000)) == GST_FLOW_OK;
    (works ? worked_once : failed_once) = true;
    upstream.eos();
    if (!works) ck_assert(is_no_space(tee.wait_error()));
    branch.wait_eos();
    ck_assert(is_pattern(branch.all_bytes(), 0));
    ck_assert_uint_eq(branch.bytes(), works ? 11'000 : 10'000);
  }
  ck_assert(worked_once);
  ck_assert(failed_once);
}

START_TEST(no_memory_for_events) {
  record_without_memory([](Upstream& upstream) {
    for (int count = 0; count < 200; ++count) {
      upstream.send(
          gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty("once")));
    }
  });
}
END_TEST

START_TEST(no_memory_to_begin) {
  bool failed_once = false;
  for (int allowed = 0; allowed < kAllocations; ++allowed) {
    Element tee("catchertee");
    tee.set("channel", "short");
    bool works = false;
    {
      const FailingNew failing(allowed);
      works = tee.try_to(GST_STATE_PAUSED) != GST_STATE_CHANGE_FAILURE;
    }
    if (works) continue;
    failed_once = true;
    ck_assert(is_no_space(tee.wait_error()));
    // It has given its channel back.
    tee.to(GST_STATE_NULL);
    tee.settle(GST_STATE_PAUSED);
  }
  ck_assert(failed_once);
}
END_TEST

// The streaming thread runs short with its first buffer, until it says that it has ended.
START_TEST(no_memory_to_play_on) {
  bool failed_once = false;
  for (int allowed = 0; allowed < kAllocations; ++allowed) {
    Element tee("catchertee");
    Upstream upstream(tee.get());
    Branch branch(tee.get()), sibling(tee.get());
    std::atomic<bool> ended = false;
    branch
        .looks([allowed, first = true](const Arrival&) mutable {
          if (std::exchange(first, false)) {
            new_allowed = allowed;
            new_may_fail = true;
          }
          return GST_FLOW_OK;
        })
        .hears([&ended](GstEvent* event) {
          if (GST_EVENT_TYPE(event) != GST_EVENT_EOS) return;
          new_may_fail = false;
          ended = true;
        })
        .keeps_none();
    branch.link();
    sibling.link();
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_BYTES);
    upstream.give_pattern(0, 30'000);
    branch.wait_bytes(1);
    upstream.give_pattern(30'000, 30'000);
    upstream.eos();
    sibling.wait_eos();
    ck_assert_uint_eq(sibling.bytes(), 60'000);
    branch.wait("the branch ends, or has all", [&] { return ended.load(); });
    if (branch.bytes() == 60'000) continue;
    failed_once = true;
    ck_assert(is_no_space(tee.wait_error()));
    // A seek has it try again.
    ck_assert_uint_ne(branch.seek(GST_FORMAT_BYTES, 0), GST_SEQNUM_INVALID);
    branch.wait_bytes(60'000);
  }
  ck_assert(failed_once);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "no_memory",
                          {{"recorder", {no_memory_for_events, no_memory_to_begin}},
                           {"player", {no_memory_to_play_on}}});
}
