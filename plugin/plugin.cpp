// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include <gst/gst.h>

#include "catchersink.hpp"
#include "catchersrc.hpp"
#include "catchertee.hpp"

static gboolean plugin_init(GstPlugin* plugin) {
  return GST_ELEMENT_REGISTER(catchertee, plugin) && GST_ELEMENT_REGISTER(catchersink, plugin) &&
         GST_ELEMENT_REGISTER(catchersrc, plugin);
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, catcher,
                  "Makes a stream that comes in once seekable for any number of readers",
                  plugin_init, VERSION, "LGPL", PACKAGE, "Unknown package origin")
