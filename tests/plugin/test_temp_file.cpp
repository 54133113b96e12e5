// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// temp-template: what is caught lies in a file, on a file system that is real and may be full.
#include <fstream>
#include <random>

#include "tests/support/channel.hpp"
#include "tests/support/follower.hpp"
#include "tests/support/plugin_check.hpp"
#include "tests/support/scratch.hpp"

namespace {

using namespace catcher::test;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kLong = 64 << 20;
constexpr bool kSanitized = true;
#else
constexpr std::uint64_t kLong = 256 << 20;
constexpr bool kSanitized = false;
#endif

// What a file system puts beside the data.
constexpr std::uint64_t kSlack = 64 * 1024;

GstFlowReturn demand_bytes(const Arrival& one) {
  GstMapInfo map;
  demand(gst_buffer_map(one.buffer.get(), &map, GST_MAP_READ), "a buffer can be read");
  demand_pattern(std::as_bytes(std::span(map.data, map.size)), GST_BUFFER_OFFSET(one.buffer.get()));
  gst_buffer_unmap(one.buffer.get(), &map);
  return GST_FLOW_OK;
}

// Memory of this process that is in no file.
std::uint64_t anonymous_memory() {
  std::ifstream status("/proc/self/status");
  std::string word;
  std::uint64_t kilobytes = 0;
  while (status >> word) {
    if (word == "RssAnon:") status >> kilobytes;
  }
  return kilobytes * 1024;
}

START_TEST(the_file_has_no_name_and_goes_with_the_recording) {
  const Folder folder;
  Element tee("catchertee");
  tee.set("temp-template", folder.pattern().c_str());
  ck_assert(!OpenFile::in(folder.path()).has_value());

  tee.settle(GST_STATE_PAUSED);

  ck_assert(folder.is_empty());
  const auto file = OpenFile::in(folder.path());
  ck_assert(file.has_value());
  ck_assert_uint_eq(file->status.st_mode & 07777, 0600);
  ck_assert_uint_eq(file->status.st_nlink, 0);
  ck_assert(!file->is_inherited());
  tee.settle(GST_STATE_READY);
  ck_assert(!OpenFile::in(folder.path()).has_value());
}
END_TEST

START_TEST(a_buffer_downstream_keeps_the_file) {
  const Folder folder;
  std::vector<Arrival> kept;
  {
    Element tee("catchertee");
    tee.set("temp-template", folder.pattern().c_str());
    Upstream upstream(tee.get());
    Branch branch(tee.get());
    branch.link();
    tee.to(GST_STATE_PLAYING);
    upstream.begin(GST_FORMAT_BYTES);
    upstream.give_pattern(0, 300'000, 1000);
    upstream.eos();
    branch.wait_eos();
    kept = branch.arrivals();
  }
  ck_assert(OpenFile::in(folder.path()).has_value());
  for (const Arrival& one : kept) {
    if (one.buffer != nullptr) demand_bytes(one);
  }
  kept.clear();
  ck_assert(!OpenFile::in(folder.path()).has_value());
}
END_TEST

START_TEST(a_flush_goes_on_in_the_same_file) {
  const Folder folder;
  Element tee("catchertee");
  tee.set("temp-template", folder.pattern().c_str());
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.keeps_none().looks(demand_bytes).link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  for (unsigned round = 1; round <= 5; ++round) {
    upstream.give_pattern(0, 1 << 20);
    branch.wait_bytes(round << 20);
    ck_assert_uint_le(bytes_on_disk(folder.path()), (2 << 20) + kSlack);
    upstream.send(gst_event_new_flush_start());
    upstream.send(gst_event_new_flush_stop(TRUE));
    upstream.set_segment(GST_FORMAT_BYTES);
  }
  tee.demand_no_error();
}
END_TEST

START_TEST(a_template_without_room_for_a_name_is_refused) {
  for (const char* factory : {"catchertee", "catchersink"}) {
    Element element(factory);
    element.set("channel", "refused", "temp-template", "/tmp/caught-XXXXX");

    ck_assert_int_eq(element.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);

    const PostedError error = element.wait_error();
    ck_assert(error.is(GST_LIBRARY_ERROR, GST_LIBRARY_ERROR_SETTINGS));
    ck_assert_msg(error.debug.find("temp-template") != std::string::npos, "%s",
                  error.debug.c_str());
    ck_assert_msg(error.debug.find("XXXXXX") != std::string::npos, "%s", error.debug.c_str());
  }
}
END_TEST

START_TEST(a_file_that_cannot_be_made_is_an_error_on_the_way_to_paused) {
  const Folder folder;
  const std::string path = folder.path() + "/none/caught-XXXXXX";
  for (const char* factory : {"catchertee", "catchersink"}) {
    Element element(factory);
    element.set("channel", "unopened", "temp-template", path.c_str());

    ck_assert_int_eq(element.try_to(GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);

    const PostedError error = element.wait_error();
    ck_assert(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ_WRITE));
    ck_assert_msg(error.text.find(path) != std::string::npos, "%s", error.text.c_str());
    ck_assert_msg(error.debug.find("temp-template") != std::string::npos, "%s",
                  error.debug.c_str());
    ck_assert(gst_bus_pop_filtered(element.bus(), GST_MESSAGE_ERROR) == nullptr);
    // The channel is free again, and the element can be set right.
    element.set("temp-template", folder.pattern().c_str());
    element.settle(GST_STATE_PAUSED);
  }
}
END_TEST

START_TEST(a_long_stream_keeps_its_bound_on_disk_and_little_in_memory) {
  constexpr std::uint64_t kWindow = 32 << 20;
  const Folder folder;
  Element tee("catchertee");
  tee.set("temp-template", folder.pattern().c_str(), "max-size-bytes", guint64{kWindow},
          "when-full", 1);
  Upstream upstream(tee.get());
  Branch branch(tee.get());
  branch.keeps_none().looks(demand_bytes).link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  const std::uint64_t before = anonymous_memory();
  std::uint64_t most_on_disk = 0;
  std::uint64_t most_in_memory = 0;
  for (std::uint64_t offset = 0; offset < kLong; offset += 1 << 20) {
    upstream.give_pattern(offset, 1 << 20, 64 * 1024);
    most_on_disk = std::max(most_on_disk, bytes_on_disk(folder.path()));
    most_in_memory = std::max(most_in_memory, anonymous_memory());
  }
  upstream.eos();
  branch.wait_eos();

  ck_assert_uint_eq(branch.bytes(), kLong);
  ck_assert_uint_ge(most_on_disk, kWindow - kWindow / 16);
  // One chunk, at most 1/64 of the window, may be the player's beyond it.
  ck_assert_uint_le(most_on_disk, kWindow + kWindow / 64 + kSlack);
  if (!kSanitized) ck_assert_uint_le(most_in_memory - before, kWindow / 4);
}
END_TEST

START_TEST(branches_seek_in_the_file_while_its_window_moves) {
  constexpr std::uint64_t kWindow = 1 << 20;
  constexpr unsigned kBranches = 4;
  const Folder folder;
  Element tee("catchertee");
  tee.set("temp-template", folder.pattern().c_str(), "max-size-bytes", guint64{kWindow},
          "chunk-size", guint64{1000});
  Upstream upstream(tee.get());
  std::vector<std::unique_ptr<Branch>> branches;
  for (unsigned i = 0; i < kBranches; ++i) {
    branches.push_back(std::make_unique<Branch>(tee.get()));
    branches.back()->keeps_none().looks(demand_bytes).link();
  }
  tee.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);
  upstream.give_pattern(0, kWindow);
  for (const auto& branch : branches) branch->wait_bytes(1);  // none seeks before it plays
  std::atomic<std::uint64_t> edge = kWindow;
  std::uint64_t most_on_disk = 0;
  {
    std::vector<std::jthread> seekers;
    for (unsigned i = 0; i < kBranches; ++i) {
      seekers.emplace_back([&, i](const std::stop_token& stop) {
        std::mt19937 random(i + 1);
        while (!stop.stop_requested()) {
          const std::uint64_t to = edge - random() % kWindow;
          demand(branches[i]->seek(GST_FORMAT_BYTES, to) != GST_SEQNUM_INVALID, "it can seek", to);
        }
      });
    }
    for (std::uint64_t offset = kWindow; offset < 20 * kWindow; offset += 10'000) {
      upstream.give_pattern(offset, 10'000, 10'000);
      edge = offset + 10'000;
      most_on_disk = std::max(most_on_disk, bytes_on_disk(folder.path()));
    }
  }
  upstream.eos();
  for (const auto& branch : branches) branch->wait_eos();

  tee.demand_no_error();
  ck_assert_uint_le(most_on_disk, kWindow + kBranches * (kWindow / 64) + kSlack);
}
END_TEST

// Pushes frames or bytes until it is refused; how many bytes were taken whole.
std::uint64_t push_until_refused(Upstream& upstream, GstFormat format) {
  for (std::uint64_t offset = 0; offset < 64 << 20; offset += 4096) {
    BufferPtr buffer = format == GST_FORMAT_TIME ? frames(offset / kFrame, 4096 / kFrame, 48000)
                                                 : pattern_buffer(offset, 4096);
    const GstFlowReturn flow = upstream.push(std::move(buffer));
    if (flow == GST_FLOW_OK) continue;
    ck_assert_int_eq(flow, GST_FLOW_ERROR);
    return offset;
  }
  give_up("it is refused at some time");
}

void demand_full(const std::string& temp_template, GstFormat format) {
  Element tee("catchertee");
  tee.set("temp-template", temp_template.c_str(), "max-size-bytes", guint64{0});
  Upstream upstream(tee.get());
  const Audio audio = coded_audio(1 << 20, 48000);
  const Follower follower(audio);
  const bool timed = format == GST_FORMAT_TIME;
  const auto look = [&](const Arrival& one) { return timed ? follower(one) : demand_bytes(one); };
  Branch early(tee.get());
  early.looks(look).keeps_none().link();
  tee.to(GST_STATE_PLAYING);
  upstream.begin(format, timed ? frame_caps(48000).c_str() : nullptr);

  const std::uint64_t taken = push_until_refused(upstream, format);

  ck_assert_uint_gt(taken, 500'000);
  const PostedError error = tee.wait_error();
  ck_assert_msg(error.is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT), "%s",
                error.text.c_str());
  ck_assert_msg(error.debug.find(temp_template) != std::string::npos, "%s", error.debug.c_str());
  // It is told once, upstream stays stopped, and all that was caught can be played.
  ck_assert_int_eq(upstream.push(pattern_buffer(0, 4096)), GST_FLOW_ERROR);
  early.wait_eos();
  ck_assert_uint_ge(early.bytes(), taken);
  Branch late(tee.get());
  const Follower late_follower(audio);
  late.looks([&](const Arrival& one) { return timed ? late_follower(one) : demand_bytes(one); })
      .link()
      .wait_eos();
  ck_assert_uint_eq(late.bytes(), early.bytes());
  early.forget();
  ck_assert_uint_ne(early.seek(format, 0), GST_SEQNUM_INVALID);
  early.wait_eos();
  ck_assert_uint_eq(early.bytes(), late.bytes());
  ck_assert(gst_bus_pop_filtered(tee.bus(), GST_MESSAGE_ERROR) == nullptr);
}

START_TEST(a_full_disk_stops_upstream_and_what_was_caught_is_played) {
  const MountedFolder folder = small_folder(1 << 20);
  if (!folder.is_there()) return;
  demand_full(folder.pattern(), GST_FORMAT_BYTES);
  demand_full(folder.pattern(), GST_FORMAT_TIME);
}
END_TEST

// The same where nothing can be mounted.
START_TEST(a_limit_on_files_stops_upstream_and_what_was_caught_is_played) {
  const Folder folder;
  const FileLimit limit(1 << 20);
  demand_full(folder.pattern(), GST_FORMAT_BYTES);
}
END_TEST

START_TEST(a_channel_whose_disk_is_full_is_played_to_its_end) {
  const MountedFolder folder = small_folder(1 << 20);
  if (!folder.is_there()) return;
  const NothingKept nothing_kept;
  Element sink("catchersink");
  sink.set("channel", "full", "temp-template", folder.pattern().c_str());
  Upstream upstream(sink.get());
  Element src("catchersrc");
  src.set("channel", "full");
  Branch branch(src.get(), GstPtr<GstPad>(gst_element_get_static_pad(src.get(), "src")));
  branch.looks(demand_bytes).keeps_none().link();
  sink.to(GST_STATE_PLAYING);
  src.to(GST_STATE_PLAYING);
  upstream.begin(GST_FORMAT_BYTES);

  const std::uint64_t taken = push_until_refused(upstream, GST_FORMAT_BYTES);

  ck_assert(sink.wait_error().is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NO_SPACE_LEFT));
  branch.wait_eos();
  ck_assert_uint_ge(branch.bytes(), taken);
  ck_assert(src.wait_error().is(GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_READ));
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(
      argc, argv, "temp_file",
      {{"file",
        {the_file_has_no_name_and_goes_with_the_recording, a_buffer_downstream_keeps_the_file,
         a_flush_goes_on_in_the_same_file, a_template_without_room_for_a_name_is_refused,
         a_file_that_cannot_be_made_is_an_error_on_the_way_to_paused}},
       {"bound",
        {a_long_stream_keeps_its_bound_on_disk_and_little_in_memory,
         branches_seek_in_the_file_while_its_window_moves}},
       {"full",
        {a_full_disk_stops_upstream_and_what_was_caught_is_played,
         a_limit_on_files_stops_upstream_and_what_was_caught_is_played,
         a_channel_whose_disk_is_full_is_played_to_its_end}}});
}
