// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/save.hpp"

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include "core/reader.hpp"
#include "core/sources/memory_source.hpp"
#include "tests/support/check.hpp"
#include "tests/support/failing_new.hpp"
#include "tests/support/parked.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/saving.hpp"
#include "tests/support/scratch.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

void demand_saved(const SaveResult& result, const std::string& path, Window range) {
  demand(result.status == Status::ok, to_string(result.status).data(),
         static_cast<unsigned>(result.error.value()));
  demand(result.bytes == range.end - range.begin, "all is counted", result.bytes);
  const auto bytes = content(path);
  demand(bytes.size() == result.bytes, "all is there", bytes.size());
  demand_pattern(bytes, range.begin);
}

// A file that must not be harmed, in a folder with nothing else.
struct Victim {
  Folder folder;
  std::string path = folder.path() + "/kept";

  Victim() { std::ofstream(path) << "as it was"; }
  void demand_unharmed() const {
    std::string text;
    std::getline(std::ifstream(path), text);
    demand(text == "as it was", "an old file stays as it was");
    const std::filesystem::directory_iterator all(folder.path());
    demand(std::distance(begin(all), end(all)) == 1, "nothing else is left behind");
  }
};

START_TEST(a_range_becomes_a_file) {
  const NothingLeft nothing;
  const Folder folder;
  const Stream stream(1'000'003);
  for (const Window range : {Window{0, 1'000'003}, Window{1, 2}, Window{16'384, 16'384 + 32'768},
                             Window{999'999, 1'000'003}, Window{5, 5}, Window{0, 0}}) {
    const std::string path = folder.path() + "/a";
    demand_saved(save(stream.catcher, range.begin, range.end, path, Wait::none()), path, range);
  }
}
END_TEST

START_TEST(a_file_of_many_chunks_is_written_in_few_calls_and_whole) {
  const Folder folder;
  Config config;
  config.growth = Growth::constant(7);
  const Stream stream(100'003, config);
  const std::string path = folder.path() + "/a";

  demand_saved(save(stream.catcher, 3, 100'001, path), path, {3, 100'001});
}
END_TEST

START_TEST(what_has_not_come_is_waited_for) {
  const Folder folder;
  const std::string path = folder.path() + "/a";
  Stream stream(100, window());
  Parked parked;
  SaveResult result;
  std::thread saver([&] {
    parked.enter();
    result = save(stream.catcher, 50, 1000, path, patiently());
  });
  parked.wait("a save waits for bytes");
  ck_assert(!std::filesystem::exists(path));

  stream.write(950);
  saver.join();

  demand_saved(result, path, {50, 1000});
}
END_TEST

START_TEST(a_stream_is_saved_to_its_end_as_it_comes) {
  const Folder folder;
  const std::string path = folder.path() + "/a";
  constexpr std::uint64_t kAll = 3'000'000;
  for (const WhenFull when_full : {WhenFull::evict, WhenFull::block}) {
    Config config = window(when_full);
    if (when_full == WhenFull::evict) config.max_bytes = 0;
    Stream stream(0, config);
    SaveResult result;
    // Not before the save reads: a window that blocks has nobody to wait for then.
    std::thread saver([&] { result = save(stream.catcher, 0, kToEnd, path, patiently()); });
    std::minstd_rand random(3);
    while (stream.catcher->window().end < kAll) {
      stream.write(
          std::min<std::uint64_t>(kAll - stream.catcher->window().end, 1 + random() % 5000));
    }
    stream.writer.finish();
    saver.join();
    demand_saved(result, path, {0, kAll});
  }
}
END_TEST

START_TEST(a_pulled_stream_is_fetched) {
  const Folder folder;
  const std::string path = folder.path() + "/a";
  const auto made = Catcher::pull(std::make_unique<MemorySource>(pattern(0, 500'001)));

  demand_saved(save(made.catcher, 100, kToEnd, path), path, {100, 500'001});
}
END_TEST

START_TEST(a_file_is_replaced_and_who_has_it_open_keeps_the_old_one) {
  const Victim victim;
  std::ifstream old(victim.path);
  const mode_t before = ::umask(027);
  const Stream stream(1000);

  demand_saved(save(stream.catcher, 0, 1000, victim.path), victim.path, {0, 1000});

  ::umask(before);
  std::string text;
  std::getline(old, text);
  ck_assert_str_eq(text.c_str(), "as it was");
  struct stat status {};
  ck_assert_int_eq(::stat(victim.path.c_str(), &status), 0);
  ck_assert_uint_eq(status.st_mode & 07777, 0640);
}
END_TEST

START_TEST(a_name_without_a_folder_is_in_this_one) {
  const Folder folder;
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  const Stream stream(10);

  demand_saved(save(stream.catcher, 0, 10, "a"), folder.path() + "/a", {0, 10});

  std::filesystem::current_path(here);
}
END_TEST

// ---- failure

// Saves to the victim, which stays, and gives what came of it.
SaveResult save_in_vain(const Victim& victim, const Stream& stream, Window range,
                        const Wait& wait = Wait::none()) {
  const Window before = stream.catcher->window();
  const NothingLeft nothing;
  const SaveResult result = save(stream.catcher, range.begin, range.end, victim.path, wait);
  victim.demand_unharmed();
  demand(stream.catcher->window() == before, "nothing of the stream has changed");
  demand(stream.catcher->stats().readers == 0, "no reader is left");
  return result;
}

START_TEST(a_range_that_makes_no_sense_is_refused) {
  const Victim victim;
  const Stream stream(100);
  ck_assert_status(save_in_vain(victim, stream, {2, 1}).status, Status::bad_argument);
  ck_assert_status(save_in_vain(victim, stream, {kToEnd - 1, kToEnd}).status, Status::bad_argument);
}
END_TEST

START_TEST(a_range_that_is_gone_is_told_with_the_window) {
  const Victim victim;
  const Stream stream(10 * kWindow, window());

  const SaveResult result = save_in_vain(victim, stream, {0, 10 * kWindow});

  ck_assert_status(result.status, Status::evicted);
  ck_assert(result.window == stream.catcher->window());
}
END_TEST

START_TEST(a_stream_that_ends_before_the_range_is_told) {
  const Victim victim;
  Stream stream(100);
  stream.writer.finish();
  ck_assert_status(save_in_vain(victim, stream, {0, 101}).status, Status::end);
}
END_TEST

START_TEST(a_stream_that_ends_before_the_beginning_is_no_empty_file) {
  const Victim victim;
  Stream stream(100);
  stream.writer.finish();
  ck_assert_status(save_in_vain(victim, stream, {101, kToEnd}).status, Status::end);

  demand_saved(save(stream.catcher, 100, kToEnd, victim.path), victim.path, {100, 100});
}
END_TEST

START_TEST(a_failure_of_upstream_is_told) {
  const Victim victim;
  Stream stream(100);
  stream.writer.fail(std::make_error_code(std::errc::host_unreachable));

  const SaveResult result = save_in_vain(victim, stream, {0, kToEnd});

  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error == std::errc::host_unreachable);
}
END_TEST

START_TEST(a_wait_for_bytes_can_be_ended) {
  const Victim victim;
  const Stream stream(100);
  std::stop_source stop;
  stop.request_stop();
  ck_assert_status(save_in_vain(victim, stream, {0, 101}).status, Status::would_block);
  ck_assert_status(
      save_in_vain(victim, stream, {0, 101}, Wait::at_most(std::chrono::milliseconds(2))).status,
      Status::timed_out);
  ck_assert_status(save_in_vain(victim, stream, {0, 101}, {kForever, stop.get_token()}).status,
                   Status::cancelled);
  ck_assert_status(save_in_vain(victim, stream, {0, 100}, {kForever, stop.get_token()}).status,
                   Status::cancelled);
}
END_TEST

START_TEST(a_full_disk_is_an_error_that_leaves_nothing) {
  const MountedFolder folder = small_folder(1 << 20);
  if (!folder.is_there()) return;
  const std::string path = folder.path() + "/kept";
  { std::ofstream(path) << "as it was"; }
  const Stream stream(2 << 20);

  const SaveResult result = save(stream.catcher, 0, 2 << 20, path);

  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error == std::errc::no_space_on_device);
  const std::filesystem::directory_iterator all(folder.path());
  ck_assert_int_eq(std::distance(begin(all), end(all)), 1);
  ck_assert_uint_eq(content(path).size(), 9);
  // And the room is there again.
  demand_saved(save(stream.catcher, 0, 900'000, path), path, {0, 900'000});
}
END_TEST

START_TEST(a_limit_on_files_is_an_error_and_no_signal) {
  const Victim victim;
  const Stream stream(2 << 20);
  const FileLimit limit(1 << 20);
  std::signal(SIGXFSZ, SIG_DFL);  // which ends the process

  const SaveResult result = save_in_vain(victim, stream, {0, 2 << 20});

  ck_assert_status(result.status, Status::failed);
  ck_assert(result.error == std::errc::file_too_large);
}
END_TEST

START_TEST(a_place_where_no_file_can_be_is_told) {
  const NothingLeft nothing;
  const Folder folder;
  std::filesystem::create_directory(folder.path() + "/d");
  const Stream stream(10);
  const auto error = [&](const std::string& path) {
    return save(stream.catcher, 0, 10, path).error;
  };

  ck_assert(error(folder.path() + "/none/a") == std::errc::no_such_file_or_directory);
  ck_assert(error("/dev/null/a") == std::errc::not_a_directory);
  ck_assert(error(folder.path() + "/d") == std::errc::is_a_directory);
  ck_assert(error(folder.path() + "/d/") == std::errc::is_a_directory);
  ck_assert(error("") == std::errc::no_such_file_or_directory);
  ck_assert(std::filesystem::is_empty(folder.path() + "/d"));
}
END_TEST

START_TEST(memory_that_runs_out_leaves_nothing) {
  const Victim victim;
  Config config;
  config.growth = Growth::constant(100);
  const Stream stream(100'000, config);
  unsigned failed = 0;
  for (int allowed = 0;; ++allowed) {
    SaveResult result;
    {
      const FailingNew failing(allowed);
      result = save(stream.catcher, 0, 100'000, victim.path);
    }
    if (result.status == Status::ok) break;
    ++failed;
    ck_assert_status(result.status, Status::out_of_memory);
    victim.demand_unharmed();
  }
  ck_assert_uint_ge(failed, 3);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "save",
      {{"file",
        {a_range_becomes_a_file, a_file_of_many_chunks_is_written_in_few_calls_and_whole,
         what_has_not_come_is_waited_for, a_stream_is_saved_to_its_end_as_it_comes,
         a_pulled_stream_is_fetched, a_file_is_replaced_and_who_has_it_open_keeps_the_old_one,
         a_name_without_a_folder_is_in_this_one}},
       {"failure",
        {a_range_that_makes_no_sense_is_refused, a_range_that_is_gone_is_told_with_the_window,
         a_stream_that_ends_before_the_range_is_told,
         a_stream_that_ends_before_the_beginning_is_no_empty_file, a_failure_of_upstream_is_told,
         a_wait_for_bytes_can_be_ended, a_full_disk_is_an_error_that_leaves_nothing,
         a_limit_on_files_is_an_error_and_no_signal, a_place_where_no_file_can_be_is_told,
         memory_that_runs_out_leaves_nothing}}});
}
