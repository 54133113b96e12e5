// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The appender's side: what the Writer does, and what a reader does that fills.
#include <algorithm>
#include <cstring>

#include "catcher.hpp"

namespace catcher {

Catcher::Reservation Catcher::try_reserve(std::size_t at_least) {
  // Eviction and what forbids it (slow readers, holds) are decided under one lock, taken
  // once a chunk.
  if (rope_.room() >= at_least) return rope_.reserve(at_least);
  Lock lock(mutex_);
  return rope_.reserve(at_least, evictable());
}

void Catcher::commit(std::size_t bytes) noexcept {
  rope_.commit(bytes);
  tell_arrival();
}

void Catcher::tell_arrival() noexcept {
  arrived_.notify_all();
  requests_.arrived(rope_.end());
}

void Catcher::tell_settled() noexcept {
  arrived_.notify_all();
  requests_.tell_all(Status::ok);
}

void Catcher::finish() noexcept {
  const Compaction how = config_.compaction;
  if (how != Compaction::none) {
    Lock lock(mutex_);
    // Before it has finished: is_finalised() never flickers.
    compaction_ = CompactionState::pending;
  }
  rope_.finish(RopeState::finished);
  tell_settled();
  if (how != Compaction::none) begin_compaction(how);
}

void Catcher::close_failed(std::error_code error) noexcept {
  Lock lock(mutex_);
  set_failed(error);
}

void Catcher::fail(std::error_code error) noexcept {
  close_failed(error);
  tell_settled();
}

void Catcher::abandon() noexcept {
  {
    Lock lock(mutex_);
    writer_gone_ = true;
    if (rope_.state() == RopeState::open) set_failed(Fault::writer_gone);
  }
  tell_settled();
}

void Catcher::set_failed(std::error_code error) noexcept {
  error_ = error;
  rope_.finish(RopeState::failed);
}

Writer& Writer::operator=(Writer&& other) noexcept {
  if (this != &other) {
    Writer old(std::move(*this));
    catcher_ = std::move(other.catcher_);
  }
  return *this;
}

Writer::~Writer() {
  if (catcher_ != nullptr) catcher_->abandon();
}

bool Writer::may_write() const noexcept {
  return catcher_ != nullptr && catcher_->rope_.state() == RopeState::open;
}

Rope<std::byte>::Reservation Writer::reserve(std::size_t at_least, const Wait& wait) {
  if (!may_write() || at_least == 0) return {{}, Status::bad_argument};
  return catcher_->reserve(at_least, wait);
}

void Writer::commit(std::size_t bytes) noexcept {
  if (bytes != 0 && may_write()) catcher_->commit(bytes);
}

WriteResult Writer::append(std::span<const std::byte> bytes, const Wait& wait, std::size_t unit) {
  if (!may_write() || unit == 0 || bytes.size() % unit != 0) return {0, Status::bad_argument};
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto reserved = catcher_->reserve(unit, wait);
    if (reserved.status != Status::ok) return {done, reserved.status};
    std::size_t size = std::min(bytes.size() - done, reserved.space.size());
    size -= size % unit;
    std::memcpy(reserved.space.data(), bytes.data() + done, size);
    catcher_->commit(size);
    done += size;
  }
  return {done, Status::ok};
}

void Writer::seal() noexcept {
  if (may_write()) catcher_->rope_.seal();
}

void Writer::limit_chunks(std::uint64_t bytes) noexcept {
  if (catcher_ != nullptr) catcher_->rope_.limit_chunks(bytes);
}

Status Writer::evict_before(std::uint64_t offset, const Wait& wait) {
  if (catcher_ == nullptr) return Status::bad_argument;
  return catcher_->evict_before(offset, wait);
}

void Writer::finish() noexcept {
  if (may_write()) catcher_->finish();
}

void Writer::fail(std::error_code error) noexcept {
  if (may_write()) catcher_->fail(error);
}

}  // namespace catcher
