// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// A catchertee, and all that can happen to it at once: branches come and go, are sought, blocked,
// unlinked, pulled, made to fail and asked, from many threads, while upstream sends, ends, begins
// again and flushes. Whatever is played is what was recorded there; a branch that is left alone has
// all; every other one can be brought back.
#include "tests/support/churn.hpp"

#include "tests/support/channel.hpp"
#include "tests/support/message_tray.hpp"

#include "tests/support/plugin_check.hpp"

namespace {

using namespace catcher::test;

// Under a sanitizer, on a busy machine, nothing takes as long.
constexpr std::chrono::seconds kHangs{40};
constexpr std::size_t kLimbs = 4;
constexpr const char* kChannel = "churn";

enum class Keeps : std::uint8_t { all, block, evict };

class Round {
 public:
  Round(Form form, Keeps keeps, bool live, Watchdog& dog, Random& random)
      : form_(form),
        keeps_(keeps),
        dog_(dog),
        tee_("catchertee"),
        posted_(MessageTray::under(tee_.bus())),
        feeder_(tee_.get(), form, {}, random.fork()) {
    tee_.set("channel", kChannel);
    tee_.set_text("pull-mode", random.one_in(2) ? "wait" : "auto");
    if (keeps == Keeps::block) tee_.set_text("when-full", "block");
    if (keeps != Keeps::all) tee_.set("max-size-bytes", guint64{1} << 18);
    if (live) feeder_.upstream().is_live(10 * GST_MSECOND);
    quiet_ = Limb::of_tee(tee_.get(), form);
    if (keeps != Keeps::evict) {
      quiet_->judge().is_quiet([this](std::uint64_t number) { return feeder_.length_of(number); });
    }
    quiet_->link();
    for (std::size_t number = 0; number < kLimbs; ++number) {
      limbs_.push_back(Limb::of_tee(tee_.get(), form));
      limbs_.back()->link();
    }
  }

  void run(double seconds, Random& random) {
    tee_.to(GST_STATE_PLAYING);
    feeder_.begin();
    std::vector<std::thread> threads;
    const auto on_thread = [&](const char* name, void (Round::*what)(Watchdog::Watched&, Random)) {
      threads.emplace_back([this, name, what, own = Random(random.fork())] {
        Watchdog::Watched self(dog_, name);
        (this->*what)(self, own);
      });
    };
    for (const char* name : {"meddler 1", "meddler 2", "meddler 3"}) {
      on_thread(name, &Round::meddle_on);
    }
    on_thread("comer 1", &Round::come_and_go);
    on_thread("comer 2", &Round::come_and_go);
    on_thread("player 1", &Round::play_the_channel);
    on_thread("player 2", &Round::play_the_channel);
    on_thread("asker", &Round::ask);
    on_thread("flusher", &Round::flush);
    Watchdog::Watched self(dog_, "test");
    self.does("waits for time to be up");
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, std::chrono::duration<double>(seconds));
      stop_ = true;
      changed_.notify_all();
    }
    self.does("waits for the threads");
    for (std::thread& thread : threads) thread.join();
    finish(self);
  }

 private:
  bool goes_on() const { return !stop_; }
  // For a moment, or until the end.
  void rest(Random& random, unsigned most_ms) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::milliseconds(random.below(most_ms)),
                      [this] { return stop_.load(); });
  }

  void meddle_on(Watchdog::Watched& self, Random random) {
    while (goes_on()) {
      meddle(self, *limbs_[random.below(kLimbs)], feeder_, form_, random);
      self.does("rests");
      if (random.one_in(3)) rest(random, 3);
    }
  }

  void come_and_go(Watchdog::Watched& self, Random random) {
    while (goes_on()) {
      self.does("requests a pad");
      const auto limb = Limb::of_tee(tee_.get(), form_);
      static constexpr std::array kStarts{"oldest", "edge", "offset"};
      limb->branch().set_text("start-from", kStarts[random.below(3)]);
      limb->branch().set("start-offset", static_cast<gint64>(random.below(GST_SECOND)) -
                                             static_cast<gint64>(GST_SECOND / 2));
      if (random.one_in(4)) limb->branch().admit(random.below(4));
      if (!random.one_in(8)) limb->link_again();
      for (std::uint64_t deeds = random.below(8); deeds-- > 0;) {
        meddle(self, *limb, feeder_, form_, random);
      }
      self.does("releases a pad");
      limb->branch().release();
    }
  }

  void play_the_channel(Watchdog::Watched& self, Random random) {
    while (goes_on()) {
      self.does("begins to play");
      Element src("catchersrc");
      MessageTray& posted = MessageTray::under(src.bus());
      src.set("channel", kChannel);
      if (random.one_in(2)) src.set_text("start-from", "edge");
      Limb limb(src.get(), GstPtr<GstPad>(gst_element_get_static_pad(src.get(), "src")), form_);
      limb.link();
      src.to(GST_STATE_PLAYING);
      for (std::uint64_t deeds = random.below(12); deeds-- > 0;) {
        meddle(self, limb, feeder_, form_, random);
        self.does("changes state");
        if (random.one_in(6)) src.to(random.one_in(2) ? GST_STATE_PAUSED : GST_STATE_PLAYING);
        self.does("rests");
        if (random.one_in(2)) rest(random, 10);
      }
      self.does("ends playing");
      limb.branch().unblock();  // downstream would go first
      src.to(GST_STATE_NULL);
      allow(posted);
    }
  }

  void ask(Watchdog::Watched& self, Random random) {
    while (goes_on()) {
      self.does("reads the element's properties");
      read_all_properties(tee_.get());
      self.does("asks the quiet branch");
      // Its length would be waited for, were it pulled.
      ask_all(quiet_->src());
      self.does("looks at the children");
      auto* proxy = GST_CHILD_PROXY(tee_.get());
      for (guint child = gst_child_proxy_get_children_count(proxy); child-- > 0;) {
        GObject* pad = gst_child_proxy_get_child_by_index(proxy, child);
        if (pad == nullptr) continue;
        read_all_properties(pad);
        g_object_unref(pad);
      }
      self.does("changes the pull mode");
      static constexpr std::array kModes{"auto", "wait", "never"};
      tee_.set_text("pull-mode", kModes[random.below(3)]);
      self.does("changes the state");
      tee_.to(random.one_in(2) ? GST_STATE_PAUSED : GST_STATE_PLAYING);
      allow(posted_);
      self.does("rests");
      rest(random, 10);
    }
  }

  void flush(Watchdog::Watched& self, Random random) {
    while (goes_on()) {
      self.does("rests");
      rest(random, 250);
      self.does("flushes upstream");
      feeder_.flush();
    }
  }

  // Only such errors are posted as what was done to the branches makes likely.
  void allow(MessageTray& posted) const {
    for (const MessagePtr& message : posted.take()) {
      if (GST_MESSAGE_TYPE(message.get()) != GST_MESSAGE_ERROR) continue;
      GError* error = nullptr;
      gchar* debug = nullptr;
      gst_message_parse_error(message.get(), &error, &debug);
      const bool failed_downstream = error->domain == GST_STREAM_ERROR;
      const bool evicted = keeps_ != Keeps::all && error->code == GST_RESOURCE_ERROR_READ;
      const bool too_long =
          keeps_ == Keeps::block && error->code == GST_RESOURCE_ERROR_NO_SPACE_LEFT;
      if (!failed_downstream && !evicted && !too_long) {
        std::fprintf(stderr, "%s (%s)\n", error->message, debug);
        give_up("no other error is posted");
      }
      g_error_free(error);
      g_free(debug);
    }
  }

  void finish(Watchdog::Watched& self) {
    self.does("sends the end");
    for (const auto& limb : limbs_) {
      limb->branch().answer(GST_FLOW_OK);
      limb->branch().unblock();
    }
    const std::uint64_t generation = feeder_.finish();
    const std::uint64_t length = feeder_.length_of(generation).value();
    const bool all_is_kept = keeps_ == Keeps::all;
    for (const auto& limb : limbs_) {
      self.does("revives a branch");
      limb->revive(dog_, generation, length, all_is_kept);
    }
    self.does("waits for the quiet branch");
    const auto through = [&](const Judge::Standing& now) {
      return now.generation == generation && now.ended && now.next == length;
    };
    if (!quiet_->judge().wait_for(through, std::chrono::seconds(20))) {
      std::fprintf(stderr, "%s\n", quiet_->judge().told().c_str());
      dog_.bark("The quiet branch does not come to the end:");
    }
    allow(posted_);
    self.does("ends");
    std::printf("%s, %s: %llu generations, %llu pieces\n", name_of(form_),
                keeps_ == Keeps::all     ? "all kept"
                : keeps_ == Keeps::block ? "blocks"
                                         : "evicts",
                static_cast<unsigned long long>(generation),
                static_cast<unsigned long long>(feeder_.pieces()));
  }

  const Form form_;
  const Keeps keeps_;
  Watchdog& dog_;
  Element tee_;
  MessageTray& posted_;
  Feeder feeder_;
  std::unique_ptr<Limb> quiet_;
  std::vector<std::unique_ptr<Limb>> limbs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> stop_{false};
};

START_TEST(all_happens_at_once_and_nothing_is_wrong) {
  const NothingKept end;
  Watchdog dog(kHangs);
  const double all = stress_seconds(10);
  const double each = std::clamp(all / 30, 0.8, 4.0);
  constexpr std::array kForms{Form::frames, Form::packets, Form::bytes};
  constexpr std::array kKeeps{Keeps::all, Keeps::block, Keeps::evict};
  stress(
      kForms.size() * kKeeps.size(),
      [&](std::size_t kind, Random& random) {
        const bool live = random.one_in(2);
        std::printf("round %zu\n", kind);
        std::fflush(stdout);
        Round round(kForms[kind % kForms.size()], kKeeps[kind / kForms.size()], live, dog, random);
        round.run(each, random);
      },
      all);
}
END_TEST

}  // namespace

int main(int argc, char** argv) {
  return run_plugin_suite(argc, argv, "churn_tee",
                          {{"churn", {all_happens_at_once_and_nothing_is_wrong}}});
}
