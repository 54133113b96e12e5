// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The life of a player: activation, the task and its turns, waiting, flushes and the end.
#include "player.hpp"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include "support/debug.hpp"

namespace catcher::plugin {
namespace {

// Longer than it takes a demuxer's thread to wake and to seek.
constexpr std::chrono::milliseconds kDemuxersSeek{50};

}  // namespace

Player::Player(GstPad* pad, PlayerHost& host) : pad_(pad), host_(host) {
  const TextPtr name(gst_pad_get_name(pad));
  mark_.name = name.get();
  Lock lock(mutex_);
  gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
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

GstSegment Player::segment() const {
  Lock lock(mutex_);
  return segment_;
}

void Player::change(Change change) noexcept {
  std::shared_ptr<Recording> recording;
  {
    Lock lock(mutex_);
    switch (change) {
      case Change::activate: active_ = true; break;
      case Change::deactivate: active_ = false; break;
      case Change::begin_flush: ++flushes_; break;
      case Change::end_flush: --flushes_; break;
    }
    // Relaxed: whoever sleeps is woken below, which orders it.
    interrupted_.store(!active_ || flushes_ != 0, order::relaxed);
    recording = recording_;
  }
  if (recording != nullptr) recording->changed.notify_all();
  host_.wake();
}

bool Player::activate(bool active) {
  if (active) {
    // A seek may be under way on another thread.
    GST_PAD_STREAM_LOCK(pad_);
    change(Change::activate);
    target_ = {};
    placed_ = false;
    discont_ = true;
    seqnum_ = GST_SEQNUM_INVALID;
    start_task();
    GST_PAD_STREAM_UNLOCK(pad_);
    return true;
  }
  change(Change::deactivate);
  const bool stopped = gst_pad_stop_task(pad_);
  GST_PAD_STREAM_LOCK(pad_);
  close();
  GST_PAD_STREAM_UNLOCK(pad_);
  return stopped;
}

// Without a peer nothing is played, so that all that is set before the link counts.
void Player::start_task() {
  if (!gst_pad_is_linked(pad_)) return;
  Lock lock(mutex_);
  if (active_ && flushes_ == 0) gst_pad_start_task(pad_, &Player::loop, this, nullptr);
}

void Player::start() {
  start_task();
}

void Player::begin_flush(EventPtr event) {
  change(Change::begin_flush);
  gst_pad_push_event(pad_, event.release());
}

void Player::end_flush(EventPtr event) {
  GST_PAD_STREAM_LOCK(pad_);
  change(Change::end_flush);
  gst_pad_push_event(pad_, event.release());
  close();
  target_ = {};
  placed_ = false;
  discont_ = true;
  seqnum_ = GST_SEQNUM_INVALID;
  ++turn_;
  start_task();
  GST_PAD_STREAM_UNLOCK(pad_);
}

void Player::release() {
  const auto recording = this->recording();
  change(Change::begin_flush);
  gst_pad_push_event(pad_, gst_event_new_flush_start());
  gst_pad_stop_task(pad_);
  const bool timed = recording != nullptr && recording->format() == GST_FORMAT_TIME;
  gst_pad_push_event(pad_, gst_event_new_flush_stop(timed ? FALSE : TRUE));
}

void Player::loop(gpointer self) noexcept {
  auto& player = *static_cast<Player*>(self);
  const std::uint64_t turn = player.turn_;
  const GstFlowReturn flow = player.step();
  // A seek that came from downstream on this thread has started a new turn.
  if (flow != GST_FLOW_OK && player.turn_ == turn) player.pause(flow);
}

GstFlowReturn Player::step() {
  if (playing_ == nullptr) {
    const GstFlowReturn opened = open();
    if (opened != GST_FLOW_OK) return opened;
  }
  if (!placed_) return find_place();
  return deliver();
}

void Player::pause(GstFlowReturn flow) {
  GST_DEBUG_OBJECT(pad_, "pausing: %s", gst_flow_get_name(flow));
  gst_pad_pause_task(pad_);
  if (reader_) reader_->set_holds_back(false);
  if (flow == GST_FLOW_NOT_LINKED) resumes_ = true;
  if (flow > GST_FLOW_EOS) return;  // not linked, or flushing
  // Whoever stopped downstream has posted what happened there; this names the branch. An error
  // of this player's own is GST_FLOW_ERROR too, and was posted where it was found.
  if (flow < GST_FLOW_EOS && flow != GST_FLOW_ERROR) GST_ELEMENT_FLOW_ERROR(host_.element(), flow);
  GstEvent* eos = gst_event_new_eos();
  if (seqnum_ != GST_SEQNUM_INVALID) gst_event_set_seqnum(eos, seqnum_);
  gst_pad_push_event(pad_, eos);
}

GstFlowReturn Player::open() {
  std::shared_ptr<Recording> found = host_.await_recording(interrupted_);
  if (found == nullptr) {
    return interrupted_.load(order::relaxed) ? GST_FLOW_FLUSHING  // relaxed: see change()
                                             : GST_FLOW_ERROR;
  }
  try {
    reader_.emplace(found->bytes());
    entries_.emplace(found->timeline);
    found->add_player(&mark_);
  } catch (const std::bad_alloc&) {
    reader_.reset();
    GST_ELEMENT_ERROR(host_.element(), RESOURCE, NO_SPACE_LEFT, ("No memory for another reader."),
                      (nullptr));
    return GST_FLOW_ERROR;
  }
  playing_ = found.get();
  Lock lock(mutex_);
  recording_ = std::move(found);
  return GST_FLOW_OK;
}

void Player::close() {
  if (playing_ != nullptr) playing_->remove_player(&mark_);
  playing_ = nullptr;
  reader_.reset();
  entries_.reset();
  run_.reset();
  sent_.clear();
  event_offset_.reset();
  mark_.offset.store(0, order::relaxed);  // relaxed: a figure
  time_.store(kNoTime, order::relaxed);   // relaxed: a figure
  std::shared_ptr<Recording> gone;
  Lock lock(mutex_);
  gone = std::exchange(recording_, nullptr);
  gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
}

void Player::go_to(std::uint64_t offset) noexcept {
  // An offset that bytes have come from can be sought.
  [[maybe_unused]] const SeekResult went = reader_->seek(static_cast<std::int64_t>(offset));
  assert(went.status == Status::ok);
}

void Player::moved(std::int64_t time) noexcept {
  // Relaxed, both: figures; progress orders what a sleeping recorder looks at.
  mark_.offset.store(reader_->offset(), order::relaxed);
  time_.store(time, order::relaxed);
  playing_->progress.notify_all();
}

// A demuxer that works by push asks for the length with a seek near the end, from another thread;
// an end that overtakes this seek is taken for the answer.
bool Player::linger() {
  const auto interrupted = [this] { return interrupted_.load(order::relaxed); };  // see change()
  const Deadline until = Clock::now() + kDemuxersSeek;
  while (!interrupted() && playing_->changed.sleep_unless(interrupted, until)) {
  }
  return !interrupted();
}

GstFlowReturn Player::end() {
  if (rushes_ && playing_->format() == GST_FORMAT_BYTES && !linger()) return GST_FLOW_FLUSHING;
  GST_INFO_OBJECT(pad_, "end at offset %" G_GUINT64_FORMAT, reader_->offset());
  host_.on_end(*playing_);
  return GST_FLOW_EOS;
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
