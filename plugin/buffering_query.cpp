// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Which parts of a stream are there, as the BUFFERING query has it.
#include <algorithm>
#include <vector>

#include "buffering.hpp"
#include "recording.hpp"

namespace catcher::plugin {
namespace {

struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

// Ranges in order, none of which touches another.
class Ranges {
 public:
  // Those that are no more than `slack` apart are one: timestamps are rounded.
  void add(Range range, std::int64_t slack) {
    range.begin = std::max<std::int64_t>(range.begin, 0);
    if (range.end <= range.begin) return;
    // Mostly it goes on with the last one; packets may come out of order.
    auto first = all_.end();
    while (first != all_.begin() && std::prev(first)->end >= range.begin - slack) --first;
    auto last = first;
    for (; last != all_.end() && last->begin <= range.end + slack; ++last) {
      range.begin = std::min(range.begin, last->begin);
      range.end = std::max(range.end, last->end);
    }
    if (first == last) {
      all_.insert(first, range);
    } else {
      *first = range;
      all_.erase(first + 1, last);
    }
  }
  const std::vector<Range>& all() const { return all_; }

 private:
  std::vector<Range> all_;
};

void add_run(Ranges& ranges, const Entry& run, std::uint64_t from, std::uint64_t to) {
  if (to <= from) return;
  const std::int64_t frame = run.time_at(run.offset + run.size) - run.pts;
  ranges.add({run.time_at(from), run.time_at(to)}, frame / 2);
}

void add_packet(Ranges& ranges, const Entry& packet, const Entry* next) {
  const std::int64_t begin = packet.pts != kNoTime ? packet.pts : packet.order;
  if (begin == kNoTime) return;
  if (packet.duration != kNoDuration) {
    const auto lasts = static_cast<std::int64_t>(packet.duration);
    ranges.add({begin, begin + lasts}, lasts / 2);
  } else if (next != nullptr && next->order != kNoTime) {
    ranges.add({begin, next->order}, 0);
  }
}

// Looks at each packet: what is missing is between two of them, wherever.
Ranges in_time(const Recording& recording, std::uint64_t oldest, std::uint64_t edge) {
  Ranges ranges;
  Timeline::Probe probe(recording.timeline);
  const auto first = recording.timeline.at_offset(oldest);
  std::uint64_t number = first ? first->index : recording.timeline.window().begin;
  for (;; ++number) {
    const Entry* found = probe.at(number);
    if (found == nullptr || found->offset >= edge) break;
    const Entry entry = *found;
    const Entry* next = probe.at(number + 1);
    if (entry.is_run()) {
      add_run(ranges, entry, std::max(entry.offset, oldest),
              next == nullptr ? edge : std::min(edge, next->offset));
    } else if (entry.offset >= oldest) {
      add_packet(ranges, entry, next);
    }
  }
  return ranges;
}

// Milliseconds until all is there, at the pace so far; -1 where that is not known.
std::int64_t time_left(const Recording& recording, std::int64_t edge, int average_in) {
  if (recording.is_finished()) return 0;
  const std::int64_t duration = recording.duration(recording.format());
  if (duration < 0 || edge <= 0 || average_in <= 0) return -1;
  const double missing = static_cast<double>(std::max<std::int64_t>(duration - edge, 0)) /
                         static_cast<double>(edge) * static_cast<double>(recording.edge());
  return static_cast<std::int64_t>(missing * 1000 / average_in);
}

}  // namespace

void answer_buffering(GstQuery* query, const Recording& recording) {
  const Buffering::Figures figures = recording.buffering.figures(recording);
  gst_query_set_buffering_percent(query, figures.is_busy, figures.percent);
  gst_query_set_buffering_stats(query, figures.mode, figures.average_in, figures.average_out,
                                figures.left);
  GstFormat asked = GST_FORMAT_UNDEFINED;
  gst_query_parse_buffering_range(query, &asked, nullptr, nullptr, nullptr);
  gst_query_set_buffering_range(query, asked, -1, -1, -1);
  const GstFormat format = recording.format();
  const std::int64_t duration = recording.duration(format);
  const bool in_percent = asked == GST_FORMAT_PERCENT && duration > 0;
  if (format == GST_FORMAT_UNDEFINED || (asked != format && !in_percent)) return;

  const std::uint64_t oldest = recording.begin();
  const std::uint64_t edge = std::max(recording.edge(), oldest);
  Ranges ranges;
  if (format == GST_FORMAT_TIME) {
    ranges = in_time(recording, oldest, edge);
  } else {
    ranges.add({static_cast<std::int64_t>(oldest), static_cast<std::int64_t>(edge)}, 0);
  }
  std::int64_t start = -1;
  std::int64_t stop = -1;
  for (Range range : ranges.all()) {
    if (in_percent) {
      const auto scaled = [duration](std::int64_t at) {
        return gst_util_uint64_scale(GST_FORMAT_PERCENT_MAX,
                                     static_cast<guint64>(std::min(at, duration)),
                                     static_cast<guint64>(duration));
      };
      range = {static_cast<std::int64_t>(scaled(range.begin)),
               static_cast<std::int64_t>(scaled(range.end))};
    }
    if (range.end <= range.begin) continue;
    gst_query_add_buffering_range(query, range.begin, range.end);
    if (start < 0) start = range.begin;
    stop = range.end;
  }
  const std::int64_t reached = ranges.all().empty() ? 0 : ranges.all().back().end;
  gst_query_set_buffering_range(query, asked, start, stop,
                                time_left(recording, reached, figures.average_in));
}

}  // namespace catcher::plugin
