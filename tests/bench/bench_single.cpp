// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What does one branch cost, beside `queue2` in memory, in a ring buffer and in a file?
#include "pipeline.hpp"

namespace {

using namespace bench;

struct Mode {
  const char* name;
  const char* ours;
  const char* peer;
};

// As much may be kept on both sides, but for a file: both keep all.
constexpr Mode kModes[] = {
    {"memory", "max-size-bytes=8388608 when-full=block",
     "max-size-bytes=8388608 max-size-buffers=0 max-size-time=0"},
    {"ring buffer", "max-size-bytes=8388608 when-full=block",
     "ring-buffer-max-size=8388608 max-size-bytes=8388608 max-size-buffers=0 max-size-time=0"},
    {"temporary file", "temp-template=/tmp/catcher-bench-XXXXXX",
     "temp-template=/tmp/catcher-bench-XXXXXX"},
};

}  // namespace

int main() {
  start_gstreamer();
  Table table("A single branch", "CPU s per delivered GB", "queue2");
  for (const Mode& mode : kModes) {
    for (const std::size_t size : {3840, 65'536}) {
      const std::size_t bytes = tiny() ? 2'000'000 : 128'000'000;
      // All blocks of 4096 bytes are whole: of a file, queue2 never gives the rest at the end.
      const Load load{Kind::bytes, size, static_cast<int>(bytes / size) / 16 * 16};
      free_run_row(table, std::string(mode.name) + ", " + (size == 3840 ? "3840 B" : "64 KiB"),
                   load, std::string("catchertee name=in ") + mode.ours + " in. ! fakesink",
                   std::string("queue2 name=in ") + mode.peer + " ! fakesink", Goal::ratio(1));
    }
  }
}
