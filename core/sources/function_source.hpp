// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A source that is a function: for what needs no class of its own.
//
//   auto source = catcher::FunctionSource::make([&](std::span<std::byte> space, const Wait& wait) {
//     return SourceResult::some(decode_into(space));
//   });
//
// The function does what Source::read() promises; in particular it gives cancelled or timed_out
// where `wait` says so, or the readers that ask for that have to wait for it.
//
// Thread: as Source.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <utility>

#include "../export.hpp"
#include "../source.hpp"

namespace catcher {

class CATCHER_API FunctionSource final : public Source {
 public:
  // What Source::read() is.
  using Function = std::function<SourceResult(std::span<std::byte> space, const Wait& wait)>;

  // Requires: not empty.
  explicit FunctionSource(Function read) noexcept : read_(std::move(read)) {}
  // The same, as Catcher::pull() takes it.
  static std::unique_ptr<Source> make(Function read) {
    return std::make_unique<FunctionSource>(std::move(read));
  }

  SourceResult read(std::span<std::byte> space, const Wait& wait) override {
    return read_(space, wait);
  }

 private:
  const Function read_;
};

}  // namespace catcher
