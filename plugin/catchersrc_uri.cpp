// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// GStreamer reads the list of schemes once, when an element is registered, and keeps it in its
// registry, when it may not know all sources yet. So it is fixed here: what sources of GStreamer's
// own modules take, and common ones of others. Whether one is there is looked at when a URI comes.
#include "catchersrc_uri.hpp"

#include <string>

#include "support/gst_ptr.hpp"

namespace catcher::plugin {
namespace {

constexpr const char* kChannelScheme = "catcher://";
constexpr const char* kPrefix = "catcher+";

constexpr const char* kSchemes[] = {
    "catcher",       "catcher+cdda",   "catcher+data",     "catcher+dav",   "catcher+davs",
    "catcher+dv",    "catcher+dvb",    "catcher+dvd",      "catcher+fd",    "catcher+file",
    "catcher+ftp",   "catcher+gs",     "catcher+hdv",      "catcher+http",  "catcher+https",
    "catcher+icy",   "catcher+icyx",   "catcher+mms",      "catcher+mmsh",  "catcher+mmst",
    "catcher+mmsu",  "catcher+pnm",    "catcher+pushfile", "catcher+radio", "catcher+resource",
    "catcher+rfb",   "catcher+rist",   "catcher+rtmp",     "catcher+rtmpe", "catcher+rtmps",
    "catcher+rtmpt", "catcher+rtmpte", "catcher+rtmpts",   "catcher+rtp",   "catcher+rtsp",
    "catcher+rtsps", "catcher+rtspt",  "catcher+rtspu",    "catcher+s3",    "catcher+sftp",
    "catcher+smb",   "catcher+srt",    "catcher+ssh",      "catcher+tcp",   "catcher+udp",
    "catcher+v4l2",  nullptr,
};

struct Named {
  std::string channel, uri;
};

bool refuse(GError** error, GstURIError code, const std::string& why) {
  g_set_error_literal(error, GST_URI_ERROR, code, why.c_str());
  return false;
}

bool name_of_channel(const std::string& text, Named& named, GError** error) {
  const std::size_t scheme = std::string(kChannelScheme).size();
  if (g_ascii_strncasecmp(text.c_str(), kChannelScheme, scheme) != 0) {
    return refuse(error, GST_URI_ERROR_BAD_URI, "a channel is written as catcher://NAME");
  }
  const TextPtr name(g_uri_unescape_string(text.c_str() + scheme, ""));
  if (name == nullptr || name.get()[0] == '\0') {
    return refuse(error, GST_URI_ERROR_BAD_REFERENCE, "catcher:// needs the name of a channel");
  }
  named.channel = name.get();
  return true;
}

bool understand(const std::string& text, Named& named, GError** error) {
  if (g_ascii_strncasecmp(text.c_str(), kPrefix, std::string(kPrefix).size()) != 0) {
    return name_of_channel(text, named, error);
  }
  named.uri = text.substr(std::string(kPrefix).size());
  const TextPtr scheme(gst_uri_get_protocol(named.uri.c_str()));
  if (scheme == nullptr) {
    return refuse(error, GST_URI_ERROR_BAD_URI, "what follows catcher+ is no URI");
  }
  if (!gst_uri_protocol_is_supported(GST_URI_SRC, scheme.get())) {
    return refuse(error, GST_URI_ERROR_UNSUPPORTED_PROTOCOL,
                  std::string("no source element takes ") + scheme.get() + "://");
  }
  return true;
}

gboolean set_uri(GstURIHandler* handler, const gchar* text, GError** error) noexcept {
  if (GST_STATE(handler) > GST_STATE_READY) {
    return refuse(error, GST_URI_ERROR_BAD_STATE, "the URI can be set up to READY");
  }
  Named named;
  if (!understand(text, named, error)) return FALSE;
  const auto given = [](const std::string& one) { return one.empty() ? nullptr : one.c_str(); };
  // What was set before is not to be mixed with this: above all no command.
  g_object_set(handler, "channel", given(named.channel), "uri", given(named.uri), "feed", nullptr,
               "command", nullptr, "fd", -1, nullptr);
  return TRUE;
}

gchar* get_uri(GstURIHandler* handler) noexcept {
  gchar* channel = nullptr;
  gchar* uri = nullptr;
  g_object_get(handler, "channel", &channel, "uri", &uri, nullptr);
  const TextPtr channel_owner(channel);
  const TextPtr uri_owner(uri);
  if (uri != nullptr) return g_strconcat(kPrefix, uri, nullptr);
  if (channel == nullptr) return nullptr;
  const TextPtr escaped(g_uri_escape_string(channel, "/:", TRUE));
  return g_strconcat(kChannelScheme, escaped.get(), nullptr);
}

}  // namespace

void handle_uris(gpointer interface, gpointer) noexcept {
  auto* handler = static_cast<GstURIHandlerInterface*>(interface);
  handler->get_type = [](GType) noexcept { return GST_URI_SRC; };
  handler->get_protocols = [](GType) noexcept -> const gchar* const* { return kSchemes; };
  handler->set_uri = set_uri;
  handler->get_uri = get_uri;
}

}  // namespace catcher::plugin
