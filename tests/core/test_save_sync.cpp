// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What is said of a saved file whose folder cannot be synced: fsync() is this file's own.
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "core/save.hpp"
#include "tests/support/check.hpp"
#include "tests/support/saving.hpp"
#include "tests/support/scratch.hpp"

namespace {

int folder_error = 0;

}  // namespace

// In place of the C library's.
extern "C" int fsync(int fd) {
  struct stat about {};
  if (folder_error != 0 && ::fstat(fd, &about) == 0 && S_ISDIR(about.st_mode)) {
    errno = folder_error;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

namespace {

using namespace catcher;
using namespace catcher::test;

SaveResult save_with(int error, const std::string& path) {
  const Stream stream(1000);
  folder_error = error;
  const SaveResult result = save(stream.catcher, 0, 1000, path, Wait::none());
  folder_error = 0;
  ck_assert_uint_eq(content(path).size(), 1000);
  demand_pattern(content(path), 0);
  return result;
}

START_TEST(a_folder_that_cannot_be_synced_is_told) {
  const Folder folder;
  const SaveResult result = save_with(EIO, folder.path() + "/a");
  ck_assert_status(result.status, Status::failed);
  ck_assert_int_eq(result.error.value(), EIO);
}
END_TEST

START_TEST(a_file_system_that_syncs_no_folders_is_no_failure) {
  const Folder folder;
  ck_assert_status(save_with(EINVAL, folder.path() + "/a").status, Status::ok);
}
END_TEST

}  // namespace

int main() {
  return run_suite("save_sync", {{"folder",
                                  {a_folder_that_cannot_be_synced_is_told,
                                   a_file_system_that_syncs_no_folders_is_no_failure}}});
}
