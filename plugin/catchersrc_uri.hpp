// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#pragma once

#include <gst/gst.h>

namespace catcher::plugin {

// For G_IMPLEMENT_INTERFACE: a catchersrc takes catcher://NAME for its channel, and
// catcher+SCHEME://... for its uri. No URI starts a command.
void handle_uris(gpointer interface, gpointer data) noexcept;

}  // namespace catcher::plugin
