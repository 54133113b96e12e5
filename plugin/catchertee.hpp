// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#pragma once

#include <gst/gst.h>

#define GST_TYPE_CATCHER_TEE (gst_catcher_tee_get_type())
G_DECLARE_FINAL_TYPE(GstCatcherTee, gst_catcher_tee, GST, CATCHER_TEE, GstElement)

GST_ELEMENT_REGISTER_DECLARE(catchertee)
