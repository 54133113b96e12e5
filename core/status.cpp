// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "status.hpp"

#include <string>

#include "status_code.hpp"

namespace catcher {
namespace {

class FaultCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "catcher"; }
  std::string message(int value) const override {
    switch (static_cast<Fault>(value)) {
      case Fault::source_threw: return "the source threw an exception";
      case Fault::source_overran: return "the source claims more bytes than it had room for";
      case Fault::writer_gone: return "the writer went away before the stream was finished";
      case Fault::transform_threw: return "the transform threw an exception";
      case Fault::transform_overran: return "the transform claims more bytes than it had room for";
      case Fault::read_dropped: return "the source dropped a read instead of telling its result";
      case Fault::work_dropped: return "the executor dropped a read instead of running it";
    }
    return "unknown fault";
  }
};

class StatusCategory final : public std::error_category {
 public:
  const char* name() const noexcept override { return "catcher status"; }
  std::string message(int value) const override {
    return std::string(to_string(static_cast<Status>(value)));
  }
  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<Status>(value)) {
      case Status::would_block: return std::errc::resource_unavailable_try_again;
      case Status::cancelled: return std::errc::operation_canceled;
      case Status::timed_out: return std::errc::timed_out;
      case Status::full: return std::errc::no_buffer_space;
      case Status::out_of_memory: return std::errc::not_enough_memory;
      case Status::bad_argument: return std::errc::invalid_argument;
      default: return {value, *this};
    }
  }
};

}  // namespace

const std::error_category& fault_category() noexcept {
  static const FaultCategory category;
  return category;
}

const std::error_category& status_category() noexcept {
  static const StatusCategory category;
  return category;
}

std::string_view to_string(Status status) noexcept {
  switch (status) {
    case Status::ok: return "ok";
    case Status::end: return "end";
    case Status::would_block: return "would block";
    case Status::evicted: return "evicted";
    case Status::cancelled: return "cancelled";
    case Status::timed_out: return "timed out";
    case Status::failed: return "failed";
    case Status::full: return "full";
    case Status::out_of_memory: return "out of memory";
    case Status::bad_argument: return "bad argument";
  }
  return "unknown status";
}

}  // namespace catcher
