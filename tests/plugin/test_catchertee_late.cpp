// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Pads that are requested while the stream arrives or when it has ended, and where they begin.
#include "tests/support/plugin_check.hpp"

#include "tests/support/app_sink.hpp"
#include "tests/support/branch.hpp"
#include "tests/support/frames.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kBytes = 400'000;

bool has_pattern(Branch& branch, std::uint64_t offset, std::uint64_t size) {
  const auto all = branch.all_bytes();
  return all.size() == size && is_pattern(all, offset);
}

START_TEST(a_pad_requested_midway_gets_all_of_it) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch first(tee.get());
  first.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, kBytes / 2);
  first.wait_bytes(kBytes / 2);

  Branch late(tee.get());
  late.link();
  late.wait_bytes(kBytes / 2);
  upstream.give_pattern(kBytes / 2, kBytes - kBytes / 2);
  upstream.eos();
  first.wait_eos();
  late.wait_eos();

  ck_assert(has_pattern(first, 0, kBytes));
  ck_assert(has_pattern(late, 0, kBytes));
  tee.demand_no_error();
}
END_TEST

START_TEST(a_pad_requested_after_the_end_gets_all_of_it) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, kBytes);
  upstream.eos();

  Branch late(tee.get());
  late.link();
  late.wait_eos();

  ck_assert(has_pattern(late, 0, kBytes));
  ck_assert_text(late.story(), "stream-start segment buffer eos");
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "catchertee_late",
      {{"pads",
        {a_pad_requested_midway_gets_all_of_it, a_pad_requested_after_the_end_gets_all_of_it}}});
}
