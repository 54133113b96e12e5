// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// One position in a catcher. Reading what is already there takes no lock: an acquire load
// of the end at most once for all that has arrived, a copy, a store to this reader's own
// cache line, and one reference count when it moves to another chunk.
//
// Thread: by one thread at a time; different readers by any. Cheap: about 200 bytes.
// Invariants:
//   I1  A call that fails leaves the position where it was.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "catcher.hpp"
#include "export.hpp"
#include "lease.hpp"
#include "place.hpp"

namespace catcher {

// What the distance of a seek counts from.
enum class Whence : std::uint8_t {
  start,    // offset 0, also when that is evicted
  current,  // where the reader is
  end,      // the end, once its place is known
  oldest,   // the oldest byte that is kept
  edge,     // the end of what has arrived
};

// Where a seek went; `bad_argument` and the old place if it could not be carried out.
struct [[nodiscard]] SeekResult {
  std::uint64_t offset = 0;    // of the next byte to be read
  Status status = Status::ok;  // `ok` or `bad_argument`
};

class CATCHER_API Reader {
 public:
  // Starts at offset 0, or at the oldest byte if that is gone.
  explicit Reader(std::shared_ptr<Catcher> catcher);
  Reader(Reader&&) noexcept = default;
  Reader& operator=(Reader&& other) noexcept;
  ~Reader();

  // Another reader at the same place, which can read whatever this one can.
  Reader clone() const;

  // Copies what is there, up to the size of `out`; waits only if that is nothing.
  // Any 0-byte read with room in `out` says why in its status.
  ReadResult read(std::span<std::byte> out, const Wait& wait = {}) {
    const std::size_t size = out.size();
    // Within the chunk, short of what is known. An empty span may have no memory to name.
    if (size != 0 && size < place_.known()) {
      std::memcpy(out.data(), place_.next(), size);
      advance(size);
      return {size, Status::ok, {}, {}};
    }
    return read_on(out, wait);
  }
  // The same without waiting: `would_block` if nothing is there. In a pulled catcher the source
  // is asked, and told not to wait.
  ReadResult try_read(std::span<std::byte> out) { return read(out, Wait::none()); }
  // The same of what is there already: the source is not asked, so it never blocks, whatever the
  // source does.
  ReadResult read_now(std::span<std::byte> out);
  // Waits until `out` is full, or says why it is not; `bytes` counts what is in it.
  ReadResult read_full(std::span<std::byte> out, const Wait& wait = {});

  // The next bytes in one piece, at most `max_size` of them, without a copy.
  LeaseResult lease(std::size_t max_size, const Wait& wait = {});

  // The same of what is there already, as read_now().
  LeaseResult lease_now(std::size_t max_size);

  // What read_now() would find, without bytes.
  ReadResult peek();
  // Has `request` called back once this reader has something to look at here: see
  // Catcher::once_readable(). The request may outlive the reader.
  [[nodiscard]] Status once_readable(ReadableRequest& request);

  // Waits until something can be read here (ok), or says why not.
  ReadResult wait(const Wait& wait = {}) { return wait_also(wait, {}); }
  // The same, and also ends (would_block) when `is_due()` holds. Whoever makes that true calls
  // Catcher::wake() afterwards. `is_due` is called often and must neither block nor
  // throw. It is not looked at while this very reader asks a source: a stop token ends that.
  template <class Predicate>
  ReadResult wait_or(const Wait& wait, const Predicate& is_due) {
    return wait_also(wait, {[](const void* context) {
                              return static_cast<bool>((*static_cast<const Predicate*>(context))());
                            },
                            &is_due});
  }

  // Moves by arithmetic: no I/O, no waiting, also beyond the edge; the next read waits there, or
  // reports `end`. `bad_argument`: before offset 0, beyond 2^63 - 1, or relative to an
  // end that is not known.
  SeekResult seek(std::int64_t distance, Whence whence = Whence::start);
  // Moves forward over bytes that exist, waiting for them as read_full() does.
  ReadResult skip(std::uint64_t count, const Wait& wait = {});

  // Of the next byte, counted from the first one ever.
  std::uint64_t offset() const noexcept { return place_.offset(); }
  // Bytes that can be read now without waiting. Only grows, but for eviction: then it is
  // what is left of the chunk that this reader holds.
  std::uint64_t available() const noexcept;

  // Whether a writer that waits when full waits for this reader. On by default.
  void set_holds_back(bool holds_back) noexcept;

  // What is read; kept alive by this.
  const std::shared_ptr<Catcher>& catcher() const noexcept { return catcher_; }

 private:
  void advance(std::size_t size) noexcept {
    place_.advance(size);
    publish();
  }
  void publish() noexcept {
    // Relaxed: see Cursor::position.
    cursor_->position.store(place_.offset(), order::relaxed);
  }
  ReadResult read_on(std::span<std::byte> out, const Wait& wait);
  ReadResult wait_also(const Wait& wait, Catcher::Also also);
  Status refresh() noexcept { return place_.refresh(catcher_->rope_); }
  void tell_writer() noexcept;
  ReadResult why_nothing(Status status) const;

  std::shared_ptr<Catcher> catcher_;
  std::unique_ptr<Cursor> cursor_;
  Place<std::byte> place_;
};

}  // namespace catcher
