// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Catchers that pull through a transform from asynchronous sources.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "core/async_transform.hpp"
#include "tests/support/async_sources.hpp"
#include "tests/support/transforms.hpp"

namespace catcher::test {

// In chunks of 10 bytes.
inline const Config kTenBytes{.growth = Growth::constant(10), .read_burst = 1};

inline std::shared_ptr<Catcher> through_script(Script script, std::shared_ptr<Transform> transform,
                                               const Config& config = kTenBytes) {
  return pulled_async(
      transformed(std::make_unique<AtOnceSource>(std::move(script)), std::move(transform)), config);
}

inline std::shared_ptr<Catcher> through_hand(const std::shared_ptr<Hand>& hand,
                                             std::shared_ptr<Transform> transform,
                                             const Config& config = kTenBytes) {
  return pulled_async(transformed(std::make_unique<HandSource>(hand), std::move(transform)),
                      config);
}

// Takes what there is, without waiting, and adds it to `all`: what ended it.
inline Status look(Reader& reader, std::vector<std::byte>& all) {
  return collect(reader, all, 64, Wait::none()).status;
}

}  // namespace catcher::test
