// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Which branches of an element carry out a segment seek: the element posts SEGMENT_START when the
// first one starts, and SEGMENT_DONE when the last one is done.
//
// Thread: any. Messages are posted without the lock.
#pragma once

#include <gst/gst.h>

#include <cstdint>
#include <vector>

#include "core/mutex.hpp"

namespace catcher::plugin {

class SegmentTally {
 public:
  // What a message tells; `position` in stream time.
  struct Mark {
    guint32 seqnum = GST_SEQNUM_INVALID;
    GstFormat format = GST_FORMAT_UNDEFINED;
    std::int64_t position = 0;
  };

  // `element` outlives this.
  explicit SegmentTally(GstElement* element) : element_(element) {}

  void start(const void* branch, const Mark& mark) {
    {
      Lock lock(mutex_);
      std::erase(under_way_, branch);
      const bool first = under_way_.empty();
      under_way_.push_back(branch);
      if (!first) return;
      done_ = {};
    }
    post(gst_message_new_segment_start(GST_OBJECT_CAST(element_), mark.format, mark.position),
         mark);
  }
  void done(const void* branch, const Mark& mark) {
    {
      Lock lock(mutex_);
      if (std::erase(under_way_, branch) == 0) return;
      done_ = mark;
      if (!under_way_.empty()) return;
    }
    post_done(mark);
  }
  // The branch will not be done, and is not waited for any more.
  void leave(const void* branch) {
    Mark mark;
    {
      Lock lock(mutex_);
      if (std::erase(under_way_, branch) == 0 || !under_way_.empty()) return;
      mark = done_;
    }
    if (mark.format != GST_FORMAT_UNDEFINED) post_done(mark);
  }

 private:
  void post_done(const Mark& mark) {
    post(gst_message_new_segment_done(GST_OBJECT_CAST(element_), mark.format, mark.position), mark);
  }
  void post(GstMessage* message, const Mark& mark) {
    gst_message_set_seqnum(message, mark.seqnum);
    gst_element_post_message(element_, message);
  }

  GstElement* const element_;
  Mutex mutex_;
  std::vector<const void*> under_way_ CATCHER_GUARDED_BY(mutex_);
  Mark done_ CATCHER_GUARDED_BY(mutex_);  // what the last one that was done told
};

}  // namespace catcher::plugin
