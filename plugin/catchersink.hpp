// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#pragma once

#include <gst/gst.h>

#define GST_TYPE_CATCHER_SINK (gst_catcher_sink_get_type())
G_DECLARE_FINAL_TYPE(GstCatcherSink, gst_catcher_sink, GST, CATCHER_SINK, GstElement)

GST_ELEMENT_REGISTER_DECLARE(catchersink)
