// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "transform_writer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace catcher {
namespace {

// What has been appended and not been taken yet.
class Given final : public Source {
 public:
  SourceResult read(std::span<std::byte> space, const Wait& /*wait*/) override {
    if (left.empty()) return {0, is_last ? Status::end : Status::would_block, {}};
    const std::size_t bytes = std::min(space.size(), left.size());
    std::memcpy(space.data(), left.data(), bytes);
    left = left.subspan(bytes);
    return SourceResult::some(bytes);
  }

  std::span<const std::byte> left{};
  bool is_last = false;
};

}  // namespace

struct TransformWriter::State {
  State(Writer&& to, std::shared_ptr<Transform>&& transform) noexcept
      : writer(std::move(to)), run(std::move(transform)) {}

  // Runs the transform until it says something else than ok.
  Status run_on(const Wait& wait) {
    for (;;) {
      const auto reserved = writer.reserve(1, wait);
      if (reserved.status != Status::ok) return reserved.status;
      const SourceResult got = run.run(in, reserved.space, Wait{kNotAtAll, wait.stop});
      writer.commit(got.bytes);
      switch (got.status) {
        case Status::ok:
          if (got.bytes == 0 && wait.stop.stop_requested()) return Status::cancelled;
          break;
        case Status::end: writer.finish(); return Status::end;
        case Status::would_block:
        case Status::cancelled:
        case Status::timed_out: return got.status;
        default:
          writer.fail(got.status == Status::failed ? got.error
                                                   : std::make_error_code(std::errc::io_error));
          return Status::failed;
      }
    }
  }

  Writer writer;
  Given given;
  TransformInput in{given};
  TransformRun run;
};

TransformWriter::TransformWriter(Writer&& writer, std::shared_ptr<Transform> transform)
    : state_(std::make_unique<State>(std::move(writer), std::move(transform))) {}
TransformWriter::TransformWriter(TransformWriter&&) noexcept = default;
TransformWriter& TransformWriter::operator=(TransformWriter&&) noexcept = default;
TransformWriter::~TransformWriter() = default;

WriteResult TransformWriter::append(std::span<const std::byte> bytes, const Wait& wait) {
  state_->given.left = bytes;
  const Status status = state_->run_on(wait);
  const std::size_t taken = bytes.size() - std::exchange(state_->given.left, {}).size();
  return {taken, taken == bytes.size() && status == Status::would_block ? Status::ok : status};
}

Status TransformWriter::finish(const Wait& wait) {
  state_->given.is_last = true;
  const Status status = state_->run_on(wait);
  return status == Status::end ? Status::ok : status;
}

void TransformWriter::fail(std::error_code error) noexcept {
  state_->writer.fail(error);
}

}  // namespace catcher
