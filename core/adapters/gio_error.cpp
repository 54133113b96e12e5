// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "gio_error.hpp"

#include <string>

namespace catcher {
namespace {

bool is_of_the_system(const std::error_code& error) noexcept {
  return error.category() == std::generic_category() || error.category() == std::system_category();
}

// Whoever is told that a read would block waits and reads again, and whoever is told that it was
// cancelled takes it for his own doing. A failure is neither, whatever upstream made of it.
int gio_code_of(const std::error_code& failure) noexcept {
  if (!is_of_the_system(failure)) return G_IO_ERROR_FAILED;
  const GIOErrorEnum code = g_io_error_from_errno(failure.value());
  const bool misleads = code == G_IO_ERROR_WOULD_BLOCK || code == G_IO_ERROR_CANCELLED;
  return misleads ? G_IO_ERROR_FAILED : code;
}

}  // namespace

void set_gio_error(GError** error, const ReadResult& why, std::uint64_t offset) {
  switch (why.status) {
    case Status::would_block:
      g_set_error(error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK,
                  "Nothing is there yet at offset %" G_GUINT64_FORMAT, offset);
      return;
    case Status::cancelled:
      g_set_error_literal(error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "The read was cancelled");
      return;
    case Status::timed_out:
      g_set_error(error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                  "Nothing has come in time at offset %" G_GUINT64_FORMAT, offset);
      return;
    case Status::evicted:
      g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                  "Offset %" G_GUINT64_FORMAT
                  " is no longer kept: the window is [%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT
                  "); seek into it, or give the catcher more max_bytes",
                  offset, why.window.begin, why.window.end);
      return;
    case Status::failed:
      g_set_error(error, G_IO_ERROR, gio_code_of(why.error),
                  "The stream failed at offset %" G_GUINT64_FORMAT ": %s", offset,
                  why.error.message().c_str());
      return;
    case Status::full:
    case Status::out_of_memory:
      g_set_error(error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
                  "There is no room for what comes at offset %" G_GUINT64_FORMAT, offset);
      return;
    default:
      g_set_error(error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                  "Offset %" G_GUINT64_FORMAT " cannot be read: %s", offset,
                  to_string(why.status).data());
  }
}

std::error_code code_of(const GError& error) noexcept {
  if (error.domain != G_IO_ERROR) return std::make_error_code(std::errc::io_error);
  switch (static_cast<GIOErrorEnum>(error.code)) {
    case G_IO_ERROR_CANCELLED: return std::make_error_code(std::errc::operation_canceled);
    case G_IO_ERROR_TIMED_OUT: return std::make_error_code(std::errc::timed_out);
    case G_IO_ERROR_NOT_FOUND: return std::make_error_code(std::errc::no_such_file_or_directory);
    case G_IO_ERROR_PERMISSION_DENIED: return std::make_error_code(std::errc::permission_denied);
    case G_IO_ERROR_NO_SPACE: return std::make_error_code(std::errc::no_space_on_device);
    case G_IO_ERROR_BROKEN_PIPE: return std::make_error_code(std::errc::broken_pipe);
    case G_IO_ERROR_INVALID_ARGUMENT: return std::make_error_code(std::errc::invalid_argument);
    case G_IO_ERROR_NOT_SUPPORTED: return std::make_error_code(std::errc::not_supported);
    case G_IO_ERROR_CLOSED: return std::make_error_code(std::errc::bad_file_descriptor);
    case G_IO_ERROR_BUSY:
    case G_IO_ERROR_PENDING: return std::make_error_code(std::errc::device_or_resource_busy);
    case G_IO_ERROR_CONNECTION_REFUSED: return std::make_error_code(std::errc::connection_refused);
    case G_IO_ERROR_HOST_UNREACHABLE: return std::make_error_code(std::errc::host_unreachable);
    case G_IO_ERROR_NETWORK_UNREACHABLE:
      return std::make_error_code(std::errc::network_unreachable);
    default: return std::make_error_code(std::errc::io_error);
  }
}

StopOnCancel::StopOnCancel(GCancellable* cancellable) : cancellable_(cancellable) {
  if (cancellable == nullptr) return;
  const auto stop = +[](GCancellable*, gpointer self) noexcept {
    static_cast<StopOnCancel*>(self)->stop_.request_stop();
  };
  handler_ = g_cancellable_connect(cancellable, G_CALLBACK(stop), this, nullptr);
}

StopOnCancel::~StopOnCancel() {
  g_cancellable_disconnect(cancellable_, handler_);
}

}  // namespace catcher
