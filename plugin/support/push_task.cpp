// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "push_task.hpp"

namespace catcher::plugin {
namespace {

thread_local GstPad* pad_in_turn = nullptr;

}  // namespace

bool is_pushing_thread(GstPad* pad) noexcept {
  return pad_in_turn == pad;
}

void PushTask::turn(gpointer self) noexcept {
  const auto& task = *static_cast<PushTask*>(self);
  pad_in_turn = task.pad_;
  task.loop_(task.data_);
  pad_in_turn = nullptr;
}

void PushTask::activate() {
  // Makes the task, and tells the bus of it: without the lock. The first turn finds itself
  // interrupted, and pauses.
  gst_pad_start_task(pad_, turn, this, nullptr);
  {
    Lock lock(mutex_);
    active_ = true;
    upstream_ = false;
    note();
  }
  start();
}

void PushTask::deactivate() {
  Lock lock(mutex_);
  active_ = false;
  note();
}

void PushTask::begin(Flush flush) {
  Lock lock(mutex_);
  switch (flush) {
    case Flush::seek: ++seeks_; break;
    case Flush::upstream: upstream_ = true; break;
    case Flush::release: released_ = true; break;
  }
  note();
}

void PushTask::end(Flush flush) {
  Lock lock(mutex_);
  switch (flush) {
    case Flush::seek: --seeks_; break;
    case Flush::upstream: upstream_ = false; break;
    case Flush::release: break;  // that pad is not played again
  }
  note();
}

bool PushTask::is_flushed_by_upstream() const {
  Lock lock(mutex_);
  return upstream_;
}

bool PushTask::is_active() const {
  Lock lock(mutex_);
  return active_;
}

unsigned PushTask::starts() const {
  Lock lock(mutex_);
  return starts_;
}

void PushTask::start() {
  Lock lock(mutex_);
  ++starts_;
  // The task is there while the pad is active: this only lets it go on.
  if (may_run()) gst_pad_start_task(pad_, turn, this, nullptr);
}

void PushTask::pause(unsigned starts) {
  Lock lock(mutex_);
  if (starts_ == starts || !may_run()) gst_pad_pause_task(pad_);
}

}  // namespace catcher::plugin
