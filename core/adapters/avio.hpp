// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// An AVIOContext over a reader: whatever opens media through libavformat demuxes and seeks in a
// caught stream, each in its own place, while it arrives and afterwards.
//
//   catcher::AvioInput input(catcher::Reader(caught));
//   AVFormatContext* format = avformat_alloc_context();
//   input.attach(*format);
//   avformat_open_input(&format, nullptr, nullptr, nullptr);
//   ...
//   avformat_close_input(&format);  // before `input` goes
//
// Not for a stream that libavformat can open by itself, is read once, and never goes back.
//
// A read takes what is there. At the edge it waits, as long as set_wait() says. Seeks are
// arithmetic: what is behind the edge is waited for by the read that follows, so that a demuxer
// whose index comes last waits for it, and what is evicted is an error of that read.
//
// Position 0 of the context is where the reader was: libavformat probes nowhere else. A reader
// begins at the oldest byte; for a window that has moved on, that suits formats which can be joined
// in the middle (MPEG-TS, ADTS, Ogg), and what is not one is refused by its demuxer.
//
//   what came of it    the context gives
//   end                AVERROR_EOF
//   cancelled          AVERROR_EXIT
//   timed_out          AVERROR(ETIMEDOUT)
//   would_block        AVERROR(EAGAIN)
//   failed             AVERROR of the error if it is one of the system's, else AVERROR(EIO)
//   evicted            AVERROR(EIO)
//   full               AVERROR(ENOBUFS)
//   out_of_memory      AVERROR(ENOMEM)
//
// why() has the rest, and after `evicted` where the window is. libavformat keeps an error, and the
// end, in the context: after clear() the same read can be tried again. No byte is lost by a read
// that fails, but a demuxer that was interrupted in the middle of a packet may need a seek, or to
// be opened anew.
//
// Thread: one at a time, as the AVFormatContext that uses it; a stop token is triggered by any.
// Invariants:
//   I1  What has been read is what was caught there: never other bytes, and none left out.
#pragma once

#include <cstddef>
#include <memory>

extern "C" {
#include <libavformat/avio.h>
}

#include "../export.hpp"
#include "../reader.hpp"

struct AVFormatContext;

namespace catcher {

struct CATCHER_API AvioOptions {
  // Of the context's own buffer, in bytes; 1 to 1 GiB. Larger reads go past it.
  std::size_t buffer_size = 32 * 1024;
  // False: demuxers take the stream as it comes, and do not go to look for an index, which may be
  // where a live stream never gets.
  bool seekable = true;
  // As set_wait().
  Wait wait{};
};

// Move-only. Owns its context and that one's buffer, also one that libavformat has put in its
// place. Outlives each AVFormatContext that it is attached to.
class CATCHER_API AvioInput {
 public:
  // std::bad_alloc if there is no memory.
  explicit AvioInput(Reader reader, const AvioOptions& options = {});
  AvioInput(AvioInput&&) noexcept;
  AvioInput& operator=(AvioInput&&) noexcept;
  ~AvioInput();

  // Lives as long as this, and stays where it is when this is moved.
  AVIOContext* context() const noexcept;
  // Gives `format`, which is not open yet, the context and the callback.
  void attach(AVFormatContext& format) const noexcept;
  // True once a stop is requested. With it avformat_open_input() and the like also give up between
  // two reads. As long as context().
  AVIOInterruptCB interrupt_callback() const noexcept;

  // How long each read from now on may wait, and what interrupts it.
  void set_wait(const Wait& wait) noexcept;
  // From now on, what has arrived by now is all there is: the context has its size, and ends there.
  // For opening and seeking: a demuxer that looks at the end (Ogg for its duration, Matroska for
  // its index) does not wait for it then, and one that seeks by bisection has something to divide.
  // What is learnt so is of that moment, the duration for one.
  void end_at_edge() noexcept;
  // The end is the stream's own again, and reads at the edge wait; clears as clear() does.
  void end_at_end() noexcept;

  // The last read that gave nothing; its status is ok if there was none since clear().
  const ReadResult& why() const noexcept;
  // Forgets the error or the end that the context holds, and why().
  void clear() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace catcher
