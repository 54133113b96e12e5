// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "loader.hpp"

#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "reader.hpp"

namespace catcher {

namespace {

// kNotAtAll is the source's business: what it has at once is taken.
bool is_past(Deadline deadline) noexcept {
  return deadline != kNotAtAll && deadline != kForever && Clock::now() >= deadline;
}

ReadResult load_to_end(const std::shared_ptr<Catcher>& catcher, const Wait& wait) {
  Reader reader(catcher);
  reader.set_holds_back(false);
  for (;;) {
    const SeekResult edge = reader.seek(0, Whence::edge);
    ReadResult waited = reader.wait(wait);
    // Evicted: more came than the window holds, and the edge is elsewhere by now.
    if (waited.status == Status::ok || waited.status == Status::evicted) {
      const bool is_over = catcher->is_finished() || catcher->has_failed();
      if (is_over || !is_past(wait.deadline)) continue;
      return {static_cast<std::size_t>(catcher->window().end), Status::timed_out, {}, {}};
    }
    waited.bytes = static_cast<std::size_t>(edge.offset);
    if (waited.status == Status::end) waited.status = Status::ok;
    return waited;
  }
}

ReadResult failure(std::error_code error) noexcept {
  return {0, Status::failed, error, {}};
}

}  // namespace

ReadResult load_all(const std::shared_ptr<Catcher>& catcher, const Wait& wait) noexcept {
  try {
    return load_to_end(catcher, wait);
  } catch (const std::bad_alloc&) {
    return {0, Status::out_of_memory, {}, {}};
  }
}

// Shared by the handle and whoever loads.
struct Loader::State {
  void set(const ReadResult& outcome) noexcept {
    {
      Lock lock(mutex);
      if (!result) result = outcome;
    }
    done.notify_all();
  }
  std::optional<ReadResult> get() const {
    Lock lock(mutex);
    return result;
  }

  std::stop_source stop;
  mutable EventCount<> done;
  mutable Mutex mutex;
  std::optional<ReadResult> result CATCHER_GUARDED_BY(mutex);
  std::thread thread;  // the handle's alone
};

Loader::Loader() noexcept = default;
Loader::Loader(Loader&&) noexcept = default;

Loader::Loader(std::shared_ptr<Catcher> catcher) : Loader(std::move(catcher), Executor{}) {}

Loader::Loader(std::shared_ptr<Catcher> catcher, const Executor& executor)
    : state_(std::make_shared<State>()) {
  // Tells when the work is done, and also when it is dropped undone.
  struct Work {
    Work(std::shared_ptr<State> to, std::shared_ptr<Catcher> what)
        : state(std::move(to)), catcher(std::move(what)) {}
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    ~Work() { state->set({0, Status::cancelled, {}, {}}); }
    void run() noexcept { state->set(load_all(catcher, Wait{kForever, state->stop.get_token()})); }
    const std::shared_ptr<State> state;
    const std::shared_ptr<Catcher> catcher;
  };
  // Kept to the end of this: an executor that throws has dropped its own.
  const auto work = std::make_shared<Work>(state_, std::move(catcher));
  try {
    if (executor) {
      executor([work] { work->run(); });
    } else {
      state_->thread = std::thread([work] { work->run(); });
    }
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::system_error& error) {
    state_->set(failure(error.code()));
  } catch (...) {
    state_->set(failure(std::make_error_code(std::errc::resource_unavailable_try_again)));
  }
}

Loader& Loader::operator=(Loader&& other) noexcept {
  if (this != &other) {
    Loader old(std::move(*this));
    state_ = std::move(other.state_);
  }
  return *this;
}

Loader::~Loader() {
  if (state_ == nullptr) return;
  cancel();
  if (state_->thread.joinable()) state_->thread.join();
}

void Loader::cancel() noexcept {
  if (state_ != nullptr) state_->stop.request_stop();
}

bool Loader::is_done() const noexcept {
  return state_ == nullptr || state_->get().has_value();
}

ReadResult Loader::wait(const Wait& wait) const {
  if (state_ == nullptr) return {};
  struct Wake {
    State& state;
    void operator()() const noexcept { state.done.notify_all(); }
  };
  const std::stop_callback<Wake> wake_on_stop(wait.stop, Wake{*state_});
  for (;;) {
    if (const auto result = state_->get()) return *result;
    if (wait.deadline == kNotAtAll) return {0, Status::would_block, {}, {}};
    if (wait.stop.stop_requested()) return {0, Status::cancelled, {}, {}};
    const auto changed = [&] { return is_done() || wait.stop.stop_requested(); };
    if (!state_->done.sleep_unless(changed, wait.deadline)) {
      if (const auto result = state_->get()) return *result;
      return {0, Status::timed_out, {}, {}};
    }
  }
}

}  // namespace catcher
