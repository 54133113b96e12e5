// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "async_transform.hpp"

#include <algorithm>
#include <cstring>

#include "async_read.hpp"

namespace catcher {

AsyncTransformSource::Arrived::Arrived(std::size_t size)
    : size_(size), bytes_(std::make_unique_for_overwrite<std::byte[]>(size)) {}

// A reason comes by itself: together with bytes TransformInput takes some for an interruption.
SourceResult AsyncTransformSource::Arrived::read(std::span<std::byte> space, const Wait& /*wait*/) {
  if (!left_.empty()) {
    const std::size_t bytes = std::min(space.size(), left_.size());
    std::memcpy(space.data(), left_.data(), bytes);
    left_ = left_.subspan(bytes);
    return SourceResult::some(bytes);
  }
  if (after_.status == Status::ok) {
    was_in_want = true;
    return {0, Status::would_block, {}};
  }
  const SourceResult told = after_;
  if (told.status != Status::end) after_ = {};
  return told;
}

void AsyncTransformSource::Arrived::add(const SourceResult& result) noexcept {
  left_ = room().first(result.bytes);
  after_ = {0, result.status, result.error};
}

AsyncTransformSource::AsyncTransformSource(std::unique_ptr<AsyncSource> source,
                                           std::shared_ptr<Transform> transform,
                                           std::size_t input_bytes)
    : source_(std::move(source)), arrived_(input_bytes), run_(std::move(transform)) {}

void AsyncTransformSource::start_read(std::span<std::byte> space, ReadDone done) {
  space_ = space;
  done_ = std::move(done);
  go_on();
}

// Until there is something to tell, or a read is under way that goes on with this. In a loop: what
// the source has at once does not pile up.
void AsyncTransformSource::go_on() noexcept {
  for (;;) {
    if (const std::optional<SourceResult> made = make()) {
      ReadDone done = std::move(done_);
      done(*made);  // this may be gone
      return;
    }
    const std::optional<SourceResult> came = ask();
    if (!came) return;
    arrived_.add(*came);
  }
}

// What the transform makes of what is there; nothing: it needs more.
std::optional<SourceResult> AsyncTransformSource::make() noexcept {
  {
    Lock lock(mutex_);
    if (is_cancelled_) return SourceResult{0, Status::cancelled, {}};
  }
  arrived_.was_in_want = false;
  SourceResult made = run_.run(in_, space_, Wait::none());
  // Also of an earlier call, where bytes that were written aside came between.
  const bool waits = made.status == Status::would_block && arrived_.is_dry();
  if (waits) made.status = Status::ok;
  const bool wants = waits || (made.status == Status::ok && arrived_.was_in_want);
  if (made.bytes == 0 && wants) return std::nullopt;
  return made;
}

// The result of a read of the source, or nothing: then read_done() is given it, and nothing here
// may be touched any more. Until then a result is kept, so that whoever is told cannot end the
// source inside its own calls.
std::optional<SourceResult> AsyncTransformSource::ask() noexcept {
  {
    Lock lock(mutex_);
    phase_ = Phase::starting;
  }
  const std::optional<SourceResult> thrown = begin_read(*source_, arrived_.room(), ReadDone(*this));
  Lock lock(mutex_);
  if (phase_ == Phase::starting && is_cancelled_) {
    // cancel() could not know whether the read had begun.
    lock.unlock();
    source_->cancel();
    lock.lock();
  }
  if (phase_ == Phase::starting) {
    phase_ = Phase::under_way;
    return std::nullopt;
  }
  phase_ = Phase::idle;
  return thrown ? thrown : result_;
}

void AsyncTransformSource::read_done(SourceResult result) noexcept {
  result = as_told(result, arrived_.room().size());
  {
    Lock lock(mutex_);
    if (phase_ == Phase::starting) {
      result_ = result;
      phase_ = Phase::told;
      return;
    }
    phase_ = Phase::idle;
  }
  arrived_.add(result);
  go_on();
}

void AsyncTransformSource::cancel() noexcept {
  {
    Lock lock(mutex_);
    is_cancelled_ = true;
    if (phase_ != Phase::under_way) return;
  }
  source_->cancel();
}

}  // namespace catcher
