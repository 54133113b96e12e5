// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The edge and its time were read one after the other, while a writer moved both: whoever joined at
// the edge then got a segment that began later than its data.
#include "plugin/recording.hpp"

#include "tests/support/plugin_check.hpp"
#include "tests/support/stress.hpp"

namespace {

using namespace catcher;
using namespace catcher::plugin;
using namespace catcher::test;

constexpr unsigned kRate = 48000;
constexpr std::size_t kFrames = 480;

START_TEST(the_newest_place_is_of_one_moment) {
  Settings settings;
  settings.max_size_bytes = 1 << 20;
  const auto made = Recording::make(settings);
  ck_assert_msg(made.recording != nullptr, "%s", made.why.c_str());
  Recording& recording = *made.recording;
  recording.set_format(GST_FORMAT_TIME, 0);
  const std::vector<std::byte> piece(kFrames * 4);
  const auto give = [&] {
    demand(recording.writer.append(piece, Wait::none()).bytes == piece.size(), "it is written");
    const std::uint64_t end = recording.writer.offset();
    if (end == piece.size()) {
      demand(recording.timeline.append_run(0, 0, 4, kRate) == Status::ok, "a run begins");
    }
    recording.publish(recording.timeline.last()->entry.time_at(end));
    recording.follow_window();
  };
  give();
  const double seconds = stress_seconds(1);
  std::jthread writer([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) give();
  });
  const Deadline until = Clock::now() + std::chrono::milliseconds(static_cast<int>(seconds * 1000));
  while (Clock::now() < until) {
    const Place place = recording.newest();
    const std::int64_t time = recording.timeline.last()->entry.time_at(place.offset);
    demand(place.time == time, "the time is that of the place", place.offset);
  }
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "3_edge_of_another_moment",
                          {{"edge", {the_newest_place_is_of_one_moment}}});
}
