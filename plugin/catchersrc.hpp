// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#pragma once

#include <gst/gst.h>

#define GST_TYPE_CATCHER_SRC (gst_catcher_src_get_type())
G_DECLARE_FINAL_TYPE(GstCatcherSrc, gst_catcher_src, GST, CATCHER_SRC, GstElement)

GST_ELEMENT_REGISTER_DECLARE(catchersrc)
