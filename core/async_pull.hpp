// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// One catcher's dealings with its AsyncSource: at most one read under way; results that come
// inside start_read() are handed back instead of told, so that a source which always has
// something does not pile up calls; and a catcher that is given up during a read ends behind it,
// because the read writes into its memory.
//
// Thread: any; read() by the holder of the fill lock, which the read takes along.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "async_source.hpp"
#include "mutex.hpp"

namespace catcher {

class Catcher;

class AsyncPull final : private ReadDone::Receiver {
 public:
  AsyncPull(Catcher& catcher, std::unique_ptr<AsyncSource> source) noexcept
      : catcher_(catcher), source_(std::move(source)) {}

  // The result, or nothing: then Catcher::read_done() is given it.
  std::optional<SourceResult> read(std::span<std::byte> space) noexcept;
  // After the end. Requires: no read is under way.
  void drop_source() noexcept { source_.reset(); }

  // Deletes the catcher: now, or when the read that is under way is over.
  // Requires: nobody else has it any more.
  void give_up() noexcept;

 private:
  enum class Phase : std::uint8_t { idle, starting, told, under_way };

  void read_done(SourceResult result) noexcept override;

  Catcher& catcher_;
  std::unique_ptr<AsyncSource> source_;

  Mutex mutex_;  // never held while the source or the catcher is called
  Phase phase_ CATCHER_GUARDED_BY(mutex_) = Phase::idle;
  bool is_cancelled_ CATCHER_GUARDED_BY(mutex_) = false;  // give_up() has left the source
  SourceResult result_ CATCHER_GUARDED_BY(mutex_);        // while `told`
  std::size_t room_ = 0;                                  // of the read under way
};

}  // namespace catcher
