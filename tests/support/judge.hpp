// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Looks at all that comes down one branch of a coded stream, and ends the test at the first thing
// that must not be: data of another place than its timestamp says, a gap or a piece doubled within
// a segment, caps of another era, data before its segment or after the end, an event before
// STREAM_START; on a branch that nobody disturbs, FLUSH_STOP without FLUSH_START. (Elsewhere one
// half of a flush may be lost to whoever links or deactivates pads; see flush_pairs.hpp.)
//
// A flush comes from another thread than data: a buffer that is under way when it begins may still
// be seen after it, and is not looked at. What follows its end is.
//
// Thread: any.
#pragma once

#include <gst/gst.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "tests/support/coded_stream.hpp"
#include "tests/support/gate.hpp"

namespace catcher::test {

class Judge {
 public:
  // `name` is printed when something is wrong.
  Judge(Form form, std::string name) : form_(form), name_(std::move(name)) {
    gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
  }
  Judge(const Judge&) = delete;
  Judge& operator=(const Judge&) = delete;

  // How long a generation was that was sent to its end.
  using LengthOf = std::function<std::optional<std::uint64_t>(std::uint64_t generation)>;
  // A branch that nobody disturbs, and that was there from the beginning: it has every unit of each
  // generation, up to its end or a flush of upstream.
  Judge& is_quiet(LengthOf length_of) {
    length_of_ = std::move(length_of);
    return *this;
  }

  // What it has come to.
  struct Standing {
    std::uint64_t generation = 0;
    std::uint64_t next = 0;   // unit
    std::uint64_t units = 0;  // all that came
    std::uint64_t segments = 0;
    bool ended = false;  // by EOS
  };
  Standing standing() const {
    const std::lock_guard lock(mutex_);
    return stands_;
  }
  template <class Predicate>
  bool wait_for(const Predicate& is_so, std::chrono::milliseconds patience) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return is_so(stands_); });
  }
  std::string told() const {
    const std::lock_guard lock(mutex_);
    return told_locked();
  }

  void take(GstBuffer* buffer) {
    const std::lock_guard lock(mutex_);
    if (is_flushing_) return;
    must(has_stream_, "STREAM_START comes before data");
    must(segment_.format == format_of(form_), "SEGMENT comes before data");
    must(!stands_.ended, "no data comes after EOS");
    must(stands_.generation != 0, "the stickies of a stream come before its data");
    const std::uint64_t first = first_unit(form_, buffer);
    const std::uint64_t count = unit_count(form_, buffer);
    at_ = first;
    demand_caps(first, count);
    if (segment_.rate < 0) {
      take_backward(first, count);
    } else if (is_new_) {
      demand_begin(buffer, first, count);
    } else {
      must(first == stands_.next, "within a segment nothing is left out or doubled");
    }
    demand_coded(form_, stands_.generation, first, buffer);
    is_new_ = false;
    if (segment_.rate > 0) stands_.next = first + count;
    stands_.units += count;
    changed_.notify_all();
  }

  void take(GstEvent* event) {
    const std::lock_guard lock(mutex_);
    remember(event);
    switch (GST_EVENT_TYPE(event)) {
      case GST_EVENT_FLUSH_START: is_flushing_ = true; break;
      case GST_EVENT_FLUSH_STOP:
        must(is_flushing_ || is_disturbed(), "FLUSH_STOP follows FLUSH_START");
        is_flushing_ = false;
        was_flushed_ = true;
        forget_segment();
        break;
      default:
        if (GST_EVENT_IS_SERIALIZED(event)) take_serialized(event);
        break;
    }
    changed_.notify_all();
  }

  // The pad was deactivated: what it had got is forgotten there, an open flush too. What it is told
  // again is no news here.
  void reset() {
    const std::lock_guard lock(mutex_);
    is_flushing_ = false;
    has_stream_ = stands_.ended = false;
    caps_.reset();
    gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
    changed_.notify_all();
  }

 private:
  void take_serialized(GstEvent* event) {
    if (GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START) {
      has_stream_ = true;
      // It may also be told again, to a pad that was linked.
      if (stands_.ended) forget_segment();
      return;
    }
    must(has_stream_, "STREAM_START comes before other events");
    switch (GST_EVENT_TYPE(event)) {
      case GST_EVENT_CAPS: {
        GstCaps* caps = nullptr;
        gst_event_parse_caps(event, &caps);
        caps_.reset(gst_caps_ref(caps));
        break;
      }
      case GST_EVENT_SEGMENT: take_segment(event); break;
      case GST_EVENT_EOS: take_end(); break;
      case GST_EVENT_GAP:
        must(segment_.format == format_of(form_), "SEGMENT comes before GAP");
        break;
      default: take_generation(generation_of(event)); break;
    }
  }

  // Packets come in groups, of which each begins with its key unit.
  void take_backward(std::uint64_t first, std::uint64_t count) {
    must(form_ != Form::frames || is_new_ || first + count == below_,
         "backwards nothing is left out or doubled");
    below_ = first;
  }

  void take_segment(GstEvent* event) {
    gst_event_copy_segment(event, &segment_);
    // The same one is told again to a pad that was linked: nothing was missed.
    if (event == told_segment_.get()) return;
    told_segment_.reset(gst_event_ref(event));
    is_new_ = true;
    stands_.ended = false;
    ++stands_.segments;
  }

  void take_end() {
    stands_.ended = true;
    if (!is_disturbed()) {
      must(length_of_(stands_.generation) == stands_.next, "EOS comes after the last unit");
    }
  }

  void take_generation(std::uint64_t generation) {
    if (generation == 0 || generation == stands_.generation) return;
    must(generation > stands_.generation, "no player goes back to an earlier recording");
    must(is_disturbed() || was_flushed_ || generation == stands_.generation + 1,
         "an undisturbed branch plays every recording");
    was_flushed_ = false;
    stands_.generation = generation;
    stands_.next = 0;
    is_new_ = true;
  }

  bool is_disturbed() const { return length_of_ == nullptr; }

  void demand_caps(std::uint64_t first, std::uint64_t count) {
    if (form_ == Form::bytes) return;
    must(caps_ != nullptr, "CAPS come before data");
    const CapsPtr wanted(gst_caps_from_string(coded_caps(form_, first).c_str()));
    must(gst_caps_is_always_compatible(caps_.get(), wanted.get()), "data has the caps of then");
    const std::uint64_t era = units_per_era(form_);
    must(first / era == (first + count - 1) / era, "a piece ends where caps change");
  }

  // Of the first piece in a segment.
  void demand_begin(GstBuffer* buffer, std::uint64_t first, std::uint64_t count) {
    // One that changes only how fast it is played goes on where it was.
    if (first != 0 && first == stands_.next) return;
    must(GST_BUFFER_IS_DISCONT(buffer), "the first buffer of a segment is a discontinuity");
    must(is_disturbed() || first == 0, "an undisturbed branch begins at the beginning");
    if (form_ == Form::packets) {
      must(first % kPacketsPerKey == 0, "packets begin with a key unit");
      return;
    }
    const std::uint64_t begins = place_of_unit(form_, first);
    const std::uint64_t ends = place_of_unit(form_, first + count);
    must(begins <= segment_.position && segment_.position < ends,
         "a segment begins with what is at its position");
  }

  void forget_segment() {
    stands_.ended = false;
    gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
    told_segment_.reset();
    is_new_ = true;
  }

  std::string told_locked() const {
    return name_ + " (" + name_of(form_) + "): generation " + std::to_string(stands_.generation) +
           ", next " + std::to_string(stands_.next) + ", at " + std::to_string(at_) + ", segment " +
           std::to_string(stands_.segments) + " from " + std::to_string(segment_.position) +
           (is_flushing_ ? ", flushing" : "") + (stands_.ended ? ", ended" : "") +
           "; the last events:\n" + story_;
  }
  // The last of what came, for telling.
  void remember(GstEvent* event) {
    story_ += "  ";
    story_ += GST_EVENT_TYPE_NAME(event);
    if (GST_EVENT_TYPE(event) == GST_EVENT_CAPS) {
      GstCaps* caps = nullptr;
      gst_event_parse_caps(event, &caps);
      story_ += TextPtr(gst_caps_to_string(caps)).get();
    }
    story_ += " of unit " + std::to_string(stands_.next) + "\n";
    if (story_.size() > 3000) story_.erase(0, story_.find('\n', 1000) + 1);
  }
  void must(bool fact, const char* what, const char* file = __builtin_FILE(),
            int line = __builtin_LINE()) {
    if (fact) return;
    std::fprintf(stderr, "%s\n", told_locked().c_str());
    give_up(what, stands_.next, file, line);
  }

  const Form form_;
  const std::string name_;
  LengthOf length_of_;

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  Standing stands_;
  GstSegment segment_{};
  EventPtr told_segment_;
  CapsPtr caps_;
  std::string story_;
  std::uint64_t at_ = 0;     // the unit that was looked at last
  std::uint64_t below_ = 0;  // backwards, what comes next ends here
  bool is_flushing_ = false;
  bool was_flushed_ = false;  // in this generation
  bool has_stream_ = false;
  bool is_new_ = true;  // the next piece is the first of its segment
};

}  // namespace catcher::test
