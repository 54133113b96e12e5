// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// When and where a catcher is compacted, and what it tells of that. compactor.hpp moves the bytes.
#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

#include "catcher.hpp"
#include "compactor.hpp"

namespace catcher {
namespace {

// As much is copied between two looks at a stop token.
constexpr std::uint64_t kPiece = std::uint64_t{1} << 20;

}  // namespace

// What an executor is given. Dropped without having been run, it says so, for those who wait.
struct Catcher::CompactionJob {
  CompactionJob(std::weak_ptr<Catcher> whose, unsigned number) noexcept
      : catcher(std::move(whose)), attempt(number) {}
  ~CompactionJob() {
    const std::shared_ptr<Catcher> held = catcher.lock();
    if (held != nullptr && held->take_compaction(attempt)) {
      held->settle_compaction(CompactionState::failed);
    }
  }
  CompactionJob(const CompactionJob&) = delete;
  CompactionJob& operator=(const CompactionJob&) = delete;

  void run() const noexcept {
    if (const std::shared_ptr<Catcher> held = catcher.lock()) held->run_compaction(attempt, {});
  }

  const std::weak_ptr<Catcher> catcher;
  const unsigned attempt;  // one that comes late has nothing to do with those after it
};

Status Catcher::compact(Compaction how) noexcept {
  if (how == Compaction::none) return Status::bad_argument;
  if (how == Compaction::executor && !config_.executor) return Status::bad_argument;
  {
    Lock lock(mutex_);
    const bool is_asked = compaction_ == CompactionState::pending;
    if (!is_finished() || is_asked || compaction_ == CompactionState::done) {
      return Status::bad_argument;
    }
    compaction_ = CompactionState::pending;
    compaction_taken_ = false;
    ++compaction_attempt_;
  }
  begin_compaction(how);
  return Status::ok;
}

void Catcher::begin_compaction(Compaction how) noexcept {
  const unsigned attempt = compaction_attempt();
  try {
    switch (how) {
      case Compaction::new_thread:
        compactor_ = std::jthread(
            [this, attempt](const std::stop_token& stop) { run_compaction(attempt, stop); });
        break;
      case Compaction::executor: hand_to_executor(attempt); break;
      default: run_compaction(attempt, {}); break;
    }
  } catch (...) {
    // No thread, no memory for a job, or an executor that throws: which may have run it.
    if (take_compaction(attempt)) settle_compaction(CompactionState::failed);
  }
}

void Catcher::hand_to_executor(unsigned attempt) {
  auto job = std::make_shared<CompactionJob>(weak_from_this(), attempt);
  config_.executor([job = std::move(job)] { job->run(); });
}

unsigned Catcher::compaction_attempt() const noexcept {
  Lock lock(mutex_);
  return compaction_attempt_;
}

bool Catcher::take_compaction(unsigned attempt) noexcept {
  Lock lock(mutex_);
  return attempt == compaction_attempt_ && compaction_ == CompactionState::pending &&
         !std::exchange(compaction_taken_, true);
}

void Catcher::run_compaction(unsigned attempt, const std::stop_token& stop) noexcept {
  if (!take_compaction(attempt)) return;
  const auto copy = [&stop](std::byte* to, const std::byte* from, std::uint64_t size) {
    while (size != 0) {
      if (stop.stop_requested()) return false;
      const auto piece = static_cast<std::size_t>(std::min(size, kPiece));
      std::memcpy(to, from, piece);
      to += piece;
      from += piece;
      size -= piece;
    }
    return true;
  };
  const Status status = Compactor(rope_).run(copy);
  settle_compaction(status == Status::ok ? CompactionState::done : CompactionState::failed);
}

void Catcher::settle_compaction(CompactionState state) noexcept {
  {
    Lock lock(mutex_);
    compaction_ = state;
  }
  arrived_.notify_all();
  left_.notify_all();
}

CompactionState Catcher::compaction() const noexcept {
  Lock lock(mutex_);
  return compaction_;
}

bool Catcher::is_finalised() const noexcept {
  return is_finished() && compaction() != CompactionState::pending;
}

LeaseResult Catcher::contiguous() const noexcept {
  if (!is_finished()) return {{}, Status::would_block, {}, {}};
  const auto [begin, end] = window();
  if (begin == end) return {};
  Pin<std::byte> chunk = rope_.pin(begin);
  if (!chunk) return {{}, Status::evicted, {}, window()};
  if (chunk.limit() >= end) {
    const std::span<const std::byte> bytes(chunk.data() + (begin - chunk.base()),
                                           static_cast<std::size_t>(end - begin));
    return {Lease(std::move(chunk), bytes, begin), Status::ok, {}, {}};
  }
  switch (compaction()) {
    case CompactionState::none: return {{}, Status::bad_argument, {}, {}};
    case CompactionState::failed: return {{}, Status::out_of_memory, {}, {}};
    default: return {{}, Status::would_block, {}, {}};
  }
}

}  // namespace catcher
