// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// BUFFERING in a pipeline that keeps time, with an application that pauses it below 100 %.
#include "tests/support/plugin_check.hpp"

#include <condition_variable>
#include <mutex>

#include "tests/support/frames.hpp"

namespace {

using namespace catcher::test;

constexpr unsigned kRate = 48000;

int percent_of(GstMessage* message) {
  gint percent = -1;
  gst_message_parse_buffering(message, &percent);
  return percent;
}

// A pipeline of one tee and sinks that keep time, whose application pauses below 100 %.
class App {
 public:
  explicit App(const std::string& tee_settings, const std::string& branches)
      : pipeline(Element::launch("catchertee name=c use-buffering=true " + tee_settings + " " +
                                 branches)),
        tee(pipeline.child("c")),
        upstream(tee.get()) {
    pipeline.to(GST_STATE_PAUSED);
    thread_ = std::jthread([this] { run(); });
  }
  ~App() { wait_end(); }
  // Until it has paused, or played again, so many times.
  void wait_pauses(unsigned count) {
    wait("the application pauses", [&] { return pauses_ >= count; });
  }
  void wait_plays(unsigned count) {
    wait("the application plays on", [&] { return plays_ >= count; });
  }
  void wait_end() {
    if (thread_.joinable()) thread_.join();
  }
  unsigned pauses() {
    const std::lock_guard lock(mutex_);
    return pauses_;
  }
  unsigned plays() {
    const std::lock_guard lock(mutex_);
    return plays_;
  }

  Element pipeline;
  GstPtr<GstElement> tee;
  Upstream upstream;

 private:
  // As players do it: to PLAYING once there is a first buffer, and not while it is paused for more.
  void run() {
    bool prerolled = false;
    bool waits = false;
    for (;;) {
      GstMessage* message = pipeline.wait_message(
          GST_MESSAGE_BUFFERING | GST_MESSAGE_ASYNC_DONE | GST_MESSAGE_EOS | GST_MESSAGE_ERROR,
          "the application is told");
      const GstMessageType type = GST_MESSAGE_TYPE(message);
      const int percent = type == GST_MESSAGE_BUFFERING ? percent_of(message) : 100;
      gst_message_unref(message);
      demand(type != GST_MESSAGE_ERROR, "there is no error");
      if (type == GST_MESSAGE_EOS) return;
      if (type == GST_MESSAGE_ASYNC_DONE) {
        if (!prerolled && !waits) pipeline.to(GST_STATE_PLAYING);
        prerolled = true;
        continue;
      }
      if (waits == (percent < 100)) continue;
      waits = percent < 100;
      if (prerolled) pipeline.to(waits ? GST_STATE_PAUSED : GST_STATE_PLAYING);
      const std::lock_guard lock(mutex_);
      ++(waits ? pauses_ : plays_);
      changed_.notify_all();
    }
  }
  template <class Predicate>
  void wait(const char* for_what, const Predicate& is_so) {
    std::unique_lock lock(mutex_);
    demand(changed_.wait_for(lock, kPatience, is_so), for_what);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned pauses_ = 0, plays_ = 0;
  std::jthread thread_;
};

START_TEST(an_application_pauses_for_a_slow_upstream_and_comes_to_the_end) {
  App app("read-ahead-time=1000000000 low-watermark=0.1 high-watermark=0.5",
          "c.src_0 ! fakesink sync=true");
  app.upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(app.upstream, 0, 480, kRate, 480);
  app.wait_pauses(1);
  give_frames(app.upstream, 480, kRate * 6 / 10, kRate, 480);
  app.wait_plays(1);
  // It plays all of that, in time, and has to wait for more.
  app.wait_pauses(2);
  give_frames(app.upstream, 480 + kRate * 6 / 10, kRate / 10, kRate, 480);
  app.upstream.eos();
  app.wait_end();

  ck_assert_uint_eq(app.pauses(), 2);
  ck_assert_uint_eq(app.plays(), 2);
}
END_TEST

// The window is full long before there are two seconds: a writer that waits for a sink that is
// paused for the writer would wait for ever.
START_TEST(an_application_and_a_writer_that_waits_do_not_wait_for_each_other) {
  constexpr unsigned kFast = 384'000;
  App app("max-size-bytes=262144 when-full=block high-watermark=1.0",
          "c.src_0 ! fakesink sync=true  c.src_1 ! fakesink sync=true");
  app.upstream.begin(GST_FORMAT_TIME, frame_caps(kFast).c_str());
  give_frames(app.upstream, 0, kFast / 2, kFast, 3840);
  app.upstream.eos();
  app.wait_end();

  ck_assert_uint_eq(app.pauses(), app.plays());
}
END_TEST

START_TEST(an_application_is_not_paused_for_a_branch_that_follows_the_edge) {
  App app("read-ahead-time=500000000 high-watermark=0.8",
          "c.src_0 ! fakesink sync=true  c.src_1 ! fakesink sync=false async=false");
  app.upstream.begin(GST_FORMAT_TIME, frame_caps(kRate).c_str());
  give_frames(app.upstream, 0, kRate, kRate, 480);
  app.upstream.eos();
  app.wait_end();

  // Once at the beginning, if at all.
  ck_assert_uint_le(app.pauses(), 1);
  ck_assert_uint_eq(app.pauses(), app.plays());
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "buffering_app",
                          {{"application",
                            {an_application_pauses_for_a_slow_upstream_and_comes_to_the_end,
                             an_application_and_a_writer_that_waits_do_not_wait_for_each_other,
                             an_application_is_not_paused_for_a_branch_that_follows_the_edge}}});
}
