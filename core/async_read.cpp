// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "async_read.hpp"

#include <new>
#include <utility>

namespace catcher {

std::optional<SourceResult> begin_read(AsyncSource& source, std::span<std::byte> space,
                                       ReadDone done) noexcept {
  try {
    source.start_read(space, std::move(done));
    return std::nullopt;
  } catch (const std::bad_alloc&) {
    return SourceResult::failure(std::make_error_code(std::errc::not_enough_memory));
  } catch (...) {
    return SourceResult::failure(Fault::source_threw);
  }
}

SourceResult as_told(const SourceResult& told, std::size_t room) noexcept {
  if (told.bytes > room) return SourceResult::failure(Fault::source_overran);
  const auto failed = [&](std::errc why) {
    return SourceResult::failure(std::make_error_code(why), told.bytes);
  };
  switch (told.status) {
    case Status::ok:
    case Status::end:
    case Status::failed: return told;
    case Status::cancelled: return failed(std::errc::operation_canceled);
    case Status::timed_out: return failed(std::errc::timed_out);
    case Status::would_block: return failed(std::errc::resource_unavailable_try_again);
    default: return failed(std::errc::io_error);
  }
}

}  // namespace catcher
