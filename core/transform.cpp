// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "transform.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace catcher {
namespace {

// Calls without a byte that one who does not want to wait puts up with: a source that never runs
// dry and a transform that swallows everything must not keep it for ever.
constexpr int kFruitless = 64;

bool is_interruption(Status status) noexcept {
  return status == Status::would_block || status == Status::cancelled ||
         status == Status::timed_out;
}

// Why to go no further; ok if nothing is in the way.
Status why_stop(const Wait& wait) noexcept {
  if (wait.stop.stop_requested()) return Status::cancelled;
  if (wait.deadline == kForever || wait.deadline == kNotAtAll) return Status::ok;
  return Clock::now() < wait.deadline ? Status::ok : Status::timed_out;
}

}  // namespace

SourceResult TransformInput::read(std::span<std::byte> space, const Wait& wait) noexcept {
  if (later_.status != Status::ok) {
    const SourceResult told = later_;
    if (told.status != Status::end) later_ = {};
    return told;
  }
  if (space.empty()) return {};
  for (int fruitless = 0;; ++fruitless) {
    SourceResult got = ask(space, wait);
    if (got.bytes != 0) {
      bytes_ += got.bytes;
      // An interruption says nothing about the stream; it is found again if it lasts.
      if (!is_interruption(got.status)) later_ = {0, got.status, got.error};
      return SourceResult::some(got.bytes);
    }
    if (got.status == Status::end) later_ = got;
    if (got.status != Status::ok) return got;
    // An interruption of the source: asked again.
    const Status stop = why_stop(wait);
    if (stop != Status::ok) return {0, stop, {}};
    if (wait.deadline == kNotAtAll && fruitless == kFruitless) {
      return {0, Status::would_block, {}};
    }
  }
}

SourceResult TransformInput::ask(std::span<std::byte> space, const Wait& wait) noexcept {
  try {
    const SourceResult got = source_->read(space, wait);
    return got.bytes > space.size() ? SourceResult::failure(Fault::source_overran) : got;
  } catch (const std::bad_alloc&) {
    return SourceResult::failure(std::make_error_code(std::errc::not_enough_memory));
  } catch (...) {
    return SourceResult::failure(Fault::source_threw);
  }
}

TransformRun::TransformRun(std::shared_ptr<Transform> transform) noexcept
    : transform_(std::move(transform)),
      min_contiguous_(std::max<std::size_t>(1, transform_->min_contiguous())) {}

SourceResult TransformRun::run(TransformInput& in, std::span<std::byte> space,
                               const Wait& wait) noexcept {
  for (int fruitless = 0;; ++fruitless) {
    if (!rest_.empty()) return hand_out(space);
    if (has_ended_) return SourceResult::at_end();
    const std::uint64_t taken = in.bytes();
    const bool fits = space.size() >= min_contiguous_;
    const SourceResult got = fits ? ask(in, space, wait) : ask_aside(in, space, wait);
    if (got.bytes != 0 || got.status != Status::ok || in.bytes() == taken) return got;
    const Status stop = why_stop(wait);
    if (stop != Status::ok) return {0, stop, {}};
    if (wait.deadline == kNotAtAll && fruitless == kFruitless) return got;
  }
}

SourceResult TransformRun::ask(TransformInput& in, std::span<std::byte> space,
                               const Wait& wait) noexcept {
  try {
    const SourceResult got = transform_->transform(in, space, wait);
    if (got.bytes > space.size()) return SourceResult::failure(Fault::transform_overran);
    has_ended_ = got.status == Status::end;
    return got;
  } catch (const std::bad_alloc&) {
    return SourceResult::failure(std::make_error_code(std::errc::not_enough_memory));
  } catch (...) {
    return SourceResult::failure(Fault::transform_threw);
  }
}

SourceResult TransformRun::ask_aside(TransformInput& in, std::span<std::byte> space,
                                     const Wait& wait) noexcept {
  if (aside_ == nullptr) {
    const bool possible = min_contiguous_ <= std::numeric_limits<std::ptrdiff_t>::max();
    aside_.reset(possible ? new (std::nothrow) std::byte[min_contiguous_] : nullptr);
    if (aside_ == nullptr) {
      return SourceResult::failure(std::make_error_code(std::errc::not_enough_memory));
    }
  }
  const SourceResult got = ask(in, {aside_.get(), min_contiguous_}, wait);
  if (got.bytes == 0) return got;
  rest_ = {aside_.get(), got.bytes};
  // An interruption is over once the rest has been handed out: it is asked again then.
  const bool is_interruption = got.status == Status::would_block ||
                               got.status == Status::cancelled || got.status == Status::timed_out;
  after_rest_ = is_interruption ? SourceResult{} : SourceResult{0, got.status, got.error};
  return hand_out(space);
}

// The end, or a failure, comes with the last of the bytes before it.
SourceResult TransformRun::hand_out(std::span<std::byte> space) noexcept {
  const std::size_t bytes = std::min(space.size(), rest_.size());
  std::memcpy(space.data(), rest_.data(), bytes);
  rest_ = rest_.subspan(bytes);
  if (!rest_.empty()) return SourceResult::some(bytes);
  return {bytes, after_rest_.status, after_rest_.error};
}

TransformSource::TransformSource(std::unique_ptr<Source> source,
                                 std::shared_ptr<Transform> transform) noexcept
    : source_(std::move(source)), in_(*source_), run_(std::move(transform)) {}

}  // namespace catcher
