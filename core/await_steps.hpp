// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What coroutines wait for (adapters/awaitable.hpp): each is one call of a Reader, cut where it
// would wait.
//
//   bool advance()          takes what is there; true once there is no more to wait for
//   Status enter(request)   as Reader::once_readable()
//   void give_up(status)    instead of waiting: the result's status
//   auto finish()           the result, in the coroutine
//
// Thread: one at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "readable.hpp"
#include "reader.hpp"

namespace catcher {

namespace awaitable {

// What every step knows of why it ends.
class ReaderStep {
 public:
  explicit ReaderStep(Reader& reader) noexcept : reader_(&reader) {}
  Status enter(ReadableRequest& request) { return reader_->once_readable(request); }
  void give_up(Status status) noexcept { ended_ = {0, status, {}, {}}; }

 protected:
  // True: there are bytes, or a reason why not.
  bool look() {
    ended_ = reader_->peek();
    return ended_.status != Status::would_block;
  }

  Reader* reader_;
  ReadResult ended_{};
};

class ReadStep final : public ReaderStep {
 public:
  ReadStep(Reader& reader, std::span<std::byte> out) noexcept : ReaderStep(reader), out_(out) {}
  bool advance() { return out_.empty() || look(); }
  ReadResult finish() { return ended_.status == Status::ok ? reader_->read_now(out_) : ended_; }

 private:
  std::span<std::byte> out_;
};

class LeaseStep final : public ReaderStep {
 public:
  LeaseStep(Reader& reader, std::size_t max_size) noexcept
      : ReaderStep(reader), max_size_(max_size) {}
  bool advance() { return max_size_ == 0 || look(); }
  LeaseResult finish() {
    if (ended_.status == Status::ok) return reader_->lease_now(max_size_);
    return {{}, ended_.status, ended_.error, ended_.window};
  }

 private:
  std::size_t max_size_;
};

class ReadFullStep final : public ReaderStep {
 public:
  ReadFullStep(Reader& reader, std::span<std::byte> out) noexcept : ReaderStep(reader), out_(out) {}
  bool advance() {
    while (done_ < out_.size()) {
      const ReadResult got = reader_->read_now(out_.subspan(done_));
      done_ += got.bytes;
      if (got.status == Status::ok) continue;
      ended_ = got;
      return got.status != Status::would_block;
    }
    ended_ = {};
    return true;
  }
  ReadResult finish() {
    ended_.bytes = done_;
    return ended_;
  }

 private:
  std::span<std::byte> out_;
  std::size_t done_ = 0;
};

class SkipStep final : public ReaderStep {
 public:
  SkipStep(Reader& reader, std::uint64_t count) noexcept : ReaderStep(reader), left_(count) {}
  bool advance() {
    while (left_ != 0) {
      if (!look()) return false;
      if (ended_.status != Status::ok) return true;
      const std::uint64_t there = std::max<std::uint64_t>(1, reader_->available());
      const ReadResult got = reader_->skip(std::min(there, left_), Wait::none());
      left_ -= got.bytes;
      done_ += got.bytes;
    }
    ended_ = {};
    return true;
  }
  ReadResult finish() {
    ended_.bytes = static_cast<std::size_t>(done_);
    return ended_;
  }

 private:
  std::uint64_t left_;
  std::uint64_t done_ = 0;
};

class LoadAllStep final {
 public:
  explicit LoadAllStep(std::shared_ptr<Catcher> catcher) noexcept : catcher_(std::move(catcher)) {}
  bool advance() {
    ended_ = catcher_->peek(kBeyondAll);
    return ended_.status != Status::would_block;
  }
  // What is pushed comes without being asked for: one call, at the end. What is pulled is brought
  // in here, by a source that may have each piece at once: the stop is looked at in between.
  Status enter(ReadableRequest& request) {
    const std::uint64_t wanted = catcher_->pulls() ? catcher_->window().end : kBeyondAll;
    return catcher_->once_readable(wanted, request);
  }
  void give_up(Status status) noexcept { ended_ = {0, status, {}, {}}; }
  ReadResult finish() { return ended_; }

 private:
  static constexpr std::uint64_t kBeyondAll = std::numeric_limits<std::int64_t>::max();

  std::shared_ptr<Catcher> catcher_;
  ReadResult ended_{};
};

}  // namespace awaitable

}  // namespace catcher
