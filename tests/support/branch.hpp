// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What is downstream of one src pad in a test: keeps or looks at all that comes, can block, refuse
// and be unlinked, and sends seeks and queries up. The pads belong to no element, so nothing else
// has a say in what comes through.
#pragma once

#include <gst/gst.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/element.hpp"
#include "tests/support/pattern.hpp"

namespace catcher::test {

// One thing that came: an event, or a buffer and the segment in which it came.
struct Arrival {
  EventPtr event;
  BufferPtr buffer;
  GstSegment segment{};
  guint32 seqnum = GST_SEQNUM_INVALID;  // of the segment
  std::uint64_t segments = 0;           // that have come on this branch, this one too
};

class Branch {
 public:
  // On the streaming thread, for each buffer before it is kept; what it returns goes upstream.
  using Look = std::function<GstFlowReturn(const Arrival&)>;
  // For each event, on the thread that sends it.
  using Hear = std::function<void(GstEvent*)>;

  // A pad to be linked by link(), so that its properties can be set before.
  explicit Branch(GstElement* tee, const char* name = "src_%u")
      : Branch(tee, GstPtr<GstPad>(gst_element_request_pad_simple(tee, name))) {}
  // `src` is one of `element`'s always pads, or a request pad that becomes this branch's.
  Branch(GstElement* element, GstPtr<GstPad> src)
      : element_(GST_ELEMENT_CAST(gst_object_ref(element))),
        src_(std::move(src)),
        sink_(bare_pad("downstream", GST_PAD_SINK)) {
    demand(src_ != nullptr, "a pad can be had");
    g_object_set_data_full(G_OBJECT(sink()), "seat", new Seat{this},
                           [](gpointer seat) { delete static_cast<Seat*>(seat); });
    gst_pad_set_chain_function(sink(), chain);
    gst_pad_set_event_function(sink(), handle_event);
    gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
    gst_pad_set_active(sink(), TRUE);
  }
  ~Branch() {
    release();
    stop();
    Seat& seat = seat_of(sink());
    std::unique_lock lock(seat.mutex);
    seat.branch = nullptr;
    seat.left.wait(lock, [&] { return seat.visitors == 0; });
  }
  Branch(const Branch&) = delete;
  Branch& operator=(const Branch&) = delete;

  // ---- before link(), or while nothing flows
  Branch& looks(Look look) {
    look_ = std::move(look);
    return *this;
  }
  Branch& hears(Hear hear) {
    hear_ = std::move(hear);
    return *this;
  }
  // Buffers are looked at and dropped: what is kept holds memory of the window's.
  Branch& keeps_none() {
    keeps_ = false;
    return *this;
  }

  // ---- thread: any
  GstPad* src() const { return src_.get(); }
  GstPad* sink() const { return sink_.get(); }
  Branch& link(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    demand(gst_pad_link(src(), sink()) == GST_PAD_LINK_OK, "the pads can be linked", 0, file, line);
    return *this;
  }
  void unlink() { gst_pad_unlink(src(), sink()); }
  template <class... Arguments>
  void set(const char* name, Arguments... arguments) {
    g_object_set(src(), name, arguments..., nullptr);
  }
  void set_text(const char* name, const char* value) {
    gst_util_set_object_arg(G_OBJECT(src()), name, value);
  }
  template <class T>
  T value(const char* name) const {
    T value{};
    g_object_get(src(), name, &value, nullptr);
    return value;
  }
  // Gives a request pad back; whatever came stays.
  void release() {
    const std::lock_guard lock(release_mutex_);
    if (src_ == nullptr) return;
    GstPadTemplate* from = GST_PAD_PAD_TEMPLATE(src());
    if (from != nullptr && GST_PAD_TEMPLATE_PRESENCE(from) == GST_PAD_REQUEST) {
      gst_element_release_request_pad(element_.get(), src());
    } else {
      unlink();
    }
    src_.reset();
    element_.reset();
  }

  // Buffers that are taken before downstream blocks, from now on. A flush gets through.
  void admit(std::uint64_t count) {
    const std::lock_guard lock(mutex_);
    admitted_ = count;
    changed_.notify_all();
  }
  void block() { admit(0); }
  void unblock() { admit(kNoLimit); }
  // Whether a buffer waits in the block.
  void wait_blocked() {
    wait("downstream blocks", [this] { return waits_; });
  }
  // What each buffer is answered from now on; it is not kept unless OK.
  void answer(GstFlowReturn flow) {
    const std::lock_guard lock(mutex_);
    flow_ = flow;
  }

  // ---- what came. The rest of the names are short for wait().
  // Waits until `is_so`, which is called with this branch's mutex held and may use the *_locked.
  template <class Predicate>
  void wait(const char* for_what, const Predicate& is_so, const char* file = __builtin_FILE(),
            int line = __builtin_LINE()) {
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kPatience, is_so)) return;
    describe_locked();
    give_up(for_what, bytes_, file, line);
  }
  void wait_bytes(std::uint64_t count, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
    wait(
        "so many bytes come", [&] { return bytes_ >= count; }, file, line);
  }
  void wait_buffers(std::uint64_t count, const char* file = __builtin_FILE(),
                    int line = __builtin_LINE()) {
    wait(
        "so many buffers come", [&] { return buffers_ >= count; }, file, line);
  }
  void wait_eos(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    wait_event(GST_EVENT_EOS, 1, file, line);
  }
  // `count` of them since the beginning, or the last forget().
  void wait_event(GstEventType type, std::size_t count = 1, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
    wait(
        gst_event_type_get_name(type), [&] { return count_locked(type) >= count; }, file, line);
  }
  // Of this type, the last that was kept. Nothing if there is none.
  EventPtr last_event(GstEventType type) const {
    const std::lock_guard lock(mutex_);
    for (auto one = arrivals_.rbegin(); one != arrivals_.rend(); ++one) {
      if (one->event == nullptr || GST_EVENT_TYPE(one->event.get()) != type) continue;
      return EventPtr(gst_event_ref(one->event.get()));
    }
    return nullptr;
  }
  // Until a buffer has come in a segment with this seqnum.
  void wait_after(guint32 seqnum, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
    wait(
        "data comes after the seek", [&] { return buffer_seqnum_ == seqnum; }, file, line);
  }

  std::uint64_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }
  std::uint64_t buffers() const {
    const std::lock_guard lock(mutex_);
    return buffers_;
  }
  std::size_t count(GstEventType type) const {
    const std::lock_guard lock(mutex_);
    return count_locked(type);
  }
  // Copies of all that was kept, in order.
  std::vector<Arrival> arrivals() const {
    const std::lock_guard lock(mutex_);
    std::vector<Arrival> copies;
    for (const Arrival& one : arrivals_) copies.push_back(copy(one));
    return copies;
  }
  // All bytes that were kept.
  std::vector<std::byte> all_bytes() const {
    std::vector<std::byte> all;
    for (const Arrival& one : arrivals()) {
      if (one.buffer == nullptr) continue;
      const std::size_t size = gst_buffer_get_size(one.buffer.get());
      all.resize(all.size() + size);
      gst_buffer_extract(one.buffer.get(), 0, all.data() + all.size() - size, size);
    }
    return all;
  }
  // The names of the events, for comparing order: "stream-start caps segment buffer eos". Buffers
  // that follow each other are one.
  std::string story() const {
    std::string told;
    bool after_buffer = false;
    for (const Arrival& one : arrivals()) {
      if (one.buffer != nullptr && after_buffer) continue;
      after_buffer = one.buffer != nullptr;
      if (!told.empty()) told += ' ';
      told += after_buffer ? "buffer" : GST_EVENT_TYPE_NAME(one.event.get());
    }
    return told;
  }
  // What came so far is dropped, and counts no more.
  void forget() {
    const std::lock_guard lock(mutex_);
    arrivals_.clear();
    bytes_ = buffers_ = 0;
    buffer_seqnum_ = GST_SEQNUM_INVALID;
  }

  // ---- to upstream
  // Takes over the event.
  bool send(GstEvent* event) { return gst_pad_push_event(sink(), event); }
  // A flushing seek to a start; its seqnum, or GST_SEQNUM_INVALID if it was refused.
  guint32 seek(GstFormat format, std::uint64_t to, int more_flags = GST_SEEK_FLAG_ACCURATE) {
    GstEvent* event =
        gst_event_new_seek(1.0, format, static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | more_flags),
                           GST_SEEK_TYPE_SET, static_cast<gint64>(to), GST_SEEK_TYPE_NONE, -1);
    const guint32 seqnum = gst_event_get_seqnum(event);
    return send(event) ? seqnum : GST_SEQNUM_INVALID;
  }
  bool query(const QueryPtr& query) { return gst_pad_peer_query(sink(), query.get()); }

 private:
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};

  // An event that does not wait its turn may be on its way here while the branch goes.
  struct Seat {
    Branch* branch;
    std::mutex mutex{};
    std::condition_variable left{};
    unsigned visitors = 0;
  };
  static Seat& seat_of(GstPad* pad) {
    return *static_cast<Seat*>(g_object_get_data(G_OBJECT(pad), "seat"));
  }
  class Visit {
   public:
    explicit Visit(GstPad* pad) : seat_(seat_of(pad)) {
      const std::lock_guard lock(seat_.mutex);
      branch = seat_.branch;
      ++seat_.visitors;
    }
    ~Visit() {
      const std::lock_guard lock(seat_.mutex);
      --seat_.visitors;
      seat_.left.notify_all();
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    Branch* branch = nullptr;

   private:
    Seat& seat_;
  };
  static Arrival copy(const Arrival& one) {
    return {EventPtr(one.event ? gst_event_ref(one.event.get()) : nullptr),
            BufferPtr(one.buffer ? gst_buffer_ref(one.buffer.get()) : nullptr), one.segment,
            one.seqnum, one.segments};
  }

  static GstFlowReturn chain(GstPad* self, GstObject*, GstBuffer* buffer) noexcept {
    BufferPtr taken(buffer);
    const Visit visit(self);
    return visit.branch == nullptr ? GST_FLOW_FLUSHING : visit.branch->take(std::move(taken));
  }
  static gboolean handle_event(GstPad* self, GstObject*, GstEvent* event) noexcept {
    EventPtr taken(event);
    const Visit visit(self);
    if (visit.branch != nullptr) visit.branch->take_event(std::move(taken));
    return visit.branch != nullptr;
  }

  GstFlowReturn take(BufferPtr buffer) {
    std::unique_lock lock(mutex_);
    waits_ = admitted_ == 0;
    changed_.notify_all();
    const bool passes = changed_.wait_for(
        lock, kPatience, [this] { return admitted_ != 0 || flushing_ || stopped_; });
    demand(passes, "a branch that blocks is let go, flushed or stopped");
    waits_ = false;
    if (flushing_ || stopped_) return GST_FLOW_FLUSHING;
    if (flow_ != GST_FLOW_OK) return flow_;
    if (admitted_ != kNoLimit) --admitted_;
    Arrival one{nullptr, std::move(buffer), segment_, seqnum_, segments_};
    lock.unlock();
    const GstFlowReturn flow = look_ ? look_(one) : GST_FLOW_OK;
    lock.lock();
    bytes_ += gst_buffer_get_size(one.buffer.get());
    ++buffers_;
    buffer_seqnum_ = one.seqnum;
    if (keeps_) arrivals_.push_back(std::move(one));
    changed_.notify_all();
    return flow;
  }

  void take_event(EventPtr event) {
    if (hear_) hear_(event.get());
    const std::lock_guard lock(mutex_);
    switch (GST_EVENT_TYPE(event.get())) {
      case GST_EVENT_FLUSH_START: flushing_ = true; break;
      case GST_EVENT_FLUSH_STOP:
        flushing_ = false;
        gst_segment_init(&segment_, GST_FORMAT_UNDEFINED);
        break;
      case GST_EVENT_SEGMENT:
        gst_event_copy_segment(event.get(), &segment_);
        seqnum_ = gst_event_get_seqnum(event.get());
        ++segments_;
        break;
      default: break;
    }
    if (keeps_ || !hear_) {
      arrivals_.push_back({std::move(event), nullptr, segment_, seqnum_, segments_});
    }
    changed_.notify_all();
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      changed_.notify_all();
    }
    gst_pad_set_active(sink(), FALSE);
  }

  std::size_t count_locked(GstEventType type) const {
    std::size_t found = 0;
    for (const Arrival& one : arrivals_) {
      if (one.event != nullptr && GST_EVENT_TYPE(one.event.get()) == type) ++found;
    }
    return found;
  }
  void describe_locked() const {
    std::fprintf(stderr, "branch: %llu buffers, %llu bytes%s%s; events:",
                 static_cast<unsigned long long>(buffers_), static_cast<unsigned long long>(bytes_),
                 waits_ ? ", blocks" : "", flushing_ ? ", flushing" : "");
    for (const Arrival& one : arrivals_) {
      if (one.event != nullptr) std::fprintf(stderr, " %s", GST_EVENT_TYPE_NAME(one.event.get()));
    }
    std::fprintf(stderr, "\n");
  }

  GstPtr<GstElement> element_;
  GstPtr<GstPad> src_, sink_;
  Look look_;
  Hear hear_;
  bool keeps_ = true;
  std::mutex release_mutex_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Arrival> arrivals_;
  GstSegment segment_{};
  guint32 seqnum_ = GST_SEQNUM_INVALID, buffer_seqnum_ = GST_SEQNUM_INVALID;
  std::uint64_t admitted_ = kNoLimit, bytes_ = 0, buffers_ = 0, segments_ = 0;
  GstFlowReturn flow_ = GST_FLOW_OK;
  bool flushing_ = false, stopped_ = false, waits_ = false;
};

}  // namespace catcher::test
