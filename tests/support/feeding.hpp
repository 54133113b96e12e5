// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What feeds are made of in tests: a pipe that is written by hand, files, commands that leave a
// trace, and the processes that they run.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/channel.hpp"
#include "tests/support/processes.hpp"

namespace catcher::test {

// A folder that is gone with this, and all in it.
class Folder {
 public:
  Folder() { demand(::mkdtemp(path_) != nullptr, "there is room for a folder"); }
  ~Folder() {
    const std::string all = "rm -rf " + std::string(path_);
    [[maybe_unused]] const int status = std::system(all.c_str());
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string path(const std::string& name) const { return std::string(path_) + "/" + name; }
  std::string uri(const std::string& name) const { return "file://" + path(name); }
  std::string text(const std::string& name) const {
    gchar* text = nullptr;
    gsize size = 0;
    if (!g_file_get_contents(path(name).c_str(), &text, &size, nullptr)) return {};
    std::string copy(text, size);
    g_free(text);
    return copy;
  }
  // `size` bytes of the pattern.
  void write_pattern(const std::string& name, std::size_t size) const {
    std::vector<std::byte> bytes(size);
    fill_pattern(bytes, 0);
    demand(g_file_set_contents(path(name).c_str(), reinterpret_cast<const gchar*>(bytes.data()),
                               static_cast<gssize>(size), nullptr),
           "a file can be written");
  }

 private:
  char path_[32] = "/tmp/catcher-feed-XXXXXX";
};

// A pipe whose reading end is a feed's.
class FeedPipe {
 public:
  FeedPipe() { demand(::pipe2(ends_, O_CLOEXEC) == 0, "there is a pipe"); }
  ~FeedPipe() {
    close();
    close_reader();
  }
  FeedPipe(const FeedPipe&) = delete;
  FeedPipe& operator=(const FeedPipe&) = delete;

  int reader() const { return ends_[0]; }
  // What is next of the pattern. No more than a pipe holds, unless somebody reads.
  void write(std::size_t size) {
    std::vector<std::byte> bytes(size);
    fill_pattern(bytes, written_);
    written_ += size;
    for (std::span<const std::byte> left = bytes; !left.empty();) {
      const ssize_t wrote = ::write(ends_[1], left.data(), left.size());
      demand(wrote > 0 || errno == EINTR, "a pipe takes what is written");
      if (wrote > 0) left = left.subspan(static_cast<std::size_t>(wrote));
    }
  }
  void close() { close_end(ends_[1]); }
  void close_reader() { close_end(ends_[0]); }

 private:
  static void close_end(int& end) {
    if (end >= 0) ::close(end);
    end = -1;
  }
  int ends_[2]{};
  std::uint64_t written_ = 0;
};

// As it is quoted for `command`. Requires: no apostrophe in it.
inline std::string script(const std::string& text) {
  return "sh -c '" + text + "'";
}

// What a branch got, as text.
inline std::string text_of(const Branch& branch) {
  const std::vector<std::byte> bytes = branch.all_bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The number that a command has printed in its first line: that of its process, and so of its
// group.
inline pid_t printed_pid(Branch& branch) {
  std::string text;
  const Deadline patience = Clock::now() + kPatience;
  while (text.find('\n') == std::string::npos) {
    demand(Clock::now() < patience, "a command prints its number");
    std::this_thread::yield();
    text = text_of(branch);
  }
  const pid_t pid = static_cast<pid_t>(std::strtol(text.c_str(), nullptr, 10));
  demand(pid > 1, text.c_str());
  return pid;
}

// A catchersrc with a feed and what it plays to. The branch comes before.
class FedPlaying : public Playing {
 public:
  FedPlaying(const char* property, const std::string& value) : Playing(nullptr) {
    element.set(property, value.c_str());
  }
  explicit FedPlaying(int fd) : Playing(nullptr) { element.set("fd", fd); }
};

}  // namespace catcher::test
