// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "reader.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace catcher {
namespace {

constexpr std::uint64_t kLastOffset = std::numeric_limits<std::int64_t>::max();

}  // namespace

Reader::Reader(std::shared_ptr<Catcher> catcher)
    : catcher_(std::move(catcher)), cursor_(std::make_unique<Cursor>()) {
  offset_ = known_end_ = catcher_->window().begin;
  publish();
  catcher_->attach(*cursor_);
}

Reader& Reader::operator=(Reader&& other) noexcept {
  if (this != &other) {
    Reader old(std::move(*this));
    catcher_ = std::move(other.catcher_);
    cursor_ = std::move(other.cursor_);
    pin_ = std::move(other.pin_);
    next_ = other.next_;
    offset_ = other.offset_;
    known_end_ = other.known_end_;
  }
  return *this;
}

Reader::~Reader() {
  pin_.reset();
  if (cursor_ != nullptr) catcher_->detach(*cursor_);
}

Reader Reader::clone() const {
  Reader copy(catcher_);
  copy.set_holds_back(cursor_->holds_back.load(order::relaxed));  // relaxed: own setting
  copy.offset_ = copy.known_end_ = offset_;
  copy.publish();
  return copy;
}

// Learns what can be read at offset_ now: ok, would_block (at the edge or beyond), evicted.
Status Reader::refresh() noexcept {
  const auto& rope = catcher_->rope_;
  const std::uint64_t end = rope.end();
  if (offset_ >= end) return Status::would_block;
  if (pin_) {
    // Only now: a seal is visible to whoever has acquired an end beyond it.
    const std::uint64_t limit = pin_.limit();
    if (offset_ >= pin_.base() && offset_ < limit) {
      enter(std::move(pin_), end);
      return Status::ok;
    }
    if (offset_ == limit) {
      enter(rope.pin_next(pin_, offset_), end);
      return pin_ ? Status::ok : Status::evicted;
    }
  }
  enter(rope.pin(offset_), end);
  return pin_ ? Status::ok : Status::evicted;
}

void Reader::enter(Pin<std::byte> pin, std::uint64_t end) noexcept {
  pin_ = std::move(pin);
  if (!pin_) {
    forget();
    return;
  }
  next_ = pin_.data() + (offset_ - pin_.base());
  known_end_ = std::min(pin_.limit(), end);
}

void Reader::forget() noexcept {
  next_ = nullptr;
  known_end_ = offset_;
}

// Where this reader has left a chunk, or stands still: the moments a waiting writer cares for.
void Reader::tell_writer() noexcept {
  publish();
  catcher_->moved();
}

ReadResult Reader::why_nothing(Status status) const {
  if (status == Status::evicted) return {0, status, {}, catcher_->window()};
  return {0, status, {}, {}};
}

ReadResult Reader::read_on(std::span<std::byte> out, const Wait& wait) {
  if (out.empty()) return {};
  for (;;) {
    std::size_t done = 0;
    Status status = Status::ok;
    while (done < out.size()) {
      if (known_end_ == offset_ && (status = refresh()) != Status::ok) break;
      const std::size_t size = static_cast<std::size_t>(
          std::min<std::uint64_t>(out.size() - done, known_end_ - offset_));
      std::memcpy(out.data() + done, next_, size);
      next_ += size;
      offset_ += size;
      done += size;
    }
    if (known_end_ == offset_) {
      tell_writer();
    } else {
      publish();
    }
    if (done != 0) return {done, Status::ok, {}, {}};
    if (status == Status::evicted) return why_nothing(status);
    const ReadResult waited = catcher_->await(offset_, wait, {});
    if (waited.status != Status::ok) return waited;
  }
}

ReadResult Reader::read_full(std::span<std::byte> out, const Wait& wait) {
  std::size_t done = 0;
  while (done < out.size()) {
    ReadResult got = read(out.subspan(done), wait);
    if (got.status != Status::ok) {
      got.bytes = done;
      return got;
    }
    done += got.bytes;
  }
  return {done, Status::ok, {}, {}};
}

ReadResult Reader::wait_also(const Wait& wait, Catcher::Also also) {
  if (known_end_ > offset_) return {};
  tell_writer();
  ReadResult waited = catcher_->await(offset_, wait, also);
  if (waited.status != Status::ok) return waited;
  return why_nothing(refresh());
}

LeaseResult Reader::lease(std::size_t max_size, const Wait& wait) {
  if (max_size == 0) return {{}, Status::bad_argument, {}, {}};
  if (known_end_ == offset_) {
    const ReadResult waited = this->wait(wait);
    if (waited.status != Status::ok) return {{}, waited.status, waited.error, waited.window};
  }
  const std::size_t size =
      static_cast<std::size_t>(std::min<std::uint64_t>(max_size, known_end_ - offset_));
  LeaseResult result;
  result.lease = Lease(pin_.share(), {next_, size}, offset_);
  advance(size);
  if (known_end_ == offset_) tell_writer();
  return result;
}

SeekResult Reader::seek(std::int64_t distance, Whence whence) {
  const SeekResult refused{offset_, Status::bad_argument};
  std::uint64_t from = 0;
  switch (whence) {
    case Whence::start: break;
    case Whence::current: from = offset_; break;
    case Whence::oldest: from = catcher_->window().begin; break;
    case Whence::edge: from = catcher_->window().end; break;
    case Whence::end: {
      const auto length = catcher_->length();
      if (!length) return refused;
      from = *length;
      break;
    }
  }
  const std::uint64_t back = distance < 0 ? 0 - static_cast<std::uint64_t>(distance) : 0;
  const std::uint64_t ahead = distance > 0 ? static_cast<std::uint64_t>(distance) : 0;
  if (back > from || from > kLastOffset || ahead > kLastOffset - from) return refused;
  const std::uint64_t target = from - back + ahead;

  const std::uint64_t known_begin = pin_ ? pin_.base() : offset_;
  if (next_ != nullptr && target >= known_begin && target < known_end_) {
    next_ = pin_.data() + (target - known_begin);
    offset_ = target;
  } else {
    offset_ = target;
    forget();
  }
  tell_writer();
  return {offset_, Status::ok};
}

ReadResult Reader::skip(std::uint64_t count, const Wait& wait) {
  std::uint64_t done = 0;
  while (done < count) {
    const ReadResult waited = this->wait(wait);
    if (waited.status != Status::ok) {
      ReadResult result = waited;
      result.bytes = static_cast<std::size_t>(done);
      return result;
    }
    const std::uint64_t step = std::min(count - done, known_end_ - offset_);
    advance(static_cast<std::size_t>(step));
    done += step;
    if (known_end_ == offset_) tell_writer();
  }
  return {static_cast<std::size_t>(done), Status::ok, {}, {}};
}

std::uint64_t Reader::available() const noexcept {
  const Window now = catcher_->window();
  if (offset_ >= now.end) return 0;
  return offset_ >= now.begin ? now.end - offset_ : known_end_ - offset_;
}

void Reader::set_holds_back(bool holds_back) noexcept {
  cursor_->holds_back.store(holds_back, order::relaxed);  // relaxed: ordered by moved()
  catcher_->moved();
}

}  // namespace catcher
