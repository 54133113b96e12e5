// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The recordings of this process that have a name. A channel is pending while only players ask for
// it, active while it has a writer, and kept when the writer has gone: then its recording stays
// within a budget, and the one that was used least recently goes first.
//
// Thread: any.
#pragma once

#include <gst/gst.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "recording.hpp"

namespace catcher::plugin::channels {

// The right to publish under a name; given up when it is destroyed. Move-only.
class Claim {
 public:
  Claim() noexcept = default;
  Claim(Claim&& other) noexcept : name_(std::move(other.name_)) { other.name_.clear(); }
  Claim& operator=(Claim&& other) noexcept;
  ~Claim() { give_up(); }

  explicit operator bool() const noexcept { return !name_.empty(); }
  // The recording that the name stands for from now on.
  void publish(std::shared_ptr<Recording> recording);
  void give_up() noexcept;

 private:
  friend Claim claim(const std::string& name);
  explicit Claim(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

// Empty if the channel has a writer, or the name is empty.
Claim claim(const std::string& name);

// The channel's recording, waiting at most `timeout` ns (GST_CLOCK_TIME_NONE: for ever) for one to
// be published. Nothing: time is up, or `interrupted` became true and wake() was called.
std::shared_ptr<Recording> await(const std::string& name, GstClockTime timeout,
                                 const std::atomic<bool>& interrupted);
// Whether await() would find a recording at once, or somebody writes to the channel.
bool is_filled(const std::string& name);
// This recording is not to be found under the name once its writer has gone: it is not all that
// there was to be. Who plays it plays on.
void discard(const std::string& name, const Recording& recording);
// A recording that a player has come to otherwise, held like one from await(): when it is let go
// of, the budget is looked at.
std::shared_ptr<Recording> hold(std::shared_ptr<Recording> recording);
// Makes everyone in await() look at `interrupted`.
void wake() noexcept;

// Bytes of recordings that are kept without a writer; one that somebody plays is not dropped before
// he has let go of it.
void set_budget(std::uint64_t bytes);
std::uint64_t budget();

}  // namespace catcher::plugin::channels
