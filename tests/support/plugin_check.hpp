// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Check for tests of the plugin: GStreamer's own copy of it, which cannot stand beside check.hpp.
// Starts GStreamer, registers our elements statically, and lets an unexpected critical or warning
// fail the test. What is asserted on another thread than the test's goes through demand().
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <initializer_list>
#include <ios>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gst/check/gstcheck.h>
#undef fail

#include "plugin/catchersink.hpp"
#include "plugin/catchersrc.hpp"
#include "plugin/catchertee.hpp"
#include "tests/support/demand.hpp"

// Compares two std::string, and shows both.
#define ck_assert_text(actual, expected)                                         \
  do {                                                                           \
    const std::string ck_actual = (actual);                                      \
    const std::string ck_expected = (expected);                                  \
    ck_assert_msg(ck_actual == ck_expected, "%s is \"%s\", not \"%s\"", #actual, \
                  ck_actual.c_str(), ck_expected.c_str());                       \
  } while (0)

namespace catcher::test {

struct PluginTest {
  const char* name;
  TFun run;
};

struct Topic {
  const char* name;
  std::initializer_list<PluginTest> tests;
};

// The threads of tasks are joined at the end, so that nothing of one test is left in the next.
#undef START_TEST
#define START_TEST(sentence)                                                   \
  static void sentence##_run(int);                                             \
  static const catcher::test::PluginTest sentence{#sentence, &sentence##_run}; \
  static void sentence##_run(int) {                                            \
    tcase_fn_start(#sentence, __FILE__, __LINE__);
#undef END_TEST
#define END_TEST          \
  gst_task_cleanup_all(); \
  }

// What main() returns.
inline int run_plugin_suite(int argc, char** argv, const char* type,
                            std::initializer_list<Topic> topics) {
  gst_check_init(&argc, &argv);
  GST_ELEMENT_REGISTER(catchertee, nullptr);
  GST_ELEMENT_REGISTER(catchersink, nullptr);
  GST_ELEMENT_REGISTER(catchersrc, nullptr);
  Suite* suite = suite_create(type);
  for (const Topic& topic : topics) {
    TCase* tcase = tcase_create(topic.name);
    for (const PluginTest& test : topic.tests) {
      __gst_tcase_add_test(tcase, test.run, test.name, 0, 0, 0, 1);
    }
    suite_add_tcase(suite, tcase);
  }
  const int failed = gst_check_run_suite(suite, type, type);
  // What a failed test has left running, in this process, is not waited for.
  if (failed != 0) std::_Exit(EXIT_FAILURE);
  return EXIT_SUCCESS;
}

// Whether the element can be made here: under a sanitizer only GStreamer's own can.
inline bool has_element(const char* factory) {
  GstElementFactory* found = gst_element_factory_find(factory);
  if (found == nullptr) return false;
  gst_object_unref(found);
  return true;
}

}  // namespace catcher::test
