// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "readable_queue.hpp"

#include <algorithm>
#include <thread>

namespace catcher {

struct ReadableRequest::Call {
  ReadableRequest* request;  // nothing once that is gone
  std::thread::id thread;
  Call* next;
};

ReadableRequest::~ReadableRequest() {
  if (queue_ != nullptr) queue_->leave(*this);
}

bool ReadableRequest::cancel() noexcept {
  return queue_ != nullptr && queue_->cancel(*this);
}

bool ReadableQueue::add(ReadableRequest& request, std::uint64_t offset,
                        std::shared_ptr<void> keeper) noexcept {
  if (request.queue_ != nullptr && request.queue_ != this) return false;
  if (request.place_ != Place::nowhere) return false;
  if (request.queue_ == nullptr) {
    request.keeper_ = std::move(keeper);
    request.queue_ = this;
  }
  // kNobody is what nobody waits for. No stream comes to either.
  request.offset = std::min(offset, Earliest<>::kNobody - 1);
  request.place_ = Place::waiting;
  waiting_.insert(request);
  lowest_changed();
  return true;
}

void ReadableQueue::remove(ReadableRequest& request) noexcept {
  if (request.place_ == Place::waiting) {
    waiting_.erase(request);
    lowest_changed();
  } else {
    unlink_due(request);
  }
  request.place_ = Place::nowhere;
}

void ReadableQueue::lowest_changed() noexcept {
  earliest_.set(waiting_.empty() ? Earliest<>::kNobody : waiting_.first().offset);
}

bool ReadableQueue::settle(ReadableRequest& request, Lock& lock) noexcept {
  bool undone = false;
  for (;;) {
    if (request.place_ != Place::nowhere) {
      remove(request);
      undone = true;
    }
    if (request.call_ == nullptr || request.call_->thread == std::this_thread::get_id()) break;
    returned_.wait(lock);
  }
  return undone;
}

std::stop_source ReadableQueue::unwanted() const noexcept {
  return waiting_.empty() ? interrupt_ : std::stop_source(std::nostopstate);
}

void ReadableQueue::interrupt_unwanted() noexcept {
  std::stop_source unwanted_work(std::nostopstate);
  {
    Lock lock(mutex_);
    unwanted_work = unwanted();
  }
  unwanted_work.request_stop();
}

bool ReadableQueue::cancel(ReadableRequest& request) noexcept {
  // Let go of, and stopped, without the lock.
  std::shared_ptr<void> keeper;
  std::stop_source unwanted_work(std::nostopstate);
  bool undone = false;
  {
    Lock lock(mutex_);
    undone = settle(request, lock);
    if (undone) unwanted_work = unwanted();
    if (request.call_ == nullptr) keeper = forget(request);
  }
  unwanted_work.request_stop();
  return undone;
}

void ReadableQueue::leave(ReadableRequest& request) noexcept {
  std::stop_source unwanted_work(std::nostopstate);
  {
    Lock lock(mutex_);
    if (settle(request, lock)) unwanted_work = unwanted();
    // Inside its own callback: nobody looks at it afterwards.
    if (request.call_ != nullptr) request.call_->request = nullptr;
  }
  unwanted_work.request_stop();
}

bool ReadableQueue::is_calling_back() const noexcept {
  for (const Call* call = calls_; call != nullptr; call = call->next) {
    if (call->thread == std::this_thread::get_id()) return true;
  }
  return false;
}

void ReadableQueue::call_back(std::uint64_t end, Status status) noexcept {
  Lock lock(mutex_);
  bool any = false;
  while (!waiting_.empty() && waiting_.first().offset < end) {
    auto& request = static_cast<ReadableRequest&>(waiting_.first());
    waiting_.erase(request);
    request.outcome_ = status;
    push_due(request);
    any = true;
  }
  if (any) lowest_changed();
  if (is_calling_back()) return;
  while (ReadableRequest* request = next_due()) {
    Call call{request, std::this_thread::get_id(), calls_};
    calls_ = &call;
    request->call_ = &call;
    const auto callback = request->callback_;
    void* const context = request->context_;
    const Status outcome = request->outcome_;
    lock.unlock();
    callback(context, outcome);
    lock.lock();
    if (call.request != nullptr) call.request->call_ = nullptr;
    Call** link = &calls_;
    while (*link != &call) link = &(*link)->next;
    *link = call.next;
    returned_.notify_all();
  }
}

// One whose callback is being made on another thread is left to that thread.
ReadableRequest* ReadableQueue::next_due() noexcept {
  for (OffsetNode* node = first_due_; node != nullptr; node = node->next) {
    auto* request = static_cast<ReadableRequest*>(node);
    if (request->call_ != nullptr) continue;
    unlink_due(*request);
    request->place_ = Place::nowhere;
    return request;
  }
  return nullptr;
}

void ReadableQueue::push_due(ReadableRequest& request) noexcept {
  OffsetNode& node = request;
  node.next = nullptr;
  node.prev = last_due_;
  (last_due_ == nullptr ? first_due_ : last_due_->next) = &node;
  last_due_ = &node;
  request.place_ = Place::due;
}

void ReadableQueue::unlink_due(ReadableRequest& request) noexcept {
  OffsetNode& node = request;
  (node.prev == nullptr ? first_due_ : node.prev->next) = node.next;
  (node.next == nullptr ? last_due_ : node.next->prev) = node.prev;
  node.next = node.prev = nullptr;
}

}  // namespace catcher
