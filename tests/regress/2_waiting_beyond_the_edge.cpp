// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A player whose place has not come yet waits beyond the edge. It counted as one that had played
// nothing, or as one that stood where it had been before its seek: upstream waited for it, by
// read-ahead-bytes or by when-full=block, and it for upstream.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

constexpr std::uint64_t kAll = 4'000'000, kBeyond = 3'000'000;
constexpr std::size_t kEach = 4000;

std::string line(const char* limit) {
  return "fakesrc num-buffers=" + std::to_string(kAll / kEach) +
         " sizetype=fixed sizemax=" + std::to_string(kEach) + " ! catchertee name=t " + limit +
         " src_0::start-from=offset src_0::start-offset=" + std::to_string(kBeyond) +
         " t.src_0 ! fakesink sync=false";
}

START_TEST(a_start_beyond_the_edge_is_reached_with_read_ahead_bytes) {
  Element pipeline = Element::launch(line("read-ahead-bytes=65536"));
  pipeline.to(GST_STATE_PLAYING);
  pipeline.wait_eos();
}
END_TEST

START_TEST(a_start_beyond_the_edge_is_reached_where_upstream_waits_for_room) {
  Element pipeline = Element::launch(line("max-size-bytes=262144 when-full=block"));
  pipeline.to(GST_STATE_PLAYING);
  pipeline.wait_eos();
}
END_TEST

void check_seek_ahead(Element tee) {
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.keeps_none().link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 20'000, kEach);
  branch.wait_bytes(20'000);
  branch.forget();
  const guint32 seqnum = branch.seek(GST_FORMAT_BYTES, kBeyond);

  Gate given;
  const std::jthread feeder([&] {
    upstream.give_pattern(20'000, kAll - 20'000, kEach);
    upstream.eos();
    given.open();
  });
  given.wait("upstream gets rid of all");
  branch.wait_after(seqnum);
  branch.wait_eos();

  ck_assert_uint_eq(branch.bytes(), kAll - kBeyond);
}

START_TEST(a_seek_beyond_the_edge_is_reached_with_read_ahead_bytes) {
  Element tee("catchertee");
  tee.set("read-ahead-bytes", guint64{65'536});
  check_seek_ahead(std::move(tee));
}
END_TEST

START_TEST(a_seek_beyond_the_edge_is_reached_where_upstream_waits_for_room) {
  Element tee("catchertee");
  tee.set("max-size-bytes", guint64{262'144});
  tee.set_text("when-full", "block");
  check_seek_ahead(std::move(tee));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "2_waiting_beyond_the_edge",
                          {{"start",
                            {a_start_beyond_the_edge_is_reached_with_read_ahead_bytes,
                             a_start_beyond_the_edge_is_reached_where_upstream_waits_for_room}},
                           {"seek",
                            {a_seek_beyond_the_edge_is_reached_with_read_ahead_bytes,
                             a_seek_beyond_the_edge_is_reached_where_upstream_waits_for_room}}});
}
