// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "debug.hpp"

namespace catcher::plugin {

GstDebugCategory* pad_debug_category() {
  static GstDebugCategory* const category =
      _gst_debug_category_new("catcherpad", 0, "recorders and players at pads");
  return category;
}

}  // namespace catcher::plugin
