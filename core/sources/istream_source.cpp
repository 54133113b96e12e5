// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "istream_source.hpp"

#include <algorithm>
#include <ios>
#include <streambuf>

#include "descriptor.hpp"

namespace catcher {

SourceResult IstreamSource::read(std::span<std::byte> space, const Wait& wait) {
  if (stream_->fail() || stream_->rdbuf() == nullptr) return fail();
  if (stream_->eof()) return SourceResult::at_end();
  if (wait.stop.stop_requested()) return {0, Status::cancelled};
  try {
    return take(space, wait);
  } catch (...) {
    set(std::ios_base::badbit);
    return fail();
  }
}

// Of the buffer alone: to read beyond it could wait, or throw with bytes in hand, which are lost.
SourceResult IstreamSource::take(std::span<std::byte> space, const Wait& wait) {
  using Traits = std::istream::traits_type;
  std::streambuf& buffer = *stream_->rdbuf();
  const bool may_wait = wait.deadline > Clock::now();
  if (!may_wait && buffer.in_avail() == 0) return {0, why_late(wait.deadline)};
  if (Traits::eq_int_type(buffer.sgetc(), Traits::eof())) {
    set(std::ios_base::eofbit);
    return SourceResult::at_end();
  }
  const std::streamsize there = std::max<std::streamsize>(buffer.in_avail(), 1);
  const auto wanted = std::min<std::streamsize>(there, static_cast<std::streamsize>(space.size()));
  const std::streamsize got = buffer.sgetn(reinterpret_cast<char*>(space.data()), wanted);
  return SourceResult::some(static_cast<std::size_t>(got));
}

SourceResult IstreamSource::fail() noexcept {
  return SourceResult::failure(std::make_error_code(std::io_errc::stream));
}

// A stream that throws for a bit has set it before.
void IstreamSource::set(std::ios_base::iostate bit) noexcept {
  try {
    stream_->setstate(bit);
  } catch (...) {
    return;
  }
}

}  // namespace catcher
