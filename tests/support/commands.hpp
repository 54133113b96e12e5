// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Commands whose output is caught, and what is said about them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/reader.hpp"
#include "core/sources/command_source.hpp"
#include "tests/support/check.hpp"
#include "tests/support/gate.hpp"

namespace catcher::test {

// Texts are shown where they differ.
inline void check_text(const std::string& text, const std::string& expected) {
  ck_assert_str_eq(text.c_str(), expected.c_str());
}

inline bool names(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

// A command, caught, and a reader at its beginning.
class Command {
 public:
  explicit Command(const std::vector<std::string>& argv) {
    auto made = CommandSource::start(argv);
    demand(made.source != nullptr, made.why.c_str());
    pid_ = made.source->pid();
    report_ = made.report;
    reader_.emplace(Catcher::pull(std::move(made.source)).catcher);
  }
  static Command script(const std::string& text) { return Command({"sh", "-c", text}); }

  Reader& reader() { return *reader_; }
  const CommandReport& report() const { return *report_; }
  pid_t pid() const { return pid_; }
  void drop() { reader_.reset(); }

  // Reads to the end or the error, which is the result.
  ReadResult read_all(std::string& text) {
    char room[5000];
    for (;;) {
      const ReadResult got = reader_->read(std::as_writable_bytes(std::span(room)), patiently());
      if (got.status != Status::ok) return got;
      text.append(room, got.bytes);
    }
  }
  std::string line() {
    std::string text;
    char one = 0;
    while (one != '\n') {
      const ReadResult got = reader_->read(std::as_writable_bytes(std::span(&one, 1)), patiently());
      demand(got.status == Status::ok, "a command prints a line");
      text += one;
    }
    return text;
  }

 private:
  pid_t pid_ = 0;
  std::shared_ptr<const CommandReport> report_;
  std::optional<Reader> reader_;
};

}  // namespace catcher::test
