// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// What a catchersrc has been told about a feed: its properties, and what they come to.
#pragma once

#include <gst/gst.h>

#include <memory>
#include <string>

#include "core/sources/descriptor.hpp"
#include "support/settings.hpp"

namespace catcher::plugin {

// What the user has set. Read when the element is first asked what it plays.
struct FeedSettings {
  std::string feed, uri, command;  // empty: not set
  gint fd = -1;                    // -1: not set

  bool operator==(const FeedSettings&) const = default;
};

// What goes wrong in a feed, as each of its players posts it.
struct FeedError {
  GQuark domain = 0;
  gint code = 0;
  std::string text;   // what happened
  std::string debug;  // where, and what to change
};

struct FeedSpec {
  enum class Kind : std::uint8_t { none, description, uri, command, fd };

  Kind kind = Kind::none;
  std::string channel;  // which it fills, and by which it is shared
  std::string text;     // a description, a URI or a command line
  // What Kind::fd reads. It stands for its file as long as it is open, and so the channel's name
  // stands for it as long as somebody holds this.
  std::shared_ptr<OwnedFd> fd;

  explicit operator bool() const noexcept { return kind != Kind::none; }
  // Whether a recording of all of it may be played later under its channel.
  bool can_be_kept() const noexcept { return kind != Kind::fd; }
};

struct MadeSpec {
  FeedSpec spec;
  FeedError error;  // its text is empty if there is none
  bool ok() const noexcept { return error.text.empty(); }
};
// `channel` may be empty, if there is a feed: then its name comes from the feed. Duplicates `fd`.
MadeSpec make_spec(const std::string& channel, const FeedSettings& settings);

// Whether a feed's source can be read like a file wherever its demuxer wants: a local file that
// can be kept as a whole.
bool is_like_a_file(const FeedSpec& spec, const Settings& settings);

// Property numbers, behind those of settings.hpp.
enum class FeedProperty : guint { feed = 300, uri, command, fd };

void install_feed_properties(GObjectClass* klass);
// False if it is none of them. Thread: any; the caller guards `settings`.
bool set_feed_property(FeedSettings& settings, guint id, const GValue* value);
bool get_feed_property(const FeedSettings& settings, guint id, GValue* value);

}  // namespace catcher::plugin
