// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Branches of a coded stream that several threads meddle with at once, and what they do to them.
// However it was treated, a branch can be brought back: revive().
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/branch.hpp"
#include "tests/support/coded_stream.hpp"
#include "tests/support/feeder.hpp"
#include "tests/support/flush_pairs.hpp"
#include "tests/support/judge.hpp"
#include "tests/support/pulling.hpp"
#include "tests/support/stress.hpp"
#include "tests/support/watchdog.hpp"

namespace catcher::test {

// One branch, with whoever judges it. Thread: any, but for the making.
class Limb {
 public:
  Limb(GstElement* element, GstPtr<GstPad> pad, Form form)
      : form_(form),
        src_(GST_PAD_CAST(gst_object_ref(pad.get()))),
        judge_(form, TextPtr(gst_pad_get_name(pad.get())).get()),
        branch_(element, std::move(pad)) {
    FlushPairs::watch(src());
    branch_.keeps_none()
        .looks([this](const Arrival& one) {
          judge_.take(one.buffer.get());
          return GST_FLOW_OK;
        })
        .hears([this](GstEvent* event) { judge_.take(event); });
  }
  static std::unique_ptr<Limb> of_tee(GstElement* tee, Form form) {
    GstPad* pad = gst_element_request_pad_simple(tee, "src_%u");
    demand(pad != nullptr, "a pad can be requested");
    return std::make_unique<Limb>(tee, GstPtr<GstPad>(pad), form);
  }

  GstPad* src() const { return src_.get(); }
  Branch& branch() { return branch_; }
  Judge& judge() { return judge_; }

  // Whoever comes second finds the pads linked, or not linked: that is no fault.
  void link() { gst_pad_link(src(), branch_.sink()); }
  // Not while it is pulled: whoever pulls and has lost its peer is activated anew first.
  void link_again() {
    const std::unique_lock lock(pulling_, std::try_to_lock);
    if (!lock.owns_lock()) return;
    link();
  }
  void unlink() {
    gst_pad_unlink(src(), branch_.sink());
    branch_.unblock();  // no flush reaches what it blocks now
  }

  bool seek(GstEvent* event) { return gst_pad_send_event(src(), event); }
  bool seek_to(std::uint64_t place) {
    return seek(
        gst_event_new_seek(1.0, format_of(form_),
                           static_cast<GstSeekFlags>(GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_ACCURATE),
                           GST_SEEK_TYPE_SET, static_cast<gint64>(place), GST_SEEK_TYPE_NONE, -1));
  }
  void reconfigure() { gst_pad_send_event(src(), gst_event_new_reconfigure()); }

  // Takes `count` more buffers, and then blocks; not while it is pulled, or where no flush could
  // bring back what it holds.
  void block(std::uint64_t count) {
    const std::unique_lock lock(pulling_, std::try_to_lock);
    if (lock.owns_lock() && gst_pad_is_linked(src())) branch_.admit(count);
  }

  // Of bytes: downstream takes the pad over, pulls some ranges, and gives it back.
  void pull(Random& random, const Feeder& feeder) {
    const std::lock_guard lock(pulling_);
    branch_.unblock();
    gst_pad_set_active(branch_.sink(), FALSE);
    if (in_pull_mode(branch_)) {
      // Another thread may unlink it meanwhile: then nothing comes, and nobody warns.
      for (std::uint64_t ranges = random.up_to(4); ranges-- > 0;) {
        const std::uint64_t offset = random.below(60'000);
        Pulled got = test::pull(branch_, offset, static_cast<guint>(random.up_to(9000)));
        if (got.flow != GST_FLOW_OK) continue;
        demand_some_generation(got.buffer.get(), feeder.generation());
      }
      in_pull_mode(branch_, false);
    }
    push_again();
  }

  // All that was done to it is undone: it plays the last recording from its beginning to its end.
  void revive(Watchdog& dog, std::uint64_t generation, std::uint64_t length, bool all_is_kept) {
    branch_.answer(GST_FLOW_OK);
    branch_.unblock();
    {
      const std::lock_guard lock(pulling_);
      if (gst_pad_get_direction(src()) == GST_PAD_SRC && GST_PAD_MODE(src()) != GST_PAD_MODE_PUSH) {
        push_again();
      }
    }
    gst_util_set_object_arg(object_of_settings(), "on-evicted", "oldest");
    link_again();
    reconfigure();
    // It may be on its way through older recordings, which take a seek of their own.
    for (int tries = 1; tries < 20; ++tries) {
      const std::uint64_t units = judge_.standing().units;
      const bool sought = seek_to(0);
      const auto through = [&](const Judge::Standing& now) {
        return now.generation == generation && now.ended && sought && now.next == length &&
               (!all_is_kept || now.units >= units + length);
      };
      if (judge_.wait_for(through, tries * std::chrono::milliseconds(200))) return;
    }
    std::fprintf(stderr, "%s; wanted: generation %llu of %llu units\n", judge_.told().c_str(),
                 static_cast<unsigned long long>(generation),
                 static_cast<unsigned long long>(length));
    dog.bark("A branch cannot be revived:");
  }

 private:
  // A pad of a catchertee, or the catchersrc.
  GObject* object_of_settings() const {
    GObject* pad = G_OBJECT(src());
    if (g_object_class_find_property(G_OBJECT_GET_CLASS(pad), "on-evicted") != nullptr) return pad;
    return G_OBJECT(GST_OBJECT_PARENT(src()));
  }

  // Both ends anew, so that the one tells the other all again.
  void push_again() {
    gst_pad_set_active(src(), FALSE);
    judge_.reset();
    gst_pad_activate_mode(branch_.sink(), GST_PAD_MODE_PUSH, TRUE);
    gst_pad_activate_mode(src(), GST_PAD_MODE_PUSH, TRUE);
  }

  // Nothing tells of which one a range that is pulled is; its bytes fit one of the last.
  static void demand_some_generation(GstBuffer* buffer, std::uint64_t newest) {
    GstMapInfo map;
    demand(gst_buffer_map(buffer, &map, GST_MAP_READ), "a buffer can be read");
    const auto bytes = std::as_bytes(std::span(map.data, map.size));
    const std::uint64_t offset = GST_BUFFER_OFFSET(buffer);
    bool fits = false;
    for (std::uint64_t back = 0; back <= newest && !fits; ++back) {
      fits = is_pattern(bytes, ((newest - back) << 40) + offset);
    }
    gst_buffer_unmap(buffer, &map);
    demand(fits, "what is pulled is what was recorded at this offset", offset);
  }

  const Form form_;
  const GstPtr<GstPad> src_;
  Judge judge_;
  std::mutex pulling_;
  Branch branch_;
};

// Any seek that can be sent: to places that are kept, that are gone and that are still to come,
// both ways, and changes of the rate alone.
inline GstEvent* any_seek(Random& random, Form form, std::uint64_t edge) {
  static constexpr std::array kRates{1.0, 1.0, 1.0, 0.5, 2.0, -1.0, -2.0};
  static constexpr std::array kTypes{GST_SEEK_TYPE_SET, GST_SEEK_TYPE_SET, GST_SEEK_TYPE_SET,
                                     GST_SEEK_TYPE_NONE, GST_SEEK_TYPE_END};
  static constexpr std::array kHows{GST_SEEK_FLAG_NONE, GST_SEEK_FLAG_ACCURATE,
                                    GST_SEEK_FLAG_KEY_UNIT, GST_SEEK_FLAG_SNAP_AFTER};
  if (random.one_in(8)) {
    return gst_event_new_seek(random.one_in(2) ? 0.5 : 2.0, format_of(form),
                              GST_SEEK_FLAG_INSTANT_RATE_CHANGE, GST_SEEK_TYPE_NONE, -1,
                              GST_SEEK_TYPE_NONE, -1);
  }
  int flags = kHows[random.below(kHows.size())];
  if ((flags & GST_SEEK_FLAG_SNAP_AFTER) != 0) flags |= GST_SEEK_FLAG_KEY_UNIT;
  if (!random.one_in(4)) flags |= GST_SEEK_FLAG_FLUSH;
  if (random.one_in(5)) flags |= GST_SEEK_FLAG_SEGMENT;
  const GstSeekType start_type = kTypes[random.below(kTypes.size())];
  const std::uint64_t unit = random.below(edge + edge / 8 + 1);
  auto start = static_cast<gint64>(place_of_unit(form, unit));
  if (start_type == GST_SEEK_TYPE_END) start = -start;
  const bool stops = random.one_in(4);
  const auto stop = static_cast<gint64>(place_of_unit(form, unit + random.below(edge / 4 + 2)));
  return gst_event_new_seek(kRates[random.below(kRates.size())], format_of(form),
                            static_cast<GstSeekFlags>(flags), start_type, start,
                            stops ? GST_SEEK_TYPE_SET : GST_SEEK_TYPE_NONE, stops ? stop : -1);
}

// Every query that goes upstream.
inline void ask_all(GstPad* src) {
  const CapsPtr some(gst_caps_new_empty_simple("audio/x-coded-packets"));
  std::vector<QueryPtr> queries;
  for (const GstFormat format : {GST_FORMAT_TIME, GST_FORMAT_BYTES, GST_FORMAT_DEFAULT}) {
    queries.emplace_back(gst_query_new_position(format));
    queries.emplace_back(gst_query_new_duration(format));
    queries.emplace_back(gst_query_new_seeking(format));
    queries.emplace_back(gst_query_new_segment(format));
    queries.emplace_back(gst_query_new_buffering(format));
    queries.emplace_back(gst_query_new_convert(format, 1000, GST_FORMAT_TIME));
  }
  queries.emplace_back(gst_query_new_formats());
  queries.emplace_back(gst_query_new_latency());
  queries.emplace_back(gst_query_new_scheduling());
  queries.emplace_back(gst_query_new_caps(nullptr));
  queries.emplace_back(gst_query_new_accept_caps(some.get()));
  queries.emplace_back(gst_query_new_uri());
  queries.emplace_back(gst_query_new_context("churn"));
  for (const QueryPtr& query : queries) gst_pad_query(src, query.get());
}

// Every property that can be read.
inline void read_all_properties(gpointer object) {
  guint count = 0;
  GParamSpec** specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(object), &count);
  for (guint number = 0; number < count; ++number) {
    if ((specs[number]->flags & G_PARAM_READABLE) == 0) continue;
    GValue value = G_VALUE_INIT;
    g_object_get_property(G_OBJECT(object), specs[number]->name, &value);
    g_value_unset(&value);
  }
  g_free(specs);
}

// Each in a thread of its own, all on the same limbs: a random deed on one of them.
inline void meddle(Watchdog::Watched& self, Limb& limb, const Feeder& feeder, Form form,
                   Random& random) {
  static constexpr std::array kFlows{GST_FLOW_OK,    GST_FLOW_OK,         GST_FLOW_EOS,
                                     GST_FLOW_ERROR, GST_FLOW_NOT_LINKED, GST_FLOW_NOT_NEGOTIATED};
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
      self.does("seeks");
      // One that does not flush waits for what is on its way down.
      limb.branch().unblock();
      limb.seek(any_seek(random, form, feeder.units()));
      break;
    case 3:
      self.does("unlinks");
      limb.unlink();
      break;
    case 4:
      self.does("links");
      limb.link_again();
      break;
    case 5:
      self.does("blocks");
      limb.block(random.below(20));
      break;
    case 6:
      self.does("unblocks");
      limb.branch().unblock();
      break;
    case 7:
      self.does("changes the answer");
      limb.branch().answer(kFlows[random.below(kFlows.size())]);
      break;
    case 8:
      self.does("reconfigures");
      limb.branch().answer(GST_FLOW_OK);
      limb.reconfigure();
      break;
    case 9:
      self.does("asks");
      ask_all(limb.src());
      break;
    case 10:
      self.does("reads properties");
      read_all_properties(limb.src());
      break;
    default:
      if (form != Form::bytes) break;
      self.does("pulls");
      limb.pull(random, feeder);
      break;
  }
}

}  // namespace catcher::test
