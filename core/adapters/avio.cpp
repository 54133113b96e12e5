// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "avio.hpp"

extern "C" {
#include <libavformat/avformat.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
}

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace catcher {
namespace {

constexpr std::size_t kLargestBuffer = std::size_t{1} << 30;

int averror_of(std::error_code error) noexcept {
  // A source's own category may know what its errors mean to the system.
  const std::error_condition known = error.default_error_condition();
  const bool is_systems = known.category() == std::generic_category() && known.value() > 0;
  return AVERROR(is_systems ? known.value() : EIO);
}

int averror_of(const ReadResult& nothing) noexcept {
  switch (nothing.status) {
    case Status::end: return AVERROR_EOF;
    case Status::cancelled: return AVERROR_EXIT;
    case Status::timed_out: return AVERROR(ETIMEDOUT);
    case Status::would_block: return AVERROR(EAGAIN);
    case Status::failed: return averror_of(nothing.error);
    case Status::full: return AVERROR(ENOBUFS);
    case Status::out_of_memory: return AVERROR(ENOMEM);
    default: return AVERROR(EIO);
  }
}

}  // namespace

struct AvioInput::State {
  State(Reader at, const AvioOptions& settings)
      : reader(std::move(at)), origin(reader.offset()), options(settings) {
    const std::size_t size = std::clamp<std::size_t>(settings.buffer_size, 1, kLargestBuffer);
    void* buffer = av_malloc(size);
    context = avio_alloc_context(
        static_cast<unsigned char*>(buffer), static_cast<int>(size), 0, this,
        [](void* self, std::uint8_t* out, int room) noexcept {
          return static_cast<State*>(self)->read(out, room);
        },
        nullptr,
        [](void* self, std::int64_t offset, int whence) noexcept {
          return static_cast<State*>(self)->seek(offset, whence);
        });
    if (buffer == nullptr || context == nullptr) {
      av_free(buffer);
      avio_context_free(&context);
      throw std::bad_alloc();
    }
    context->seekable = settings.seekable ? AVIO_SEEKABLE_NORMAL : 0;
    if (!settings.seekable) context->seek = nullptr;
  }
  ~State() {
    // Not the one that was handed in: libavformat puts larger ones in its place.
    av_freep(&context->buffer);
    avio_context_free(&context);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  int read(std::uint8_t* out, int room) noexcept {
    if (room <= 0) return AVERROR(EINVAL);
    std::size_t most = static_cast<std::size_t>(room);
    if (end) {
      most = static_cast<std::size_t>(
          std::min<std::uint64_t>(most, *end - std::min(*end, reader.offset())));
      if (most == 0) return why_not({0, Status::end, {}, {}});
    }
    const std::span<std::uint8_t> space(out, most);
    const ReadResult got = reader.read(std::as_writable_bytes(space), options.wait);
    if (got.status == Status::ok) return static_cast<int>(got.bytes);
    return why_not(got);
  }

  int why_not(const ReadResult& nothing) noexcept {
    why = nothing;
    // A short way forwards is read otherwise: through bytes that are gone, though those at the
    // target are there.
    if (nothing.status == Status::evicted) context->direct = 1;
    return averror_of(nothing);
  }

  std::int64_t seek(std::int64_t distance, int whence) noexcept {
    if ((whence & AVSEEK_SIZE) != 0) return size();
    std::int64_t from = 0;
    switch (whence & ~AVSEEK_FORCE) {
      case SEEK_SET: break;
      case SEEK_CUR: from = static_cast<std::int64_t>(reader.offset() - origin); break;
      case SEEK_END:
        from = size();
        if (from < 0) return from;
        break;
      default: return AVERROR(EINVAL);
    }
    // What lies before the origin has no name here.
    const std::int64_t beyond = INT64_MAX - static_cast<std::int64_t>(origin);
    if (distance < -from || distance > beyond - from) return AVERROR(EINVAL);
    const std::int64_t to = from + distance;
    context->direct = 0;
    // Cannot fail: within what an offset may be.
    static_cast<void>(reader.seek(static_cast<std::int64_t>(origin) + to));
    return to;
  }

  std::optional<std::uint64_t> known_end() const noexcept {
    return end ? end : reader.catcher()->length();
  }

  std::int64_t size() const noexcept {
    const std::optional<std::uint64_t> known = known_end();
    if (!known) return AVERROR(ENOSYS);
    return static_cast<std::int64_t>(std::max(*known, origin) - origin);
  }

  Reader reader;
  const std::uint64_t origin;  // offset of the context's position 0
  AvioOptions options;
  std::optional<std::uint64_t> end{};  // what end_at_edge() has set
  ReadResult why{};
  AVIOContext* context = nullptr;
};

AvioInput::AvioInput(Reader reader, const AvioOptions& options)
    : state_(std::make_unique<State>(std::move(reader), options)) {}
AvioInput::AvioInput(AvioInput&&) noexcept = default;
AvioInput& AvioInput::operator=(AvioInput&&) noexcept = default;
AvioInput::~AvioInput() = default;

AVIOContext* AvioInput::context() const noexcept {
  return state_->context;
}

void AvioInput::attach(AVFormatContext& format) const noexcept {
  format.pb = context();
  format.flags |= AVFMT_FLAG_CUSTOM_IO;
  format.interrupt_callback = interrupt_callback();
}

AVIOInterruptCB AvioInput::interrupt_callback() const noexcept {
  return {[](void* state) noexcept {
            return static_cast<State*>(state)->options.wait.stop.stop_requested() ? 1 : 0;
          },
          state_.get()};
}

void AvioInput::set_wait(const Wait& wait) noexcept {
  state_->options.wait = wait;
}

void AvioInput::end_at_edge() noexcept {
  state_->end = state_->reader.catcher()->window().end;
}

void AvioInput::end_at_end() noexcept {
  state_->end.reset();
  clear();
}

const ReadResult& AvioInput::why() const noexcept {
  return state_->why;
}

void AvioInput::clear() noexcept {
  state_->why = {};
  state_->context->error = 0;
  state_->context->eof_reached = 0;
}

}  // namespace catcher
