// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A stream that began with a GAP: until a writer that had moved the window on said that it no
// longer begins with one, whoever joined at the oldest got a segment from the GAP's time, and data
// of later.
#include "plugin/recording.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher;
using namespace catcher::plugin;
using namespace catcher::test;

constexpr unsigned kRate = 48000;
constexpr std::size_t kFrames = 1024;

START_TEST(the_oldest_place_is_of_one_moment) {
  Settings settings;
  settings.max_size_bytes = 1 << 18;
  const auto made = Recording::make(settings);
  ck_assert_msg(made.recording != nullptr, "%s", made.why.c_str());
  Recording& recording = *made.recording;
  recording.set_format(GST_FORMAT_TIME, 0);
  recording.set_hollow_from(0);
  recording.publish(0);
  const std::vector<std::byte> piece(kFrames * 4);
  ck_assert_int_eq(recording.oldest().time, 0);

  while (recording.begin() == 0) {
    ck_assert_uint_eq(recording.writer.append(piece, Wait::none()).bytes, piece.size());
    const std::uint64_t end = recording.writer.offset();
    if (end == piece.size()) {
      ck_assert(recording.timeline.append_run(0, 0, 4, kRate) == Status::ok);
    }
    recording.publish(recording.timeline.last()->entry.time_at(end));
  }

  const Place oldest = recording.oldest();
  ck_assert_int_eq(oldest.time, recording.timeline.last()->entry.time_at(oldest.offset));
  ck_assert(recording.find(1, Timeline::Snap::before).where == Found::Where::evicted);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "3_oldest_of_another_moment",
                          {{"oldest", {the_oldest_place_is_of_one_moment}}});
}
