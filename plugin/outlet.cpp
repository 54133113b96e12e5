// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "outlet.hpp"

#include <utility>

namespace catcher::plugin {

// Also where a mode ends the other may not have: of two threads that end and begin them one may be
// late.
bool Outlet::activate(GstPadMode mode, bool active) {
  const bool pulls = mode == GST_PAD_MODE_PULL;
  {
    Lock lock(mutex_);
    waits_ = false;
  }
  if (pulls && player_.is_active()) player_.activate(false);
  if (!pulls && puller_.is_active()) puller_.activate(false);
  return pulls ? puller_.activate(active) : player_.activate(active);
}

void Outlet::lose_peer() {
  // This comes after the fact, and another thread may have linked the pad, and pull.
  if (!puller_.is_active() || gst_pad_is_linked(pad_)) return;
  gst_pad_activate_mode(pad_, GST_PAD_MODE_PULL, FALSE);
  {
    Lock lock(mutex_);
    waits_ = true;
  }
  if (gst_pad_is_linked(pad_)) gain_peer();
}

void Outlet::gain_peer() {
  bool waited = false;
  {
    Lock lock(mutex_);
    waited = std::exchange(waits_, false);
  }
  const bool is_idle = GST_PAD_MODE(pad_) == GST_PAD_MODE_NONE;
  if (waited && is_idle && GST_STATE(host_.element()) > GST_STATE_READY) {
    gst_pad_activate_mode(pad_, GST_PAD_MODE_PUSH, TRUE);
  }
  player_.start();
}

void Outlet::begin_flush(EventPtr event) {
  if (puller_.is_active()) {
    puller_.begin(Puller::Flush::upstream);
  } else {
    player_.begin_flush(std::move(event));
  }
}

void Outlet::end_flush(EventPtr event) {
  const bool pulled = puller_.is_active();
  // The pad may go into another mode meanwhile. Neither its task nor a range may wait for what
  // comes after this, or this would wait for them.
  player_.hold();
  puller_.hold();
  if (pulled) {
    player_.forget_flush();
  } else {
    player_.expect_flush(event);
  }
  puller_.end(Puller::Flush::upstream);
  if (!pulled) player_.end_flush(std::move(event));
  puller_.let_go();
  player_.let_go();
}

void Outlet::release() {
  puller_.begin(Puller::Flush::release);
  player_.release();
}

}  // namespace catcher::plugin
