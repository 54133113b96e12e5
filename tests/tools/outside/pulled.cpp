// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A program that is none of the tree's, built by CMake alone: a source of its own, and a seek.
#include <algorithm>
#include <catcher/all.hpp>
#include <cstdio>

class Countdown final : public catcher::Source {
 public:
  catcher::SourceResult read(std::span<std::byte> space, const catcher::Wait&) override {
    const std::size_t size = std::min<std::size_t>(space.size(), left_);
    for (std::size_t n = 0; n < size; ++n) space[n] = static_cast<std::byte>(left_--);
    return left_ == 0 ? catcher::SourceResult::at_end(size) : catcher::SourceResult::some(size);
  }

 private:
  unsigned left_ = 200;
};

int main() {
  const auto made = catcher::Catcher::pull(std::make_unique<Countdown>());
  catcher::Reader reader(made.catcher);
  std::byte bytes[200];
  if (reader.read_full(bytes).bytes != sizeof bytes) return 1;
  if (reader.seek(-1, catcher::Whence::end).offset != 199) return 2;
  if (reader.read(bytes).bytes != 1 || bytes[0] != std::byte{1}) return 3;
  std::puts(reader.read(bytes).status == catcher::Status::end ? "ok" : "not at the end");
}
