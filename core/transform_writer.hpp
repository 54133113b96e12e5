// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A transform on the side that pushes: what is appended goes through it into the catcher.
//
//   auto made = Catcher::push({});
//   TransformWriter writer(std::move(made.writer), std::make_shared<Gunzip>());
//   writer.append(bytes);
//   writer.finish();
//
// Dropped before finish() or fail(), it fails the stream, as a Writer does.
//
// Thread: one at a time. Move-only.
#pragma once

#include <memory>
#include <span>
#include <system_error>

#include "catcher.hpp"
#include "export.hpp"
#include "transform.hpp"

namespace catcher {

class CATCHER_API TransformWriter {
 public:
  // Throws std::bad_alloc alone, and then `writer` is still the caller's, as it was.
  // Requires: neither is empty.
  TransformWriter(Writer&& writer, std::shared_ptr<Transform> transform);
  TransformWriter(TransformWriter&&) noexcept;
  TransformWriter& operator=(TransformWriter&&) noexcept;
  ~TransformWriter();

  // Has the transform take all of `bytes`, waiting for room as Writer::reserve() does. `bytes` of
  // the result counts what it has taken, and where that is not all, the status says why:
  //   end       the transform has ended, and the stream with it
  //   failed    the transform has failed, and the stream with it: readers know the error. After
  //             Catcher::resume() it may go on.
  //   would_block   the transform wants no more of them now
  //   and whatever Writer::reserve() says.
  WriteResult append(std::span<const std::byte> bytes, const Wait& wait = {});
  // Has the transform write what is left, and finishes. Unless it is `ok`, there is more, and it
  // may be called again (or it has failed).
  Status finish(const Wait& wait = {});
  // Readers get `error` after every byte; what the transform has kept back stays there.
  void fail(std::error_code error) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace catcher
