// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Thousands of coroutines read one stream at a slow edge: each gets every byte, none has a thread,
// and each costs less than 2 KiB. Then a mixture that never stands still: coroutines on a pool,
// stops, seeks and threads, over each kind of feed.
//
// CATCHER_ASYNC_READERS: how many; 10,000 if not told, fewer under a sanitizer.
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>

#include "core/adapters/awaitable.hpp"
#include "tests/support/async_sources.hpp"
#include "tests/support/coroutine.hpp"
#include "tests/support/streams.hpp"
#include "tests/support/stress.hpp"

namespace {

using catcher::async_read;
using catcher::async_read_full;
using catcher::Catcher;
using catcher::Config;
using catcher::Reader;
using catcher::ReadResult;
using catcher::Status;
using namespace catcher::test;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

std::size_t wanted_readers() {
  if (const char* told = std::getenv("CATCHER_ASYNC_READERS")) return std::stoul(told);
  return kSanitized ? 500 : 10'000;
}

std::size_t threads_now() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator("/proc/self/task")) {
    ++count;
  }
  return count;
}

std::size_t resident_now() {
  std::size_t size = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  return resident * 4096;
}

// A reader, its coroutine and what it knows. No more of each than a program would have.
struct Listener {
  explicit Listener(std::shared_ptr<Catcher> catcher) : reader(std::move(catcher)) {}
  Reader reader;
  Status end = Status::ok;
};

Task listen(Listener& self, std::span<std::byte> buffer) {
  for (;;) {
    const std::uint64_t offset = self.reader.offset();
    const ReadResult got = co_await async_read(self.reader, buffer);
    if (got.status != Status::ok) {
      self.end = got.status;
      co_return;
    }
    demand_pattern(buffer.first(got.bytes), offset);
  }
}

// seed fault 2, 11
void listen_at_a_slow_edge(const std::shared_ptr<Catcher>& catcher,
                           const std::function<void()>& bring) {
  const std::size_t count = wanted_readers();
  std::byte buffer[512];
  std::deque<Listener> listeners;
  std::deque<Task> tasks;
  bring();  // memory for a first chunk
  const std::size_t threads = threads_now();
  const std::size_t before = resident_now();
  for (std::size_t i = 0; i < count; ++i) {
    listeners.emplace_back(catcher);
    tasks.push_back(listen(listeners.back(), buffer));
  }
  const std::size_t each = (resident_now() - std::min(before, resident_now())) / count;
  std::cout << count << " readers at the edge: " << each << " bytes resident for each, and "
            << threads_now() - threads << " threads for all\n";
  demand(threads_now() == threads, "nobody has a thread");
  demand(kSanitized || each < 2048, "a reader costs less than 2 KiB", each);
  demand(catcher->stats().readers == count, "all have come");

  for (int step = 0; step < 20; ++step) {
    bring();
    const std::uint64_t end = catcher->window().end;
    for (const Listener& listener : listeners) {
      demand(listener.reader.offset() == end, "everybody is served");
    }
  }
  const std::size_t after = (resident_now() - std::min(before, resident_now())) / count;
  std::cout << "and " << after << " bytes once all have been served\n";
  demand(kSanitized || after < 2048, "a reader costs less than 2 KiB", after);
}

void at_the_edge_of_a_writer() {
  auto made = pushed();
  listen_at_a_slow_edge(made.catcher, [&] { add(made.writer, 300); });
}

void at_the_edge_of_an_asynchronous_source() {
  auto hand = std::make_shared<Hand>();
  auto catcher = by_hand(hand);
  listen_at_a_slow_edge(catcher, [&] {
    if (!hand->is_reading()) {
      Reader first(catcher);
      demand(try_read(first, 1).status == Status::would_block, "a read begins");
    }
    hand->tell(300);
  });
}

struct OnWorker {
  Worker* worker;
  void operator()(std::coroutine_handle<> waiting) const noexcept { worker->post(waiting); }
};

// Who reads all, and who stops it now and then.
struct Walker {
  Walker(std::shared_ptr<Catcher> catcher, std::uint64_t seed)
      : reader(std::move(catcher)), random(seed) {}

  std::stop_token fresh_stop() {
    const std::lock_guard lock(mutex);
    stop = std::stop_source();
    return stop.get_token();
  }
  void stop_now() {
    std::stop_source current;
    {
      const std::lock_guard lock(mutex);
      current = stop;
    }
    current.request_stop();
  }

  Reader reader;
  Random random;
  std::mutex mutex;
  std::stop_source stop;
};

// To the end, with a step back now and then.
Task walk(Walker& self, Worker& worker) {
  std::byte buffer[64];
  for (;;) {
    const std::uint64_t offset = self.reader.offset();
    const auto space = std::span(buffer).first(self.random.up_to(sizeof buffer));
    const std::stop_token stop = self.fresh_stop();
    ReadResult got{};
    if (self.random.one_in(4)) {
      got = co_await async_read_full(self.reader, space, stop, OnWorker{&worker});
    } else {
      got = co_await async_read(self.reader, space, stop, OnWorker{&worker});
    }
    demand_pattern(space.first(got.bytes), offset);
    demand(self.reader.offset() == offset + got.bytes, "the reader is behind what it got", offset);
    if (got.status == Status::end) co_return;
    demand(got.status == Status::ok || got.status == Status::cancelled, "it goes on to its end");
    if (offset > 100 && self.random.one_in(16)) {
      demand(self.reader.seek(-50, catcher::Whence::current).status == Status::ok, "back is there");
    }
  }
}

enum class Kind { writer, executor, at_once, by_hand };
constexpr std::size_t kKinds = 4;

void walk_together(Kind kind, Random& random) {
  const std::uint64_t length = random.up_to(3000);
  const catcher::Growth growth = catcher::Growth::constant(random.up_to(30));
  Worker filler;
  Worker worker;
  Script script;
  for (std::uint64_t left = length; left != 0;) {
    const std::size_t size = random.up_to(std::min<std::uint64_t>(left, 100));
    script.give(size);
    if (random.one_in(4)) script.interrupt();
    left -= size;
  }
  Catcher::Pushed made;
  auto hand = std::make_shared<Hand>();
  const Config config{.growth = growth, .read_burst = 1, .executor = filler.executor()};
  std::function<void()> feed = [] {};
  switch (kind) {
    case Kind::executor: made.catcher = pulled(std::move(script), nullptr, config); break;
    case Kind::at_once: made.catcher = at_once(std::move(script), nullptr, config); break;
    case Kind::by_hand:
      made.catcher = by_hand(hand, config);
      feed = [&, own = Random(random.fork())]() mutable {
        for (std::uint64_t reads = 1, done = 0; done < length; ++reads) {
          hand->started.wait("somebody reads", reads);
          const std::size_t size = own.up_to(std::min<std::uint64_t>(100, length - done));
          const bool ends = done + size == length;
          const std::size_t given = hand->tell(size, Status::ok);
          done += given;
          if (ends && given == size) {
            hand->started.wait("somebody reads on", reads + 1);
            hand->tell(0, Status::end);
          }
        }
      };
      break;
    case Kind::writer:
      made = pushed(config);
      feed = [&, own = Random(random.fork())]() mutable {
        for (std::uint64_t left = length; left != 0;) {
          const std::size_t size = own.up_to(std::min<std::uint64_t>(left, 100));
          add(made.writer, size);
          left -= size;
        }
        made.writer.finish();
      };
      break;
  }

  std::deque<Walker> walkers;
  std::deque<Task> tasks;
  for (int i = 0; i < 6; ++i) {
    walkers.emplace_back(made.catcher, random.fork());
    tasks.push_back(walk(walkers.back(), worker));
  }
  std::jthread feeder(feed);
  std::jthread waiting([catcher = made.catcher, length] {
    Reader reader(catcher);
    demand(read_all(reader, 50).bytes == length, "who waits gets all");
  });
  for (int i = 0; i < 200; ++i) walkers[random.below(walkers.size())].stop_now();
  for (const Task& task : tasks) task.wait("a coroutine comes to the end");
  for (const Walker& walker : walkers) demand(walker.reader.offset() == length, "to the very end");
}

}  // namespace

int main() {
  at_the_edge_of_a_writer();
  at_the_edge_of_an_asynchronous_source();
  stress(kKinds,
         [](std::size_t kind, Random& random) { walk_together(static_cast<Kind>(kind), random); });
}
