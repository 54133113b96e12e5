// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// GstMemory over a lease: what players push shares the rope's bytes instead of copying them.
// The memory is read-only (a writer downstream gets a copy of its own from GStreamer), and
// outlives the player, the element and the recording.
#pragma once

#include <gst/gst.h>

#include "core/lease.hpp"

namespace catcher::plugin {

// Thread: any. Requires: a lease that is not empty.
GstMemory* lease_memory(Lease lease);

}  // namespace catcher::plugin
