// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A frame of raw audio that is larger than all that may be kept was refused by the rope as a bad
// argument, and reported as a stream that "could not be recorded": nobody was told what to change.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

constexpr std::size_t kFrameBytes = 64 * 8;
constexpr const char* kManyChannels =
    "audio/x-raw,format=F64LE,layout=interleaved,channels=64,channel-mask=(bitmask)0,rate=48000";

START_TEST(a_frame_that_does_not_fit_names_max_size_bytes) {
  Element tee("catchertee");
  tee.set("max-size-bytes", guint64{kFrameBytes / 2});
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_TIME, kManyChannels);

  BufferPtr buffer = pattern_buffer(0, 10 * kFrameBytes);
  GST_BUFFER_PTS(buffer.get()) = 0;
  ck_assert_int_eq(upstream.push(std::move(buffer)), GST_FLOW_ERROR);

  const PostedError error = tee.wait_error();
  ck_assert_msg(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT), "%s (%s)",
                error.text.c_str(), error.debug.c_str());
  ck_assert_msg(error.debug.find("max-size-bytes (256)") != std::string::npos, "%s",
                error.debug.c_str());
  ck_assert_msg(error.debug.find("512 bytes") != std::string::npos, "%s", error.debug.c_str());
  upstream.eos();
  branch.wait_eos();
  tee.demand_no_error();
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "2_frame_larger_than_the_window",
                          {{"window", {a_frame_that_does_not_fit_names_max_size_bytes}}});
}
