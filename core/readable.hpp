// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// "Call me once when this offset is readable, ended or failed": what asynchronous readers are made
// of (Catcher::once_readable(), Reader::once_readable()). It costs no thread, and no allocation
// to enter. The callback says only that it is time to look: Reader::read_now() tells what is
// there.
//
//   void wake(void* loop, catcher::Status) noexcept { static_cast<Loop*>(loop)->post_read(); }
//   catcher::ReadableRequest request(&loop, wake);
//   if (reader.once_readable(request) != catcher::Status::would_block) read at once;
//
// Not for a thread that has nothing else to do: Reader::read() waits, with a deadline.
//
// Thread: once_readable(), cancel() and the end of a request by one thread at a time, the owner's;
// the callback counts as another, in which all three are allowed too.
// Invariants:
//   I1  A callback is called once for each time that once_readable() said `would_block` and
//       cancel() did not say true; never inside that very call, but maybe on another thread
//       before it has returned.
//   I2  Callbacks of one request follow one another.
#pragma once

#include <memory>

#include "export.hpp"
#include "offset_heap.hpp"
#include "status.hpp"

namespace catcher {

class ReadableQueue;

class CATCHER_API ReadableRequest : private OffsetNode {
 public:
  // By the thread that brought the bytes, the end or the failure, which holds no lock but has its
  // own work to go on with: short, it wakes a loop or posts to an executor. It may enter this
  // request or others again, cancel and destroy them, this one too; those that have become due
  // meanwhile are called after it has returned, not inside. It may not end the Writer
  // or the Reader in whose call it is made, nor enter this request in another catcher
  // (`bad_argument`): cancel() lets go of the one that calls only after that.
  // `ok`: look again. Anything else says why nothing more can be brought: `full` or
  // `out_of_memory` of a catcher that pulls; entering again tries again.
  using Callback = void (*)(void* context, Status status) noexcept;

  // `context` is handed to the callback. Waits for nothing yet.
  ReadableRequest(void* context, Callback callback) noexcept
      : callback_(callback), context_(context) {}
  ~ReadableRequest();
  ReadableRequest(const ReadableRequest&) = delete;
  ReadableRequest& operator=(const ReadableRequest&) = delete;

  // True: it was waiting, and its callback is not called. False: it was not waiting any more (or
  // never was), and its callback has returned, unless this is called inside it. Either way
  // nothing comes after this. Waits for the callback on another thread, so neither hold a
  // lock that it takes, nor let two callbacks cancel each other. The destructor does the same.
  bool cancel() noexcept;

 private:
  friend class ReadableQueue;
  enum class Place : std::uint8_t { nowhere, waiting, due };

  // A callback that is being made. On the stack of the thread that makes it.
  struct Call;

  const Callback callback_;
  void* const context_;

  // From the first entry to cancel() or the end: what it waits in, and who keeps that. Changed by
  // the owner, only while neither waiting nor in a callback.
  std::shared_ptr<void> keeper_;
  ReadableQueue* queue_ = nullptr;

  // Guarded by the queue.
  Place place_ = Place::nowhere;
  Status outcome_ = Status::ok;
  Call* call_ = nullptr;
};

}  // namespace catcher
