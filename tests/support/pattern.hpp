// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A stream whose byte is a function of its 64-bit offset, so that any slice of it proves itself:
// lost, doubled, shifted and zeroed bytes all show.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tests/support/demand.hpp"

namespace catcher::test {

inline std::byte byte_at(std::uint64_t offset) {
  std::uint64_t mixed = offset * 0x9E3779B97F4A7C15u;
  mixed ^= mixed >> 32;
  return static_cast<std::byte>((mixed * 0xD6E8FEB86659FD93u) >> 56);
}

inline void fill_pattern(std::span<std::byte> bytes, std::uint64_t offset) {
  for (std::byte& byte : bytes) byte = byte_at(offset++);
}

inline std::vector<std::byte> pattern(std::uint64_t offset, std::size_t size) {
  std::vector<std::byte> bytes(size);
  fill_pattern(bytes, offset);
  return bytes;
}

// Where `bytes`, which should begin at `offset`, first differ from the pattern.
inline std::optional<std::uint64_t> first_wrong(std::span<const std::byte> bytes,
                                                std::uint64_t offset) {
  for (const std::byte byte : bytes) {
    if (byte != byte_at(offset)) return offset;
    ++offset;
  }
  return std::nullopt;
}

inline bool is_pattern(std::span<const std::byte> bytes, std::uint64_t offset) {
  return !first_wrong(bytes, offset);
}

// Thread: any.
inline void demand_pattern(std::span<const std::byte> bytes, std::uint64_t offset,
                           const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (const auto wrong = first_wrong(bytes, offset)) {
    give_up("the byte at this offset is the one that was written there", *wrong, file, line);
  }
}

}  // namespace catcher::test
