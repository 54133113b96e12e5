// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Real media through demuxers: what they find in a caught stream, while it arrives and afterwards,
// is what they find in the file.
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/check.hpp"

#include "tests/support/av_media.hpp"
#include "tests/support/parked.hpp"
#include "tests/support/scratch.hpp"
#include "tests/support/streams.hpp"

namespace {

using catcher::AvioInput;
using catcher::AvioOptions;
using catcher::Catcher;
using catcher::Growth;
using catcher::Reader;
using catcher::Status;
using catcher::Whence;
using namespace catcher::test;

// In the order of a wanderer: far, back, the beginning, near the end.
constexpr double kPlaces[] = {120, 30, 0, 170, 61.5};
constexpr std::size_t kAfterEach = 40;

// What a demuxer gives after a seek, wherever its bytes are from.
std::vector<AvPacketFacts> after_seek(AvDemuxer& demuxer, double seconds) {
  demand(demuxer.seek(seconds), "a demuxer finds the place",
         static_cast<std::uint64_t>(seconds * 1000));
  return demuxer.next(kAfterEach);
}

// What cannot be opened before its end has come is opened by what has come.
int open_early(AvDemuxer& demuxer, AvioInput& input) {
  input.end_at_edge();
  const int opened = demuxer.open(input);
  input.end_at_end();
  return opened;
}

bool seek_early(AvDemuxer& demuxer, AvioInput& input, double seconds) {
  input.end_at_edge();
  const bool went = demuxer.seek(seconds);
  input.end_at_end();
  return went;
}

void demand_same(const std::vector<AvPacketFacts>& got, const std::vector<AvPacketFacts>& expected,
                 const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  const std::size_t both = std::min(got.size(), expected.size());
  for (std::size_t at = 0; at < both; ++at) {
    demand(got[at] == expected[at], "a packet is as from disk", at, file, line);
  }
  demand(got.size() == expected.size(), "there are as many packets as from disk", got.size(), file,
         line);
}

// Writes what is in `bytes` in uneven pieces, the next one when every reader has come to the edge.
void feed(catcher::Writer& writer, const Catcher& caught, std::span<const std::byte> bytes) {
  std::size_t size = 20'000;
  while (!bytes.empty()) {
    const catcher::Deadline patience = catcher::Clock::now() + kPatience;
    while (caught.slowest_reader().value_or(writer.offset()) < writer.offset()) {
      demand(catcher::Clock::now() < patience, "demuxers come to the edge", writer.offset());
      std::this_thread::yield();
    }
    const auto piece = bytes.first(std::min(size, bytes.size()));
    demand(writer.append(piece).status == Status::ok, "a piece can be written");
    bytes = bytes.subspan(piece.size());
    size = size * 7 % 90'001 + 1000;
  }
  writer.finish();
}

// What the file gives, to which all is compared.
struct FromDisk {
  std::vector<AvPacketFacts> all;
  std::vector<std::vector<AvPacketFacts>> after;

  explicit FromDisk(const std::string& path) {
    AvDemuxer demuxer;
    demand(demuxer.open(path) == 0, "the file can be opened from disk");
    all = demuxer.rest();
    demand(demuxer.error() == AVERROR_EOF && all.size() > 1000, "it is a whole track", all.size());
    for (const double place : kPlaces) after.push_back(after_seek(demuxer, place));
  }
};

void demand_as_from_disk(const std::shared_ptr<Catcher>& caught, const FromDisk& disk) {
  AvioInput input(Reader(caught), {.wait = patiently()});
  AvDemuxer demuxer;
  demand(demuxer.open(input) == 0, "a caught stream can be opened");
  demand_same(demuxer.rest(), disk.all);
  demand(demuxer.error() == AVERROR_EOF, "it ends as the file does");
  std::size_t at = 0;
  for (const double place : kPlaces) demand_same(after_seek(demuxer, place), disk.after[at++]);
}

START_TEST(several_demuxers_find_what_is_on_disk) {
  const Folder folder;
  for (const AvMedium& medium : av_media(folder.path())) {
    const std::string& path = medium.path;
    const FromDisk disk(path);
    auto made = pushed({.growth = Growth::constant(10'000)});

    {
      std::vector<std::jthread> demuxers;
      for (int i = 0; i < 3; ++i) {
        demuxers.emplace_back([&] { demand_as_from_disk(made.catcher, disk); });
      }
      feed(made.writer, *made.catcher, bytes_of(path));
    }
    demand_as_from_disk(made.catcher, disk);
  }
}
END_TEST

// Ogg has no index: a seek looks for the place, and asks first how much there is.
START_TEST(seeks_find_what_is_on_disk_while_it_arrives) {
  const Folder folder;
  for (const AvMedium& medium : av_media(folder.path())) {
    if (medium.name == "mp4") continue;  // its index is all at the end
    const std::string& path = medium.path;
    const auto bytes = bytes_of(path);
    const std::span<const std::byte> head(bytes.data(), bytes.size() * 3 / 4);
    AvDemuxer disk;
    ck_assert_int_eq(disk.open(path), 0);
    auto made = pushed();
    ck_assert_status(made.writer.append(head).status, Status::ok);
    AvioInput input(Reader(made.catcher), {.wait = patiently()});
    AvDemuxer demuxer;
    ck_assert_int_eq(open_early(demuxer, input), 0);

    // An index of what has been read is all that Matroska has before its end has come.
    demand_same(demuxer.next(5000), disk.next(5000));
    for (const double place : {20.0, 55.5, 0.0, 40.0}) {
      ck_assert(seek_early(demuxer, input, place));
      demand_same(demuxer.next(kAfterEach), after_seek(disk, place));
    }
    ck_assert_status(made.writer.append(std::span(bytes).subspan(head.size())).status, Status::ok);
    made.writer.finish();
    demand_same(demuxer.rest(), disk.rest());
  }
}
END_TEST

START_TEST(an_index_at_the_end_is_waited_for) {
  const Folder folder;
  const std::string path = av_medium("mp4", folder.path());
  if (path.empty()) return;
  const auto bytes = bytes_of(path);
  const std::span<const std::byte> last = std::span(bytes).last(1);
  auto made = pushed();
  ck_assert_status(made.writer.append(std::span(bytes).first(bytes.size() - 1)).status, Status::ok);
  AvioInput input(Reader(made.catcher), {.wait = patiently()});
  AvDemuxer demuxer;
  std::atomic<bool> is_open{false};
  Parked parked;
  std::jthread opener([&] {
    parked.enter();
    demand(demuxer.open(input) == 0, "it can be opened at last");
    is_open = true;
  });

  parked.wait("the demuxer sleeps");
  ck_assert(!is_open);
  ck_assert_status(made.writer.append(last).status, Status::ok);
  made.writer.finish();
  opener.join();

  AvDemuxer disk;
  ck_assert_int_eq(disk.open(path), 0);
  demand_same(demuxer.rest(), disk.rest());
}
END_TEST

START_TEST(what_may_not_seek_waits_for_no_index) {
  const Folder folder;
  const std::string path = av_medium("matroska", folder.path());
  if (path.empty()) return;
  const auto bytes = bytes_of(path);
  const std::size_t half = bytes.size() / 2;
  auto made = pushed();
  ck_assert_status(made.writer.append(std::span(bytes).first(half)).status, Status::ok);
  AvioInput input(Reader(made.catcher), {.seekable = false, .wait = patiently()});
  AvDemuxer demuxer;

  ck_assert_int_eq(demuxer.open(input), 0);
  const auto first = demuxer.next(3000);
  ck_assert_status(made.writer.append(std::span(bytes).subspan(half)).status, Status::ok);
  made.writer.finish();
  const auto rest = demuxer.rest();

  AvDemuxer disk;
  ck_assert_int_eq(disk.open(path), 0);
  demand_same(first, disk.next(3000));
  demand_same(rest, disk.rest());
}
END_TEST

START_TEST(opening_is_cancelled_while_it_waits) {
  const Folder folder;
  for (const AvMedium& medium : av_media(folder.path())) {
    const std::string& path = medium.path;
    const auto bytes = bytes_of(path);
    auto made = pushed();
    ck_assert_status(made.writer.append(std::span(bytes).first(1000)).status, Status::ok);
    std::stop_source stop;
    AvioInput input(Reader(made.catcher), {.wait = {.stop = stop.get_token()}});
    AvDemuxer demuxer;
    int opened = 0;
    Parked parked;
    std::jthread opener([&] {
      parked.enter();
      opened = demuxer.open(input);
    });

    parked.wait("the demuxer sleeps");
    stop.request_stop();
    opener.join();

    ck_assert_int_lt(opened, 0);
    ck_assert_status(input.why().status, Status::cancelled);
  }
}
END_TEST

START_TEST(reading_is_cancelled_while_it_waits_and_goes_on_after_a_seek) {
  const Folder folder;
  const std::string path = av_medium("ogg", folder.path());
  if (path.empty()) return;
  const auto bytes = bytes_of(path);
  auto made = pushed();
  ck_assert_status(made.writer.append(std::span(bytes).first(bytes.size() / 2)).status, Status::ok);
  std::stop_source stop;
  AvioInput input(Reader(made.catcher), {.wait = {.stop = stop.get_token()}});
  AvDemuxer demuxer;
  ck_assert_int_eq(open_early(demuxer, input), 0);
  Parked parked;
  std::jthread player([&] {
    parked.enter();
    demuxer.rest();
  });

  parked.wait("the demuxer sleeps at the edge");
  stop.request_stop();
  player.join();

  ck_assert_int_eq(demuxer.error(), AVERROR_EXIT);
  ck_assert_status(input.why().status, Status::cancelled);
  input.set_wait(patiently());
  ck_assert(seek_early(demuxer, input, 30));
  AvDemuxer disk;
  ck_assert_int_eq(disk.open(path), 0);
  demand_same(demuxer.next(kAfterEach), after_seek(disk, 30));
}
END_TEST

START_TEST(a_stream_whose_start_is_evicted_is_an_error) {
  const Folder folder;
  for (const AvMedium& medium : av_media(folder.path())) {
    const std::string& path = medium.path;
    auto made = pushed({.growth = Growth::constant(1000), .max_bytes = 300'000});
    Reader at_start(made.catcher);
    AvioInput before(Reader(made.catcher), {.wait = patiently()});
    AvDemuxer lapped;
    const auto bytes = bytes_of(path);
    ck_assert_status(made.writer.append(std::span(bytes).first(200'000)).status, Status::ok);
    const bool was_open = medium.opens_early && open_early(lapped, before) == 0;
    ck_assert_status(made.writer.append(std::span(bytes).subspan(200'000)).status, Status::ok);
    made.writer.finish();

    AvioInput late(std::move(at_start), {.wait = patiently()});
    AvDemuxer demuxer;
    ck_assert_int_eq(demuxer.open(late), AVERROR(EIO));
    ck_assert_status(late.why().status, Status::evicted);
    ck_assert_uint_gt(late.why().window.begin, 0);
    ck_assert(was_open == medium.opens_early);
    if (was_open) {
      lapped.rest();
      ck_assert_int_eq(lapped.error(), AVERROR(EIO));
      ck_assert_status(before.why().status, Status::evicted);
    }
  }
}
END_TEST

// Ogg can be joined anywhere once its headers are known: a demuxer that was lapped goes on at the
// oldest page that is kept.
START_TEST(a_lapped_demuxer_goes_on_in_the_window) {
  const Folder folder;
  const std::string path = av_medium("ogg", folder.path());
  if (path.empty()) return;
  const auto bytes = bytes_of(path);
  AvDemuxer disk;
  ck_assert_int_eq(disk.open(path), 0);
  const auto all = disk.rest();
  auto made = pushed({.growth = Growth::constant(1000), .max_bytes = 300'000});
  ck_assert_status(made.writer.append(std::span(bytes).first(200'000)).status, Status::ok);
  AvioInput input(Reader(made.catcher), {.wait = patiently()});
  AvDemuxer demuxer;
  ck_assert_int_eq(open_early(demuxer, input), 0);
  ck_assert_status(made.writer.append(std::span(bytes).subspan(200'000)).status, Status::ok);
  made.writer.finish();
  demuxer.rest();
  ck_assert_int_eq(demuxer.error(), AVERROR(EIO));

  const auto oldest = static_cast<std::int64_t>(input.why().window.begin);
  input.clear();
  ck_assert_int_ge(av_seek_frame(&demuxer.format(), -1, oldest, AVSEEK_FLAG_BYTE), 0);
  const auto rest = demuxer.rest();

  ck_assert_int_eq(demuxer.error(), AVERROR_EOF);
  ck_assert_uint_gt(rest.size(), 500);
  ck_assert_uint_lt(rest.size(), all.size());
  for (std::size_t back = 1; back + 100 <= rest.size(); ++back) {
    demand(rest[rest.size() - back].sum == all[all.size() - back].sum, "its packets are the last",
           back);
  }
}
END_TEST

// A source that readers pull, and all of it through a pipe.
class Pipe final : public catcher::Source {
 public:
  explicit Pipe(int descriptor) : descriptor_(descriptor) {}
  ~Pipe() override { ::close(descriptor_); }
  catcher::SourceResult read(std::span<std::byte> space, const catcher::Wait&) override {
    const ssize_t got = ::read(descriptor_, space.data(), space.size());
    if (got == 0) return catcher::SourceResult::at_end();
    if (got > 0) return catcher::SourceResult::some(static_cast<std::size_t>(got));
    return catcher::SourceResult::failure({errno, std::system_category()});
  }

 private:
  int descriptor_;
};

START_TEST(a_pipe_is_as_good_as_the_file) {
  const Folder folder;
  for (const AvMedium& medium : av_media(folder.path())) {
    const std::string& path = medium.path;
    const FromDisk disk(path);
    int ends[2];
    ck_assert_int_eq(::pipe2(ends, O_CLOEXEC), 0);
    const auto made = Catcher::pull(std::make_unique<Pipe>(ends[0]));
    std::jthread writer([&] {
      const auto bytes = bytes_of(path);
      for (auto left = std::span(bytes); !left.empty();) {
        const ssize_t wrote =
            ::write(ends[1], left.data(), std::min<std::size_t>(left.size(), 5000));
        demand(wrote > 0, "a pipe takes what is written");
        left = left.subspan(static_cast<std::size_t>(wrote));
      }
      ::close(ends[1]);
    });

    demand_as_from_disk(made.catcher, disk);
  }
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "avio_media",
      {{"as from disk",
        {several_demuxers_find_what_is_on_disk, a_pipe_is_as_good_as_the_file,
         seeks_find_what_is_on_disk_while_it_arrives}},
       {"waiting",
        {an_index_at_the_end_is_waited_for, what_may_not_seek_waits_for_no_index,
         opening_is_cancelled_while_it_waits,
         reading_is_cancelled_while_it_waits_and_goes_on_after_a_seek}},
       {"window",
        {a_stream_whose_start_is_evicted_is_an_error, a_lapped_demuxer_goes_on_in_the_window}}});
}
