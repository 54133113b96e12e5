// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "preroll.hpp"

#include <string_view>

namespace catcher::plugin {
namespace {

// What its specification asks for: the decoder has converged by then.
constexpr Preroll kOpus{0, 80 * static_cast<std::int64_t>(GST_MSECOND)};
// Half of each block is the previous one's.
constexpr Preroll kOverlap{1, 0};
// Its data may begin this many frames earlier (MPEG-1; MPEG-2 has smaller ones), however few bits
// each has.
constexpr Preroll kBitReservoir{10, 0};
constexpr Preroll kBitReservoirOfSmallFrames{30, 0};
// The overlap, and band replication, which remembers a little longer.
constexpr Preroll kAac{3, 0};
// The memory of its filter bank, and of its predictors.
constexpr Preroll kDts{2, 0};

Preroll of_mpeg(const GstStructure* caps) {
  gint version = 0, layer = 0, audio_version = 1;
  gst_structure_get_int(caps, "mpegversion", &version);
  if (version != 1) return kAac;
  gst_structure_get_int(caps, "layer", &layer);
  gst_structure_get_int(caps, "mpegaudioversion", &audio_version);
  if (layer != 3) return kOverlap;
  return audio_version == 1 ? kBitReservoir : kBitReservoirOfSmallFrames;
}

}  // namespace

Preroll preroll_of(const GstCaps* caps) {
  if (caps == nullptr || gst_caps_is_empty(caps) || gst_caps_is_any(caps)) return {};
  const GstStructure* structure = gst_caps_get_structure(caps, 0);
  const std::string_view name = gst_structure_get_name(structure);
  if (name == "audio/x-opus") return kOpus;
  if (name == "audio/x-vorbis" || name == "audio/x-ac3" || name == "audio/x-eac3") return kOverlap;
  if (name == "audio/mpeg") return of_mpeg(structure);
  if (name == "audio/x-dts") return kDts;
  return {};
}

}  // namespace catcher::plugin
