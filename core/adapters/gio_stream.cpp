// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "gio_stream.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>

#include "gio_error.hpp"
#include "gio_readiness.hpp"

namespace {

struct StreamState {
  // Nothing once the stream is closed.
  std::optional<catcher::Reader> reader;
  catcher::ReadableWatch watch;  // for who asks now and then
  std::uint64_t closed_at = 0;
};

}  // namespace

struct _CatcherInputStream {
  GInputStream parent;
  StreamState* state;
};

static void catcher_input_stream_seekable_init(GSeekableIface* iface);
static void catcher_input_stream_pollable_init(GPollableInputStreamInterface* iface);

G_DEFINE_FINAL_TYPE_WITH_CODE(CatcherInputStream, catcher_input_stream, G_TYPE_INPUT_STREAM,
                              G_IMPLEMENT_INTERFACE(G_TYPE_SEEKABLE,
                                                    catcher_input_stream_seekable_init)
                                  G_IMPLEMENT_INTERFACE(G_TYPE_POLLABLE_INPUT_STREAM,
                                                        catcher_input_stream_pollable_init))

namespace catcher {
namespace {

StreamState& state_of(gpointer stream) {
  return *CATCHER_INPUT_STREAM(stream)->state;
}

// What GIO is told of a read or a skip, which it does only while the stream is open.
gssize told(const ReadResult& result, const Reader& reader, GError** error) {
  if (result.bytes != 0 || result.status == Status::ok || result.status == Status::end) {
    return static_cast<gssize>(result.bytes);
  }
  set_gio_error(error, result, reader.offset());
  return -1;
}

gssize read(GInputStream* stream, void* buffer, gsize count, GCancellable* cancellable,
            GError** error) noexcept {
  Reader& reader = *state_of(stream).reader;
  const std::span out(static_cast<std::byte*>(buffer), count);
  // To watch a cancellable costs two locks.
  ReadResult result = reader.read_now(out);
  if (result.status == Status::would_block) {
    const StopOnCancel stop(cancellable);
    result = reader.read(out, {kForever, stop.token()});
  }
  return told(result, reader, error);
}

gssize skip(GInputStream* stream, gsize count, GCancellable* cancellable, GError** error) noexcept {
  Reader& reader = *state_of(stream).reader;
  const StopOnCancel stop(cancellable);
  return told(reader.skip(count, {kForever, stop.token()}), reader, error);
}

gboolean close(GInputStream* stream, GCancellable*, GError**) noexcept {
  StreamState& state = state_of(stream);
  if (!state.reader) return TRUE;
  state.watch.end();
  state.closed_at = state.reader->offset();
  state.reader.reset();
  return TRUE;
}

// Nothing waits in it, so no thread is needed.
void close_async(GInputStream* stream, int priority, GCancellable* cancellable,
                 GAsyncReadyCallback callback, gpointer data) noexcept {
  GTask* task = g_task_new(stream, cancellable, callback, data);
  g_task_set_priority(task, priority);
  close(stream, cancellable, nullptr);
  g_task_return_boolean(task, TRUE);
  g_object_unref(task);
}

gboolean close_finish(GInputStream*, GAsyncResult* result, GError** error) noexcept {
  return g_task_propagate_boolean(G_TASK(result), error);
}

// ---- GSeekable ------------------------------------------------------------------------------
goffset tell(GSeekable* seekable) noexcept {
  const StreamState& state = state_of(seekable);
  return static_cast<goffset>(state.reader ? state.reader->offset() : state.closed_at);
}

bool seek_open(Reader& reader, goffset distance, GSeekType type, GError** error) {
  const Whence whence = type == G_SEEK_CUR   ? Whence::current
                        : type == G_SEEK_END ? Whence::end
                                             : Whence::start;
  if (whence == Whence::end && !reader.catcher()->length().has_value()) {
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                        "The end is not known yet; seek from the start, or read to the end first");
    return false;
  }
  if (reader.seek(distance, whence).status == Status::ok) return true;
  g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
              "A distance of %" G_GINT64_FORMAT " leads to before offset 0, or beyond 2^63 - 1",
              static_cast<gint64>(distance));
  return false;
}

gboolean seek(GSeekable* seekable, goffset distance, GSeekType type, GCancellable* cancellable,
              GError** error) noexcept {
  auto* stream = G_INPUT_STREAM(seekable);
  if (g_cancellable_set_error_if_cancelled(cancellable, error)) return FALSE;
  // Refused if it is closed, or a read is under way.
  if (!g_input_stream_set_pending(stream, error)) return FALSE;
  const bool done = seek_open(*state_of(seekable).reader, distance, type, error);
  g_input_stream_clear_pending(stream);
  return done;
}

gboolean truncate(GSeekable*, goffset, GCancellable*, GError** error) noexcept {
  g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                      "What is caught cannot be truncated");
  return FALSE;
}

// ---- GPollableInputStream -------------------------------------------------------------------
gboolean can_poll(GPollableInputStream* stream) noexcept {
  const StreamState& state = state_of(stream);
  return !state.reader || state.reader->catcher()->can_call_back();
}

gboolean is_readable(GPollableInputStream* stream) noexcept {
  StreamState& state = state_of(stream);
  return !state.reader || state.watch.look(*state.reader, nullptr);
}

gssize read_nonblocking(GPollableInputStream* stream, void* buffer, gsize count,
                        GError** error) noexcept {
  StreamState& state = state_of(stream);
  // GIO asks for this of a closed stream too.
  if (!state.reader) {
    g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CLOSED, "The stream is closed");
    return -1;
  }
  Reader& reader = *state.reader;
  const ReadResult result = reader.read_now({static_cast<std::byte*>(buffer), count});
  // Whoever finds nothing wants it brought.
  if (result.status == Status::would_block) state.watch.look(reader, nullptr);
  return told(result, reader, error);
}

GSource* create_source(GPollableInputStream* stream, GCancellable* cancellable) noexcept {
  return readiness_source_new(stream, state_of(stream).reader, cancellable);
}

}  // namespace

GInputStream* gio_input_stream_new(Reader reader) {
  auto* stream = G_INPUT_STREAM(g_object_new(CATCHER_TYPE_INPUT_STREAM, nullptr));
  state_of(stream).reader.emplace(std::move(reader));
  return stream;
}

}  // namespace catcher

static void catcher_input_stream_finalize(GObject* object) noexcept {
  delete CATCHER_INPUT_STREAM(object)->state;
  G_OBJECT_CLASS(catcher_input_stream_parent_class)->finalize(object);
}

static void catcher_input_stream_class_init(CatcherInputStreamClass* klass) {
  G_OBJECT_CLASS(klass)->finalize = catcher_input_stream_finalize;
  GInputStreamClass* stream_class = G_INPUT_STREAM_CLASS(klass);
  stream_class->read_fn = catcher::read;
  stream_class->skip = catcher::skip;
  stream_class->close_fn = catcher::close;
  stream_class->close_async = catcher::close_async;
  stream_class->close_finish = catcher::close_finish;
}

static void catcher_input_stream_seekable_init(GSeekableIface* iface) {
  iface->tell = catcher::tell;
  iface->can_seek = [](GSeekable*) noexcept -> gboolean { return TRUE; };
  iface->seek = catcher::seek;
  iface->can_truncate = [](GSeekable*) noexcept -> gboolean { return FALSE; };
  iface->truncate_fn = catcher::truncate;
}

static void catcher_input_stream_pollable_init(GPollableInputStreamInterface* iface) {
  iface->can_poll = catcher::can_poll;
  iface->is_readable = catcher::is_readable;
  iface->read_nonblocking = catcher::read_nonblocking;
  iface->create_source = catcher::create_source;
}

static void catcher_input_stream_init(CatcherInputStream* stream) {
  stream->state = new StreamState;
}
