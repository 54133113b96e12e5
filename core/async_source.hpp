// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Where bytes come from when readers pull and nobody may block: a read is begun by whoever has run
// out of bytes, and told of when it is over. Not for what can only be read by waiting: that is a
// Source (source.hpp), with Config::executor for readers that do not wait.
//
//   class Socket final : public catcher::AsyncSource {
//     void start_read(std::span<std::byte> space, ReadDone done) override {
//       done_ = std::move(done);
//       loop_.read(fd_, space, [this](int error, std::size_t bytes) {
//         auto tell = std::move(done_);  // this may be gone once it is told
//         tell(result_of(error, bytes));
//       });
//     }
//     void cancel() noexcept override { loop_.cancel(fd_); }
//   };
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "export.hpp"
#include "source.hpp"
#include "status.hpp"

namespace catcher {

// Tells that a read is over, once. Move-only. One that is dropped instead tells that the read has
// failed with Fault::read_dropped.
// Thread: any, one at a time.
class CATCHER_API ReadDone {
 public:
  // Who is told.
  class Receiver {
   public:
    // The result of the one read that is under way. Thread: any.
    virtual void read_done(SourceResult result) noexcept = 0;

   protected:
    ~Receiver() = default;
  };

  // Tells nobody.
  ReadDone() noexcept = default;
  // For the catcher: tells `receiver`.
  explicit ReadDone(Receiver& receiver) noexcept : receiver_(&receiver) {}
  ReadDone(ReadDone&& other) noexcept : receiver_(std::exchange(other.receiver_, nullptr)) {}
  ReadDone& operator=(ReadDone&& other) noexcept {
    ReadDone old(std::move(*this));
    receiver_ = std::exchange(other.receiver_, nullptr);
    return *this;
  }
  ~ReadDone() {
    if (receiver_ != nullptr) (*this)(SourceResult::failure(Fault::read_dropped));
  }

  // Whether a read is still to be told of.
  explicit operator bool() const noexcept { return receiver_ != nullptr; }

  // As Source::read() returns: bytes count whatever the status says. `ok` without bytes is an
  // interruption, and is asked again; any status but `ok`, `end` and `failed` is a failure, after
  // which Catcher::resume() asks again. Requires: told for the first time.
  void operator()(const SourceResult& result) noexcept {
    std::exchange(receiver_, nullptr)->read_done(result);
  }

 private:
  Receiver* receiver_ = nullptr;
};

// Thread: any, one call of start_read() at a time; cancel() also meanwhile.
class CATCHER_API AsyncSource {
 public:
  virtual ~AsyncSource() = default;

  // Begins to read, and returns. `done` is told once there is at least one byte, the end or an
  // error, from any thread, also from inside this call. Only until then is `space` there to be
  // written to. One read at a time. A throw counts as a failure.
  // To tell `done` outside of this call and of cancel() may end this source: touch nothing after.
  // Requires: space is not empty.
  virtual void start_read(std::span<std::byte> space, ReadDone done) = 0;

  // Nobody wants the read that is under way: tell `done` soon, with whatever result. It may have
  // been told already. Called once at most, when the catcher is given up; nothing follows.
  virtual void cancel() noexcept = 0;
};

}  // namespace catcher
