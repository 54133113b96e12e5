// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The src pads of catchertee: a pad that owns an outlet, and shows its settings and its
// place.
#pragma once

#include <gst/gst.h>

#include "outlet.hpp"

#define GST_TYPE_CATCHER_PAD (gst_catcher_pad_get_type())
G_DECLARE_FINAL_TYPE(GstCatcherPad, gst_catcher_pad, GST, CATCHER_PAD, GstPad)

namespace catcher::plugin {

// A pad that is not active yet and belongs to nobody. `host` outlives its activity.
GstPad* new_catcher_pad(GstPadTemplate* pad_template, const char* name, PlayerHost& host);
// Of a pad that new_catcher_pad() made. Thread: any.
Outlet& outlet_of(GstPad* pad);

}  // namespace catcher::plugin
