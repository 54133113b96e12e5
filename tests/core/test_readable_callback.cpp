// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a callback of a request may do, and what cancel() promises while it runs.
#include <deque>
#include <optional>
#include <thread>

#include "core/catcher.hpp"
#include "core/readable.hpp"
#include "core/reader.hpp"
#include "tests/support/bell.hpp"
#include "tests/support/check.hpp"
#include "tests/support/parked.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Reader;
using catcher::Status;
using namespace catcher::test;

START_TEST(a_callback_may_enter_itself_again) {
  auto made = pushed();
  Reader reader(made.catcher);
  Bell bell;
  std::size_t got = 0;
  bell.set_then([&] {
    for (;;) {
      std::byte bytes[7];
      const auto result = reader.read_now(bytes);
      if (result.status == Status::ok) demand_pattern(std::span(bytes, result.bytes), got);
      got += result.bytes;
      if (result.status == Status::would_block &&
          reader.once_readable(bell.request) == Status::would_block) {
        return;
      }
      if (result.status == Status::end) return;
    }
  });
  ck_assert_status(reader.once_readable(bell.request), Status::would_block);

  for (std::size_t size = 0; size < 50; ++size) add(made.writer, size);
  made.writer.finish();

  ck_assert_uint_eq(got, 49 * 50 / 2);
  ck_assert_uint_eq(bell.rings(), 50);
}
END_TEST

START_TEST(a_callback_may_enter_and_cancel_others) {
  auto made = filled(10);
  Bell later;
  Bell never;
  Bell bell([&] {
    demand(made.catcher->once_readable(11, later.request) == Status::would_block, "it waits");
    demand(never.request.cancel(), "another is cancelled");
  });
  // Due at the same time, and before it: so it is called or not by the order of the two.
  ck_assert_status(made.catcher->once_readable(12, never.request), Status::would_block);
  ck_assert_status(made.catcher->once_readable(10, bell.request), Status::would_block);

  add(made.writer, 1);
  ck_assert_uint_eq(later.rings(), 0);
  add(made.writer, 5);

  ck_assert_uint_eq(bell.rings(), 1);
  ck_assert_uint_eq(later.rings(), 1);
  ck_assert_uint_eq(never.rings(), 0);
}
END_TEST

START_TEST(a_callback_may_destroy_its_own_request_and_others) {
  auto made = filled(10);
  std::deque<std::optional<Bell>> bells(3);
  unsigned called = 0;
  for (auto& bell : bells) {
    bell.emplace([&] {
      ++called;
      for (auto& any : bells) any.reset();
    });
    ck_assert_status(made.catcher->once_readable(10, bell->request), Status::would_block);
  }

  add(made.writer, 1);
  add(made.writer, 1);

  ck_assert_uint_eq(called, 1);
}
END_TEST

START_TEST(a_callback_that_enters_and_destroys_its_request_leaves_nothing) {
  auto made = filled(10);
  std::optional<Bell> bell;
  bell.emplace([&] {
    demand(made.catcher->once_readable(20, bell->request) == Status::would_block, "it waits");
    bell.reset();
  });
  ck_assert_status(made.catcher->once_readable(10, bell->request), Status::would_block);

  add(made.writer, 1);
  add(made.writer, 100);

  ck_assert(!bell);
}
END_TEST

START_TEST(what_a_callback_makes_due_is_called_after_it) {
  auto made = filled(10);
  std::deque<Bell> bells(1000);
  unsigned depth = 0;
  unsigned called = 0;
  for (std::size_t i = 0; i < bells.size(); ++i) {
    bells[i].set_then([&] {
      demand(depth++ == 0, "no callback is made inside another");
      add(made.writer, 1);
      --depth;
      ++called;
    });
    ck_assert_status(made.catcher->once_readable(10 + i, bells[i].request), Status::would_block);
  }

  add(made.writer, 1);

  ck_assert_uint_eq(called, 1000);
  ck_assert_uint_eq(made.writer.offset(), 1011);
}
END_TEST

START_TEST(one_that_is_due_can_still_be_cancelled) {
  auto made = filled(10);
  std::deque<Bell> bells(3);
  unsigned called = 0;
  unsigned cancelled = 0;
  for (Bell& bell : bells) {
    bell.set_then([&] {
      ++called;
      for (Bell& other : bells) cancelled += other.request.cancel() ? 1 : 0;
    });
    ck_assert_status(made.catcher->once_readable(10, bell.request), Status::would_block);
  }

  add(made.writer, 1);

  ck_assert_uint_eq(called, 1);
  ck_assert_uint_eq(cancelled, 2);
}
END_TEST

START_TEST(cancel_tells_whether_it_came_first) {
  auto made = filled(10);
  Bell first;
  Bell second;
  Bell inside;
  inside.set_then([&] { demand(!inside.request.cancel(), "it is being called"); });
  ck_assert(!first.request.cancel());
  for (Bell* bell : {&first, &second, &inside}) {
    ck_assert_status(made.catcher->once_readable(10, bell->request), Status::would_block);
  }

  ck_assert(first.request.cancel());
  ck_assert(!first.request.cancel());
  add(made.writer, 1);
  ck_assert(!second.request.cancel());

  ck_assert_uint_eq(first.rings(), 0);
  ck_assert_uint_eq(second.rings(), 1);
  ck_assert_uint_eq(inside.rings(), 1);
}
END_TEST

START_TEST(cancel_waits_for_a_callback_on_another_thread) {
  auto made = filled(10);
  Gate go_on;
  std::atomic<bool> over{false};
  Bell bell([&] {
    demand(go_on.pass(patiently()), "the callback is let go on");
    over = true;
  });
  ck_assert_status(made.catcher->once_readable(10, bell.request), Status::would_block);
  std::jthread appender([&] { add(made.writer, 1); });
  bell.wait("the callback has begun");
  Parked parked;
  std::jthread canceller([&] {
    parked.enter();
    demand(!bell.request.cancel(), "the callback was first");
    demand(over, "the callback has returned");
  });

  parked.wait("cancel() sleeps");
  go_on.open();
}
END_TEST

START_TEST(cancel_takes_out_what_a_running_callback_enters_again) {
  auto made = filled(10);
  Gate go_on;
  Bell bell;
  bell.set_then([&] {
    demand(go_on.pass(patiently()), "the callback is let go on");
    demand(made.catcher->once_readable(20, bell.request) == Status::would_block, "it waits");
  });
  ck_assert_status(made.catcher->once_readable(10, bell.request), Status::would_block);
  std::jthread appender([&] { add(made.writer, 1); });
  bell.wait("the callback has begun");
  Parked parked;
  std::jthread canceller([&] {
    parked.enter();
    demand(bell.request.cancel(), "it was entered again");
  });

  parked.wait("cancel() sleeps");
  go_on.open();
  canceller.join();
  appender.join();
  add(made.writer, 100);

  ck_assert_uint_eq(bell.rings(), 1);
}
END_TEST

// Whoever is first: each request is called, or cancelled, and never both.
START_TEST(cancel_and_callback_race) {
  constexpr int kRounds = 500;
  auto made = pushed();
  std::uint64_t calls = 0;
  std::uint64_t cancels = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::deque<Bell> bells(4);
    const std::uint64_t offset = made.writer.offset();
    for (Bell& bell : bells) {
      ck_assert_status(made.catcher->once_readable(offset, bell.request), Status::would_block);
    }
    Gate ready;
    std::jthread appender([&] {
      ready.open();
      add(made.writer, 1);
    });
    ready.wait("the appender runs");
    for (Bell& bell : bells) {
      const bool undone = bell.request.cancel();
      ck_assert_uint_eq(bell.rings(), undone ? 0 : 1);
      ++(undone ? cancels : calls);
    }
  }
  ck_assert_uint_eq(calls + cancels, 4 * kRounds);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "readable_callback",
      {{"callback",
        {a_callback_may_enter_itself_again, a_callback_may_enter_and_cancel_others,
         a_callback_may_destroy_its_own_request_and_others,
         a_callback_that_enters_and_destroys_its_request_leaves_nothing,
         what_a_callback_makes_due_is_called_after_it}},
       {"cancel",
        {one_that_is_due_can_still_be_cancelled, cancel_tells_whether_it_came_first,
         cancel_waits_for_a_callback_on_another_thread,
         cancel_takes_out_what_a_running_callback_enters_again, cancel_and_callback_race}}});
}
