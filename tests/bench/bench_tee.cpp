// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What do branches that run free cost, beside a `tee` with a `queue` for each?
#include "pipeline.hpp"

namespace {

using namespace bench;

// So many that a round takes a fraction of a second, and that upstream's bytes are not many.
int buffers(std::size_t size, int branches) {
  if (tiny()) return 20;
  constexpr std::size_t kDeliveries = 60'000;
  constexpr std::size_t kBytes = 128'000'000;
  return static_cast<int>(std::max<std::size_t>(
      400, std::min(kDeliveries / static_cast<std::size_t>(branches), kBytes / size)));
}

std::string short_size(std::size_t size) {
  return size == 65'536 ? "64 KiB" : std::to_string(size) + " B";
}

Goal goal_for(Kind kind, int branches) {
  if (branches < 4) return Goal::ratio(1);
  return Goal::ratio(kind == Kind::packets ? 2.0 / 3 : 1.0 / 3);
}

void compare(Table& table, const std::string& tee, Kind kind, std::size_t size, int branches) {
  const Load load{kind, size, buffers(size, branches), branches};
  free_run_row(
      table, std::string(name_of(kind)) + ", " + short_size(size) + ", " + std::to_string(branches),
      load, tee + times(branches, "in. ! fakesink "),
      "tee name=in " + times(branches, "in. ! queue ! fakesink "), goal_for(kind, branches));
}

void compare_all(const char* title, const std::string& tee) {
  Table table(title, "CPU s per delivered GB", "tee, queues");
  for (const Kind kind : kKinds) {
    for (const std::size_t size : {160, 3840, 65'536}) {
      for (const int branches : {1, 4, 16, 64}) compare(table, tee, kind, size, branches);
    }
  }
}

}  // namespace

int main() {
  start_gstreamer();
  compare_all("Branches that run free, all is kept", "catchertee name=in ");
  // As little is kept as in queues, and upstream waits for the slowest as it does for a queue.
  compare_all("Branches that run free, a window of 8 MiB is kept",
              "catchertee name=in max-size-bytes=8388608 when-full=block ");
}
