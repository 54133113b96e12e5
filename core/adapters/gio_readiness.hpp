// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Whether a reader has something to tell (bytes, the end, or why there are none), for a program
// that polls: by asking now and then, and by a GSource.
#pragma once

#include <gio/gio.h>

#include <cstdint>
#include <optional>

#include "../mutex.hpp"
#include "../readable.hpp"
#include "../reader.hpp"

namespace catcher {

// Looks, and has the catcher look out for bytes from then on.
// Thread: by one at a time.
class ReadableWatch {
 public:
  // Looks out for nothing yet.
  ReadableWatch() = default;
  ~ReadableWatch() { end(); }
  ReadableWatch(const ReadableWatch&) = delete;
  ReadableWatch& operator=(const ReadableWatch&) = delete;

  // True: a read would not wait. False: it would, and `context`, which may be null, is woken once
  // that may have changed. Requires: the context is there until end().
  bool look(Reader& reader, GMainContext* context);
  // Nobody is woken any more.
  void end() noexcept;

 private:
  bool is_waiting();
  void set_waiting(bool waiting, GMainContext* context);
  static void wake(void* self, Status status) noexcept;

  std::uint64_t awaited_ = 0;
  Mutex mutex_;
  bool waiting_ CATCHER_GUARDED_BY(mutex_) = false;
  GMainContext* context_ CATCHER_GUARDED_BY(mutex_) = nullptr;
  // Last, so that no callback finds the rest gone.
  ReadableRequest request_{this, wake};
};

// A source of `stream`, to be unreferenced by the caller, that is dispatched whenever a read would
// not wait, and when `cancellable` is cancelled. `reader`, which the stream keeps, is looked at by
// the thread that runs the source's context; none in it counts as readable.
GSource* readiness_source_new(GPollableInputStream* stream, std::optional<Reader>& reader,
                              GCancellable* cancellable);

}  // namespace catcher
