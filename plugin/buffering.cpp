// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "buffering.hpp"

#include <algorithm>
#include <utility>

#include "recording.hpp"
#include "support/debug.hpp"

namespace catcher::plugin {
namespace {

// Enough to play on when nothing else is said: what queue2 has by default.
constexpr std::uint64_t kEnoughBytes = 2 << 20;
constexpr auto kEnoughTime = 2 * static_cast<std::int64_t>(GST_SECOND);
// What a full window may lack of its size: chunks go and come as a whole.
constexpr std::uint64_t kWindowParts = 16;

constexpr std::int64_t kRateInterval = 200'000;  // us
constexpr double kOldWeight = 3;

// 0 is no limit.
template <class Size>
Size lesser(Size one, Size other) {
  if (one == 0 || other == 0) return std::max(one, other);
  return std::min(one, other);
}

double part_of(double some, double whole) {
  return whole > 0 ? some / whole : 0;
}

}  // namespace

void RateMeter::add(std::uint64_t bytes, std::int64_t now) {
  bytes_ += bytes;
  if (since_ < 0) since_ = now;
  const std::int64_t period = now - since_;
  if (period < kRateInterval) return;
  const double rate = static_cast<double>(bytes_) * 1e6 / static_cast<double>(period);
  rate_ = rate_ > 0 ? (rate_ * kOldWeight + rate) / (kOldWeight + 1) : rate;
  since_ = now;
  bytes_ = 0;
}

Buffering::Target Buffering::target(const Settings& settings, GstFormat format) {
  Target target;
  target.bytes = settings.read_ahead_bytes;
  if (format == GST_FORMAT_TIME) {
    target.time = static_cast<std::int64_t>(settings.read_ahead_time);
    if (target.bytes == 0 && target.time == 0) target.time = kEnoughTime;
    target.time = lesser(target.time, static_cast<std::int64_t>(settings.max_size_time));
  } else if (target.bytes == 0) {
    target.bytes = kEnoughBytes;
  }
  const std::uint64_t window = settings.max_size_bytes;
  target.bytes = lesser(target.bytes, window - window / kWindowParts);
  return target;
}

void Buffering::attach(GstElement* element) {
  Lock lock(mutex_);
  element_ = settings_.use_buffering ? element : nullptr;
}

void Buffering::set_full(bool full) {
  Lock lock(mutex_);
  full_ = full;
}

Buffering::Level Buffering::level(const Recording& recording) const {
  const std::optional<std::uint64_t> slowest = recording.bytes()->slowest_reader();
  if (!slowest || recording.is_finished()) return {};
  const std::uint64_t edge = recording.edge();
  const std::uint64_t from = std::clamp(*slowest, std::min(recording.begin(), edge), edge);
  const Target wanted = target(settings_, recording.format());
  Level level;
  level.bytes = static_cast<double>(edge - from);
  level.part = part_of(level.bytes, static_cast<double>(wanted.bytes));
  const std::int64_t time = wanted.time == 0 ? kNoTime : recording.time_at(from);
  const std::int64_t edge_time = recording.edge_time();
  if (from != edge && time != kNoTime && edge_time > time) {
    level.part = std::max(level.part, part_of(static_cast<double>(edge_time - time),
                                              static_cast<double>(wanted.time)));
  }
  if (full_) level.part = 1;
  return level;
}

Buffering::Figures Buffering::describe(const Recording& recording, const Level& level) const {
  Figures figures;
  const double high = settings_.high_watermark;
  figures.is_busy = busy_;
  if (level.part < high) figures.percent = static_cast<int>(level.part * 100 / high);
  const bool bounded = settings_.max_size_bytes != 0 || settings_.max_size_time != 0;
  figures.mode = recording.is_live() ? GST_BUFFERING_LIVE
                 : bounded           ? GST_BUFFERING_TIMESHIFT
                                     : GST_BUFFERING_DOWNLOAD;
  if (in_.rate() > 0) figures.average_in = static_cast<int>(in_.rate());
  if (out_.rate() > 0) figures.average_out = static_cast<int>(out_.rate());
  if (figures.percent == 100) {
    figures.left = 0;
  } else if (in_.rate() > 0 && level.part > 0) {
    const double missing = level.bytes * (high - level.part) / level.part;
    figures.left = static_cast<std::int64_t>(missing * 1000 / in_.rate());
  }
  return figures;
}

Buffering::Figures Buffering::figures(const Recording& recording) const {
  Lock lock(mutex_);
  return describe(recording, level(recording));
}

// Buffering begins below one mark and ends at the other, so that it does not do so at each buffer.
bool Buffering::is_news(const Level& level) {
  const bool was_busy = busy_;
  if (level.part >= settings_.high_watermark) {
    busy_ = false;
  } else if (level.part < settings_.low_watermark) {
    busy_ = true;
  }
  return busy_ || was_busy;
}

void Buffering::update(const Recording& recording, std::uint64_t played) {
  Lock lock(mutex_);
  if (element_ == nullptr) return;
  const std::int64_t now = g_get_monotonic_time();
  const std::uint64_t edge = recording.edge();
  in_.add(edge - std::exchange(edge_, edge), now);
  out_.add(played, now);
  const Level level = this->level(recording);
  if (!is_news(level)) return;
  const Figures figures = describe(recording, level);
  if (figures.percent == std::exchange(percent_, figures.percent)) return;
  pending_ = figures;
  if (!posting_) post(lock);
}

// What changes while a message is posted is posted next, by the same thread.
void Buffering::post(Lock& lock) {
  posting_ = true;
  while (pending_ && element_ != nullptr) {
    const Figures figures = *std::exchange(pending_, std::nullopt);
    const GstPtr<GstElement> element(GST_ELEMENT_CAST(gst_object_ref(element_)));
    lock.unlock();
    GST_DEBUG_OBJECT(element.get(), "buffering: %d %%", figures.percent);
    GstMessage* message =
        gst_message_new_buffering(GST_OBJECT_CAST(element.get()), figures.percent);
    gst_message_set_buffering_stats(message, figures.mode, figures.average_in, figures.average_out,
                                    figures.left);
    gst_element_post_message(element.get(), message);
    lock.lock();
  }
  posting_ = false;
}

}  // namespace catcher::plugin
