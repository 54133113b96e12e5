// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The two ends of a channel in a test: a writer that is fed by hand, and a player with what is
// downstream of it, each in no pipeline or in one of its own.
#pragma once

#include "plugin/channels.hpp"
#include "tests/support/branch.hpp"
#include "tests/support/upstream.hpp"

namespace catcher::test {

// What tests leave under names holds events and caps: nothing may be left at a test's end. Made
// first, so that it goes last.
class NothingKept {
 public:
  ~NothingKept() {
    plugin::channels::set_budget(0);
    plugin::channels::set_budget(1ull << 30);
  }
};

// A catchersink, or a catchertee, that records into a channel from the start.
class Writing {
 public:
  explicit Writing(const char* channel, const char* factory = "catchersink")
      : element(factory), upstream(element.get()) {
    element.set("channel", channel);
  }
  // Goes to PLAYING and sends what goes before data.
  Writing& begin(GstFormat format = GST_FORMAT_BYTES, const char* caps = nullptr) {
    element.to(GST_STATE_PLAYING);
    upstream.begin(format, caps);
    return *this;
  }
  void end() {
    upstream.unlink();
    element.end();
  }

  Element element;
  Upstream upstream;
};

// A catchersrc, and what it plays to.
class Playing {
 public:
  explicit Playing(const char* channel)
      : element("catchersrc"),
        branch(element.get(), GstPtr<GstPad>(gst_element_get_static_pad(element.get(), "src"))) {
    element.set("channel", channel);
  }
  ~Playing() { end(); }
  Playing& play() {
    branch.link();
    element.to(GST_STATE_PLAYING);
    return *this;
  }
  void end() { element.end(); }

  Element element;
  Branch branch;
};

}  // namespace catcher::test
