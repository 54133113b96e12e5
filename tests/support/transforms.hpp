// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Transforms whose outcome is known beforehand, and catchers that pull through them.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/block_transform.hpp"
#include "core/stateful.hpp"
#include "core/transform.hpp"
#include "tests/support/demand.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/streams.hpp"

namespace catcher::test {

// What a test says it does.
class AdHoc final : public Transform {
 public:
  using Work = std::function<SourceResult(TransformInput&, std::span<std::byte>, const Wait&)>;
  explicit AdHoc(Work work, std::size_t min_contiguous = 1)
      : work_(std::move(work)), min_contiguous_(min_contiguous) {}

  std::size_t min_contiguous() const noexcept override { return min_contiguous_; }
  SourceResult transform(TransformInput& in, std::span<std::byte> space,
                         const Wait& wait) override {
    demand(space.size() >= min_contiguous_, "a transform is given the room it needs", space.size());
    return work_(in, space, wait);
  }

 private:
  const Work work_;
  const std::size_t min_contiguous_;
};

inline std::shared_ptr<Transform> ad_hoc(AdHoc::Work work, std::size_t min_contiguous = 1) {
  return std::make_shared<AdHoc>(std::move(work), min_contiguous);
}

// Turns blocks around, each in one piece; of a shorter one at the end too. Keeps count.
class Reversing final : public BlockTransform {
 public:
  explicit Reversing(std::size_t block) : BlockTransform(block), block_(block) {}
  std::size_t min_contiguous() const noexcept override { return block_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

  // The next block is an error first.
  void fail_once() { fails_ = true; }

 private:
  SourceResult transform_block(std::span<const std::byte> block,
                               std::span<std::byte> space) override {
    demand(block.size() == block_, "blocks are whole", block.size());
    return reverse(block, space);
  }
  SourceResult transform_last(std::span<const std::byte> rest,
                              std::span<std::byte> space) override {
    demand(rest.size() < block_, "the last block is shorter", rest.size());
    SourceResult made = reverse(rest, space);
    if (made.status == Status::ok) made.status = Status::end;
    return made;
  }
  SourceResult reverse(std::span<const std::byte> block, std::span<std::byte> space) {
    demand(space.size() >= block.size(), "a block fits in one piece", space.size());
    if (std::exchange(fails_, false)) return SourceResult::failure(kBroken);
    std::reverse_copy(block.begin(), block.end(), space.begin());
    bytes_ += block.size();
    return SourceResult::some(block.size());
  }

  const std::size_t block_;
  std::uint64_t bytes_ = 0;
  bool fails_ = false;
};

// What Reversing makes of the first `size` bytes of the pattern.
inline std::vector<std::byte> reversed_pattern(std::size_t block, std::size_t size) {
  std::vector<std::byte> bytes = pattern(0, size);
  for (std::size_t at = 0; at < size; at += block) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at);
    std::reverse(begin, begin + static_cast<std::ptrdiff_t>(std::min(block, size - at)));
  }
  return bytes;
}

template <class T>
PulledThrough<T> pulled_through(Script script, std::shared_ptr<T> transform,
                                const Config& config = {}) {
  auto made = pull_through(std::make_unique<ScriptedSource>(std::move(script)),
                           std::move(transform), config);
  demand(made.status == Status::ok, "the settings are valid");
  return made;
}

// Reads on, in pieces of `size`, adding to `all`: what ended it.
inline ReadResult collect(Reader& reader, std::vector<std::byte>& all, std::size_t size = 64,
                          const Wait& wait = patiently()) {
  std::vector<std::byte> room(size);
  for (;;) {
    const ReadResult got = reader.read(room, wait);
    all.insert(all.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(got.bytes));
    if (got.status != Status::ok) return got;
  }
}

// All there is of a catcher that ends well.
inline std::vector<std::byte> all_of(const std::shared_ptr<Catcher>& catcher,
                                     std::size_t size = 64) {
  Reader reader(catcher);
  std::vector<std::byte> all;
  demand(collect(reader, all, size).status == Status::end, "the stream ends", all.size());
  return all;
}

}  // namespace catcher::test
