// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Decodes its input into a catcher's settings and a run of operations on it (append, reserve,
// evict, finish, fail, resume, pin; and for a few readers read, lease, seek, skip, clone), and
// compares each outcome with a plain vector of what was appended. One thread, nothing waits. What
// is not so is thrown, so that a property test can make the input smaller and a fuzzer stops.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/catcher.hpp"
#include "core/reader.hpp"
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
inline constexpr std::size_t kMostReaders = 6;

class Oracle {
 public:
  explicit Oracle(Input input) : input_(input) {}

  void all() {
    auto made = Catcher::push(settings());
    if (made.status != Status::ok) {
      require(!made.why.empty(), "a refusal says why");
      return;
    }
    catcher_ = made.catcher;
    writer_ = std::move(made.writer);
    readers_.emplace_back(catcher_);
    while (!input_.empty()) {
      step();
      require(catcher_->window().end == end(), "the window ends at the last byte appended");
    }
  }

 private:
  Config settings() {
    Config config;
    config.growth.kind = static_cast<Growth::Kind>(input_.byte() % 3);
    config.growth.first = input_.byte();
    config.growth.max = input_.word(2);
    config.length_hint = input_.word(2);
    config.max_bytes = input_.word(2);
    const bool blocks = input_.byte() % 4 == 0;
    config.when_full = blocks ? WhenFull::block : WhenFull::evict;
    return config;
  }

  void step() {
    switch (input_.byte() % 14) {
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
      case 12: return evict();
      case 13: return write_in_place();
      default: return read();
    }
  }

  Reader& any_reader() { return readers_[input_.byte() % readers_.size()]; }
  bool open() const { return !finished_ && !failed_; }
  std::uint64_t end() const { return all_.size(); }

  // `bytes` are those of the model at `offset`.
  void require_bytes(std::span<const std::byte> bytes, std::uint64_t offset) const {
    require(offset + bytes.size() <= end() &&
                std::equal(bytes.begin(), bytes.end(),
                           all_.begin() + static_cast<std::ptrdiff_t>(offset)),
            "each byte is the one that was appended there");
  }

  void append() {
    std::vector<std::byte> bytes(input_.word(2) % 3000);
    if (end() + bytes.size() > kMostBytes) return;
    fill_pattern(bytes, end());

    const auto result = writer_.append(bytes, Wait::none());

    require(open() || result.bytes == 0, "nothing is taken after the end");
    require(result.bytes <= bytes.size(), "no more is taken than was offered");
    require(
        (result.status == Status::ok) == (open() && result.bytes == bytes.size()) || bytes.empty(),
        "an append is ok if it took all");
    all_.insert(all_.end(), bytes.begin(),
                bytes.begin() + static_cast<std::ptrdiff_t>(result.bytes));
  }

  void finish_or_fail() {
    const bool fails = input_.byte() % 2 == 0;
    if (fails) {
      writer_.fail(std::make_error_code(std::errc::io_error));
    } else {
      writer_.finish();
    }
    if (open()) (fails ? failed_ : finished_) = true;
    require(catcher_->is_finished() == finished_ && catcher_->has_failed() == failed_,
            "only the first end counts");
  }

  void resume() {
    const Status expected = failed_ ? Status::ok : Status::bad_argument;
    require(catcher_->resume() == expected, "what has failed can be resumed, nothing else");
    failed_ = false;
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
    std::uint64_t next = begin;
    for (const auto& piece : range.pieces()) {
      require(piece.offset() == next, "the pieces have neither gap nor overlap");
      require_bytes(piece.bytes(), next);
      next += piece.size();
    }
    require(status != Status::ok || next == end, "the pieces cover the range");
    if (policy == PinPolicy::hold && pins_.size() < 2) pins_.push_back(std::move(range));
    if (input_.byte() % 4 == 0) pins_.clear();
  }

  void evict() {
    const std::uint64_t before = input_.word(2);
    const auto was = catcher_->window();

    const Status status = writer_.evict_before(before, Wait::none());

    const auto window = catcher_->window();
    require(window.begin >= was.begin && window.end == was.end, "eviction takes from the front");
    require(window.begin <= std::max(was.begin, before), "eviction takes no more than it may");
    require(status == Status::ok || status == Status::full, "eviction is done or held up");
    if (input_.byte() % 2 == 0) writer_.seal();
  }

  void write_in_place() {
    const std::size_t at_least = input_.byte();
    if (end() + 512 > kMostBytes) return;

    const auto reserved = writer_.reserve(at_least, Wait::none());

    require(open() || reserved.status == Status::bad_argument, "nothing is taken after the end");
    if (reserved.status != Status::ok) return;
    require(reserved.space.size() >= at_least, "there is as much room as was asked for");
    const std::size_t size = std::min<std::size_t>(reserved.space.size(), input_.byte());
    fill_pattern(reserved.space.first(size), end());
    all_.insert(all_.end(), reserved.space.begin(),
                reserved.space.begin() + static_cast<std::ptrdiff_t>(size));
    writer_.commit(size);
  }

  // Why a reader at `offset` got nothing.
  void require_reason(Status status, std::uint64_t offset) {
    const auto window = catcher_->window();
    if (offset < window.begin) {
      require(status == Status::evicted, "what has left the window is evicted");
    } else if (offset < window.end) {
      require(false, "what is in the window can be read");
    } else if (finished_) {
      require(status == Status::end, "after the last byte comes the end");
    } else if (failed_) {
      require(status == Status::failed, "after the last byte comes the failure");
    } else {
      require(status == Status::would_block, "at the edge nothing is there yet");
    }
  }

  void read() {
    Reader& reader = any_reader();
    std::vector<std::byte> bytes(input_.word(2) % 5000);
    const std::uint64_t offset = reader.offset();

    const auto result = reader.try_read(bytes);

    require(result.bytes <= bytes.size() && reader.offset() == offset + result.bytes,
            "a read moves by what it gave");
    if (result.bytes > 0) {
      require(result.status == Status::ok && reader.offset() <= end(),
              "bytes come without a reason");
      require_bytes(std::span(bytes).first(result.bytes), offset);
    } else if (!bytes.empty()) {
      require_reason(result.status, offset);
    }
  }

  void lease() {
    Reader& reader = any_reader();
    const std::size_t most = 1 + input_.word(2);
    const std::uint64_t offset = reader.offset();

    auto result = reader.lease(most, Wait::none());

    require(reader.offset() == offset + result.lease.size() && result.lease.size() <= most,
            "a lease moves by what it holds");
    if (result.status != Status::ok) return require_reason(result.status, offset);
    require(result.lease.offset() == offset && result.lease.size() > 0, "a lease begins there");
    require_bytes(result.lease.bytes(), offset);
    leases_.push_back(std::move(result.lease));
    if (leases_.size() > 8) {
      for (const auto& kept : leases_) require_bytes(kept.bytes(), kept.offset());
      leases_.clear();
    }
  }

  void skip() {
    Reader& reader = any_reader();
    const std::uint64_t count = input_.word(2);
    const std::uint64_t offset = reader.offset();

    const auto result = reader.skip(count, Wait::none());

    require(result.bytes <= count && reader.offset() == offset + result.bytes,
            "a skip moves by what it says");
    require((result.status == Status::ok) == (result.bytes == count),
            "a skip is ok if all is there");
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
    const std::uint64_t bases[] = {0, offset, end(), window.begin, window.end};
    std::int64_t target = 0;
    const bool overflows = __builtin_add_overflow(
        static_cast<std::int64_t>(bases[static_cast<int>(whence)]), distance, &target);
    const bool sound = !overflows && target >= 0 && (whence != Whence::end || finished_);
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
    } else if (readers_.size() > 1) {
      readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(index));
    }
  }

  Input input_;
  std::shared_ptr<Catcher> catcher_;
  Writer writer_;
  std::vector<Reader> readers_;
  std::vector<PinnedRange> pins_;
  std::vector<Lease> leases_;
  std::vector<std::byte> all_;  // what was appended, from offset 0
  bool finished_ = false;
  bool failed_ = false;
};

}  // namespace catcher::test
