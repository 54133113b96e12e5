// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What the benchmarks of elements share: pipelines by their gst-launch line, an upstream that
// pushes buffers into them out of the calling thread, and a check that the right bytes come out.
//
// Thread: the main thread alone, except what is said to run in a streaming thread.
#pragma once

#include <gst/gst.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "plugin/catchersink.hpp"
#include "plugin/catchersrc.hpp"
#include "plugin/catchertee.hpp"
#include "stream.hpp"
#include "tests/support/element.hpp"

namespace bench {

using catcher::test::Element;
using catcher::test::GstPtr;

inline void start_gstreamer() {
  gst_init(nullptr, nullptr);
  GST_ELEMENT_REGISTER(catchertee, nullptr);
  GST_ELEMENT_REGISTER(catchersink, nullptr);
  GST_ELEMENT_REGISTER(catchersrc, nullptr);
}

inline bool has_element(const char* factory) {
  GstElementFactory* found = gst_element_factory_find(factory);
  if (found != nullptr) gst_object_unref(found);
  return found != nullptr;
}

// CPU time of the whole process, in seconds.
inline double cpu_now() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// Elements are slow beside the core: fewer rounds, so that the report stays short.
inline int element_rounds() {
  return tiny() ? 1 : 3;
}

// 48 kHz, stereo, 16 bits; bytes without caps; packets of 20 ms, as Opus has them.
enum class Kind { raw, bytes, packets };
inline constexpr std::array kKinds{Kind::raw, Kind::bytes, Kind::packets};
inline const char* name_of(Kind kind) {
  return kind == Kind::raw ? "raw audio" : kind == Kind::bytes ? "bytes" : "packets";
}
inline std::string caps_of(Kind kind) {
  if (kind == Kind::raw) {
    return "audio/x-raw,format=S16LE,layout=interleaved,rate=48000,channels=2";
  }
  return kind == Kind::bytes ? "" : "audio/x-opus,channel-mapping-family=0,rate=48000,channels=2";
}
inline constexpr std::uint64_t kRawRate = 192'000;  // bytes a second
inline constexpr GstClockTime kPacketTime = 20 * GST_MSECOND;

// A payload that is repeated. Its length has no factor in common with the sizes of buffers.
class Tile {
 public:
  static const Tile& get() {
    static const Tile tile;
    return tile;
  }
  void fill(std::uint64_t offset, std::span<std::byte> into) const {
    while (!into.empty()) {
      const View piece = from(offset, into.size());
      std::memcpy(into.data(), piece.data(), piece.size());
      into = into.subspan(piece.size());
      offset += piece.size();
    }
  }
  bool holds(std::uint64_t offset, View bytes) const {
    while (!bytes.empty()) {
      const View piece = from(offset, bytes.size());
      if (std::memcmp(bytes.data(), piece.data(), piece.size()) != 0) return false;
      bytes = bytes.subspan(piece.size());
      offset += piece.size();
    }
    return true;
  }

 private:
  static constexpr std::size_t kSize = 262'147;
  View from(std::uint64_t offset, std::size_t most) const {
    const auto at = static_cast<std::size_t>(offset % kSize);
    return View(bytes_).subspan(at, std::min(most, kSize - at));
  }
  const Bytes bytes_ = payload(kSize);
};

// Pushes a stream into an element's pad "sink".
class Upstream {
 public:
  Upstream(GstElement* into, Kind kind) : Upstream(into, kind, caps_of(kind)) {}
  // With no caps if these are empty.
  Upstream(GstElement* into, Kind kind, const std::string& description)
      : pad_(catcher::test::bare_pad("src", GST_PAD_SRC)), kind_(kind) {
    gst_pad_set_active(pad_.get(), TRUE);
    const GstPtr<GstPad> sink(gst_element_get_static_pad(into, "sink"));
    require(gst_pad_link(pad_.get(), sink.get()) == GST_PAD_LINK_OK, "the sink pad can be linked");
    push(gst_event_new_stream_start("bench"));
    if (!description.empty()) {
      GstCaps* caps = gst_caps_from_string(description.c_str());
      push(gst_event_new_caps(caps));
      gst_caps_unref(caps);
    }
    GstSegment segment;
    gst_segment_init(&segment, kind == Kind::bytes ? GST_FORMAT_BYTES : GST_FORMAT_TIME);
    push(gst_event_new_segment(&segment));
  }
  ~Upstream() { gst_pad_set_active(pad_.get(), FALSE); }
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // The next bytes of the tile, in a buffer of its own.
  void give(std::size_t size) {
    GstBuffer* buffer = make(size);
    GstMapInfo map;
    require(gst_buffer_map(buffer, &map, GST_MAP_WRITE), "a new buffer can be written");
    Tile::get().fill(offset_ - size, {reinterpret_cast<std::byte*>(map.data), map.size});
    gst_buffer_unmap(buffer, &map);
    push(buffer);
  }
  void give(std::size_t size, int count) {
    for (int i = 0; i < count; ++i) give(size);
  }
  void give(View bytes) {
    GstBuffer* buffer = make(bytes.size());
    gst_buffer_fill(buffer, 0, bytes.data(), bytes.size());
    push(buffer);
  }
  // A buffer that begins with when it was pushed.
  void give_stamped(std::size_t size) {
    GstBuffer* buffer = make(size);
    gst_buffer_memset(buffer, 0, 0, size);
    const std::int64_t stamp = Clock::now().time_since_epoch().count();
    gst_buffer_fill(buffer, 0, &stamp, sizeof stamp);
    push(buffer);
  }
  void eos() { push(gst_event_new_eos()); }
  std::uint64_t given() const { return offset_; }

 private:
  GstBuffer* make(std::size_t size) {
    GstBuffer* buffer = gst_buffer_new_allocate(nullptr, size, nullptr);
    if (kind_ == Kind::raw) {
      GST_BUFFER_PTS(buffer) = gst_util_uint64_scale(offset_, GST_SECOND, kRawRate);
      GST_BUFFER_DURATION(buffer) = gst_util_uint64_scale(size, GST_SECOND, kRawRate);
    } else if (kind_ == Kind::packets) {
      GST_BUFFER_PTS(buffer) = packets_++ * kPacketTime;
      GST_BUFFER_DURATION(buffer) = kPacketTime;
    } else {
      GST_BUFFER_OFFSET(buffer) = offset_;
    }
    offset_ += size;
    return buffer;
  }
  void push(GstBuffer* buffer) {
    require(gst_pad_push(pad_.get(), buffer) == GST_FLOW_OK, "a buffer is taken");
  }
  void push(GstEvent* event) {
    require(gst_pad_push_event(pad_.get(), event), "an event is taken");
  }

  const GstPtr<GstPad> pad_;
  const Kind kind_;
  std::uint64_t offset_ = 0;
  std::uint64_t packets_ = 0;
};

// Calls `see(buffer)` for each buffer that comes to a pad, also for those of lists, in its
// streaming thread. It lives as long as the pad.
template <class See>
void watch_buffers(GstPad* pad, See see) {
  gst_pad_add_probe(
      pad, static_cast<GstPadProbeType>(GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST),
      +[](GstPad*, GstPadProbeInfo* info, gpointer user) {
        See& seen = *static_cast<See*>(user);
        if ((info->type & GST_PAD_PROBE_TYPE_BUFFER_LIST) == 0) {
          seen(GST_PAD_PROBE_INFO_BUFFER(info));
          return GST_PAD_PROBE_OK;
        }
        GstBufferList* list = GST_PAD_PROBE_INFO_BUFFER_LIST(info);
        for (guint i = 0; i < gst_buffer_list_length(list); ++i) seen(gst_buffer_list_get(list, i));
        return GST_PAD_PROBE_OK;
      },
      new See(std::move(see)), +[](gpointer user) { delete static_cast<See*>(user); });
}

// The sink pad of each sink of a pipeline.
inline std::vector<GstPtr<GstPad>> sink_pads(const Element& pipeline) {
  std::vector<GstPtr<GstPad>> pads;
  GstIterator* sinks = gst_bin_iterate_sinks(GST_BIN(pipeline.get()));
  GValue item = G_VALUE_INIT;
  while (gst_iterator_next(sinks, &item) == GST_ITERATOR_OK) {
    GstPad* pad = gst_element_get_static_pad(GST_ELEMENT(g_value_get_object(&item)), "sink");
    if (pad != nullptr) pads.emplace_back(pad);
    g_value_unset(&item);
  }
  gst_iterator_free(sinks);
  return pads;
}

// Compares what each sink of a pipeline gets with the tile, from its beginning on.
class Proof {
 public:
  explicit Proof(const Element& pipeline) {
    for (const auto& pad : sink_pads(pipeline)) {
      auto count = std::make_shared<std::atomic<std::uint64_t>>(0);
      counts_.push_back(count);
      watch_buffers(pad.get(), [count](GstBuffer* buffer) {
        GstMapInfo map;
        require(gst_buffer_map(buffer, &map, GST_MAP_READ), "a buffer can be read");
        const View bytes{reinterpret_cast<const std::byte*>(map.data), map.size};
        require(Tile::get().holds(count->load(), bytes), "the bytes that were given");
        count->fetch_add(map.size);
        gst_buffer_unmap(buffer, &map);
      });
    }
  }
  void require_all(std::uint64_t bytes, std::size_t sinks) const {
    require(counts_.size() == sinks, "each branch has a sink");
    for (const auto& count : counts_) require(count->load() == bytes, "each sink got all");
  }

 private:
  std::vector<std::shared_ptr<std::atomic<std::uint64_t>>> counts_;
};

// Nobody reads what is posted. A bus spins in its own queue where hundreds of threads post at once.
inline void drop_messages(const Element& pipeline) {
  gst_bus_set_sync_handler(
      pipeline.bus(),
      +[](GstBus*, GstMessage* message, gpointer) {
        gst_message_unref(message);
        return GST_BUS_DROP;
      },
      nullptr, nullptr);
}

// N times the text.
inline std::string times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// What is given to an element named "in", and to how many sinks it then comes.
struct Load {
  Kind kind;
  std::size_t size;
  int buffers;
  int sinks = 1;

  std::uint64_t bytes() const { return size * static_cast<std::uint64_t>(buffers); }
  double delivered_gb() const { return static_cast<double>(bytes()) * sinks / 1e9; }
};

// Pushes a load through a pipeline, free-running, and returns the CPU seconds from the first buffer
// to the last sink's EOS. Once it also checks all bytes, with a probe that costs: not while
// measured.
class FreeRun {
 public:
  FreeRun(std::string line, Load load) : line_(std::move(line)), load_(load) {}

  double operator()() {
    Element pipeline = Element::launch(line_);
    std::unique_ptr<Proof> proof;
    if (!proved_) proof = std::make_unique<Proof>(pipeline);
    pipeline.to(GST_STATE_PLAYING);
    const double before = cpu_now();
    Upstream upstream(pipeline.child("in").get(), load_.kind);
    upstream.give(load_.size, load_.buffers);
    upstream.eos();
    pipeline.wait_eos();
    const double cpu = cpu_now() - before;
    if (proof) proof->require_all(load_.bytes(), static_cast<std::size_t>(load_.sinks));
    proved_ = true;
    pipeline.end();
    return cpu;
  }

 private:
  std::string line_;
  Load load_;
  bool proved_ = false;
};

// Figures of one load: CPU seconds for each delivered GB; and, as a note, for each million buffers.
inline void free_run_row(Table& table, const std::string& name, Load load, const std::string& ours,
                         const std::string& peer, Goal goal = {}) {
  auto figures = in_turns(element_rounds(), FreeRun(ours, load), FreeRun(peer, load));
  const auto scale = [&](double by) {
    auto scaled = figures;
    for (auto& work : scaled) {
      for (double& figure : work) figure *= by;
    }
    return scaled;
  };
  const auto per_gb = scale(1 / load.delivered_gb());
  const auto per_million = scale(1e6 / load.buffers);
  char note[96];
  std::snprintf(note, sizeof note, "%.3g and %.3g s for a million buffers in",
                spread(per_million[0]).median, spread(per_million[1]).median);
  table.row(name, per_gb[0], per_gb[1], goal, note);
}

}  // namespace bench
