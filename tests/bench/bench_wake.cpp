// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// How soon are readers at a live edge woken, beside threads that sleep on a bare futex, and how
// much CPU does it cost? And what do readers cost that wait for nothing?
#include <array>
#include <atomic>
#include <thread>

#include "core/park.hpp"
#include "stream.hpp"

namespace {

using namespace bench;
using namespace std::chrono_literals;
using catcher::FutexParking;
using catcher::Reader;
using catcher::Status;

constexpr std::size_t kPacket = 3840;

Clock::duration period() {
  return tiny() ? 2ms : 20ms;
}
int packets() {
  return tiny() ? 8 : 50;
}

std::uint64_t stamp_now() {
  return static_cast<std::uint64_t>(Clock::now().time_since_epoch().count());
}
double microseconds_since(std::uint64_t stamp) {
  return static_cast<double>(stamp_now() - stamp) / 1e3;
}

// A packet that carries when it came, and which it is.
void make_packet(std::span<std::byte> packet, int number) {
  std::memset(packet.data(), number, packet.size());
  const std::uint64_t stamp = stamp_now();
  std::memcpy(packet.data(), &stamp, sizeof stamp);
}

// Delays in microseconds, and what the whole process used meanwhile.
struct Outcome {
  std::vector<double> delays;
  double cpu_per_10s = 0;
};

class Stage {
 public:
  explicit Stage(int readers) : delays_(static_cast<std::size_t>(readers)) {}

  // `wait_for(reader, number, delays)` in each reader's thread, `send(number)` in this one.
  template <class WaitFor, class Send>
  Outcome run(WaitFor wait_for, Send send) {
    std::vector<std::jthread> threads;
    for (std::size_t reader = 0; reader < delays_.size(); ++reader) {
      delays_[reader].reserve(static_cast<std::size_t>(packets()));
      threads.emplace_back([&, reader] {
        ready_.fetch_add(1);
        for (int number = 0; number < packets(); ++number) {
          delays_[reader].push_back(wait_for(reader, number));
        }
      });
    }
    while (ready_.load() != static_cast<int>(delays_.size())) std::this_thread::sleep_for(1ms);
    auto next = Clock::now() + period();
    const auto start = next;
    std::this_thread::sleep_until(next);
    const Usage before = Usage::now();
    for (int number = 0; number < packets(); ++number, next += period()) {
      std::this_thread::sleep_until(next);
      send(number);
    }
    threads.clear();
    Outcome outcome;
    outcome.cpu_per_10s = (Usage::now() - before).cpu_seconds * 10e9 / nanoseconds(next - start);
    for (const auto& part : delays_) {
      outcome.delays.insert(outcome.delays.end(), part.begin(), part.end());
    }
    return outcome;
  }

 private:
  std::vector<std::vector<double>> delays_;
  std::atomic<int> ready_{0};
};

double receive(Reader& reader, int number) {
  std::array<std::byte, kPacket> packet;
  const auto got = reader.read_full(packet);
  std::uint64_t stamp = 0;
  std::memcpy(&stamp, packet.data(), sizeof stamp);
  const double delay = microseconds_since(stamp);
  require(got.bytes == kPacket, "a whole packet");
  // Every byte like the next, and the first as sent: in the CPU figure this is next to nothing.
  const View body = View(packet).subspan(sizeof stamp);
  require(body[0] == static_cast<std::byte>(number), "the packet that was sent");
  require_same(body.first(body.size() - 1), body.subspan(1), "the rest of the packet");
  return delay;
}

std::vector<Reader> readers_of(const std::shared_ptr<catcher::Catcher>& made, int count) {
  std::vector<Reader> readers;
  for (int i = 0; i < count; ++i) readers.emplace_back(made);
  return readers;
}

Outcome pushed(int count) {
  auto made = catcher::Catcher::push({});
  auto readers = readers_of(made.catcher, count);
  return Stage(count).run(
      [&](std::size_t reader, int number) { return receive(readers[reader], number); },
      [&](int number) {
        std::array<std::byte, kPacket> packet;
        make_packet(packet, number);
        require(made.writer.append(packet).bytes == kPacket, "a packet appended");
      });
}

// What a bare futex can do.
class Bell {
 public:
  void ring() {
    stamp_.store(stamp_now(), std::memory_order::relaxed);
    rung_.fetch_add(1, std::memory_order::release);
    FutexParking::unpark_all(rung_);
  }
  double wait_for(int number) {
    const auto wanted = static_cast<std::uint32_t>(number);
    while (rung_.load(std::memory_order::acquire) <= wanted) {
      FutexParking::park(rung_, wanted, catcher::kForever);
    }
    return microseconds_since(stamp_.load(std::memory_order::relaxed));
  }

 private:
  std::atomic<std::uint32_t> rung_{0};
  std::atomic<std::uint64_t> stamp_{0};
};

Outcome bare_futex(int count) {
  Bell bell;
  return Stage(count).run([&](std::size_t, int number) { return bell.wait_for(number); },
                          [&](int) { bell.ring(); });
}

// Brings a packet whenever the bell is rung.
class BellSource final : public catcher::Source {
 public:
  explicit BellSource(Bell& bell) : bell_(bell) {}
  catcher::SourceResult read(std::span<std::byte> space, const catcher::Wait& /*wait*/) override {
    if (at_ == packet_.size()) {
      if (number_ == packets()) return catcher::SourceResult::at_end();
      bell_.wait_for(number_);
      make_packet(packet_, number_++);
      at_ = 0;
    }
    const std::size_t size = std::min(space.size(), packet_.size() - at_);
    std::memcpy(space.data(), packet_.data() + at_, size);
    at_ += size;
    return catcher::SourceResult::some(size);
  }

 private:
  Bell& bell_;
  std::array<std::byte, kPacket> packet_{};
  std::size_t at_ = kPacket;
  int number_ = 0;
};

Outcome pulled(int count) {
  Bell bell;
  auto made = catcher::Catcher::pull(std::make_unique<BellSource>(bell));
  auto readers = readers_of(made.catcher, count);
  return Stage(count).run(
      [&](std::size_t reader, int number) { return receive(readers[reader], number); },
      [&](int) { bell.ring(); });
}

struct Collected {
  std::vector<double> p50, p99, cpu;
  void add(const Outcome& outcome) {
    p50.push_back(quantile(outcome.delays, 0.5));
    p99.push_back(quantile(outcome.delays, 0.99));
    cpu.push_back(outcome.cpu_per_10s);
  }
};

struct LiveEdge {
  int readers;
  Collected push, pull, futex;
};

LiveEdge at_live_edge(int readers) {
  LiveEdge edge{readers, {}, {}, {}};
  for (int round = 0; round < (tiny() ? 1 : 5); ++round) {
    edge.push.add(pushed(readers));
    edge.futex.add(bare_futex(readers));
    edge.pull.add(pulled(readers));
  }
  return edge;
}

// CPU seconds per 10 s of a process in which readers are parked at an edge that stands still, or
// brings a piece each ten periods.
enum class Edge { stalled, slow };
std::vector<double> parked(int count, Edge edge) {
  auto made = catcher::Catcher::push({});
  auto readers = readers_of(made.catcher, count);
  std::vector<std::jthread> threads;
  std::atomic<int> ready{0};
  for (Reader& reader : readers) {
    threads.emplace_back([&] {
      ready.fetch_add(1);
      std::array<std::byte, 64> buffer;
      Status status = Status::ok;
      while ((status = reader.read(buffer).status) == Status::ok) {
      }
      require(status == Status::end, "nothing but pieces and the end comes");
    });
  }
  while (ready.load() != count) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(period());
  std::vector<double> figures;
  for (int round = 0; round < (tiny() ? 1 : 5); ++round) {
    const auto start = Clock::now();
    const Usage before = Usage::now();
    for (int half = 0; half < 2; ++half) {
      std::this_thread::sleep_for(10 * period());
      const std::array<std::byte, 64> piece{};
      if (edge == Edge::slow) require(made.writer.append(piece).bytes == piece.size(), "it fits");
    }
    const double used = (Usage::now() - before).cpu_seconds;
    figures.push_back(used * 10e9 / nanoseconds(Clock::now() - start));
  }
  made.writer.finish();
  return figures;
}

std::string readers_name(int count) {
  return std::to_string(count) + (count == 1 ? " reader" : " readers");
}

}  // namespace

int main() {
  std::vector<LiveEdge> edges;
  for (const int readers : tiny() ? std::vector<int>{1, 4} : std::vector<int>{1, 4, 16, 100}) {
    edges.push_back(at_live_edge(readers));
  }

  Table delays("From the source to readers at a live edge, 3840 bytes each 20 ms", "us",
               "bare futex");
  for (const LiveEdge& edge : edges) {
    const std::string name = readers_name(edge.readers);
    const Goal goal = edge.readers <= 16 ? Goal::ratio(2) : Goal{};
    delays.row("pushed, " + name + ", p50", edge.push.p50, edge.futex.p50, goal);
    delays.row("pushed, " + name + ", p99", edge.push.p99, edge.futex.p99, goal);
    delays.row("pulled, " + name + ", p50", edge.pull.p50, edge.futex.p50, goal);
    delays.row("pulled, " + name + ", p99", edge.pull.p99, edge.futex.p99, goal);
  }

  Table cpu("CPU of the process", "s in 10 s", "bare futex");
  for (const LiveEdge& edge : edges) {
    const std::string name = readers_name(edge.readers) + " at a live edge";
    const Goal goal = edge.readers <= 16 ? Goal::figure(0.1) : Goal{};
    cpu.row("pushed, " + name, edge.push.cpu, edge.futex.cpu, goal);
    cpu.row("pulled, " + name, edge.pull.cpu, edge.futex.cpu, goal);
  }
  for (const int readers : tiny() ? std::vector<int>{20} : std::vector<int>{100, 1000}) {
    cpu.row(readers_name(readers) + " at a stalled edge", parked(readers, Edge::stalled),
            Goal::figure(0.1));
    if (readers > 100) continue;
    cpu.row(readers_name(readers) + " at a slow edge, a piece each 200 ms",
            parked(readers, Edge::slow), Goal::figure(0.1));
  }
}
