// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What the oracle (reader_oracle.hpp) is made of: its input, its plain model of a stream, and a
// source that carries out what the input says, and tells the model.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "core/source.hpp"
#include "tests/support/pattern.hpp"

namespace catcher::test {

inline void require(bool fact, const char* what) {
  if (!fact) throw std::logic_error(std::string("not so: ") + what);
}

// The input, taken from the front. Empty input gives zeros.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  bool empty() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::uint64_t word(int bytes) {
    std::uint64_t value = 0;
    while (bytes-- > 0) value = value << 8 | byte();
    return value;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

inline constexpr std::uint64_t kMostBytes = 64 * 1024;

// What has come, and how it ended.
struct Model {
  std::vector<std::byte> all{};  // from offset 0
  bool finished = false;
  bool failed = false;

  bool open() const { return !finished && !failed; }
  std::uint64_t end() const { return all.size(); }
  void add(std::span<const std::byte> bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); }
  bool has(std::span<const std::byte> bytes, std::uint64_t offset) const {
    return offset + bytes.size() <= end() &&
           std::equal(bytes.begin(), bytes.end(),
                      all.begin() + static_cast<std::ptrdiff_t>(offset));
  }
};

// Does one thing of its list at each read; with an empty list nothing is there yet.
struct Mood {
  enum Kind : std::uint8_t { gives, ends, fails, throws, overruns, interrupted, late, kinds };
  Kind kind = gives;
  std::size_t bytes = 0;
};
using Moods = std::deque<Mood>;

class MoodSource final : public Source {
 public:
  MoodSource(Model& model, Moods& moods) : model_(model), moods_(moods) {}

  SourceResult read(std::span<std::byte> space, const Wait& /*wait*/) override {
    require(!space.empty(), "a source is given room");
    require(model_.open(), "a source that has ended or failed is not asked");
    if (moods_.empty()) return {0, Status::would_block, {}};
    const Mood mood = moods_.front();
    moods_.pop_front();
    const bool takes_all = mood.kind == Mood::throws || mood.kind == Mood::overruns;
    const std::size_t bytes = takes_all
                                  ? 0
                                  : std::min({space.size(), mood.bytes,
                                              static_cast<std::size_t>(kMostBytes - model_.end())});
    // Room that is not said to be filled does not count.
    fill_pattern(space, takes_all ? 1 : model_.end());
    model_.add(space.first(bytes));
    switch (mood.kind) {
      case Mood::ends: model_.finished = true; return SourceResult::at_end(bytes);
      case Mood::fails:
        model_.failed = true;
        return SourceResult::failure(std::make_error_code(std::errc::io_error), bytes);
      case Mood::throws: model_.failed = true; throw std::runtime_error("a mood");
      case Mood::overruns: model_.failed = true; return SourceResult::some(space.size() + 1);
      case Mood::interrupted: return {bytes, Status::ok, {}};
      case Mood::late: return {bytes, Status::timed_out, {}};
      default: return SourceResult::some(bytes);
    }
  }

 private:
  Model& model_;
  Moods& moods_;
};

}  // namespace catcher::test
