// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Every allocation in turn fails, where a stream is kept: compaction, saving, opening what was
// saved, and the budget. See test_allocation_failure.cpp.
#include "tests/support/fault_scenarios.hpp"

#include <fcntl.h>

#include "core/budget.hpp"
#include "core/save.hpp"
#include "core/saved.hpp"
#include "core/sources/memory_source.hpp"
#include "core/sources/owned_fd.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

constexpr std::uint64_t kSize = 4000;
constexpr std::uint64_t kChunk = 61;

// ---- compaction -------------------------------------------------------------------

// Keeps the one job that it is given until it is told to run it: moves, and allocates nothing.
struct Later {
  std::function<void()> job{};
  void run() {
    if (const auto now = std::exchange(job, nullptr)) now();
  }
};

// What has failed left the stream as it was; what is done is one piece.
void compacted(Faults& faults, const std::shared_ptr<Catcher>& catcher, Compaction how,
               Later& later) {
  const auto settle = [&] {
    const Deadline deadline = Clock::now() + std::chrono::seconds(60);
    later.run();
    while (!catcher->is_finalised()) {
      demand(Clock::now() < deadline, "compaction comes to its end");
      std::this_thread::yield();
    }
  };
  settle();
  if (catcher->compaction() == CompactionState::failed) {
    faults.blame();
    demand(catcher->contiguous().status == Status::out_of_memory, "it says why");
    demand(!catcher->is_compacted() && catcher->stats().chunks == (kSize + kChunk - 1) / kChunk,
           "each chunk is still there");
    take_from_oldest(faults, catcher);
    demand(catcher->compact(how) == Status::ok, "it can be asked for again");
    settle();
  }
  demand(catcher->compaction() == CompactionState::done, "it is done");
  const auto whole = catcher->contiguous();
  demand(whole.status == Status::ok && whole.lease.size() == kSize, "all is in one piece");
  demand_pattern(whole.lease.bytes(), 0);
  const Stats stats = catcher->stats();
  demand(stats.chunks == 1 && stats.bytes_in == kSize && stats.bytes_evicted == 0 &&
             stats.bytes_allocated <= kSize + kChunk,  // a reader may still stand in an old one
         "the figures are those of one chunk", stats.bytes_allocated);
  demand(catcher->compact(how) == Status::bad_argument, "it is done once");
  take_from_oldest(faults, catcher);
}

constexpr Compaction kWays[] = {Compaction::in_place, Compaction::new_thread, Compaction::executor};

Config chunked(Later& later) {
  Config config;
  config.growth = Growth::constant(kChunk);
  config.executor = [&later](std::function<void()> job) { later.job = std::move(job); };
  return config;
}

void compact_when_asked(Faults& faults) {
  for (const Compaction how : kWays) {
    Later later;
    auto made = faults.make([&] { return Catcher::push(chunked(later)); });
    put(faults, made.writer, kSize);
    made.writer.finish();
    demand(made.catcher->compact(how) == Status::ok, "it can be asked for");
    compacted(faults, made.catcher, how, later);
  }
}

void compact_at_the_end(Faults& faults) {
  for (const Compaction how : kWays) {
    Later later;
    auto made = faults.make([&] {
      Config config = chunked(later);
      config.compaction = how;
      return Catcher::push(config);
    });
    Reader reader = reader_of(faults, made.catcher);
    put(faults, made.writer, kSize);
    take(faults, reader, 100);
    made.writer.finish();
    take(faults, reader, 100);
    compacted(faults, made.catcher, how, later);
    take(faults, reader, kSize - 200);
  }
}

// ---- files ------------------------------------------------------------------------

// A folder for one file; neither it nor its end needs memory.
class Place {
 public:
  Place() {
    demand(::mkdtemp(folder_) != nullptr, "a folder can be made");
    std::snprintf(file_, sizeof file_, "%s/saved", folder_);
  }
  ~Place() {
    ::unlink(file_);
    demand(::rmdir(folder_) == 0, "nothing else is in it");
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  const char* folder() const { return folder_; }
  const char* file() const { return file_; }
  OwnedFd made(int how) const {
    return OwnedFd(::open(file_, how | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  }

 private:
  char folder_[32] = "/tmp/catcher-test-XXXXXX";
  char file_[64]{};
};

std::size_t files_in(const char* folder) {
  DIR* list = ::opendir(folder);
  demand(list != nullptr, "a folder can be looked at");
  std::size_t count = 0;
  while (const dirent* one = ::readdir(list))
    count += one->d_name[0] != '.' || one->d_name[1] > '.';
  ::closedir(list);
  return count;
}

void demand_content(int file, std::uint64_t size) {
  std::array<std::byte, 2 * kSize> bytes;
  const ssize_t got = ::pread(file, bytes.data(), bytes.size(), 0);
  demand(got == static_cast<ssize_t>(size), "the file is as long", static_cast<std::uint64_t>(got));
  demand_pattern(std::span(bytes).first(size), 0);
}

// A file that was there stays as it was until the new one is whole.
void save_to_a_path(Faults& faults) {
  const Place place;
  const std::string path = faults.make([&] { return std::string(place.file()); });
  auto made = pushed(faults);
  for (int i = 1; i <= 2; ++i) {
    put(faults, made.writer, kSize / 2);
    const auto saved = faults.once_more([&]() noexcept {
      const auto result = save(made.catcher, 0, i * kSize / 2, path, Wait::none());
      if (result.status == Status::ok) return result;
      demand(files_in(place.folder()) == static_cast<std::size_t>(i - 1), "nothing else is left");
      if (i == 2) {
        const OwnedFd old(::open(place.file(), O_RDONLY | O_CLOEXEC));
        demand_content(old.get(), kSize / 2);
      }
      return result;
    });
    demand(saved.status == Status::ok && saved.bytes == i * kSize / 2, "all is saved");
  }
  const OwnedFd file(::open(place.file(), O_RDONLY | O_CLOEXEC));
  demand_content(file.get(), kSize);
  demand(files_in(place.folder()) == 1, "nothing else is left");
  take_from_oldest(faults, made.catcher);
}

// What was written is counted, so that the rest can follow.
void save_to_a_descriptor(Faults& faults) {
  const Place place;
  const auto catcher = faults.make([] {
    auto source = std::make_unique<MemorySource>(pattern(0, kSize));
    const Config config{.growth = Growth::constant(kChunk), .read_burst = 32};
    return Catcher::pull(std::move(source), config).catcher;
  });
  const OwnedFd file = place.made(O_RDWR);
  std::uint64_t written = 0;
  const auto saved = faults.once_more([&]() noexcept {
    const auto result = save(catcher, written, kToEnd, file.get(), Wait::none());
    written += result.bytes;
    return result;
  });
  demand(saved.status == Status::ok, "all is saved");
  demand(written == kSize, "all that was written is counted", written);
  demand_content(file.get(), kSize);
  take_from_oldest(faults, catcher);
}

void open_what_was_saved(Faults& faults) {
  const Place place;
  const OwnedFd file = place.made(O_WRONLY);
  std::array<std::byte, kSize> bytes;
  fill_pattern(bytes, 0);
  demand(::write(file.get(), bytes.data(), kSize) == static_cast<ssize_t>(kSize), "it is written");
  auto opened = faults.make([&] { return open_saved(place.file()); });
  if (opened.catcher == nullptr) {
    demand(opened.error == std::errc::not_enough_memory, "it says why");
    faults.blame();
    opened = open_saved(place.file());
  }
  demand(opened.catcher != nullptr && opened.catcher->length() == kSize, "all is there at once");
  Lease lease;
  {
    Reader reader = reader_of(faults, opened.catcher);
    lease = faults.once_more([&]() noexcept { return reader.lease(100); }).lease;
    take(faults, reader, kSize - lease.size());
  }
  opened = {};
  demand_pattern(lease.bytes(), 0);
}

// ---- budget -----------------------------------------------------------------------

// Keeps one of two. What fails changes nothing, the order of last use neither.
void budget(Faults& faults) {
  int dropped = 0;
  std::shared_ptr<Catcher> one;
  std::shared_ptr<Catcher> other;
  for (std::shared_ptr<Catcher>* catcher : {&one, &other}) {
    auto made = pushed(faults);
    put(faults, made.writer, kSize);
    made.writer.finish();
    *catcher = made.catcher;
  }
  const std::uint64_t cost = Budget::cost(*one);
  const auto kept = faults.make([&] {
    return std::make_unique<Budget>(2 * cost, [&dropped](const std::string& key, const auto&) {
      dropped += key == "a key that is too long to lie in the string itself" ? 1 : 1000;
    });
  });
  const std::string first =
      faults.make([] { return std::string("a key that is too long to lie in the string itself"); });
  const std::string second =
      faults.make([] { return std::string("another key that is too long for that as well"); });
  const auto enter = [&](const std::string& key, std::shared_ptr<Catcher>& catcher) {
    const std::size_t count = kept->figures().count;
    try {
      static_cast<void>(kept->enter(key, catcher));
    } catch (const std::bad_alloc&) {
      faults.blame();
      demand(kept->figures().count == count && kept->find(key) == nullptr, "nothing has changed");
      static_cast<void>(kept->enter(key, catcher));
    }
    catcher.reset();
  };
  enter(first, one);
  enter(second, other);
  // The first is the one used last, unless that fails.
  try {
    demand(kept->find(first) != nullptr, "it is kept");
  } catch (const std::bad_alloc&) {
    faults.blame();
    kept->set_max_bytes(cost);
    demand(dropped == 1 && kept->find(second) != nullptr, "it was not used");
    return;
  }
  demand(kept->figures().count == 2 && dropped == 0, "there is room for both");
  kept->set_max_bytes(cost);
  demand(dropped == 1000 && kept->find(second) == nullptr, "the one used least recently goes");
  const auto left = faults.make([&] { return kept->find(first); });
  take_from_oldest(faults, left);
}

constexpr Scenario kScenarios[] = {
    {"compact when asked", compact_when_asked},   {"compact at the end", compact_at_the_end},
    {"save to a path", save_to_a_path},           {"save to a descriptor", save_to_a_descriptor},
    {"open what was saved", open_what_was_saved}, {"budget", budget},
};

}  // namespace

int main() {
  return run_scenarios("allocation failure of what is kept", kScenarios);
}
