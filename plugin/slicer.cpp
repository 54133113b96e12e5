// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "slicer.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "support/lease_memory.hpp"
#include "support/packet_space.hpp"
#include "support/segment_math.hpp"

namespace catcher::plugin {

void Slicer::stand_at(std::uint64_t offset) noexcept {
  // An offset that bytes have come from can be sought.
  [[maybe_unused]] const SeekResult went = reader_.seek(static_cast<std::int64_t>(offset));
  assert(went.status == Status::ok);
}

void Slicer::set_holds_back(bool holds_back) noexcept {
  if (anchor_) anchor_->set_holds_back(holds_back);
  reader_.set_holds_back(holds_back && !anchor_);
}

void Slicer::hold_from(std::uint64_t lowest) {
  anchor_.emplace(recording_.bytes());
  [[maybe_unused]] const SeekResult went = anchor_->seek(static_cast<std::int64_t>(lowest));
  assert(went.status == Status::ok);
}

BufferPtr Slicer::bytes(std::uint64_t size) {
  const std::uint64_t offset = reader_.offset();
  BufferPtr buffer(gst_buffer_new());
  if (!collect(size, Slices::one, buffer.get())) return nullptr;
  GST_BUFFER_OFFSET(buffer.get()) = offset;
  GST_BUFFER_OFFSET_END(buffer.get()) = reader_.offset();
  return buffer;
}

BufferPtr Slicer::frames(const Entry& run, std::uint64_t size) {
  const std::uint64_t offset = reader_.offset();
  BufferPtr buffer(gst_buffer_new());
  if (!collect(size, Slices::one, buffer.get())) return nullptr;
  const std::int64_t begins = run.time_at(offset);
  GST_BUFFER_PTS(buffer.get()) = timestamp_of(begins, recording_.time_shift());
  GST_BUFFER_DURATION(buffer.get()) =
      static_cast<GstClockTime>(run.time_at(reader_.offset()) - begins);
  return buffer;
}

BufferPtr Slicer::packet(const Entry& packet, std::uint64_t index) {
  BufferPtr buffer(gst_buffer_new());
  GstBuffer* made = buffer.get();
  if (!collect(space_of_packet(packet.size), Slices::all, made)) return nullptr;
  if (packet.size == 0) gst_buffer_remove_all_memory(made);
  if (!recording_.extras.give(index, packet.note(), made)) return nullptr;
  const GstClockTime shift = recording_.time_shift();
  GST_BUFFER_PTS(made) = timestamp_of(packet.pts, shift);
  GST_BUFFER_DTS(made) = timestamp_of(packet.dts(), shift);
  if (packet.duration != kNoDuration) GST_BUFFER_DURATION(made) = packet.duration;
  if (!packet.is_key()) GST_BUFFER_FLAG_SET(made, GST_BUFFER_FLAG_DELTA_UNIT);
  if ((packet.flags & Entry::header) != 0) GST_BUFFER_FLAG_SET(made, GST_BUFFER_FLAG_HEADER);
  return buffer;
}

std::uint64_t Slicer::largest_piece(const Entry& run) noexcept {
  const std::uint64_t frames = std::min<std::uint64_t>(
      kPieceBytes / run.size, std::max<std::uint64_t>(run.rate / kPiecesPerSecond, 1));
  return std::max<std::uint64_t>(frames, 1) * run.size;
}

// Leases what is next: one slice of at most `size` bytes, or slices that are `size` together.
bool Slicer::collect(std::uint64_t size, Slices slices, GstBuffer* buffer) {
  do {
    LeaseResult got = reader_.lease(static_cast<std::size_t>(size), Wait::none());
    if (got.status != Status::ok) return false;
    size -= got.lease.size();
    gst_buffer_append_memory(buffer, lease_memory(std::move(got.lease)));
  } while (size != 0 && slices == Slices::all);
  return true;
}

}  // namespace catcher::plugin
