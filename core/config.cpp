// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "config.hpp"

#include <algorithm>
#include <limits>

namespace catcher {
namespace {

// Larger sizes cannot be addressed by one allocation, so they are mistakes.
constexpr std::uint64_t kLargestChunk = std::numeric_limits<std::ptrdiff_t>::max();

Status refuse(std::string* why, std::string text) {
  if (why != nullptr) *why = std::move(text);
  return Status::bad_argument;
}

}  // namespace

std::uint64_t Growth::next(std::uint64_t previous) const noexcept {
  if (previous == 0 || kind == Kind::constant) return first;
  const std::uint64_t step = kind == Kind::linear ? first : previous;
  const std::uint64_t grown = previous > max - std::min(max, step) ? max : previous + step;
  return std::clamp(grown, std::min(first, max), max);
}

std::uint64_t RopeConfig::bounded(std::uint64_t size) const noexcept {
  if (max_size == 0) return size;
  return std::min(size, std::max<std::uint64_t>(1, max_size / kChunksPerWindow));
}

RopeConfig Config::pulled_rope() const noexcept {
  RopeConfig rope = pushed_rope();
  rope.growth.first = std::max<std::uint64_t>(growth.first, read_burst);
  rope.growth.max = std::max<std::uint64_t>(growth.max, read_burst);
  return rope;
}

Status Config::validate(std::string* why) const {
  if (growth.first == 0) return refuse(why, "growth: the first chunk has 0 bytes; give 1 or more");
  if (growth.max < growth.first) {
    return refuse(why, "growth: the largest chunk (" + std::to_string(growth.max) +
                           " bytes) is smaller than the first (" + std::to_string(growth.first) +
                           " bytes); raise the one or lower the other");
  }
  if (growth.max > kLargestChunk) {
    return refuse(why, "growth: no chunk can have " + std::to_string(growth.max) + " bytes");
  }
  if (length_hint > kLargestChunk) {
    return refuse(why, "length_hint: no chunk can have " + std::to_string(length_hint) +
                           " bytes; give the stream's length, or 0 if it is not known");
  }
  if (read_burst == 0) {
    return refuse(why, "read_burst: a source cannot be asked for 0 bytes; give 1 or more");
  }
  if (read_burst > kLargestChunk) {
    return refuse(why, "read_burst: no read can bring " + std::to_string(read_burst) + " bytes");
  }
  if (compaction == Compaction::executor && !executor) {
    return refuse(why, "compaction: there is no executor; give one, or another way");
  }
  return Status::ok;
}

}  // namespace catcher
