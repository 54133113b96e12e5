// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A transform (transform.hpp) behind an asynchronous source, without a thread: it is the same
// Transform that works behind a source that blocks.
//
//   auto made = Catcher::pull_async(transformed(std::move(socket), std::make_shared<Gunzip>()));
//
// The transform is asked not to wait. Where its input has nothing for it, it gets `would_block`,
// passes that on and keeps what it has, as Transform promises; it is called again when a read of
// the source has brought something. Not for a transform that waits for anything but its input:
// nobody would know when to call it, so the stream fails with `resource_unavailable_try_again`.
//
// Thread: the transform runs on the thread that begins a read or that tells of one, one at a time.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "async_source.hpp"
#include "export.hpp"
#include "mutex.hpp"
#include "transform.hpp"

namespace catcher {

// An asynchronous source that gives what `transform` makes of what `source` gives. It reads
// `source` only when it is read itself and the transform has nothing without. Thread: as
// AsyncSource.
class CATCHER_API AsyncTransformSource final : public AsyncSource, private ReadDone::Receiver {
 public:
  // What is read of the source at once, in bytes, unless it is said otherwise.
  static constexpr std::size_t kInputBytes = 16 * 1024;

  // Requires: neither is null, and `input_bytes` is not 0.
  AsyncTransformSource(std::unique_ptr<AsyncSource> source, std::shared_ptr<Transform> transform,
                       std::size_t input_bytes = kInputBytes);

  void start_read(std::span<std::byte> space, ReadDone done) override;
  void cancel() noexcept override;

 private:
  enum class Phase : std::uint8_t { idle, starting, told, under_way };

  // What reads of the source have brought and the transform has not taken.
  class Arrived final : public Source {
   public:
    explicit Arrived(std::size_t size);
    SourceResult read(std::span<std::byte> space, const Wait& wait) override;

    // There is nothing, and no reason either.
    bool is_dry() const noexcept { return left_.empty() && after_.status == Status::ok; }
    // For the next read. Requires: is_dry().
    std::span<std::byte> room() const noexcept { return {bytes_.get(), size_}; }
    void add(const SourceResult& result) noexcept;

    bool was_in_want = false;  // somebody has found nothing

   private:
    const std::size_t size_;
    const std::unique_ptr<std::byte[]> bytes_;
    std::span<const std::byte> left_{};
    SourceResult after_{};  // told after these, if not ok
  };

  void read_done(SourceResult result) noexcept override;
  void go_on() noexcept;
  std::optional<SourceResult> make() noexcept;
  std::optional<SourceResult> ask() noexcept;

  const std::unique_ptr<AsyncSource> source_;

  // Of whoever runs the transform, who may be gone as soon as a read is under way.
  Arrived arrived_;
  TransformInput in_{arrived_};
  TransformRun run_;
  std::span<std::byte> space_{};
  ReadDone done_;

  Mutex mutex_;  // never held while anything else is called
  Phase phase_ CATCHER_GUARDED_BY(mutex_) = Phase::idle;
  bool is_cancelled_ CATCHER_GUARDED_BY(mutex_) = false;
  SourceResult result_ CATCHER_GUARDED_BY(mutex_);  // while `told`
};

// The same for Catcher::pull_async(), which refuses what is null: nothing if either is.
template <std::derived_from<AsyncSource> S>
std::unique_ptr<AsyncSource> transformed(std::unique_ptr<S> source,
                                         std::shared_ptr<Transform> transform) {
  if (source == nullptr || transform == nullptr) return nullptr;
  return std::make_unique<AsyncTransformSource>(std::move(source), std::move(transform));
}

}  // namespace catcher
