// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A GInputStream over a reader: what any GLib program reads, seeks in and polls, while the stream
// arrives and afterwards. It is a GSeekable and a GPollableInputStream too, so that
// g_input_stream_read_async() and the sources of a GMainLoop wait without a thread.
//
//   GInputStream* stream = catcher::gio_input_stream_new(catcher::Reader(caught));
//   g_input_stream_read_async(stream, buffer, size, G_PRIORITY_DEFAULT, nullptr, on_read, app);
//
// Not for bytes that are all there: a GMemoryInputStream is enough.
//
// A read takes what is there, and waits only if that is nothing. Seeks are arithmetic, also beyond
// the edge: the read that follows waits there. G_SEEK_END is refused while the end is not known.
//
//   what came of a read  the GError (G_IO_ERROR, but for `failed`)
//   end                  none; 0 bytes
//   would_block          WOULD_BLOCK, of g_pollable_input_stream_read_nonblocking() alone
//   cancelled            CANCELLED; no byte is lost
//   failed               that of the errno if the error is one of the system's, else FAILED;
//                        with the error's message
//   evicted              NOT_FOUND; the message names the offset and the window
//   full, out_of_memory  NO_SPACE
//
// A catcher that pulls from a blocking source can be polled if it has a Config::executor; without
// one g_pollable_input_stream_can_poll() is FALSE, and GIO reads asynchronously in a thread of its
// own.
//
// Thread: by one at a time, as any GInputStream; its sources are attached to a context that is run
// by that same thread. A GCancellable is cancelled by any.
#pragma once

#include <gio/gio.h>

#include "../export.hpp"
#include "../reader.hpp"

namespace catcher {

// A new stream, to be unreferenced by the caller, that begins where `reader` is. The reader goes
// when the stream is closed.
[[nodiscard]] CATCHER_API GInputStream* gio_input_stream_new(Reader reader);

}  // namespace catcher

G_BEGIN_DECLS

// The type of these streams, for GObject's casts and checks.
#define CATCHER_TYPE_INPUT_STREAM (catcher_input_stream_get_type())
CATCHER_API G_DECLARE_FINAL_TYPE(CatcherInputStream, catcher_input_stream, CATCHER, INPUT_STREAM,
                                 GInputStream)

    G_END_DECLS
