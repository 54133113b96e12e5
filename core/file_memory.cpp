// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "file_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <limits>
#include <new>
#include <string_view>
#include <utility>

#include "atomic.hpp"

namespace catcher {
namespace {

// Mappings are few, because a process may have only so many: each is a part of all before.
constexpr std::size_t kLeastExtent = std::size_t{1} << 20;
constexpr std::size_t kMostExtent = std::size_t{256} << 20;
constexpr std::uint64_t kExtentPart = 4;

// More cannot be mapped, nor rounded up.
constexpr std::size_t kMostBytes = std::numeric_limits<std::size_t>::max() / 2;

constexpr std::string_view kPlaceholder = "XXXXXX";

std::error_code last_error() noexcept {
  return {errno, std::generic_category()};
}

constexpr std::size_t rounded_up(std::size_t size, std::size_t unit) noexcept {
  return (size + unit - 1) / unit * unit;
}

// Space that cannot be reserved as such is reserved by writing to it.
std::error_code write_zeros(int file, std::uint64_t offset, std::uint64_t size) noexcept {
  static constexpr std::array<std::byte, 64 * 1024> kZeros{};
  while (size != 0) {
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(size, kZeros.size()));
    const ssize_t written = ::pwrite(file, kZeros.data(), part, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return last_error();
    if (written == 0) return std::make_error_code(std::errc::no_space_on_device);
    offset += static_cast<std::uint64_t>(written);
    size -= static_cast<std::uint64_t>(written);
  }
  return {};
}

// 0, or why not.
int try_fallocate(int file, int mode, std::uint64_t offset, std::uint64_t size) noexcept {
  for (;;) {
    if (::fallocate(file, mode, static_cast<off_t>(offset), static_cast<off_t>(size)) == 0) {
      return 0;
    }
    if (errno != EINTR) return errno;
  }
}

int punch(int file, std::uint64_t offset, std::uint64_t size) noexcept {
  return try_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size);
}

constexpr bool cannot(int error) noexcept {
  return error == EOPNOTSUPP || error == ENOSYS;
}

}  // namespace

bool FileMemory::is_template(const std::string& path) noexcept {
  return std::string_view(path).ends_with(kPlaceholder);
}

FileMemory::Made FileMemory::create(const std::string& path_template) {
  std::string path = path_template;
  const int file = ::mkostemp(path.data(), O_CLOEXEC);
  if (file < 0) return {nullptr, last_error()};
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    const std::error_code error = last_error();
    ::close(file);
    return {nullptr, error};
  }
  try {
    return {std::make_shared<FileMemory>(file), {}};
  } catch (const std::bad_alloc&) {
    ::close(file);
    throw;
  }
}

FileMemory::FileMemory(int file) noexcept
    : file_(file), page_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {}

FileMemory::~FileMemory() {
  for (const Extent& extent : extents_) ::munmap(extent.address, extent.size);
  ::close(file_);
}

std::error_code FileMemory::error() const noexcept {
  Lock lock(mutex_);
  return error_;
}

std::uint64_t FileMemory::reserved() const noexcept {
  Lock lock(mutex_);
  return reserved_;
}

void* FileMemory::allocate(std::size_t bytes) noexcept {
  Lock lock(mutex_);
  if (bytes > kMostBytes) {
    error_ = std::make_error_code(std::errc::not_enough_memory);
    return nullptr;
  }
  const std::size_t size = rounded_up(std::max<std::size_t>(bytes, 1), kCacheLine);
  const std::size_t alignment = size % page_ == 0 ? page_ : kCacheLine;
  try {
    Fit fit = find(size, alignment);
    if (fit.extent == nullptr) {
      error_ = add_extent(size);
      if (error_) return nullptr;
      fit = find(size, alignment);
    }
    Extent& extent = *fit.extent;
    // Each allocation may leave one more free range when it goes, and takes two to be split off.
    extent.free.reserve(extent.allocations + 3);
    const Range range{fit.begin, fit.begin + size};
    error_ = reserve(extent, range);
    if (error_) {
      // Whatever part of it was reserved.
      give_back(extent, range, extent.free[fit.free]);
      return nullptr;
    }
    take(extent, fit.free, range);
    return extent.address + range.begin;
  } catch (const std::bad_alloc&) {
    error_ = std::make_error_code(std::errc::not_enough_memory);
    return nullptr;
  }
}

// The free range that is the least too large, so that large ones stay whole.
FileMemory::Fit FileMemory::find(std::size_t size, std::size_t alignment) {
  Fit best;
  std::size_t best_size = 0;
  for (Extent& extent : extents_) {
    for (std::size_t number = 0; number < extent.free.size(); ++number) {
      const Range& range = extent.free[number];
      const std::size_t begin = rounded_up(range.begin, alignment);
      if (begin > range.end || range.end - begin < size) continue;
      const std::size_t room = range.end - range.begin;
      if (best.extent != nullptr && room >= best_size) continue;
      best = {&extent, number, begin};
      best_size = room;
    }
  }
  return best;
}

std::error_code FileMemory::add_extent(std::size_t size) {
  const std::size_t least = rounded_up(size, page_);
  const auto wanted = static_cast<std::size_t>(
      std::clamp<std::uint64_t>(mapped_ / kExtentPart, kLeastExtent, kMostExtent));
  Extent extent;
  for (const std::size_t tried : {std::max(least, rounded_up(wanted, page_)), least}) {
    extent.size = tried;
    extent.offset = mapped_;
    extent.free.assign(1, Range{0, tried});
    extent.pages.assign(tried / page_, false);
    extents_.reserve(extents_.size() + 1);
    // Of what is not reserved nothing is in the file yet: only what is handed out is touched.
    void* address = ::mmap(nullptr, tried, PROT_READ | PROT_WRITE, MAP_SHARED, file_,
                           static_cast<off_t>(extent.offset));
    if (address == MAP_FAILED) continue;
    extent.address = static_cast<std::byte*>(address);
    mapped_ += tried;
    extents_.push_back(std::move(extent));
    return {};
  }
  return last_error();
}

std::error_code FileMemory::reserve(Extent& extent, Range range) {
  const std::size_t end = rounded_up(range.end, page_) / page_;
  for (std::size_t page = range.begin / page_; page < end;) {
    if (extent.pages[page]) {
      ++page;
      continue;
    }
    std::size_t next = page;
    while (next < end && !extent.pages[next]) ++next;
    const std::uint64_t size = std::uint64_t{next - page} * page_;
    const std::error_code error = reserve_pages(extent.offset + page * page_, size);
    if (error) {
      punch(file_, extent.offset + page * page_, size);  // the part that could be had
      return error;
    }
    std::fill(extent.pages.begin() + static_cast<std::ptrdiff_t>(page),
              extent.pages.begin() + static_cast<std::ptrdiff_t>(next), true);
    reserved_ += size;
    page = next;
  }
  return {};
}

// Never over pages that hold something: write_zeros() would wipe it.
std::error_code FileMemory::reserve_pages(std::uint64_t offset, std::uint64_t size) const noexcept {
  const int error = try_fallocate(file_, 0, offset, size);
  if (cannot(error)) return write_zeros(file_, offset, size);
  return {error, std::generic_category()};
}

void FileMemory::take(Extent& extent, std::size_t free, Range range) {
  const Range whole = extent.free[free];
  const auto at = extent.free.begin() + static_cast<std::ptrdiff_t>(free);
  const bool before = whole.begin < range.begin;
  const bool after = range.end < whole.end;
  if (before && after) {
    *at = {range.end, whole.end};
    extent.free.insert(at, Range{whole.begin, range.begin});
  } else if (before || after) {
    *at = before ? Range{whole.begin, range.begin} : Range{range.end, whole.end};
  } else {
    extent.free.erase(at);
  }
  ++extent.allocations;
}

void FileMemory::deallocate(void* memory, std::size_t bytes) noexcept {
  auto* const address = static_cast<std::byte*>(memory);
  Lock lock(mutex_);
  const auto found = std::find_if(extents_.begin(), extents_.end(), [address](const Extent& one) {
    return one.address <= address && address < one.address + one.size;
  });
  assert(found != extents_.end());
  Extent& extent = *found;
  const auto begin = static_cast<std::size_t>(address - extent.address);
  const Range range{begin, begin + rounded_up(std::max<std::size_t>(bytes, 1), kCacheLine)};
  auto after =
      std::lower_bound(extent.free.begin(), extent.free.end(), begin,
                       [](const Range& one, std::size_t wanted) { return one.begin < wanted; });
  Range whole = range;
  if (after != extent.free.end() && after->begin == range.end) {
    whole.end = after->end;
    after = extent.free.erase(after);
  }
  if (after != extent.free.begin() && std::prev(after)->end == range.begin) {
    --after;
    whole.begin = after->begin;
    *after = whole;
  } else {
    extent.free.insert(after, whole);  // room is there: made in allocate()
  }
  --extent.allocations;
  if (rows_ == 0) return give_back(extent, range, whole);
  Range& returned = extent.returned;
  const bool first = returned.begin == returned.end;
  returned = first
                 ? range
                 : Range{std::min(returned.begin, range.begin), std::max(returned.end, range.end)};
}

void FileMemory::begin_returns() noexcept {
  Lock lock(mutex_);
  ++rows_;
}

void FileMemory::end_returns() noexcept {
  Lock lock(mutex_);
  --rows_;
  // Only the caller's is left: it drops that next, and the file is closed.
  if (weak_from_this().use_count() == 1) return;
  for (Extent& extent : extents_) {
    const Range returned = std::exchange(extent.returned, Range{});
    for (const Range& free : extent.free) {
      if (free.begin < returned.end && returned.begin < free.end) give_back(extent, free, free);
    }
  }
}

void FileMemory::give_back(Extent& extent, Range range, Range within) noexcept {
  const std::size_t first = std::max(range.begin / page_, rounded_up(within.begin, page_) / page_);
  const std::size_t end = std::min(rounded_up(range.end, page_) / page_, within.end / page_);
  for (std::size_t page = first; page < end && punches_;) {
    std::size_t next = page;
    while (next < end && extent.pages[next]) ++next;
    if (next != page) {
      const std::uint64_t size = std::uint64_t{next - page} * page_;
      const int error = punch(file_, extent.offset + page * page_, size);
      if (cannot(error)) punches_ = false;
      if (error != 0) return;  // they stay reserved, for the next ones
      std::fill(extent.pages.begin() + static_cast<std::ptrdiff_t>(page),
                extent.pages.begin() + static_cast<std::ptrdiff_t>(next), false);
      reserved_ -= size;
    }
    page = next + 1;
  }
}

}  // namespace catcher
