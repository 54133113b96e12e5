// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Every allocation that the core makes fails in turn. What comes of it is a status (bad_alloc where
// something is made), nothing leaks, what was caught is read as it was, and the stream goes on.
// To add a scenario: a function, and a line in kScenarios. Those of what feeds and what is kept are
// in test_allocation_failure_feeding.cpp and test_allocation_failure_kept.cpp.
#include "tests/support/fault_scenarios.hpp"

#include "core/file_memory.hpp"
#include "core/loader.hpp"
#include "core/timeline.hpp"
#include "core/transform_writer.hpp"
#include "tests/support/scripted_source.hpp"

namespace {

using catcher::Catcher;
using catcher::Config;
using catcher::Entry;
using catcher::FileMemory;
using catcher::Growth;
using catcher::Lease;
using catcher::load_all;
using catcher::Loader;
using catcher::PinnedRange;
using catcher::PinPolicy;
using catcher::Reader;
using catcher::Source;
using catcher::SourceResult;
using catcher::Status;
using catcher::Timeline;
using catcher::Transform;
using catcher::transformed;
using catcher::TransformInput;
using catcher::TransformWriter;
using catcher::Wait;
using catcher::Whence;
using catcher::WhenFull;
using namespace catcher::test;

// ---- pushed -----------------------------------------------------------------------

void append_and_read(Faults& faults) {
  auto made = pushed(faults);
  Reader reader = reader_of(faults, made.catcher);
  for (int i = 0; i < 30; ++i) {
    put(faults, made.writer, 90);
    take(faults, reader, 80);
  }
  made.writer.finish();
  demand(take_some(faults, reader, 9000).status == Status::end, "there is an end");
  demand(reader.offset() == 30 * 90, "nothing is lost");
  take_from_oldest(faults, made.catcher);
}

void grow(Faults& faults) {
  for (const Growth& growth : {Growth::linear(7, 100), Growth::geometric(3, 500)}) {
    auto made = pushed(faults, {.growth = growth, .length_hint = 40});
    put(faults, made.writer, 3000);
    take_from_oldest(faults, made.catcher);
  }
}

void write_in_place(Faults& faults) {
  auto made = pushed(faults);
  for (int i = 0; i < 40; ++i) {
    const auto reserved =
        faults.once_more([&]() noexcept { return made.writer.reserve(20, Wait::none()); });
    demand(reserved.status == Status::ok && reserved.space.size() >= 20, "there is room");
    fill_pattern(reserved.space, made.writer.offset());
    made.writer.commit(20);
    if (i % 7 == 0) made.writer.seal();
  }
  demand(made.writer.offset() == 40 * 20, "each byte is there");
  take_from_oldest(faults, made.catcher);
}

void slide(Faults& faults) {
  auto made = pushed(faults, {.growth = Growth::constant(16), .max_bytes = 1024});
  Reader reader = reader_of(faults, made.catcher);
  for (int i = 0; i < 12; ++i) {
    put(faults, made.writer, 200);
    take(faults, reader, 200);
  }
  demand(made.writer.evict_before(2200) == Status::ok, "a window can be told to move");
  take_from_oldest(faults, made.catcher);
}

void block(Faults& faults) {
  auto made = pushed(
      faults, {.growth = Growth::constant(16), .max_bytes = 1024, .when_full = WhenFull::block});
  Reader reader = reader_of(faults, made.catcher);
  put(faults, made.writer, 1024);
  for (int i = 0; i < 10; ++i) {
    take(faults, reader, 128);
    put(faults, made.writer, 96);
  }
  take_from_oldest(faults, made.catcher);
}

// ---- pulled -----------------------------------------------------------------------

void pull(Faults& faults) {
  const auto catcher = faults.make([] {
    Script script;
    script.give(700).interrupt().give(900).fail(std::make_error_code(std::errc::io_error), 50);
    script.throws().give(333).end(17);
    auto source = std::make_unique<ScriptedSource>(std::move(script));
    return Catcher::pull(std::move(source), {.growth = Growth::constant(61), .read_burst = 32})
        .catcher;
  });
  Reader one = reader_of(faults, catcher);
  Reader other = reader_of(faults, catcher);
  take(faults, one, 700);
  demand(take_some(faults, one, 1).status == Status::would_block, "a read may be interrupted");
  take(faults, one, 950);
  for (int i = 0; i < 2; ++i) {
    demand(take_some(faults, one, 1).status == Status::failed, "the failure is told");
    demand(catcher->resume() == Status::ok, "what has failed is resumed");
  }
  demand(take_some(faults, one, 9000).status == Status::end, "there is an end");
  take(faults, other, 2000);
  demand(take_some(faults, other, 1).status == Status::end, "there is an end for all");
}

// Needs memory for each read, before it takes anything.
class Greedy final : public Source {
 public:
  SourceResult read(std::span<std::byte> space, const Wait& /*wait*/) override {
    const auto room = std::make_unique<std::byte[]>(space.size());
    fill_pattern({room.get(), space.size()}, offset_);
    std::copy_n(room.get(), space.size(), space.begin());
    offset_ += space.size();
    return SourceResult::some(space.size());
  }

 private:
  std::uint64_t offset_ = 0;
};

void pull_from_greedy(Faults& faults) {
  const auto catcher = faults.make([] {
    return Catcher::pull(std::make_unique<Greedy>(), {.growth = Growth::constant(61)}).catcher;
  });
  Reader reader = reader_of(faults, catcher);
  take_resuming(faults, reader, 30'000);
  take_from_oldest(faults, catcher);
}

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

void pull_through_a_transform(Faults& faults) {
  const auto catcher = faults.make([] {
    auto source = transformed(std::make_unique<Greedy>(), std::make_shared<GreedyTransform>());
    return Catcher::pull(std::move(source), {.growth = Growth::constant(61), .read_burst = 32})
        .catcher;
  });
  Reader reader = reader_of(faults, catcher);
  take_resuming(faults, reader, 3000);
  take_from_oldest(faults, catcher);
}

void push_through_a_transform(Faults& faults) {
  std::shared_ptr<Catcher> catcher;
  TransformWriter writer = faults.make([&] {
    auto made = Catcher::push({.growth = Growth::constant(61)});
    catcher = made.catcher;
    return TransformWriter(std::move(made.writer), std::make_shared<GreedyTransform>());
  });
  std::array<std::byte, 1500> bytes;
  fill_pattern(bytes, 0);
  std::size_t taken = 0;
  const auto go_on = [&]() noexcept {
    const auto result = writer.append(std::span(bytes).subspan(taken), Wait::none());
    taken += result.bytes;
    return result.status;
  };
  const auto resumed = [&](const auto& attempt) {
    const Status status = faults.once_more(attempt);
    if (status != Status::failed) return status;
    faults.blame();
    demand(catcher->resume() == Status::ok, "it can be resumed");
    return attempt();
  };
  demand(resumed(go_on) == Status::ok && taken == bytes.size(), "all is taken");
  const Status status = resumed([&]() noexcept { return writer.finish(Wait::none()); });
  demand(status == Status::ok && catcher->length() == bytes.size(), "all has come");
  take_from_oldest(faults, catcher);
}

void load(Faults& faults) {
  const auto catcher = faults.make([] {
    auto source = std::make_unique<ScriptedSource>(std::move(Script().give(3000).end()));
    return Catcher::pull(std::move(source), {.growth = Growth::constant(61), .read_burst = 32})
        .catcher;
  });
  const auto some = faults.once_more([&]() noexcept { return load_all(catcher, Wait::none()); });
  demand(some.status == Status::ok && some.bytes == 3000, "all is loaded");
  take_from_oldest(faults, catcher);
}

void load_in_the_background(Faults& faults) {
  const auto catcher = faults.make([] {
    auto source = std::make_unique<ScriptedSource>(std::move(Script().give(3000).end()));
    return Catcher::pull(std::move(source), {.growth = Growth::constant(61), .read_burst = 32})
        .catcher;
  });
  const auto loaded = faults.once_more([&]() noexcept {
    const Loader loader = faults.make([&] { return Loader(catcher); });
    return loader.wait(patiently());
  });
  demand(loaded.status == Status::ok && loaded.bytes == 3000, "all is loaded");
  take_from_oldest(faults, catcher);
}

// ---- readers ----------------------------------------------------------------------

void lease(Faults& faults) {
  auto made = pushed(faults);
  put(faults, made.writer, 600);
  std::array<Lease, 16> leases;
  {
    Reader reader = reader_of(faults, made.catcher);
    for (Lease& one : leases) {
      auto got = faults.once_more([&]() noexcept { return reader.lease(40, Wait::none()); });
      demand(got.status == Status::ok, "there is something to lease");
      one = got.lease.share(3);
      demand_pattern(got.lease.bytes(), got.lease.offset());
    }
  }
  made = {};
  for (const Lease& one : leases) demand_pattern(one.bytes(), one.offset());
}

void clone(Faults& faults) {
  auto made = pushed(faults);
  put(faults, made.writer, 500);
  Reader reader = reader_of(faults, made.catcher);
  for (int i = 0; i < 20; ++i) {
    take(faults, reader, 20);
    Reader copy = faults.make([&] { return reader.clone(); });
    demand(copy.offset() == reader.offset(), "a clone stands there too");
    take(faults, copy, 30);
    demand(made.catcher->stats().readers == 2, "who could not be made is not counted");
  }
}

void seek_and_skip(Faults& faults) {
  auto made = pushed(faults);
  put(faults, made.writer, 2000);
  Reader reader = reader_of(faults, made.catcher);
  for (const std::int64_t target : {1900, 0, 1000, 500, 1999}) {
    demand(reader.seek(target).status == Status::ok, "a seek goes anywhere");
    take(faults, reader, 1);
    demand(reader.seek(-100, Whence::edge).status == Status::ok, "a seek goes anywhere");
    const auto skipped = faults.once_more([&]() noexcept { return reader.skip(50); });
    demand(skipped.status == Status::ok && skipped.bytes == 50, "a skip goes on");
    take(faults, reader, 50);
  }
}

void pin(Faults& faults) {
  for (const PinPolicy policy : {PinPolicy::keep, PinPolicy::hold}) {
    auto made = pushed(faults, {.growth = Growth::constant(16), .max_bytes = 1024});
    put(faults, made.writer, 1000);
    PinnedRange range;
    for (const std::uint64_t begin : {100, 0}) {
      const Status status = faults.once_more(
          [&]() noexcept { return made.catcher->pin(begin, begin + 300, policy, range); });
      demand(status == Status::ok && range.range().begin == begin, "what is there is pinned");
    }
    if (policy == PinPolicy::keep) put(faults, made.writer, 2000);
    std::uint64_t next = 0;
    for (const Lease& piece : range.pieces()) {
      demand(piece.offset() == next, "the pieces have neither gap nor overlap");
      demand_pattern(piece.bytes(), next);
      next += piece.size();
    }
    demand(next == 300, "the pieces cover the range");
    range.release();
    put(faults, made.writer, 2000);  // a hold that failed holds nothing
    take_from_oldest(faults, made.catcher);
  }
}

void stop(Faults& faults) {
  auto made = pushed(faults);
  put(faults, made.writer, 10);
  Reader reader = reader_of(faults, made.catcher);
  take(faults, reader, 10);
  auto stop = faults.make([] { return std::stop_source(); });
  stop.request_stop();
  std::byte byte{};
  const Wait wait{catcher::kForever, stop.get_token()};
  const auto result = faults.once_more([&]() noexcept { return reader.read({&byte, 1}, wait); });
  demand(result.status == Status::cancelled, "a stop ends a wait");
  put(faults, made.writer, 100);
  take(faults, reader, 100);
}

void wait_without_a_thread(Faults& faults) {
  auto made = pushed(faults);
  Reader reader = reader_of(faults, made.catcher);
  int called = 0;
  catcher::ReadableRequest request(
      &called, [](void* count, Status) noexcept { ++*static_cast<int*>(count); });
  for (int i = 1; i <= 10; ++i) {
    const Status status =
        faults.once_more([&]() noexcept { return reader.once_readable(request); });
    demand(status == Status::would_block, "nothing is there yet");
    put(faults, made.writer, 50);
    demand(called == i, "who waits is called, once");
    take(faults, reader, 50);
  }
}

// ---- where things lie -------------------------------------------------------------

void timeline(Faults& faults) {
  auto made = faults.make([] { return std::make_unique<Timeline>(); });
  const auto append = [&](auto attempt) {
    demand(faults.once_more(attempt) == Status::ok, "an entry is taken");
  };
  append([&]() noexcept { return made->append_run(0, 0, 4, 48'000); });
  for (std::uint64_t i = 1; i <= 600; ++i) {
    const auto time = static_cast<std::int64_t>(i) * 1'000'000;
    append([&]() noexcept {
      return made->append_packet({.pts = time,
                                  .offset = i * 100,
                                  .size = 100,
                                  .flags = i % 10 == 1 ? Entry::key_unit : 0u});
    });
    const auto found = made->at_time(time + 5);
    demand(found && found->index == i && found->entry.offset == i * 100, "a time is found", i);
  }
  demand(made->window().end == 601, "each entry is there once");
  for (std::uint64_t i = 1; i <= 600; ++i) {
    demand(made->at_offset(i * 100 + 99)->index == i, "an offset is found", i);
    const auto key =
        made->key_unit(static_cast<std::int64_t>(i) * 1'000'000, Timeline::Snap::before);
    demand(key && key->index == i - (i - 1) % 10, "a key unit is found", i);
  }
  made->drop_before(40'000);
  demand(made->window().begin > 0 && made->at_offset(40'000)->index == 400, "the rest stays");
}

void in_a_file(Faults& faults) {
  const auto memory = faults.make([] {
    auto made = FileMemory::create("/tmp/catcher-test-XXXXXX");
    demand(made.memory != nullptr, "a file can be made");
    return made.memory;
  });
  auto made =
      pushed(faults, {.growth = Growth::geometric(64, 4096), .max_bytes = 65536, .memory = memory});
  Reader reader = reader_of(faults, made.catcher);
  for (int i = 0; i < 12; ++i) {
    put(faults, made.writer, 3000);
    take(faults, reader, 3000);
  }
  take_from_oldest(faults, made.catcher);
  reader = reader_of(faults, made.catcher);
  made = {};
}

constexpr Scenario kScenarios[] = {
    {"append and read", append_and_read},
    {"grow", grow},
    {"write in place", write_in_place},
    {"slide", slide},
    {"block", block},
    {"pull", pull},
    {"pull from a source that needs memory", pull_from_greedy},
    {"pull through a transform", pull_through_a_transform},
    {"push through a transform", push_through_a_transform},
    {"load", load},
    {"load in the background", load_in_the_background},
    {"lease", lease},
    {"clone", clone},
    {"seek and skip", seek_and_skip},
    {"pin", pin},
    {"stop", stop},
    {"wait without a thread", wait_without_a_thread},
    {"timeline", timeline},
    {"in a file", in_a_file},
};

}  // namespace

int main() {
  return run_scenarios("allocation failure", kScenarios);
}
