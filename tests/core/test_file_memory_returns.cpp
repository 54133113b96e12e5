// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How often the file system is asked to take space back. A call for each chunk may be a write to
// the disk for each: ext4 writes a page before it makes a hole of it.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>

#include "core/file_memory.hpp"
#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/scratch.hpp"

namespace {
std::atomic<unsigned> holes{0};
}

// In place of the C library's.
extern "C" int fallocate(int file, int mode, off_t offset, off_t size) {
  if ((mode & FALLOC_FL_PUNCH_HOLE) != 0) ++holes;
  return static_cast<int>(::syscall(SYS_fallocate, file, mode, offset, size));
}

namespace {

using namespace catcher;
using namespace catcher::test;

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kChunks = 1000;
// The file is mapped in parts of a MiB and more; in each the space is in one piece.
constexpr unsigned kParts = 8;

// A finished stream of many chunks in a file.
struct Filed {
  Filed() {
    Config config;
    config.growth = Growth::constant(kChunk);
    config.memory = memory;
    auto made = Catcher::push(config);
    catcher = std::move(made.catcher);
    writer = std::move(made.writer);
    for (std::uint64_t i = 0; i < kChunks; ++i) {
      demand(writer.append(pattern(i * kChunk, kChunk)).status == Status::ok, "there is room", i);
    }
    holes = 0;
  }
  void end() {
    writer.finish();
    writer = Writer();
  }

  Folder folder{};
  std::shared_ptr<FileMemory> memory = FileMemory::create(folder.pattern()).memory;
  std::shared_ptr<Catcher> catcher{};
  Writer writer{};
};

START_TEST(a_file_that_goes_is_not_emptied_first) {
  Filed filed;
  filed.end();
  filed.memory.reset();

  filed.catcher.reset();

  ck_assert(!OpenFile::in(filed.folder.path()).has_value());
  ck_assert_uint_eq(holes, 0);
}
END_TEST

START_TEST(a_file_that_stays_has_its_space_taken_back_in_few_calls) {
  Filed filed;
  filed.end();

  filed.catcher.reset();

  ck_assert_uint_eq(filed.memory->reserved(), 0);
  ck_assert_uint_le(holes, kParts);
}
END_TEST

START_TEST(so_it_is_where_the_writer_failed) {
  Filed filed;
  filed.writer = Writer();

  filed.catcher.reset();

  ck_assert_uint_eq(filed.memory->reserved(), 0);
  ck_assert_uint_le(holes, kParts);
}
END_TEST

START_TEST(a_lease_keeps_no_more_on_disk_than_its_chunk) {
  Filed filed;
  filed.end();
  Reader reader(filed.catcher);
  ck_assert_status(reader.seek(500 * kChunk, Whence::start).status, Status::ok);
  Lease lease = reader.lease(kChunk).lease;
  reader = Reader(Catcher::push({}).catcher);
  filed.memory.reset();

  filed.catcher.reset();

  const auto file = OpenFile::in(filed.folder.path());
  ck_assert(file.has_value());
  ck_assert_uint_le(file->blocks(), 64 * 1024);
  ck_assert_uint_le(holes, kParts + 1);
  demand_pattern(lease.bytes(), lease.offset());
  lease = Lease();
  ck_assert(!OpenFile::in(filed.folder.path()).has_value());
}
END_TEST

START_TEST(what_is_evicted_together_is_taken_back_together) {
  Filed filed;

  ck_assert_status(filed.writer.evict_before(900 * kChunk, Wait::none()), Status::ok);
  // The next chunk takes the place of one of them.
  ck_assert_status(filed.writer.append(pattern(kChunks * kChunk, kChunk)).status, Status::ok);

  ck_assert_uint_le(filed.memory->reserved(), (kChunks - 900 + 5) * kChunk);
  ck_assert_uint_le(holes, kParts);
  Reader reader(filed.catcher);
  std::vector<std::byte> kept((kChunks - 900 + 1) * kChunk);
  ck_assert_status(reader.seek(900 * kChunk, Whence::start).status, Status::ok);
  ck_assert_status(reader.read_full(kept).status, Status::ok);
  demand_pattern(kept, 900 * kChunk);
}
END_TEST

}  // namespace

int main() {
  return run_suite("FileMemory", {{"returns",
                                   {a_file_that_goes_is_not_emptied_first,
                                    a_file_that_stays_has_its_space_taken_back_in_few_calls,
                                    so_it_is_where_the_writer_failed,
                                    a_lease_keeps_no_more_on_disk_than_its_chunk,
                                    what_is_evicted_together_is_taken_back_together}}});
}
