// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What stands between a source and the rope and makes other bytes of its bytes: a decoder, an
// encoder, a filter. The rope keeps what comes out, so it runs once, however many read.
//
//   auto made = Catcher::pull(transformed(std::move(source), std::make_shared<Gunzip>()));
//
// For work on blocks of a fixed size there is block_transform.hpp, for a transform on the side
// that pushes transform_writer.hpp, and for what it has found out stateful.hpp.
// Not for what each reader wants otherwise (a volume, a format): that belongs behind the reader.
//
// Thread: any, one at a time, as a source is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "export.hpp"
#include "source.hpp"
#include "wait.hpp"

namespace catcher {

// What a transform reads from: the source, with less to take care of. A read gives bytes
// with `ok`, or none with a reason that is not; so whatever came together with bytes is told by the
// next read. The end stays the end. A source that throws or overruns has failed.
class CATCHER_API TransformInput final : public Source {
 public:
  // Requires: `source` outlives it.
  explicit TransformInput(Source& source) noexcept : source_(&source) {}

  // Gives no bytes, and takes no time, for a `space` that is empty.
  SourceResult read(std::span<std::byte> space, const Wait& wait) noexcept override;

  // Ever read.
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  SourceResult ask(std::span<std::byte> space, const Wait& wait) noexcept;

  Source* source_;
  SourceResult later_{};  // told by the next read, if not ok
  std::uint64_t bytes_ = 0;
};

class CATCHER_API Transform {
 public:
  virtual ~Transform() = default;

  // Bytes that it may have to write in one piece, at most: it is never given less. Always the same.
  virtual std::size_t min_contiguous() const noexcept { return 1; }

  // Reads what it needs from `in` and writes what becomes of it at the front of `space`; fewer
  // bytes than that, more, or none. What is left to be written when `space` is full is
  // kept for the next call. As Source::read(): the bytes count whatever the status says, so
  // the last ones may come together with the end; `ok` without bytes: it is asked again.
  // A reason that `in` gives is passed on, with the bytes before it:
  //
  //   const SourceResult got = in.read(room, wait);
  //   if (got.status != Status::ok) return {written, got.status, got.error};
  //
  // but may be kept back at the end of `in`, as long as there is something to write. Whatever it
  // was (would_block, cancelled, timed_out, failed), the next call goes on from there: what has
  // been taken from `in` and not yet written stays in the transform. `end` may be said before `in`
  // ends. One that throws counts as failed, and so does one that claims more bytes than `space`
  // has. Requires: `space` has min_contiguous() bytes or more.
  virtual SourceResult transform(TransformInput& in, std::span<std::byte> space,
                                 const Wait& wait) = 0;
};

// Gives what it gets.
class CATCHER_API IdentityTransform final : public Transform {
 public:
  SourceResult transform(TransformInput& in, std::span<std::byte> space,
                         const Wait& wait) override {
    return in.read(space, wait);
  }
};

// Runs a transform, and makes sure of what it is promised and of what it promises. Nothing
// throws: std::bad_alloc is errc::not_enough_memory, anything else Fault::transform_threw.
// Thread: one at a time.
class CATCHER_API TransformRun {
 public:
  // Requires: not null.
  explicit TransformRun(std::shared_ptr<Transform> transform) noexcept;

  // As Transform::transform(), for any `space` that is not empty: where it is too small for
  // the transform, a piece of memory beside it is used, and handed out bit by bit. Does not return
  // `ok` without bytes as long as the transform takes something from `in`, but for one that
  // is asked not to wait and goes on and on.
  SourceResult run(TransformInput& in, std::span<std::byte> space, const Wait& wait) noexcept;

 private:
  SourceResult ask(TransformInput& in, std::span<std::byte> space, const Wait& wait) noexcept;
  SourceResult ask_aside(TransformInput& in, std::span<std::byte> space, const Wait& wait) noexcept;
  SourceResult hand_out(std::span<std::byte> space) noexcept;

  const std::shared_ptr<Transform> transform_;
  const std::size_t min_contiguous_;
  std::unique_ptr<std::byte[]> aside_;  // min_contiguous_ bytes, once they are needed
  std::span<const std::byte> rest_{};   // of what was written there
  SourceResult after_rest_{};
  bool has_ended_ = false;
};

// A source that gives what `transform` makes of what `source` gives. Keep another pointer to the
// transform to ask for its state (stateful.hpp).
class CATCHER_API TransformSource final : public Source {
 public:
  // Requires: neither is null.
  TransformSource(std::unique_ptr<Source> source, std::shared_ptr<Transform> transform) noexcept;

  SourceResult read(std::span<std::byte> space, const Wait& wait) noexcept override {
    return run_.run(in_, space, wait);
  }

 private:
  const std::unique_ptr<Source> source_;
  TransformInput in_;
  TransformRun run_;
};

// The same for Catcher::pull(), which refuses what is null: nothing if either is.
inline std::unique_ptr<Source> transformed(std::unique_ptr<Source> source,
                                           std::shared_ptr<Transform> transform) {
  if (source == nullptr || transform == nullptr) return nullptr;
  return std::make_unique<TransformSource>(std::move(source), std::move(transform));
}

}  // namespace catcher
