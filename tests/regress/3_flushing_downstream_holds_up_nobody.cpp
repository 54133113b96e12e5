// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A branch stands still when its downstream is inactive, or has lost the end of a flush to an
// unlink: what is pushed comes back as FLUSHING. A writer that waits for running players waited
// for it, and so all others did.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kWindow = 64 * 1024;

START_TEST(a_branch_whose_downstream_flushes_by_itself_holds_up_nobody) {
  Element tee("catchertee");
  tee.set_text("when-full", "block");
  tee.set("max-size-bytes", guint64{kWindow});
  Upstream upstream(tee.get());
  Branch sibling(tee.get());
  sibling.link();
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 1000);
  branch.wait_bytes(1000);

  gst_pad_set_active(branch.sink(), FALSE);
  Gate given;
  std::jthread giver([&] {
    upstream.give_pattern(1000, 4 * kWindow);
    given.open();
  });
  given.wait("upstream goes on");
  sibling.wait_bytes(1000 + 4 * kWindow);

  // It goes on with what is kept.
  branch.forget();
  gst_pad_set_active(branch.sink(), TRUE);
  branch.send(gst_event_new_reconfigure());
  upstream.eos();
  branch.wait_eos();
  ck_assert_uint_gt(branch.bytes(), 0);
  ck_assert_uint_le(branch.bytes(), kWindow);
  ck_assert(is_pattern(branch.all_bytes(), 1000 + 4 * kWindow - branch.bytes()));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "3_flushing_downstream_holds_up_nobody",
      {{"flushing", {a_branch_whose_downstream_flushes_by_itself_holds_up_nobody}}});
}
