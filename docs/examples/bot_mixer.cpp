// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// catcher-bot-mixer [GUILDS [SECONDS]]: a music bot without its network. A song is decoded once;
// each guild (a group of listeners) plays it from a place of its own, at its own volume, joins
// late, pauses, seeks, loops a part, and has a jingle mixed over it, in frames of 20 ms.
//
// The decoder is a thread that makes samples whose values tell where they belong, so that every
// frame of every guild is checked against arithmetic. Time is a counter of frames, not a clock: a
// bot would send each frame and sleep until the next one is due.
#include <algorithm>
#include <array>
#include <catcher/all.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace {

using catcher::Status;

constexpr std::size_t kRate = 48000;
constexpr std::size_t kChannels = 2;
constexpr std::size_t kBlock = kChannels * sizeof(std::int16_t);  // bytes of one sample time
constexpr std::size_t kFrame = kRate / 50;                        // 20 ms, in blocks
using Frame = std::array<std::int16_t, kFrame * kChannels>;

// ---- what an author would take over -------------------------------------------------

// One track as one guild hears it.
class Voice {
 public:
  Voice(const std::shared_ptr<catcher::Catcher>& track, int volume)
      : reader_(track), volume_(volume) {}

  // Blocks count from the beginning of the track, here and below.
  void seek(std::uint64_t block) { (void)reader_.seek(static_cast<std::int64_t>(block * kBlock)); }
  // Plays [begin, end) again and again from when it is at `end`.
  void loop(std::uint64_t begin, std::uint64_t end) { loop_ = {begin * kBlock, end * kBlock}; }
  void pause(bool paused) { paused_ = paused; }
  void set_volume(int percent) { volume_ = percent; }

  // Adds the next 20 ms to `frame`. What does not come in time or is beyond the end is silence.
  void add_to(Frame& frame) {
    if (paused_) return;
    Frame own{};
    fill(std::as_writable_bytes(std::span(own)));
    for (std::size_t n = 0; n < own.size(); ++n) {
      const int sum = frame[n] + own[n] * volume_ / 100;
      frame[n] = static_cast<std::int16_t>(std::clamp(sum, -32768, 32767));
    }
  }

 private:
  void fill(std::span<std::byte> out) {
    // A bot gives a slow decoder less than a frame's time; this program must not miss a sample.
    const auto wait = catcher::Wait::at_most(std::chrono::seconds(30));
    while (!out.empty()) {
      if (reader_.offset() == loop_.end && loop_.end != 0) {
        (void)reader_.seek(static_cast<std::int64_t>(loop_.begin));
      }
      std::size_t size = out.size();
      if (reader_.offset() < loop_.end) {
        size = std::min<std::size_t>(size, loop_.end - reader_.offset());
      }
      const auto got = reader_.read_full(out.first(size), wait);
      if (got.status != Status::ok) return;
      out = out.subspan(got.bytes);
    }
  }

  catcher::Reader reader_;
  catcher::Window loop_{};
  int volume_;  // percent
  bool paused_ = false;
};

// ---- the decoder ----------------------------------------------------------------------

// The value of a sample tells its track, place and channel.
std::int16_t sample(unsigned track, std::uint64_t block, std::size_t channel) {
  std::uint64_t x = (block * kChannels + channel + 1) * 0x9E3779B97F4A7C15u + track;
  x ^= x >> 29;
  return static_cast<std::int16_t>(static_cast<std::uint16_t>(x * 0xBF58476D1CE4E5B9u >> 48));
}

void decode(catcher::Writer writer, unsigned track, std::uint64_t blocks) {
  Frame frame;
  for (std::uint64_t block = 0; block < blocks; block += kFrame) {
    for (std::size_t n = 0; n < frame.size(); ++n) {
      frame[n] = sample(track, block + n / kChannels, n % kChannels);
    }
    if (writer.append(std::as_bytes(std::span(frame))).status != Status::ok) return;
  }
  writer.finish();
}

// ---- what each guild does, and what must come of it -------------------------------------

// Frames count from when the program began.
struct Plan {
  std::size_t joins, pauses, goes_on, seeks, jingle;
  std::uint64_t seek_to, loop_begin, loop_end;  // blocks; no loop if both are 0
  int volume;

  static Plan of(std::size_t guild) {
    Plan plan{};
    plan.joins = guild * 2;
    plan.pauses = plan.joins + 20 + guild % 7;
    plan.goes_on = plan.pauses + 5 + guild % 3;
    plan.seeks = plan.goes_on + 10;
    plan.seek_to = (guild % 5) * kRate / 4 + guild;  // also in the middle of a frame
    plan.jingle = plan.joins + 8;
    if (guild % 2 == 0) {
      plan.loop_begin = plan.seek_to + 100;
      plan.loop_end = plan.loop_begin + 3 * kFrame / 2 + guild;
    }
    plan.volume = static_cast<int>(20 + guild * 13 % 80);
    return plan;
  }
};

struct Tracks {
  std::shared_ptr<catcher::Catcher> song, jingle;
  std::uint64_t song_blocks, jingle_blocks;
};

class Guild {
 public:
  Guild(const Tracks& tracks, std::size_t number)
      : tracks_(tracks), plan_(Plan::of(number)), number_(number) {}

  // Mixes frame `now`, and compares it with what it must be.
  bool tick(std::size_t now) {
    if (now < plan_.joins) return true;
    if (now == plan_.joins) song_.emplace(tracks_.song, plan_.volume);
    if (now == plan_.pauses || now == plan_.goes_on) song_->pause(now == plan_.pauses);
    if (now == plan_.seeks) {
      song_->seek(plan_.seek_to);
      if (plan_.loop_end != 0) song_->loop(plan_.loop_begin, plan_.loop_end);
    }
    if (now == plan_.jingle) jingle_.emplace(tracks_.jingle, 50);

    Frame frame{};
    song_->add_to(frame);
    if (jingle_.has_value()) jingle_->add_to(frame);
    if (frame == expected(now)) return true;
    std::fprintf(stderr, "guild %zu: frame %zu is not what it must be\n", number_, now);
    return false;
  }

 private:
  // One sample at a time, from the plan alone.
  Frame expected(std::size_t now) {
    Frame frame{};
    if (now == plan_.seeks) at_ = plan_.seek_to;
    const bool playing = now < plan_.pauses || now >= plan_.goes_on;
    const bool looping = now >= plan_.seeks && plan_.loop_end != 0;
    for (std::size_t n = 0; n < frame.size(); ++n) {
      const std::size_t channel = n % kChannels;
      int sum = 0;
      if (playing && at_ < tracks_.song_blocks) sum = sample(0, at_, channel) * plan_.volume / 100;
      if (now >= plan_.jingle) {
        const std::uint64_t block = (now - plan_.jingle) * kFrame + n / kChannels;
        if (block < tracks_.jingle_blocks) sum += sample(1, block, channel) * 50 / 100;
      }
      frame[n] = static_cast<std::int16_t>(std::clamp(sum, -32768, 32767));
      if (playing && channel + 1 == kChannels) ++at_;
      if (looping && at_ == plan_.loop_end) at_ = plan_.loop_begin;
    }
    return frame;
  }

  const Tracks& tracks_;
  const Plan plan_;
  const std::size_t number_;
  std::optional<Voice> song_, jingle_;
  std::uint64_t at_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::size_t guilds = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 50;
  const std::size_t seconds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 4;
  constexpr std::size_t kMixers = 2;
  const std::size_t frames = seconds * 50;

  auto song = catcher::Catcher::push();
  auto jingle = catcher::Catcher::push();
  const Tracks tracks{song.catcher, jingle.catcher, kRate * seconds, kRate / 2};
  std::array<std::size_t, kMixers> wrong{};
  {
    std::jthread decoder([&, writer = std::move(song.writer)]() mutable {
      decode(std::move(jingle.writer), 1, tracks.jingle_blocks);
      decode(std::move(writer), 0, tracks.song_blocks);
    });
    // A reader is used by one thread at a time, so each guild belongs to one mixer.
    std::vector<std::jthread> mixers;
    for (std::size_t mixer = 0; mixer < kMixers; ++mixer) {
      mixers.emplace_back([&, mixer] {
        std::vector<Guild> own;
        for (std::size_t n = mixer; n < guilds; n += kMixers) own.emplace_back(tracks, n);
        for (std::size_t now = 0; now < frames; ++now) {
          for (Guild& guild : own) wrong[mixer] += guild.tick(now) ? 0 : 1;
        }
      });
    }
  }

  const std::size_t faults = wrong[0] + wrong[1];
  std::printf("%zu guilds, %zu frames of 20 ms each, %zu wrong; decoded once, %llu bytes kept\n",
              guilds, frames, faults,
              static_cast<unsigned long long>(tracks.song->stats().bytes_in));
  return faults == 0 ? 0 : 1;
}
