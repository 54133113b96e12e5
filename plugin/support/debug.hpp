// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The debug categories: one for each element's file, which defines its own, and `catcherpad` for
// what recorders and players do at pads. Include it where nothing else defines a category.
#pragma once

#include <gst/gst.h>

namespace catcher::plugin {

// Made on first use. Thread: any.
GstDebugCategory* pad_debug_category();

}  // namespace catcher::plugin

#define GST_CAT_DEFAULT (::catcher::plugin::pad_debug_category())
