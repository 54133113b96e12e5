// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "async_pull.hpp"

#include "async_read.hpp"
#include "catcher.hpp"

namespace catcher {

std::optional<SourceResult> AsyncPull::read(std::span<std::byte> space) noexcept {
  {
    Lock lock(mutex_);
    phase_ = Phase::starting;
    room_ = space.size();
  }
  std::optional<SourceResult> thrown = begin_read(*source_, space, ReadDone(*this));
  Lock lock(mutex_);
  if (phase_ == Phase::starting) {
    // Still to be told, also after a throw: what is kept of the read may write into `space`.
    phase_ = Phase::under_way;
    return std::nullopt;
  }
  phase_ = Phase::idle;
  if (!thrown) return result_;
  // What was dropped by the throw says less than that. Bytes told before it count.
  thrown->bytes = result_.bytes;
  return thrown;
}

void AsyncPull::read_done(SourceResult result) noexcept {
  result = as_told(result, room_);
  Lock lock(mutex_);
  if (phase_ == Phase::starting) {
    result_ = result;
    phase_ = Phase::told;
    return;
  }
  phase_ = Phase::idle;
  if (const std::shared_ptr<Catcher> catcher = catcher_.weak_from_this().lock()) {
    lock.unlock();
    catcher->read_done(result);
    return;
  }
  // Nobody has the catcher any more. Whoever gives it up has either come to the end of that, or
  // will find that nothing is under way.
  const bool is_last = is_cancelled_;
  lock.unlock();
  if (is_last) delete &catcher_;
}

void AsyncPull::give_up() noexcept {
  bool is_over = false;
  {
    Lock lock(mutex_);
    is_over = phase_ == Phase::idle;
  }
  if (!is_over) {
    source_->cancel();
    Lock lock(mutex_);
    is_cancelled_ = true;
    is_over = phase_ == Phase::idle;
  }
  if (is_over) delete &catcher_;
}

}  // namespace catcher
