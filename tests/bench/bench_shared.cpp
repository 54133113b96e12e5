// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// One source, pulled and read once by each of several threads in reads of 1 KiB, from cold: what
// does sharing cost beside threads that copy out of one slice that is there already? The page
// faults of the memory that the stream is kept in are counted, priced in the same run and
// taken off, because no cache can do without them. CATCHER_BENCH_LARGE adds 101 threads.
//
// The same beside a vector behind a shared mutex, which is what one writes first; and readers of
// data that is finished, where two should bring twice as much as one.
#include <benchmark/benchmark.h>
#include <sys/mman.h>

#include <barrier>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "stream.hpp"

namespace {

using namespace bench;
using catcher::Reader;
using catcher::Status;

constexpr std::size_t kReadSize = 1024;
constexpr std::size_t kBurst = 4096;

struct Elapsed {
  double time = 0;
  long faults = 0;
};

// Runs `work(buffer)` in each of `count` threads at once; from the start of the first to the end
// of the last.
Elapsed together(int count, const std::function<void(std::span<std::byte>)>& work) {
  Clock::time_point start;
  Usage before;
  std::vector<Clock::time_point> ends(static_cast<std::size_t>(count));
  std::barrier gate(count, [&]() noexcept {
    before = Usage::now();
    start = Clock::now();
  });
  {
    std::vector<std::jthread> threads;
    for (auto& end : ends) {
      threads.emplace_back([&] {
        Bytes buffer(kReadSize);
        benchmark::DoNotOptimize(buffer.data());
        gate.arrive_and_wait();
        work(buffer);
        end = Clock::now();
      });
    }
  }
  return {nanoseconds(*std::max_element(ends.begin(), ends.end()) - start),
          (Usage::now() - before).page_faults};
}

// Nanoseconds that one page fault of fresh memory costs.
double price_of_fault() {
  constexpr std::size_t kPage = 4096;
  constexpr std::size_t kPages = 2048;
  void* memory = mmap(nullptr, kPages * kPage, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  require(memory != MAP_FAILED, "memory to fault in");
  madvise(memory, kPages * kPage, MADV_NOHUGEPAGE);
  auto* bytes = static_cast<volatile char*>(memory);
  const double time = time_of([&] {
    for (std::size_t page = 0; page < kPages; ++page) bytes[page * kPage] = 1;
  });
  munmap(memory, kPages * kPage);
  return time / static_cast<double>(kPages);
}

template <class Each>
void read_to_end(const std::shared_ptr<catcher::Catcher>& made, std::span<std::byte> out,
                 Each each) {
  Reader reader(made);
  std::size_t offset = 0;
  for (;;) {
    const auto got = reader.read(out);
    if (got.bytes == 0) {
      require(got.status == Status::end, "a stream that ends");
      break;
    }
    each(offset, View(out.first(got.bytes)));
    offset += got.bytes;
  }
  each(offset, View());
}

void touch(std::size_t /*offset*/, View bytes) {
  benchmark::DoNotOptimize(bytes.data());
  benchmark::ClobberMemory();
}

std::shared_ptr<catcher::Catcher> cold(const catcher::Growth& growth, View bytes) {
  catcher::Config config;
  config.growth = growth;
  config.read_burst = kBurst;
  auto made = catcher::Catcher::pull(std::make_unique<MemorySource>(bytes), config);
  require(made.status == Status::ok, made.why.c_str());
  return made.catcher;
}

void verify(const catcher::Growth& growth, int threads, View bytes) {
  const auto made = cold(growth, bytes);
  together(threads, [&](std::span<std::byte> out) {
    read_to_end(made, out, [&](std::size_t offset, View got) {
      require_same(got, bytes.subspan(offset, got.size()), "what was shared");
      require(!got.empty() || offset == bytes.size(), "every byte was shared");
    });
  });
}

void copy_slice(View bytes, std::span<std::byte> out) {
  for (std::size_t at = 0; at < bytes.size(); at += out.size()) {
    std::memcpy(out.data(), bytes.data() + at, std::min(out.size(), bytes.size() - at));
    benchmark::ClobberMemory();
  }
}

// What one writes first.
class LockedVector {
 public:
  explicit LockedVector(View bytes) : source_(bytes) {}

  std::size_t read(std::size_t offset, std::span<std::byte> out) {
    for (;;) {
      {
        std::shared_lock lock(mutex_);
        const std::size_t size = std::min(out.size(), bytes_.size() - offset);
        std::memcpy(out.data(), bytes_.data() + offset, size);
        if (size != 0 || finished_) return size;
      }
      std::unique_lock lock(mutex_);
      if (offset < bytes_.size() || finished_) continue;
      const std::size_t old = bytes_.size();
      bytes_.resize(old + kBurst);
      const auto got = source_.read(std::span(bytes_).subspan(old), {});
      bytes_.resize(old + got.bytes);
      finished_ = got.status == Status::end;
    }
  }

 private:
  MemorySource source_;
  std::shared_mutex mutex_;
  Bytes bytes_;
  bool finished_ = false;
};

void cold_row(Table& table, const NamedGrowth& growth, int threads, View bytes) {
  verify(growth.growth, threads, bytes);
  std::vector<double> faults;
  const auto figures = in_turns(
      rounds(),
      [&] {
        const auto made = cold(growth.growth, bytes);
        const Elapsed all =
            together(threads, [&](std::span<std::byte> out) { read_to_end(made, out, touch); });
        faults.push_back(static_cast<double>(all.faults) * price_of_fault() / 1e6);
        return std::max(0.0, all.time / 1e6 - faults.back());
      },
      [&] {
        return together(threads, [&](std::span<std::byte> out) { copy_slice(bytes, out); }).time /
               1e6;
      },
      [&] {
        LockedVector shared(bytes);
        return together(threads,
                        [&](std::span<std::byte> out) {
                          std::size_t offset = 0;
                          while (const std::size_t size = shared.read(offset, out)) offset += size;
                          benchmark::DoNotOptimize(offset);
                        })
                   .time /
               1e6;
      });
  char note[80];
  std::snprintf(note, sizeof note, "page faults %.2f apart; locked vector %.2f",
                spread(faults).median, spread(figures[2]).median);
  table.row("cold, " + std::string(growth.name) + ", " + std::to_string(threads) +
                (threads == 1 ? " thread" : " threads"),
            figures[0], figures[1], Goal::ratio(threads > 8 ? 1.5 : 2), note);
}

// One pass over 10 MB takes well below what a scheduler's tick may cost.
constexpr int kPasses = 5;

void copy_pieces(const std::vector<View>& pieces, std::span<std::byte> out) {
  for (const View& piece : pieces) copy_slice(piece, out);
}

// Time for each of `threads` to read all of it.
void warm_rows(Table& table, int threads, View bytes) {
  auto made = filled({}, bytes);
  made.writer.finish();
  const auto pieces = pieces_of(*made.catcher);
  const auto together_in = [&](int count, const auto& pass) {
    const Elapsed all = together(count, [&](std::span<std::byte> out) {
      for (int i = 0; i < kPasses; ++i) pass(out);
    });
    return all.time / kPasses / 1e6;
  };
  const auto read = [&](std::span<std::byte> out) { read_to_end(made.catcher, out, touch); };
  const auto copy = [&](std::span<std::byte> out) { copy_pieces(pieces, out); };
  const auto figures = in_turns(
      rounds(), [&] { return together_in(threads, read); }, [&] { return together_in(1, read); },
      [&] { return together_in(threads, copy); }, [&] { return together_in(1, copy); });
  const std::string name = "finished, " + std::to_string(threads) + " readers";
  char note[80];
  std::snprintf(note, sizeof note, "of copying threads the same ratio is %.2f",
                spread(ratios(figures[2], figures[3])).median);
  table.row(name + ", beside one reader", figures[0], figures[1],
            threads == 2 ? Goal::ratio(1.15) : Goal{}, note);
  table.row(name + ", beside as many copies", figures[0], figures[2], Goal::ratio(1 / 0.9));
}

}  // namespace

int main() {
  const Bytes bytes = payload(tiny() ? 100'000 : 10'000'000);
  std::vector<int> threads{1, 8};
  if (large()) threads = {1, 2, 8, 21, 101};
  Table table("Shared reads of 10 MB, 1 KiB each", "ms", "copies of a shared slice");
  for (const NamedGrowth& growth : growths()) {
    for (const int count : threads) cold_row(table, growth, count, bytes);
  }
  Table warm("Finished reads of 10 MB, 1 KiB each", "ms", "see row");
  for (const int count : {2, 4}) warm_rows(warm, count, bytes);
}
