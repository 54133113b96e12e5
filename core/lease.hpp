// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A zero-copy view of published bytes. It keeps the chunk they are in, and nothing else,
// alive: also after eviction, and after the catcher itself is gone.
//
// Thread: a Lease is used by one thread at a time and may be dropped on any.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "chunk.hpp"
#include "status.hpp"

namespace catcher {

class Lease {
 public:
  Lease() noexcept = default;
  // For readers: `bytes` lie in the pinned chunk.
  Lease(Pin<std::byte> pin, std::span<const std::byte> bytes, std::uint64_t offset) noexcept
      : pin_(std::move(pin)), bytes_(bytes), offset_(offset) {}

  // Readable as long as this lease, or one shared from it, lives.
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  // In bytes.
  std::size_t size() const noexcept { return bytes_.size(); }
  // Where in the stream bytes() begins.
  std::uint64_t offset() const noexcept { return offset_; }
  // Whether it holds anything.
  explicit operator bool() const noexcept { return static_cast<bool>(pin_); }

  // Another view of bytes()[from, from + size), cut to what is there. Costs one count.
  Lease share(std::size_t from = 0, std::size_t size = std::dynamic_extent) const noexcept {
    from = std::min(from, bytes_.size());
    size = std::min(size, bytes_.size() - from);
    return Lease(pin_.share(), bytes_.subspan(from, size), offset_ + from);
  }

 private:
  Pin<std::byte> pin_;
  std::span<const std::byte> bytes_;
  std::uint64_t offset_ = 0;
};

// A lease, or why there is none.
struct [[nodiscard]] LeaseResult {
  Lease lease{};               // empty unless `status` is ok
  Status status = Status::ok;  // as of a read
  std::error_code error{};     // set when status is `failed`
  Window window{};             // set when status is `evicted`
};

}  // namespace catcher
