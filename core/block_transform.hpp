// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A transform that takes its input in blocks of one size, for codecs and ciphers: it sees no short
// reads, no interruptions and no error of the source, and keeps nothing of the input itself.
//
// Thread: as Transform.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "export.hpp"
#include "transform.hpp"

namespace catcher {

class CATCHER_API BlockTransform : public Transform {
 public:
  // Requires: `block_bytes` is not 0.
  explicit BlockTransform(std::size_t block_bytes)
      : size_(block_bytes), block_(std::make_unique<std::byte[]>(block_bytes)) {}

  SourceResult transform(TransformInput& in, std::span<std::byte> space, const Wait& wait) final;

 protected:
  // Writes what becomes of one block. After `ok` the block is done with; after a failure, or an
  // exception, the same block comes again once readers have resumed.
  virtual SourceResult transform_block(std::span<const std::byte> block,
                                       std::span<std::byte> space) = 0;
  // The input has ended, and `rest` is what was left of it: less than a block, maybe nothing. Asked
  // until it says `end`, with a rest only as long as that was not answered with `ok`.
  virtual SourceResult transform_last(std::span<const std::byte> rest,
                                      std::span<std::byte> space) = 0;

 private:
  const std::size_t size_;
  const std::unique_ptr<std::byte[]> block_;
  std::size_t filled_ = 0;
  bool input_ended_ = false;
};

}  // namespace catcher
