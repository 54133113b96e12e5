// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "gio_readiness.hpp"

namespace catcher {

bool ReadableWatch::look(Reader& reader, GMainContext* context) {
  if (is_waiting() && awaited_ == reader.offset()) return false;
  request_.cancel();
  set_waiting(true, context);
  awaited_ = reader.offset();
  if (reader.once_readable(request_) == Status::would_block) return false;
  set_waiting(false, nullptr);
  return true;
}

void ReadableWatch::end() noexcept {
  request_.cancel();
  set_waiting(false, nullptr);
}

bool ReadableWatch::is_waiting() {
  Lock lock(mutex_);
  return waiting_;
}

void ReadableWatch::set_waiting(bool waiting, GMainContext* context) {
  Lock lock(mutex_);
  waiting_ = waiting;
  context_ = context;
}

void ReadableWatch::wake(void* self, Status) noexcept {
  auto& watch = *static_cast<ReadableWatch*>(self);
  Lock lock(watch.mutex_);
  watch.waiting_ = false;
  if (watch.context_ != nullptr) g_main_context_wakeup(watch.context_);
}

namespace {

// A child of a source of GIO's, which is what is dispatched.
struct ReadinessSource {
  GSource parent;
  GObject* owner;
  std::optional<Reader>* reader;
  ReadableWatch* watch;
};

ReadinessSource& readiness_of(GSource* source) {
  return *reinterpret_cast<ReadinessSource*>(source);
}

gboolean look(GSource* source) {
  const ReadinessSource& own = readiness_of(source);
  return !*own.reader || own.watch->look(**own.reader, g_source_get_context(source));
}

GSourceFuncs functions = {
    .prepare = [](GSource* source, gint* timeout) noexcept -> gboolean {
      *timeout = -1;
      return look(source);
    },
    .check = [](GSource* source) noexcept -> gboolean { return look(source); },
    .dispatch = [](GSource*, GSourceFunc, gpointer) noexcept -> gboolean {
      return G_SOURCE_CONTINUE;
    },
    .finalize =
        [](GSource* source) noexcept {
          const ReadinessSource& own = readiness_of(source);
          delete own.watch;
          g_object_unref(own.owner);
        },
    .closure_callback = nullptr,
    .closure_marshal = nullptr,
};

}  // namespace

GSource* readiness_source_new(GPollableInputStream* stream, std::optional<Reader>& reader,
                              GCancellable* cancellable) {
  GSource* readiness = g_source_new(&functions, sizeof(ReadinessSource));
  g_source_set_static_name(readiness, "catcher");
  ReadinessSource& own = readiness_of(readiness);
  own.owner = G_OBJECT(g_object_ref(stream));
  own.reader = &reader;
  own.watch = new ReadableWatch;
  // A source is destroyed before its context goes, but may be finalized much later: the watch ends
  // when the source gives up its callback.
  g_source_set_callback(
      readiness, [](gpointer) noexcept -> gboolean { return G_SOURCE_CONTINUE; }, own.watch,
      [](gpointer watch) noexcept { static_cast<ReadableWatch*>(watch)->end(); });
  GSource* source = g_pollable_source_new(G_OBJECT(stream));
  g_source_add_child_source(source, readiness);
  g_source_unref(readiness);
  if (cancellable != nullptr) {
    GSource* cancelled = g_cancellable_source_new(cancellable);
    g_source_set_dummy_callback(cancelled);
    g_source_add_child_source(source, cancelled);
    g_source_unref(cancelled);
  }
  return source;
}

}  // namespace catcher
