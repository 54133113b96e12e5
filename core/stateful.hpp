// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a transform (or a source) of a catcher has found out: a checksum, a count, tags.
//
//   auto made = pull_through(std::move(source), std::make_shared<Checksum>());
//   ...
//   if (const Checksum* done = made.state.final_state()) print(done->value());
//
// Thread: any.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>

#include "async_transform.hpp"
#include "catcher.hpp"
#include "transform.hpp"

namespace catcher {

// Keeps both alive.
template <class T>
class Stateful {
 public:
  Stateful() noexcept = default;
  // Requires: `catcher` is fed through `transform`, and by nothing else.
  Stateful(std::shared_ptr<T> transform, std::shared_ptr<const Catcher> catcher) noexcept
      : transform_(std::move(transform)), catcher_(std::move(catcher)) {}

  // The state it ended in, which no longer changes; nullptr before the catcher has
  // finished, and so for one that has failed, since it may be resumed.
  const T* final_state() const noexcept {
    // To see the end is to see all that the transform did before it.
    return catcher_ != nullptr && catcher_->is_finished() ? transform_.get() : nullptr;
  }

  // The transform whatever it is doing: for what of T is itself thread-safe, nothing else.
  // Requires: not an empty Stateful.
  T& unchecked() const noexcept { return *transform_; }

 private:
  std::shared_ptr<T> transform_;
  std::shared_ptr<const Catcher> catcher_;
};

// A catcher that pulls through a transform, and the state of that. As Catcher::Pulled: either
// `catcher` is set, or `status` is not ok and `why` says what to change.
template <class T>
struct PulledThrough {
  std::shared_ptr<Catcher> catcher{};  // to be read
  Stateful<T> state{};                 // to be asked
  Status status = Status::ok;          // or `bad_argument`
  std::string why{};                   // the setting, and what to change
};

// For the two below: `pull` makes the catcher.
template <class T, class Pull>
PulledThrough<T> make_pulled_through(std::shared_ptr<T> transform, const Pull& pull) {
  if (transform == nullptr) {
    return {nullptr, {}, Status::bad_argument, "transform: there is none; pull() needs none"};
  }
  Catcher::Pulled made = pull();
  if (made.status != Status::ok) return {nullptr, {}, made.status, std::move(made.why)};
  return {made.catcher, Stateful<T>(std::move(transform), made.catcher), Status::ok, {}};
}

// Makes both. As Catcher::pull(), also in its errors.
template <class T>
PulledThrough<T> pull_through(std::unique_ptr<Source> source, std::shared_ptr<T> transform,
                              const Config& config = {}) {
  return make_pulled_through(
      transform, [&] { return Catcher::pull(transformed(std::move(source), transform), config); });
}

// The same for an asynchronous source, as Catcher::pull_async().
template <class T, std::derived_from<AsyncSource> S>
PulledThrough<T> pull_through(std::unique_ptr<S> source, std::shared_ptr<T> transform,
                              const Config& config = {}) {
  return make_pulled_through(transform, [&] {
    return Catcher::pull_async(transformed(std::move(source), transform), config);
  });
}

}  // namespace catcher
