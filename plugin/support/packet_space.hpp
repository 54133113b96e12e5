// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a packet takes of a recording's bytes. An empty one has a byte that stands for it and is
// never handed out, so that each packet has an offset of its own. Pure.
#pragma once

#include <cstdint>

namespace catcher::plugin {

constexpr std::uint64_t space_of_packet(std::uint64_t size) noexcept {
  return size == 0 ? 1 : size;
}

}  // namespace catcher::plugin
