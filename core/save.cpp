// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "save.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <deque>
#include <new>

#include "atomic.hpp"
#include "reader.hpp"
#include "sources/descriptor.hpp"

namespace catcher {
namespace {

// What a stop token or a deadline may have to wait for.
constexpr std::size_t kMostAtOnce = std::size_t{4} << 20;
constexpr std::size_t kMostPieces = 256;
static_assert(kMostPieces <= IOV_MAX);

SaveResult failure(std::error_code error) {
  return {0, Status::failed, error, {}};
}

// Keeps the signals of a failed write from the process: they are for this thread, which takes them.
class Hush {
 public:
  Hush() noexcept {
    sigemptyset(&hushed_);
    for (const int number : {SIGPIPE, SIGXFSZ}) {
      if (!is_pending(number)) sigaddset(&hushed_, number);
    }
    ::pthread_sigmask(SIG_BLOCK, &hushed_, &before_);
  }
  ~Hush() {
    const int error = errno;
    for (const int number : {SIGPIPE, SIGXFSZ}) {
      if (sigismember(&hushed_, number) == 1 && is_pending(number)) take(number);
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = error;
  }
  Hush(const Hush&) = delete;
  Hush& operator=(const Hush&) = delete;

 private:
  static bool is_pending(int number) noexcept {
    sigset_t pending;
    return ::sigpending(&pending) == 0 && sigismember(&pending, number) == 1;
  }
  static void take(int number) noexcept {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    constexpr timespec kNow{};
    while (::sigtimedwait(&one, nullptr, &kNow) < 0 && errno == EINTR) {
    }
  }

  sigset_t hushed_{};
  sigset_t before_{};
};

// A descriptor that is written to, and never waited for in write() where that can be helped.
class Output {
 public:
  // Of what has a disk behind it nobody can say when it would block.
  explicit Output(int fd) noexcept : fd_(fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) error_ = last_error();
    is_file_ = S_ISREG(status.st_mode) || S_ISBLK(status.st_mode);
    can_not_wait_ = S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode);
    if (!wake_) error_ = last_error();
  }
  std::error_code error() const noexcept { return error_; }

  // Takes some of what is at the front of `leases`, of which `skip` bytes are written already.
  // `written` is 0 unless ok.
  SaveResult write(const std::deque<Lease>& leases, std::size_t skip, const Wait& wait) {
    for (;;) {
      const Status interrupted = is_due(wait);
      if (interrupted != Status::ok) return {0, interrupted, {}, {}};
      if (!is_file_) {
        const ReadyResult ready = wait_ready(fd_, POLLOUT, wake_, wait);
        if (ready.status != Status::ok) return {0, ready.status, ready.error, {}};
      }
      const ssize_t wrote = write_ready(leases, skip);
      if (wrote > 0) return {static_cast<std::uint64_t>(wrote), Status::ok, {}, {}};
      if (wrote == 0) return failure(std::make_error_code(std::errc::no_space_on_device));
      if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) return failure(last_error());
    }
  }

 private:
  static Status is_due(const Wait& wait) noexcept {
    if (wait.stop.stop_requested()) return Status::cancelled;
    // To write what can be written is not to wait.
    if (wait.deadline == kForever || wait.deadline == kNotAtAll) return Status::ok;
    return Clock::now() < wait.deadline ? Status::ok : Status::timed_out;
  }

  ssize_t write_ready(const std::deque<Lease>& leases, std::size_t skip) noexcept {
    const Hush hush;
    std::array<iovec, kMostPieces> pieces;
    if (is_file_) return ::writev(fd_, pieces.data(), fill(pieces, leases, skip, kMostAtOnce));
#ifdef RWF_NOWAIT
    if (can_not_wait_) {
      const int count = fill(pieces, leases, skip, kMostAtOnce);
      const ssize_t wrote = ::pwritev2(fd_, pieces.data(), count, -1, RWF_NOWAIT);
      if (wrote >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) return wrote;
      can_not_wait_ = false;
    }
#endif
    // What is ready has room for this much, in most kinds of file.
    return ::writev(fd_, pieces.data(), fill(pieces, leases, skip, PIPE_BUF));
  }

  static int fill(std::array<iovec, kMostPieces>& pieces, const std::deque<Lease>& leases,
                  std::size_t skip, std::size_t most) noexcept {
    int count = 0;
    for (const Lease& lease : leases) {
      if (most == 0 || count == static_cast<int>(kMostPieces)) break;
      const std::span<const std::byte> bytes = lease.bytes().subspan(skip);
      skip = 0;
      const std::size_t size = std::min(bytes.size(), most);
      // The system only reads there.
      pieces[static_cast<std::size_t>(count++)] = {const_cast<std::byte*>(bytes.data()), size};
      most -= size;
    }
    return count;
  }

  const int fd_;
  bool is_file_ = false;
  bool can_not_wait_ = false;  // this kind of file knows writes that do not wait
  WakeFd wake_;
  std::error_code error_;
};

class Saving {
 public:
  Saving(const std::shared_ptr<Catcher>& catcher, Window range, Output& output)
      : reader_(catcher), range_(range), output_(output) {}

  SaveResult run(const Wait& wait) {
    if (reader_.seek(static_cast<std::int64_t>(range_.begin)).status != Status::ok) {
      return {0, Status::bad_argument, {}, {}};
    }
    SaveResult result;
    try {
      result = go_on(wait);
    } catch (const std::bad_alloc&) {
      result.status = Status::out_of_memory;
    }
    result.bytes = written_;
    return result;
  }

 private:
  SaveResult go_on(const Wait& wait) {
    SaveResult result = take_what_is_there();
    while (result.status == Status::ok && written_ < range_.end - range_.begin) {
      if (leases_.empty()) {
        result = take_one(wait);
        if (result.status == Status::end && is_whole()) {
          result.status = Status::ok;
          break;
        }
      } else {
        result = write_some(wait);
      }
    }
    return result;
  }

  // Whether the stream's end is where the range ends too.
  bool is_whole() const {
    return range_.end == kToEnd && range_.begin <= reader_.catcher()->length().value_or(0);
  }

  // Before the window moves on.
  SaveResult take_what_is_there() {
    const std::uint64_t end = std::min(range_.end, reader_.catcher()->window().end);
    SaveResult result;
    while (result.status == Status::ok && reader_.offset() < end) result = take_one(Wait::none());
    return result;
  }

  SaveResult take_one(const Wait& wait) {
    const std::uint64_t left = range_.end - reader_.offset();
    LeaseResult got =
        reader_.lease(static_cast<std::size_t>(std::min<std::uint64_t>(left, SSIZE_MAX)), wait);
    if (got.status == Status::ok) leases_.push_back(std::move(got.lease));
    return {0, got.status, got.error, got.window};
  }

  SaveResult write_some(const Wait& wait) {
    const SaveResult result = output_.write(leases_, skip_, wait);
    written_ += result.bytes;
    skip_ += static_cast<std::size_t>(result.bytes);
    while (!leases_.empty() && skip_ >= leases_.front().size()) {
      skip_ -= leases_.front().size();
      leases_.pop_front();
    }
    return result;
  }

  Reader reader_;
  const Window range_;
  Output& output_;
  std::deque<Lease> leases_;  // read, not written
  std::size_t skip_ = 0;      // but for so many bytes
  std::uint64_t written_ = 0;
};

// A file in the same folder as `path`, which takes its place or goes.
class Replacement {
 public:
  explicit Replacement(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    name_ = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name_.empty()) {
      error_ = std::make_error_code(path.empty() ? std::errc::no_such_file_or_directory
                                                 : std::errc::is_a_directory);
      return;
    }
    folder_ = OwnedFd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!folder_) {
      error_ = last_error();
      return;
    }
    create();
  }
  ~Replacement() {
    if (file_) ::unlinkat(folder_.get(), other_name_, 0);
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  std::error_code error() const noexcept { return error_; }
  int fd() const noexcept { return file_.get(); }

  std::error_code take_place() noexcept {
    if (!retried([&] { return ::fsync(file_.get()); })) return last_error();
    if (::renameat(folder_.get(), other_name_, folder_.get(), name_.c_str()) != 0) {
      return last_error();
    }
    file_.close();
    // The name too, where the folder may be read and its file system can (EINVAL: it cannot).
    const OwnedFd folder(::openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const bool is_known = !folder || retried([&] { return ::fsync(folder.get()); });
    return is_known || errno == EINVAL ? std::error_code() : last_error();
  }

 private:
  template <class Call>
  static bool retried(const Call& call) noexcept {
    for (;;) {
      if (call() == 0) return true;
      if (errno != EINTR) return false;
    }
  }

  void create() noexcept {
    static std::atomic<unsigned> counter{0};
    do {
      // Relaxed: numbers need only differ.
      const unsigned number = counter.fetch_add(1, order::relaxed);
      std::snprintf(other_name_, sizeof other_name_, ".catcher-%ld-%u", long{::getpid()}, number);
      file_ = OwnedFd(
          ::openat(folder_.get(), other_name_, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    } while (!file_ && (errno == EEXIST || errno == EINTR));
    if (!file_) error_ = last_error();
  }

  std::string name_;
  OwnedFd folder_;
  OwnedFd file_;
  char other_name_[64]{};
  std::error_code error_;
};

SaveResult save_to(int fd, const std::shared_ptr<Catcher>& catcher, Window range,
                   const Wait& wait) {
  Output output(fd);
  if (output.error()) return failure(output.error());
  return Saving(catcher, range, output).run(wait);
}

}  // namespace

SaveResult save(const std::shared_ptr<Catcher>& catcher, std::uint64_t begin, std::uint64_t end,
                int fd, const Wait& wait) {
  if (begin > end) return {0, Status::bad_argument, {}, {}};
  try {
    return save_to(fd, catcher, {begin, end}, wait);
  } catch (const std::bad_alloc&) {
    return {0, Status::out_of_memory, {}, {}};
  }
}

SaveResult save(const std::shared_ptr<Catcher>& catcher, std::uint64_t begin, std::uint64_t end,
                const std::string& path, const Wait& wait) {
  if (begin > end) return {0, Status::bad_argument, {}, {}};
  try {
    Replacement file(path);
    if (file.error()) return failure(file.error());
    SaveResult result = save_to(file.fd(), catcher, {begin, end}, wait);
    if (result.status != Status::ok) return result;
    if (const std::error_code error = file.take_place()) return failure(error);
    return result;
  } catch (const std::bad_alloc&) {
    return {0, Status::out_of_memory, {}, {}};
  }
}

}  // namespace catcher
