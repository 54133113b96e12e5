// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What does a sequential read behind the edge cost beside the memcpy that it cannot do without?
// The limit copies the same sizes out of the same chunks; "flat" does so from one buffer.
// CATCHER_BENCH_LARGE adds 1 GB.
#include <benchmark/benchmark.h>

#include "stream.hpp"

namespace {

using namespace bench;
using catcher::Reader;
using catcher::Status;

// Calls `each(offset, bytes)` for every read.
template <class Each>
void read_through(Reader& reader, std::span<std::byte> out, std::size_t total, Each each) {
  require(reader.seek(0).status == Status::ok, "a seek to the start");
  for (std::size_t offset = 0; offset < total;) {
    const auto got = reader.read(out);
    each(offset, View(out.first(got.bytes)));
    if (got.bytes == 0) break;
    offset += got.bytes;
  }
}

template <class Each>
void lease_through(Reader& reader, std::size_t size, std::size_t total, Each each) {
  require(reader.seek(0).status == Status::ok, "a seek to the start");
  for (std::size_t offset = 0; offset < total;) {
    const auto got = reader.lease(size);
    each(offset, got.lease.bytes());
    if (got.lease.size() == 0) break;
    offset += got.lease.size();
  }
}

void copy_through(const std::vector<View>& pieces, std::span<std::byte> out) {
  std::size_t piece = 0;
  std::size_t at = 0;
  while (piece < pieces.size()) {
    std::size_t done = 0;
    while (done < out.size() && piece < pieces.size()) {
      const std::size_t size = std::min(out.size() - done, pieces[piece].size() - at);
      std::memcpy(out.data() + done, pieces[piece].data() + at, size);
      done += size;
      at += size;
      if (at == pieces[piece].size()) {
        ++piece;
        at = 0;
      }
    }
    benchmark::ClobberMemory();
  }
}

void verify(Reader& reader, std::span<std::byte> out, View wanted) {
  std::size_t seen = 0;
  const auto same = [&](std::size_t offset, View got) {
    require(!got.empty(), "a read behind the edge brings bytes");
    require_same(got, wanted.subspan(offset, got.size()), "what was read");
    seen += got.size();
  };
  read_through(reader, out, wanted.size(), same);
  require(seen == wanted.size(), "every byte was read");
  seen = 0;
  lease_through(reader, out.size(), wanted.size(), same);
  require(seen == wanted.size(), "every byte was leased");
}

Goal goal_of(std::size_t size) {
  if (size == 1024) return Goal::figure(40, 27);
  return size == 4096 ? Goal::ratio(1 / 0.9) : Goal{};
}

void read_rows(Table& table, const std::string& name, catcher::Catcher& made, View flat) {
  Reader reader(made.shared_from_this());
  const auto pieces = pieces_of(made);
  // Of much, a few passes say as much.
  const bool much = flat.size() > 10'000'000;
  const int turns = flat.size() > 100'000'000 ? std::min(3, rounds()) : rounds();
  const std::vector<std::size_t> sizes =
      much ? std::vector<std::size_t>{1024, 4096}
           : std::vector<std::size_t>{64, 1024, 4096, 16 * 1024, 64 * 1024};
  for (const std::size_t size : sizes) {
    Bytes buffer(size);
    const std::span<std::byte> out(buffer);
    benchmark::DoNotOptimize(buffer.data());
    verify(reader, out, flat);

    const double calls = static_cast<double>((flat.size() + size - 1) / size);
    const auto per_call = [&](auto work) { return [=] { return time_of(work) / calls; }; };
    // In turns with nothing between them: both find in the caches what either left there.
    const auto figures = in_turns(much ? turns : 2 * turns, per_call([&, out] {
                                    read_through(reader, out, flat.size(), [](std::size_t, View) {
                                      benchmark::ClobberMemory();
                                    });
                                  }),
                                  per_call([&, out] { copy_through(pieces, out); }));
    const auto others = in_turns(
        turns, per_call([&, out, size] {
          for (std::size_t offset = 0; offset < flat.size(); offset += size) {
            std::memcpy(out.data(), flat.data() + offset, std::min(size, flat.size() - offset));
            benchmark::ClobberMemory();
          }
        }),
        per_call([&, size] {
          lease_through(reader, size, flat.size(),
                        [](std::size_t, View bytes) { benchmark::DoNotOptimize(bytes.data()); });
        }));
    char note[64];
    std::snprintf(note, sizeof note, "flat %.1f, lease %.1f", spread(others[0]).median,
                  spread(others[1]).median);
    table.row(name + ", " + size_name(size), figures[0], figures[1], goal_of(size), note);
  }
}

}  // namespace

int main() {
  Table table("Sequential reads behind the edge", "ns a read", "memcpy, same memory");
  std::vector<std::size_t> totals{10'000'000, 100'000'000};
  if (large()) totals.push_back(1'000'000'000);
  if (tiny()) totals = {100'000};
  for (const std::size_t total : totals) {
    const Bytes flat = payload(total);
    for (const auto& [growth_name, growth] : growths()) {
      catcher::Config config;
      config.growth = growth;
      auto made = filled(config, flat);
      const std::string name = size_name(total) + ", " + growth_name;
      read_rows(table, name + ", unfinished", *made.catcher, flat);
      made.writer.finish();
      read_rows(table, name + ", finished", *made.catcher, flat);
    }
  }
}
