// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A source of bytes that are in memory already: for programs that give one kind of catcher to all
// of their users, and for tests. It copies; what lies in a file and should not be copied is opened
// (saved.hpp).
//
// Thread: as Source.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "../export.hpp"
#include "../source.hpp"

namespace catcher {

class CATCHER_API MemorySource final : public Source {
 public:
  // Requires: the bytes stay as they are as long as the source lives.
  explicit MemorySource(std::span<const std::byte> bytes) noexcept : left_(bytes) {}
  // `owner` keeps them.
  MemorySource(std::shared_ptr<const void> owner, std::span<const std::byte> bytes) noexcept
      : owner_(std::move(owner)), left_(bytes) {}
  // Takes them over.
  explicit MemorySource(std::vector<std::byte> bytes) : MemorySource(share(std::move(bytes))) {}

  // Never waits; the last bytes come with the end.
  SourceResult read(std::span<std::byte> space, const Wait& /*wait*/) override {
    const std::size_t size = std::min(space.size(), left_.size());
    if (size != 0) std::memcpy(space.data(), left_.data(), size);
    left_ = left_.subspan(size);
    return left_.empty() ? SourceResult::at_end(size) : SourceResult::some(size);
  }

 private:
  using Shared = std::shared_ptr<const std::vector<std::byte>>;
  explicit MemorySource(const Shared& bytes) noexcept : MemorySource(bytes, std::span(*bytes)) {}
  static Shared share(std::vector<std::byte> bytes) {
    return std::make_shared<const std::vector<std::byte>>(std::move(bytes));
  }

  std::shared_ptr<const void> owner_;
  std::span<const std::byte> left_;
};

}  // namespace catcher
