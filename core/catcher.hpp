// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A stream that comes in once, kept in a rope, and whoever feeds it: a Source that
// readers pull on demand, or a Writer that pushes; with the waiting between them.
//
//   auto made = catcher::Catcher::push({});
//   made.writer.append(bytes);
//   catcher::Reader reader(made.catcher);
//   reader.read(buffer);
//
// Not for a stream that has one reader which never goes back: a pipe is enough there.
//
// Thread: any, unless a member says otherwise. Reader (reader.hpp) and Writer are each used
// by one thread at a time.
// Invariants:
//   I1  One thread at a time appends: the Writer's, or the reader that holds the fill lock.
//   I2  End and failure reach a reader only after every earlier byte.
//   I3  No lock is held while a source is being read or a thread sleeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "async_pull.hpp"
#include "async_source.hpp"
#include "config.hpp"
#include "cursor.hpp"
#include "event_count.hpp"
#include "export.hpp"
#include "fill_lock.hpp"
#include "lease.hpp"
#include "mutex.hpp"
#include "readable_queue.hpp"
#include "rope.hpp"
#include "source.hpp"
#include "status.hpp"
#include "wait.hpp"

namespace catcher {

class PinnedRange;
class Writer;

// A snapshot; each figure is right for itself.
struct Stats {
  std::uint64_t bytes_in = 0;       // ever
  std::uint64_t bytes_evicted = 0;  // ever
  // Now: the window, free chunks, what readers keep, and all that is to be compacted once more.
  std::uint64_t bytes_allocated = 0;
  std::uint64_t chunks = 0;          // now, in the window
  std::uint64_t chunks_evicted = 0;  // ever
  std::uint64_t source_reads = 0;    // ever; 0 when pushed
  std::size_t readers = 0;           // now
};

// Whether eviction passes over a pinned range or stops at it.
enum class PinPolicy : std::uint8_t {
  keep,  // the window moves on; the range stays readable through its PinnedRange
  hold,  // the window may not pass the range: a full writer gets `full`, or waits if it blocks
};

class CATCHER_API Catcher : public std::enable_shared_from_this<Catcher> {
  struct Private {};  // keeps construction to the factories

 public:
  // Either `catcher` is set, or `status` is not ok and `why` says what to change.
  struct Pulled;
  struct Pushed;

  // Readers pull from `source` as they need.
  static Pulled pull(std::unique_ptr<Source> source, const Config& config = {});
  // The same where no read blocks: a reader that runs out begins one, and waits or enters a
  // request. Deadlines and stop tokens end its wait and not the read, which others may wait for.
  // A call that finds others' requests waiting goes on reading for them while the source answers
  // at once, also when it is made in a callback: it returns when they are served.
  static Pulled pull_async(std::unique_ptr<AsyncSource> source, const Config& config = {});
  // The returned Writer pushes.
  static Pushed push(const Config& config = {});

  // For the factories alone.
  enum class Feed : std::uint8_t { pushed, pulled };
  // For the factories alone.
  Catcher(Private, Feed feed, const Config& config);
  ~Catcher();
  Catcher(const Catcher&) = delete;
  Catcher& operator=(const Catcher&) = delete;

  // What can be read now, in bytes from the first one ever; it may have moved on already.
  Window window() const noexcept { return rope_.window(); }
  // No byte has come so far.
  bool is_empty() const noexcept { return rope_.end() == 0; }
  // Stays true once it is.
  bool is_finished() const noexcept { return rope_.state() == RopeState::finished; }
  // Upstream failed, and nobody has called resume() since.
  bool has_failed() const noexcept { return rope_.state() == RopeState::failed; }
  // Bytes from offset 0 to the end, once that is known.
  std::optional<std::uint64_t> length() const noexcept;
  // Takes a lock for the number of readers: not for every read.
  Stats stats() const;
  // Up to where the slowest of the readers has read that a writer would wait for; nothing if there
  // is none.
  std::optional<std::uint64_t> slowest_reader() const;
  // As it was made.
  const Config& config() const noexcept { return config_; }

  // After a failure: readers ask the source again, or the Writer may go on. What was caught
  // stays. `bad_argument` if it has not failed, or if its Writer is gone.
  [[nodiscard]] Status resume();

  // Keeps [begin, end) readable for the life of the returned range. `evicted` if part of
  // it has gone, `bad_argument` if it is empty or not all there yet, `out_of_memory`: then
  // `range` is as it was.
  [[nodiscard]] Status pin(std::uint64_t begin, std::uint64_t end, PinPolicy policy,
                           PinnedRange& range) noexcept;

  // What a reader at `offset` would find now, without bytes: `ok` if there are any, `would_block`,
  // `end`, `failed` or `evicted`.
  ReadResult peek(std::uint64_t offset) const;

  // Has `request` called back once the byte at `offset` is readable, or it ended or failed before
  // that: `would_block`. `ok`, `end`, `failed` or `evicted`: it is so already, and the request is
  // as it was. `bad_argument`: it waits already, is still with another catcher (cancel() it first,
  // not inside its own callback), or this catcher pulls from a Source and has no Config::executor
  // to read it on. `full`, `out_of_memory`: no more can be brought now. What has to be pulled is
  // begun in here. Once entered, the request keeps this catcher until it is cancelled or ends.
  [[nodiscard]] Status once_readable(std::uint64_t offset, ReadableRequest& request);

  // Whether readers bring the bytes, which a source gives; otherwise a Writer does.
  bool pulls() const noexcept { return pulls_; }

  // Whether once_readable() can be had. False: this catcher pulls from a Source, and has no
  // Config::executor to read it on.
  bool can_call_back() const noexcept {
    return !pulls_ || async_ != nullptr || config_.executor != nullptr;
  }

  // Moves all that is kept into one piece of memory, as `how` says, while readers go on; a chunk's
  // memory is free as soon as it was copied and its last pin and lease are gone. With in_place it
  // is over when this returns. `bad_argument`: not finished, under way or done already, or nothing
  // to run it on. What has failed left all as it was, and may be asked for again. finish() does
  // this as Config::compaction says, in the thread that finishes. The piece is asked for as a
  // whole: heap memory is taken to cost nothing until it is written to, in a file there must be
  // room for all at once. Readers hold the chunk that they stand in. If the last handle is dropped
  // meanwhile: a thread is stopped and waited for; an executor's job that has not begun does
  // nothing, one that has is finished and frees the catcher.
  Status compact(Compaction how) noexcept;
  // How far that is.
  CompactionState compaction() const noexcept;
  // Whether contiguous() gives something.
  bool is_compacted() const noexcept { return contiguous().status == Status::ok; }
  // Finished, and nothing is being moved any more.
  bool is_finalised() const noexcept;
  // Waits for that, without pulling: ok, or why not. `failed`: upstream has.
  Status wait_finalised(const Wait& wait = {});
  // All that is kept, in one piece; ok and no lease if that is nothing. `would_block`: not
  // finished, or compaction is not over; `out_of_memory`: it has failed; `bad_argument`: nobody has
  // asked for it, and there is more than one chunk.
  LeaseResult contiguous() const noexcept;

  // Makes everyone who waits in this catcher look again at what they wait for.
  void wake() noexcept { arrived_.notify_all(); }

 private:
  friend class Reader;
  friend class Writer;
  friend class PinnedRange;
  friend class AsyncPull;
  class FillJob;

  // What else a waiting reader wants to be woken for: nothing, or what `is_due` says.
  struct Also {
    bool (*is_due)(const void* context);
    const void* context;
    explicit operator bool() const noexcept { return is_due != nullptr && is_due(context); }
  };

  Status pin_pieces(PinnedRange& range, PinPolicy policy);

  // ---- readers (catcher_wait.cpp) -----------------------------------------------
  // Waits until a byte beyond `offset` is there: ok. Pulls if this catcher has a source.
  // `would_block` if `also` has become due first.
  ReadResult await(std::uint64_t offset, const Wait& wait, Also also);
  std::optional<ReadResult> look(std::uint64_t offset) const;
  bool fill_lock_free() const noexcept;
  Status sleep_until_changed(std::uint64_t offset, const Wait& wait, const Also& also);
  std::optional<Status> try_fill(std::uint64_t offset, const Wait& wait);
  Status fill(const Wait& wait);
  SourceResult ask_source(std::span<std::byte> space, const Wait& wait) noexcept;

  // ---- for who does not wait (catcher_async.cpp) ----------------------------------
  std::optional<Status> try_begin(std::uint64_t offset) noexcept;
  void drive() noexcept;
  std::optional<Status> begin_fill(const Wait& wait) noexcept;
  std::optional<Status> post_fill() noexcept;
  void fill_for_requests(const Wait& wait) noexcept;
  void fill_dropped() noexcept;
  void read_done(const SourceResult& result) noexcept;
  void take_result(const SourceResult& result) noexcept;
  void give_fill_back() noexcept;
  Status why_no_room(Status status) const noexcept;
  std::uint64_t expect_moves() noexcept;
  std::uint64_t reader_moves() const noexcept;
  void drive_moved() noexcept;

  // Enters a new reader, at the oldest byte: the offset it got. A writer that waits for readers
  // waits for this one from then on.
  std::uint64_t attach(Cursor& cursor);
  void detach(Cursor& cursor) noexcept;
  // Bytes or a free fill lock; the end or a failure. Requires: no lock is held.
  void tell_arrival() noexcept;
  void tell_settled() noexcept;
  // A reader has moved far enough for a waiting writer to care.
  void moved() noexcept {
    if (config_.when_full == WhenFull::block) room_changed();
  }
  void room_changed() noexcept {
    left_.notify_all();
    if (async_ != nullptr && room_wanted_.is_anybody()) drive_moved();
  }

  // ---- appender (catcher_write.cpp) -----------------------------------------------
  using Reservation = Rope<std::byte>::Reservation;
  Reservation reserve(std::size_t at_least, const Wait& wait);
  Reservation try_reserve(std::size_t at_least);
  Status evict_before(std::uint64_t offset, const Wait& wait);
  std::uint64_t evictable() const CATCHER_REQUIRES(mutex_);
  // Sleeps until `attempt` is not `full`, the deadline, or a stop.
  template <class Attempt>
  Status until_room(const Wait& wait, Attempt attempt);
  void commit(std::size_t bytes) noexcept;
  void finish() noexcept;
  void fail(std::error_code error) noexcept;
  void abandon() noexcept;
  void set_failed(std::error_code error) noexcept CATCHER_REQUIRES(mutex_);
  void close_failed(std::error_code error) noexcept CATCHER_EXCLUDES(mutex_);
  void release_hold(std::uint64_t begin) noexcept;

  // ---- compaction (catcher_compact.cpp) -------------------------------------------
  struct CompactionJob;
  void begin_compaction(Compaction how) noexcept;
  void hand_to_executor(unsigned attempt);
  void run_compaction(unsigned attempt, const std::stop_token& stop) noexcept;
  unsigned compaction_attempt() const noexcept;
  bool take_compaction(unsigned attempt) noexcept;
  void settle_compaction(CompactionState state) noexcept;

  Config config_;  // stays as it was made
  const bool pulls_;
  Rope<std::byte> rope_;

  EventCount<> arrived_;  // bytes, the end, a failure, a free fill lock
  EventCount<> left_;     // readers and holds that moved on
  ReadableQueue requests_;
  FillLock<> filling_;
  std::unique_ptr<Source> source_;  // the fill lock's holder alone; one of the two
  std::unique_ptr<AsyncPull> async_;
  Earliest<> room_wanted_;  // 0 once somebody who does not wait has needed a reader to move on
  std::atomic<std::uint64_t> source_reads_{0};

  mutable Mutex mutex_;  // never held while sleeping, reading a source, or calling out
  std::vector<Cursor*> cursors_ CATCHER_GUARDED_BY(mutex_);
  std::vector<std::uint64_t> holds_ CATCHER_GUARDED_BY(mutex_);
  std::error_code error_ CATCHER_GUARDED_BY(mutex_);
  bool writer_gone_ CATCHER_GUARDED_BY(mutex_) = false;
  bool moves_expected_ CATCHER_GUARDED_BY(mutex_) = false;
  std::uint64_t reader_moves_ CATCHER_GUARDED_BY(mutex_) = 0;  // once they are expected
  // While it is pending, whoever runs it is the rope's appender.
  CompactionState compaction_ CATCHER_GUARDED_BY(mutex_) = CompactionState::none;
  bool compaction_taken_ CATCHER_GUARDED_BY(mutex_) = false;
  unsigned compaction_attempt_ CATCHER_GUARDED_BY(mutex_) = 0;

  std::jthread compactor_;  // the last member: it ends before the others do
};

// The pushing end. Move-only; one thread at a time.
// Dropped before finish() or fail(), it fails the stream with Fault::writer_gone.
class CATCHER_API Writer {
 public:
  Writer() noexcept = default;
  // Made by Catcher::push() alone: there is one writer a catcher.
  explicit Writer(std::shared_ptr<Catcher> catcher) noexcept : catcher_(std::move(catcher)) {}
  Writer(Writer&&) noexcept = default;
  Writer& operator=(Writer&& other) noexcept;
  ~Writer();

  // Whether it has a catcher to write into.
  explicit operator bool() const noexcept { return catcher_ != nullptr; }

  // Writable memory for `at_least` bytes or more, in one piece, right behind the edge.
  // Waits as `wait` says when the window is full and may not move; then `full` (asked not
  // to wait), `cancelled` or `timed_out`. `bad_argument` after the end, for 0 bytes, and for
  // more than the window holds. Invalidated by the next call on this writer.
  Rope<std::byte>::Reservation reserve(std::size_t at_least, const Wait& wait = {});
  // Publishes the first `bytes` of what was reserved. Requires: no more than that.
  void commit(std::size_t bytes) noexcept;
  // Copies `bytes` in, waiting as reserve() does; short if that ends early. `unit` bytes are
  // never split over two chunks, and no part of one is taken: for audio frames.
  WriteResult append(std::span<const std::byte> bytes, const Wait& wait = {}, std::size_t unit = 1);
  // What comes next goes into another chunk, so that a window can move in smaller steps.
  void seal() noexcept;
  // Chunks from now on have at most this many bytes, one that holds a larger `at_least` or `unit`
  // aside; 0: as growth says. Where chunks are sealed early it keeps their memory from being
  // unused.
  void limit_chunks(std::uint64_t bytes) noexcept;
  // Drops whole chunks that end at or below `offset`, as far as readers, holds and compaction
  // allow (waiting for them if this catcher blocks); what is left over is reported as `full`,
  // `cancelled` or `timed_out`.
  Status evict_before(std::uint64_t offset, const Wait& wait = {});

  // No more bytes. Later calls do nothing.
  void finish() noexcept;
  // Readers get `error` after every byte. Later calls do nothing until Catcher::resume().
  void fail(std::error_code error) noexcept;

  // Offset of the next byte. Requires, as the next: not an empty writer.
  std::uint64_t offset() const noexcept { return catcher_->rope_.end(); }
  // Where the chunk in hand begins.
  std::uint64_t chunk_begin() const noexcept { return catcher_->rope_.open_base(); }

 private:
  bool may_write() const noexcept;

  std::shared_ptr<Catcher> catcher_;
};

// What pull() made.
struct Catcher::Pulled {
  std::shared_ptr<Catcher> catcher{};  // nothing unless `status` is ok
  Status status = Status::ok;          // or `bad_argument`
  std::string why{};                   // the setting, and what to change
};

// What push() made.
struct Catcher::Pushed {
  std::shared_ptr<Catcher> catcher{};  // nothing unless `status` is ok
  Writer writer{};                     // the one there is
  Status status = Status::ok;          // or `bad_argument`
  std::string why{};                   // the setting, and what to change
};

// Keeps a range of a catcher readable, whatever the window does. Move-only.
class CATCHER_API PinnedRange {
 public:
  PinnedRange() noexcept = default;
  PinnedRange(PinnedRange&& other) noexcept { swap(other); }
  PinnedRange& operator=(PinnedRange&& other) noexcept {
    PinnedRange(std::move(other)).swap(*this);
    return *this;
  }
  ~PinnedRange() { release(); }

  // The range, piece by piece, in order; without gap or overlap.
  std::span<const Lease> pieces() const noexcept { return pieces_; }
  // What is pinned: [begin, end) in bytes.
  Window range() const noexcept { return range_; }
  // Lets go of it, and wakes a writer that waits for that.
  void release() noexcept;

 private:
  friend class Catcher;
  void swap(PinnedRange& other) noexcept;

  std::shared_ptr<Catcher> holder_;  // set only for PinPolicy::hold
  Window range_{};
  std::vector<Lease> pieces_;
};

}  // namespace catcher
