// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What tests of compaction are made of: small chunks, an executor that waits to be told, and what
// holds once all is in one piece.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "tests/support/check.hpp"
#include "tests/support/streams.hpp"

namespace catcher::test {

inline constexpr std::uint64_t kChunk = 64;

// Runs what it is given when it is told to. Thread: one at a time.
class Later {
 public:
  Executor executor() {
    return [jobs = jobs_](std::function<void()> job) { jobs->push_back(std::move(job)); };
  }
  std::size_t jobs() const { return jobs_->size(); }
  void run() {
    while (!jobs_->empty()) {
      const std::function<void()> job = std::move(jobs_->front());
      jobs_->pop_front();
      job();
    }
  }
  void drop() { jobs_->clear(); }

 private:
  std::shared_ptr<std::deque<std::function<void()>>> jobs_ =
      std::make_shared<std::deque<std::function<void()>>>();
};

inline Config chunked(Compaction how) {
  Config config;
  config.growth = Growth::constant(kChunk);
  config.compaction = how;
  return config;
}

inline Config later(Later& executor) {
  Config config = chunked(Compaction::executor);
  config.executor = executor.executor();
  return config;
}

inline void ck_assert_state(const Catcher& catcher, CompactionState state) {
  ck_assert_int_eq(static_cast<int>(catcher.compaction()), static_cast<int>(state));
}

// All of the window is one piece, and the pattern.
inline void ck_assert_whole(const std::shared_ptr<Catcher>& catcher) {
  const Window window = catcher->window();
  const auto whole = catcher->contiguous();
  ck_assert_status(whole.status, Status::ok);
  ck_assert_uint_eq(whole.lease.size(), window.end - window.begin);
  ck_assert(is_pattern(whole.lease.bytes(), window.begin));
  ck_assert(catcher->is_compacted());
  ck_assert_uint_le(catcher->stats().chunks, 1);
  Reader reader(catcher);
  const auto read = read_all(reader);
  ck_assert_status(read.status, Status::end);
  ck_assert_uint_eq(read.bytes, window.end - window.begin);
}

}  // namespace catcher::test
