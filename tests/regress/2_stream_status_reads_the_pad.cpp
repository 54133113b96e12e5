// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A task is made, and the bus told of it, within the call that starts it. That was done under the
// player's lock: a bus sync handler that looked at the pad's properties, as one does that sets
// threads' priorities, waited for its own thread.
#include "tests/support/plugin_check.hpp"

#include "tests/support/branch.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace catcher::test;

// Reads what each pad of a player tells, whenever a task of one is spoken of.
GstBusSyncReply read_all(GstBus*, GstMessage* message, gpointer count) noexcept {
  if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_STREAM_STATUS) return GST_BUS_PASS;
  if (!GST_IS_PAD(GST_MESSAGE_SRC(message))) return GST_BUS_PASS;
  gint64 position = 0;
  guint64 bytes = 0;
  guint64 time = 0;
  g_object_get(GST_MESSAGE_SRC(message), "position", &position, "lag-bytes", &bytes, "lag-time",
               &time, nullptr);
  g_object_set(GST_MESSAGE_SRC(message), "start-offset", gint64{0}, nullptr);
  static_cast<std::atomic<unsigned>*>(count)->fetch_add(1);
  return GST_BUS_PASS;
}

// On a thread of its own, since it may not come back.
template <class Deed>
void demand_comes_back(const Deed& deed, const char* what) {
  Gate done;
  const std::jthread thread([&] {
    deed();
    done.open();
  });
  done.wait(what);
}

START_TEST(a_sync_handler_reads_a_pad_of_which_it_is_told) {
  std::atomic<unsigned> told = 0;
  Element tee("catchertee");
  gst_bus_set_sync_handler(tee.bus(), read_all, &told, nullptr);
  Upstream upstream(tee.get());
  Branch early(tee.get());
  early.link();

  demand_comes_back([&] { tee.to(GST_STATE_PLAYING); }, "the state changes");
  std::optional<Branch> late;
  demand_comes_back([&] { late.emplace(tee.get()).link(); }, "a pad is requested");
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, 10'000);
  upstream.eos();
  early.wait_eos();
  late->wait_eos();

  // Of the first pad's: that it was made, and that it has begun.
  ck_assert_uint_ge(told, 2);
  demand_comes_back([&] { tee.to(GST_STATE_READY); }, "the state changes back");
  gst_bus_set_sync_handler(tee.bus(), nullptr, nullptr, nullptr);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "2_stream_status_reads_the_pad",
                          {{"bus", {a_sync_handler_reads_a_pad_of_which_it_is_told}}});
}
