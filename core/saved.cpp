// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "saved.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <limits>
#include <utility>

#include "sources/descriptor.hpp"

namespace catcher {
namespace {

// Gives its one block once, which is full already. It is mapped to be read, so that a fault cannot
// change the file.
class Mapping final : public ChunkMemory {
 public:
  Mapping(int fd, std::size_t size) noexcept
      : memory_(::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0)), size_(size) {}
  ~Mapping() override {
    if (is_there()) ::munmap(memory_, size_);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  bool is_there() const noexcept { return memory_ != MAP_FAILED; }

  void* allocate(std::size_t bytes) noexcept override {
    return std::exchange(is_given_, true) || bytes != size_ ? nullptr : memory_;
  }
  // The last to go takes the mapping with it: the pool, or a lease beyond it.
  void deallocate(void* /*memory*/, std::size_t /*bytes*/) noexcept override {}

 private:
  void* const memory_;
  const std::size_t size_;
  bool is_given_ = false;
};

OpenedSave failure(std::error_code error) {
  return {nullptr, error};
}

}  // namespace

OpenedSave open_saved(const std::string& path) {
  // Not to wait for the other end of a pipe, which is refused below.
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!file) return failure(last_error());
  return open_saved(file.get());
}

OpenedSave open_saved(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return failure(last_error());
  if (S_ISDIR(status.st_mode)) return failure(std::make_error_code(std::errc::is_a_directory));
  if (!S_ISREG(status.st_mode)) return failure(std::make_error_code(std::errc::invalid_argument));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > static_cast<std::uint64_t>(std::numeric_limits<std::ptrdiff_t>::max())) {
    return failure(std::make_error_code(std::errc::file_too_large));
  }

  Config config;
  if (size != 0) {
    auto mapping = std::make_shared<Mapping>(fd, static_cast<std::size_t>(size));
    if (!mapping->is_there()) return failure(last_error());
    config.memory = std::move(mapping);
    config.growth = Growth::constant(size);
  }
  auto made = Catcher::push(config);
  if (size != 0) {
    const auto reserved = made.writer.reserve(static_cast<std::size_t>(size));
    if (reserved.status != Status::ok) {
      return failure(std::make_error_code(std::errc::not_enough_memory));
    }
    made.writer.commit(reserved.space.size());
  }
  made.writer.finish();
  return {std::move(made.catcher), {}};
}

}  // namespace catcher
