// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Streams that are written by hand, and files that they are saved to.
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/catcher.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pattern.hpp"

namespace catcher::test {

inline constexpr std::uint64_t kWindow = 64 * 1024;

inline Config window(WhenFull when_full = WhenFull::evict) {
  Config config;
  config.growth = Growth::constant(kWindow / 64);
  config.max_bytes = kWindow;
  config.when_full = when_full;
  return config;
}

// A catcher that is written by hand, with the pattern.
struct Stream {
  std::shared_ptr<Catcher> catcher;
  Writer writer;

  explicit Stream(std::uint64_t size, const Config& config = {}) {
    auto made = Catcher::push(config);
    catcher = std::move(made.catcher);
    writer = std::move(made.writer);
    write(size);
  }
  void write(std::uint64_t size) {
    const auto bytes = pattern(catcher->window().end, static_cast<std::size_t>(size));
    demand(writer.append(bytes, patiently()).bytes == size, "a stream takes what is written");
  }
};

inline std::vector<std::byte> content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  demand(file.is_open(), path.c_str());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace catcher::test
