// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "core/budget.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <random>

#include "core/reader.hpp"
#include "tests/support/check.hpp"
#include "tests/support/gate.hpp"

namespace {

using namespace catcher;
using namespace catcher::test;

constexpr std::uint64_t kChunk = 100;

// What a catcher of so many bytes counts.
std::uint64_t cost_of(std::uint64_t size) {
  return sizeof(Catcher) + (size + kChunk - 1) / kChunk * kChunk;
}

struct Made {
  std::shared_ptr<Catcher> catcher;
  Writer writer;
};

// Its content is its number, over and over.
Made begin_one(std::uint64_t number, std::uint64_t size) {
  Config config;
  config.growth = Growth::constant(kChunk);
  auto made = Catcher::push(config);
  std::vector<std::byte> bytes(size);
  for (std::size_t at = 0; at + sizeof number <= size; at += sizeof number) {
    std::memcpy(bytes.data() + at, &number, sizeof number);
  }
  demand(made.writer.append(bytes).bytes == size, "there is memory");
  return {std::move(made.catcher), std::move(made.writer)};
}

std::shared_ptr<Catcher> finished(std::uint64_t number, std::uint64_t size = 1000) {
  Made made = begin_one(number, size);
  made.writer.finish();
  return std::move(made.catcher);
}

std::uint64_t number_of(const std::shared_ptr<Catcher>& catcher) {
  std::uint64_t number = 0;
  Reader reader(catcher);
  demand(reader.read(std::as_writable_bytes(std::span(&number, 1))).bytes == sizeof number,
         "a catcher has a number");
  return number;
}

// A budget that notes the keys of what it drops.
struct Noting {
  std::vector<std::string> dropped;
  Budget budget;

  explicit Noting(std::uint64_t max_bytes)
      : budget(max_bytes, [this](const std::string& key, const std::shared_ptr<Catcher>&) {
          dropped.push_back(key);
        }) {}
  // Nobody holds it afterwards.
  void enter(const std::string& key, std::shared_ptr<Catcher> catcher) {
    (void)budget.enter(key, std::move(catcher));
  }
  bool has(const std::string& key) { return budget.find(key) != nullptr; }
};

using Keys = std::vector<std::string>;

START_TEST(what_was_used_least_recently_goes_first) {
  Noting noting(3 * cost_of(1000));
  for (const char* key : {"a", "b", "c"}) noting.enter(key, finished(1));
  ck_assert(noting.dropped.empty());
  ck_assert(noting.has("a"));

  noting.enter("d", finished(1));
  noting.enter("e", finished(1));

  ck_assert(noting.dropped == (Keys{"b", "c"}));
  ck_assert(noting.has("a") && noting.has("d") && noting.has("e") && !noting.has("b"));
  const BudgetFigures figures = noting.budget.figures();
  ck_assert_uint_eq(figures.bytes, 3 * cost_of(1000));
  ck_assert_uint_eq(figures.count, 3);
  ck_assert_uint_eq(figures.dropped, 2);
}
END_TEST

START_TEST(what_is_used_stays_until_it_is_let_go_of) {
  Noting noting(cost_of(1000));
  auto handle = noting.budget.enter("a", finished(1));
  std::optional<Reader> reader(std::in_place, handle);
  handle.reset();
  noting.enter("b", finished(2));
  ck_assert(noting.dropped == Keys{"b"});
  noting.budget.set_max_bytes(0);
  ck_assert(noting.has("a"));

  reader.reset();

  ck_assert(noting.dropped == (Keys{"b", "a"}));
}
END_TEST

START_TEST(what_still_arrives_stays_and_counts) {
  Noting noting(cost_of(1000) + cost_of(100));
  Made growing = begin_one(1, 100);
  noting.enter("a", std::move(growing.catcher));
  noting.enter("b", finished(2));
  ck_assert(noting.dropped.empty());

  const std::vector<std::byte> more(900);
  ck_assert_uint_eq(growing.writer.append(more).bytes, more.size());
  noting.budget.look();

  ck_assert(noting.dropped == Keys{"b"});
  growing.writer.finish();
  noting.budget.set_max_bytes(0);
  ck_assert(noting.dropped == Keys{"b"});  // its writer has it
  growing.writer = Writer();
  noting.budget.look();
  ck_assert(noting.dropped == (Keys{"b", "a"}));
}
END_TEST

START_TEST(what_has_failed_goes_and_what_nobody_writes_to_any_more) {
  Noting noting(0);
  Made failed = begin_one(1, 100);
  failed.writer.fail(std::make_error_code(std::errc::io_error));
  failed.writer = Writer();
  noting.enter("a", std::move(failed.catcher));
  noting.enter("b", begin_one(2, 100).catcher);
  noting.budget.look();

  ck_assert(noting.dropped == (Keys{"a", "b"}));
}
END_TEST

START_TEST(a_key_that_is_entered_again_means_the_new_one) {
  Noting noting(10 * cost_of(1000));
  const auto old = noting.budget.enter("a", finished(1));

  noting.enter("a", finished(2));

  ck_assert_uint_eq(number_of(noting.budget.find("a")), 2);
  ck_assert_uint_eq(number_of(old), 1);
  ck_assert_uint_eq(noting.budget.figures().count, 1);
  ck_assert(noting.dropped.empty());
}
END_TEST

START_TEST(what_is_removed_is_gone_and_nobody_is_told) {
  Noting noting(10 * cost_of(1000));
  const auto held = noting.budget.enter("a", finished(1));

  ck_assert(noting.budget.remove("a"));

  ck_assert(!noting.budget.remove("a"));
  ck_assert(!noting.has("a"));
  ck_assert_uint_eq(number_of(held), 1);
  ck_assert(noting.dropped.empty());
}
END_TEST

START_TEST(handles_outlive_their_budget) {
  std::shared_ptr<Catcher> handle;
  {
    Budget budget(0);
    handle = budget.enter("a", finished(7));
  }
  ck_assert_uint_eq(number_of(handle), 7);
}
END_TEST

START_TEST(who_is_told_may_keep_it_and_call_the_budget) {
  std::vector<std::shared_ptr<Catcher>> kept;
  Budget* self = nullptr;
  Budget budget(0, [&](const std::string& key, std::shared_ptr<Catcher> catcher) {
    ck_assert_ptr_null(self->find(key).get());
    ck_assert_uint_eq(self->figures().count, 0);
    kept.push_back(std::move(catcher));
    // Under another name, once.
    if (kept.size() == 1) (void)self->enter("second", finished(2));
  });
  self = &budget;

  (void)budget.enter("first", finished(1));

  ck_assert_uint_eq(kept.size(), 2);
  ck_assert_uint_eq(number_of(kept[0]), 1);
  ck_assert_uint_eq(number_of(kept[1]), 2);
}
END_TEST

// ---- against an oracle

// The same rules, as plainly as they can be said.
struct Oracle {
  struct One {
    std::string key;
    std::uint64_t number = 0, cost = 0;
    bool is_over = false;
  };
  std::vector<One> all;  // by last use
  std::map<std::uint64_t, unsigned> handles;
  std::uint64_t max_bytes = 0;
  std::vector<std::uint64_t> dropped;

  auto find(const std::string& key) {
    return std::find_if(all.begin(), all.end(), [&](const One& one) { return one.key == key; });
  }
  std::uint64_t sum() const {
    std::uint64_t bytes = 0;
    for (const One& one : all) bytes += one.cost;
    return bytes;
  }
  void look() {
    for (std::size_t at = 0; at < all.size() && sum() > max_bytes;) {
      if (all[at].is_over && handles[all[at].number] == 0) {
        dropped.push_back(all[at].number);
        all.erase(all.begin() + static_cast<std::ptrdiff_t>(at));
      } else {
        ++at;
      }
    }
  }
};

// One of what a program has in hand.
struct Held {
  std::uint64_t number = 0;
  std::shared_ptr<Catcher> handle;
  Writer writer;  // of one that still arrives
};

class Run {
 public:
  explicit Run(std::uint64_t seed)
      : random_(seed), budget_(0, [this](const std::string&, const std::shared_ptr<Catcher>& one) {
          dropped_.push_back(number_of(one));
        }) {}

  void step(std::uint64_t seed) {
    const std::string key(1, static_cast<char>('a' + random_() % 8));
    switch (random_() % 8) {
      case 0:
      case 1: enter(key); break;
      case 2:
      case 3: find(key); break;
      case 4:
      case 5: let_go(); break;
      case 6: finish(); break;
      default: other(key); break;
    }
    const BudgetFigures figures = budget_.figures();
    demand(dropped_ == oracle_.dropped, "the same go, in the same order", seed);
    demand(figures.bytes == oracle_.sum(), "the same bytes are counted", seed);
    demand(figures.count == oracle_.all.size(), "as many are there", seed);
    demand(figures.dropped == oracle_.dropped.size(), "drops are counted", seed);
  }

 private:
  void enter(const std::string& key) {
    const std::uint64_t size = 8 + random_() % 2000;
    Made made = begin_one(++numbers_, size);
    const bool is_over = random_() % 2 == 0;
    if (is_over) {
      made.writer.finish();
      made.writer = Writer();
    }
    if (const auto found = oracle_.find(key); found != oracle_.all.end()) oracle_.all.erase(found);
    oracle_.all.push_back({key, numbers_, cost_of(size), is_over});
    oracle_.handles[numbers_] = 1;
    oracle_.look();
    held_.push_back(
        {numbers_, budget_.enter(key, std::move(made.catcher)), std::move(made.writer)});
  }
  void find(const std::string& key) {
    auto handle = budget_.find(key);
    const auto found = oracle_.find(key);
    demand((handle != nullptr) == (found != oracle_.all.end()), "the same is found");
    if (handle == nullptr) return;
    demand(number_of(handle) == found->number, "it is the same one", found->number);
    std::rotate(found, found + 1, oracle_.all.end());
    ++oracle_.handles[oracle_.all.back().number];
    held_.push_back({oracle_.all.back().number, std::move(handle), {}});
  }
  // Of one that may still arrive: its writer goes too, and nobody will write to it any more.
  void let_go() {
    if (held_.empty()) return;
    std::swap(held_[random_() % held_.size()], held_.back());
    Held gone = std::move(held_.back());
    held_.pop_back();
    --oracle_.handles[gone.number];
    if (gone.writer) end(gone);
    oracle_.look();
    gone.handle.reset();
  }
  void finish() {
    for (Held& one : held_) {
      if (!one.writer) continue;
      one.writer.finish();
      end(one);
      break;
    }
  }
  void end(Held& one) {
    one.writer = Writer();
    for (auto& entry : oracle_.all) entry.is_over |= entry.number == one.number;
  }
  void other(const std::string& key) {
    if (random_() % 2 == 0) {
      const auto found = oracle_.find(key);
      const bool is_there = found != oracle_.all.end();
      if (is_there) oracle_.all.erase(found);
      demand(budget_.remove(key) == is_there, "the same is removed");
    } else {
      oracle_.max_bytes = random_() % (5 * cost_of(2000));
      oracle_.look();
      budget_.set_max_bytes(oracle_.max_bytes);
    }
  }

  std::mt19937_64 random_;
  std::vector<std::uint64_t> dropped_;
  Oracle oracle_;
  std::uint64_t numbers_ = 0;
  Budget budget_;
  std::vector<Held> held_;
};

START_TEST(an_oracle_agrees) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Run run(seed);
    for (unsigned step = 0; step < 500; ++step) run.step(seed);
  }
}
END_TEST

// ---- threads

START_TEST(threads_enter_find_and_let_go_and_what_is_used_stays) {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kRounds = 2000;
  static std::array<std::atomic<unsigned>, kThreads * kRounds + 1> users;
  std::atomic<std::uint64_t> told{0};
  Budget budget(4 * cost_of(1000), [&](const std::string&, const std::shared_ptr<Catcher>& one) {
    demand(users[number_of(one)] == 0, "what is used is not dropped");
    ++told;
  });
  const auto work = [&](unsigned thread) {
    std::minstd_rand random(thread + 1);
    for (unsigned round = 0; round < kRounds; ++round) {
      const std::string key(1, static_cast<char>('a' + random() % 10));
      auto handle = budget.find(key);
      if (handle == nullptr) {
        handle = budget.enter(key, finished(thread * kRounds + round + 1));
      }
      // Whoever holds a handle counts: before it goes, and never before it is there.
      const std::uint64_t number = number_of(handle);
      ++users[number];
      demand(number_of(handle) == number, "a catcher stays what it is");
      --users[number];
      if (random() % 50 == 0) budget.set_max_bytes((1 + random() % 6) * cost_of(1000));
      if (random() % 50 == 0) budget.remove(key);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread) threads.emplace_back(work, thread);
  for (std::thread& thread : threads) thread.join();

  const BudgetFigures figures = budget.figures();
  ck_assert_uint_le(figures.bytes, 6 * cost_of(1000));
  ck_assert_uint_eq(figures.dropped, told);
  ck_assert_uint_gt(told, 0);
  budget.set_max_bytes(0);
  ck_assert_uint_eq(budget.figures().count, 0);
}
END_TEST

}  // namespace

int main() {
  return run_suite(
      "budget",
      {{"rules",
        {what_was_used_least_recently_goes_first, what_is_used_stays_until_it_is_let_go_of,
         what_still_arrives_stays_and_counts,
         what_has_failed_goes_and_what_nobody_writes_to_any_more,
         a_key_that_is_entered_again_means_the_new_one, what_is_removed_is_gone_and_nobody_is_told,
         handles_outlive_their_budget, who_is_told_may_keep_it_and_call_the_budget}},
       {"oracle", {an_oracle_agrees}},
       {"threads", {threads_enter_find_and_let_go_and_what_is_used_stays}}});
}
