// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A source that does what a script says, step by step, and keeps count. Its bytes are the pattern.
//
//   auto log = std::make_shared<SourceLog>();
//   Script script;
//   script.give(10).interrupt().fail(error).give(5).end();
//   Catcher::pull(std::make_unique<ScriptedSource>(std::move(script), log));
//
// After the last step comes the end.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "core/source.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pattern.hpp"

namespace catcher::test {

// What a source has seen; outlives it.
struct SourceLog {
  std::atomic<std::uint64_t> reads{0};
  std::atomic<std::uint64_t> largest_space{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<bool> is_gone{false};
  Gate entered{};  // a pass for each read that has begun to wait at a gate
};

struct Step {
  enum class Kind { give, interrupt, fail, end, throws, overrun, wait };
  Kind kind;
  std::size_t bytes = 0;
  std::error_code error{};
  Gate* gate = nullptr;
};

class Script {
 public:
  // `bytes` in one read, or in as many as there is room for.
  Script& give(std::size_t bytes) { return add({Step::Kind::give, bytes}); }
  // ok without bytes, as a read that a signal has interrupted.
  Script& interrupt() { return add({Step::Kind::interrupt}); }
  // The failure, together with the last `bytes` before it.
  Script& fail(std::error_code error, std::size_t bytes = 0) {
    return add({Step::Kind::fail, bytes, error});
  }
  // The end, together with the last `bytes` before it. Stays the end.
  Script& end(std::size_t bytes = 0) { return add({Step::Kind::end, bytes}); }
  Script& throws() { return add({Step::Kind::throws}); }
  // Claims one byte more than there is room for.
  Script& overrun() { return add({Step::Kind::overrun}); }
  // Waits until `gate` lets one pass, the stop token or the deadline.
  Script& wait(Gate& gate) { return add({Step::Kind::wait, 0, {}, &gate}); }

 private:
  friend class ScriptedSource;
  Script& add(const Step& step) {
    steps_.push_back(step);
    return *this;
  }
  std::deque<Step> steps_;
};

class ScriptedSource final : public Source {
 public:
  explicit ScriptedSource(Script script, std::shared_ptr<SourceLog> log = nullptr)
      : steps_(std::move(script.steps_)),
        log_(log != nullptr ? std::move(log) : std::make_shared<SourceLog>()) {}
  ~ScriptedSource() override { log_->is_gone = true; }

  SourceResult read(std::span<std::byte> space, const Wait& wait) override {
    demand(!busy_.exchange(true), "one thread at a time reads a source");
    const Leave leave{busy_};
    demand(!space.empty(), "a source is given room");
    log_->reads += 1;
    log_->largest_space = std::max<std::uint64_t>(log_->largest_space, space.size());
    while (!steps_.empty() && steps_.front().kind == Step::Kind::wait) {
      log_->entered.open();
      if (!steps_.front().gate->pass(wait)) return interrupted(wait);
      steps_.pop_front();
    }
    return steps_.empty() ? SourceResult::at_end() : carry_out(space);
  }

 private:
  struct Leave {
    std::atomic<bool>& busy;
    ~Leave() { busy = false; }
  };

  static SourceResult interrupted(const Wait& wait) {
    if (wait.stop.stop_requested()) return {0, Status::cancelled, {}};
    return {0, wait.deadline == kNotAtAll ? Status::would_block : Status::timed_out, {}};
  }

  SourceResult carry_out(std::span<std::byte> space) {
    Step& step = steps_.front();
    const std::size_t bytes = std::min(step.bytes, space.size());
    fill_pattern(space.first(bytes), offset_);
    offset_ += bytes;
    log_->bytes += bytes;
    step.bytes -= bytes;
    if (step.bytes > 0) return SourceResult::some(bytes);
    const Step done = step;
    if (step.kind != Step::Kind::end) steps_.pop_front();
    switch (done.kind) {
      case Step::Kind::fail: return SourceResult::failure(done.error, bytes);
      case Step::Kind::end: return SourceResult::at_end(bytes);
      case Step::Kind::throws: throw std::runtime_error("as the script says");
      case Step::Kind::overrun: return SourceResult::some(space.size() + 1);
      default: return SourceResult::some(bytes);
    }
  }

  std::deque<Step> steps_;
  const std::shared_ptr<SourceLog> log_;
  std::uint64_t offset_ = 0;
  std::atomic<bool> busy_{false};
};

}  // namespace catcher::test
