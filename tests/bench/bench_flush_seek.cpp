// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How long from a flushing seek until the first buffer is at the sink, beside a file on tmpfs
// behind the same demuxer, and does it grow with the length of what was recorded?
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "pipeline.hpp"

namespace {

using namespace bench;
using catcher::test::BufferPtr;

constexpr std::size_t kPacketBytes = 160;

// A file in memory that goes with its owner.
class TmpfsFile {
 public:
  TmpfsFile() {
    if (!std::filesystem::exists("/dev/shm")) path_ = "/tmp/catcher-bench-XXXXXX";
    const int descriptor = mkstemp(path_.data());
    require(descriptor >= 0, "there can be a file in memory");
    close(descriptor);
  }
  ~TmpfsFile() { unlink(path_.c_str()); }
  TmpfsFile(const TmpfsFile&) = delete;
  TmpfsFile& operator=(const TmpfsFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/dev/shm/catcher-bench-XXXXXX";
};

template <class Give>
void record(Element& pipeline, Kind kind, const std::string& caps, Give give) {
  Upstream upstream(pipeline.child("in").get(), kind, caps);
  give(upstream);
  upstream.eos();
}

void give_raw(Upstream& upstream, int seconds) {
  for (int i = 0; i < seconds * 10; ++i) upstream.give(kRawRate / 10);
}

// What a demuxer takes for 20 ms of Opus.
void give_packets(Upstream& upstream, int seconds) {
  Bytes packet = payload(kPacketBytes);
  packet[0] = std::byte{0xfc};
  for (int i = 0; i < seconds * 50; ++i) upstream.give(packet);
}

const char kOpusHeaders[] =
    ",streamheader=(buffer)<4f707573486561640102380180bb0000000000,"
    "4f707573546167730000000000000000>";

// A stream in a container, from the elements that Debian has for that.
void write_file(const TmpfsFile& file, Kind kind, int seconds) {
  Element pipeline = Element::launch(std::string("identity name=in ! ") +
                                     (kind == Kind::raw ? "wavenc" : "audio/x-opus ! oggmux") +
                                     " ! filesink location=" + file.path());
  pipeline.to(GST_STATE_PLAYING);
  record(pipeline, kind, caps_of(kind) + (kind == Kind::packets ? kOpusHeaders : ""),
         [&](Upstream& upstream) {
           kind == Kind::raw ? give_raw(upstream, seconds) : give_packets(upstream, seconds);
         });
  pipeline.wait_eos();
}

void give_file(Upstream& upstream, const TmpfsFile& file) {
  std::ifstream stream(file.path(), std::ios::binary);
  Bytes piece(65'536);
  while (stream) {
    stream.read(reinterpret_cast<char*>(piece.data()), static_cast<std::streamsize>(piece.size()));
    if (stream.gcount() == 0) break;
    upstream.give(View(piece).first(static_cast<std::size_t>(stream.gcount())));
  }
}

// A paused pipeline with one sink.
class Player {
 public:
  Player(Element& pipeline, Kind kind, int seconds)
      : pipeline_(pipeline), kind_(kind), seconds_(seconds), pad_(sink_pads(pipeline).at(0).get()) {
    drop_messages(pipeline);
    pad_hold_.reset(GST_PAD(gst_object_ref(pad_)));
    gst_pad_add_probe(
        pad_, GST_PAD_PROBE_TYPE_EVENT_FLUSH,
        +[](GstPad*, GstPadProbeInfo* info, gpointer user) {
          if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_FLUSH_STOP) {
            static_cast<Player*>(user)->arm();
          }
          return GST_PAD_PROBE_OK;
        },
        this, nullptr);
    watch_buffers(pad_, [this](GstBuffer* buffer) { arrived(buffer); });
  }

  // Milliseconds, the median of some seeks.
  double operator()() {
    std::vector<double> figures;
    for (int i = 0; i < (tiny() ? 2 : 31); ++i) figures.push_back(seek());
    all_.insert(all_.end(), figures.begin(), figures.end());
    return spread(figures).median;
  }
  double worst() const { return spread(all_).max; }

 private:
  void arm() {
    const std::lock_guard lock(mutex_);
    armed_ = true;
  }
  void arrived(GstBuffer* buffer) {
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    if (!armed_) return;
    armed_ = false;
    when_ = now;
    first_.reset(gst_buffer_ref(buffer));
    changed_.notify_all();
  }
  double seek() {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    const GstClockTime target =
        (random_ >> 33) % (static_cast<unsigned>(seconds_ - 2) * 50u) * kPacketTime;
    first_.reset();
    const auto start = Clock::now();
    require(gst_element_seek_simple(pipeline_.get(), GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH,
                                    static_cast<gint64>(target)) != FALSE,
            "a seek is done");
    std::unique_lock lock(mutex_);
    require(changed_.wait_for(lock, catcher::test::kPatience, [&] { return first_ != nullptr; }),
            "a buffer comes after a seek");
    check(target);
    return nanoseconds(when_ - start) / 1e6;
  }
  // Raw audio is exact; a demuxer of pages may begin a page earlier.
  void check(GstClockTime target) {
    const GstClockTime pts = GST_BUFFER_PTS(first_.get());
    require(pts <= target && pts + 2 * GST_SECOND > target, "the buffer is of the time asked for");
    if (kind_ != Kind::raw) return;
    GstMapInfo map;
    require(gst_buffer_map(first_.get(), &map, GST_MAP_READ), "a buffer can be read");
    require(Tile::get().holds(gst_util_uint64_scale_round(pts, kRawRate, GST_SECOND),
                              {reinterpret_cast<const std::byte*>(map.data), map.size}),
            "the bytes of the time asked for");
    gst_buffer_unmap(first_.get(), &map);
  }

  Element& pipeline_;
  const Kind kind_;
  const int seconds_;
  GstPad* const pad_;
  GstPtr<GstPad> pad_hold_;
  std::uint64_t random_ = 7;
  std::vector<double> all_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool armed_ = false;
  Clock::time_point when_;
  BufferPtr first_;
};

struct Length {
  const char* name;
  int seconds;
};

void row(Table& table, const std::string& name, Player& ours, Player& peer) {
  const auto figures = in_turns(
      element_rounds(), [&] { return ours(); }, [&] { return peer(); });
  char note[64];
  std::snprintf(note, sizeof note, "worst %.2f and %.2f", ours.worst(), peer.worst());
  table.row(name, figures[0], figures[1], Goal::figure(1), note);
}

void compare(Table& table, Kind kind, Length length) {
  const TmpfsFile file;
  write_file(file, kind, length.seconds);
  const std::string demuxer = kind == Kind::raw ? "wavparse" : "oggdemux";
  const std::string tail = " ! fakesink";
  Element disk = Element::launch("filesrc location=" + file.path() + " ! " + demuxer + tail);
  disk.settle(GST_STATE_PAUSED);
  Player peer(disk, kind, length.seconds);
  const auto name = [&](const std::string& what) { return what + ", " + length.name; };

  {
    Element caught = Element::launch("catchertee name=in max-size-bytes=0 in. ! fakesink");
    caught.to(GST_STATE_PAUSED);
    record(caught, kind, caps_of(kind), [&](Upstream& upstream) {
      kind == Kind::raw ? give_raw(upstream, length.seconds)
                        : give_packets(upstream, length.seconds);
    });
    caught.settle(GST_STATE_PAUSED);
    Player ours(caught, kind, length.seconds);
    row(table, name(name_of(kind)), ours, peer);
    caught.end();
  }
  {
    Element sink = Element::launch("catchersink name=in max-size-bytes=0 channel=bench");
    sink.to(GST_STATE_PLAYING);
    record(sink, Kind::bytes, "", [&](Upstream& upstream) { give_file(upstream, file); });
    Element caught = Element::launch("catchersrc channel=bench ! " + demuxer + tail);
    caught.settle(GST_STATE_PAUSED);
    Player ours(caught, kind, length.seconds);
    row(table, name("bytes, " + demuxer), ours, peer);
    caught.end();
  }
  disk.end();
}

}  // namespace

int main() {
  start_gstreamer();
  Table table("Flushing seek to the first buffer", "ms", "file on tmpfs");
  const std::vector<Length> lengths =
      tiny() ? std::vector<Length>{{"10 s", 10}}
             : std::vector<Length>{{"10 s", 10}, {"10 min", 600}, {"1 h", 3600}};
  for (const Kind kind : {Kind::raw, Kind::packets}) {
    for (const Length& length : lengths) compare(table, kind, length);
  }
}
