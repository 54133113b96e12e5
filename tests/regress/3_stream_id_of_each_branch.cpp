// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A stream that ends before it began gets a STREAM_START of the player's own, whose id was made
// without the pad's name. GStreamer refuses that of an element with several src pads, with a
// critical, and nothing tells the branches' streams apart.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

std::string stream_id(const Branch& branch) {
  const EventPtr event = branch.last_event(GST_EVENT_STREAM_START);
  ck_assert(event != nullptr);
  const gchar* id = nullptr;
  gst_event_parse_stream_start(event.get(), &id);
  ck_assert(id != nullptr);
  return id;
}

START_TEST(each_branch_has_an_id_when_the_stream_ends_before_it_began) {
  Element tee("catchertee");
  Upstream upstream(tee.get());
  Branch one(tee.get()), other(tee.get());
  one.link();
  other.link();
  tee.to(GST_STATE_PLAYING);
  upstream.eos();
  one.wait_eos();
  other.wait_eos();

  ck_assert_uint_eq(one.count(GST_EVENT_STREAM_START), 1);
  ck_assert_uint_eq(other.count(GST_EVENT_STREAM_START), 1);
  // The pad's name is what tells them apart; what is before it may be random.
  ck_assert(stream_id(one).ends_with("/src_0"));
  ck_assert(stream_id(other).ends_with("/src_1"));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "3_stream_id_of_each_branch",
                          {{"ids", {each_branch_has_an_id_when_the_stream_ends_before_it_began}}});
}
