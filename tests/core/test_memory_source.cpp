// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Sources that need no file: of memory, and of a function.
#include "core/sources/memory_source.hpp"

#include <stdexcept>

#include "core/reader.hpp"
#include "core/sources/function_source.hpp"
#include "tests/support/check.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pattern.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

Reader read_by(std::unique_ptr<Source> source) {
  return Reader(Catcher::pull(std::move(source)).catcher);
}

void demand_all(Reader reader, std::size_t size) {
  std::vector<std::byte> room(size + 1);
  const ReadResult got = reader.read_full(room, patiently());
  demand(got.status == Status::end, to_string(got.status).data());
  demand(got.bytes == size, "all bytes come", got.bytes);
  demand_pattern(std::span(room).first(size), 0);
}

START_TEST(bytes_of_others_are_read) {
  const auto bytes = pattern(0, 100'003);
  demand_all(read_by(std::make_unique<MemorySource>(std::span(bytes))), bytes.size());
}
END_TEST

START_TEST(a_vector_is_taken_over) {
  demand_all(read_by(std::make_unique<MemorySource>(pattern(0, 100'003))), 100'003);
}
END_TEST

START_TEST(shared_bytes_are_kept_while_they_are_wanted) {
  auto bytes = std::make_shared<std::vector<std::byte>>(pattern(0, 100'003));
  const std::weak_ptr<void> seen = bytes;
  Reader reader = read_by(std::make_unique<MemorySource>(bytes, std::span(*bytes)));
  bytes.reset();
  ck_assert(!seen.expired());

  demand_all(std::move(reader), 100'003);

  ck_assert(seen.expired());
}
END_TEST

START_TEST(no_bytes_are_an_end) {
  demand_all(read_by(std::make_unique<MemorySource>(std::span<const std::byte>())), 0);
}
END_TEST

START_TEST(the_last_bytes_come_with_the_end) {
  MemorySource source(pattern(0, 10));
  std::byte room[10];

  const SourceResult got = source.read(room, Wait::none());

  ck_assert_uint_eq(got.bytes, 10);
  ck_assert_status(got.status, Status::end);
}
END_TEST

START_TEST(a_function_is_a_source) {
  std::uint64_t given = 0;
  Reader reader = read_by(FunctionSource::make([&](std::span<std::byte> space, const Wait&) {
    if (given == 1000) return SourceResult::at_end();
    const std::size_t size = std::min<std::size_t>(space.size(), 100);
    fill_pattern(space.first(size), given);
    given += size;
    return SourceResult::some(size);
  }));

  demand_all(std::move(reader), 1000);
}
END_TEST

START_TEST(a_function_that_throws_has_failed) {
  Reader reader = read_by(FunctionSource::make(
      [](std::span<std::byte>, const Wait&) -> SourceResult { throw std::runtime_error("no"); }));
  std::byte one{};

  const ReadResult got = reader.read({&one, 1}, patiently());

  ck_assert_status(got.status, Status::failed);
  ck_assert(got.error == Fault::source_threw);
}
END_TEST

}  // namespace

int main() {
  return run_suite("memory_source",
                   {{"memory",
                     {bytes_of_others_are_read, a_vector_is_taken_over,
                      shared_bytes_are_kept_while_they_are_wanted, no_bytes_are_an_end,
                      the_last_bytes_come_with_the_end}},
                    {"function", {a_function_is_a_source, a_function_that_throws_has_failed}}});
}
