// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a feed needs of the catchersink at its end besides being an element.
#pragma once

#include <gst/gst.h>

#include <memory>

#include "recording.hpp"
#include "support/settings.hpp"

namespace catcher::plugin {

// All recording properties at once, the channel among them. Requires: `sink` is a catchersink,
// below PAUSED.
void set_recording_settings(GstElement* sink, const Settings& settings);
// What it records now, or nothing. Thread: any.
std::shared_ptr<Recording> recording_of(GstElement* sink);

}  // namespace catcher::plugin
