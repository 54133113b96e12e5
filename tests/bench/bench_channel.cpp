// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What does it cost to bring a stream into other pipelines of the process, beside `proxysink` and
// `proxysrc`, of which there is a pair for each?
#include <thread>

#include "pipeline.hpp"

namespace {

using namespace bench;

constexpr const char* kOurSink =
    "catchersink name=in channel=bench max-size-bytes=8388608 when-full=block";

using Pipelines = std::vector<Element>;

// The first has "in"; each other has a sink of what comes.
Pipelines ours(int readers) {
  Pipelines made;
  made.push_back(Element::launch(kOurSink));
  for (int i = 0; i < readers; ++i) {
    made.push_back(Element::launch("catchersrc channel=bench ! fakesink name=out"));
  }
  return made;
}

Pipelines proxies(int readers) {
  Pipelines made;
  std::string line = "tee name=in ";
  for (int i = 0; i < readers; ++i) line += "in. ! proxysink name=proxy" + std::to_string(i) + " ";
  made.push_back(Element::launch(line));
  for (int i = 0; i < readers; ++i) {
    made.push_back(Element::launch("proxysrc name=from ! fakesink name=out"));
    g_object_set(made.back().child("from").get(), "proxysink",
                 made.front().child(("proxy" + std::to_string(i)).c_str()).get(), nullptr);
  }
  return made;
}

// Until the first buffer is at its sink, so that nobody is too late for what a window drops.
void wait_for_first(const Element& pipeline) {
  const auto sink = pipeline.child("out");
  const auto deadline = Clock::now() + catcher::test::kPatience;
  for (;;) {
    GstSample* sample = nullptr;
    g_object_get(sink.get(), "last-sample", &sample, nullptr);
    if (sample != nullptr) {
      gst_sample_unref(sample);
      return;
    }
    require(Clock::now() < deadline, "a buffer comes through");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

class ChannelRun {
 public:
  using Make = Pipelines (*)(int readers);
  ChannelRun(Make make, Load load) : make_(make), load_(load) {}

  double operator()() {
    Pipelines pipelines = make_(load_.sinks);
    std::vector<Proof> proofs;
    for (std::size_t i = 1; i < pipelines.size() && !proved_; ++i)
      proofs.emplace_back(pipelines[i]);
    for (Element& one : pipelines) one.to(GST_STATE_PLAYING);
    Upstream upstream(pipelines.front().child("in").get(), load_.kind);
    upstream.give(load_.size);
    for (std::size_t i = 1; i < pipelines.size(); ++i) wait_for_first(pipelines[i]);
    const double before = cpu_now();
    upstream.give(load_.size, load_.buffers - 1);
    upstream.eos();
    for (std::size_t i = 1; i < pipelines.size(); ++i) pipelines[i].wait_eos();
    const double cpu = cpu_now() - before;
    for (const Proof& proof : proofs) proof.require_all(load_.bytes(), 1);
    proved_ = true;
    for (Element& one : pipelines) one.end();
    return cpu / load_.delivered_gb();
  }

 private:
  const Make make_;
  const Load load_;
  bool proved_ = false;
};

}  // namespace

int main() {
  start_gstreamer();
  if (!has_element("proxysink")) {
    std::fprintf(stderr, "skipped: there is no proxysink here (gstreamer1.0-plugins-bad)\n");
    return 77;
  }
  Table table("Channels into other pipelines", "CPU s per delivered GB", "proxysink, proxysrc");
  for (const Kind kind : {Kind::raw, Kind::packets}) {
    for (const std::size_t size : {160, 3840, 65'536}) {
      for (const int readers : {1, 4}) {
        const std::size_t bytes = tiny() ? 100 * size : 64'000'000;
        const std::size_t most = tiny() ? 20 : 60'000;
        const Load load{kind, size, static_cast<int>(std::min(most, bytes / size)), readers};
        const auto figures =
            in_turns(element_rounds(), ChannelRun(ours, load), ChannelRun(proxies, load));
        table.row(std::string(name_of(kind)) + ", " +
                      (size == 65'536 ? "64 KiB" : std::to_string(size) + " B") + ", " +
                      std::to_string(readers),
                  figures[0], figures[1], Goal::ratio(1));
      }
    }
  }
}
