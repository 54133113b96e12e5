// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Decodes its input into a catcher's settings and a run of operations on it (append, finish, fail,
// resume, pin; and for a few readers read, lease, seek, skip, clone), and compares each outcome
// with what a plain reckoning says. The byte at an offset is a function of the offset, so that
// any slice proves itself. One thread, nothing waits.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/catcher.hpp"
#include "core/reader.hpp"

namespace {

using catcher::Catcher;
using catcher::Reader;
using catcher::Status;
using catcher::Wait;
using catcher::Whence;

void demand(bool fact, const char* what) {
  if (fact) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

std::byte byte_at(std::uint64_t offset) {
  return static_cast<std::byte>((offset * 0x9E3779B97F4A7C15u) >> 56);
}

void demand_pattern(std::span<const std::byte> bytes, std::uint64_t offset) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    demand(bytes[i] == byte_at(offset + i), "each byte is the one that was appended there");
  }
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

constexpr std::uint64_t kMostBytes = 64 * 1024;
constexpr std::size_t kMostReaders = 6;

class Run {
 public:
  explicit Run(Input input) : input_(input) {}

  void all() {
    auto made = Catcher::push(settings());
    if (made.status != Status::ok) {
      demand(!made.why.empty(), "a refusal says why");
      return;
    }
    catcher_ = made.catcher;
    writer_ = std::move(made.writer);
    readers_.emplace_back(catcher_);
    while (!input_.empty()) {
      step();
      demand(catcher_->window().end == end_, "the window ends at the last byte appended");
    }
  }

 private:
  catcher::Config settings() {
    catcher::Config config;
    config.growth.kind = static_cast<catcher::Growth::Kind>(input_.byte() % 3);
    config.growth.first = input_.byte();
    config.growth.max = input_.word(2);
    config.length_hint = input_.word(2);
    config.max_bytes = input_.word(2);
    const bool blocks = input_.byte() % 4 == 0;
    config.when_full = blocks ? catcher::WhenFull::block : catcher::WhenFull::evict;
    return config;
  }

  void step() {
    switch (input_.byte() % 12) {
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
      default: return read();
    }
  }

  Reader& any_reader() { return readers_[input_.byte() % readers_.size()]; }
  bool open() const { return !finished_ && !failed_; }

  void append() {
    std::vector<std::byte> bytes(input_.word(2) % 3000);
    if (end_ + bytes.size() > kMostBytes) return;
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = byte_at(end_ + i);

    const auto result = writer_.append(bytes, Wait::none());

    demand(open() || result.bytes == 0, "nothing is taken after the end");
    demand(result.bytes <= bytes.size(), "no more is taken than was offered");
    demand(
        (result.status == Status::ok) == (open() && result.bytes == bytes.size()) || bytes.empty(),
        "an append is ok if it took all");
    end_ += result.bytes;
  }

  void finish_or_fail() {
    const bool fails = input_.byte() % 2 == 0;
    if (fails) {
      writer_.fail(std::make_error_code(std::errc::io_error));
    } else {
      writer_.finish();
    }
    if (open()) (fails ? failed_ : finished_) = true;
    demand(catcher_->is_finished() == finished_ && catcher_->has_failed() == failed_,
           "only the first end counts");
  }

  void resume() {
    const Status expected = failed_ ? Status::ok : Status::bad_argument;
    demand(catcher_->resume() == expected, "what has failed can be resumed, nothing else");
    failed_ = false;
  }

  void pin() {
    const std::uint64_t begin = input_.word(2);
    const std::uint64_t end = begin + input_.word(2);
    const auto policy = static_cast<catcher::PinPolicy>(input_.byte() % 2);
    const auto window = catcher_->window();
    catcher::PinnedRange range;

    const Status status = catcher_->pin(begin, end, policy, range);

    const bool sound = begin < end && end <= window.end;
    demand((status == Status::ok) == (sound && begin >= window.begin), "what is there is pinned");
    std::uint64_t next = begin;
    for (const auto& piece : range.pieces()) {
      demand(piece.offset() == next, "the pieces have neither gap nor overlap");
      demand_pattern(piece.bytes(), next);
      next += piece.size();
    }
    demand(status != Status::ok || next == end, "the pieces cover the range");
    if (policy == catcher::PinPolicy::hold && pins_.size() < 2) pins_.push_back(std::move(range));
    if (input_.byte() % 4 == 0) pins_.clear();
  }

  // Why a reader at `offset` got nothing.
  void demand_reason(Status status, std::uint64_t offset) {
    const auto window = catcher_->window();
    if (offset < window.begin) {
      demand(status == Status::evicted, "what has left the window is evicted");
    } else if (offset < window.end) {
      demand(false, "what is in the window can be read");
    } else if (finished_) {
      demand(status == Status::end, "after the last byte comes the end");
    } else if (failed_) {
      demand(status == Status::failed, "after the last byte comes the failure");
    } else {
      demand(status == Status::would_block, "at the edge nothing is there yet");
    }
  }

  void read() {
    Reader& reader = any_reader();
    std::vector<std::byte> bytes(input_.word(2) % 5000);
    const std::uint64_t offset = reader.offset();

    const auto result = reader.try_read(bytes);

    demand(result.bytes <= bytes.size() && reader.offset() == offset + result.bytes,
           "a read moves by what it gave");
    if (result.bytes > 0) {
      demand(result.status == Status::ok && reader.offset() <= end_, "bytes come without a reason");
      demand_pattern(std::span(bytes).first(result.bytes), offset);
    } else if (!bytes.empty()) {
      demand_reason(result.status, offset);
    }
  }

  void lease() {
    Reader& reader = any_reader();
    const std::size_t most = 1 + input_.word(2);
    const std::uint64_t offset = reader.offset();

    auto result = reader.lease(most, Wait::none());

    demand(reader.offset() == offset + result.lease.size() && result.lease.size() <= most,
           "a lease moves by what it holds");
    if (result.status != Status::ok) return demand_reason(result.status, offset);
    demand(result.lease.offset() == offset && result.lease.size() > 0, "a lease begins there");
    demand_pattern(result.lease.bytes(), offset);
    leases_.push_back(std::move(result.lease));
    if (leases_.size() > 8) {
      for (const auto& kept : leases_) demand_pattern(kept.bytes(), kept.offset());
      leases_.clear();
    }
  }

  void skip() {
    Reader& reader = any_reader();
    const std::uint64_t count = input_.word(2);
    const std::uint64_t offset = reader.offset();

    const auto result = reader.skip(count, Wait::none());

    demand(result.bytes <= count && reader.offset() == offset + result.bytes,
           "a skip moves by what it says");
    demand((result.status == Status::ok) == (result.bytes == count),
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
    const std::uint64_t bases[] = {0, offset, end_, window.begin, window.end};
    std::int64_t target = 0;
    const bool overflows = __builtin_add_overflow(
        static_cast<std::int64_t>(bases[static_cast<int>(whence)]), distance, &target);
    const bool sound = !overflows && target >= 0 && (whence != Whence::end || finished_);
    demand((result.status == Status::ok) == sound,
           "a seek is refused only where it makes no sense");
    demand(reader.offset() == (sound ? static_cast<std::uint64_t>(target) : offset),
           "a seek goes where it was sent, or nowhere");
    demand(result.offset == reader.offset(), "a seek says where it went");
  }

  void clone_or_drop() {
    const std::size_t index = input_.byte() % readers_.size();
    if (readers_.size() < kMostReaders && input_.byte() % 2 == 0) {
      readers_.push_back(readers_[index].clone());
      demand(readers_.back().offset() == readers_[index].offset(), "a clone stands there too");
    } else if (readers_.size() > 1) {
      readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(index));
    }
  }

  Input input_;
  std::shared_ptr<Catcher> catcher_;
  catcher::Writer writer_;
  std::vector<Reader> readers_;
  std::vector<catcher::PinnedRange> pins_;
  std::vector<catcher::Lease> leases_;
  std::uint64_t end_ = 0;
  bool finished_ = false;
  bool failed_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run(Input(data, size)).all();
  return 0;
}
