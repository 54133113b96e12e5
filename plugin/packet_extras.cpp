// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "packet_extras.hpp"

#include <gst/video/video.h>

#include <algorithm>
#include <utility>

namespace catcher::plugin {
namespace {

RopeConfig offsets_config() {
  RopeConfig config;
  config.growth = Growth::geometric(64, 256);
  return config;
}

bool holds_for_copy(const GstMeta& meta) {
  static const GQuark memory = g_quark_from_static_string(GST_META_TAG_MEMORY_STR);
  static const GQuark reference = g_quark_from_static_string(GST_META_TAG_MEMORY_REFERENCE_STR);
  const GType api = meta.info->api;
  if (gst_meta_api_type_has_tag(api, reference)) return false;
  // Strides and the offsets of planes are those of the bytes, which are copied as they lie.
  return api == GST_VIDEO_META_API_TYPE || !gst_meta_api_type_has_tag(api, memory);
}

bool has_metas(GstBuffer* packet) {
  gpointer state = nullptr;
  while (const GstMeta* meta = gst_buffer_iterate_meta(packet, &state)) {
    if (meta->info->transform_func != nullptr && holds_for_copy(*meta)) return true;
  }
  return false;
}

}  // namespace

void copy_metas(GstBuffer* from, GstBuffer* to) {
  gpointer state = nullptr;
  while (GstMeta* meta = gst_buffer_iterate_meta(from, &state)) {
    if (meta->info->transform_func == nullptr || !holds_for_copy(*meta)) continue;
    GstMetaTransformCopy all{FALSE, 0, static_cast<gsize>(-1)};
    meta->info->transform_func(to, meta, from, _gst_meta_transform_copy, &all);
  }
}

PacketExtras::PacketExtras() : offsets_(offsets_config()) {}

std::uint32_t PacketExtras::take(std::uint64_t entry, GstBuffer* packet) {
  std::uint32_t note = GST_BUFFER_FLAGS(packet) & note::kept_flags;
  if (take_offsets(entry, {GST_BUFFER_OFFSET(packet), GST_BUFFER_OFFSET_END(packet)})) {
    note |= note::has_offsets;
  }
  if (!has_metas(packet)) return note;
  BufferPtr carrier(gst_buffer_new());
  copy_metas(packet, carrier.get());
  any_metas_ = true;
  Lock lock(mutex_);
  metas_.push_back({entry, std::move(carrier)});
  return note | note::has_metas;
}

// Whether the packet has any. Without memory for them they are lost.
bool PacketExtras::take_offsets(std::uint64_t entry, const Offsets& offsets) {
  const bool has =
      offsets.offset != GST_BUFFER_OFFSET_NONE || offsets.end != GST_BUFFER_OFFSET_NONE;
  std::uint64_t first = first_.load(order::relaxed);  // relaxed: own value
  if (first == kNowhere) {
    if (!has) return false;
    first = entry;
    first_.store(first, order::relaxed);  // relaxed: see first_
  }
  // Entries between that were runs, or were not recorded.
  while (offsets_.end() <= entry - first) {
    const auto [space, status] = offsets_.reserve(1);
    if (status != Status::ok) return false;
    space[0] = offsets_.end() == entry - first ? offsets : Offsets{};
    offsets_.commit(1);
  }
  return has;
}

void PacketExtras::drop_before(std::uint64_t entry) noexcept {
  const std::uint64_t first = first_.load(order::relaxed);  // relaxed: own value
  if (first < entry) offsets_.drop_before(entry - first);
  if (!any_metas_) return;
  std::deque<Metas> gone;  // freed without the lock
  Lock lock(mutex_);
  while (!metas_.empty() && metas_.front().entry < entry) {
    gone.push_back(std::move(metas_.front()));
    metas_.pop_front();
  }
  lock.unlock();
}

bool PacketExtras::give(std::uint64_t entry, std::uint32_t note, GstBuffer* copy) const {
  GST_BUFFER_FLAG_SET(copy, note & note::kept_flags);
  if ((note & note::has_offsets) != 0 && !give_offsets(entry, copy)) return false;
  return (note & note::has_metas) == 0 || give_metas(entry, copy);
}

bool PacketExtras::give_metas(std::uint64_t entry, GstBuffer* copy) const {
  BufferPtr carrier;
  {
    Lock lock(mutex_);
    const auto found = std::partition_point(
        metas_.begin(), metas_.end(), [entry](const Metas& metas) { return metas.entry < entry; });
    if (found == metas_.end() || found->entry != entry) return false;
    carrier.reset(gst_buffer_ref(found->carrier.get()));
  }
  copy_metas(carrier.get(), copy);
  return true;
}

bool PacketExtras::give_offsets(std::uint64_t entry, GstBuffer* copy) const {
  const std::uint64_t index = entry - first_.load(order::relaxed);  // relaxed: see first_
  if (index >= offsets_.end()) return false;
  const Pin<Offsets> pin = offsets_.pin(index);
  if (!pin) return false;
  const Offsets& offsets = pin.data()[index - pin.base()];
  GST_BUFFER_OFFSET(copy) = offsets.offset;
  GST_BUFFER_OFFSET_END(copy) = offsets.end;
  return true;
}

}  // namespace catcher::plugin
