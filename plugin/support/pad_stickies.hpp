// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a src pad has told downstream, as the pad itself knows it. GStreamer forgets it when the pad
// is deactivated, and that a moment after its owner was told: another thread may have activated the
// pad by then. So nobody keeps an account of his own.
//
// Thread: any; what was found stays so while the pad's stream lock is held.
#pragma once

#include <gst/gst.h>

#include "gst_ptr.hpp"

namespace catcher::plugin {

// Whether this very event, or a copy that anew() has made of it, is what holds downstream.
bool holds(GstPad* pad, GstEvent* sticky);
// The same, for a pad that has it already and is to send it again.
EventPtr anew(const EventPtr& sticky);
// Whether a stream has begun there.
bool has_begun(GstPad* pad);
// Whether it has ended, so that nothing is taken until another one begins.
bool has_ended(GstPad* pad);

}  // namespace catcher::plugin
