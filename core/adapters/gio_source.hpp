// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A GInputStream as what a catcher pulls from: a file, a socket, a converter, a stream of another
// process. GioSource waits in the thread of the reader that has run out of bytes;
// GioAsyncSource reads in a GMainContext, and nobody waits.
//
//   auto made = catcher::Catcher::pull(std::make_unique<catcher::GioSource>(stream));
//   auto made = catcher::Catcher::pull_async(std::make_unique<catcher::GioAsyncSource>(stream));
//
// Not for a file descriptor: that is an FdSource, which needs no GLib.
//
// Errors of GIO become those of std::errc that say the same, and std::errc::io_error where there is
// none; the text is written to the log of the domain "catcher" as a debug message.
#pragma once

#include <gio/gio.h>

#include <memory>
#include <span>

#include "../async_source.hpp"
#include "../export.hpp"
#include "../source.hpp"

namespace catcher {

// Thread: see Source.
class CATCHER_API GioSource final : public Source {
 public:
  // Takes a reference. Nobody else reads `stream` from now on.
  explicit GioSource(GInputStream* stream);
  ~GioSource() override;

  // A stop token cancels a read of any stream. A deadline, and not waiting at all, hold for streams
  // that can be polled; another is waited for, as long as it takes.
  SourceResult read(std::span<std::byte> space, const Wait& wait) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Thread: see AsyncSource. What is read is told by the thread that runs the context; while nobody
// does, nothing comes.
class CATCHER_API GioAsyncSource final : public AsyncSource {
 public:
  // Takes a reference of each. Nobody else reads `stream` from now on. Without a context: the
  // thread's default one.
  explicit GioAsyncSource(GInputStream* stream, GMainContext* context = nullptr);
  ~GioAsyncSource() override;

  void start_read(std::span<std::byte> space, ReadDone done) override;
  void cancel() noexcept override;

 private:
  struct State;
  std::shared_ptr<State> state_;  // also of a read that is under way
};

}  // namespace catcher
