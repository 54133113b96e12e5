// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Stands in for the fuzzing engine: runs every file below the folders named, then random inputs,
// the same ones each time. What was run last is named in the output.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int kRandomInputs = 1000;
constexpr std::size_t kMostBytes = 1000;

int replay(const char* folder) {
  int count = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::printf("%s\n", entry.path().c_str());
    std::fflush(stdout);
    std::ifstream file(entry.path(), std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++count;
  }
  return count;
}

void run_random() {
  std::mt19937 random(1);
  for (int i = 0; i < kRandomInputs; ++i) {
    std::vector<std::uint8_t> bytes(random() % kMostBytes);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
    std::printf("random input %d\n", i);
    std::fflush(stdout);
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  int count = 0;
  for (int i = 1; i < argc; ++i) count += replay(argv[i]);
  if (count == 0) {
    std::puts("no corpus");
    return 1;
  }
  run_random();
}
