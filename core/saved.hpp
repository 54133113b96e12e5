// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A file of bytes, such as save() (save.hpp) writes, as a finished catcher: it is mapped, not read.
// Its length is known at once, and reads, seeks and leases are those of any finished catcher; what
// they touch the system brings in and drops again as it likes. Bytes alone are kept in a file: the
// first has offset 0 here, wherever it came from, and times and events are not there.
//
//   auto opened = catcher::open_saved("/var/lib/radio/last-hour");
//   catcher::Reader reader(opened.catcher);
//
// The file has to stay as it is: who cuts it short makes a later read of what is gone a SIGBUS, and
// who overwrites it changes bytes that were said not to change. A file that is replaced or removed,
// as save() does it, is not changed: the catcher keeps the old one. So is a disk that fails while
// it is read from: SIGBUS, as with any mapped file.
//
// Not for a file that is still written, or that is no regular file: see sources/fd_source.hpp.
#pragma once

#include <memory>
#include <string>
#include <system_error>

#include "catcher.hpp"
#include "export.hpp"

namespace catcher {

struct OpenedSave {
  std::shared_ptr<Catcher> catcher{};  // or nothing, and why
  std::error_code error{};             // why
};

// Costs no descriptor once it returns. Its one chunk is the whole file, in stats() too. Thread:
// any.
CATCHER_API OpenedSave open_saved(const std::string& path);
// The same of a descriptor, wherever its offset is; it may be closed afterwards.
CATCHER_API OpenedSave open_saved(int fd);

}  // namespace catcher
