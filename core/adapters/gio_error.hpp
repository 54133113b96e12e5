// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Outcomes of the core as GErrors, errors of GIO as codes of the core, and a GCancellable as a
// stop token and the reverse.
#pragma once

#include <gio/gio.h>

#include <cstdint>
#include <memory>
#include <stop_token>
#include <system_error>

#include "../status.hpp"

namespace catcher {

// Says in `error` why the read at `offset` gave nothing. Requires: it is neither ok nor the end.
void set_gio_error(GError** error, const ReadResult& why, std::uint64_t offset);

// The code that says the same as `error`.
std::error_code code_of(const GError& error) noexcept;

// Asks to stop once `cancellable`, which may be null, is cancelled.
class StopOnCancel {
 public:
  // `cancellable` outlives this.
  explicit StopOnCancel(GCancellable* cancellable);
  ~StopOnCancel();
  StopOnCancel(const StopOnCancel&) = delete;
  StopOnCancel& operator=(const StopOnCancel&) = delete;

  // Stopped once it is cancelled.
  std::stop_token token() const noexcept { return stop_.get_token(); }

 private:
  GCancellable* const cancellable_;
  std::stop_source stop_;
  gulong handler_ = 0;
};

// Cancels what it owns once a stop is requested.
class CancelOnStop {
 public:
  // Watches `stop` for as long as this lives.
  explicit CancelOnStop(const std::stop_token& stop)
      : cancellable_(stop.stop_possible() ? g_cancellable_new() : nullptr),
        on_stop_(stop, Cancel{cancellable_.get()}) {}

  // Null if there is nothing that could be stopped.
  GCancellable* get() const noexcept { return cancellable_.get(); }

 private:
  struct Unref {
    void operator()(GCancellable* cancellable) const noexcept { g_object_unref(cancellable); }
  };
  struct Cancel {
    GCancellable* cancellable;
    void operator()() const noexcept {
      if (cancellable != nullptr) g_cancellable_cancel(cancellable);
    }
  };
  const std::unique_ptr<GCancellable, Unref> cancellable_;
  std::stop_callback<Cancel> on_stop_;  // goes first, and waits for a callback
};

}  // namespace catcher
