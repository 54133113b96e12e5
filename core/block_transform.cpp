// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "block_transform.hpp"

namespace catcher {

SourceResult BlockTransform::transform(TransformInput& in, std::span<std::byte> space,
                                       const Wait& wait) {
  while (!input_ended_ && filled_ < size_) {
    const SourceResult got = in.read({block_.get() + filled_, size_ - filled_}, wait);
    filled_ += got.bytes;
    if (got.status == Status::end) {
      input_ended_ = true;
    } else if (got.status != Status::ok) {
      return got;
    }
  }
  const std::span<const std::byte> block(block_.get(), filled_);
  const SourceResult made =
      filled_ == size_ ? transform_block(block, space) : transform_last(block, space);
  if (made.status == Status::ok) filled_ = 0;
  return made;
}

}  // namespace catcher
