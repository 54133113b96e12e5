// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What lives in an execution context of Asio's and is told when that ends: handlers and I/O objects
// must go before it, although a reader or a catcher may keep their owner longer. No API.
//
// Thread: any.
// Invariants:
//   I1  A resident is abandoned once at most, by the end of its context.
#pragma once

#include <asio/execution/context.hpp>
#include <asio/execution_context.hpp>
#include <asio/query.hpp>
#include <memory>
#include <utility>

#include "../mutex.hpp"

namespace catcher::asio_detail {

class Residents;

class Resident : public std::enable_shared_from_this<Resident> {
 public:
  Resident() = default;
  virtual ~Resident();
  Resident(const Resident&) = delete;
  Resident& operator=(const Resident&) = delete;

 private:
  friend class Residents;
  // Lets go of all that needs the context, which is not run any more.
  virtual void abandon() noexcept = 0;

  std::shared_ptr<Residents> residents_;
  // Guarded by the residents.
  Resident* next_ = nullptr;
  Resident* prev_ = nullptr;
  bool is_listed_ = false;
};

// Those of one context. They may outlive it.
class Residents {
 public:
  // Tells `resident` of the end of the context that `executor` belongs to.
  template <class Executor>
  static void enter(const Executor& executor, Resident& resident);

  void remove(Resident& resident) noexcept {
    Lock lock(mutex_);
    unlink(resident);
  }
  // Abandons all, and those that come later.
  void shut_down() noexcept {
    while (const std::shared_ptr<Resident> resident = take_one()) resident->abandon();
  }

 private:
  bool add(Resident& resident) noexcept {
    Lock lock(mutex_);
    if (is_shut_down_) return false;
    resident.next_ = first_;
    if (first_ != nullptr) first_->prev_ = &resident;
    first_ = &resident;
    resident.is_listed_ = true;
    return true;
  }
  void unlink(Resident& resident) noexcept CATCHER_REQUIRES(mutex_) {
    if (!std::exchange(resident.is_listed_, false)) return;
    (resident.prev_ == nullptr ? first_ : resident.prev_->next_) = resident.next_;
    if (resident.next_ != nullptr) resident.next_->prev_ = resident.prev_;
    resident.prev_ = resident.next_ = nullptr;
  }
  std::shared_ptr<Resident> take_one() noexcept {
    Lock lock(mutex_);
    is_shut_down_ = true;
    while (first_ != nullptr) {
      Resident& resident = *first_;
      unlink(resident);
      // Nothing if it is about to go by itself.
      if (auto taken = resident.weak_from_this().lock()) return taken;
    }
    return nullptr;
  }

  Mutex mutex_;
  Resident* first_ CATCHER_GUARDED_BY(mutex_) = nullptr;
  bool is_shut_down_ CATCHER_GUARDED_BY(mutex_) = false;
};

// How a context tells that it ends.
class ResidentService final : public asio::execution_context::service {
 public:
  static inline asio::execution_context::id id;

  explicit ResidentService(asio::execution_context& context)
      : asio::execution_context::service(context) {}
  const std::shared_ptr<Residents>& residents() const noexcept { return residents_; }

 private:
  void shutdown() noexcept override { residents_->shut_down(); }

  const std::shared_ptr<Residents> residents_ = std::make_shared<Residents>();
};

template <class Executor>
void Residents::enter(const Executor& executor, Resident& resident) {
  asio::execution_context& context = asio::query(executor, asio::execution::context);
  resident.residents_ = asio::use_service<ResidentService>(context).residents();
  if (!resident.residents_->add(resident)) resident.abandon();
}

inline Resident::~Resident() {
  if (residents_ != nullptr) residents_->remove(*this);
}

}  // namespace catcher::asio_detail
