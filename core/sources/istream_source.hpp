// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A source that reads a std::istream, for programs that have nothing else. It takes what the
// stream's buffer holds and never waits for more than that; what it does wait for cannot be
// interrupted: a stop token and a deadline are looked at before, and take effect with the byte
// that comes next. Where there is a descriptor, FdSource is better.
//
// A reader that does not wait finds what std::streambuf::in_avail() says is there: nothing, for
// good, in streams that cannot say (then another reader has to wait). std::cin gives one byte at a
// time unless std::ios::sync_with_stdio(false) was called.
//
// Failures are values, whatever the stream's exceptions() say: badbit, failbit, an exception of the
// buffer are failed(std::io_errc::stream), after every earlier byte; badbit is set where the buffer
// threw. After clear() on the stream and Catcher::resume() it goes on. Eofbit is the end.
//
// Thread: as Source; nobody else uses the stream meanwhile.
#pragma once

#include <istream>
#include <memory>

#include "../export.hpp"
#include "../source.hpp"

namespace catcher {

class CATCHER_API IstreamSource final : public Source {
 public:
  // Requires: the stream lives as long as the source.
  explicit IstreamSource(std::istream& stream) noexcept : stream_(&stream) {}
  // Requires: not null.
  explicit IstreamSource(std::unique_ptr<std::istream> stream) noexcept
      : owned_(std::move(stream)), stream_(owned_.get()) {}

  SourceResult read(std::span<std::byte> space, const Wait& wait) override;

 private:
  SourceResult take(std::span<std::byte> space, const Wait& wait);
  SourceResult fail() noexcept;
  void set(std::ios_base::iostate bit) noexcept;

  std::unique_ptr<std::istream> owned_;
  std::istream* stream_;
};

}  // namespace catcher
