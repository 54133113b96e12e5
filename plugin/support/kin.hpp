// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Whether an element has others of this plugin beside it: then none of them may reset the running
// time that they share.
#pragma once

#include <gst/gst.h>

namespace catcher::plugin {

// Marks an element as one of this plugin. Thread: the one that makes it.
void mark_as_kin(GstElement* element);
// Whether the pipeline that holds `element` holds another one that is marked. Thread: any.
bool has_kin(GstElement* element);

}  // namespace catcher::plugin
