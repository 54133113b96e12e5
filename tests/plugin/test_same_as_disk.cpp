// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Files of many kinds, from disk and out of `cat FILE |` a catcher, under one list of scenarios:
// what is heard and seen, where it stands and how long it is are the same. A topic is a medium, and
// a test a scenario.
#include "tests/support/channel.hpp"

#include "tests/support/noted_play.hpp"

namespace {

using namespace catcher::test;

using Seek = Play::Seek;

constexpr int kAccurate = GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE;
constexpr int kKeyUnit = GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_KEY_UNIT;
constexpr auto kPercents = std::to_array<unsigned>({50, 10, 90, 0, 70, 69, 97, 3});

gint64 at(unsigned percent) {
  return static_cast<gint64>(kMediumLength * percent / 100 + 12'345'678);
}

void play(Play& playing) {
  playing.to(GST_STATE_PAUSED);
  playing.note_position();
  playing.note_duration();
  playing.to(GST_STATE_PLAYING);
  playing.note_rest();
  playing.note_duration();
}

// A demuxer that is pushed to knows as much of the length as has come.
void play_only(Play& playing) {
  playing.to(GST_STATE_PLAYING);
  playing.note_rest();
}

void seek_and_play(Play& playing, int flags) {
  playing.to(GST_STATE_PLAYING);
  for (const unsigned percent : kPercents) {
    if (playing.seek({1, flags, at(percent)})) playing.note_samples(4);
  }
}

void seek_accurately(Play& playing) {
  seek_and_play(playing, kAccurate);
}

void seek_to_key_units(Play& playing) {
  seek_and_play(playing, kKeyUnit);
}

// Each seek overtakes the one before; what is shown in the end is the last one's.
void scrub(Play& playing) {
  playing.to(GST_STATE_PAUSED);
  for (const unsigned last : {30u, 80u, 5u}) {
    for (unsigned step = 0; step < 10; ++step) {
      playing.seek_at_once({1, kAccurate, at((last + 7 * step) % 100)});
    }
    playing.seek({1, kAccurate, at(last)});
    playing.settle();
    playing.note_position();
  }
  playing.to(GST_STATE_PLAYING);
  playing.note_samples(4);
}

void play_at(Play& playing, gdouble rate) {
  playing.to(GST_STATE_PAUSED);
  if (!playing.seek({rate, kAccurate, at(60)})) return;
  playing.settle();
  playing.note_position();
  playing.to(GST_STATE_PLAYING);
  playing.note_rest();
}

void play_twice_as_fast(Play& playing) {
  play_at(playing, 2.0);
}

void play_half_as_fast(Play& playing) {
  play_at(playing, 0.5);
}

void play_in_reverse(Play& playing) {
  playing.to(GST_STATE_PAUSED);
  if (!playing.seek({-1.0, kAccurate, 0, at(60)})) return;
  playing.to(GST_STATE_PLAYING);
  playing.note_rest();
}

void pause_and_play(Play& playing) {
  playing.to(GST_STATE_PAUSED);
  playing.to(GST_STATE_PLAYING);
  playing.note_samples(3);
  for (int time = 0; time < 3; ++time) {
    playing.to(GST_STATE_PAUSED);
    playing.seek({1, kAccurate, at(20)});
    playing.settle();
    playing.note_position();
    playing.to(GST_STATE_PLAYING);
    playing.note_samples(3);
  }
}

// It begins at its beginning again.
void stop_and_begin_again(Play& playing) {
  for (const GstState state : {GST_STATE_READY, GST_STATE_NULL}) {
    playing.to(GST_STATE_PLAYING);
    playing.note_samples(3);
    playing.seek({1, kAccurate, at(70)});
    playing.note_samples(3);
    playing.to(state);
  }
  play(playing);
}

void seek_beyond_the_end(Play& playing) {
  playing.to(GST_STATE_PLAYING);
  playing.note_samples(3);
  if (playing.seek({1, kAccurate, static_cast<gint64>(2 * kMediumLength)})) {
    playing.note_rest();
  }
  if (playing.seek({1, kAccurate, at(90)})) playing.note_rest();
}

void play_up_to_a_stop(Play& playing) {
  playing.to(GST_STATE_PLAYING);
  for (const unsigned percent : {20u, 60u, 0u}) {
    if (playing.seek({1, kAccurate, at(percent), at(percent + 15)})) {
      playing.note_rest();
    }
  }
}

// An A/B loop.
void loop(Play& playing) {
  playing.to(GST_STATE_PLAYING);
  playing.note_samples(3);
  int flush = GST_SEEK_FLAG_FLUSH;
  for (int round = 0; round < 3; ++round) {
    if (!playing.seek(
            {1, flush | GST_SEEK_FLAG_ACCURATE | GST_SEEK_FLAG_SEGMENT, at(30), at(45)})) {
      return;
    }
    playing.note_segment();
    flush = 0;
  }
}

// How a pipe comes to a decoder.
enum class Route : std::uint8_t {
  tee,       // pulled from the beginning
  channel,   // the same; a pipe that a pipeline has left cannot be read again, a channel can
  finished,  // a channel whose writer is through: pulled without being told to
  pushed,    // not pulled at all
};

struct Scenario {
  const char* name;
  void (*run)(Play& playing);
  Route route = Route::tee;
  const char* decoder = "decodebin";
};

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all{
      {"play", play},
      {"seek_accurately", seek_accurately},
      {"seek_to_key_units", seek_to_key_units},
      {"scrub", scrub},
      {"play_twice_as_fast", play_twice_as_fast},
      {"play_half_as_fast", play_half_as_fast},
      {"play_in_reverse", play_in_reverse},
      {"pause_and_play", pause_and_play},
      {"stop_and_begin_again", stop_and_begin_again, Route::channel},
      {"seek_beyond_the_end", seek_beyond_the_end},
      {"play_up_to_a_stop", play_up_to_a_stop},
      {"loop", loop},
      {"play_what_has_finished", play, Route::finished},
      {"seek_in_what_has_finished", seek_accurately, Route::finished},
      {"play_by_push", play_only, Route::pushed},
      {"play_in_decodebin3", play, Route::tee, "decodebin3"},
      {"seek_in_decodebin3", seek_accurately, Route::tee, "decodebin3"},
      {"scrub_in_decodebin3", scrub, Route::tee, "decodebin3"},
  };
  return all;
}

// What cannot be the same, and why.
struct Exception {
  const char* medium;
  const char* scenario;
  const char* why;
};
constexpr auto kExceptions = std::to_array<Exception>({
    {"Ogg/Vorbis", "play_by_push",
     "oggdemux clips the last packet by a length that it cannot know while the stream arrives"},
});

const char* why_not(const Medium& medium, const Scenario& scenario) {
  for (const Exception& one : kExceptions) {
    const bool is_it =
        one.medium == std::string(medium.name) && one.scenario == std::string(scenario.name);
    if (is_it) return one.why;
  }
  return nullptr;
}

void compare(const std::vector<std::string>& disk, const std::vector<std::string>& caught,
             const std::string& what) {
  for (std::size_t line = 0; line < std::max(disk.size(), caught.size()); ++line) {
    const std::string wanted = line < disk.size() ? disk[line] : "nothing";
    const std::string got = line < caught.size() ? caught[line] : "nothing";
    ck_assert_msg(wanted == got, "%s, note %zu: from disk \"%s\", caught \"%s\"", what.c_str(),
                  line, wanted.c_str(), got.c_str());
  }
  ck_assert_msg(disk.size() >= 2, "%s: there is something to compare", what.c_str());
}

const char* folder = nullptr;  // where the files are

std::vector<std::string> notes_from_disk(const Medium& medium, const Scenario& scenario,
                                         const std::string& file) {
  Play disk(medium, "filesrc location=" + file, scenario.decoder);
  scenario.run(disk);
  return disk.notes();
}

std::vector<std::string> notes_from_pipe(const Medium& medium, const Scenario& scenario,
                                         const std::string& file) {
  const NothingKept end;
  const Cat cat(file);
  std::optional<Element> writer;
  std::string source = cat.source() + " ! catchertee pull-mode=wait";
  if (scenario.route == Route::pushed) source = cat.source() + " ! catchertee pull-mode=never";
  if (scenario.route == Route::channel || scenario.route == Route::finished) {
    writer.emplace(Element::launch(cat.source() + " ! catchersink channel=same"));
    writer->to(GST_STATE_PLAYING);
    source = "catchersrc channel=same pull-mode=wait";
  }
  if (scenario.route == Route::finished) {
    writer->wait_eos();
    source = "catchersrc channel=same";
  }
  Play caught(medium, source, scenario.decoder);
  scenario.run(caught);
  caught.pipeline().demand_no_error();
  return caught.notes();
}

void run(const Medium& medium, const Scenario& scenario) {
  if (!can_be_made(medium) || !has_element(scenario.decoder)) {
    std::printf("skipped: %s\n", medium.name);
    return;
  }
  if (const char* why = why_not(medium, scenario)) {
    std::printf("not the same: %s, %s: %s\n", medium.name, scenario.name, why);
    return;
  }
  const std::string file = file_of(medium, folder);
  const auto disk = notes_from_disk(medium, scenario, file);
  const bool again = std::getenv("CONTROL") != nullptr;
  const auto caught =
      again ? notes_from_disk(medium, scenario, file) : notes_from_pipe(medium, scenario, file);
  compare(disk, caught, std::string(medium.name) + ", " + scenario.name);
}

void run_number(int number) {
  const auto count = static_cast<int>(scenarios().size());
  const Medium& medium = media()[static_cast<std::size_t>(number / count)];
  const Scenario& scenario = scenarios()[static_cast<std::size_t>(number % count)];
  const std::string name = std::string(medium.name) + ", " + scenario.name;
  tcase_fn_start(name.c_str(), __FILE__, __LINE__);
  run(medium, scenario);
  gst_task_cleanup_all();
}

}  // namespace

int main(int argc, char** argv) {
  gst_check_init(&argc, &argv);
  GST_ELEMENT_REGISTER(catchertee, nullptr);
  GST_ELEMENT_REGISTER(catchersink, nullptr);
  GST_ELEMENT_REGISTER(catchersrc, nullptr);
  char made[] = "/tmp/catcher-same-XXXXXX";
  folder = ::mkdtemp(made);
  demand(folder != nullptr, "there is room for files");
  Suite* suite = suite_create("same_as_disk");
  const auto count = static_cast<int>(scenarios().size());
  for (std::size_t medium = 0; medium < media().size(); ++medium) {
    TCase* tcase = tcase_create(media()[medium].name);
    for (int scenario = 0; scenario < count; ++scenario) {
      const int number = static_cast<int>(medium) * count + scenario;
      const char* name = scenarios()[static_cast<std::size_t>(scenario)].name;
      __gst_tcase_add_test(tcase, run_number, name, 0, 0, number, number + 1);
    }
    suite_add_tcase(suite, tcase);
  }
  const int failed = gst_check_run_suite(suite, "same_as_disk", __FILE__);
  for (std::size_t medium = 0; medium < media().size(); ++medium) {
    ::unlink((folder + ("/" + std::to_string(medium))).c_str());
  }
  ::rmdir(folder);
  if (failed != 0) std::_Exit(EXIT_FAILURE);
  return EXIT_SUCCESS;
}
