// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How long after its capture does a buffer arrive at the sinks of branches at a live edge, beside a
// `tee` with a `queue` for each?
#include <thread>

#include "pipeline.hpp"

namespace {

using namespace bench;
using namespace std::chrono_literals;

constexpr std::size_t kPeriodBytes = 3840;

// Delays at one sink, in microseconds.
struct Arrivals {
  std::uint64_t bytes = 0;  // streaming thread alone
  std::vector<double> delays;
  std::atomic<std::size_t> seen{0};

  // A buffer may hold several periods; each begins with its stamp.
  void take(GstBuffer* buffer) {
    const std::int64_t now = Clock::now().time_since_epoch().count();
    const std::uint64_t end = bytes + gst_buffer_get_size(buffer);
    const std::uint64_t first = (bytes + kPeriodBytes - 1) / kPeriodBytes * kPeriodBytes;
    for (std::uint64_t at = first; at < end; at += kPeriodBytes) {
      std::int64_t stamp = 0;
      require(gst_buffer_extract(buffer, at - bytes, &stamp, sizeof stamp) == sizeof stamp,
              "a stamp lies in one buffer");
      delays.push_back(static_cast<double>(now - stamp) / 1e3);
    }
    bytes = end;
    seen.store(delays.size(), std::memory_order::release);
  }
};

std::vector<double> run(const std::string& line, int branches) {
  const int count = tiny() ? 4 : 200;
  Element pipeline = Element::launch(line);
  drop_messages(pipeline);
  std::vector<std::shared_ptr<Arrivals>> arrivals;
  for (const auto& pad : sink_pads(pipeline)) {
    auto mine = std::make_shared<Arrivals>();
    mine->delays.reserve(static_cast<std::size_t>(count) + 1);
    arrivals.push_back(mine);
    watch_buffers(pad.get(), [mine](GstBuffer* buffer) { mine->take(buffer); });
  }
  require(arrivals.size() == static_cast<std::size_t>(branches), "each branch has a sink");
  const auto wait_for_all = [&](std::size_t wanted) {
    const auto deadline = Clock::now() + catcher::test::kPatience;
    for (const auto& one : arrivals) {
      while (one->seen.load(std::memory_order::acquire) < wanted) {
        require(Clock::now() < deadline, "a buffer arrives");
        std::this_thread::sleep_for(1ms);
      }
    }
  };
  pipeline.to(GST_STATE_PLAYING);
  Upstream upstream(pipeline.child("in").get(), Kind::raw);
  upstream.give_stamped(kPeriodBytes);
  wait_for_all(1);
  auto next = Clock::now();
  for (int i = 0; i < count; ++i) {
    next += 5ms;
    std::this_thread::sleep_until(next);
    upstream.give_stamped(kPeriodBytes);
  }
  wait_for_all(static_cast<std::size_t>(count) + 1);
  pipeline.end();
  std::vector<double> delays;
  // The first buffer finds branches that still start.
  for (const auto& one : arrivals) {
    delays.insert(delays.end(), one->delays.begin() + 1, one->delays.end());
  }
  return delays;
}

void compare(Table& table, int branches) {
  const std::string ours = "catchertee name=in " + times(branches, "in. ! fakesink async=false ");
  const std::string queues =
      "tee name=in " + times(branches, "in. ! queue ! fakesink async=false ");
  std::vector<std::vector<double>> all[2];
  const auto work = [&](int which, const std::string& line) {
    all[which].push_back(run(line, branches));
    return spread(all[which].back()).median;
  };
  in_turns(
      element_rounds(), [&] { return work(0, ours); }, [&] { return work(1, queues); });
  struct Part {
    const char* name;
    double part;
  };
  for (const Part& part : {Part{"median", 0.5}, Part{"99 %", 0.99}, Part{"worst", 1}}) {
    const auto of = [&](int which) {
      std::vector<double> figures;
      // Round 0 was a warm-up.
      for (std::size_t round = 1; round < all[which].size(); ++round) {
        figures.push_back(quantile(all[which][round], part.part));
      }
      return figures;
    };
    table.row(std::to_string(branches) + " branches, " + part.name, of(0), of(1));
  }
}

}  // namespace

int main() {
  start_gstreamer();
  Table table("From capture to a sink at a live edge, 3840 bytes each 5 ms", "us", "tee, queues");
  for (const int branches : {1, 10, 100}) compare(table, branches);
}
