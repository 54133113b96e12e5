// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "reader.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace catcher {
namespace {

constexpr std::uint64_t kLastOffset = std::numeric_limits<std::int64_t>::max();
// For waits that end before the source is asked.
constexpr auto kAtOnce = [] { return true; };

}  // namespace

Reader::Reader(std::shared_ptr<Catcher> catcher)
    : catcher_(std::move(catcher)), cursor_(std::make_unique<Cursor>()) {
  place_.move_to(catcher_->attach(*cursor_));
}

Reader& Reader::operator=(Reader&& other) noexcept {
  if (this != &other) {
    Reader old(std::move(*this));
    catcher_ = std::move(other.catcher_);
    cursor_ = std::move(other.cursor_);
    place_ = std::move(other.place_);
  }
  return *this;
}

Reader::~Reader() {
  place_.release();
  if (cursor_ != nullptr) catcher_->detach(*cursor_);
}

Reader Reader::clone() const {
  Reader copy(catcher_);
  copy.set_holds_back(cursor_->holds_back.load(order::relaxed));  // relaxed: own setting
  copy.place_ = place_.clone();
  copy.tell_writer();  // which may have begun to wait for the copy at the oldest byte
  return copy;
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
      if (place_.known() == 0 && (status = refresh()) != Status::ok) break;
      const std::size_t size =
          static_cast<std::size_t>(std::min<std::uint64_t>(out.size() - done, place_.known()));
      std::memcpy(out.data() + done, place_.next(), size);
      place_.advance(size);
      done += size;
    }
    // Always: a chunk's end was reached, and passed if something is known still.
    tell_writer();
    if (done != 0) return {done, Status::ok, {}, {}};
    if (status == Status::evicted) return why_nothing(status);
    const ReadResult waited = catcher_->await(offset(), wait, {});
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
  if (place_.known() != 0) return {};
  tell_writer();
  ReadResult waited = catcher_->await(offset(), wait, also);
  if (waited.status != Status::ok) return waited;
  return why_nothing(refresh());
}

ReadResult Reader::peek() {
  return wait_or(Wait::none(), kAtOnce);
}

ReadResult Reader::read_now(std::span<std::byte> out) {
  if (out.empty()) return {};
  const ReadResult found = peek();
  return found.status == Status::ok ? read(out, Wait::none()) : found;
}

LeaseResult Reader::lease_now(std::size_t max_size) {
  const ReadResult found = max_size == 0 ? ReadResult{} : peek();
  if (found.status != Status::ok) return {{}, found.status, found.error, found.window};
  return lease(max_size, Wait::none());
}

Status Reader::once_readable(ReadableRequest& request) {
  if (place_.known() != 0) return Status::ok;
  tell_writer();
  const Status there = refresh();
  return there == Status::would_block ? catcher_->once_readable(offset(), request) : there;
}

LeaseResult Reader::lease(std::size_t max_size, const Wait& wait) {
  if (max_size == 0) return {{}, Status::bad_argument, {}, {}};
  if (place_.known() == 0) {
    const ReadResult waited = this->wait(wait);
    if (waited.status != Status::ok) return {{}, waited.status, waited.error, waited.window};
  }
  const std::size_t size =
      static_cast<std::size_t>(std::min<std::uint64_t>(max_size, place_.known()));
  LeaseResult result;
  result.lease = Lease(place_.share(), {place_.next(), size}, offset());
  advance(size);
  if (place_.known() == 0) tell_writer();
  return result;
}

SeekResult Reader::seek(std::int64_t distance, Whence whence) {
  const SeekResult refused{offset(), Status::bad_argument};
  std::uint64_t from = 0;
  switch (whence) {
    case Whence::start: break;
    case Whence::current: from = offset(); break;
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

  place_.move_to(target);
  tell_writer();
  return {target, Status::ok};
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
    const std::uint64_t step = std::min(count - done, place_.known());
    advance(static_cast<std::size_t>(step));
    done += step;
    if (place_.known() == 0) tell_writer();
  }
  return {static_cast<std::size_t>(done), Status::ok, {}, {}};
}

std::uint64_t Reader::available() const noexcept {
  const Window now = catcher_->window();
  if (offset() >= now.end) return 0;
  return offset() >= now.begin ? now.end - offset() : place_.held(now.end);
}

void Reader::set_holds_back(bool holds_back) noexcept {
  cursor_->holds_back.store(holds_back, order::relaxed);  // relaxed: ordered by moved()
  catcher_->moved();
}

}  // namespace catcher
