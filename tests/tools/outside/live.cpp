// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A program that is none of the tree's, built by pkg-config alone: one thread pushes, two read.
#include <catcher/all.hpp>
#include <cstdio>
#include <string_view>
#include <thread>

int main() {
  auto [stream, writer, status, why] = catcher::Catcher::push();
  if (status != catcher::Status::ok) return std::fprintf(stderr, "%s\n", why.c_str()), 1;
  const auto count = [&stream = stream](std::size_t& bytes) {
    catcher::Reader reader(stream);
    std::byte buffer[7];
    for (;;) {
      const auto got = reader.read(buffer);
      if (got.status != catcher::Status::ok) break;
      bytes += got.bytes;
    }
  };
  std::size_t one = 0, two = 0;
  std::thread first(count, std::ref(one)), second(count, std::ref(two));
  constexpr std::string_view kWords = "caught once, read twice; ";
  for (int n = 0; n < 1000; ++n) (void)writer.append(std::as_bytes(std::span(kWords)));
  writer.finish();
  first.join();
  second.join();
  std::printf("%zu %zu\n", one, two);
  return one == 25000 && two == 25000 ? 0 : 1;
}
