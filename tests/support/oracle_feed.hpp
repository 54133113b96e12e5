// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The feeding half of the oracle (reader_oracle.hpp): a catcher made as the input says, and what
// its writer or its source does.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/catcher.hpp"
#include "core/file_memory.hpp"
#include "tests/support/oracle_source.hpp"

namespace catcher::test {

class OracleFeed {
 public:
  explicit OracleFeed(Input input) : input_(input) {}

 protected:
  Config settings() {
    Config config;
    config.growth.kind = static_cast<Growth::Kind>(input_.byte() % 3);
    config.growth.first = input_.byte();
    config.growth.max = input_.word(2);
    config.length_hint = input_.word(2);
    config.max_bytes = input_.word(2);
    config.read_burst = input_.byte();
    const std::uint8_t kinds = input_.byte();
    pulls_ = kinds % 2 == 0;
    config.when_full = kinds % 3 == 0 ? WhenFull::block : WhenFull::evict;
    if (kinds % 16 == 1)
      config.memory = FileMemory::create("/dev/shm/catcher-oracle-XXXXXX").memory;
    return config;
  }

  bool make() {
    const Config config = settings();
    std::string why;
    Status status = Status::ok;
    if (pulls_) {
      auto made = Catcher::pull(std::make_unique<MoodSource>(model_, moods_), config);
      catcher_ = std::move(made.catcher);
      status = made.status;
      why = made.why;
    } else {
      auto made = Catcher::push(config);
      catcher_ = std::move(made.catcher);
      writer_ = std::move(made.writer);
      status = made.status;
      why = made.why;
    }
    require((status == Status::ok) == (catcher_ != nullptr), "a catcher, or a status");
    require((status == Status::ok) == why.empty(), "a refusal says why, and only a refusal");
    return status == Status::ok;
  }

  // `bytes` are those of the model at `offset`.
  void require_bytes(std::span<const std::byte> bytes, std::uint64_t offset) const {
    require(model_.has(bytes, offset), "each byte is the one that came there");
  }

  // Not at all, late or stopped.
  Wait any_wait() {
    switch (input_.byte() % 8) {
      case 0: return Wait::until(Clock::now() - std::chrono::hours(1));
      case 1: {
        std::stop_source stop;
        stop.request_stop();
        return Wait{kForever, stop.get_token()};
      }
      default: return Wait::none();
    }
  }

  void feel() {
    const auto kind = static_cast<Mood::Kind>(input_.byte() % (2 * Mood::kinds));
    const std::size_t bytes = input_.word(2) % 3000;
    if (moods_.size() < 8) moods_.push_back({kind < Mood::kinds ? kind : Mood::gives, bytes});
  }

  void append() {
    std::size_t size = input_.word(2) % 3000;
    const std::uint8_t how = input_.byte();
    const std::size_t unit = how % 8 == 0 ? input_.byte() : 1;
    const Wait wait = any_wait();
    // Right up to what somebody waits for, which by chance is rare.
    if (how % 8 == 1 && wanted_ > model_.end()) size = wanted_ - model_.end();
    // Before there is memory for it: who waits may do so at any offset.
    if (size > kMostBytes - model_.end()) return;
    std::vector<std::byte> bytes(size);
    fill_pattern(bytes, model_.end());

    const auto result = writer_.append(bytes, wait, unit);

    const bool sound = may_write() && unit != 0 && bytes.size() % unit == 0;
    require(sound || (result.bytes == 0 && result.status == Status::bad_argument),
            "nothing is taken after the end, nor parts of units");
    require(result.bytes <= bytes.size() && (result.bytes == 0 || result.bytes % unit == 0),
            "no more is taken than was offered, and no part of a unit");
    require((result.status == Status::ok) == (sound && result.bytes == bytes.size()),
            "an append is ok if it took all");
    model_.add(std::span(bytes).first(result.bytes));
  }

  bool may_write() const { return !writer_gone_ && model_.open(); }

  void finish_or_fail() {
    const std::uint8_t how = input_.byte();
    if (how == 255) {
      writer_ = Writer();
      writer_gone_ = true;
    } else if (how % 2 == 0) {
      writer_.fail(std::make_error_code(std::errc::io_error));
    } else {
      writer_.finish();
    }
    if (model_.open()) (how % 2 == 0 || writer_gone_ ? model_.failed : model_.finished) = true;
  }

  void resume() {
    const bool sound = model_.failed && !writer_gone_;
    require(catcher_->resume() == (sound ? Status::ok : Status::bad_argument),
            "what has failed can be resumed, nothing else");
    if (sound) model_.failed = false;
  }

  void evict() {
    const std::uint64_t before = input_.word(2);
    const std::uint8_t how = input_.byte();
    const auto was = catcher_->window();

    const Status status = writer_.evict_before(before, Wait::none());

    const auto window = catcher_->window();
    require(window.begin >= was.begin && window.end == was.end, "eviction takes from the front");
    require(window.begin <= std::max(was.begin, before), "eviction takes no more than it may");
    const bool done = status == Status::ok || status == Status::full;
    require(writer_gone_ ? status == Status::bad_argument : done, "eviction is done or held up");
    if (how % 2 == 0) writer_.seal();
    if (how % 16 == 1) writer_.limit_chunks(input_.byte());
  }

  void write_in_place() {
    const std::size_t at_least = input_.byte();
    if (model_.end() + 512 > kMostBytes) return;

    const auto reserved = writer_.reserve(at_least, Wait::none());

    require(may_write() || reserved.status == Status::bad_argument,
            "nothing is taken after the end");
    if (reserved.status != Status::ok) return;
    require(reserved.space.size() >= at_least, "there is as much room as was asked for");
    const std::size_t size = std::min<std::size_t>(reserved.space.size(), input_.byte());
    fill_pattern(reserved.space.first(size), model_.end());
    model_.add(reserved.space.first(size));
    writer_.commit(size);
  }

  Input input_;
  Model model_;
  Moods moods_;
  std::uint64_t wanted_ = 0;  // offset that somebody waits for
  bool pulls_ = false;
  bool writer_gone_ = false;
  std::shared_ptr<Catcher> catcher_;
  Writer writer_;
};

}  // namespace catcher::test
