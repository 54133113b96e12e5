// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// libcheck for C++: its `fail` macro breaks <ios>, so the standard headers come first and the
// macro goes. What is asserted on another thread than the test's goes through demand(), because
// libcheck leaves a failed assertion by longjmp.
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

#include <check.h>
#undef fail

#include "core/status.hpp"
#include "tests/support/demand.hpp"

// Compares two catcher::Status and names both.
#define ck_assert_status(actual, expected)                                                       \
  do {                                                                                           \
    const catcher::Status ck_actual = (actual);                                                  \
    const catcher::Status ck_expected = (expected);                                              \
    ck_assert_msg(ck_actual == ck_expected, "%s is '%s', not '%s'", #actual,                     \
                  catcher::to_string(ck_actual).data(), catcher::to_string(ck_expected).data()); \
  } while (0)

namespace catcher::test {

struct Topic {
  const char* name;
  std::initializer_list<const TTest*> tests;
};

// Runs the suite of one type; each topic is a TCase. What main() returns.
inline int run_suite(const char* type, std::initializer_list<Topic> topics) {
  Suite* suite = suite_create(type);
  for (const Topic& topic : topics) {
    TCase* tcase = tcase_create(topic.name);
    for (const TTest* test : topic.tests) tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
  }
  SRunner* runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace catcher::test
