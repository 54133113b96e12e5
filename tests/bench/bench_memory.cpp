// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How much memory does an hour take? Each is caught in a process of its own, whose resident memory
// tells.
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "pipeline.hpp"

namespace {

using namespace bench;

std::size_t status_bytes(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kib = 0;
    if (word == field && status >> kib) return kib * 1024;
  }
  require(false, "the kernel tells what memory is used");
  return 0;
}

struct Hour {
  const char* name;
  Kind kind;
  std::size_t size;
  int buffers;
  std::size_t payload() const { return size * static_cast<std::size_t>(buffers); }
};

struct Found {
  std::size_t peak = 0;  // beyond what the process had before the first buffer
  std::uint64_t kept = 0;
  std::uint64_t chunks = 0;
  std::uint64_t entries = 0;
};

Found catch_in_here(const Hour& hour) {
  start_gstreamer();
  Tile::get();
  Element pipeline = Element::launch("catchertee name=in max-size-bytes=0 in. ! fakesink");
  pipeline.to(GST_STATE_PLAYING);
  const auto tee = pipeline.child("in");
  const std::size_t before = status_bytes("VmRSS:");
  Upstream upstream(tee.get(), hour.kind);
  upstream.give(hour.size, hour.buffers);
  upstream.eos();
  pipeline.wait_eos();
  Found found;
  const std::size_t peak = status_bytes("VmHWM:");
  found.peak = peak > before ? peak - before : 0;
  g_object_get(tee.get(), "current-level-bytes", &found.kept, nullptr);
  GstStructure* stats = nullptr;
  g_object_get(tee.get(), "stats", &stats, nullptr);
  gst_structure_get_uint64(stats, "chunks", &found.chunks);
  gst_structure_get_uint64(stats, "entries", &found.entries);
  gst_structure_free(stats);
  pipeline.end();
  return found;
}

// GStreamer must not have been started in this process.
Found catch_apart(const Hour& hour) {
  int ends[2];
  require(pipe(ends) == 0, "there is a pipe");
  const pid_t child = fork();
  require(child >= 0, "there is another process");
  if (child == 0) {
    const Found found = catch_in_here(hour);
    require(write(ends[1], &found, sizeof found) == sizeof found, "what was found is told");
    std::_Exit(0);
  }
  close(ends[1]);
  Found found;
  require(read(ends[0], &found, sizeof found) == sizeof found, "the other process has an answer");
  close(ends[0]);
  int status = 0;
  require(waitpid(child, &status, 0) == child && status == 0, "the other process ends well");
  require(found.kept == hour.payload(), "all is kept");
  return found;
}

}  // namespace

int main() {
  const int part = tiny() ? 200 : 1;
  const Hour pcm{"PCM, 48 kHz stereo of 16 bits", Kind::raw, 3840, 180'000 / part};
  const Hour opus{"packets of 160 B each 20 ms", Kind::packets, 160, 180'000 / part};
  Table table("Peak memory of an hour", "MB", "allowed");
  for (const Hour& hour : {pcm, opus}) {
    const auto payload = static_cast<double>(hour.payload());
    const double allowed = hour.kind == Kind::raw ? payload * 1.02 : payload + 64.0 * hour.buffers;
    Found found;
    std::vector<double> peaks;
    for (int round = 0; round < element_rounds(); ++round) {
      found = catch_apart(hour);
      peaks.push_back(static_cast<double>(found.peak) / 1e6);
    }
    const double over = spread(peaks).median * 1e6 - payload;
    char note[160];
    std::snprintf(note, sizeof note,
                  "payload %.1f MB, over it %.2f %% or %.1f B a buffer; %llu chunks, %llu entries",
                  payload / 1e6, 100 * over / payload, over / hour.buffers,
                  static_cast<unsigned long long>(found.chunks),
                  static_cast<unsigned long long>(found.entries));
    table.row(hour.name, peaks, std::vector<double>(peaks.size(), allowed / 1e6), Goal::ratio(1),
              note);
  }
}
