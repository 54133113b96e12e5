// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Decodes its input into a catcher's settings and a run of operations on it (append, reserve, seal,
// evict, finish, fail, or what its source does; resume, pin, release; and for a few readers read,
// lease, seek, skip, clone, wait, ask to be called, hold back or not), and compares each outcome
// with a plain vector of what came. One thread, nothing waits: it is asked not to, is late or is
// stopped. What is not so is thrown, so that a property test can make the input smaller and a
// fuzzer stops.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/catcher.hpp"
#include "core/readable.hpp"
#include "core/reader.hpp"
#include "tests/support/oracle_feed.hpp"

namespace catcher::test {

inline constexpr std::size_t kMostReaders = 6;

class Oracle : private OracleFeed {
 public:
  using OracleFeed::OracleFeed;

  void all() {
    if (!make()) return;
    readers_.emplace_back(catcher_);
    while (!input_.empty()) {
      step();
      check();
    }
    leave();
  }

 private:
  void step() {
    const std::uint8_t what = input_.byte() % 20;
    if (pulls_ && (what < 4 || what == 12 || what == 13)) return feel();
    switch (what) {
      case 0:
      case 1:
      case 2: return append();
      case 3: return finish_or_fail();
      case 4: return resume();
      case 5: return pin();
      case 6: return lease();
      case 7: return skip();
      case 8: return clone_or_drop();
      case 9: return seek();
      case 10: return hold_back_or_not();
      case 11: return release();
      case 12: return evict();
      case 13: return write_in_place();
      case 14: return look();
      default: return read();
    }
  }

  void check() const {
    check_asked();
    const Window window = catcher_->window();
    const std::uint64_t most = catcher_->config().max_bytes;
    require(window.end == model_.end(), "the window ends at the last byte that came");
    require(most == 0 || window.end - window.begin <= most, "the window stays in its bound");
    for (const auto& [range, policy] : pins_) {
      require(policy == PinPolicy::keep || window.begin <= range.range().begin,
              "eviction does not pass what is held");
    }
    require(catcher_->is_finished() == model_.finished && catcher_->has_failed() == model_.failed,
            "only the first end counts");
    require(catcher_->length().has_value() == model_.finished, "the length is known at the end");
    const Stats stats = catcher_->stats();
    require(stats.bytes_in == window.end && stats.bytes_evicted == window.begin &&
                stats.readers == readers_.size(),
            "the figures are right");
  }

  // What was taken out stays right, whatever goes.
  void leave() {
    writer_ = Writer();
    if (!pulls_ && model_.open()) model_.failed = true;
    check_asked();
    readers_.clear();
    catcher_.reset();
    require_kept();
  }

  void require_kept() const {
    for (const Lease& lease : leases_) require_bytes(lease.bytes(), lease.offset());
    for (const auto& pin : pins_) require_pieces(pin.range);
  }

  void require_pieces(const PinnedRange& range) const {
    std::uint64_t next = range.range().begin;
    for (const auto& piece : range.pieces()) {
      require(piece.offset() == next, "the pieces have neither gap nor overlap");
      require_bytes(piece.bytes(), next);
      next += piece.size();
    }
    require(next == range.range().end, "the pieces cover the range");
  }

  Reader& any_reader() { return readers_[input_.byte() % readers_.size()]; }

  // ---- who reads ----------------------------------------------------------------

  // Why a reader at `offset` got nothing.
  void require_reason(Status status, std::uint64_t offset, const Wait& wait) const {
    const auto window = catcher_->window();
    if (offset < window.begin) {
      require(status == Status::evicted, "what has left the window is evicted");
    } else if (offset < window.end) {
      require(false, "what is in the window can be read");
    } else if (model_.finished) {
      require(status == Status::end, "after the last byte comes the end");
    } else if (model_.failed) {
      require(status == Status::failed, "after the last byte comes the failure");
    } else if (wait.stop.stop_requested()) {
      require(status == Status::cancelled, "who is stopped does not wait");
    } else if (wait.deadline != kNotAtAll) {
      // A source may say that nothing is there before time is found to be up.
      require(status == Status::timed_out || (pulls_ && status == Status::would_block),
              "who is late does not wait");
    } else {
      require(status == Status::would_block, "at the edge nothing is there yet");
    }
  }

  void pin() {
    const std::uint64_t begin = input_.word(2);
    const std::uint64_t end = begin + input_.word(2);
    const auto policy = static_cast<PinPolicy>(input_.byte() % 2);
    const auto window = catcher_->window();
    PinnedRange range;

    const Status status = catcher_->pin(begin, end, policy, range);

    const bool sound = begin < end && end <= window.end;
    require((status == Status::ok) == (sound && begin >= window.begin), "what is there is pinned");
    require(sound || status == Status::bad_argument, "what is not there cannot be pinned");
    if (status != Status::ok) return;
    require(range.range() == Window{begin, end}, "the range is what was asked for");
    require_pieces(range);
    if (pins_.size() < 4) pins_.push_back({std::move(range), policy});
  }

  void release() {
    require_kept();
    switch (input_.byte() % 4) {
      case 0: return pins_.clear();
      case 1: return leases_.clear();
      case 2:
        if (!leases_.empty()) leases_.push_back(leases_.back().share(input_.byte(), 99));
        return;
      default:
        if (readers_.size() < 2) return;
        readers_.front() = std::move(readers_.back());
        readers_.pop_back();
    }
  }

  void read() {
    Reader& reader = any_reader();
    const bool full = input_.byte() % 4 == 0;
    std::vector<std::byte> bytes(input_.word(2) % 5000);
    const Wait wait = any_wait();
    const std::uint64_t offset = reader.offset();

    const auto result = full ? reader.read_full(bytes, wait) : reader.read(bytes, wait);

    require(result.bytes <= bytes.size() && reader.offset() == offset + result.bytes,
            "a read moves by what it gave");
    require(result.bytes == 0 || reader.offset() <= model_.end(), "bytes are those that came");
    require_bytes(std::span(bytes).first(result.bytes), std::min(offset, model_.end()));
    if (full) {
      require((result.status == Status::ok) == (result.bytes == bytes.size()), "full is ok");
    } else {
      require(result.status == Status::ok || result.bytes == 0, "bytes come without a reason");
      require(result.status != Status::ok || result.bytes != 0 || bytes.empty(),
              "nothing comes with a reason");
    }
    if (result.status != Status::ok) require_reason(result.status, reader.offset(), wait);
  }

  void lease() {
    Reader& reader = any_reader();
    const std::size_t most = 1 + input_.word(2);
    const Wait wait = any_wait();
    const std::uint64_t offset = reader.offset();

    auto result = reader.lease(most, wait);

    require(reader.offset() == offset + result.lease.size() && result.lease.size() <= most,
            "a lease moves by what it holds");
    if (result.status != Status::ok) return require_reason(result.status, offset, wait);
    require(result.lease.offset() == offset && result.lease.size() > 0, "a lease begins there");
    require_bytes(result.lease.bytes(), offset);
    if (leases_.size() < 8) leases_.push_back(std::move(result.lease));
  }

  void skip() {
    Reader& reader = any_reader();
    const std::uint64_t count = input_.word(2);
    const Wait wait = any_wait();
    const std::uint64_t offset = reader.offset();

    const auto result = reader.skip(count, wait);

    require(result.bytes <= count && reader.offset() == offset + result.bytes,
            "a skip moves by what it says");
    require((result.status == Status::ok) == (result.bytes == count),
            "a skip is ok if all is there");
    if (result.status != Status::ok) require_reason(result.status, reader.offset(), wait);
  }

  void look() {
    Reader& reader = any_reader();
    const std::uint8_t how = input_.byte();
    switch (how % 16) {
      case 3: return ask(reader);
      case 5: return cancel();
      case 7: return read_now(reader);
      case 9: return lease_now(reader);
      default: break;
    }
    if (how % 2 == 0) {
      const Wait wait = any_wait();
      const auto result = reader.wait(wait);
      require((result.status == Status::ok) == (reader.available() != 0),
              "what is waited for comes");
      if (result.status != Status::ok) require_reason(result.status, reader.offset(), wait);
    }
    const std::uint64_t available = reader.available();
    const auto result = reader.skip(available, Wait::none());
    require(result.status == Status::ok && result.bytes == available, "what is available is there");
  }

  // ---- who does not wait ----------------------------------------------------------

  void read_now(Reader& reader) {
    std::vector<std::byte> bytes(input_.word(2) % 5000);
    const std::uint64_t offset = reader.offset();
    const std::size_t moods = moods_.size();

    const auto result = reader.read_now(bytes);

    require(moods_.size() == moods, "the source is not asked");
    require(reader.offset() == offset + result.bytes, "a read moves by what it gave");
    require_bytes(std::span(bytes).first(result.bytes), std::min(offset, model_.end()));
    require((result.status == Status::ok) == (result.bytes != 0 || bytes.empty()),
            "bytes, or a reason");
    if (result.status != Status::ok) require_reason(result.status, offset, Wait::none());
  }

  void lease_now(Reader& reader) {
    const std::uint64_t offset = reader.offset();
    const std::size_t moods = moods_.size();

    const auto result = reader.lease_now(1 + input_.word(2));

    require(moods_.size() == moods, "the source is not asked");
    require(reader.offset() == offset + result.lease.size(), "a lease moves by what it holds");
    require((result.status == Status::ok) == (result.lease.size() != 0), "a lease, or a reason");
    if (result.status != Status::ok) return require_reason(result.status, offset, Wait::none());
    require_bytes(result.lease.bytes(), offset);
  }

  struct Asked {
    std::uint64_t offset = 0;
    bool waits = false;
    int expected = 0;
    int called = 0;
    ReadableRequest request{
        this, [](void* asked, Status) noexcept { ++static_cast<Asked*>(asked)->called; }};
  };

  Asked& any_asked() {
    auto& asked = asked_[input_.byte() % asked_.size()];
    if (asked == nullptr) asked = std::make_unique<Asked>();
    return *asked;
  }

  void ask(Reader& reader) {
    Asked& asked = any_asked();
    const std::uint8_t ahead = input_.byte();
    if (ahead % 2 == 0) {
      require(reader.seek(ahead, Whence::edge).status == Status::ok, "a reader may be ahead");
    }
    const std::uint64_t offset = reader.offset();
    const bool readable = reader.available() != 0;

    const Status status = reader.once_readable(asked.request);

    if (readable) {
      require(status == Status::ok, "what is there is not waited for");
    } else if (offset < catcher_->window().begin || !model_.open()) {
      require_reason(status, offset, Wait::none());
    } else if (pulls_ || asked.waits) {
      require(status == Status::bad_argument, "nothing can be waited for, or only once");
    } else {
      require(status == Status::would_block, "what is to come is waited for");
      asked.waits = true;
      asked.offset = wanted_ = offset;
    }
  }

  void cancel() {
    Asked& asked = any_asked();
    require(asked.request.cancel() == asked.waits, "who waits is cancelled, nobody else");
    asked.waits = false;
  }

  // Who waits is called by the step that brings it, once.
  void check_asked() const {
    for (const auto& asked : asked_) {
      if (asked == nullptr) continue;
      if (asked->waits && (model_.end() > asked->offset || !model_.open())) {
        asked->waits = false;
        ++asked->expected;
      }
      require(asked->called == asked->expected, "who waits is called, once");
    }
  }

  void seek() {
    Reader& reader = any_reader();
    const auto whence = static_cast<Whence>(input_.byte() % 5);
    const bool extreme = input_.byte() % 8 == 0;
    const auto distance = static_cast<std::int64_t>(
        extreme ? input_.word(8) : input_.word(2) - (whence == Whence::start ? 0u : 0x8000u));
    const std::uint64_t offset = reader.offset();

    const auto result = reader.seek(distance, whence);

    const auto window = catcher_->window();
    const std::uint64_t bases[] = {0, offset, model_.end(), window.begin, window.end};
    std::int64_t target = 0;
    const bool overflows = __builtin_add_overflow(
        static_cast<std::int64_t>(bases[static_cast<int>(whence)]), distance, &target);
    const bool sound = !overflows && target >= 0 && (whence != Whence::end || model_.finished);
    require((result.status == Status::ok) == sound,
            "a seek is refused only where it makes no sense");
    require(reader.offset() == (sound ? static_cast<std::uint64_t>(target) : offset),
            "a seek goes where it was sent, or nowhere");
    require(result.offset == reader.offset(), "a seek says where it went");
  }

  void clone_or_drop() {
    const std::size_t index = input_.byte() % readers_.size();
    if (readers_.size() < kMostReaders && input_.byte() % 2 == 0) {
      readers_.push_back(readers_[index].clone());
      require(readers_.back().offset() == readers_[index].offset(), "a clone stands there too");
      require(readers_.back().available() == readers_[index].available(),
              "a clone can read what the other can");
    } else if (readers_.size() > 1) {
      readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(index));
    }
  }

  void hold_back_or_not() {
    Reader& reader = any_reader();
    reader.set_holds_back(input_.byte() % 2 == 0);
  }

  struct Kept {
    PinnedRange range;
    PinPolicy policy;
  };

  std::vector<Reader> readers_;
  std::vector<Kept> pins_;
  std::vector<Lease> leases_;
  std::array<std::unique_ptr<Asked>, 3> asked_{};
};

}  // namespace catcher::test
