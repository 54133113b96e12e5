// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a decoder has to be given before the packet that is wanted, for that to come out as it does
// in a decode from the beginning. Pure.
#pragma once

#include <gst/gst.h>

#include <cstdint>

namespace catcher::plugin {

// Both at least.
struct Preroll {
  std::uint32_t packets = 0;
  std::int64_t time = 0;  // ns
  bool operator==(const Preroll&) const = default;
};

// Of what has these caps. None for codecs whose packets stand alone, for those that are not known
// here, and for video, which says itself where it can begin.
Preroll preroll_of(const GstCaps* caps);

}  // namespace catcher::plugin
