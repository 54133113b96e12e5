// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Downstream that pulls: a branch whose pads are put in pull mode, and a thread that waits for one
// range.
#pragma once

#include <gst/gst.h>

#include <optional>
#include <thread>

#include "tests/support/branch.hpp"
#include "tests/support/parked.hpp"

namespace catcher::test {

struct Pulled {
  GstFlowReturn flow = GST_FLOW_OK;
  BufferPtr buffer;
};

inline bool in_pull_mode(Branch& branch, bool active = true) {
  return gst_pad_activate_mode(branch.sink(), GST_PAD_MODE_PULL, active);
}

// The branch is linked, and pulls. As elements do it, before the tee has started.
inline void link_to_pull(Branch& branch) {
  gst_pad_set_active(branch.sink(), FALSE);
  branch.link();
  demand(in_pull_mode(branch), "the branch can be pulled");
}

// Into `given`, or a new buffer.
inline Pulled pull(Branch& branch, guint64 offset, guint size, BufferPtr given = nullptr) {
  Pulled pulled{GST_FLOW_OK, std::move(given)};
  GstBuffer* buffer = pulled.buffer.get();
  pulled.flow = gst_pad_pull_range(branch.sink(), offset, size, &buffer);
  if (pulled.buffer == nullptr) {
    pulled.buffer.reset(pulled.flow == GST_FLOW_OK ? buffer : nullptr);
  } else {
    demand(buffer == pulled.buffer.get(), "a buffer that was given is the one that is filled");
  }
  return pulled;
}

// How many bytes there are; ends the test unless they are those of the offset. Thread: any.
inline gsize checked_size(const Pulled& pulled, guint64 offset) {
  demand(pulled.flow == GST_FLOW_OK, gst_flow_get_name(pulled.flow), offset);
  GstMapInfo map;
  demand(gst_buffer_map(pulled.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
  demand_pattern(std::as_bytes(std::span(map.data, map.size)), offset);
  gst_buffer_unmap(pulled.buffer.get(), &map);
  return map.size;
}

// One range, on a thread of its own.
class Puller {
 public:
  Puller(Branch& branch, guint64 offset, guint size, BufferPtr given = nullptr)
      : thread_([this, &branch, offset, size, buffer = std::move(given)]() mutable {
          parked_.enter();
          pulled_ = pull(branch, offset, size, std::move(buffer));
          done_.open();
        }) {}

  void wait_parked() const { parked_.wait("whoever pulls at the edge sleeps"); }
  bool is_done() const { return done_.granted() != 0; }
  const Pulled& result() {
    done_.wait("a range comes back");
    return pulled_;
  }

 private:
  Parked parked_;
  Gate done_;
  Pulled pulled_;
  std::jthread thread_;
};

}  // namespace catcher::test
