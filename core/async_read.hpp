// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Reads of an AsyncSource as whoever begins them takes them: nothing throws, and what was told is
// what may be told.
//
// Thread: no state.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "async_source.hpp"

namespace catcher {

// Calls start_read(). If it threw, what is to be taken for the result; `done` is still to be waited
// for if it was kept.
std::optional<SourceResult> begin_read(AsyncSource& source, std::span<std::byte> space,
                                       ReadDone done) noexcept;

// What was told of a read into `room` bytes, as it is to be taken: `ok`, `end` or `failed`.
SourceResult as_told(const SourceResult& told, std::size_t room) noexcept;

}  // namespace catcher
