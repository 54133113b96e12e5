// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The CONVERT query: between time, bytes and frames of raw audio. Nothing else has a fixed rate.
#include <gst/audio/audio.h>

#include "player.hpp"

namespace catcher::plugin {

bool answer_convert(GstQuery* query, GstCaps* caps) {
  GstFormat from = GST_FORMAT_UNDEFINED;
  GstFormat to = GST_FORMAT_UNDEFINED;
  gint64 value = 0;
  gst_query_parse_convert(query, &from, &value, &to, nullptr);
  GstAudioInfo info;
  gint64 converted = 0;
  if (!gst_structure_has_name(gst_caps_get_structure(caps, 0), "audio/x-raw") ||
      !gst_audio_info_from_caps(&info, caps) ||
      !gst_audio_info_convert(&info, from, value, to, &converted)) {
    return false;
  }
  gst_query_set_convert(query, from, value, to, converted);
  return true;
}

}  // namespace catcher::plugin
