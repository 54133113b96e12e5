// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// One bound on the memory of many catchers, each under a key: for programs that keep what they have
// caught while there is room. What is over and nobody uses goes when the sum exceeds the bound, the
// one used least recently first.
//
//   catcher::Budget budget(512 << 20);
//   auto song = budget.find(url);
//   if (song == nullptr) song = budget.enter(url, catch_it(url));
//   catcher::Reader reader(song);
//
// A catcher is over once it has finished or failed, and used while anybody but the budget has a
// handle to it: a reader or writer has one. It counts from the moment that it is entered, but
// neither what is used nor what still arrives is ever dropped, whatever the sum. To find, to enter
// and to hold is to use: the handles that enter() and find() return look at the budget when the
// last of them goes, and are as good as any other otherwise, also when the budget has gone before.
// Handles from elsewhere do not tell when they go, and neither does a stream that ends: the next
// call finds that out, or look().
//
// A lease keeps its chunk, not its catcher: its memory comes on top of the bound. A file that was
// opened (saved.hpp) counts with its length, whatever of it is in memory.
//
// Not for one catcher: Config::max_bytes bounds that.
//
// Thread: any. Cost: finding is O(1), and whatever may drop looks at every catcher there is.
// enter() and find() throw std::bad_alloc, and change nothing then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "catcher.hpp"
#include "export.hpp"

namespace catcher {

// A snapshot.
struct BudgetFigures {
  std::uint64_t bytes = 0;    // of all that are entered, now
  std::size_t count = 0;      // of them
  std::uint64_t dropped = 0;  // ever, for want of room
};

class CATCHER_API Budget {
 public:
  // Told of each catcher that is dropped, and given it: the last moment to save it. Called on the
  // thread whose call or handle made it go, with no lock held; may call the budget. It must not
  // throw.
  using OnDrop = std::function<void(const std::string& key, std::shared_ptr<Catcher> catcher)>;

  // 0 keeps nothing that is not used.
  explicit Budget(std::uint64_t max_bytes, OnDrop on_drop = {});
  // Lets go of all, and tells nobody.
  ~Budget();
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  // Another one that has the key is let go of, and nobody is told. Requires: not null.
  [[nodiscard]] std::shared_ptr<Catcher> enter(const std::string& key,
                                               std::shared_ptr<Catcher> catcher);
  // Nothing if there is none.
  [[nodiscard]] std::shared_ptr<Catcher> find(const std::string& key);
  // Lets go of it, used or not, and tells nobody. False if there is none.
  bool remove(const std::string& key);
  void set_max_bytes(std::uint64_t max_bytes);  // and drops what is due
  // Drops what is due.
  void look();
  BudgetFigures figures() const;  // of now

  // What a catcher counts: its chunks, and what one costs that holds nothing.
  static std::uint64_t cost(const Catcher& catcher);

 private:
  struct State;
  struct Use;
  static std::shared_ptr<Catcher> hand_out(std::shared_ptr<State> state,
                                           std::shared_ptr<Catcher> catcher);

  const std::shared_ptr<State> state_;
};

}  // namespace catcher
