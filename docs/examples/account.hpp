// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The account that the demo gives: what each branch played, compared with a decode of its own.
// Nothing here is about GStreamer. All times are stream times, in ns.
#pragma once

#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

// What a branch played from one place on.
struct Take {
  std::string name;
  std::uint64_t edge = 0;                // how far the stream had come when it was asked
  std::optional<std::uint64_t> asked{};  // where it was to begin; without: with what comes next
  std::uint64_t landed = 0;              // where its first sample is
  double wait_ms = -1;                   // from asking to the first buffer
  bool to_end = false;                   // nothing came after `audio`
  std::string audio{};
};

// A file of one or two channels of 16 bits, as wavenc writes it: its head has 44 bytes.
class Wav {
 public:
  explicit Wav(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    head_.assign(std::istreambuf_iterator<char>(file), {});
    if (head_.size() <= kHead) throw std::runtime_error("No audio in " + path);
    audio_ = head_.substr(kHead, number(40, 4));
    head_.resize(kHead);
  }

  std::uint32_t rate() const { return number(24, 4); }   // frames a second
  std::uint32_t frame() const { return number(32, 2); }  // bytes
  const std::string& audio() const { return audio_; }

  // Writes a file of the same format.
  void write_like(const std::string& path, const std::string& audio) const {
    std::string head = head_;
    put(head, 4, audio.size() + kHead - 8);
    put(head, 40, audio.size());
    std::ofstream(path, std::ios::binary) << head << audio;
  }

 private:
  static constexpr std::size_t kHead = 44;

  std::uint32_t number(std::size_t at, std::size_t bytes) const {
    std::uint32_t value = 0;
    while (bytes-- != 0) value = value << 8 | static_cast<unsigned char>(head_[at + bytes]);
    return value;
  }
  static void put(std::string& head, std::size_t at, std::size_t value) {
    for (std::size_t byte = 0; byte < 4; ++byte) head[at + byte] = char(value >> (8 * byte));
  }

  std::string head_, audio_;
};

// What the first pipeline caught and its late branch played.
struct Window {
  std::uint64_t oldest = 0, edge = 0;
};
struct Caught {
  Window first, last;  // what was kept when the late branch came, and at the end
  std::uint64_t bytes = 0;
  std::vector<Take> takes{};
};

// It begins with the very sample that was asked for, and it is what the decode has there. `begin`:
// the time of the decode's first sample.
inline bool is_right(const Take& take, const Wav& decode, std::uint64_t begin) {
  const std::string& whole = decode.audio();
  const double frames = double(take.landed - begin) * decode.rate() / 1e9;
  const std::size_t from = static_cast<std::size_t>(frames + 0.5) * decode.frame();
  if (take.landed < begin || from > whole.size()) return false;
  const double early = take.asked ? double(*take.asked) - double(take.landed) : 0;
  const bool exact = early >= 0 && early * decode.rate() <= 1e9;
  const bool ends_well = !take.to_end || from + take.audio.size() == whole.size();
  return exact && ends_well && whole.compare(from, take.audio.size(), take.audio) == 0;
}

// Compares the files in `folder` and the late branch's takes with decode.wav, and prints what came
// of it. Writes late.wav. True if all is right.
inline bool give_account(const Caught& caught, const std::string& folder) {
  const auto seconds = [](std::uint64_t time) { return double(time) / 1e9; };
  const auto [oldest, edge] = caught.last;
  const std::uint64_t begin = caught.first.oldest;
  const auto file = [&](const char* name) { return Wav(folder + name).audio(); };
  std::vector<Take> all = caught.takes;
  all.insert(all.begin(), {"straight through", 0, {}, begin, -1, true, file("through.wav")});
  all.push_back({"replay from the channel", edge, oldest, oldest, -1, true, file("replay.wav")});

  std::printf("Kept: %.1f MB, %.3f s\n\n%-24s %12s %12s %12s %10s %14s  %s\n",
              double(caught.bytes) / 1e6, seconds(edge - oldest), "branch", "had come s",
              "asked for s", "landed at s", "after ms", "compared bytes", "same");
  const Wav decode(folder + "decode.wav");
  bool all_right = true;
  std::string late;
  for (const Take& take : all) {
    const bool right = is_right(take, decode, begin);
    all_right = all_right && right;
    const std::string asked = take.asked ? std::to_string(seconds(*take.asked)) : "what comes";
    std::printf("%-24s %12.6f %12s %12.6f ", take.name.c_str(), seconds(take.edge), asked.c_str(),
                seconds(take.landed));
    take.wait_ms < 0 ? std::printf("%10s", "-") : std::printf("%10.2f", take.wait_ms);
    std::printf(" %14zu  %s\n", take.audio.size(), right ? "yes" : "NO");
  }
  for (const Take& take : caught.takes) late += take.audio;
  decode.write_like(folder + "late.wav", late);
  std::printf(
      "\nCompared with a decode of the same bytes without catcher: %s. The WAV files are in %s\n",
      all_right ? "all the same" : "NOT all the same", folder.c_str());
  return all_right;
}
