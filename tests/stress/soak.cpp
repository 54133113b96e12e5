// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Does anything grow, or go wrong, that a minute does not show? Some threads feed many catchers
// (pushed and pulled, with and without a window, in memory and in files, that fail and are
// resumed, end and are replaced) and lead readers about in them, which come, wait, go and keep what
// they have. Each byte that is read is compared with what it must be.
//
// CATCHER_SOAK_SECONDS (3600) and CATCHER_SOAK_THREADS (2) say how long and how many. It prints a
// line a minute. It fails when a byte is wrong, and when memory, descriptors or threads
//   exceed what all of it can hold at once (below, kMost...),
//   are more in the last quarter than in the second (by the median, and a tenth is chance; not
//   asked of less than a minute),
//   or are not back where they began once everything is gone.
// Under a sanitizer, which keeps memory of its own, memory is not judged.
#include <dirent.h>
#include <malloc.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "core/file_memory.hpp"
#include "tests/support/streams.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/wanderer.hpp"

namespace {

using catcher::Catcher;
using catcher::Clock;
using catcher::Config;
using catcher::FileMemory;
using catcher::Growth;
using catcher::kForever;
using catcher::Source;
using catcher::SourceResult;
using catcher::Status;
using catcher::Wait;
using catcher::WhenFull;
using catcher::Writer;
using namespace catcher::test;
using namespace std::chrono_literals;

constexpr std::size_t kStations = 32;
constexpr std::size_t kVisitors = 12;  // of each thread
constexpr std::uint64_t kMostLength = 512 * 1024;
constexpr std::uint64_t kMostRead = 4096;
constexpr std::chrono::seconds kThreadLife{15};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kOwnMemory = false;
#else
constexpr bool kOwnMemory = true;
#endif

// What may be alive at once: each station's catcher and each visitor's, all of them others.
constexpr std::uint64_t most_catchers(std::size_t threads) {
  return kStations + threads * kVisitors;
}
// Payload, as much again for what the allocator keeps, and what the program itself takes.
constexpr double most_mib(std::size_t threads) {
  return 2.0 * static_cast<double>(most_catchers(threads) * kMostLength) / (1 << 20) + 32;
}

// ---- what is fed ------------------------------------------------------------------

class MoodySource final : public Source {
 public:
  MoodySource(std::uint64_t length, std::uint64_t seed) : length_(length), random_(seed) {}

  SourceResult read(std::span<std::byte> space, const Wait& wait) override {
    if (wait.stop.stop_requested()) return {0, Status::cancelled, {}};
    const std::uint64_t left = std::min<std::uint64_t>(space.size(), length_ - offset_);
    const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(random_.up_to(9000), left));
    switch (random_.below(64)) {
      case 0: return SourceResult::some(0);
      case 1: return SourceResult::failure(kBroken);
      case 2: throw std::runtime_error("a mood");
      case 3: std::this_thread::sleep_for(1ms); break;  // slow, so that others sleep meanwhile
      default: break;
    }
    fill_pattern(space.first(bytes), offset_);
    offset_ += bytes;
    return offset_ < length_ ? SourceResult::some(bytes) : SourceResult::at_end(bytes);
  }

 private:
  const std::uint64_t length_;
  Random random_;
  std::uint64_t offset_ = 0;
};

Config any_config(Random& random) {
  constexpr std::array<Growth, 4> kGrowths{Growth{Growth::Kind::geometric, 1024, 64 * 1024},
                                           Growth{Growth::Kind::linear, 512, 32 * 1024},
                                           Growth{Growth::Kind::constant, 4096, 4096},
                                           Growth{Growth::Kind::constant, 61, 61}};
  Config config;
  config.growth = kGrowths[random.below(kGrowths.size())];
  if (random.one_in(2)) config.max_bytes = 4096 + random.below(kMostLength / 4);
  if (random.one_in(3)) config.when_full = WhenFull::block;
  if (random.one_in(4)) config.length_hint = random.below(kMostLength);
  config.read_burst = random.up_to(8192);
  if (random.one_in(8)) {
    config.growth = Growth::geometric(4096, 128 * 1024);
    auto made = FileMemory::create("/tmp/catcher-soak-XXXXXX");
    demand(made.memory != nullptr, "a file for chunks can be made");
    config.memory = made.memory;
  }
  return config;
}

// One catcher at a time, and whoever feeds it.
class Station {
 public:
  void begin(Random& random) {
    const std::uint64_t length = random.up_to(kMostLength);
    const Config config = any_config(random);
    std::shared_ptr<Catcher> next;
    if (random.one_in(3)) {
      auto made = Catcher::pull(std::make_unique<MoodySource>(length, random.fork()), config);
      demand(made.status == Status::ok, "the settings are valid");
      writer_ = Writer();
      next = made.catcher;
    } else {
      auto made = pushed(config);
      writer_ = std::move(made.writer);  // the one before, if it has not ended, has failed now
      next = made.catcher;
    }
    length_ = length;
    last_ = 0;
    feeds_ = 0;
    const std::lock_guard lock(mutex_);
    catcher_ = std::move(next);
  }

  std::shared_ptr<Catcher> catcher() const {
    const std::lock_guard lock(mutex_);
    return catcher_;
  }

  // Brings it on by a step, unless another thread is at it.
  void feed(Random& random, const Wait& wait) {
    const std::unique_lock feeding(feeding_, std::try_to_lock);
    if (!feeding.owns_lock()) return;
    // In a blocked window with nobody in it, and a pulled one without readers, nothing moves.
    if (++feeds_ > 4000 || random.one_in(5000)) return begin(random);
    if (!writer_) return;
    if (catcher_->is_finished()) {
      if (random.one_in(20)) begin(random);
      return;
    }
    if (catcher_->has_failed()) (void)catcher_->resume();
    if (random.one_in(200)) return writer_.fail(kBroken);
    if (writer_.offset() >= length_) return writer_.finish();
    if (random.one_in(30)) writer_.seal();
    const std::uint64_t left = length_ - writer_.offset();
    (void)append(writer_, std::min<std::uint64_t>(random.up_to(9000), left), wait);
    bytes_pushed += writer_.offset() - last_;
    last_ = writer_.offset();
  }

  static inline std::atomic<std::uint64_t> bytes_pushed{0};

 private:
  std::mutex feeding_;  // of what is not the catcher
  Writer writer_;
  std::uint64_t length_ = 0;
  std::uint64_t last_ = 0;
  std::uint64_t feeds_ = 0;

  mutable std::mutex mutex_;
  std::shared_ptr<Catcher> catcher_;  // changed by the feeder alone
};

// ---- who does it ------------------------------------------------------------------

std::atomic<std::uint64_t> bytes_checked{0};
std::atomic<std::uint64_t> visits{0};

Wait any_wait(Random& random) {
  switch (random.below(16)) {
    case 0: return Wait::at_most(2ms);
    case 1: return Wait::until(Clock::now() - 1s);
    case 2: {
      std::stop_source stop;
      stop.request_stop();
      return Wait{kForever, stop.get_token()};
    }
    default: return Wait::none();
  }
}

using Stations = std::array<Station, kStations>;

class Visitors {
 public:
  Visitors(Stations& stations, Random& random) : stations_(stations), random_(random) {}

  void step(const Wait& wait) {
    auto& visitor = visitors_[random_.below(kVisitors)];
    if (!visitor) {
      visitor.emplace(stations_[random_.below(kStations)].catcher(), random_.fork(), kMostRead);
      ++visits;
      return;
    }
    const std::uint64_t before = visitor->checked();
    const Status status = visitor->step(wait);
    bytes_checked += visitor->checked() - before;
    bool leaves = random_.one_in(2000);
    if (status == Status::end) leaves = random_.one_in(4);
    // Its writer may have gone: then nothing comes any more.
    if (status == Status::failed && visitor->catcher()->resume() != Status::ok) {
      leaves = leaves || visitor->catcher()->has_failed();
    }
    if (leaves) visitor.reset();
  }

 private:
  Stations& stations_;
  Random& random_;
  std::array<std::optional<Wanderer>, kVisitors> visitors_{};
};

void work(Stations& stations, std::uint64_t seed, const std::stop_token& stop) {
  Random random(seed);
  Visitors visitors(stations, random);
  const auto until = Clock::now() + kThreadLife;
  while (!stop.stop_requested() && Clock::now() < until) {
    for (int i = 0; i < 64; ++i) {
      if (random.one_in(4)) {
        stations[random.below(kStations)].feed(random, any_wait(random));
      } else {
        visitors.step(any_wait(random));
      }
    }
  }
}

// ---- what is watched --------------------------------------------------------------

struct Sample {
  double rss_mib = 0;
  double fds = 0;
  double threads = 0;
};

double entries_of(const char* folder) {
  DIR* list = ::opendir(folder);
  demand(list != nullptr, "the process can be looked at");
  int count = 0;
  while (::readdir(list) != nullptr) ++count;
  ::closedir(list);
  return count - 2;
}

Sample look() {
  std::ifstream file("/proc/self/statm");
  double total = 0;
  double resident = 0;
  double shared = 0;
  file >> total >> resident >> shared;
  // Pages of files are not the process's own.
  const double own = (resident - shared) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  return {own / (1 << 20), entries_of("/proc/self/fd") - 2, entries_of("/proc/self/task")};
}

double heap_mib() {
  return static_cast<double>(mallinfo2().uordblks) / (1 << 20);
}

double median(std::vector<Sample> samples, double Sample::*figure) {
  std::vector<double> figures;
  for (const Sample& sample : samples) figures.push_back(sample.*figure);
  std::nth_element(figures.begin(), figures.begin() + figures.size() / 2, figures.end());
  return figures[figures.size() / 2];
}

struct Watched {
  const char* name;
  double Sample::*figure;
  double most;
  double slack;  // beside a tenth: chance
};

bool judge(const std::vector<Sample>& samples, const std::vector<Watched>& all, bool short_run) {
  bool good = true;
  const std::size_t quarter = samples.size() / 4;
  for (const Watched& one : all) {
    const double second =
        median({samples.begin() + quarter, samples.begin() + 2 * quarter}, one.figure);
    const double last = median({samples.end() - quarter, samples.end()}, one.figure);
    double peak = 0;
    for (const Sample& sample : samples) peak = std::max(peak, sample.*one.figure);
    const bool grows = !short_run && last > second * 1.1 + one.slack;
    const bool exceeds = peak > one.most;
    std::printf("%s: second quarter %.1f, last %.1f, peak %.1f of %.1f allowed%s%s\n", one.name,
                second, last, peak, one.most, grows ? " GROWS" : "", exceeds ? " EXCEEDS" : "");
    good = good && !grows && !exceeds;
  }
  return good;
}

double setting(const char* name, double otherwise) {
  const char* given = std::getenv(name);
  return given != nullptr ? std::strtod(given, nullptr) : otherwise;
}

void print_line(double minutes, const Sample& now) {
  std::printf(
      "%6.1f min  RSS %6.1f MiB  fds %3.0f  threads %2.0f  pushed %8.1f MiB  "
      "checked %9.1f MiB  visits %" PRIu64 "\n",
      minutes, now.rss_mib, now.fds, now.threads,
      static_cast<double>(Station::bytes_pushed.load()) / (1 << 20),
      static_cast<double>(bytes_checked.load()) / (1 << 20), visits.load());
  std::fflush(stdout);
}

std::vector<Sample> soak(double seconds, std::size_t count) {
  Random random(stress_seed());
  const auto stations = std::make_unique<Stations>();
  for (Station& station : *stations) station.begin(random);
  std::vector<std::jthread> threads(count);
  std::vector<std::atomic<bool>> ended(count);
  for (auto& one : ended) one = true;
  std::vector<Sample> samples;
  const auto start = Clock::now();
  const auto until =
      start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  const double a_line = std::clamp(seconds / 4, 0.5, 60.0);
  double next_line = a_line;
  const auto tick = std::chrono::milliseconds(seconds < 60 ? 20 : 500);
  for (auto next = start; next < until; next += tick) {
    std::this_thread::sleep_until(next);
    for (std::size_t i = 0; i < count; ++i) {
      if (!ended[i]) continue;
      threads[i] = {};  // joins it, so that no more than `count` are there at a time
      ended[i] = false;
      threads[i] = std::jthread([&, i, seed = random.fork()](const std::stop_token& stop) {
        work(*stations, seed, stop);
        ended[i] = true;
      });
    }
    samples.push_back(look());
    const double elapsed = std::chrono::duration<double>(Clock::now() - start).count();
    if (elapsed < next_line) continue;
    next_line += a_line;
    print_line(elapsed / 60, samples.back());
  }
  for (auto& thread : threads) thread.request_stop();
  threads.clear();
  print_line(std::chrono::duration<double>(Clock::now() - start).count() / 60, look());
  return samples;
}

}  // namespace

int main() {
  const double seconds = setting("CATCHER_SOAK_SECONDS", 3600);
  const auto threads = static_cast<std::size_t>(setting("CATCHER_SOAK_THREADS", 2));
  soak(0.2, threads);  // what is made once is there
  const Sample first = look();
  const double heap_first = heap_mib();
  const std::vector<Sample> samples = soak(seconds, threads);
  const double heap_last =
      heap_mib() - static_cast<double>(samples.capacity() * sizeof(Sample)) / (1 << 20);
  const Sample last = look();

  const auto catchers = static_cast<double>(most_catchers(threads));
  const double no_limit = std::numeric_limits<double>::infinity();
  const double most_memory = kOwnMemory ? most_mib(threads) : no_limit;
  const bool good =
      judge(samples,
            {{"RSS (MiB)", &Sample::rss_mib, most_memory, kOwnMemory ? 4 : no_limit},
             {"descriptors", &Sample::fds, first.fds + catchers, 4},
             {"threads", &Sample::threads, first.threads + static_cast<double>(threads), 0}},
            seconds < 60);
  std::printf(
      "at the end: heap %.2f MiB (%.2f before), descriptors %.0f (%.0f), threads %.0f "
      "(%.0f)\n",
      heap_last, heap_first, last.fds, first.fds, last.threads, first.threads);
  const bool back =
      heap_last < heap_first + 0.5 && last.fds == first.fds && last.threads == first.threads;
  std::puts(good && back ? "good" : "NOT GOOD");
  return good && back ? 0 : 1;
}
