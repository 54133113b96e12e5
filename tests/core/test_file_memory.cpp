// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/file_memory.hpp"

#include <random>

#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/failing_new.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/scratch.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

// Of the file systems that tests run on: what they put beside the data.
constexpr std::uint64_t kSlack = 64 * 1024;
const auto kPage = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));

// A file in a folder, both gone with the test.
template <class Place = Folder>
struct Filed {
  template <class... Arguments>
  explicit Filed(Arguments&&... arguments) : folder(std::forward<Arguments>(arguments)...) {
    auto made = FileMemory::create(folder.pattern());
    demand(made.memory != nullptr, "a file can be made", static_cast<unsigned>(made.error.value()));
    memory = std::move(made.memory);
  }
  Place folder;
  std::shared_ptr<FileMemory> memory;

  OpenFile file() const {
    const auto found = OpenFile::in(folder.path());
    demand(found.has_value(), "the file is open");
    return *found;
  }
};

// A block and the pattern in it.
struct Block {
  std::byte* data = nullptr;
  std::size_t size = 0;
  std::uint64_t seed = 0;

  static Block fill(FileMemory& memory, std::size_t size, std::uint64_t seed) {
    Block block{static_cast<std::byte*>(memory.allocate(size)), size, seed};
    if (block.data != nullptr) fill_pattern({block.data, size}, seed);
    return block;
  }
  void free(FileMemory& memory) const {
    demand_pattern({data, size}, seed);
    memory.deallocate(data, size);
  }
};

START_TEST(the_file_has_no_name_and_is_nobody_elses) {
  const Filed<> filed;

  ck_assert(filed.folder.is_empty());
  const OpenFile file = filed.file();
  ck_assert_uint_eq(file.status.st_mode & 07777, 0600);
  ck_assert_uint_eq(file.status.st_nlink, 0);
  ck_assert(!file.is_inherited());
}
END_TEST

START_TEST(a_file_that_cannot_be_made_says_why) {
  const Folder folder;

  ck_assert(FileMemory::create(folder.path() + "/none/x-XXXXXX").error ==
            std::errc::no_such_file_or_directory);
  ck_assert(FileMemory::create("/dev/null/x-XXXXXX").error == std::errc::not_a_directory);
  ck_assert(FileMemory::create(folder.path() + "/x").error == std::errc::invalid_argument);
  ck_assert(!FileMemory::is_template("/tmp/x-XXXXX"));
  ck_assert(FileMemory::is_template("/tmp/x-XXXXXX"));
}
END_TEST

START_TEST(the_file_goes_with_its_memory) {
  Folder folder;
  auto made = FileMemory::create(folder.pattern());
  ck_assert(OpenFile::in(folder.path()).has_value());

  made.memory.reset();

  ck_assert(!OpenFile::in(folder.path()).has_value());
}
END_TEST

START_TEST(space_is_reserved_before_it_is_written) {
  Filed filed;

  void* block = filed.memory->allocate(1 << 20);

  ck_assert_ptr_nonnull(block);
  ck_assert_uint_ge(filed.file().blocks(), 1 << 20);
  ck_assert_uint_eq(filed.memory->reserved(), 1 << 20);
  filed.memory->deallocate(block, 1 << 20);
}
END_TEST

START_TEST(whole_pages_are_aligned_to_pages_and_the_rest_to_cache_lines) {
  Filed filed;
  std::vector<Block> blocks;
  for (const std::size_t size : {kPage, std::size_t{100}, 3 * kPage, kPage + 1, std::size_t{1}}) {
    blocks.push_back(Block::fill(*filed.memory, size, blocks.size()));
    const auto address = reinterpret_cast<std::uintptr_t>(blocks.back().data);
    ck_assert_uint_eq(address % (size % kPage == 0 ? kPage : kCacheLine), 0);
  }
  for (const Block& block : blocks) block.free(*filed.memory);
}
END_TEST

START_TEST(small_chunks_share_pages) {
  Filed filed;
  std::vector<Block> blocks;
  for (unsigned i = 0; i < 1000; ++i) blocks.push_back(Block::fill(*filed.memory, 100, i));

  ck_assert_uint_le(filed.memory->reserved(), 1000 * 128 + kPage);
  for (const Block& block : blocks) block.free(*filed.memory);
}
END_TEST

START_TEST(what_is_freed_is_not_on_disk_any_more) {
  Filed filed;
  std::vector<Block> blocks;
  for (unsigned i = 0; i < 100; ++i) blocks.push_back(Block::fill(*filed.memory, 50'000, i));
  ck_assert_uint_ge(filed.file().blocks(), 5'000'000);

  for (unsigned i = 0; i < 100; i += 2) blocks[i].free(*filed.memory);
  for (unsigned i = 1; i < 100; i += 2) {
    demand_pattern({blocks[i].data, blocks[i].size}, blocks[i].seed);
  }
  // Each hole has at most two pages that others have a part in.
  ck_assert_uint_le(filed.memory->reserved(), 2'500'000 + 100 * kPage);
  for (unsigned i = 1; i < 100; i += 2) blocks[i].free(*filed.memory);

  ck_assert_uint_eq(filed.memory->reserved(), 0);
  ck_assert_uint_le(filed.file().blocks(), kSlack);
}
END_TEST

START_TEST(space_is_used_again) {
  Filed filed;
  std::vector<Block> blocks;
  for (unsigned i = 0; i < 8; ++i) blocks.push_back(Block::fill(*filed.memory, 30'000, i));
  const std::uint64_t size = filed.file().size();

  for (unsigned i = 8; i < 1000; ++i) {
    Block& oldest = blocks[i % 8];
    oldest.free(*filed.memory);
    oldest = Block::fill(*filed.memory, 30'000, i);
  }

  ck_assert_uint_eq(filed.file().size(), size);
  for (const Block& block : blocks) block.free(*filed.memory);
}
END_TEST

void use_up(FileMemory& memory, std::error_code why) {
  std::vector<Block> blocks;
  for (;;) {
    blocks.push_back(Block::fill(memory, 100'000, blocks.size()));
    if (blocks.back().data == nullptr) break;
    demand(blocks.size() < 1000, "it ends");
  }
  blocks.pop_back();
  ck_assert(memory.error() == why);
  ck_assert_uint_gt(blocks.size(), 5);
  // It stays so, and what is there is whole.
  ck_assert_ptr_null(memory.allocate(100'000));

  blocks.back().free(memory);
  blocks.back() = Block::fill(memory, 90'000, 7);

  ck_assert_ptr_nonnull(blocks.back().data);
  for (const Block& block : blocks) block.free(memory);
  ck_assert_uint_eq(memory.reserved(), 0);
}

START_TEST(a_full_file_system_is_an_error_and_no_signal) {
  const MountedFolder folder = small_folder(1 << 20);
  if (!folder.is_there()) return;
  const auto made = FileMemory::create(folder.pattern());

  use_up(*made.memory, std::make_error_code(std::errc::no_space_on_device));
}
END_TEST

START_TEST(a_limit_on_files_is_an_error_and_no_signal) {
  Filed filed;
  const FileLimit limit(1 << 20);

  use_up(*filed.memory, std::make_error_code(std::errc::file_too_large));
}
END_TEST

// Zeros are written where space cannot be reserved otherwise; nothing is given back there.
START_TEST(a_file_system_that_cannot_reserve_is_written_to) {
  Filed<MountedFolder> filed("ramfs", "");
  if (!filed.folder.is_there()) return;
  std::vector<Block> blocks;
  for (unsigned i = 0; i < 100; ++i) blocks.push_back(Block::fill(*filed.memory, 5000, i));
  for (unsigned round = 1; round < 10; ++round) {
    for (unsigned i = round % 2; i < 100; i += 2) {
      blocks[i].free(*filed.memory);
      blocks[i] = Block::fill(*filed.memory, 5000, i + round);
    }
  }
  for (const Block& block : blocks) block.free(*filed.memory);
  ck_assert_uint_le(filed.memory->reserved(), 100 * 5056 + 2 * kPage);
}
END_TEST

START_TEST(without_heap_memory_nothing_is_lost) {
  Filed filed;
  std::vector<Block> blocks;
  unsigned failures = 0;
  for (int allowed = 0; blocks.size() < 200; allowed = (allowed + 1) % 6) {
    Block block;
    {
      const FailingNew failing(allowed);
      block = Block::fill(*filed.memory, 3000, blocks.size());
    }
    if (block.data == nullptr) {
      ck_assert(filed.memory->error() == std::errc::not_enough_memory);
      ++failures;
    } else {
      blocks.push_back(block);
    }
  }
  ck_assert_uint_gt(failures, 0);
  // Whatever is free already, giving back never needs memory.
  const FailingNew failing(0);
  for (unsigned i = 0; i < 200; i += 2) blocks[i].free(*filed.memory);
  for (unsigned i = 1; i < 200; i += 2) blocks[i].free(*filed.memory);
  ck_assert_uint_eq(filed.memory->reserved(), 0);
}
END_TEST

START_TEST(blocks_of_any_size_on_any_thread_never_overlap) {
  Filed filed;
  std::atomic<std::uint64_t> live = 0;
  const auto churn = [&](unsigned seed) {
    std::mt19937 random(seed);
    std::vector<Block> blocks;
    for (unsigned i = 0; i < 2000; ++i) {
      if (blocks.size() > 20 || (!blocks.empty() && random() % 3 == 0)) {
        const std::size_t which = random() % blocks.size();
        blocks[which].free(*filed.memory);
        live -= blocks[which].size;
        blocks[which] = blocks.back();
        blocks.pop_back();
      }
      const std::size_t size = random() % 4 == 0 ? kPage * (1 + random() % 8) : 1 + random() % 9000;
      blocks.push_back(Block::fill(*filed.memory, size, seed + i));
      demand(blocks.back().data != nullptr, "there is room", size);
      live += size;
    }
    for (const Block& block : blocks) block.free(*filed.memory);
  };
  {
    std::vector<std::jthread> threads;
    for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(churn, seed * 1'000'000);
  }
  ck_assert_uint_eq(filed.memory->reserved(), 0);
  // Four threads with 22 blocks of at most 8 pages each, and what lies between them.
  ck_assert_uint_le(filed.file().size(), 4 * 22 * 8 * kPage * 2);
}
END_TEST

Config in_file(const Filed<>& filed) {
  Config config;
  config.memory = filed.memory;
  return config;
}

START_TEST(a_window_keeps_its_bound_on_disk) {
  constexpr std::uint64_t kWindow = 4 << 20;
  Filed filed;
  Config config = in_file(filed);
  config.max_bytes = kWindow;
  auto made = Catcher::push(config);
  std::uint64_t most = 0;
  for (std::uint64_t offset = 0; offset < 16 * kWindow; offset += 64 * 1024) {
    ck_assert_status(made.writer.append(pattern(offset, 64 * 1024)).status, Status::ok);
    most = std::max(most, filed.file().blocks());
    ck_assert_uint_le(filed.memory->reserved(), kWindow);
  }

  ck_assert_uint_ge(most, kWindow - kWindow / 16);
  ck_assert_uint_le(most, kWindow + kSlack);
  Reader reader(made.catcher);
  std::vector<std::byte> kept(made.catcher->window().end - reader.offset());
  const std::uint64_t from = reader.offset();
  ck_assert_status(reader.read_full(kept).status, Status::ok);
  demand_pattern(kept, from);
}
END_TEST

START_TEST(readers_follow_and_keep_what_they_hold) {
  Filed filed;
  Config config = in_file(filed);
  config.max_bytes = 300'000;
  config.growth = Growth::geometric(100, 5000);
  auto made = Catcher::push(config);
  std::vector<Lease> leases;
  std::jthread follower([catcher = made.catcher] {
    Reader reader(catcher);
    std::vector<std::byte> piece(7000);
    for (;;) {
      const std::uint64_t from = reader.offset();
      const ReadResult got = reader.read(piece);
      if (got.status == Status::end) return;
      if (got.status == Status::evicted) {
        demand(reader.seek(0, Whence::oldest).status == Status::ok, "the oldest can be had");
        continue;
      }
      demand(got.status == Status::ok, "it reads");
      demand_pattern(std::span(piece).first(got.bytes), from);
    }
  });
  Reader holder(made.catcher);
  for (std::uint64_t offset = 0; offset < 3'000'000; offset += 3000) {
    ck_assert_status(made.writer.append(pattern(offset, 3000)).status, Status::ok);
    if (offset % 300'000 != 0) continue;
    ck_assert_status(holder.seek(0, Whence::oldest).status, Status::ok);
    leases.push_back(holder.lease(1000).lease);
  }
  made.writer.finish();
  follower.join();
  made = {};
  holder = Reader(Catcher::push({}).catcher);
  config.memory.reset();
  filed.memory.reset();

  // Only leases are left of it all.
  ck_assert(OpenFile::in(filed.folder.path()).has_value());
  for (const Lease& lease : leases) demand_pattern(lease.bytes(), lease.offset());
  leases.clear();
  ck_assert(!OpenFile::in(filed.folder.path()).has_value());
}
END_TEST

START_TEST(a_writer_goes_on_once_there_is_space_again) {
  const MountedFolder folder = small_folder(2 << 20);
  if (!folder.is_there()) return;
  Config config;
  config.memory = FileMemory::create(folder.pattern()).memory;
  auto other = FileMemory::create(folder.pattern());
  void* in_the_way = other.memory->allocate(1 << 20);
  ck_assert_ptr_nonnull(in_the_way);
  auto made = Catcher::push(config);
  const auto all = pattern(0, 3 << 19);

  const WriteResult first = made.writer.append(all);

  ck_assert_status(first.status, Status::out_of_memory);
  ck_assert(config.memory->error() == std::errc::no_space_on_device);
  ck_assert_uint_gt(first.bytes, 1 << 19);
  other.memory->deallocate(in_the_way, 1 << 20);
  const WriteResult rest = made.writer.append(std::span(all).subspan(first.bytes));
  ck_assert_status(rest.status, Status::ok);
  made.writer.finish();
  Reader reader(made.catcher);
  std::vector<std::byte> read(all.size());
  ck_assert_status(reader.read_full(read).status, Status::ok);
  demand_pattern(read, 0);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "FileMemory",
      {{"file",
        {the_file_has_no_name_and_is_nobody_elses, a_file_that_cannot_be_made_says_why,
         the_file_goes_with_its_memory}},
       {"space",
        {space_is_reserved_before_it_is_written,
         whole_pages_are_aligned_to_pages_and_the_rest_to_cache_lines, small_chunks_share_pages,
         what_is_freed_is_not_on_disk_any_more, space_is_used_again,
         blocks_of_any_size_on_any_thread_never_overlap}},
       {"failure",
        {a_full_file_system_is_an_error_and_no_signal, a_limit_on_files_is_an_error_and_no_signal,
         a_file_system_that_cannot_reserve_is_written_to, without_heap_memory_nothing_is_lost}},
       {"catcher",
        {a_window_keeps_its_bound_on_disk, readers_follow_and_keep_what_they_hold,
         a_writer_goes_on_once_there_is_space_again}}});
}
