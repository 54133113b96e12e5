// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Watches the flushes that a src pad sends: each FLUSH_STOP ends a FLUSH_START with the same
// seqnum, whatever becomes of them downstream. There a pad that is flushing takes no FLUSH_START,
// and one that is unlinked or inactive misses whatever comes.
//
// Thread: any.
#pragma once

#include <gst/gst.h>

#include <map>
#include <memory>
#include <mutex>

#include "tests/support/demand.hpp"

namespace catcher::test {

// The two events of a flush, as elements send them.
struct FlushEvents {
  explicit FlushEvents(bool resets_time = true)
      : begin(gst_event_new_flush_start()), end(gst_event_new_flush_stop(resets_time)) {
    gst_event_set_seqnum(end, gst_event_get_seqnum(begin));
  }
  GstEvent* const begin;  // each the caller's to send, once
  GstEvent* const end;
};

class FlushPairs {
 public:
  // Flushes that are made from now on, as long as there is the pad: its element may send one before
  // the pad can be watched.
  static void watch(GstPad* src) {
    auto* pairs = new FlushPairs;
    const std::lock_guard lock(pairs->mutex_);
    gst_pad_add_probe(
        src, GST_PAD_PROBE_TYPE_EVENT_FLUSH,
        [](GstPad*, GstPadProbeInfo* info, gpointer self) noexcept {
          static_cast<FlushPairs*>(self)->take(GST_PAD_PROBE_INFO_EVENT(info));
          return GST_PAD_PROBE_OK;
        },
        pairs, [](gpointer self) { delete static_cast<FlushPairs*>(self); });
    // Not before the pad is watched: a flush of a later number would begin unseen.
    pairs->since_ = gst_util_seqnum_next();
  }

 private:
  void take(GstEvent* event) {
    const std::lock_guard lock(mutex_);
    const guint32 seqnum = gst_event_get_seqnum(event);
    if (gst_util_seqnum_compare(seqnum, since_) < 0) return;
    if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_START) {
      ++begun_[seqnum];
      return;
    }
    const auto found = begun_.find(seqnum);
    demand(found != begun_.end(), "a FLUSH_STOP ends a FLUSH_START of the same seqnum", seqnum);
    if (--found->second == 0) begun_.erase(found);
  }

  std::mutex mutex_;
  guint32 since_ = GST_SEQNUM_INVALID;  // of the first that counts
  std::map<guint32, unsigned> begun_;
};

}  // namespace catcher::test
