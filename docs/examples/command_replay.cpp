// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Runs a command once and plays its output more than once: as it comes, from the beginning again,
// and its last bytes. Ends with the command's exit status.
//
//   catcher-command-replay sh -c 'date; sleep 1; date; exit 3'
#include <catcher/all.hpp>

#include <cstdio>
#include <string>
#include <vector>

namespace {

// Prints what there is from the reader's place on, waiting for what is still to come.
catcher::Status print_all(catcher::Reader& reader) {
  for (;;) {
    // The bytes themselves, where they lie: nothing is copied.
    const catcher::LeaseResult got = reader.lease(64 * 1024);
    if (got.status != catcher::Status::ok) return got.status;
    std::fwrite(got.lease.bytes().data(), 1, got.lease.size(), stdout);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s PROGRAM [WORD...]\n", argv[0]);
    return 64;
  }
  auto command = catcher::CommandSource::start({argv + 1, argv + argc});
  if (command.source == nullptr) {
    std::fprintf(stderr, "%s\n", command.why.c_str());
    return 127;
  }
  const auto caught = catcher::Catcher::pull(std::move(command.source));

  std::puts("-- as it comes");
  catcher::Reader first(caught.catcher);
  const catcher::Status last = print_all(first);

  std::puts("-- once more");
  catcher::Reader second(caught.catcher);
  print_all(second);

  std::puts("-- the last 10 bytes");
  // A command that has failed has no end to count from: its stream might have gone on.
  const auto length = static_cast<std::int64_t>(caught.catcher->window().end);
  if (second.seek(length < 10 ? 0 : length - 10).status == catcher::Status::ok) print_all(second);

  std::fprintf(stderr, "%s\n", command.report->text().c_str());
  if (last == catcher::Status::end) return 0;
  return command.report->exit_status().value_or(1);
}
