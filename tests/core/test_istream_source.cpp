// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/sources/istream_source.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <streambuf>

#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/gate.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/scratch.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

// A buffer that has a few bytes of the pattern at a time, and throws where it is told to.
class Uneven final : public std::streambuf {
 public:
  explicit Uneven(std::uint64_t size) : size_(size) {}
  std::uint64_t throws_at = ~std::uint64_t{0};
  bool is_silent = false;  // has nothing, and cannot say when it will

 protected:
  int_type underflow() override {
    if (given_ == throws_at) {
      throws_at = ~std::uint64_t{0};
      throw std::runtime_error("the disk is on fire");
    }
    if (given_ == size_) return traits_type::eof();
    const auto size = static_cast<std::size_t>(
        std::min({size_ - given_, throws_at - given_, std::uint64_t{1 + given_ % 7}}));
    fill_pattern(std::as_writable_bytes(std::span(room_).first(size)), given_);
    given_ += size;
    setg(room_, room_, room_ + size);
    return traits_type::to_int_type(room_[0]);
  }
  std::streamsize showmanyc() override { return is_silent ? 0 : given_ == size_ ? -1 : 1; }

 private:
  const std::uint64_t size_;
  std::uint64_t given_ = 0;
  char room_[8]{};
};

std::shared_ptr<Catcher> caught(std::istream& stream) {
  return Catcher::pull(std::make_unique<IstreamSource>(stream)).catcher;
}

// Reads to whatever comes after the bytes, which are the pattern.
ReadResult read_pattern(Reader& reader) {
  std::byte room[1000];
  for (;;) {
    const std::uint64_t offset = reader.offset();
    const ReadResult got = reader.read(room, patiently());
    if (got.status != Status::ok) return got;
    ck_assert(is_pattern({room, got.bytes}, offset));
  }
}

START_TEST(a_stream_is_read_to_its_end) {
  Uneven buffer(10'000);
  std::istream stream(&buffer);
  Reader reader(caught(stream));

  ck_assert_status(read_pattern(reader).status, Status::end);

  ck_assert_uint_eq(reader.offset(), 10'000);
  ck_assert(stream.eof() && !stream.fail());
}
END_TEST

START_TEST(a_file_and_a_string_are_read_to_their_end) {
  const Folder folder;
  const auto bytes = pattern(0, 100'001);
  const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  { std::ofstream(folder.path() + "/a", std::ios::binary) << text; }
  auto file = std::make_unique<std::ifstream>(folder.path() + "/a", std::ios::binary);
  Reader of_file(Catcher::pull(std::make_unique<IstreamSource>(std::move(file))).catcher);
  std::istringstream string(text);
  Reader of_string(caught(string));

  ck_assert_status(read_pattern(of_file).status, Status::end);
  ck_assert_status(read_pattern(of_string).status, Status::end);

  ck_assert_uint_eq(of_file.offset(), bytes.size());
  ck_assert_uint_eq(of_string.offset(), bytes.size());
}
END_TEST

START_TEST(an_empty_stream_ends_at_once) {
  std::istringstream stream;
  Reader reader(caught(stream));
  ck_assert_status(read_pattern(reader).status, Status::end);
}
END_TEST

START_TEST(it_goes_on_from_where_the_stream_is) {
  Uneven buffer(100);
  std::istream stream(&buffer);
  for (unsigned i = 0; i < 10; ++i) ck_assert_int_eq(stream.get(), int(byte_at(i)));
  IstreamSource source(stream);
  std::byte one{};

  ck_assert_uint_eq(source.read({&one, 1}, patiently()).bytes, 1);

  ck_assert(one == byte_at(10));
}
END_TEST

void fail_in_the_middle(std::ios_base::iostate exceptions) {
  Uneven buffer(1000);
  buffer.throws_at = 500;
  std::istream stream(&buffer);
  stream.exceptions(exceptions);
  Reader reader(caught(stream));

  const ReadResult failed = read_pattern(reader);

  ck_assert_uint_eq(reader.offset(), 500);
  ck_assert_status(failed.status, Status::failed);
  ck_assert(failed.error == std::io_errc::stream);
  ck_assert(stream.bad());
  // Nothing of it is lost: once the fault is mended it goes on there.
  stream.clear();
  ck_assert_status(reader.catcher()->resume(), Status::ok);
  ck_assert_status(read_pattern(reader).status, Status::end);
  ck_assert_uint_eq(reader.offset(), 1000);
}

START_TEST(a_buffer_that_throws_fails_after_every_byte) {
  fail_in_the_middle(std::ios_base::goodbit);
}
END_TEST

START_TEST(a_stream_that_throws_fails_the_same) {
  fail_in_the_middle(std::ios_base::badbit | std::ios_base::failbit | std::ios_base::eofbit);
}
END_TEST

START_TEST(a_stream_that_has_failed_before_fails) {
  for (const auto bit : {std::ios_base::badbit, std::ios_base::failbit}) {
    std::istringstream stream("text");
    stream.setstate(bit);
    Reader reader(caught(stream));
    ck_assert_status(read_pattern(reader).status, Status::failed);
  }
  std::ifstream absent("/no/such/file");
  Reader reader(caught(absent));
  ck_assert_status(read_pattern(reader).status, Status::failed);
  std::istream none(nullptr);
  Reader nothing(caught(none));
  ck_assert_status(read_pattern(nothing).status, Status::failed);
}
END_TEST

START_TEST(a_look_takes_what_is_there_and_never_waits) {
  Uneven buffer(100);
  buffer.is_silent = true;
  std::istream stream(&buffer);
  IstreamSource source(stream);
  std::byte room[100];

  ck_assert_status(source.read(room, Wait::none()).status, Status::would_block);
  ck_assert_status(source.read(room, Wait::until(Clock::now())).status, Status::timed_out);
  std::stop_source stop;
  stop.request_stop();
  ck_assert_status(source.read(room, {kForever, stop.get_token()}).status, Status::cancelled);
  buffer.is_silent = false;
  ck_assert_uint_eq(source.read(room, Wait::none()).bytes, 1);
}
END_TEST

}  // namespace

int main() {
  return run_suite("istream_source",
                   {{"reading",
                     {a_stream_is_read_to_its_end, a_file_and_a_string_are_read_to_their_end,
                      an_empty_stream_ends_at_once, it_goes_on_from_where_the_stream_is}},
                    {"failure",
                     {a_buffer_that_throws_fails_after_every_byte,
                      a_stream_that_throws_fails_the_same, a_stream_that_has_failed_before_fails}},
                    {"waits", {a_look_takes_what_is_there_and_never_waits}}});
}
