// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "lease_memory.hpp"

#include <utility>

namespace catcher::plugin {

GstMemory* lease_memory(Lease lease) {
  auto* kept = new Lease(std::move(lease));
  const auto bytes = kept->bytes();
  // The wrapper takes a plain pointer for memory of either kind; READONLY keeps it from writing.
  auto* data = const_cast<std::byte*>(bytes.data());
  return gst_memory_new_wrapped(GST_MEMORY_FLAG_READONLY, data, bytes.size(), 0, bytes.size(), kept,
                                [](gpointer owned) { delete static_cast<Lease*>(owned); });
}

}  // namespace catcher::plugin
