// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Decodes its input into a catcher's settings and a run of operations on it (append, reserve, seal,
// evict, finish, fail, or what its source does; resume, pin, release; and for a few readers read,
// lease, seek, skip, clone, wait, hold back or not), and compares each outcome with a plain vector
// of what came. One thread, nothing waits: it is asked not to, is late or is stopped. What is not
// so is thrown, so that a property test can make the input smaller and a fuzzer stops.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/catcher.hpp"
#include "core/file_memory.hpp"
#include "core/reader.hpp"
#include "tests/support/oracle_source.hpp"

namespace catcher::test {

inline constexpr std::size_t kMostReaders = 6;

class Oracle {
 public:
  explicit Oracle(Input input) : input_(input) {}

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

  // `bytes` are those of the model at `offset`.
  void require_bytes(std::span<const std::byte> bytes, std::uint64_t offset) const {
    require(model_.has(bytes, offset), "each byte is the one that came there");
  }

  Reader& any_reader() { return readers_[input_.byte() % readers_.size()]; }

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

  // ---- who feeds ----------------------------------------------------------------

  void feel() {
    const auto kind = static_cast<Mood::Kind>(input_.byte() % (2 * Mood::kinds));
    const std::size_t bytes = input_.word(2) % 3000;
    if (moods_.size() < 8) moods_.push_back({kind < Mood::kinds ? kind : Mood::gives, bytes});
  }

  void append() {
    std::vector<std::byte> bytes(input_.word(2) % 3000);
    const std::size_t unit = input_.byte() % 8 == 0 ? input_.byte() : 1;
    const Wait wait = any_wait();
    if (model_.end() + bytes.size() > kMostBytes) return;
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
    if (input_.byte() % 2 == 0) {
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

  Input input_;
  Model model_;
  Moods moods_;
  bool pulls_ = false;
  bool writer_gone_ = false;
  std::shared_ptr<Catcher> catcher_;
  Writer writer_;
  std::vector<Reader> readers_;
  std::vector<Kept> pins_;
  std::vector<Lease> leases_;
};

}  // namespace catcher::test
