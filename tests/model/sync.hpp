// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What the core's templates run on in a model: cells that Relacy schedules and checks.
//
//   ModelSync     Atomic and Plain for `Sync`
//   ModelParking  sleeps on a word, as a futex does; a lost wake-up is a deadlock
//   Element       what a modelled rope holds: racing accesses to it are found
//   ModelMemory   memory of chunks that counts
//   search()      runs one model
//
// Headers of the core come first: Relacy defines new, delete and memory_order_* as macros.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <memory>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "core/compactor.hpp"
#include "core/cursor.hpp"
#include "core/event_count.hpp"
#include "core/fill_lock.hpp"
#include "core/place.hpp"
#include "core/rope.hpp"

// Relacy takes over the global operator new, and makes each delete a choice of its search, which
// multiplies it. Here memory stays the system's: cells that are touched after their end, or left
// over, are found by the cells' own checks.
#include <relacy/base.hpp>
#include <relacy/thread_local_ctx.hpp>
// Now the rest.
#include <relacy/context_base.hpp>
namespace rl {
inline bool has_no_memory() {
  return false;
}
}  // namespace rl
#define is_ctx has_no_memory
#include <relacy/relacy.hpp>
#undef is_ctx
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
#undef assert
#undef errno
#undef memory_order_relaxed
#undef memory_order_consume
#undef memory_order_acquire
#undef memory_order_release
#undef memory_order_acq_rel
#undef memory_order_seq_cst
#include <cassert>

namespace model {

// Where the core touched a cell. std::source_location is not there with clang 14.
struct Location {
  static Location current(const char* function = __builtin_FUNCTION(),
                          const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {function, file, line};
  }
  const char* function;
  const char* file;
  unsigned line;
};

inline rl::debug_info info(const Location& at) {
  return {at.function, at.file, at.line};
}

inline rl::memory_order to_model(std::memory_order order) {
  switch (order) {
    case std::memory_order::relaxed: return rl::mo_relaxed;
    case std::memory_order::consume: return rl::mo_consume;
    case std::memory_order::acquire: return rl::mo_acquire;
    case std::memory_order::release: return rl::mo_release;
    case std::memory_order::acq_rel: return rl::mo_acq_rel;
    case std::memory_order::seq_cst: break;
  }
  return rl::mo_seq_cst;
}

// Every cell holds one of these, so that Relacy can print it.
using Word = std::uint64_t;

template <class T>
Word to_word(T value) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<Word>(value);
  } else {
    return static_cast<Word>(value);
  }
}

template <class T>
T from_word(Word word) {
  if constexpr (std::is_pointer_v<T>) {
    return reinterpret_cast<T>(word);
  } else {
    return static_cast<T>(word);
  }
}

// What the threads of one run have done so far.
struct Costs {
  unsigned loads = 0;
  unsigned stores = 0;
  unsigned changes = 0;  // read-modify-writes that took place
};

inline constexpr unsigned kMaxThreads = 4;
inline Costs costs_of[kMaxThreads];

inline Costs& costs() {
  return costs_of[rl::thread_index()];
}

// What a model derives from. Its members are made anew for each run; `thread(index)` is run by
// each thread, then `after()` by one.
template <class Derived, int Threads>
struct Suite : rl::test_suite<Derived, Threads> {
  static_assert(Threads <= static_cast<int>(kMaxThreads));
  Suite() { std::fill(std::begin(costs_of), std::end(costs_of), Costs{}); }
};

// A thread that repeats loads for long lets the others run: a store becomes visible some time.
inline void count_load() {
  constexpr unsigned kLong = 64;
  if (++costs().loads % kLong == 0) rl::yield(1, RL_INFO);
}

// Not a step that others could come between: the object is not shared yet.
template <class Action>
void in_one_step(Action action) {
  rl::ctx().disable_preemption();
  action();
  rl::ctx().enable_preemption();
}

// Fails the run if an object ends while a thread may still use it, be it only that nothing
// orders the end behind that use.
class Life {
 public:
  Life() : cell_(0) {}
  ~Life() { cell_(RL_INFO).store(1); }
  void touch(const Location& at) const { static_cast<void>(cell_(info(at)).load()); }

 private:
  rl::var<Word> cell_;
};

template <class T>
class Atomic {
 public:
  Atomic() : Atomic(T{}) {}
  Atomic(T value, Location at = Location::current()) {  // NOLINT: as std::atomic
    in_one_step([&] { cell_.store(to_word(value), rl::mo_relaxed, info(at)); });
  }

  T load(std::memory_order order, Location at = Location::current()) const {
    life_.touch(at);
    count_load();
    return from_word<T>(cell_.load(to_model(order), info(at)));
  }
  void store(T value, std::memory_order order, Location at = Location::current()) {
    life_.touch(at);
    ++costs().stores;
    cell_.store(to_word(value), to_model(order), info(at));
  }
  T exchange(T value, std::memory_order order, Location at = Location::current()) {
    change(at);
    return from_word<T>(cell_.exchange(to_word(value), to_model(order), info(at)));
  }
  T fetch_add(T value, std::memory_order order, Location at = Location::current()) {
    change(at);
    return from_word<T>(cell_.fetch_add(to_word(value), to_model(order), info(at)));
  }
  T fetch_sub(T value, std::memory_order order, Location at = Location::current()) {
    change(at);
    return from_word<T>(cell_.fetch_sub(to_word(value), to_model(order), info(at)));
  }
  bool compare_exchange_weak(T& expected, T desired, std::memory_order order,
                             std::memory_order failure, Location at = Location::current()) {
    life_.touch(at);
    Word word = to_word(expected);
    const bool done = cell_.compare_exchange_weak(word, to_word(desired), to_model(order), info(at),
                                                  to_model(failure), info(at));
    if (done) ++costs().changes;
    expected = from_word<T>(word);
    return done;
  }

  // As the kernel: looks at the latest value and sleeps in one step, and orders nothing.
  void park_while(T expected) const {
    rl::ctx().sched();
    if (cell_.debug_value() != to_word(expected)) return;
    sleepers_.push_back(rl::ctx().current_thread());
    rl::ctx().park_current_thread(false, false, false, RL_INFO);
  }
  void unpark_all() const {
    rl::ctx().sched();
    for (const auto thread : sleepers_) rl::ctx().unpark_thread(thread, false, RL_INFO);
    sleepers_.clear();
  }

 private:
  void change(const Location& at) {
    life_.touch(at);
    ++costs().changes;
  }

  Life life_;  // ends first, before the cell
  mutable rl::atomic<Word> cell_;
  mutable std::vector<rl::thread_id_t> sleepers_;
};

// Begins with a value, as `Plain<T> x{}` does; ends in order with all that used it.
template <class T>
class Plain {
 public:
  Plain() : cell_(to_word(T{})) {}
  ~Plain() { cell_(RL_INFO).store(to_word(T{})); }
  Plain(const Plain&) = delete;
  Plain& operator=(const Plain&) = delete;

  operator T() const { return from_word<T>(cell_(RL_INFO).load()); }  // NOLINT: as a T
  Plain& operator=(T value) {
    cell_(RL_INFO).store(to_word(value));
    return *this;
  }

 private:
  rl::var<Word> cell_;
};

struct ModelSync {
  template <class T>
  using Atomic = model::Atomic<T>;
  template <class T>
  using Plain = model::Plain<T>;
};

struct ModelParking {
  static bool park(const Atomic<std::uint32_t>& word, std::uint32_t expected, catcher::Deadline) {
    word.park_while(expected);
    return true;
  }
  static void unpark_all(const Atomic<std::uint32_t>& word) { word.unpark_all(); }
};

using EventCount = catcher::EventCount<ModelSync, ModelParking>;
using FillLock = catcher::FillLock<ModelSync>;
using Cursor = catcher::BasicCursor<ModelSync>;

// Without a value until it is written; memory that is freed or reused counts as written.
class Element {
 public:
  Element() = default;
  ~Element() { write(0); }
  Element(const Element&) = delete;
  Element& operator=(const Element&) = delete;

  void write(std::uint64_t value, Location at = Location::current()) {
    cell_(info(at)).store(value);
  }
  std::uint64_t read(Location at = Location::current()) const { return cell_(info(at)).load(); }

 private:
  rl::var<Word> cell_;
};

using Pool = catcher::ChunkPool<Element, ModelSync>;
using Table = catcher::ChunkTable<Element, ModelSync>;
using Rope = catcher::Rope<Element, ModelSync>;
using Pin = catcher::Pin<Element, ModelSync>;
using Place = catcher::Place<Element, ModelSync>;
using Compactor = catcher::Compactor<Element, ModelSync>;

class ModelMemory final : public catcher::ChunkMemory {
 public:
  void* allocate(std::size_t bytes) noexcept override {
    ++allocated_;
    return ::operator new(bytes);
  }
  void deallocate(void* memory, std::size_t /*bytes*/) noexcept override {
    ++freed_;
    ::operator delete(memory);
  }

  unsigned allocated() const { return allocated_; }
  unsigned freed() const { return freed_; }

 private:
  unsigned allocated_ = 0;  // Relacy runs its threads in turn, so plain will do
  unsigned freed_ = 0;
};

// An element of a modelled rope says where it is.
inline std::uint64_t value_at(std::uint64_t offset) {
  return offset + 1;
}

// Appends `count` elements, as one publication for each reservation.
inline void append(Rope& rope, std::uint64_t count) {
  while (count != 0) {
    const auto reserved = rope.reserve(1);
    RL_ASSERT(reserved.status == catcher::Status::ok);
    const std::uint64_t size = std::min<std::uint64_t>(count, reserved.space.size());
    const std::uint64_t end = rope.end();
    for (std::uint64_t i = 0; i < size; ++i) reserved.space[i].write(value_at(end + i));
    rope.commit(size);
    count -= size;
  }
}

// Thread: the rope's appender, which has finished.
inline void compact(Rope& rope) {
  const auto copy = [](Element* to, const Element* from, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) to[i].write(from[i].read());
    return true;
  };
  RL_ASSERT(Compactor(rope).run(copy) == catcher::Status::ok);
}

inline void expect_element(const Pin& pin, std::uint64_t offset) {
  RL_ASSERT(pin.base() <= offset && offset < pin.limit());
  RL_ASSERT(pin.data()[offset - pin.base()].read() == value_at(offset));
}

// A rope with the memory that it must give back, each piece once.
class OwnRope {
 public:
  explicit OwnRope(const catcher::RopeConfig& config)
      : memory_(std::make_shared<ModelMemory>()), rope_(std::make_unique<Rope>(config, memory_)) {}

  Rope* operator->() { return rope_.get(); }
  Rope& operator*() { return *rope_; }

  // Requires: no pins.
  void end() {
    rope_.reset();
    RL_ASSERT(memory_->allocated() == memory_->freed());
  }

 private:
  std::shared_ptr<ModelMemory> memory_;
  std::unique_ptr<Rope> rope_;
};

inline catcher::RopeConfig chunks_of(std::uint64_t size, std::uint64_t max_size = 0) {
  catcher::RopeConfig config;
  config.growth = catcher::Growth::constant(size);
  config.max_size = max_size;
  return config;
}

// Every interleaving; every one with at most `count` switches that nothing forced; or
// `count` random ones, which also let loads lag behind further.
struct Every {};
struct Switches {
  unsigned count;
};
struct Random {
  unsigned count;
};

// The run that failed, cut to what led to it.
inline std::string tail(const std::string& report) {
  constexpr std::size_t kEnough = 16000;
  return report.size() <= kEnough ? report : report.substr(report.size() - kEnough);
}

template <class Model>
bool search(const char* name, rl::test_params params) {
  std::ostringstream quiet;
  std::ostringstream report;
  params.progress_stream = &quiet;
  params.output_stream = &report;
  params.execution_depth_limit = 20000;
  const std::clock_t begin = std::clock();
  const bool good = rl::simulate<Model>(params);
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  std::printf("%-28s %-9s %9llu runs %6.2f s  %s\n", name,
              params.search_type == rl::sched_full    ? "every"
              : params.search_type == rl::sched_bound ? "switches"
                                                      : "random",
              static_cast<unsigned long long>(params.stop_iteration), seconds,
              good ? "good" : rl::test_result_str(params.test_result));
  if (!good) std::printf("%s\n", tail(report.str()).c_str());
  std::fflush(stdout);
  return good;
}

template <class Model>
bool search(const char* name, Every /*how*/) {
  rl::test_params params;
  params.search_type = rl::sched_full;
  return search<Model>(name, params);
}

template <class Model>
bool search(const char* name, Switches how) {
  rl::test_params params;
  params.search_type = rl::sched_bound;
  params.context_bound = how.count;
  return search<Model>(name, params);
}

template <class Model>
bool search(const char* name, Random how) {
  rl::test_params params;
  params.iteration_count = how.count;
  return search<Model>(name, params);
}

}  // namespace model
