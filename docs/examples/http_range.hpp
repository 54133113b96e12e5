// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a Range asks of a stream whose end may not be known yet, and what HTTP says to that.
#pragma once

#include <libsoup/soup.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <catcher/all.hpp>

namespace example {

inline constexpr std::uint64_t kNoEnd = std::numeric_limits<std::uint64_t>::max();

// Bytes of a response, and how the header calls them.
struct Part {
  unsigned status = SOUP_STATUS_OK;
  std::uint64_t first = 0;
  std::uint64_t behind = kNoEnd;  // the last byte + 1
  bool sized = false;             // all of them are sure to come
  std::string range{};            // Content-Range
  std::string text{};             // what is wrong, instead of bytes
};

inline Part refusal(unsigned status, std::string text, std::string range = {}) {
  return {status, 0, 0, true, std::move(range), std::move(text)};
}

inline std::string number(std::uint64_t value) {
  return std::to_string(value);
}

// What is asked for: all, or [first, last], or the last so many.
struct Wanted {
  enum class Kind { all, range, suffix } kind = Kind::all;
  std::uint64_t first = 0;  // or how many
  std::optional<std::uint64_t> last{};
};

// A Range that cannot be read, or that names several, is left aside: HTTP allows that.
inline Wanted wanted_by(SoupServerMessage* message, const std::string& tag) {
  Wanted wanted;
  SoupMessageHeaders* headers = soup_server_message_get_request_headers(message);
  if (soup_server_message_get_method(message) != SOUP_METHOD_GET) return wanted;
  const char* only_if = soup_message_headers_get_one(headers, "If-Range");
  if (only_if != nullptr && tag != only_if) return wanted;
  SoupRange* ranges = nullptr;
  int count = 0;
  if (!soup_message_headers_get_ranges(headers, 0, &ranges, &count)) return wanted;
  if (count == 1) {
    const SoupRange& range = ranges[0];
    if (range.start < 0) {
      wanted = {Wanted::Kind::suffix, static_cast<std::uint64_t>(-range.start), {}};
    } else {
      wanted = {Wanted::Kind::range, static_cast<std::uint64_t>(range.start), {}};
      if (range.end >= 0) wanted.last = static_cast<std::uint64_t>(range.end);
    }
  }
  soup_message_headers_free_ranges(headers, ranges);
  return wanted;
}

inline Part part_of_known(const Wanted& wanted, std::uint64_t length) {
  const std::string all = "/" + number(length);
  std::uint64_t first = wanted.first;
  std::uint64_t behind = length;
  if (wanted.kind == Wanted::Kind::suffix) {
    first = length - std::min(length, wanted.first);
  } else if (wanted.last) {
    behind = std::min(length, *wanted.last + 1);
  }
  if (first >= length) {
    return refusal(SOUP_STATUS_REQUESTED_RANGE_NOT_SATISFIABLE,
                   "There are " + number(length) + " bytes.\n", "bytes *" + all);
  }
  return {SOUP_STATUS_PARTIAL_CONTENT,
          first,
          behind,
          true,
          "bytes " + number(first) + "-" + number(behind - 1) + all,
          {}};
}

// Requires: the first byte has come.
inline Part part_of_live(const Wanted& wanted, const catcher::Window& window) {
  if (wanted.kind == Wanted::Kind::suffix) {
    return refusal(SOUP_STATUS_REQUESTED_RANGE_NOT_SATISFIABLE,
                   "It has no end yet to count from. Now there are bytes " + number(window.begin) +
                       " to " + number(window.end) + ": ask for a first byte.\n");
  }
  const std::uint64_t behind = wanted.last ? *wanted.last + 1 : window.end;
  return {SOUP_STATUS_PARTIAL_CONTENT,
          wanted.first,
          behind,
          behind <= window.end,
          "bytes " + number(wanted.first) + "-" + number(behind - 1) + "/*",
          {}};
}

// What to answer with what is there now.
inline Part part_of(const Wanted& wanted, const catcher::Catcher& caught) {
  const auto length = caught.length();
  const catcher::Window window = caught.window();
  Part part;
  if (wanted.kind == Wanted::Kind::all) {
    if (length) part.behind = *length;
    part.sized = length.has_value();
  } else {
    part = length ? part_of_known(wanted, *length) : part_of_live(wanted, window);
  }
  if (part.text.empty() && part.first < window.begin) {
    return refusal(wanted.kind == Wanted::Kind::all ? SOUP_STATUS_GONE
                                                    : SOUP_STATUS_REQUESTED_RANGE_NOT_SATISFIABLE,
                   "What came first is not kept: ask for bytes=" + number(window.begin) + "-\n");
  }
  return part;
}

}  // namespace example
