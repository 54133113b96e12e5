// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Runs the oracle on whatever the engine comes up with: see tests/support/reader_oracle.hpp.
#include <cstddef>
#include <cstdint>

#include "tests/support/reader_oracle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  catcher::test::Oracle(catcher::test::Input(data, size)).all();
  return 0;
}
