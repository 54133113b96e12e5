// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Shows GLib's locks and GStreamer's reference counts to the thread sanitizer. Those libraries are
// not built with it, and their mutex is a futex of its own, so that without this it reports races
// where there are none. A suppression of the libraries would hide ours as well: each streaming
// thread has a frame of theirs at its bottom. Linked into tests of a build with b_sanitize=thread;
// these names then stand before the libraries' own.
#include <dlfcn.h>
#include <gst/gst.h>
#include <sanitizer/tsan_interface.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace {

// The library's own function behind one of ours. A static would be guarded by a lock.
template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

// Each release of a reference is ordered before the last one, which frees.
void give_up(void* object) {
  __tsan_release(object);
  __tsan_acquire(object);
}

// GLib hands work to its pool's threads under locks that it calls within itself, where nothing can
// stand before them. In this pool each piece of work has a thread of its own. Just enough of one
// for GStreamer's tasks and GIO's.
struct VisiblePool : GThreadPool {
  std::mutex mutex;
  std::condition_variable ended;
  unsigned running = 0;

  void run(gpointer data) {
    const std::lock_guard lock(mutex);
    ++running;
    std::thread([this, data] {
      func(data, user_data);
      const std::lock_guard end(mutex);
      --running;
      ended.notify_all();
    }).detach();
  }
  void wait() {
    std::unique_lock lock(mutex);
    ended.wait(lock, [this] { return running == 0; });
  }
};

}  // namespace

#undef g_once_init_enter
#undef g_once_init_leave
#undef g_object_unref

extern "C" {

#define VISIBLE __attribute__((visibility("default")))

VISIBLE void g_mutex_lock(GMutex* mutex) {
  real<decltype(g_mutex_lock)>("g_mutex_lock")(mutex);
  __tsan_acquire(mutex);
}

VISIBLE gboolean g_mutex_trylock(GMutex* mutex) {
  const gboolean locked = real<decltype(g_mutex_trylock)>("g_mutex_trylock")(mutex);
  if (locked) __tsan_acquire(mutex);
  return locked;
}

VISIBLE void g_mutex_unlock(GMutex* mutex) {
  __tsan_release(mutex);
  real<decltype(g_mutex_unlock)>("g_mutex_unlock")(mutex);
}

VISIBLE void g_cond_wait(GCond* cond, GMutex* mutex) {
  __tsan_release(mutex);
  real<decltype(g_cond_wait)>("g_cond_wait")(cond, mutex);
  __tsan_acquire(mutex);
}

VISIBLE gboolean g_cond_wait_until(GCond* cond, GMutex* mutex, gint64 end_time) {
  __tsan_release(mutex);
  const gboolean signalled =
      real<decltype(g_cond_wait_until)>("g_cond_wait_until")(cond, mutex, end_time);
  __tsan_acquire(mutex);
  return signalled;
}

VISIBLE gboolean(g_once_init_enter)(volatile void* location) {
  const gboolean first = real<gboolean(volatile void*)>("g_once_init_enter")(location);
  __tsan_acquire(const_cast<void*>(location));
  return first;
}

VISIBLE void(g_once_init_leave)(volatile void* location, gsize result) {
  __tsan_release(const_cast<void*>(location));
  real<void(volatile void*, gsize)>("g_once_init_leave")(location, result);
}

// The last reference may be given up within the libraries, where nothing stands before it: then
// what was done before the others were given up is seen here.
VISIBLE void(g_free)(gpointer memory) {
  if (memory != nullptr) __tsan_acquire(memory);
  real<void(gpointer)>("g_free")(memory);
}

VISIBLE void g_slice_free1(gsize size, gpointer memory) {
  if (memory != nullptr) __tsan_acquire(memory);
  real<void(gsize, gpointer)>("g_slice_free1")(size, memory);
}

VISIBLE GThreadPool* g_thread_pool_new(GFunc func, gpointer user_data, gint, gboolean exclusive,
                                       GError**) {
  auto* pool = new VisiblePool;
  pool->func = func;
  pool->user_data = user_data;
  pool->exclusive = exclusive;
  return pool;
}

VISIBLE gboolean g_thread_pool_push(GThreadPool* pool, gpointer data, GError**) {
  static_cast<VisiblePool*>(pool)->run(data);
  return TRUE;
}

// What GIO asks of its own pool. All that was pushed runs at once, so there is no order to keep.
VISIBLE void g_thread_pool_set_sort_function(GThreadPool*, GCompareDataFunc, gpointer) {}

VISIBLE guint g_thread_pool_unprocessed(GThreadPool*) {
  return 0;
}

VISIBLE void g_thread_pool_free(GThreadPool* pool, gboolean, gboolean) {
  auto* own = static_cast<VisiblePool*>(pool);
  own->wait();
  delete own;
}

VISIBLE void g_object_unref(gpointer object) {
  give_up(object);
  real<void(gpointer)>("g_object_unref")(object);
}

VISIBLE void gst_object_unref(gpointer object) {
  give_up(object);
  real<void(gpointer)>("gst_object_unref")(object);
}

VISIBLE void gst_mini_object_unref(GstMiniObject* object) {
  give_up(object);
  real<void(GstMiniObject*)>("gst_mini_object_unref")(object);
}

}  // extern "C"
