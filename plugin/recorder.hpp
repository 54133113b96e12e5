// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Writes what arrives at a sink pad into a recording: bytes, times and events; keeps the window,
// and makes upstream wait where that was asked for.
//
// Thread: take() and take_event() on the sink pad's streaming thread; start(), stop() and restart()
// while nothing streams; the rest by any.
#pragma once

#include <gst/audio/audio.h>
#include <gst/gst.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "channels.hpp"
#include "core/mutex.hpp"
#include "recording.hpp"
#include "support/settings.hpp"
#include "time_window.hpp"

namespace catcher::plugin {

class Recorder {
 public:
  // `element` posts the errors; it outlives this. `pad` is where upstream is asked.
  Recorder(GstElement* element, GstPad* pad) : element_(element), pad_(pad) {}

  // Begins a recording, and publishes it if a channel is set. False: the settings contradict each
  // other, the channel has a writer, or there can be no file; the error is posted.
  bool start(const Settings& settings);
  // Ends it, and gives the channel up. What was caught stays readable for who holds it.
  void stop();
  // Ends it and begins another in the same channel, as after a flush of upstream.
  void restart();
  // The recording in hand, or nothing when stopped.
  std::shared_ptr<Recording> recording() const;

  // Does not take over the reference.
  GstFlowReturn take(GstBuffer* buffer);
  // A serialized downstream event, EOS included. False if the stream cannot go on. After EOS, a
  // STREAM_START begins another recording, to which players at the end of this one go on.
  bool take_event(GstEvent* event);

  // Upstream's latency may have changed. Thread: any.
  void ask_latency();

  // A take() that waits returns FLUSHING, and so does each that would have to wait, until start()
  // or restart().
  void interrupt();

 private:
  struct Raw {
    std::uint32_t bytes_per_frame = 0;
    GstAudioInfo info{};
  };

  // What the public ones do, which answer for memory that runs out.
  bool try_start(const Settings& settings);
  void try_restart();
  GstFlowReturn record(GstBuffer* buffer);
  bool heed(GstEvent* event);

  bool open_file();
  bool begin();
  void renew_stop();
  bool begin_again(GstEvent* stream_start);
  void lead_on(std::shared_ptr<Recording> ended, const std::shared_ptr<Recording>& next);
  void recall_stickies(bool (*wanted)(GstEventType type));
  bool take_segment(GstEvent* event);
  void take_caps(GstEvent* event);
  bool take_gap(GstEvent* event);
  void log_gap(GstEvent* event, std::int64_t start);
  void log(GstEvent* event);
  void ask_upstream();
  GstFlowReturn take_raw(GstBuffer* buffer);
  GstFlowReturn take_packet(GstBuffer* buffer);
  GstFlowReturn take_bytes(GstBuffer* buffer);
  // Copies [from, to) of a buffer behind the edge, or as much of that as is in one piece there.
  // `at_least` bytes in one piece, or a multiple.
  struct Written {
    std::size_t bytes = 0;
    GstFlowReturn flow = GST_FLOW_OK;
  };
  struct Part {
    GstBuffer* buffer;
    std::size_t from, to;
  };
  Written write_some(const Part& part, std::size_t at_least);
  std::size_t frames_until(std::int64_t time, std::size_t bytes);
  std::int64_t run_start(GstBuffer* buffer);
  GstFlowReturn keep_window(std::int64_t edge_time);
  GstFlowReturn wait_for_players();
  bool wait_while_far_ahead(const std::stop_token& stop);
  bool is_far_ahead() const;
  Wait wait() const;
  GstFlowReturn refuse(Status status, std::size_t bytes);
  void post_no_memory(std::uint64_t offset) const;
  struct Backwards {
    std::uint64_t offset;       // of the buffer
    std::int64_t time, before;  // ns of stream time
  };
  GstFlowReturn runs_backwards(const Backwards& found, const char* stamp);
  GstFlowReturn broken();

  GstElement* const element_;
  GstPad* const pad_;
  Settings settings_;
  channels::Claim claim_;
  std::shared_ptr<ChunkMemory> memory_;  // the file that all of its recordings are in, if any

  // The streaming thread's own.
  GstSegment segment_{};
  std::optional<Raw> raw_;
  std::int64_t last_pts_ = kNoTime;   // of raw audio: stream time of the last buffer
  std::int64_t next_time_ = kNoTime;  // stream time of the edge
  bool new_run_ = true;
  bool asked_ = false;
  TimeWindow window_;
  bool ended_ = false;
  bool broken_ = false;
  std::vector<std::weak_ptr<Recording>> ended_before_;  // those that some player still plays

  mutable Mutex mutex_;
  std::shared_ptr<Recording> recording_ CATCHER_GUARDED_BY(mutex_);
  std::stop_source stop_ CATCHER_GUARDED_BY(mutex_);
  Recording* own_ = nullptr;  // recording_, for the streaming thread
};

// One of the common properties that tell what is kept now; nothing is kept in no recording. False:
// it is none of them.
bool get_level(const Recording* recording, guint id, GValue* value);

}  // namespace catcher::plugin
