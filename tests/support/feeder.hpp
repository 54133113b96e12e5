// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// An upstream that sends a coded stream from a thread of its own, and does to it whatever an
// upstream may do: ends it and begins another, flushes it from another thread, changes caps, sends
// GAPs, tags and segments.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/coded_stream.hpp"
#include "tests/support/flush_pairs.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/upstream.hpp"

namespace catcher::test {

class Feeder {
 public:
  struct Habits {
    bool restarts = true;  // ends, and begins another stream
    std::uint64_t pieces_before_the_end = 60;
  };

  // The element is in PAUSED or above from begin() on.
  Feeder(GstElement* element, Form form, Habits habits, std::uint64_t seed)
      : form_(form), habits_(habits), random_(seed), upstream_(element) {}
  ~Feeder() { stop(); }
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

  Upstream& upstream() { return upstream_; }

  void begin() {
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
  }

  // A flush of upstream, from the caller's thread: what it is pushing comes back, and another
  // generation follows. One at a time.
  void flush() {
    const FlushEvents flush;
    upstream_.send(flush.begin);
    pause();
    upstream_.send(flush.end);
    go_on(After::flush);
  }
  // Around a state change of the element: what is pushed meanwhile is refused, and a stream begins.
  void pause() {
    std::unique_lock lock(mutex_);
    ++held_;
    changed_.notify_all();
    must_be(lock, "upstream stands still", [this] { return rests_; });
  }
  void begin_again() { go_on(After::restart); }

  // Sends the last of the stream and EOS: returns the number of the last generation.
  std::uint64_t finish() {
    stop();
    if (after_ != After::nothing || ended_) next_generation();
    for (int pieces = 0; pieces < 4; ++pieces) give_piece();
    end();
    return generation_;
  }

  // How many units there were in a generation that was sent to its end; nothing if it was cut off,
  // or is under way.
  std::optional<std::uint64_t> length_of(std::uint64_t generation) const {
    const std::lock_guard lock(mutex_);
    const auto found = lengths_.find(generation);
    return found == lengths_.end() ? std::nullopt : std::optional(found->second);
  }
  // Relaxed: figures.
  std::uint64_t units() const { return next_.load(std::memory_order::relaxed); }
  std::uint64_t generation() const { return generation_.load(std::memory_order::relaxed); }
  std::uint64_t pieces() const { return pieces_.load(std::memory_order::relaxed); }

 private:
  enum class After : std::uint8_t { nothing, flush, restart };

  template <class Predicate>
  void must_be(std::unique_lock<std::mutex>& lock, const char* what, const Predicate& is_so) {
    demand(changed_.wait_for(lock, kPatience, is_so), what, generation());
  }

  void go_on(After after) {
    const std::lock_guard lock(mutex_);
    --held_;
    // A stream that begins says all that one says that was flushed.
    after_ = std::max(after_, after);
    changed_.notify_all();
  }

  void stop() {
    thread_.request_stop();
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  void run(const std::stop_token& stop) {
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        rests_ = true;
        changed_.notify_all();
        // Live-ish: now and then nothing comes for a moment.
        const auto moment = std::chrono::microseconds(random_.one_in(30) ? 20'000 : 300);
        changed_.wait_for(lock, moment, [&] { return stop.stop_requested(); });
        must_be(lock, "upstream may go on", [&] { return stop.stop_requested() || held_ == 0; });
        if (stop.stop_requested()) return;
        rests_ = false;
      }
      do_something();
    }
  }

  void do_something() {
    if (take_after() || ended_) return next_generation();
    if (habits_.restarts && random_.one_in(habits_.pieces_before_the_end)) return end();
    switch (random_.below(24)) {
      case 0:
        if (form_ != Form::bytes) {
          upstream_.send(gst_event_new_gap(place_of_unit(form_, units()), 0));
        }
        break;
      case 1:
        upstream_.send(gst_event_new_tag(
            gst_tag_list_new(GST_TAG_TITLE, std::to_string(units()).c_str(), nullptr)));
        break;
      case 2: upstream_.set_segment(format_of(form_)); break;
      case 3:
        upstream_.send(
            gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM, gst_structure_new_empty("once")));
        break;
      case 4:
        upstream_.send(
            gst_event_new_custom(GST_EVENT_CUSTOM_DOWNSTREAM_OOB, gst_structure_new_empty("oob")));
        break;
      default: give_piece(); break;
    }
  }

  bool take_after() {
    const std::lock_guard lock(mutex_);
    return after_ != After::nothing;
  }

  void next_generation() {
    bool flushed = false;
    {
      const std::lock_guard lock(mutex_);
      flushed = after_ == After::flush && !ended_;
      after_ = After::nothing;
    }
    const std::uint64_t generation = ++generation_;
    next_ = 0;
    ended_ = false;
    if (!flushed) upstream_.start_stream(("coded-" + std::to_string(generation)).c_str());
    upstream_.send(generation_event(generation));
    give_caps();
    upstream_.set_segment(format_of(form_));
  }

  void give_caps() {
    if (form_ != Form::bytes) upstream_.set_caps(coded_caps(form_, units()).c_str());
  }

  void give_piece() {
    const std::uint64_t era = units_per_era(form_);
    const std::uint64_t first = units();
    std::size_t count = 1;
    if (form_ == Form::bytes) count = random_.up_to(6000);
    if (form_ == Form::frames) {
      count =
          static_cast<std::size_t>(std::min<std::uint64_t>(random_.up_to(1500), era - first % era));
    }
    if (first != 0 && first % era == 0) give_caps();
    const GstFlowReturn flow = upstream_.push(coded_piece(form_, generation(), first, count));
    if (flow == GST_FLOW_FLUSHING) return;
    demand(flow == GST_FLOW_OK, gst_flow_get_name(flow), first);
    next_ = first + count;
    ++pieces_;
  }

  void end() {
    {
      const std::lock_guard lock(mutex_);
      lengths_[generation()] = units();
    }
    ended_ = true;
    upstream_.eos();
  }

  const Form form_;
  const Habits habits_;
  Random random_;
  Upstream upstream_;

  // Written by the thread that sends.
  std::atomic<std::uint64_t> generation_{0}, next_{0}, pieces_{0};
  bool ended_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  After after_ = After::restart;
  unsigned held_ = 0;
  bool rests_ = false;
  std::map<std::uint64_t, std::uint64_t> lengths_;
  std::jthread thread_;
};

}  // namespace catcher::test
