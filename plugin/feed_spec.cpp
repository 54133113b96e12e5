// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
#include "feed_spec.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "feed_command.hpp"
#include "support/gst_ptr.hpp"

namespace catcher::plugin {
namespace {

constexpr auto kWhenReady = static_cast<GParamFlags>(
    static_cast<unsigned>(G_PARAM_READWRITE) | static_cast<unsigned>(G_PARAM_STATIC_STRINGS) |
    static_cast<unsigned>(GST_PARAM_MUTABLE_READY));

FeedError wrong_setting(std::string text, std::string debug) {
  return {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, std::move(text), std::move(debug)};
}

std::string names_of(const FeedSettings& settings) {
  std::string names;
  const auto add = [&names](bool is_set, const char* name) {
    if (is_set) names += (names.empty() ? "" : ", ") + std::string(name);
  };
  add(!settings.feed.empty(), "feed");
  add(!settings.uri.empty(), "uri");
  add(!settings.command.empty(), "command");
  add(settings.fd >= 0, "fd");
  return names;
}

bool has_scheme(const std::string& uri, const char* scheme) {
  return gst_uri_has_protocol(uri.c_str(), scheme) != FALSE;
}

// "fd://3", as fdsrc reads it; -1 if that is no number.
gint fd_of(const std::string& uri) {
  const std::string number = uri.substr(std::min(uri.find("://") + 3, uri.size()));
  char* end = nullptr;
  const long fd = std::strtol(number.c_str(), &end, 10);
  return end != number.c_str() && fd >= 0 && fd <= G_MAXINT ? static_cast<gint>(fd) : -1;
}

// The same number for the same file means the same stream, as long as somebody has that open.
MadeSpec spec_of_fd(const std::string& channel, gint number) {
  struct stat file {};
  auto fd = std::make_shared<OwnedFd>(::fcntl(number, F_DUPFD_CLOEXEC, 0));
  if (fd->get() < 0 || ::fstat(fd->get(), &file) != 0) {
    return {{},
            {GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ,
             "Descriptor " + std::to_string(number) + " is not open.",
             std::string(g_strerror(errno)) +
                 ". Set fd to one that is open for reading until the element is in PAUSED."}};
  }
  FeedSpec spec{FeedSpec::Kind::fd, channel, {}, std::move(fd)};
  if (channel.empty()) {
    spec.channel = "fd:" + std::to_string(number) + ":" + std::to_string(file.st_dev) + ":" +
                   std::to_string(file.st_ino);
  }
  return {std::move(spec), {}};
}

MadeSpec spec_of_uri(const std::string& channel, const std::string& uri) {
  if (gst_uri_is_valid(uri.c_str()) == FALSE) {
    return {{},
            wrong_setting("\"" + uri + "\" is no URI.",
                          "Set uri to SCHEME://..., as in file:///home/me/song.ogg.")};
  }
  if (has_scheme(uri, "fd")) return spec_of_fd(channel, fd_of(uri));
  if (!channel.empty() && has_scheme(uri, "catcher") &&
      uri.substr(uri.find("://") + 3) == channel) {
    return {{},
            wrong_setting("A channel cannot be fed from itself.",
                          "Set uri to something else than the channel \"" + channel + "\".")};
  }
  return {{FeedSpec::Kind::uri, channel.empty() ? "uri:" + uri : channel, uri, {}}, {}};
}

MadeSpec spec_of_command(const std::string& channel, const std::string& command) {
  std::string why;
  if (words_of(command, why).empty()) {
    return {{},
            wrong_setting("The command cannot be read: " + why + ".",
                          "In command, quote as for a shell: a program and its arguments.")};
  }
  return {{FeedSpec::Kind::command, channel.empty() ? "command:" + command : channel, command, {}},
          {}};
}

}  // namespace

MadeSpec make_spec(const std::string& channel, const FeedSettings& settings) {
  const std::string names = names_of(settings);
  if (names.find(',') != std::string::npos) {
    return {{},
            wrong_setting("More than one feed is set: " + names + ".",
                          "A channel has one feed; set only one of these properties.")};
  }
  if (!settings.uri.empty()) return spec_of_uri(channel, settings.uri);
  if (!settings.command.empty()) return spec_of_command(channel, settings.command);
  if (settings.fd >= 0) return spec_of_fd(channel, settings.fd);
  if (!settings.feed.empty()) {
    return {{FeedSpec::Kind::description,
             channel.empty() ? "feed:" + settings.feed : channel,
             settings.feed,
             {}},
            {}};
  }
  if (!channel.empty()) return {{FeedSpec::Kind::none, channel, {}, {}}, {}};
  return {{},
          wrong_setting("No channel is set.",
                        "Set the channel property to that of a catchersink or a catchertee, or "
                        "say with feed, uri, command or fd what is to be played.")};
}

bool is_like_a_file(const FeedSpec& spec, const Settings& settings) {
  if (spec.kind != FeedSpec::Kind::uri || !has_scheme(spec.text, "file")) return false;
  const TextPtr path(g_filename_from_uri(spec.text.c_str(), nullptr, nullptr));
  struct stat file {};
  if (path == nullptr || ::stat(path.get(), &file) != 0 || !S_ISREG(file.st_mode)) return false;
  return settings.max_size_bytes == 0 ||
         static_cast<guint64>(file.st_size) <= settings.max_size_bytes;
}

void install_feed_properties(GObjectClass* klass) {
  const auto add_text = [klass](FeedProperty id, const char* name, const char* nick,
                                const char* blurb) {
    g_object_class_install_property(klass, static_cast<guint>(id),
                                    g_param_spec_string(name, nick, blurb, nullptr, kWhenReady));
  };
  add_text(FeedProperty::feed, "feed", "Feed",
           "What fills the channel if nobody else does, as a gst-launch line; what its last "
           "element gives is recorded");
  add_text(
      FeedProperty::uri, "uri", "URI",
      "What fills the channel if nobody else does, by URI: its bytes as they come, not decoded");
  add_text(FeedProperty::command, "command", "Command",
           "Program whose output fills the channel if nobody else does. Quoted as for a shell, but "
           "none is run");
  g_object_class_install_property(klass, static_cast<guint>(FeedProperty::fd),
                                  g_param_spec_int("fd", "Descriptor",
                                                   "Open descriptor that fills the channel if "
                                                   "nobody else does; it is duplicated (-1 = none)",
                                                   -1, G_MAXINT, FeedSettings{}.fd, kWhenReady));
}

bool set_feed_property(FeedSettings& settings, guint id, const GValue* value) {
  const auto text = [value] {
    const char* given = g_value_get_string(value);
    return std::string(given == nullptr ? "" : given);
  };
  switch (static_cast<FeedProperty>(id)) {
    case FeedProperty::feed: settings.feed = text(); return true;
    case FeedProperty::uri: settings.uri = text(); return true;
    case FeedProperty::command: settings.command = text(); return true;
    case FeedProperty::fd: settings.fd = g_value_get_int(value); return true;
    default: return false;
  }
}

bool get_feed_property(const FeedSettings& settings, guint id, GValue* value) {
  const auto give = [value](const std::string& text) {
    g_value_set_string(value, text.empty() ? nullptr : text.c_str());
    return true;
  };
  switch (static_cast<FeedProperty>(id)) {
    case FeedProperty::feed: return give(settings.feed);
    case FeedProperty::uri: return give(settings.uri);
    case FeedProperty::command: return give(settings.command);
    case FeedProperty::fd: g_value_set_int(value, settings.fd); return true;
    default: return false;
  }
}

}  // namespace catcher::plugin
