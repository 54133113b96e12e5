// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A push came back with NOT_LINKED, and the player paused its task. What made it start again before
// that pause (a new link, a RECONFIGURE) came too early to be seen: the pause won, and the branch
// stood still although it had a peer.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kAll = 10'000;

// `revive` comes on the streaming thread, within the push that then fails: the latest moment at
// which it is sure to come before the pause.
template <class Revive>
void check_goes_on(const Revive& revive) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  bool first = true;
  // What is looked at counts as taken: the bytes are counted here.
  std::atomic<std::uint64_t> taken = 0;
  branch.looks([&](const Arrival& one) {
    if (std::exchange(first, false)) {
      revive(branch);
      return GST_FLOW_NOT_LINKED;
    }
    demand(GST_BUFFER_OFFSET(one.buffer.get()) == taken, "nothing is left out", taken);
    taken = GST_BUFFER_OFFSET_END(one.buffer.get());
    return GST_FLOW_OK;
  });
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, kAll);
  upstream.eos();

  branch.wait_eos();

  ck_assert_uint_eq(taken, kAll);
  tee.demand_no_error();
}

START_TEST(a_link_that_comes_before_the_branch_gives_up_is_seen) {
  check_goes_on([](Branch& branch) {
    branch.unlink();
    branch.link();
  });
}
END_TEST

START_TEST(a_reconfigure_that_comes_before_the_branch_gives_up_is_seen) {
  check_goes_on([](Branch& branch) {
    demand(branch.send(gst_event_new_reconfigure()), "RECONFIGURE is taken");
  });
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "2_link_while_it_gives_up",
                          {{"revival",
                            {a_link_that_comes_before_the_branch_gives_up_is_seen,
                             a_reconfigure_that_comes_before_the_branch_gives_up_is_seen}}});
}
