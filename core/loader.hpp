// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Brings a catcher to its end on behalf of all its readers, here and now or in the background.
// In a pulled catcher it asks the source; in one that is pushed it waits for the writer.
//
// Not for an endless stream without a bound (Config::max_bytes): it is kept all. Nothing is
// evicted that a reader holds back, but a loader itself does not: where the window blocks when it
// is full, the loader waits there for readers, as a writer would.
//
// Thread: any.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "catcher.hpp"
#include "export.hpp"
#include "status.hpp"
#include "wait.hpp"

namespace catcher {

// Returns once all is loaded: `ok`, and `bytes` is the stream's length. Otherwise the reason:
// `failed` with the error that readers get too, `cancelled`, `timed_out`, `would_block`,
// `out_of_memory`, `full` (a held range), and `bytes` is what has come so far.
CATCHER_API ReadResult load_all(const std::shared_ptr<Catcher>& catcher,
                                const Wait& wait = {}) noexcept;

// Does the same in the background, on a thread of its own or wherever `Executor` runs it.
// Move-only.
class CATCHER_API Loader {
 public:
  // Runs what it is given once, now or later, on a thread that may block. What it drops
  // without running it counts as cancelled.
  using Executor = std::function<void(std::function<void()>)>;

  // Nothing to do.
  Loader() noexcept;
  // Starts it. Throws std::bad_alloc alone; a thread that cannot be had, or an executor that
  // throws, is found in the result as `failed`.
  explicit Loader(std::shared_ptr<Catcher> catcher);
  // The same, run by `executor`.
  Loader(std::shared_ptr<Catcher> catcher, const Executor& executor);
  Loader(Loader&&) noexcept;
  Loader& operator=(Loader&& other) noexcept;
  // Cancels it. Its own thread is joined, which takes as long as the source takes to notice; an
  // executor is not waited for, and the catcher lives until it is done.
  ~Loader();

  // Stops soon, in the midst of a read of the source too. Loses nothing: readers go on there.
  void cancel() noexcept;
  // Whether wait() would not have to. Stays true.
  bool is_done() const noexcept;
  // What load_all() has said, once it has; `would_block`, `timed_out` or `cancelled` (by `wait`) if
  // that takes too long. May be asked again, by any thread.
  ReadResult wait(const Wait& wait = {}) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace catcher
