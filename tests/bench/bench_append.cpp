// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What does an append cost beside the memcpy into its chunk: into fresh memory, page faults and
// all, and into the recycled chunks of a window that slides?
#include <benchmark/benchmark.h>

#include "core/chunk_memory.hpp"
#include "stream.hpp"

namespace {

using namespace bench;

std::size_t window_size() {
  return tiny() ? 64 * 1024 : 4 << 20;
}

std::size_t total_size() {
  return tiny() ? 256 * 1024 : 64 << 20;
}

template <class Put>
void piece_by_piece(View bytes, std::size_t size, Put put) {
  for (std::size_t at = 0; at < bytes.size(); at += size) {
    put(bytes.subspan(at, std::min(size, bytes.size() - at)));
  }
}

void append_all(catcher::Writer& writer, View bytes, std::size_t size) {
  piece_by_piece(bytes, size, [&](View piece) {
    const auto written = writer.append(piece);
    benchmark::DoNotOptimize(written.bytes);
  });
}

// What the window holds is the tail of `bytes`.
void verify(const std::shared_ptr<catcher::Catcher>& made, View bytes) {
  const auto window = made->window();
  catcher::Reader reader(made);
  Bytes got(static_cast<std::size_t>(window.end - window.begin));
  require(reader.read_full(got).bytes == got.size(), "the window can be read");
  require_same(got, bytes.last(got.size()), "what was appended");
}

double fresh_catcher(View bytes, std::size_t size) {
  auto made = catcher::Catcher::push({});
  const double time = time_of([&] { append_all(made.writer, bytes, size); });
  require(made.catcher->window().end == bytes.size(), "everything was appended");
  if (tiny()) verify(made.catcher, bytes);
  return time;
}

// The chunks that growth would have made, and nothing else.
double fresh_memcpy(View bytes, std::size_t size) {
  const auto memory = catcher::heap_memory();
  std::vector<std::pair<std::byte*, std::size_t>> chunks;
  chunks.reserve(4096);
  const catcher::Growth growth;
  std::size_t used = 0;
  const double time = time_of([&] {
    piece_by_piece(bytes, size, [&](View piece) {
      while (!piece.empty()) {
        if (chunks.empty() || used == chunks.back().second) {
          const std::size_t next = growth.next(chunks.empty() ? 0 : chunks.back().second);
          chunks.emplace_back(static_cast<std::byte*>(memory->allocate(next)), next);
          used = 0;
        }
        const std::size_t part = std::min(piece.size(), chunks.back().second - used);
        std::memcpy(chunks.back().first + used, piece.data(), part);
        benchmark::ClobberMemory();
        used += part;
        piece = piece.subspan(part);
      }
    });
  });
  for (const auto& [data, capacity] : chunks) memory->deallocate(data, capacity);
  return time;
}

double recycling_catcher(catcher::Catcher::Pushed& made, View bytes, std::size_t size) {
  const double time = time_of([&] { append_all(made.writer, bytes, size); });
  if (tiny()) verify(made.catcher, bytes);
  return time;
}

double recycling_memcpy(Bytes& ring, std::size_t& at, View bytes, std::size_t size) {
  return time_of([&] {
    piece_by_piece(bytes, size, [&](View piece) {
      while (!piece.empty()) {
        const std::size_t part = std::min(piece.size(), ring.size() - at);
        std::memcpy(ring.data() + at, piece.data(), part);
        benchmark::ClobberMemory();
        at = at + part == ring.size() ? 0 : at + part;
        piece = piece.subspan(part);
      }
    });
  });
}

}  // namespace

int main() {
  Table table("Appends", "ns an append", "memcpy");
  const Bytes bytes = payload(total_size());
  for (const std::size_t size : {64, 1024, 3840, 64 * 1024}) {
    const double calls = static_cast<double>((bytes.size() + size - 1) / size);
    const auto fresh = in_turns(
        rounds(), [&] { return fresh_catcher(bytes, size) / calls; },
        [&] { return fresh_memcpy(bytes, size) / calls; });
    table.row("fresh memory, " + std::to_string(size) + " B", fresh[0], fresh[1]);
    catcher::Config config;
    config.max_bytes = window_size();
    auto made = filled(config, View(bytes).first(window_size()));
    Bytes ring(window_size());
    std::size_t at = 0;
    const auto recycled = in_turns(
        rounds(), [&] { return recycling_catcher(made, bytes, size) / calls; },
        [&] { return recycling_memcpy(ring, at, bytes, size) / calls; });
    verify(made.catcher, bytes);
    table.row("recycled chunks, " + std::to_string(size) + " B", recycled[0], recycled[1]);
  }
}
