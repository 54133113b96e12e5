// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What do many branches cost at the pace of the clock: at a live edge, in a replay, and where
// nothing comes at all?
#include <sys/resource.h>

#include <thread>

#include "pipeline.hpp"

namespace {

using namespace bench;
using namespace std::chrono_literals;

constexpr std::size_t kPeriodBytes = 3840;
constexpr auto kPeriod = 20ms;

int periods() {
  return tiny() ? 4 : 100;
}
int many(int count) {
  return tiny() ? 5 : count;
}

// What the process used in some time.
struct Pace {
  double cores = 0;
  double wakes = 0;      // voluntary context switches a second
  double delivered = 0;  // buffers a second, at all sinks
};

class Meter {
 public:
  Pace read(std::uint64_t buffers) const {
    const double seconds = nanoseconds(Clock::now() - start_) / 1e9;
    return {(cpu_now() - cpu_) / seconds, static_cast<double>(switches() - switches_) / seconds,
            static_cast<double>(buffers) / seconds};
  }

 private:
  static long switches() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
  }
  const Clock::time_point start_ = Clock::now();
  const double cpu_ = cpu_now();
  const long switches_ = switches();
};

struct Count {
  std::atomic<std::uint64_t> buffers{0};
  std::atomic<std::uint64_t> bytes{0};
};

std::shared_ptr<Count> count_at_sinks(const Element& pipeline) {
  auto count = std::make_shared<Count>();
  for (const auto& pad : sink_pads(pipeline)) {
    watch_buffers(pad.get(), [count](GstBuffer* buffer) {
      count->buffers.fetch_add(1, std::memory_order::relaxed);
      count->bytes.fetch_add(gst_buffer_get_size(buffer), std::memory_order::relaxed);
    });
  }
  return count;
}

void wait_for(const std::atomic<std::uint64_t>& count, std::uint64_t wanted, const char* what) {
  const auto deadline = Clock::now() + catcher::test::kPatience;
  while (count.load() < wanted) {
    require(Clock::now() < deadline, what);
    std::this_thread::sleep_for(1ms);
  }
}

// A buffer each 20 ms, which every branch has at once.
Pace live(const std::string& line, int branches) {
  Element pipeline = Element::launch(line);
  drop_messages(pipeline);
  const auto count = count_at_sinks(pipeline);
  pipeline.to(GST_STATE_PLAYING);
  Upstream upstream(pipeline.child("in").get(), Kind::raw);
  upstream.give(kPeriodBytes);
  const auto all = [&] { return upstream.given() * static_cast<std::uint64_t>(branches); };
  wait_for(count->bytes, all(), "all branches have the first buffer");
  const std::uint64_t before = count->buffers.load();
  const Meter meter;
  auto next = Clock::now();
  for (int i = 0; i < periods(); ++i) {
    next += kPeriod;
    std::this_thread::sleep_until(next);
    upstream.give(kPeriodBytes);
  }
  wait_for(count->bytes, all(), "all branches have all buffers");
  const Pace pace = meter.read(count->buffers.load() - before);
  pipeline.end();
  return pace;
}

// Each sink waits for the time of each buffer; everything has come already.
Pace replay(int branches) {
  Element pipeline = Element::launch("catchertee name=in " +
                                     times(branches, "in. ! fakesink sync=true async=false "));
  drop_messages(pipeline);
  const auto count = count_at_sinks(pipeline);
  pipeline.to(GST_STATE_PLAYING);
  Upstream upstream(pipeline.child("in").get(), Kind::raw);
  upstream.give(kPeriodBytes, 60'000 / 20);
  wait_for(count->buffers, static_cast<std::uint64_t>(branches), "all branches have begun");
  const std::uint64_t before = count->buffers.load();
  const Meter meter;
  std::this_thread::sleep_for(kPeriod * periods());
  const Pace pace = meter.read(count->buffers.load() - before);
  pipeline.end();
  return pace;
}

// Nothing comes any more.
Pace parked(int branches) {
  Element pipeline =
      Element::launch("catchertee name=in " + times(branches, "in. ! fakesink async=false "));
  drop_messages(pipeline);
  const auto count = count_at_sinks(pipeline);
  pipeline.to(GST_STATE_PLAYING);
  Upstream upstream(pipeline.child("in").get(), Kind::raw);
  upstream.give(kPeriodBytes);
  wait_for(count->bytes, upstream.given() * static_cast<std::uint64_t>(branches),
           "all branches are at the edge");
  std::this_thread::sleep_for(kPeriod);
  const Meter meter;
  std::this_thread::sleep_for(kPeriod * periods());
  const Pace pace = meter.read(0);
  pipeline.end();
  return pace;
}

// The same runs looked at in two ways: cores, and wake-ups for each delivered buffer.
class Paces {
 public:
  template <class Work>
  auto note(Work work) {
    const std::size_t mine = wakes_.size();
    wakes_.emplace_back();
    delivered_.emplace_back();
    return [this, mine, work] {
      const Pace pace = work();
      wakes_[mine].push_back(pace.wakes);
      delivered_[mine].push_back(pace.delivered);
      return pace.cores;
    };
  }
  std::vector<double> wakes(std::size_t work) const { return tail(wakes_[work]); }
  std::string buffers(std::size_t work) const {
    char text[64];
    std::snprintf(text, sizeof text, "%.0f buffers a second arrive",
                  spread(tail(delivered_[work])).median);
    return text;
  }

 private:
  // Round 0 is a warm-up.
  static std::vector<double> tail(const std::vector<double>& all) {
    return {all.begin() + 1, all.end()};
  }
  std::vector<std::vector<double>> wakes_, delivered_;
};

}  // namespace

int main() {
  start_gstreamer();
  const int branches = many(500);
  const std::string ours = "catchertee name=in " + times(branches, "in. ! fakesink async=false ");
  const std::string queues =
      "tee name=in " + times(branches, "in. ! queue ! fakesink async=false ");
  Paces paces;
  const auto at_edge = in_turns(element_rounds(), paces.note([&] { return live(ours, branches); }),
                                paces.note([&] { return live(queues, branches); }));
  const auto replays = in_turns(element_rounds(), paces.note([&] { return replay(branches); }));
  auto idle = in_turns(element_rounds(), paces.note([] { return parked(many(1000)); }));
  for (double& figure : idle[0]) figure *= 100;

  Table cores("Branches at the pace of the clock, 3840 bytes of PCM each 20 ms", "cores",
              "tee, queues");
  cores.row("500 at a live edge", at_edge[0], at_edge[1], Goal::figure(0.5));
  cores.row("500 replays, each sink in time", replays[0], Goal::figure(0.5));
  Table percent("Branches where nothing comes", "% of a core", "nothing");
  percent.row("1000 parked", idle[0], Goal::figure(1));
  Table wakes("Wake-ups of the process", "a second", "tee, queues");
  wakes.row("500 at a live edge", paces.wakes(0), paces.wakes(1), {}, paces.buffers(0));
  wakes.row("500 replays, each sink in time", paces.wakes(2));
  wakes.row("1000 parked", paces.wakes(3));
}
