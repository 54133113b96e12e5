// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Holds a thread just before it takes a pad's stream lock, wherever GStreamer or the plugin does
// that, so that a test can put something in between. This stands before GLib's own function: one
// test includes it in one file.
#pragma once

#include <dlfcn.h>
#include <gst/gst.h>

#include "tests/support/gate.hpp"

namespace catcher::test {

// Where it is held. Thread: any.
struct Doorstep {
  Gate reached, opened;
};

inline thread_local GstPad* before_lock_of = nullptr;
inline thread_local Doorstep* doorstep = nullptr;

// The next lock that this thread takes of this pad, it takes after a stop at the doorstep.
inline void hold_before_lock(GstPad* pad, Doorstep& where) {
  before_lock_of = pad;
  doorstep = &where;
}

}  // namespace catcher::test

extern "C" __attribute__((visibility("default"))) void g_rec_mutex_lock(GRecMutex* wanted) {
  using namespace catcher::test;
  if (before_lock_of != nullptr && wanted == GST_PAD_GET_STREAM_LOCK(before_lock_of)) {
    before_lock_of = nullptr;
    doorstep->reached.open();
    doorstep->opened.wait("a thread is let on");
  }
  static auto* const lock =
      reinterpret_cast<decltype(&g_rec_mutex_lock)>(dlsym(RTLD_NEXT, "g_rec_mutex_lock"));
  lock(wanted);
}
