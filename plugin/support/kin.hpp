// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What elements of this plugin in one pipeline share: where one has others beside it, none may
// reset the running time, and all that carry out one seek go on from the same.
#pragma once

#include <gst/gst.h>

namespace catcher::plugin {

// Marks an element as one of this plugin. Thread: the one that makes it.
void mark_as_kin(GstElement* element);
// Whether the pipeline that holds `element` holds another one that is marked. Thread: any.
bool has_kin(GstElement* element);
// The pipeline that holds `element`, to be compared with another's. Thread: any.
gconstpointer pipeline_of(GstElement* element);
// Running time at which all elements of this plugin in one pipeline begin that carry out the seek
// with this seqnum. Thread: any.
GstClockTime shared_base(GstElement* element, guint32 seqnum);

}  // namespace catcher::plugin
