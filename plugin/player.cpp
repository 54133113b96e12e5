// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The life of a player: activation, the task and its turns, waiting, flushes and the end.
#include "player.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "support/debug.hpp"

namespace catcher::plugin {

Player::Player(GstPad* pad, PlayerHost& host)
    : pad_(pad), host_(host), task_(pad, &Player::loop, this), live_(host.element()) {
  const TextPtr name(gst_pad_get_name(pad));
  mark_.name = name.get();
}

Player::~Player() = default;

PlaySettings Player::settings() const {
  Lock lock(mutex_);
  return settings_;
}

std::shared_ptr<Recording> Player::recording() const {
  Lock lock(mutex_);
  return recording_;
}

Range Player::range() const {
  Lock lock(mutex_);
  return range_;
}

void Player::set_range(const Range& range) {
  Lock lock(mutex_);
  range_ = range;
}

// Makes the task look at what has changed for it, wherever it waits.
void Player::wake() noexcept {
  const std::shared_ptr<Recording> recording = this->recording();
  if (recording != nullptr) recording->changed.notify_all();
  host_.wake();
}

bool Player::activate(bool active) {
  if (active) {
    task_.activate();
    return true;
  }
  task_.deactivate();
  wake();
  const bool stopped = task_.stop();
  GST_PAD_STREAM_LOCK(pad_);
  close();
  GST_PAD_STREAM_UNLOCK(pad_);
  return stopped;
}

void Player::start() {
  task_.start();
}

void Player::begin_flush(EventPtr event) {
  task_.begin(PushTask::Flush::upstream);
  wake();
  gst_pad_push_event(pad_, event.release());
}

void Player::expect_flush(const EventPtr& end) {
  if (task_.is_flushed_by_upstream()) return;
  EventPtr begin(gst_event_new_flush_start());
  gst_event_set_seqnum(begin.get(), gst_event_get_seqnum(end.get()));
  begin_flush(std::move(begin));
}

void Player::end_flush(EventPtr event) {
  GST_PAD_STREAM_LOCK(pad_);
  task_.end(PushTask::Flush::upstream);
  gst_pad_push_event(pad_, event.release());
  close();
  ++turn_;
  task_.start();
  GST_PAD_STREAM_UNLOCK(pad_);
}

void Player::hold() {
  task_.begin(PushTask::Flush::seek);
  wake();
}

void Player::let_go() {
  task_.end(PushTask::Flush::seek);
  task_.start();
}

void Player::release() {
  const auto recording = this->recording();
  task_.begin(PushTask::Flush::release);
  wake();
  if (GST_PAD_MODE(pad_) == GST_PAD_MODE_PULL) return;
  GstEvent* begin = gst_event_new_flush_start();
  const guint32 seqnum = gst_event_get_seqnum(begin);
  gst_pad_push_event(pad_, begin);
  task_.stop();
  // In TIME, and while nothing is known, the pipeline's running time goes on as it is.
  const bool in_bytes = recording != nullptr && recording->format() == GST_FORMAT_BYTES;
  GstEvent* end = gst_event_new_flush_stop(in_bytes ? TRUE : FALSE);
  gst_event_set_seqnum(end, seqnum);
  gst_pad_push_event(pad_, end);
}

void Player::loop(gpointer self) noexcept {
  auto& player = *static_cast<Player*>(self);
  const std::uint64_t turn = player.turn_;
  const unsigned starts = player.task_.starts();
  const GstFlowReturn flow = player.try_step();
  if (flow == GST_FLOW_OK || player.turn_ != turn) return;
  player.stand_still(flow);
  // At its end it waits, in the next turn, for a recording that follows.
  if (flow != GST_FLOW_FLUSHING && player.over_ && player.playing_ != nullptr) return;
  // A seek that came from downstream on this thread has started a new turn.
  if (player.turn_ != turn) return;
  player.rested_ = true;
  player.task_.pause(starts);
}

GstFlowReturn Player::try_step() {
  try {
    return step();
  } catch (const std::bad_alloc&) {
    GST_ELEMENT_ERROR(host_.element(), RESOURCE, NO_SPACE_LEFT, ("There is no memory to play on."),
                      ("Pad %s stops; a seek has it try again.", mark_.name.c_str()));
    return GST_FLOW_ERROR;
  }
}

GstFlowReturn Player::step() {
  if (task_.is_interrupted()) return GST_FLOW_FLUSHING;
  if (over_) return playing_ != nullptr ? await_next() : GST_FLOW_EOS;
  // Without a peer nothing is begun, so that all that is set before the link counts.
  if (!placed_ && !gst_pad_is_linked(pad_)) return GST_FLOW_NOT_LINKED;
  if (playing_ == nullptr) {
    const GstFlowReturn opened = open();
    if (opened != GST_FLOW_OK) return opened;
  }
  if (!placed_) return find_place();
  return deliver();
}

// What is to be said and done when a turn ends with this.
void Player::stand_still(GstFlowReturn flow) {
  GST_DEBUG_OBJECT(pad_, "pausing: %s", gst_flow_get_name(flow));
  if (over_ || (flow == GST_FLOW_FLUSHING && task_.is_interrupted())) return;
  // Nobody waits for a branch that does not play.
  if (slicer_) slicer_->set_holds_back(false);
  // Nor for one whose downstream flushes, or is inactive, by itself.
  if (flow == GST_FLOW_NOT_LINKED || flow == GST_FLOW_FLUSHING) {
    resumes_ = placed_;
    return;
  }
  over_ = true;
  host_.segments().leave(this);
  // Whoever stopped downstream has posted what happened there; this names the branch. An error
  // of this player's own is GST_FLOW_ERROR too, and was posted where it was found.
  if (flow < GST_FLOW_EOS && flow != GST_FLOW_ERROR) GST_ELEMENT_FLOW_ERROR(host_.element(), flow);
  begin_stream();
  GstEvent* eos = gst_event_new_eos();
  if (seqnum_ != GST_SEQNUM_INVALID) gst_event_set_seqnum(eos, seqnum_);
  gst_pad_push_event(pad_, eos);
}

GstFlowReturn Player::open() {
  std::shared_ptr<Recording> found =
      next_ != nullptr ? host_.hold(std::move(next_)) : host_.await_recording(task_.interrupted());
  if (found == nullptr) return task_.is_interrupted() ? GST_FLOW_FLUSHING : GST_FLOW_ERROR;
  try {
    slicer_.emplace(*found);
    found->add_player(&mark_);
  } catch (const std::bad_alloc&) {
    slicer_.reset();
    GST_ELEMENT_ERROR(host_.element(), RESOURCE, NO_SPACE_LEFT, ("No memory for another reader."),
                      (nullptr));
    return GST_FLOW_ERROR;
  }
  playing_ = found.get();
  Lock lock(mutex_);
  recording_ = std::move(found);
  return GST_FLOW_OK;
}

// All was played; upstream may begin again.
GstFlowReturn Player::await_next() {
  // At the end of a segment it is whoever asked for that who says what comes next, and backwards
  // nothing follows.
  const GstSegment segment = this->segment();
  const bool stays = (segment.flags & GST_SEGMENT_FLAG_SEGMENT) != 0 || segment.rate < 0;
  const auto leads_on = [&] { return stays ? playing_->is_replaced() : playing_->leads_on(); };
  if (!wait_until(leads_on)) return GST_FLOW_FLUSHING;
  std::shared_ptr<Recording> next = playing_->next();
  const GstClockTime ended_at = running_end();
  close();
  next_ = std::move(next);
  floor_ = ended_at;
  target_.goes_on = true;
  gst_element_post_message(host_.element(),
                           gst_message_new_duration_changed(GST_OBJECT_CAST(host_.element())));
  return GST_FLOW_OK;
}

// Running time at which what was played ends; 0 where none is known.
GstClockTime Player::running_end() const {
  const GstSegment segment = this->segment();
  if (segment.format != GST_FORMAT_TIME || !placed_) return 0;
  std::int64_t time = time_.load(order::relaxed);  // relaxed: own value
  // Of packets that is where the last one begins.
  if (segment.rate > 0 && pieces_->offset() >= playing_->edge())
    time = std::max(time, playing_->edge_time());
  const guint64 end =
      std::max(static_cast<guint64>(std::max<std::int64_t>(time, 0)), segment.start);
  const GstClockTime running =
      gst_segment_to_running_time(&segment, GST_FORMAT_TIME, std::min(end, segment.stop));
  return GST_CLOCK_TIME_IS_VALID(running) ? running : 0;
}

// Back to where a player is before it has begun.
void Player::close() {
  if (playing_ != nullptr) playing_->remove_player(&mark_);
  host_.segments().leave(this);
  playing_ = nullptr;
  pieces_.reset();
  slicer_.reset();
  event_offset_.reset();
  next_.reset();
  floor_ = 0;
  target_ = {};
  placed_ = over_ = resumes_ = retimes_ = false;
  discont_ = true;
  seqnum_ = GST_SEQNUM_INVALID;
  live_.leave();
  mark_.offset.store(0, order::relaxed);  // relaxed: a figure
  time_.store(kNoTime, order::relaxed);   // relaxed: a figure
  std::shared_ptr<Recording> gone;
  Lock lock(mutex_);
  gone = std::exchange(recording_, nullptr);
  last_seek_ = {};
  range_ = Range();
}

void Player::moved(std::uint64_t offset, std::int64_t time) noexcept {
  // Relaxed, all: figures; progress orders what a sleeping recorder looks at.
  const std::uint64_t was = placed_ ? mark_.offset.load(order::relaxed) : offset;
  mark_.offset.store(offset, order::relaxed);
  time_.store(time, order::relaxed);
  playing_->note_progress(std::max(offset, was) - std::min(offset, was));
}

GstFlowReturn Player::end() {
  if (playing_->is_replaced()) {
    // Upstream has flushed: the stream goes on in another recording.
    close();
    return GST_FLOW_OK;
  }
  const GstSegment segment = this->segment();
  if ((segment.flags & GST_SEGMENT_FLAG_SEGMENT) != 0) return end_segment(segment);
  GST_INFO_OBJECT(pad_, "end at offset %" G_GUINT64_FORMAT, slicer_->offset());
  host_.on_end(*playing_);
  return GST_FLOW_EOS;
}

// A segment seek is done: whoever made it is told, and the next one goes on from here.
GstFlowReturn Player::end_segment(const GstSegment& segment) {
  const bool timed = segment.format == GST_FORMAT_TIME;
  std::int64_t position = timed ? std::max<std::int64_t>(playing_->edge_time(), 0)
                                : static_cast<std::int64_t>(pieces_->offset());
  if (GST_CLOCK_TIME_IS_VALID(segment.stop)) {
    position = std::min(position, static_cast<std::int64_t>(segment.stop));
  }
  if (segment.rate < 0) {
    position = std::max(pieces_->time(), static_cast<std::int64_t>(segment.start));
  }
  GST_INFO_OBJECT(pad_, "segment is done at %" G_GINT64_FORMAT, position);
  if (timed) time_.store(position, order::relaxed);  // relaxed: a figure
  over_ = true;                                      // a seek may come on this thread
  slicer_->set_holds_back(false);
  const guint32 seqnum = seqnum_;
  const GstClockTime shift = timed ? playing_->time_shift() : 0;
  GstEvent* done =
      gst_event_new_segment_done(segment.format, position + static_cast<gint64>(shift));
  gst_event_set_seqnum(done, seqnum);
  gst_pad_push_event(pad_, done);
  host_.segments().done(this, {seqnum, segment.format, position});
  return GST_FLOW_OK;
}

std::int64_t Player::position() const {
  const auto recording = this->recording();
  if (recording == nullptr) return -1;
  // Relaxed, both: figures.
  if (recording->format() == GST_FORMAT_BYTES) {
    return static_cast<std::int64_t>(mark_.offset.load(order::relaxed));
  }
  const std::int64_t time = time_.load(order::relaxed);
  return time == kNoTime ? -1 : std::max<std::int64_t>(time, 0);
}

std::uint64_t Player::lag_bytes() const {
  const auto recording = this->recording();
  if (recording == nullptr) return 0;
  const std::uint64_t edge = recording->edge();
  return edge - std::min(edge, mark_.offset.load(order::relaxed));  // relaxed: a figure
}

std::uint64_t Player::lag_time() const {
  const auto recording = this->recording();
  if (recording == nullptr) return 0;
  const std::int64_t time = time_.load(order::relaxed);  // relaxed: a figure
  const std::int64_t edge = recording->edge_time();
  if (time == kNoTime || edge == kNoTime || edge <= time) return 0;
  return static_cast<std::uint64_t>(edge - time);
}

bool get_player_property(const Player& player, guint id, GValue* value) {
  switch (static_cast<PlayProperty>(id)) {
    case PlayProperty::position: g_value_set_int64(value, player.position()); return true;
    case PlayProperty::lag_bytes: g_value_set_uint64(value, player.lag_bytes()); return true;
    case PlayProperty::lag_time: g_value_set_uint64(value, player.lag_time()); return true;
    default: return get_play_property(player.settings(), id, value);
  }
}

}  // namespace catcher::plugin
