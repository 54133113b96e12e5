// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The life of a puller, and its ranges. Queries are in puller_query.cpp.
#include "puller.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "support/debug.hpp"
#include "support/lease_memory.hpp"

namespace catcher::plugin {

Puller::Puller(GstPad* pad, PlayerHost& host) : pad_(pad), host_(host) {
  const TextPtr name(gst_pad_get_name(pad));
  mark_.name = name.get();
}

bool Puller::activate(bool active) {
  if (active) {
    if (!may_pull()) return false;
    Lock lock(mutex_);
    active_ = true;
    // A flush may have lost its end.
    flushes_ &= static_cast<unsigned>(Flush::release);
    note();
    return true;
  }
  {
    Lock lock(mutex_);
    active_ = false;
    note();
  }
  interrupt();
  GST_PAD_STREAM_LOCK(pad_);
  close();
  GST_PAD_STREAM_UNLOCK(pad_);
  return true;
}

bool Puller::is_active() const {
  Lock lock(mutex_);
  return active_;
}

void Puller::note() {
  interrupted_.store(!may_run(), order::relaxed);  // relaxed: see is_interrupted()
  if (may_run() && stop_.stop_requested()) stop_ = std::stop_source();
}

// Makes everyone who waits here look at interrupted_.
void Puller::interrupt() {
  std::stop_source stop;
  {
    Lock lock(mutex_);
    stop = stop_;
  }
  stop.request_stop();
  const std::shared_ptr<Recording> recording = this->recording();
  if (recording != nullptr) recording->changed.notify_all();
  host_.wake();
}

void Puller::begin(Flush flush) {
  {
    Lock lock(mutex_);
    flushes_ |= static_cast<unsigned>(flush);
    note();
  }
  interrupt();
}

void Puller::end(Flush flush) {
  if (flush == Flush::release) return;
  if (flush == Flush::upstream) {
    begin(flush);  // this pad may not have been there yet when it began
    GST_PAD_STREAM_LOCK(pad_);
    close();
    GST_PAD_STREAM_UNLOCK(pad_);
  }
  Lock lock(mutex_);
  flushes_ &= ~static_cast<unsigned>(flush);
  note();
}

void Puller::hold() {
  {
    Lock lock(mutex_);
    ++holds_;
    note();
  }
  interrupt();
}

void Puller::let_go() {
  Lock lock(mutex_);
  --holds_;
  note();
}

bool Puller::take_event(GstEvent* event) {
  if (!is_active()) return false;
  switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_START: begin(Flush::downstream); return true;
    case GST_EVENT_FLUSH_STOP: end(Flush::downstream); return true;
    default: return false;
  }
}

std::shared_ptr<Recording> Puller::recording() const {
  Lock lock(mutex_);
  return recording_;
}

// The recording to pull, once it is known to be in bytes or to be empty. Nothing: interrupted, or
// an error was posted.
std::shared_ptr<Recording> Puller::await_recording() {
  std::shared_ptr<Recording> found = recording();
  if (found == nullptr) {
    found = host_.await_recording(interrupted_);
    if (found == nullptr || !adopt(found)) return nullptr;
  }
  const auto known = [&] {
    return is_interrupted() || found->format() != GST_FORMAT_UNDEFINED || found->is_finished();
  };
  while (!known()) found->changed.sleep_unless(known, kForever);
  if (is_interrupted()) return nullptr;
  if (found->format() != GST_FORMAT_TIME) return found;
  if (is_first_error()) {
    GST_ELEMENT_ERROR(host_.element(), STREAM, FORMAT,
                      ("A stream in time cannot be pulled as bytes."),
                      ("Pad %s was taken for one of bytes before anything had come. Set pull-mode "
                       "to auto or never.",
                       mark_.name.c_str()));
  }
  return nullptr;
}

// False: interrupted, or an error was posted.
bool Puller::adopt(const std::shared_ptr<Recording>& found) {
  try {
    Lock lock(mutex_);
    if (!may_run()) return false;
    if (recording_ == nullptr) {
      found->add_player(&mark_);
      recording_ = found;
    }
    return recording_ == found;
  } catch (const std::bad_alloc&) {
    if (!is_first_error()) return false;
    GST_ELEMENT_ERROR(host_.element(), RESOURCE, NO_SPACE_LEFT, ("No memory for another reader."),
                      (nullptr));
    return false;
  }
}

// Under the stream lock.
void Puller::close() {
  reader_.reset();
  pieces_.clear();
  told_end_ = false;
  std::shared_ptr<Recording> gone;
  {
    Lock lock(mutex_);
    gone = std::exchange(recording_, nullptr);
    failed_ = false;
  }
  if (gone != nullptr) gone->remove_player(&mark_);
  mark_.offset.store(0, order::relaxed);  // relaxed: a figure
}

// A demuxer that is refused a range may ask for many more before it gives up.
bool Puller::is_first_error() {
  Lock lock(mutex_);
  return !std::exchange(failed_, true);
}

GstFlowReturn Puller::get_range(guint64 offset, guint size, GstBuffer** buffer) {
  std::stop_token stop;
  {
    Lock lock(mutex_);
    if (!may_run()) return GST_FLOW_FLUSHING;
    stop = stop_.get_token();
  }
  const std::shared_ptr<Recording> recording = await_recording();
  if (recording == nullptr) return is_interrupted() ? GST_FLOW_FLUSHING : GST_FLOW_ERROR;
  try {
    if (!reader_) reader_.emplace(recording->bytes());
    GstFlowReturn flow = collect(*recording, offset, size, stop);
    if (flow == GST_FLOW_OK) flow = hand_out(offset, buffer);
    pieces_.clear();
    return flow;
  } catch (const std::bad_alloc&) {
    pieces_.clear();
    if (is_first_error()) {
      GST_ELEMENT_ERROR(host_.element(), RESOURCE, NO_SPACE_LEFT, ("No memory for what is pulled."),
                        ("%u bytes at offset %" G_GUINT64_FORMAT ".", size, offset));
    }
    return GST_FLOW_ERROR;
  }
}

// Leases the range piece by piece as it arrives, so that a writer that waits for this reader can
// go on, and nothing is written into a buffer before it is all there.
GstFlowReturn Puller::collect(Recording& recording, guint64 offset, guint size,
                              const std::stop_token& stop) {
  if (offset > G_MAXINT64) return ended(recording);  // nothing can ever be there
  if (reader_->seek(static_cast<std::int64_t>(offset)).status != Status::ok) return GST_FLOW_ERROR;
  moved(recording, offset);
  if (size == 0) {
    return recording.is_finished() && offset >= recording.edge() ? ended(recording) : GST_FLOW_OK;
  }
  for (std::size_t left = size; left != 0;) {
    LeaseResult got = reader_->lease(left, {kForever, stop});
    switch (got.status) {
      case Status::ok: break;
      case Status::cancelled: return GST_FLOW_FLUSHING;
      case Status::evicted: return evicted(reader_->offset(), got.window);
      default:  // the end, or its writer has gone
        if (pieces_.empty()) return ended(recording);
        join(offset);
        return GST_FLOW_OK;
    }
    const std::size_t taken = got.lease.size();
    left -= taken;
    pieces_.push_back(std::move(got.lease));
    moved(recording, reader_->offset(), taken);
  }
  join(offset);
  return GST_FLOW_OK;
}

// What has arrived bit by bit in one chunk is one piece.
void Puller::join(guint64 offset) {
  if (pieces_.size() < 2) return;
  const std::uint64_t end = reader_->offset();
  const std::size_t size = static_cast<std::size_t>(end - offset);
  const bool back = reader_->seek(static_cast<std::int64_t>(offset)).status == Status::ok;
  LeaseResult all = back ? reader_->lease(size, Wait::none()) : LeaseResult{};
  if (all.lease.size() == size) {
    pieces_.clear();
    pieces_.push_back(std::move(all.lease));
  }
  [[maybe_unused]] const SeekResult there = reader_->seek(static_cast<std::int64_t>(end));
}

GstFlowReturn Puller::hand_out(guint64 offset, GstBuffer** buffer) {
  std::size_t size = 0;
  for (const Lease& piece : pieces_) size += piece.size();
  BufferPtr made;
  GstBuffer* filled = *buffer;
  if (filled == nullptr && pieces_.size() == 1) {
    made.reset(gst_buffer_new());
    gst_buffer_append_memory(made.get(), lease_memory(std::move(pieces_.front())));
    filled = made.get();
  } else {
    // Whoever pulls maps the buffer, and GStreamer would copy several memories into one then.
    if (filled == nullptr) {
      made.reset(size == 0 ? gst_buffer_new() : gst_buffer_new_allocate(nullptr, size, nullptr));
      if (made == nullptr) throw std::bad_alloc();
      filled = made.get();
    }
    std::size_t done = 0;
    for (const Lease& piece : pieces_) {
      const auto bytes = piece.bytes();
      if (gst_buffer_fill(filled, done, bytes.data(), bytes.size()) != bytes.size()) {
        if (is_first_error()) {
          GST_ELEMENT_ERROR(
              host_.element(), RESOURCE, READ, ("A buffer could not be filled."),
              ("Downstream of pad %s gave one that cannot be written to.", mark_.name.c_str()));
        }
        return GST_FLOW_ERROR;
      }
      done += bytes.size();
    }
    gst_buffer_set_size(filled, static_cast<gssize>(size));
  }
  GST_BUFFER_OFFSET(filled) = offset;
  GST_BUFFER_OFFSET_END(filled) = offset + size;
  GST_LOG_OBJECT(pad_, "pulled %" GST_PTR_FORMAT, static_cast<void*>(filled));
  if (made != nullptr) *buffer = made.release();
  return GST_FLOW_OK;
}

GstFlowReturn Puller::evicted(guint64 offset, const Window& window) {
  mark_.evictions.fetch_add(1, order::relaxed);  // relaxed: a figure
  if (is_first_error()) {
    GST_ELEMENT_ERROR(
        host_.element(), RESOURCE, READ, ("The wanted part of the stream is no longer kept."),
        ("Pad %s was asked for offset %" G_GUINT64_FORMAT ", and the window is [%" G_GUINT64_FORMAT
         ",%" G_GUINT64_FORMAT "). Raise max-size-bytes, or set pull-mode to never.",
         mark_.name.c_str(), offset, window.begin, window.end));
  }
  return GST_FLOW_ERROR;
}

GstFlowReturn Puller::ended(const Recording& recording) {
  if (!recording.is_finished()) return GST_FLOW_EOS;
  if (!std::exchange(told_end_, true)) host_.on_end(recording);
  return GST_FLOW_EOS;
}

void Puller::moved(Recording& recording, std::uint64_t offset, std::uint64_t taken) noexcept {
  // Relaxed: a figure; progress orders what a sleeping recorder looks at.
  mark_.offset.store(offset, order::relaxed);
  recording.note_progress(taken);
}

std::int64_t Puller::position() const {
  // Relaxed: a figure.
  return recording() == nullptr ? -1 : static_cast<std::int64_t>(mark_.offset.load(order::relaxed));
}

std::uint64_t Puller::lag_bytes() const {
  const std::shared_ptr<Recording> recording = this->recording();
  if (recording == nullptr) return 0;
  const std::uint64_t edge = recording->edge();
  return edge - std::min(edge, mark_.offset.load(order::relaxed));  // relaxed: a figure
}

bool get_puller_property(const Puller& puller, guint id, GValue* value) {
  if (!puller.is_active()) return false;
  switch (static_cast<PlayProperty>(id)) {
    case PlayProperty::position: g_value_set_int64(value, puller.position()); return true;
    case PlayProperty::lag_bytes: g_value_set_uint64(value, puller.lag_bytes()); return true;
    default: return false;
  }
}

}  // namespace catcher::plugin
