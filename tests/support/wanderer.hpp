// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A reader that does one random thing after another with a catcher whose bytes are the pattern, and
// checks whatever comes of it. Stress tests run several.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/demand.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/stress.hpp"

namespace catcher::test {

// Thread: one at a time.
class Wanderer {
 public:
  // Reads up to `most` bytes at a time.
  Wanderer(std::shared_ptr<Catcher> catcher, std::uint64_t seed, std::size_t most = 64)
      : catcher_(std::move(catcher)),
        random_(seed),
        reader_(catcher_),
        room_(most),
        evicts_(catcher_->config().max_bytes != 0 &&
                catcher_->config().when_full == WhenFull::evict) {}

  // What ended the last read: ok while there is more.
  Status step(const Wait& wait) {
    switch (random_.below(10)) {
      case 0: return seek();
      case 1: return clone();
      case 2: return pin();
      case 3:
      case 4: return lease(wait);
      case 5: return skip(wait);
      default: return read(wait);
    }
  }

  // Reads all that is left, after going back to the oldest byte: how much the stream has.
  std::uint64_t finish() {
    demand(reader_.seek(0, Whence::oldest).status == Status::ok, "the oldest byte is a place");
    Status status = Status::ok;
    while (status != Status::end) status = read(Wait::none());
    return reader_.offset();
  }

  // How many bytes it has compared with the pattern.
  std::uint64_t checked() const { return checked_; }
  const std::shared_ptr<Catcher>& catcher() const { return catcher_; }

 private:
  Status read(const Wait& wait) {
    const std::uint64_t offset = reader_.offset();
    const ReadResult got = reader_.read(std::span(room_).first(random_.up_to(room_.size())), wait);
    demand(reader_.offset() == offset + got.bytes, "a read moves by what it gave", offset);
    check(std::span(room_).first(got.bytes), offset);
    return judge(got.status, got.window, offset);
  }

  Status lease(const Wait& wait) {
    const std::uint64_t offset = reader_.offset();
    LeaseResult got = reader_.lease(random_.up_to(100), wait);
    if (got.status != Status::ok) return judge(got.status, got.window, offset);
    demand(got.lease.offset() == offset && got.lease.size() > 0, "a lease begins here", offset);
    check(got.lease.bytes(), offset);
    leases_.push_back(std::move(got.lease));
    if (leases_.size() < 6) return Status::ok;
    for (const Lease& kept : leases_) check(kept.bytes(), kept.offset());
    leases_.erase(leases_.begin(), leases_.begin() + 3);
    return Status::ok;
  }

  Status skip(const Wait& wait) {
    const std::uint64_t offset = reader_.offset();
    const ReadResult got = reader_.skip(random_.up_to(50), wait);
    demand(reader_.offset() == offset + got.bytes, "a skip moves by what it says", offset);
    return judge(got.status, got.window, reader_.offset());
  }

  Status seek() {
    // Where the writer waits for readers, one that goes back may find that it was not waited for.
    const Window window = catcher_->window();
    const std::uint64_t from = blocks() ? reader_.offset() : window.begin;
    if (from >= window.end) return Status::ok;
    const std::uint64_t target = from + random_.below(window.end - from);
    const auto went = reader_.seek(static_cast<std::int64_t>(target));
    demand(went.status == Status::ok && reader_.offset() == target, "a seek goes there", target);
    return Status::ok;
  }

  Status clone() {
    Reader copy = reader_.clone();
    demand(copy.offset() == reader_.offset(), "a clone stands there too", copy.offset());
    reader_ = std::move(copy);
    return Status::ok;
  }

  Status pin() {
    const Window window = catcher_->window();
    if (window.begin == window.end) return Status::ok;
    const std::uint64_t begin = window.begin + random_.below(window.end - window.begin);
    const std::uint64_t end =
        begin + random_.up_to(std::min<std::uint64_t>(window.end - begin, 90));
    PinnedRange range;
    const Status status = catcher_->pin(begin, end, PinPolicy::keep, range);
    if (status != Status::ok) {
      demand(status == Status::evicted && catcher_->window().begin > begin, "it has gone", begin);
      return Status::ok;
    }
    std::uint64_t next = begin;
    for (const Lease& piece : range.pieces()) {
      demand(piece.offset() == next, "pieces have neither gap nor overlap", next);
      check(piece.bytes(), next);
      next += piece.size();
    }
    demand(next == end, "the pieces cover the range", next);
    return Status::ok;
  }

  // Goes on after an eviction; hands everything else on.
  Status judge(Status status, const Window& window, std::uint64_t offset) {
    if (status != Status::evicted) return status;
    demand(evicts_, "nothing is evicted that is waited for or unlimited", offset);
    demand(window.begin > offset && window.begin <= window.end, "the window has moved on", offset);
    demand(catcher_->window().begin >= window.begin, "a window only moves on", window.begin);
    demand(reader_.seek(0, Whence::oldest).status == Status::ok, "the oldest byte is a place");
    return Status::ok;
  }

  void check(std::span<const std::byte> bytes, std::uint64_t offset) {
    demand_pattern(bytes, offset);
    checked_ += bytes.size();
  }

  bool blocks() const { return catcher_->config().when_full == WhenFull::block; }

  std::shared_ptr<Catcher> catcher_;
  Random random_;
  Reader reader_;
  std::vector<std::byte> room_;
  const bool evicts_;
  std::vector<Lease> leases_;
  std::uint64_t checked_ = 0;
};

}  // namespace catcher::test
