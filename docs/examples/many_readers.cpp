// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// catcher-many-readers [THREADS [BYTES]]: many threads read one stream while it comes in, once.
// Then one of them goes to the end, 256 bytes back, and reads those again.
#include <algorithm>
#include <array>
#include <atomic>
#include <catcher/all.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

namespace {

using catcher::Status;
using catcher::Whence;

constexpr std::byte kValue{0xAC};

// A stream of a known length that cannot be read twice.
class Repeat final : public catcher::Source {
 public:
  explicit Repeat(std::size_t bytes) : left_(bytes) {}

  catcher::SourceResult read(std::span<std::byte> space, const catcher::Wait&) override {
    const std::size_t size = std::min(space.size(), left_);
    std::memset(space.data(), static_cast<int>(kValue), size);
    left_ -= size;
    return left_ == 0 ? catcher::SourceResult::at_end(size) : catcher::SourceResult::some(size);
  }

 private:
  std::size_t left_;
};

bool all_right(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == kValue; });
}

// Reads to the end; whether every byte was right, and none was missing.
bool read_all(catcher::Reader reader, std::size_t expected) {
  std::array<std::byte, 1024> buffer;
  std::size_t total = 0;
  for (;;) {
    const auto got = reader.read(buffer);
    if (got.status != Status::ok) return got.status == Status::end && total == expected;
    if (!all_right(std::span(buffer).first(got.bytes))) return false;
    total += got.bytes;
  }
}

bool read_tail(catcher::Reader& reader) {
  std::array<std::byte, 256> tail{};
  if (reader.seek(0, Whence::end).status != Status::ok) return false;
  if (reader.seek(-256, Whence::current).status != Status::ok) return false;
  return reader.read_full(tail).bytes == tail.size() && all_right(tail) &&
         reader.read(tail).status == Status::end;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t threads = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 256;
  const std::size_t bytes = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 10'000'000;

  const auto made = catcher::Catcher::pull(std::make_unique<Repeat>(bytes));
  if (made.status != Status::ok) return std::fprintf(stderr, "%s\n", made.why.c_str()), 1;
  catcher::Reader reader(made.catcher);

  std::atomic<std::size_t> right{0};
  {
    std::vector<std::jthread> running;
    for (std::size_t n = 0; n < threads; ++n) {
      running.emplace_back([&right, own = reader.clone(), bytes]() mutable {
        if (read_all(std::move(own), bytes)) ++right;
      });
    }
  }
  const bool tail = read_tail(reader);

  const catcher::Stats stats = made.catcher->stats();
  std::printf(
      "%zu of %zu threads read %zu bytes; %llu bytes came in, in %llu reads of the source\n",
      right.load(), threads, bytes, static_cast<unsigned long long>(stats.bytes_in),
      static_cast<unsigned long long>(stats.source_reads));
  std::printf("the last 256 again: %s\n", tail ? "right" : "wrong");
  return right == threads && stats.bytes_in == bytes && tail ? 0 : 1;
}
