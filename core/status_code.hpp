// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A Status as a std::error_code, for libraries that know only those. Not where a Status can be
// told as it is.
//
// Thread: any, values.
#pragma once

#include <system_error>
#include <type_traits>

#include "export.hpp"
#include "status.hpp"

namespace catcher {

// The category of a Status, named "catcher status".
CATCHER_API const std::error_category& status_category() noexcept;
// Makes a Status comparable with any std::error_code; `ok` is no error. What std::errc has a name
// for is equivalent to that.
inline std::error_code make_error_code(Status status) noexcept {
  return {static_cast<int>(status), status_category()};
}

}  // namespace catcher

template <>
struct std::is_error_code_enum<catcher::Status> : std::true_type {};
