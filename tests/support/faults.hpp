// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Runs a scenario again and again, each time with the next allocation failing, until it gets
// through without: first that one alone, then it and all after it. A scenario says where memory may
// run out, and goes on once there is some again:
//
//   auto made = faults.make([] { return Catcher::push({}); });              // by bad_alloc
//   faults.once_more([&] { return timeline.append_packet(packet); });       // by a status
//
// Anywhere else an exception ends the program. What is alive and which files are open must be the
// same before and behind. A scenario's own arrangements allocate nothing outside of make().
//
// Replaces operator new: include it in one file of a test only.
#pragma once

#include <dirent.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <new>
#include <system_error>
#include <type_traits>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/demand.hpp"
#include "tests/support/failing_new.hpp"
#include "tests/support/pattern.hpp"

namespace catcher::test {

class Faults {
 public:
  explicit Faults(NthNew& nth) : nth_(nth) {}

  // Only in here may something throw, and only std::bad_alloc.
  template <class Make>
  auto make(const Make& make) {
    try {
      return make();
    } catch (const std::bad_alloc&) {
      blame();
    }
    return make();
  }

  // `attempt` answers a Status, or something with one. Behind `out_of_memory` it is made again, and
  // does what it is for.
  template <class Attempt>
  auto once_more(const Attempt& attempt) noexcept {
    auto result = attempt();
    if (status_of(result) != Status::out_of_memory) return result;
    blame();
    return attempt();
  }

  // Memory has run out here. It does not again.
  void blame(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    demand(nth_.struck() && !blamed_, "memory runs out because an allocation failed, once", 0, file,
           line);
    blamed_ = true;
    nth_.lift();
  }

  bool struck() const { return nth_.struck(); }

 private:
  static Status status_of(Status status) { return status; }
  template <class Result>
  static Status status_of(const Result& result) {
    return result.status;
  }

  NthNew& nth_;
  bool blamed_ = false;
};

struct Scenario {
  const char* name;
  void (*run)(Faults& faults);
};

// ---- what scenarios are made of ---------------------------------------------------

// Appends the next `size` bytes of the pattern, all of them.
inline void put(Faults& faults, Writer& writer, std::size_t size) {
  const std::uint64_t end = writer.offset() + size;
  const Status status = faults.once_more([&]() noexcept {
    std::array<std::byte, 128> bytes;
    while (writer.offset() < end) {
      const std::span part =
          std::span(bytes).first(std::min<std::uint64_t>(bytes.size(), end - writer.offset()));
      fill_pattern(part, writer.offset());
      const auto result = writer.append(part, Wait::none());
      if (result.status != Status::ok) return result.status;
    }
    return Status::ok;
  });
  demand(status == Status::ok && writer.offset() == end, "all is appended", writer.offset());
}

// Reads and checks up to `size` bytes: what ended it, `ok` if that is all.
inline ReadResult take_some(Faults& faults, Reader& reader, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    std::array<std::byte, 96> bytes;
    const std::uint64_t offset = reader.offset();
    const auto result = faults.once_more([&]() noexcept {
      return reader.read(std::span(bytes).first(std::min(bytes.size(), size - done)), Wait::none());
    });
    demand_pattern(std::span(bytes).first(result.bytes), offset);
    demand(reader.offset() == offset + result.bytes, "a read moves by what it gave", offset);
    done += result.bytes;
    if (result.status != Status::ok) return {done, result.status, result.error, result.window};
  }
  return {done, Status::ok, {}, {}};
}

inline void take(Faults& faults, Reader& reader, std::size_t size) {
  const auto result = take_some(faults, reader, size);
  demand(result.bytes == size, "what was caught can be read", reader.offset());
}

// ---- how they are run -------------------------------------------------------------

inline int open_files() {
  DIR* list = ::opendir("/proc/self/fd");
  demand(list != nullptr, "the process can be looked at");
  int count = 0;
  while (::readdir(list) != nullptr) ++count;
  ::closedir(list);
  return count;
}

// How many allocations the scenario makes.
inline std::int64_t run_with_faults(const Scenario& scenario) {
  static const char* name;
  static std::int64_t number;
  static bool and_after;
  name = scenario.name;
  std::signal(SIGABRT, [](int) {
    std::fprintf(stderr, "in '%s' with allocation %lld%s failing\n", name,
                 static_cast<long long>(number), and_after ? " and all after it" : "");
  });
  std::int64_t most = 0;
  for (const bool after : {false, true}) {
    and_after = after;
    bool struck = true;
    for (number = 0; struck; ++number) {
      demand(number < 100'000, "a scenario comes to its end");
      const std::int64_t alive = new_alive;
      const int files = open_files();
      {
        NthNew nth(number, after);
        Faults faults(nth);
        scenario.run(faults);
        struck = nth.struck();
      }
      demand(new_alive == alive, "nothing is leaked", static_cast<std::uint64_t>(number));
      demand(open_files() == files, "no file stays open", static_cast<std::uint64_t>(number));
    }
    most = std::max(most, number - 1);
  }
  std::signal(SIGABRT, SIG_DFL);
  return most;
}

}  // namespace catcher::test
