// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Transforms that make more, fewer or no bytes of each, whose every record must lie in one
// piece, over sources that are interrupted and fail: at random, against what a loop makes of it.
// The same is pulled, also asynchronously, and pushed. A failing run is made smaller and printed;
// CATCHER_SEED=N runs it again.
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <rapidcheck.h>

#include "core/transform_writer.hpp"
#include "tests/support/async_sources.hpp"
#include "tests/support/reader_oracle.hpp"
#include "tests/support/transforms.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

// What becomes of the byte at `offset`: up to `most` bytes.
std::vector<std::byte> record(std::byte value, std::uint64_t offset, std::size_t most) {
  const std::uint64_t mixed = (offset + 1) * 0x9E3779B97F4A7C15u >> 40;
  std::vector<std::byte> made(mixed % 4 == 0 ? 0 : mixed / 4 % (most + 1));
  for (std::size_t i = 0; i < made.size(); ++i) {
    made[i] = value ^ static_cast<std::byte>(i) ^ static_cast<std::byte>(mixed);
  }
  return made;
}

std::vector<std::byte> records(std::size_t size, std::size_t most) {
  std::vector<std::byte> all;
  for (std::size_t offset = 0; offset < size; ++offset) {
    const auto made = record(byte_at(offset), offset, most);
    all.insert(all.end(), made.begin(), made.end());
  }
  return all;
}

// Writes the records; how much it reads, and when it returns, fails or throws, is for `choices`.
class Erratic final : public Transform {
 public:
  Erratic(Input& choices, std::size_t most) : choices_(choices), most_(most) {}
  std::size_t min_contiguous() const noexcept override { return most_; }

  SourceResult transform(TransformInput& in, std::span<std::byte> space,
                         const Wait& wait) override {
    require(space.size() >= most_, "a transform has the room it needs");
    std::size_t written = 0;
    for (;;) {
      switch (choices_.byte() % 16) {
        case 1: return SourceResult::some(written);
        case 2: return SourceResult::failure(kBroken, written);
        case 3:
          if (written != 0) break;
          throw std::runtime_error("a whim");
        case 4:
          if (written != 0) break;
          return SourceResult::some(space.size() + 1);
        default: break;
      }
      if (at_ == read_.size()) {
        const SourceResult got = read(in, wait);
        if (got.status != Status::ok) return {written, got.status, got.error};
      }
      const auto made = record(read_[at_], offset_, most_);
      if (space.size() - written < made.size()) return SourceResult::some(written);
      std::copy(made.begin(), made.end(), space.begin() + static_cast<std::ptrdiff_t>(written));
      written += made.size();
      ++at_;
      ++offset_;
    }
  }

 private:
  SourceResult read(TransformInput& in, const Wait& wait) {
    read_.assign(1 + choices_.byte() % 40, std::byte{});
    at_ = 0;
    const SourceResult got = in.read(read_, wait);
    require((got.bytes != 0) == (got.status == Status::ok), "an input gives bytes or a reason");
    read_.resize(got.bytes);
    return got;
  }

  Input& choices_;
  const std::size_t most_;
  std::vector<std::byte> read_;
  std::size_t at_ = 0;
  std::uint64_t offset_ = 0;
};

Config settings(Input& input) {
  Config config;
  config.growth.kind = static_cast<Growth::Kind>(input.byte() % 3);
  config.growth.first = 1 + input.byte() % 60;
  config.growth.max = config.growth.first + input.byte();
  config.length_hint = input.byte();
  config.read_burst = 1 + input.byte() % 50;
  return config;
}

Script script(Input& input, std::size_t& size) {
  Script made;
  const auto some = [&] {
    const std::size_t bytes = input.byte();
    size += bytes;
    return bytes;
  };
  for (int steps = input.byte() % 12; steps > 0; --steps) {
    switch (input.byte() % 6) {
      case 0: made.interrupt(); break;
      case 1: made.fail(kBroken, some()); break;
      case 2: made.throws(); break;
      case 3: made.overrun(); break;
      default: made.give(some()); break;
    }
  }
  made.end(some());
  return made;
}

// Reads as it comes, in pieces that `choices` has, and resumes whatever fails.
std::vector<std::byte> all_that_comes(const std::shared_ptr<Catcher>& catcher, Input& choices,
                                      const Wait& wait) {
  Reader reader(catcher);
  std::vector<std::byte> all;
  for (;;) {
    const ReadResult got = collect(reader, all, 1 + choices.byte(), wait);
    if (got.status == Status::end) return all;
    require(got.status == Status::failed || got.status == Status::would_block, "it goes on");
    if (got.status == Status::failed) {
      require(catcher->resume() == Status::ok, "a failure is resumed");
    }
  }
}

void pulled_is_as_expected(Input input) {
  const Config config = settings(input);
  const std::size_t most = 1 + input.byte() % 120;
  std::size_t size = 0;
  auto source = std::make_unique<ScriptedSource>(script(input, size));
  auto made = pull_through(std::move(source), std::make_shared<Erratic>(input, most), config);
  require(made.status == Status::ok, "the settings are valid");
  const auto all = all_that_comes(made.catcher, input, Wait::none());
  require(all == records(size, most), "each record comes once, whole and in order");
  require(all_of(made.catcher, 1 + input.byte()) == all, "and stays");
}

void pushed_is_as_expected(Input input) {
  const Config config = settings(input);
  const std::size_t most = 1 + input.byte() % 120;
  const auto bytes = pattern(0, input.word(2) % 1500);
  auto made = Catcher::push(config);
  require(made.status == Status::ok, "the settings are valid");
  TransformWriter writer(std::move(made.writer), std::make_shared<Erratic>(input, most));
  std::span<const std::byte> left(bytes);
  while (!left.empty()) {
    const auto slice = left.first(std::min<std::size_t>(left.size(), 1 + input.byte()));
    const WriteResult got = writer.append(slice);
    require(got.status == Status::failed || got.bytes == slice.size(), "all is taken");
    left = left.subspan(got.bytes);
    if (got.status != Status::ok) require(made.catcher->resume() == Status::ok, "it goes on");
  }
  while (writer.finish() != Status::ok) {
    require(made.catcher->resume() == Status::ok, "it goes on");
  }
  require(all_of(made.catcher, 1 + input.byte()) == records(bytes.size(), most),
          "each record comes once, whole and in order");
}

// Tells at once or on another thread, as `choices` has it.
class Whimsical final : public AsyncSource {
 public:
  Whimsical(Script script, Worker& worker, Input& choices)
      : source_(std::make_shared<ScriptedSource>(std::move(script))),
        worker_(worker),
        choices_(choices) {}
  void start_read(std::span<std::byte> space, ReadDone done) override {
    if (choices_.byte() % 2 == 0) return done(source_->read(space, Wait::none()));
    worker_.post([source = source_, space, done = std::make_shared<ReadDone>(std::move(done))] {
      try {
        (*done)(source->read(space, Wait::none()));
      } catch (const std::runtime_error&) {
        // Is dropped, which is a failure too.
      }
    });
  }
  void cancel() noexcept override {}

 private:
  const std::shared_ptr<ScriptedSource> source_;
  Worker& worker_;
  Input& choices_;
};

// Against the same transform behind the same source as one that blocks.
void pulled_asynchronously_is_as_expected(Input given) {
  Input of_source = given;
  Input of_reader = given;
  const Config config = settings(of_source);
  const std::size_t most = 1 + of_source.byte() % 120;
  std::size_t size = 0;
  const Script steps = script(of_source, size);
  Worker worker;
  auto source = std::make_unique<Whimsical>(steps, worker, of_source);
  auto made = Catcher::pull_async(
      std::make_unique<AsyncTransformSource>(
          std::move(source), std::make_shared<Erratic>(of_source, most), 1 + of_source.byte()),
      config);
  require(made.status == Status::ok, "the settings are valid");
  const auto all = all_that_comes(made.catcher, of_reader, patiently());

  Input of_blocking = given;
  auto blocking = pull_through(std::make_unique<ScriptedSource>(steps),
                               std::make_shared<Erratic>(of_blocking, most), config);
  require(all == all_that_comes(blocking.catcher, of_reader, Wait::none()),
          "it is what comes of a source that blocks");
  require(all == records(size, most), "each record comes once, whole and in order");
  require(all_of(made.catcher, 50) == all, "and stays");
}

bool check(const char* promise, void (*test)(Input)) {
  return rc::check(promise, [test] {
    const auto input = *rc::gen::container<std::vector<std::uint8_t>>(
        rc::gen::resize(rc::kNominalSize, rc::gen::arbitrary<std::uint8_t>()));
    test(Input(input.data(), input.size()));
  });
}

}  // namespace

int main() {
  const char* given = std::getenv("CATCHER_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device()();
  std::printf("CATCHER_SEED=%" PRIu64 "\n", seed);
  std::fflush(stdout);
  const std::string parameters = "seed=" + std::to_string(seed) + " max_success=400 max_size=300";
  setenv("RC_PARAMS", parameters.c_str(), 1);

  const bool pulls =
      check("what is pulled through a transform is what it makes", pulled_is_as_expected);
  const bool pulls_async = check("what is pulled asynchronously through a transform is the same",
                                 pulled_asynchronously_is_as_expected);
  const bool pushes =
      check("what is pushed through a transform is what it makes", pushed_is_as_expected);
  return pulls && pulls_async && pushes ? EXIT_SUCCESS : EXIT_FAILURE;
}
