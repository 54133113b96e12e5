// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Catchers whose bytes are the pattern, and readers that check it.
#pragma once

#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/demand.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/scripted_source.hpp"

namespace catcher::test {

inline const std::error_code kBroken = std::make_error_code(std::errc::io_error);

inline Catcher::Pushed pushed(const Config& config = {}) {
  auto made = Catcher::push(config);
  demand(made.status == Status::ok, "the settings are valid");
  return made;
}

inline std::shared_ptr<Catcher> pulled(Script script, std::shared_ptr<SourceLog> log = nullptr,
                                       const Config& config = {}) {
  auto source = std::make_unique<ScriptedSource>(std::move(script), std::move(log));
  auto made = Catcher::pull(std::move(source), config);
  demand(made.status == Status::ok, "the settings are valid");
  return made.catcher;
}

// The next `size` bytes of the pattern.
inline WriteResult append(Writer& writer, std::size_t size, const Wait& wait = Wait::none(),
                          std::size_t unit = 1) {
  return writer.append(pattern(writer.offset(), size), wait, unit);
}

// All of them, without waiting. Thread: any.
inline void add(Writer& writer, std::size_t size) {
  demand(append(writer, size).status == Status::ok, "there is room for all", writer.offset());
}

// A catcher with `size` bytes in it, and its writer.
inline Catcher::Pushed filled(std::size_t size, const Config& config = {}) {
  auto made = pushed(config);
  add(made.writer, size);
  return made;
}

// Reads up to `size` bytes and checks them. Thread: any.
inline ReadResult read(Reader& reader, std::size_t size, const Wait& wait = patiently()) {
  std::vector<std::byte> bytes(size);
  const std::uint64_t offset = reader.offset();
  const ReadResult result = reader.read(bytes, wait);
  demand(result.bytes <= size, "a read gives no more than it was asked for", result.bytes);
  demand(reader.offset() == offset + result.bytes, "a read moves by what it gave", offset);
  demand_pattern(std::span(bytes).first(result.bytes), offset);
  return result;
}

inline ReadResult try_read(Reader& reader, std::size_t size) {
  return read(reader, size, Wait::none());
}

// Reads the next `size` bytes, all of them, and checks them. Thread: any.
inline void take(Reader& reader, std::size_t size, const Wait& wait = patiently()) {
  while (size > 0) {
    const ReadResult result = read(reader, size, wait);
    demand(result.status == Status::ok, "the bytes can be read", reader.offset());
    size -= result.bytes;
  }
}

// Reads and checks all that comes, in pieces of `size`: what ended it, and how much there was.
inline ReadResult read_all(Reader& reader, std::size_t size = 100, const Wait& wait = patiently()) {
  std::size_t done = 0;
  for (;;) {
    ReadResult result = read(reader, size, wait);
    done += result.bytes;
    if (result.status == Status::ok) continue;
    result.bytes = done;
    return result;
  }
}

}  // namespace catcher::test
