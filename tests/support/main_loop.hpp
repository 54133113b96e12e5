// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The main context of a test, run until something has come about; and the owner of a GObject.
#pragma once

#include <glib-object.h>

#include <cstdint>
#include <filesystem>
#include <memory>

#include "tests/support/demand.hpp"
#include "tests/support/gate.hpp"

namespace catcher::test {

struct Unref {
  void operator()(gpointer object) const noexcept { g_object_unref(object); }
};
template <class T>
using GPtr = std::unique_ptr<T, Unref>;

// Runs the default main context until `is_so()`. Thread: the test's.
template <class Fact>
void run_until(const Fact& is_so, const char* what, const char* file = __builtin_FILE(),
               int line = __builtin_LINE()) {
  bool late = false;
  const auto is_late = [](gpointer flag) noexcept -> gboolean {
    *static_cast<bool*>(flag) = true;
    return G_SOURCE_CONTINUE;
  };
  const guint timer = g_timeout_add_seconds(static_cast<guint>(kPatience.count()), is_late, &late);
  while (!is_so()) {
    if (late) give_up(what, 0, file, line);
    g_main_context_iteration(nullptr, TRUE);
  }
  g_source_remove(timer);
}

// Dispatches what is ready now, and does not wait.
inline void run_ready() {
  while (g_main_context_iteration(nullptr, FALSE)) {
  }
}

inline std::size_t thread_count() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    ++count;
  }
  return count;
}

}  // namespace catcher::test
