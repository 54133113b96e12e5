// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#pragma once

#include <gst/base/gstpushsrc.h>

#include <string>
#include <vector>

#define GST_TYPE_CATCHER_COMMAND (gst_catcher_command_get_type())
G_DECLARE_FINAL_TYPE(GstCatcherCommand, gst_catcher_command, GST, CATCHER_COMMAND, GstPushSrc)

namespace catcher::plugin {

// The words of a command line, by the quoting rules of a shell and none of its other ones. Nothing,
// and `why`, if they cannot be told apart.
std::vector<std::string> words_of(const std::string& command, std::string& why);

// A source of what the command prints. No factory makes one, so that neither a launch line nor a
// URI starts a command. Floating.
GstElement* make_command_source(const std::string& command);

}  // namespace catcher::plugin
