// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Who waits, ordered by offset: a pairing heap whose links lie in its nodes, so that to enter and
// to leave allocates nothing. Entering is O(1); leaving, first or not, is O(log n) over a run of
// operations. The standard library has no ordered container that owns no memory.
//
// Thread: under its owner's lock.
// Invariants:
//   I1  No node has a lower offset than its parent.
#pragma once

#include <cstdint>
#include <utility>

namespace catcher {

// Requires: not in two lists at a time. Outside a heap the links are free for other use.
struct OffsetNode {
  std::uint64_t offset = 0;
  OffsetNode* child = nullptr;  // first of those below
  OffsetNode* next = nullptr;   // the next with the same parent
  OffsetNode* prev = nullptr;   // the one before it; of the first, the parent
};

class OffsetHeap {
 public:
  bool empty() const noexcept { return root_ == nullptr; }
  // One with the lowest offset. Requires: not empty.
  OffsetNode& first() const noexcept { return *root_; }

  void insert(OffsetNode& node) noexcept {
    node.child = node.next = node.prev = nullptr;
    root_ = merge(root_, &node);
  }

  // Requires: `node` is in this heap.
  void erase(OffsetNode& node) noexcept {
    OffsetNode* below = combine(node.child);
    if (&node == root_) {
      root_ = below;
    } else {
      (node.prev->child == &node ? node.prev->child : node.prev->next) = node.next;
      if (node.next != nullptr) node.next->prev = node.prev;
      root_ = merge(root_, below);
    }
    node.child = node.next = node.prev = nullptr;
  }

 private:
  // Requires: both are roots, or nothing.
  static OffsetNode* merge(OffsetNode* first, OffsetNode* second) noexcept {
    if (first == nullptr) return second;
    if (second == nullptr) return first;
    if (second->offset < first->offset) std::swap(first, second);
    second->prev = first;
    second->next = first->child;
    if (first->child != nullptr) first->child->prev = second;
    first->child = second;
    return first;
  }

  // Makes one heap of siblings: by pairs, then of the pairs.
  static OffsetNode* combine(OffsetNode* siblings) noexcept {
    OffsetNode* pairs = nullptr;
    while (siblings != nullptr) {
      OffsetNode* one = take_first(siblings);
      OffsetNode* pair = merge(one, take_first(siblings));
      pair->next = pairs;
      pairs = pair;
    }
    OffsetNode* root = nullptr;
    while (pairs != nullptr) root = merge(root, take_first(pairs));
    return root;
  }

  static OffsetNode* take_first(OffsetNode*& list) noexcept {
    OffsetNode* node = list;
    if (node != nullptr) {
      list = node->next;
      node->next = node->prev = nullptr;
    }
    return node;
  }

  OffsetNode* root_ = nullptr;
};

}  // namespace catcher
