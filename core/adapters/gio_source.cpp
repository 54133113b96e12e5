// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "gio_source.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <stop_token>
#include <utility>

#include "gio_error.hpp"

namespace catcher {
namespace {

constexpr const char* kDomain = "catcher";

// What GIO gave, and how a stop, if there was one, shows.
SourceResult told(gssize got, GError* error, bool stopped) {
  if (got > 0) return SourceResult::some(static_cast<std::size_t>(got));
  if (got == 0) return SourceResult::at_end();
  const bool cancelled = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  const bool blocked = g_error_matches(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK);
  const std::error_code code = code_of(*error);
  if (!(cancelled && stopped) && !blocked) {
    g_log(kDomain, G_LOG_LEVEL_DEBUG, "a GInputStream failed: %s", error->message);
  }
  g_error_free(error);
  if (cancelled && stopped) return {0, Status::cancelled, {}};
  if (blocked) return {0, Status::would_block, {}};
  return SourceResult::failure(code);
}

}  // namespace

// ---- GioSource ------------------------------------------------------------------------------
struct GioSource::State {
  explicit State(GInputStream* from) : stream(G_INPUT_STREAM(g_object_ref(from))) {}
  ~State() {
    if (context != nullptr) g_main_context_unref(context);
    g_object_unref(stream);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  SourceResult read_now(std::span<std::byte> space) {
    GError* error = nullptr;
    const gssize got = g_pollable_input_stream_read_nonblocking(
        G_POLLABLE_INPUT_STREAM(stream), space.data(), space.size(), nullptr, &error);
    return told(got, error, false);
  }
  bool can_poll() const {
    return G_IS_POLLABLE_INPUT_STREAM(stream) &&
           g_pollable_input_stream_can_poll(G_POLLABLE_INPUT_STREAM(stream));
  }
  void poll_until(Deadline deadline, GCancellable* cancellable);

  GInputStream* const stream;
  GMainContext* context = nullptr;  // of ours alone; made when it is first needed
};

// Comes back when the stream is readable, at the deadline, and when cancelled. Bytes of a stream
// that has to be dispatched to make any (a converter, TLS) are made in a context that nobody else
// runs.
void GioSource::State::poll_until(Deadline deadline, GCancellable* cancellable) {
  if (context == nullptr) context = g_main_context_new();
  bool is_over = false;
  const GPollableSourceFunc on_ready = [](GObject*, gpointer over) noexcept -> gboolean {
    *static_cast<bool*>(over) = true;
    return G_SOURCE_REMOVE;
  };
  const GSourceFunc on_late = [](gpointer over) noexcept -> gboolean {
    *static_cast<bool*>(over) = true;
    return G_SOURCE_REMOVE;
  };
  GSource* ready =
      g_pollable_input_stream_create_source(G_POLLABLE_INPUT_STREAM(stream), cancellable);
  g_source_set_callback(ready, G_SOURCE_FUNC(on_ready), &is_over, nullptr);
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now()).count();
  // A timeout that is too long for GLib comes back early, and is asked for again.
  GSource* late = g_timeout_source_new(
      static_cast<guint>(std::clamp<milliseconds::rep>(left, 0, std::numeric_limits<gint>::max())));
  g_source_set_callback(late, on_late, &is_over, nullptr);
  g_main_context_push_thread_default(context);
  g_source_attach(ready, context);
  g_source_attach(late, context);
  while (!is_over) g_main_context_iteration(context, TRUE);
  g_main_context_pop_thread_default(context);
  for (GSource* source : {ready, late}) {
    g_source_destroy(source);
    g_source_unref(source);
  }
}

GioSource::GioSource(GInputStream* stream) : state_(std::make_unique<State>(stream)) {}

GioSource::~GioSource() = default;

SourceResult GioSource::read(std::span<std::byte> space, const Wait& wait) {
  const CancelOnStop cancel(wait.stop);
  if (wait.deadline != kForever && state_->can_poll()) {
    for (;;) {
      const SourceResult got = state_->read_now(space);
      if (got.status != Status::would_block || wait.deadline == kNotAtAll) return got;
      if (wait.stop.stop_requested()) return {0, Status::cancelled, {}};
      if (Clock::now() >= wait.deadline) return {0, Status::timed_out, {}};
      state_->poll_until(wait.deadline, cancel.get());
    }
  }
  GError* error = nullptr;
  const gssize got =
      g_input_stream_read(state_->stream, space.data(), space.size(), cancel.get(), &error);
  return told(got, error, wait.stop.stop_requested());
}

// ---- GioAsyncSource -------------------------------------------------------------------------
struct GioAsyncSource::State {
  State(GInputStream* from, GMainContext* in)
      : stream(G_INPUT_STREAM(g_object_ref(from))),
        context(in != nullptr ? g_main_context_ref(in) : g_main_context_ref_thread_default()),
        cancellable(g_cancellable_new()) {}
  ~State() {
    g_object_unref(cancellable);
    g_main_context_unref(context);
    g_object_unref(stream);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  GInputStream* const stream;
  GMainContext* const context;
  GCancellable* const cancellable;
};

namespace {

// One read, from start_read() until it is told.
template <class State>
struct Read {
  std::shared_ptr<State> state;
  std::span<std::byte> space;
  ReadDone done;

  // In the context.
  static gboolean begin(gpointer self) noexcept {
    auto* read = static_cast<Read*>(self);
    State& state = *read->state;
    // GIO tells it to the context that is the default where it was begun.
    g_main_context_push_thread_default(state.context);
    g_input_stream_read_async(state.stream, read->space.data(), read->space.size(),
                              G_PRIORITY_DEFAULT, state.cancellable, finish, self);
    g_main_context_pop_thread_default(state.context);
    return G_SOURCE_REMOVE;
  }

  static void finish(GObject* stream, GAsyncResult* result, gpointer self) noexcept {
    const std::unique_ptr<Read> read(static_cast<Read*>(self));
    GError* error = nullptr;
    const gssize got = g_input_stream_read_finish(G_INPUT_STREAM(stream), result, &error);
    read->done(told(got, error, g_cancellable_is_cancelled(read->state->cancellable)));
  }
};

}  // namespace

GioAsyncSource::GioAsyncSource(GInputStream* stream, GMainContext* context)
    : state_(std::make_shared<State>(stream, context)) {}

GioAsyncSource::~GioAsyncSource() = default;

void GioAsyncSource::start_read(std::span<std::byte> space, ReadDone done) {
  using Read = Read<State>;
  auto read = std::make_unique<Read>(Read{state_, space, std::move(done)});
  g_main_context_invoke(state_->context, Read::begin, read.release());
}

// In the context: GLib 2.74 loses a reference to the source that waits for a cancellation if that
// comes from another thread while the source is dispatched.
void GioAsyncSource::cancel() noexcept {
  const auto cancel = [](gpointer cancellable) noexcept -> gboolean {
    g_cancellable_cancel(static_cast<GCancellable*>(cancellable));
    return G_SOURCE_REMOVE;
  };
  g_main_context_invoke_full(state_->context, G_PRIORITY_HIGH, cancel,
                             g_object_ref(state_->cancellable), g_object_unref);
}

}  // namespace catcher
