// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The private pipeline of a feed, in NULL: what the feed says, and a catchersink at its end.
//
// Thread: any.
#pragma once

#include <gst/gst.h>

#include <optional>

#include "feed_spec.hpp"
#include "support/gst_ptr.hpp"

namespace catcher::plugin {

struct FeedPipeline {
  GstPtr<GstElement> pipeline;  // or nothing, and `error`
  GstPtr<GstElement> sink;
  FeedError error;
};
FeedPipeline make_feed_pipeline(const FeedSpec& spec, const Settings& settings);

}  // namespace catcher::plugin
