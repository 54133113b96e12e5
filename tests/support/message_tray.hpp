// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What is posted on a bus, kept for a test that looks while many threads post. The bus's own queue
// (GstAtomicQueue) is not for that: a thread may be held up while it pushes, before or after it has
// its place there. If others have made the queue grow when it goes on, and one has taken out all
// that could be seen, nobody looks there again. What it pushes, and what they push who wait for it,
// is lost, with the references to the elements and pads that it tells of.
//
// Thread: any.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace catcher::test {

struct UnrefMessage {
  void operator()(GstMessage* message) const noexcept { gst_message_unref(message); }
};
using MessagePtr = std::unique_ptr<GstMessage, UnrefMessage>;

class MessageTray {
 public:
  // Whatever is posted from now on comes here. The bus owns the tray, whose messages may own the
  // element: take the bus from the element at the end, as Element does.
  static MessageTray& under(GstBus* bus) {
    auto* tray = new MessageTray;
    gst_bus_set_sync_handler(bus, keep, tray,
                             [](gpointer self) { delete static_cast<MessageTray*>(self); });
    return *tray;
  }

  // All that came since the last time, in order.
  std::vector<MessagePtr> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(messages_, {});
  }

 private:
  static GstBusSyncReply keep(GstBus*, GstMessage* message, gpointer self) noexcept {
    auto& tray = *static_cast<MessageTray*>(self);
    const std::lock_guard lock(tray.mutex_);
    tray.messages_.emplace_back(message);
    return GST_BUS_DROP;  // it is the tray's now
  }

  std::mutex mutex_;
  std::vector<MessagePtr> messages_;
};

}  // namespace catcher::test
