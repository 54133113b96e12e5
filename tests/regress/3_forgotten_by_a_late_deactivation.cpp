// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// GStreamer makes a pad forget its stickies when all else of a deactivation is over, and another
// thread may have activated the pad by then. The player believed that downstream had them, and
// pushed data before any stream had started.
#include "tests/support/branch.hpp"
#include "tests/support/doorstep.hpp"
#include "tests/support/upstream.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

GstPadActivateModeFunction activate_mode = nullptr;
thread_local Doorstep* after_deactivation = nullptr;

gboolean activate_and_hold(GstPad* pad, GstObject* parent, GstPadMode mode,
                           gboolean active) noexcept {
  const gboolean done = activate_mode(pad, parent, mode, active);
  if (after_deactivation != nullptr) hold_before_lock(pad, *after_deactivation);
  return done;
}

// A tee whose one branch has got 10 000 bytes twice: before the deactivation, of which nothing is
// left to be done but that the pad forgets, and after an activation.
class Overtaken {
 public:
  Overtaken() : tee_("catchertee"), upstream_(tee_.get()), branch_(tee_.get()) {
    activate_mode = GST_PAD_ACTIVATEMODEFUNC(branch_.src());
    gst_pad_set_activatemode_function(branch_.src(), activate_and_hold);
    branch_.link();
    tee_.to(GST_STATE_PLAYING);
    upstream_.begin(GST_FORMAT_BYTES);
    upstream_.give_pattern(0, 10'000);
    branch_.wait_bytes(10'000);
    late_ = std::jthread([this] {
      after_deactivation = &late_step_;
      gst_pad_set_active(branch_.src(), FALSE);
      is_over_.open();
    });
    late_step_.reached.wait("the deactivation is all but over");
    gst_pad_set_active(branch_.src(), TRUE);
    branch_.wait_bytes(20'000);
    branch_.forget();
  }

  Branch& branch() { return branch_; }
  Upstream& upstream() { return upstream_; }
  void let_it_end() { late_step_.opened.open(); }
  void wait_end() { is_over_.wait("the deactivation comes to its end"); }

  void demand_told_again(std::uint64_t bytes) {
    branch_.wait_bytes(bytes);
    ck_assert_text(branch_.story(), "stream-start segment buffer");
  }

 private:
  Element tee_;
  Upstream upstream_;
  Branch branch_;
  Doorstep late_step_;
  Gate is_over_;
  std::jthread late_;
};

START_TEST(what_a_pad_forgot_is_told_before_it_goes_on_elsewhere) {
  Overtaken pad;
  pad.branch().unlink();
  pad.let_it_end();
  pad.upstream().give_pattern(10'000, 5'000);
  pad.wait_end();
  pad.branch().link();
  pad.demand_told_again(5'000);
}
END_TEST

START_TEST(what_a_pad_forgot_is_told_before_it_goes_on_where_it_was) {
  Overtaken pad;
  // It has its task stand still, and then comes behind the deactivation.
  Doorstep step;
  std::jthread seeker([&] {
    hold_before_lock(pad.branch().src(), step);
    pad.branch().send(gst_event_new_seek(2.0, GST_FORMAT_BYTES, GST_SEEK_FLAG_NONE,
                                         GST_SEEK_TYPE_NONE, -1, GST_SEEK_TYPE_NONE, -1));
  });
  step.reached.wait("the seek has stopped the task");
  pad.let_it_end();
  pad.wait_end();
  step.opened.open();
  seeker.join();
  pad.upstream().give_pattern(10'000, 5'000);
  pad.demand_told_again(5'000);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "3_forgotten_by_a_late_deactivation",
                          {{"late",
                            {what_a_pad_forgot_is_told_before_it_goes_on_elsewhere,
                             what_a_pad_forgot_is_told_before_it_goes_on_where_it_was}}});
}
