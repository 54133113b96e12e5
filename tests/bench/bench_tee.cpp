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

Goal goal_for(Kind kind, int branches) {
  if (branches < 4) return Goal::ratio(1);
  return Goal::ratio(kind == Kind::packets ? 2.0 / 3 : 1.0 / 3);
}

void compare(Table& table, Kind kind, std::size_t size, int branches) {
  const Load load{kind, size, buffers(size, branches), branches};
  free_run_row(table,
               std::string(name_of(kind)) + ", " +
                   (size % 1024 == 0 ? size_name(size) : std::to_string(size) + " B") + ", " +
                   std::to_string(branches),
               load, "catchertee name=in " + times(branches, "in. ! fakesink "),
               "tee name=in " + times(branches, "in. ! queue ! fakesink "),
               goal_for(kind, branches));
}

// The window holds 4 MiB, and upstream waits for the slowest: what is kept is as little as in
// queues.
void compare_window(Table& table, Kind kind, int branches) {
  const Load load{kind, 3840, buffers(3840, branches), branches};
  free_run_row(
      table,
      std::string(name_of(kind)) + ", 3840 B, " + std::to_string(branches) + ", window of 4 MiB",
      load,
      "catchertee name=in max-size-bytes=4194304 when-full=block " +
          times(branches, "in. ! fakesink "),
      "tee name=in " + times(branches, "in. ! queue ! fakesink "));
}

}  // namespace

int main() {
  start_gstreamer();
  Table table("Branches that run free", "CPU s per delivered GB", "tee, queues");
  for (const Kind kind : kKinds) {
    for (const std::size_t size : {160, 3840, 65'536}) {
      for (const int branches : {1, 4, 16, 64}) compare(table, kind, size, branches);
    }
  }
  for (const Kind kind : {Kind::raw, Kind::packets}) {
    for (const int branches : {1, 4}) compare_window(table, kind, branches);
  }
}
