// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What the benchmarks read and write: bytes that say where they are, a catcher full of them, a
// source that is never slow, and the process's own costs.
//
// Thread: any, values.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "table.hpp"

namespace bench {

using Bytes = std::vector<std::byte>;
using View = std::span<const std::byte>;

// No two places of a payload look alike.
inline Bytes payload(std::size_t size) {
  Bytes bytes(size);
  std::uint64_t state = 1;
  for (std::size_t at = 0; at < size; at += sizeof state) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t word = state ^ (state >> 29);
    std::memcpy(bytes.data() + at, &word, std::min(sizeof word, size - at));
  }
  return bytes;
}

inline void require_same(View got, View wanted, const char* what) {
  require(got.size() == wanted.size() && std::memcmp(got.data(), wanted.data(), got.size()) == 0,
          what);
}

struct NamedGrowth {
  const char* name;
  catcher::Growth growth;
};
inline std::vector<NamedGrowth> growths() {
  return {{"constant", catcher::Growth::constant(4096)},
          {"linear", catcher::Growth::linear(4096, 256 * 1024)},
          {"geometric", catcher::Growth{}}};
}

inline std::string size_name(std::size_t size) {
  const auto scaled = [&](std::size_t unit, const char* suffix) {
    return std::to_string(size / unit) + suffix;
  };
  if (size >= 1'000'000'000) return size % 1'000'000'000 == 0 ? "1 GB" : "1 GiB";
  if (size >= 1'000'000) return scaled(1'000'000, " MB");
  return size >= 1024 ? scaled(1024, " KiB") : scaled(1, " B");
}

// Requires: config that is valid.
inline catcher::Catcher::Pushed filled(const catcher::Config& config, View bytes) {
  auto made = catcher::Catcher::push(config);
  require(made.status == catcher::Status::ok, made.why.c_str());
  const auto written = made.writer.append(bytes);
  require(written.bytes == bytes.size(), "everything was appended");
  return made;
}

// The very memory that readers of `catcher` copy from, chunk by chunk.
inline std::vector<View> pieces_of(catcher::Catcher& catcher) {
  catcher::PinnedRange range;
  const auto window = catcher.window();
  const auto status = catcher.pin(window.begin, window.end, catcher::PinPolicy::keep, range);
  require(status == catcher::Status::ok, "the window can be pinned");
  std::vector<View> pieces;
  for (const catcher::Lease& lease : range.pieces()) pieces.push_back(lease.bytes());
  return pieces;
}

// Gives what it is asked for at once.
class MemorySource final : public catcher::Source {
 public:
  explicit MemorySource(View bytes) : left_(bytes) {}
  catcher::SourceResult read(std::span<std::byte> space, const catcher::Wait& /*wait*/) override {
    const std::size_t size = std::min(space.size(), left_.size());
    if (size == 0) return catcher::SourceResult::at_end();
    std::memcpy(space.data(), left_.data(), size);
    left_ = left_.subspan(size);
    return catcher::SourceResult::some(size);
  }

 private:
  View left_;
};

struct Usage {
  double cpu_seconds = 0;
  long page_faults = 0;

  static Usage now() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return {seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_minflt};
  }
  friend Usage operator-(const Usage& a, const Usage& b) {
    return {a.cpu_seconds - b.cpu_seconds, a.page_faults - b.page_faults};
  }
};

}  // namespace bench
