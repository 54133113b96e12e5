// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Every allocation in turn fails, where bytes come from: ready-made sources, an executor,
// asynchronous sources and transforms, coroutines. See test_allocation_failure.cpp.
#include "tests/support/fault_scenarios.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <coroutine>
#include <sstream>

#include "core/adapters/awaitable.hpp"
#include "core/async_transform.hpp"
#include "core/sources/command_source.hpp"
#include "core/sources/fd_source.hpp"
#include "core/sources/function_source.hpp"
#include "core/sources/istream_source.hpp"
#include "core/sources/memory_source.hpp"
#include "core/transform_writer.hpp"
#include "tests/support/scripted_source.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

constexpr std::uint64_t kSize = 2000;

Config small() {
  return {.growth = Growth::constant(61), .read_burst = 32};
}

std::shared_ptr<Catcher> pulled(std::unique_ptr<Source> source) {
  return Catcher::pull(std::move(source), small()).catcher;
}

void take_all(Faults& faults, const std::shared_ptr<Catcher>& catcher) {
  Reader reader = reader_of(faults, catcher);
  take_resuming(faults, reader, kSize);
  // A stream has to be waited for to find that it has ended.
  const auto read_on = [&]() noexcept {
    std::byte byte{};
    return reader.read({&byte, 1}, patiently());
  };
  auto end = faults.once_more(read_on);
  if (end.status == Status::failed) {
    demand(end.error == std::errc::not_enough_memory, "who has no memory has failed");
    faults.blame();
    demand(catcher->resume() == Status::ok, "it can be resumed");
    end = read_on();
  }
  demand(end.status == Status::end && catcher->length() == kSize, "there is an end");
  take_from_oldest(faults, catcher);
}

std::error_code error_of(const Catcher& catcher) {
  return catcher.peek(catcher.window().end).error;
}

// ---- ready-made sources -----------------------------------------------------------

void from_a_descriptor(Faults& faults) {
  std::array<std::byte, kSize> bytes;
  fill_pattern(bytes, 0);
  take_all(faults, faults.make([&] {
    int ends[2];
    demand(::pipe2(ends, O_CLOEXEC) == 0, "a pipe can be had");
    OwnedFd in(ends[0]);
    const OwnedFd out(ends[1]);
    demand(::write(out.get(), bytes.data(), kSize) == static_cast<ssize_t>(kSize), "it has room");
    return pulled(FdSource::own(std::move(in)).source);
  }));
}

// Its report too.
void from_a_command(Faults& faults) {
  std::shared_ptr<const CommandReport> report;
  const auto catcher = faults.make([&] {
    auto made =
        CommandSource::start({"sh", "-c", "head -c 500 /dev/zero; echo out of luck >&2; exit 3"});
    demand(made.source != nullptr, "a shell can be started");
    report = made.report;
    return pulled(std::move(made.source));
  });
  Reader reader = reader_of(faults, catcher);
  std::size_t got = 0;
  for (;;) {
    std::array<std::byte, 96> bytes;
    const auto result = faults.once_more([&]() noexcept { return reader.read(bytes); });
    for (std::size_t i = 0; i < result.bytes; ++i) demand(bytes[i] == std::byte{0}, "it is zeros");
    got += result.bytes;
    if (result.status == Status::ok) continue;
    demand(result.status == Status::failed, "it says how it ended");
    if (result.error != std::errc::not_enough_memory) {
      demand(result.error == std::error_code(3 << 8, command_category()), "as it did");
      break;
    }
    faults.blame();
    demand(catcher->resume() == Status::ok, "it can be resumed");
  }
  demand(got == 500, "nothing is lost", got);
  demand(report->exit_status() == 3, "the report is there");
  const std::string words = faults.make([&] { return report->text(); });
  demand(words.find("out of luck") != std::string::npos, "its last words are in it");
}

void from_a_stream(Faults& faults) {
  take_all(faults, faults.make([] {
    const auto bytes = pattern(0, kSize);
    auto stream = std::make_unique<std::istringstream>(
        std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    return pulled(std::make_unique<IstreamSource>(std::move(stream)));
  }));
}

void from_memory(Faults& faults) {
  take_all(faults,
           faults.make([] { return pulled(std::make_unique<MemorySource>(pattern(0, kSize))); }));
}

// Which needs memory for each call, before it takes anything.
void from_a_function(Faults& faults) {
  take_all(faults, faults.make([] {
    return pulled(FunctionSource::make(
        [at = std::uint64_t{0}](std::span<std::byte> space, const Wait&) mutable {
          const std::size_t size = std::min<std::uint64_t>(space.size(), kSize - at);
          const auto bytes = pattern(at, size);
          std::copy(bytes.begin(), bytes.end(), space.begin());
          at += size;
          return at == kSize ? SourceResult::at_end(size) : SourceResult::some(size);
        }));
  }));
}

// ---- for who does not wait --------------------------------------------------------

// What an executor is given, and how often somebody was called.
struct Loop {
  Executor executor() {
    return [this](std::function<void()> given) { job = std::move(given); };
  }
  void run() {
    while (const auto now = std::exchange(job, nullptr)) now();
  }

  std::function<void()> job{};
  int called = 0;
  Status status = Status::ok;
  ReadableRequest request{this, [](void* loop, Status told) noexcept {
                            static_cast<Loop*>(loop)->called += 1;
                            static_cast<Loop*>(loop)->status = told;
                          }};
};

// Asks to be called until there is an end. Once it may be told that there is no memory, by the
// call that enters, by the callback, or by a source that failed.
void take_by_callback(Faults& faults, const std::shared_ptr<Catcher>& catcher, Loop& loop) {
  Reader reader = reader_of(faults, catcher);
  for (;;) {
    std::array<std::byte, 96> bytes;
    const std::uint64_t offset = reader.offset();
    const auto result = faults.once_more([&]() noexcept { return reader.read_now(bytes); });
    demand_pattern(std::span(bytes).first(result.bytes), offset);
    if (result.status == Status::end) break;
    if (result.status == Status::failed) {
      demand(result.error == std::errc::not_enough_memory, "who has no memory has failed");
      faults.blame();
      demand(catcher->resume() == Status::ok, "it can be resumed");
    }
    if (result.status != Status::would_block) continue;
    const int called = loop.called;
    const Status entered =
        faults.once_more([&]() noexcept { return reader.once_readable(loop.request); });
    if (entered != Status::would_block) continue;
    loop.run();
    demand(loop.called == called + 1, "who waits is called, once", offset);
    if (loop.status == Status::ok) continue;
    demand(loop.status == Status::out_of_memory, "it says why");
    faults.blame();
  }
  demand(reader.offset() == kSize, "nothing is lost", reader.offset());
  take_from_oldest(faults, catcher);
}

Script in_pieces() {
  Script script;
  for (std::uint64_t i = 0; i < 10; ++i) script.give(kSize / 10).interrupt();
  script.end();
  return script;
}

void on_an_executor(Faults& faults) {
  Loop loop;
  const auto catcher = faults.make([&] {
    Config config = small();
    config.executor = loop.executor();
    return Catcher::pull(std::make_unique<ScriptedSource>(in_pieces()), config).catcher;
  });
  take_by_callback(faults, catcher, loop);
}

// A job that is never run has failed the stream, which goes on.
void an_executor_that_drops(Faults& faults) {
  Loop loop;
  const auto catcher = faults.make([&] {
    Config config = small();
    config.executor = loop.executor();
    return Catcher::pull(std::make_unique<ScriptedSource>(in_pieces()), config).catcher;
  });
  const Status entered =
      faults.once_more([&]() noexcept { return catcher->once_readable(0, loop.request); });
  demand(entered == Status::would_block, "it is begun");
  loop.job = nullptr;
  demand(loop.called == 1 && error_of(*catcher) == Fault::work_dropped, "it is told");
  demand(catcher->resume() == Status::ok, "it can be resumed");
  take_by_callback(faults, catcher, loop);
}

// Each read takes memory, before it takes anything.
class GreedyAsync final : public AsyncSource {
 public:
  void start_read(std::span<std::byte> space, ReadDone done) override {
    const std::size_t size = std::min<std::uint64_t>({space.size(), 150, kSize - offset_});
    const auto bytes = pattern(offset_, size);
    std::copy(bytes.begin(), bytes.end(), space.begin());
    offset_ += size;
    done(offset_ == kSize ? SourceResult::at_end(size) : SourceResult::some(size));
  }
  void cancel() noexcept override {}

 private:
  std::uint64_t offset_ = 0;
};

void from_an_asynchronous_source(Faults& faults) {
  Loop loop;
  const auto catcher = faults.make(
      [] { return Catcher::pull_async(std::make_unique<GreedyAsync>(), small()).catcher; });
  take_by_callback(faults, catcher, loop);
}

void readers_that_wait_for_it(Faults& faults) {
  take_all(faults, faults.make([] {
    return Catcher::pull_async(std::make_unique<GreedyAsync>(), small()).catcher;
  }));
}

// Needs none.
class FrugalAsync final : public AsyncSource {
 public:
  void start_read(std::span<std::byte> space, ReadDone done) override {
    done(source_.read(space, Wait::none()));
  }
  void cancel() noexcept override {}

 private:
  std::array<std::byte, kSize> bytes_ = [] {
    std::array<std::byte, kSize> bytes;
    fill_pattern(bytes, 0);
    return bytes;
  }();
  MemorySource source_{std::span<const std::byte>(bytes_)};
};

// Wants more room than a chunk has, and memory for each piece, before it takes anything.
class GreedyTransform final : public Transform {
 public:
  std::size_t min_contiguous() const noexcept override { return 100; }
  SourceResult transform(TransformInput& in, std::span<std::byte> space,
                         const Wait& wait) override {
    const auto room = std::make_unique<std::byte[]>(space.size());
    const SourceResult got = in.read({room.get(), space.size()}, wait);
    std::copy_n(room.get(), got.bytes, space.begin());
    return got;
  }
};

// Either of them needs memory: if both do, both may fail, one after the other.
void after_an_asynchronous_transform(Faults& faults) {
  Loop loop;
  const auto catcher = faults.make([] {
    auto source =
        transformed(std::make_unique<GreedyAsync>(), std::make_shared<IdentityTransform>());
    return Catcher::pull_async(std::move(source), small()).catcher;
  });
  take_by_callback(faults, catcher, loop);
}

void through_an_asynchronous_transform(Faults& faults) {
  Loop loop;
  const auto catcher = faults.make([] {
    auto source = transformed(std::make_unique<FrugalAsync>(), std::make_shared<GreedyTransform>());
    return Catcher::pull_async(std::move(source), small()).catcher;
  });
  take_by_callback(faults, catcher, loop);
}

// ---- coroutines -------------------------------------------------------------------

// Ends with its scope.
struct Fiber {
  struct promise_type {
    Fiber get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> self;
};
class Running {
 public:
  explicit Running(Fiber fiber) : self_(fiber.self) {}
  ~Running() { self_.destroy(); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  bool is_done() const { return self_.done(); }

 private:
  std::coroutine_handle<Fiber::promise_type> self_;
};

// Whether to go on. Once it may be for want of memory.
bool goes_on(Faults& faults, Reader& reader, const ReadResult& result) {
  if (result.status == Status::ok) return true;
  if (result.status == Status::end) return false;
  const bool failed = result.status == Status::failed;
  demand(failed ? result.error == std::errc::not_enough_memory
                : result.status == Status::out_of_memory,
         "it says why");
  faults.blame();
  demand(!failed || reader.catcher()->resume() == Status::ok, "it can be resumed");
  return true;
}

// Reads, leases, skips, reads full, by turns, and loads the rest.
Fiber each_in_turn(Faults& faults, Reader& reader) {
  std::array<std::byte, 70> bytes;
  for (int turn = 0; reader.offset() < kSize / 2; ++turn) {
    const std::uint64_t offset = reader.offset();
    ReadResult result;
    if (turn % 4 == 0) result = co_await async_read(reader, bytes);
    if (turn % 4 == 1) result = co_await async_read_full(reader, bytes);
    if (turn % 4 == 2) result = co_await async_skip(reader, 70);
    if (turn % 4 == 3) {
      LeaseResult leased = co_await async_lease(reader, 70);
      result = {leased.lease.size(), leased.status, leased.error, leased.window};
      demand_pattern(leased.lease.bytes(), offset);
    }
    if (turn % 4 < 2) demand_pattern(std::span(bytes).first(result.bytes), offset);
    demand(reader.offset() == offset + result.bytes, "it moves by what it gave", offset);
    demand(goes_on(faults, reader, result), "there is more");
  }
  while (goes_on(faults, reader, co_await async_load_all(reader.catcher()))) {
  }
}

void run_coroutine(Faults& faults, const std::shared_ptr<Catcher>& catcher, Loop& loop) {
  Reader reader = reader_of(faults, catcher);
  {
    const Running running(faults.make([&] { return each_in_turn(faults, reader); }));
    loop.run();
    demand(running.is_done(), "it comes to its end");
  }
  demand(catcher->length() == kSize, "all is loaded");
  take(faults, reader, static_cast<std::size_t>(kSize - reader.offset()));
  take_from_oldest(faults, catcher);
}

void await_an_asynchronous_source(Faults& faults) {
  Loop loop;
  run_coroutine(faults, faults.make([] {
    return Catcher::pull_async(std::make_unique<GreedyAsync>(), small()).catcher;
  }),
                loop);
}

void await_an_executor(Faults& faults) {
  Loop loop;
  run_coroutine(faults, faults.make([&] {
    Config config = small();
    config.executor = loop.executor();
    return Catcher::pull(std::make_unique<ScriptedSource>(in_pieces()), config).catcher;
  }),
                loop);
}

// ---- a writer behind a transform --------------------------------------------------

// A writer that could not be wrapped is still the caller's, and writes on.
void keep_the_writer(Faults& faults) {
  auto made = pushed(faults);
  const auto transform = faults.make([] { return std::make_shared<GreedyTransform>(); });
  std::array<std::byte, 500> bytes;
  fill_pattern(bytes, 0);
  {
    TransformWriter writer = faults.make([&] {
      demand(!made.catcher->has_failed() && static_cast<bool>(made.writer), "it is still there");
      return TransformWriter(std::move(made.writer), transform);
    });
    demand(!made.writer, "it was taken over");
    std::size_t taken = 0;
    const auto go_on = [&]() noexcept {
      const auto result = writer.append(std::span(bytes).subspan(taken), Wait::none());
      taken += result.bytes;
      return result.status;
    };
    if (faults.once_more(go_on) == Status::failed) {
      faults.blame();
      demand(made.catcher->resume() == Status::ok && go_on() == Status::ok, "it goes on");
    }
    demand(taken == bytes.size(), "all is taken");
  }
  demand(error_of(*made.catcher) == Fault::writer_gone, "dropped, it fails the stream");
  take_from_oldest(faults, made.catcher);
}

constexpr Scenario kScenarios[] = {
    {"from a descriptor", from_a_descriptor},
    {"from a command", from_a_command},
    {"from a stream", from_a_stream},
    {"from memory", from_memory},
    {"from a function", from_a_function},
    {"on an executor", on_an_executor},
    {"an executor that drops", an_executor_that_drops},
    {"from an asynchronous source", from_an_asynchronous_source},
    {"readers that wait for it", readers_that_wait_for_it},
    {"after an asynchronous transform", after_an_asynchronous_transform},
    {"through an asynchronous transform", through_an_asynchronous_transform},
    {"await an asynchronous source", await_an_asynchronous_source},
    {"await an executor", await_an_executor},
    {"keep the writer", keep_the_writer},
};

}  // namespace

int main() {
  return run_scenarios("allocation failure of what feeds", kScenarios);
}
