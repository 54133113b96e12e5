// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Calls of GIO on a stream whose bytes are the pattern, with what came of them.
//
// Thread: the test's, unless a function says otherwise.
#pragma once

#include <gio/gio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/adapters/gio_stream.hpp"
#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/demand.hpp"
#include "tests/support/main_loop.hpp"
#include "tests/support/pattern.hpp"

namespace catcher::test {

inline GPtr<GInputStream> stream_of(const std::shared_ptr<Catcher>& caught) {
  return GPtr<GInputStream>(gio_input_stream_new(Reader(caught)));
}

inline goffset tell(GInputStream* stream) {
  return g_seekable_tell(G_SEEKABLE(stream));
}

// What a call gave, and the code of its G_IO_ERROR, or -1.
struct Outcome {
  gssize bytes = 0;
  int code = -1;
};

inline Outcome outcome(gssize bytes, GError* error) {
  const Outcome result{bytes, error == nullptr ? -1 : error->code};
  demand(error == nullptr || error->domain == G_IO_ERROR, "errors are of GIO's domain");
  demand((bytes < 0) == (error != nullptr), "an error is told if and only if nothing else is");
  g_clear_error(&error);
  return result;
}

// Reads up to `size` bytes and checks them. Thread: any.
inline Outcome read(GInputStream* stream, std::size_t size, GCancellable* cancellable = nullptr) {
  std::vector<std::byte> bytes(size);
  const goffset offset = tell(stream);
  GError* error = nullptr;
  const gssize got = g_input_stream_read(stream, bytes.data(), size, cancellable, &error);
  if (got > 0) {
    demand_pattern(std::span(bytes).first(static_cast<std::size_t>(got)),
                   static_cast<std::uint64_t>(offset));
  }
  return outcome(got, error);
}

inline Outcome read_nonblocking(GInputStream* stream, std::size_t size) {
  std::vector<std::byte> bytes(size);
  const auto offset = static_cast<std::uint64_t>(tell(stream));
  GError* error = nullptr;
  const gssize got = g_pollable_input_stream_read_nonblocking(G_POLLABLE_INPUT_STREAM(stream),
                                                              bytes.data(), size, nullptr, &error);
  if (got > 0) demand_pattern(std::span(bytes).first(static_cast<std::size_t>(got)), offset);
  return outcome(got, error);
}

inline bool is_readable(GInputStream* stream) {
  return g_pollable_input_stream_is_readable(G_POLLABLE_INPUT_STREAM(stream));
}

// A code of -1 if it was done.
inline int seek(GInputStream* stream, goffset distance, GSeekType type) {
  GError* error = nullptr;
  const bool done = g_seekable_seek(G_SEEKABLE(stream), distance, type, nullptr, &error);
  return outcome(done ? 0 : -1, error).code;
}

// A read that a main loop is told of.
class AsyncRead {
 public:
  AsyncRead(GInputStream* stream, std::size_t size, GCancellable* cancellable = nullptr)
      : offset_(tell(stream)), bytes_(size) {
    const auto finish = [](GObject* source, GAsyncResult* result, gpointer self) noexcept {
      auto& read = *static_cast<AsyncRead*>(self);
      GError* error = nullptr;
      const gssize got = g_input_stream_read_finish(G_INPUT_STREAM(source), result, &error);
      if (got > 0) {
        demand_pattern(std::span(read.bytes_).first(static_cast<std::size_t>(got)),
                       static_cast<std::uint64_t>(read.offset_));
      }
      read.outcome_ = outcome(got, error);
      read.is_over_ = true;
    };
    g_input_stream_read_async(stream, bytes_.data(), size, G_PRIORITY_DEFAULT, cancellable, finish,
                              this);
  }
  AsyncRead(const AsyncRead&) = delete;
  AsyncRead& operator=(const AsyncRead&) = delete;

  bool is_over() const { return is_over_; }
  Outcome wait() {
    run_until([this] { return is_over_; }, "an asynchronous read is over");
    return outcome_;
  }

 private:
  const goffset offset_;
  std::vector<std::byte> bytes_;
  Outcome outcome_;
  bool is_over_ = false;
};

// A source of a stream in the default main context, which counts how often it was dispatched.
class Polling {
 public:
  explicit Polling(GInputStream* stream, GCancellable* cancellable = nullptr)
      : source_(
            g_pollable_input_stream_create_source(G_POLLABLE_INPUT_STREAM(stream), cancellable)) {
    const GPollableSourceFunc count = [](GObject*, gpointer self) noexcept -> gboolean {
      ++static_cast<Polling*>(self)->calls_;
      return G_SOURCE_CONTINUE;
    };
    g_source_set_callback(source_, G_SOURCE_FUNC(count), this, nullptr);
    g_source_attach(source_, nullptr);
  }
  ~Polling() {
    g_source_destroy(source_);
    g_source_unref(source_);
  }
  Polling(const Polling&) = delete;
  Polling& operator=(const Polling&) = delete;

  unsigned calls() const { return calls_; }
  // Thread: the test's.
  bool is_called() {
    const unsigned before = calls_;
    g_main_context_iteration(nullptr, FALSE);
    return calls_ != before;
  }

 private:
  GSource* source_;
  unsigned calls_ = 0;
};

}  // namespace catcher::test
