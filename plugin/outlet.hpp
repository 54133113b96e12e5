// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Who has a src pad: the player, which pushes out of it, or the puller, which lets downstream pull
// there. Never both, whatever threads race for the pad's mode. All that concerns both comes through
// here; what concerns one of them is asked of it.
//
// GStreamer may put a pad in one mode before it has told that the other has ended, and may make it
// forget its stickies only after the next activation (support/pad_stickies.hpp): here each mode
// ends the other, and there is nothing to be kept across one.
//
// Thread: any.
#pragma once

#include <gst/gst.h>

#include "player.hpp"
#include "puller.hpp"

namespace catcher::plugin {

class Outlet {
 public:
  // `pad` owns this, or lives as long; `host` outlives the pad's activity.
  Outlet(GstPad* pad, PlayerHost& host)
      : pad_(pad), host_(host), player_(pad, host), puller_(pad, host) {}

  Player& player() { return player_; }
  Puller& puller() { return puller_; }

  // The pad goes in or out of a mode. False: it is in none, and can only be pushed from.
  bool activate(GstPadMode mode, bool active);
  // The pad was unlinked: whoever pulled cannot come back to say so, and may still be on his way
  // here. Until it is linked it is in no mode, so that he finds it flushing.
  void lose_peer();
  // The pad was linked, by whatever means.
  void gain_peer();

  // Upstream flushes: the end leads to another recording. Both take over the event.
  void begin_flush(EventPtr event);
  void end_flush(EventPtr event);
  // Stops for good, however downstream blocks. The pad is to be deactivated next.
  void release();

  // True if it was answered here.
  bool query(GstQuery* query) { return puller_.query(query) || player_.query(query); }
  // One of the pad's or the element's play properties. False: there is none of this number.
  bool get_property(guint id, GValue* value) const {
    return get_puller_property(puller_, id, value) || get_player_property(player_, id, value);
  }

 private:
  GstPad* const pad_;
  PlayerHost& host_;
  Player player_;
  Puller puller_;

  Mutex mutex_;
  bool waits_ CATCHER_GUARDED_BY(mutex_) = false;  // in no mode, for want of a peer
};

}  // namespace catcher::plugin
