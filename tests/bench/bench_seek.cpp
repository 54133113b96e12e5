// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What does a seek to a random place and a read of 4 KiB there cost beside a memcpy from a
// random place of one flat buffer? CATCHER_BENCH_LARGE adds 1 GiB.
#include <benchmark/benchmark.h>

#include <random>

#include "stream.hpp"

namespace {

using namespace bench;
using catcher::Reader;
using catcher::Status;

constexpr std::size_t kReadSize = 4096;

std::vector<std::int64_t> random_offsets(std::size_t total, std::size_t count) {
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::int64_t> any(0, static_cast<std::int64_t>(total - kReadSize));
  std::vector<std::int64_t> offsets(count);
  for (auto& offset : offsets) offset = any(random);
  return offsets;
}

template <class Each>
void seek_and_read(Reader& reader, const std::vector<std::int64_t>& offsets,
                   std::span<std::byte> out, Each each) {
  for (const std::int64_t offset : offsets) {
    const auto went = reader.seek(offset);
    const auto got = reader.read(out);
    each(offset, went, got);
  }
}

void rows(Table& table, std::size_t total) {
  const Bytes flat = payload(total);
  const auto offsets = random_offsets(total, tiny() ? 200 : 20'000);
  Bytes buffer(kReadSize);
  const std::span<std::byte> out(buffer);
  benchmark::DoNotOptimize(buffer.data());
  volatile std::size_t read_size = kReadSize;
  const std::size_t size = read_size;  // not known to the compiler: readers do not know it either
  const auto per_seek = [&](auto work) {
    // Once untimed: each work finds in the caches what it left there itself.
    return [=, &offsets] {
      work();
      return time_of(work) / static_cast<double>(offsets.size());
    };
  };
  for (const auto& [growth_name, growth] : growths()) {
    catcher::Config config;
    config.growth = growth;
    auto made = filled(config, flat);
    made.writer.finish();
    Reader reader(made.catcher);
    seek_and_read(reader, offsets, out, [&](std::int64_t offset, auto went, const auto& got) {
      require(went.status == Status::ok && got.bytes == kReadSize, "a seek and a whole read");
      require_same(out, View(flat).subspan(static_cast<std::size_t>(offset), kReadSize),
                   "what was read after a seek");
    });

    const auto figures = in_turns(
        rounds(), per_seek([&] {
          seek_and_read(reader, offsets, out,
                        [](std::int64_t, auto, const auto&) { benchmark::ClobberMemory(); });
        }),
        per_seek([&] {
          for (const std::int64_t offset : offsets) {
            std::memcpy(out.data(), flat.data() + offset, size);
            benchmark::ClobberMemory();
          }
        }));
    table.row(size_name(total) + ", " + growth_name, figures[0], figures[1], Goal::ratio(1.2));
  }
}

}  // namespace

int main() {
  Table table("Random seek and 4 KiB read", "ns", "memcpy, one flat buffer");
  std::vector<std::size_t> totals{10'000'000, 100'000'000};
  if (large()) totals.push_back(std::size_t{1} << 30);
  if (tiny()) totals = {100'000};
  for (const std::size_t total : totals) rows(table, total);
}
