// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The running time at which branches begin that carry out one seek: the first of a pipeline to ask
// fixes it, and the others with the same seqnum get the same, so that they stay in step.
//
// Thread: any.
#pragma once

#include <gst/gst.h>

#include <array>

#include "core/mutex.hpp"

namespace catcher::plugin {

class SeekBases {
 public:
  GstClockTime of(gconstpointer pipeline, guint32 seqnum, GstClockTime now) {
    Lock lock(mutex_);
    for (const Known& known : known_) {
      if (known.pipeline == pipeline && known.seqnum == seqnum) return known.base;
    }
    known_[next_] = {pipeline, seqnum, now};
    next_ = (next_ + 1) % known_.size();
    return now;
  }

 private:
  struct Known {
    gconstpointer pipeline = nullptr;
    guint32 seqnum = GST_SEQNUM_INVALID;
    GstClockTime base = 0;
  };
  Mutex mutex_;
  std::array<Known, 64> known_ CATCHER_GUARDED_BY(mutex_){};
  std::size_t next_ CATCHER_GUARDED_BY(mutex_) = 0;
};

}  // namespace catcher::plugin
