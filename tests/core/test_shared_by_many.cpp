// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// 256 threads, one source of 10,000,000 bytes that is read once, and the tail of it again: the
// example by which others show what sharing a stream is (docs/examples/many_readers.cpp).
#include <cstring>

#include "core/catcher.hpp"
#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::Catcher;
using catcher::Config;
using catcher::Growth;
using catcher::Reader;
using catcher::SourceResult;
using catcher::Status;
using catcher::Wait;
using catcher::Whence;
using namespace catcher::test;

#if defined(__SANITIZE_THREAD__)
constexpr std::size_t kBytes = 500'000;  // each byte of each reader is looked at twice
#else
constexpr std::size_t kBytes = 10'000'000;
#endif
constexpr std::size_t kThreads = 256;

// Gives `bytes` from front to back, in as many reads as there is room for.
class Served final : public catcher::Source {
 public:
  explicit Served(std::span<const std::byte> bytes) : left_(bytes) {}

  SourceResult read(std::span<std::byte> space, const Wait&) override {
    const std::size_t size = std::min(space.size(), left_.size());
    std::memcpy(space.data(), left_.data(), size);
    left_ = left_.subspan(size);
    return left_.empty() ? SourceResult::at_end(size) : SourceResult::some(size);
  }

 private:
  std::span<const std::byte> left_;
};

// Reads in pieces of `size` to the end. Thread: any.
void demand_all(Reader reader, const std::vector<std::byte>& expected, std::size_t size) {
  std::vector<std::byte> buffer(size);
  std::size_t done = 0;
  for (;;) {
    const auto got = reader.read(buffer, patiently());
    if (got.status == Status::end) break;
    demand(got.status == Status::ok, "all bytes can be read", done);
    demand(done + got.bytes <= expected.size(), "there is nothing beyond the end", done);
    demand(std::memcmp(buffer.data(), expected.data() + done, got.bytes) == 0,
           "each byte is the source's", done);
    done += got.bytes;
  }
  demand(done == expected.size(), "no byte is missing", done);
}

void run(const std::vector<std::byte>& bytes, const Config& config) {
  auto made = Catcher::pull(std::make_unique<Served>(bytes), config);
  ck_assert_status(made.status, Status::ok);
  Reader reader(made.catcher);
  std::vector<std::thread> threads;

  for (std::size_t n = 0; n < kThreads; ++n) {
    threads.emplace_back(
        [own = reader.clone(), &bytes]() mutable { demand_all(std::move(own), bytes, 1024); });
  }
  for (auto& thread : threads) thread.join();

  ck_assert_uint_eq(made.catcher->stats().bytes_in, bytes.size());
  ck_assert_uint_eq(reader.seek(0, Whence::end).offset, bytes.size());
  ck_assert_uint_eq(reader.seek(-256, Whence::current).offset, bytes.size() - 256);
  std::vector<std::byte> tail(256);
  ck_assert_uint_eq(reader.read_full(tail, Wait::none()).bytes, 256);
  ck_assert_mem_eq(tail.data(), bytes.data() + bytes.size() - 256, 256);
  ck_assert_status(reader.read(tail, Wait::none()).status, Status::end);
}

START_TEST(many_threads_read_ten_million_bytes_of_one_value) {
  run(std::vector<std::byte>(kBytes, std::byte{0xAC}), {});
}
END_TEST

START_TEST(many_threads_read_ten_million_bytes_that_tell_their_place) {
  Config config;
  config.growth = Growth::constant(4096);
  run(pattern(0, kBytes), config);
}
END_TEST

}  // namespace

int main() {
  return run_suite("shared_by_many",
                   {{"read",
                     {many_threads_read_ten_million_bytes_of_one_value,
                      many_threads_read_ten_million_bytes_that_tell_their_place}}});
}
