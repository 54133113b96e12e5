// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A GInputStream over a reader that a main loop cannot wait for: GIO reads it in a thread.
#include "tests/support/check.hpp"
#include "tests/support/gio_reading.hpp"
#include "tests/support/streams.hpp"

namespace {

using namespace catcher::test;

START_TEST(a_pulled_stream_without_an_executor_is_read_in_a_thread_of_gio) {
  Script script;
  script.give(10).give(10).give(10).end();
  const auto caught = pulled(std::move(script));
  const auto stream = stream_of(caught);

  ck_assert(!g_pollable_input_stream_can_poll(G_POLLABLE_INPUT_STREAM(stream.get())));

  gssize sum = 0;
  for (Outcome got; (got = AsyncRead(stream.get(), 7).wait()).bytes > 0;) sum += got.bytes;
  ck_assert_int_eq(sum, 30);
}
END_TEST

}  // namespace

int main() {
  return run_suite("gio_thread",
                   {{"read", {a_pulled_stream_without_an_executor_is_read_in_a_thread_of_gio}}});
}
