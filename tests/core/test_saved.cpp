// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/saved.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include "core/reader.hpp"
#include "core/save.hpp"
#include "core/sources/owned_fd.hpp"
#include "tests/support/check.hpp"
#include "tests/support/processes.hpp"
#include "tests/support/saving.hpp"
#include "tests/support/scratch.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

constexpr std::uint64_t kAll = 1'000'003;

// A recording in a file.
struct Kept {
  Folder folder;
  std::string path = folder.path() + "/kept";

  explicit Kept(std::uint64_t size = kAll) {
    const Stream stream(size);
    demand(save(stream.catcher, 0, size, path).status == Status::ok, "a stream is saved");
  }
  std::shared_ptr<Catcher> open() const {
    auto opened = open_saved(path);
    demand(opened.catcher != nullptr, "it can be opened",
           static_cast<unsigned>(opened.error.value()));
    return std::move(opened.catcher);
  }
};

// Kilobytes of this process that are in memory, all in all.
std::uint64_t resident() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages >> pages;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

START_TEST(what_was_saved_is_a_finished_catcher) {
  const NothingLeft nothing;
  const Kept kept;
  const auto catcher = kept.open();

  ck_assert(catcher->is_finished());
  ck_assert_uint_eq(catcher->length().value_or(0), kAll);
  ck_assert(catcher->window() == (Window{0, kAll}));
  Reader reader(catcher);
  std::vector<std::byte> room(kAll + 1);
  const ReadResult got = reader.read_full(room);
  ck_assert_status(got.status, Status::end);
  ck_assert_uint_eq(got.bytes, kAll);
  ck_assert(is_pattern(std::span(room).first(kAll), 0));
}
END_TEST

START_TEST(readers_seek_and_lease_as_in_any_catcher) {
  const Kept kept;
  const auto catcher = kept.open();
  Reader reader(catcher);
  std::minstd_rand random(11);
  for (unsigned round = 0; round < 1000; ++round) {
    const std::int64_t back = 1 + static_cast<std::int64_t>(random() % kAll);
    const SeekResult sought = reader.seek(-back, Whence::end);
    ck_assert_status(sought.status, Status::ok);
    std::byte room[300];
    const ReadResult got = reader.read(room, Wait::none());
    ck_assert_status(got.status, Status::ok);
    ck_assert(is_pattern({room, got.bytes}, sought.offset));
  }
  ck_assert_status(reader.seek(0).status, Status::ok);
  const LeaseResult all = reader.lease(kAll);
  ck_assert_uint_eq(all.lease.size(), kAll);
  ck_assert(is_pattern(all.lease.bytes(), 0));
  PinnedRange pinned;
  ck_assert_status(catcher->pin(5, 10, PinPolicy::hold, pinned), Status::ok);
  ck_assert(is_pattern(pinned.pieces()[0].bytes(), 5));
}
END_TEST

START_TEST(a_lease_outlives_its_catcher) {
  const Kept kept;
  Lease lease = Reader(kept.open()).lease(kAll).lease;
  ck_assert(is_pattern(lease.bytes(), 0));
}
END_TEST

START_TEST(a_range_that_did_not_begin_at_0_does_here) {
  const Folder folder;
  const std::string path = folder.path() + "/a";
  const Stream stream(1000);
  ck_assert_status(save(stream.catcher, 300, 500, path).status, Status::ok);

  Reader reader(open_saved(path).catcher);
  std::byte room[300];

  ck_assert_uint_eq(reader.read(room).bytes, 200);
  ck_assert(is_pattern({room, 200}, 300));
}
END_TEST

START_TEST(an_empty_file_is_an_empty_stream) {
  const Kept kept(0);
  const auto catcher = kept.open();
  std::byte one{};

  ck_assert_uint_eq(catcher->length().value_or(1), 0);
  ck_assert_status(Reader(catcher).read({&one, 1}).status, Status::end);
}
END_TEST

START_TEST(one_that_is_saved_over_keeps_what_it_was) {
  const Kept kept;
  const auto catcher = kept.open();
  const Stream other(10);

  ck_assert_status(save(other.catcher, 0, 10, kept.path).status, Status::ok);

  const Lease lease = Reader(catcher).lease(kAll).lease;
  ck_assert_uint_eq(lease.size(), kAll);
  ck_assert(is_pattern(lease.bytes(), 0));
  ck_assert_uint_eq(kept.open()->length().value_or(0), 10);
}
END_TEST

START_TEST(one_can_be_saved_again_under_its_own_name) {
  const Kept kept;
  ck_assert_status(save(kept.open(), 3, kAll - 3, kept.path).status, Status::ok);

  const Lease lease = Reader(kept.open()).lease(kAll).lease;
  ck_assert_uint_eq(lease.size(), kAll - 6);
  ck_assert(is_pattern(lease.bytes(), 3));
}
END_TEST

START_TEST(eight_gibibytes_that_are_not_there_cost_nothing) {
  constexpr std::uint64_t kHuge = std::uint64_t{8} << 30;
  const Folder folder;
  const std::string path = folder.path() + "/a";
  const OwnedFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  ck_assert_int_eq(::ftruncate(file.get(), static_cast<off_t>(kHuge)), 0);
  const auto last = pattern(kHuge - 100, 100);
  ck_assert_int_eq(::pwrite(file.get(), last.data(), 100, static_cast<off_t>(kHuge - 100)), 100);
  const std::uint64_t before = resident();

  const OpenedSave opened = open_saved(file.get());

  ck_assert_ptr_nonnull(opened.catcher.get());
  ck_assert_uint_eq(opened.catcher->length().value_or(0), kHuge);
  Reader reader(opened.catcher);
  ck_assert_status(reader.seek(-100, Whence::end).status, Status::ok);
  std::byte room[200];
  ck_assert_uint_eq(reader.read(room).bytes, 100);
  ck_assert(is_pattern({room, 100}, kHuge - 100));
  // Some of 8 388 608: what is read ahead, code, and what sanitizers keep.
  ck_assert_uint_le(resident(), before + 16 * 1024);
}
END_TEST

START_TEST(what_is_no_file_of_bytes_is_refused) {
  const NothingLeft nothing;
  const Folder folder;
  ck_assert_int_eq(::mkfifo((folder.path() + "/pipe").c_str(), 0600), 0);

  ck_assert(open_saved(folder.path() + "/none").error == std::errc::no_such_file_or_directory);
  ck_assert(open_saved(folder.path()).error == std::errc::is_a_directory);
  ck_assert(open_saved(folder.path() + "/pipe").error == std::errc::invalid_argument);
  ck_assert(open_saved("/dev/zero").error == std::errc::invalid_argument);
  ck_assert(open_saved(-1).error == std::errc::bad_file_descriptor);
}
END_TEST

START_TEST(nothing_is_left_of_a_hundred) {
  const NothingLeft nothing;
  const Kept kept;
  const auto mappings = [] {
    std::ifstream maps("/proc/self/maps");
    std::string line;
    unsigned count = 0;
    while (std::getline(maps, line)) count += line.ends_with("/kept") ? 1 : 0;
    return count;
  };
  std::vector<std::shared_ptr<Catcher>> all;
  for (unsigned i = 0; i < 100; ++i) all.push_back(kept.open());
  ck_assert_uint_ge(mappings(), 1);

  all.clear();

  ck_assert_uint_eq(mappings(), 0);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "saved",
      {{"reading",
        {what_was_saved_is_a_finished_catcher, readers_seek_and_lease_as_in_any_catcher,
         a_lease_outlives_its_catcher, a_range_that_did_not_begin_at_0_does_here,
         an_empty_file_is_an_empty_stream}},
       {"files",
        {one_that_is_saved_over_keeps_what_it_was, one_can_be_saved_again_under_its_own_name,
         eight_gibibytes_that_are_not_there_cost_nothing, what_is_no_file_of_bytes_is_refused,
         nothing_is_left_of_a_hundred}}});
}
