// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Plays a recording out of one src pad: a slicer, a segment, a task. It finds its place, sends the
// stickies that held there and a segment, and then pushes what the recording has, waiting at the
// edge. Seeks are in player_seek.cpp, queries in player_query.cpp; how a recording is cut into
// buffers is for pieces.hpp.
//
// Locks, in this order: the pad's stream lock (the task, or whoever has stopped it), then mutex_
// (what other threads ask for) or that of task_. Nothing is pushed or posted under the latter two.
//
// Thread: any, unless a member says otherwise.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/mutex.hpp"
#include "live_side.hpp"
#include "pieces.hpp"
#include "recording.hpp"
#include "seek.hpp"
#include "slicer.hpp"
#include "support/push_task.hpp"
#include "support/segment_tally.hpp"
#include "support/settings.hpp"

namespace catcher::plugin {

// What a player asks of the element that it belongs to. Thread: any.
class PlayerHost {
 public:
  virtual GstElement* element() const noexcept = 0;
  // The recording to play. May wait until `interrupted` is true, or give up after an error of its
  // own: then nothing. On the player's streaming thread.
  virtual std::shared_ptr<Recording> await_recording(const std::atomic<bool>& interrupted) = 0;
  // The recording that follows the one that this player has played, as it is to be held.
  virtual std::shared_ptr<Recording> hold(std::shared_ptr<Recording> next) { return next; }
  // The recording that await_recording() would find at once, or nothing.
  virtual std::shared_ptr<Recording> peek_recording() = 0;
  // Whether downstream may pull instead of being pushed to.
  virtual PullMode pull_mode() = 0;
  // Makes await_recording() look at `interrupted`.
  virtual void wake() noexcept = 0;
  // Whether this player drives its pipeline alone, so that a flushing seek in TIME may reset the
  // running time of all of it.
  virtual bool owns_time() const = 0;
  // Whether the recording's writer is in the same pipeline, so that its running time means
  // something here.
  virtual bool is_beside_writer(const Recording& /*of*/) const { return true; }
  // The pipeline's latency has been told; upstream's may be another now.
  virtual void on_latency() {}
  // Running time at which all branches begin that carry out the seek with this seqnum.
  virtual GstClockTime base_of_seek(guint32 seqnum) = 0;
  // Who carries out a segment seek.
  virtual SegmentTally& segments() noexcept = 0;
  // A query that the recording cannot answer. False: nobody can.
  virtual bool ask_upstream(GstQuery* query) = 0;
  // All was played; EOS follows.
  virtual void on_end(const Recording& recording) = 0;

 protected:
  ~PlayerHost() = default;
};

class Player {
 public:
  // `pad` owns this; `host` outlives the pad's activity.
  Player(GstPad* pad, PlayerHost& host);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  // The pad goes in or out of push mode.
  bool activate(bool active);
  bool is_active() const { return task_.is_active(); }
  // The pad was linked, or downstream wants another try: what had stopped for want of a peer goes
  // on.
  void start();
  // Upstream flushes: the flush goes downstream, and afterwards another recording is played from
  // its start. Both take over the event.
  void begin_flush(EventPtr event);
  // Of a pad that was not there yet when a flush began it begins only now, before its end.
  void expect_flush(const EventPtr& end);
  void end_flush(EventPtr event);
  // The end of a flush is not for this: the next one begins anew.
  void forget_flush() { task_.end(PushTask::Flush::upstream); }
  // Between them nothing is played; the task is not waited for.
  void hold();
  void let_go();
  // Stops for good, however downstream blocks. The pad is to be deactivated next. What downstream
  // pulls itself is not flushed.
  void release();

  // A seek event for the pad. False: refused, and nothing was disturbed.
  bool seek(GstEvent* event);
  // True if it was answered here.
  bool query(GstQuery* query);
  // A LATENCY event, on its way upstream.
  void take_latency(GstEvent* event);

  PlaySettings settings() const;
  template <class Change>
  auto with_settings(Change change) {
    Lock lock(mutex_);
    return change(settings_);
  }
  std::int64_t position() const;
  std::uint64_t lag_bytes() const;
  std::uint64_t lag_time() const;

 private:
  // Where to go next, until that place is found.
  struct Target {
    enum class Base : std::uint8_t { by_place, by_seek };

    bool is_start = true;       // where the pad's settings say; else `position`
    std::int64_t position = 0;  // ns of stream time, or bytes
    Timeline::Snap snap = Timeline::Snap::before;
    bool snaps = true;           // the segment begins where the data does, not at `position`
    Base base = Base::by_place;  // whether the segment's base is there already
    bool goes_on = false;        // from the end of another recording: at the oldest of this one
  };
  // ---- streaming thread (player.cpp, player_place.cpp, player_deliver.cpp, player_reverse.cpp)
  static void loop(gpointer self) noexcept;
  GstFlowReturn try_step();
  GstFlowReturn step();
  void stand_still(GstFlowReturn flow);
  GstFlowReturn open();
  void close();
  GstFlowReturn await_next();
  GstClockTime running_end() const;
  template <class Predicate>
  bool wait_until(const Predicate& is_due);  // false: interrupted

  GstFlowReturn find_place();
  GstFlowReturn find_start(const PlaySettings& settings, Found& found);
  GstFlowReturn find_position(std::int64_t position, Found& found);
  GstFlowReturn find_end(OnEvicted policy);
  GstFlowReturn replace_evicted(OnEvicted policy, Found& found);
  GstFlowReturn miss(OnEvicted policy);
  GstClockTime base_at(const Place& place) const;
  GstFlowReturn begin_at(const Place& place);
  EventPtr segment_event() const;
  void begin_stream();
  void start_stream_again(const std::vector<EventPtr>& held);
  bool send_stickies(std::vector<EventPtr>& held, bool before_segment);
  bool send(EventPtr event);
  bool tell_again();

  std::unique_ptr<Pieces> backward_from(const Place& place, const std::vector<EventPtr>& stickies);
  bool send_segment();

  GstFlowReturn deliver();
  GstFlowReturn deliver_forward(const GstSegment& segment);
  GstFlowReturn deliver_backward(const GstSegment& segment);
  GstFlowReturn fall_off();
  GstFlowReturn slow_down(std::uint64_t edge);
  GstFlowReturn resume();
  std::uint64_t next_event();
  GstFlowReturn send_event();
  GstFlowReturn at_edge(std::uint64_t edge);
  GstFlowReturn deliver_piece(const GstSegment& segment, std::uint64_t bound);
  GstFlowReturn push(Piece piece);
  GstFlowReturn lapped();
  bool linger();  // false: interrupted
  GstFlowReturn end();
  GstFlowReturn end_segment(const GstSegment& segment);
  void moved(std::uint64_t offset, std::int64_t time) noexcept;

  // ---- other threads -----------------------------------------------------------------
  std::shared_ptr<Recording> recording() const;
  Range range() const;
  GstSegment segment() const { return range().segment; }
  void set_range(const Range& range);
  void wake() noexcept;
  const char* refusal(const Seek& seek, const Recording* recording) const;
  void aim(const Seek& seek, bool keeps_time);
  std::int64_t stands_at(const Range& now, const Seek& seek) const;
  void tell_segment(const Seek& seek, const GstSegment& segment);
  void carry_out(const Seek& seek, const Recording& recording);
  bool answer_position(GstQuery* query) const;
  bool answer_duration(GstQuery* query, const Recording* recording) const;
  bool answer_seeking(GstQuery* query, const Recording* recording) const;
  bool answer_segment(GstQuery* query) const;
  bool answer_latency(GstQuery* query, const Recording* recording) const;
  bool answer_caps(GstQuery* query, const Recording* recording) const;

  GstPad* const pad_;
  PlayerHost& host_;
  PushTask task_;
  PlayerMark mark_;
  LiveSide live_;

  // Under the pad's stream lock.
  Recording* playing_ = nullptr;  // recording_, for the streaming thread
  std::optional<Slicer> slicer_;
  std::unique_ptr<Pieces> pieces_;    // once it is placed
  const Piece* in_flight_ = nullptr;  // while it is pushed
  Target target_;
  bool placed_ = false;
  bool discont_ = true;
  bool resumes_ = false;  // the pad had no peer for a while
  bool rushes_ = true;    // has not waited at the edge since it was placed
  bool retimes_ = false;  // another segment holds for what comes next
  // EOS or SEGMENT_DONE was sent: only a seek, a flush or another recording leads on.
  bool over_ = false;
  bool rested_ = true;  // the stream lock was let go: the pad may have forgotten its stickies
  std::shared_ptr<Recording> next_;                  // to be opened, from the end of the one before
  GstClockTime upstream_end_ = GST_CLOCK_TIME_NONE;  // stream time of what is played now
  GstClockTime floor_ = 0;  // running time of that end: what comes now is rendered later
  std::uint64_t event_serial_ = 0;
  std::optional<std::uint64_t> event_offset_;
  std::uint64_t held_from_ = 0;  // backwards: down to here the stickies that were sent hold
  bool passes_ = false;          // backwards: at an offset where events came
  guint32 seqnum_ = GST_SEQNUM_INVALID;
  std::uint64_t turn_ = 0;  // counts seeks: a push that comes back to another turn is forgotten

  mutable Mutex mutex_;
  PlaySettings settings_ CATCHER_GUARDED_BY(mutex_);
  std::shared_ptr<Recording> recording_ CATCHER_GUARDED_BY(mutex_);
  Range range_ CATCHER_GUARDED_BY(mutex_);
  Seek last_seek_ CATCHER_GUARDED_BY(mutex_);
  // Relaxed: a fact. Downstream has asked whether it can seek in bytes, as demuxers do.
  mutable std::atomic<bool> may_be_sought_{false};
  // Relaxed: a figure. Stream time of what is pushed next, in TIME.
  std::atomic<std::int64_t> time_{kNoTime};
};

// The caps of a recording as they are at its edge. False: there are none yet.
bool answer_caps(GstQuery* query, const Recording& recording);

// CONVERT, of what has these caps. False: it cannot be converted.
bool answer_convert(GstQuery* query, GstCaps* caps);

// One of the pad's or the element's play properties. False: there is none of this number.
bool get_player_property(const Player& player, guint id, GValue* value);

template <class Predicate>
bool Player::wait_until(const Predicate& is_due) {
  while (!task_.is_interrupted()) {
    if (is_due()) return true;
    playing_->changed.sleep_unless([&] { return task_.is_interrupted() || is_due(); }, kForever);
  }
  return false;
}

}  // namespace catcher::plugin
