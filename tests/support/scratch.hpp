// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Folders for tests that need real files: an ordinary one, and one on a file system of its own that
// is small or that cannot reserve space. Also how to look at a file that has no name.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <sys/resource.h>

#include "tests/support/demand.hpp"

namespace catcher::test {

// An empty folder that goes with this.
class Folder {
 public:
  Folder() {
    std::string made = (std::filesystem::temp_directory_path() / "catcher-test-XXXXXX").string();
    demand(mkdtemp(made.data()) != nullptr, "a folder can be made");
    path_ = made;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::string& path() const { return path_; }
  std::string pattern() const { return path_ + "/chunks-XXXXXX"; }
  bool is_empty() const { return std::filesystem::is_empty(path_); }

 private:
  std::string path_;
};

// A file system of its own on a folder, seen by this thread and its children alone. That takes
// root, or a kernel that lets a process of one thread have namespaces: is_there() tells.
class MountedFolder {
 public:
  // `type` and `options` as of mount(8).
  MountedFolder(const char* type, const std::string& options) {
    const bool apart = unshare(CLONE_NEWNS) == 0 || become_root_of_its_own();
    is_there_ = apart && mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                mount(type, path().c_str(), type, 0, options.c_str()) == 0;
    if (!is_there_) std::fprintf(stderr, "skipped: no file system can be mounted here\n");
  }
  ~MountedFolder() {
    if (is_there_) umount2(path().c_str(), MNT_DETACH);
  }
  MountedFolder(const MountedFolder&) = delete;
  MountedFolder& operator=(const MountedFolder&) = delete;

  // False: the test has to be left out, and this was said.
  bool is_there() const { return is_there_; }
  const std::string& path() const { return folder_.path(); }
  std::string pattern() const { return folder_.pattern(); }

 private:
  // In a namespace of users, where this one is root and everybody else is nobody.
  static bool become_root_of_its_own() {
    const auto user = std::to_string(getuid());
    const auto group = std::to_string(getgid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
    const auto write = [](const char* path, const std::string& line) {
      std::ofstream(path) << line;
    };
    write("/proc/self/setgroups", "deny");
    write("/proc/self/uid_map", "0 " + user + " 1");
    write("/proc/self/gid_map", "0 " + group + " 1");
    return getuid() == 0;
  }

  Folder folder_;
  bool is_there_ = false;
};

// One with room for `bytes`.
inline MountedFolder small_folder(std::uint64_t bytes) {
  return {"tmpfs", "size=" + std::to_string(bytes)};
}

// While it lives no file of this process grows beyond `bytes`: needs no privilege.
class FileLimit {
 public:
  explicit FileLimit(std::uint64_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    demand(setrlimit(RLIMIT_FSIZE, &limit) == 0, "files can be limited");
  }
  ~FileLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int) = SIG_DFL;
};

// A file that was made in `folder` and has no name any more, as this process has it open.
struct OpenFile {
  int number = -1;
  struct stat status {};

  static std::optional<OpenFile> in(const std::string& folder) {
    std::optional<OpenFile> found;
    DIR* const all = opendir("/proc/self/fd");
    demand(all != nullptr, "open files can be listed");
    while (const dirent* one = readdir(all)) {
      const std::string link = std::string("/proc/self/fd/") + one->d_name;
      std::string target(4096, '\0');
      const ssize_t size = readlink(link.c_str(), target.data(), target.size());
      if (size <= 0) continue;
      target.resize(static_cast<std::size_t>(size));
      if (!target.starts_with(folder + "/")) continue;
      demand(target.ends_with(" (deleted)"), "the file has no name");
      demand(!found.has_value(), "there is one such file");
      found.emplace();
      found->number = std::atoi(one->d_name);
      demand(fstat(found->number, &found->status) == 0, "it can be looked at");
    }
    closedir(all);
    return found;
  }

  std::uint64_t size() const { return static_cast<std::uint64_t>(status.st_size); }
  // What it takes on disk.
  std::uint64_t blocks() const { return static_cast<std::uint64_t>(status.st_blocks) * 512; }
  bool is_inherited() const { return (fcntl(number, F_GETFD) & FD_CLOEXEC) == 0; }
};

// What the file in `folder` takes on disk now.
inline std::uint64_t bytes_on_disk(const std::string& folder) {
  const auto file = OpenFile::in(folder);
  return file ? file->blocks() : 0;
}

}  // namespace catcher::test
