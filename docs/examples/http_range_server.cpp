// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// Serves what is piped in, or what a command writes, by HTTP on this machine alone, while it
// arrives and afterwards. Any number of clients each read at their own place.
//
//   catcher-http-range-server --type=audio/ogg -- curl -s https://example.org/radio.ogg
//   mpv http://127.0.0.1:8080/
//
// GET /        all of it, from its first byte on; goes on as the stream does
//              (Range) bytes=A-    from A to what has come by then
//              (Range) bytes=A-B   from A to B; waits for what is still to come, so that a very
//              large
//                                  B follows the stream (RFC 8673)
//              (Range) bytes=-N    the last N, once the end is known; 416 before
// HEAD /       what GET would say
// GET /stats   what is kept, and how many read
//
// Everything runs in one thread: a client that waits for bytes costs a reader and a request to be
// called back, and one that is slow is written to when its socket has room.
#include <catcher/all.hpp>

#include "http_range.hpp"

#include <gio/gio.h>
#include <gio/gunixinputstream.h>
#include <glib-unix.h>
#include <libsoup/soup.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace {

constexpr std::size_t kPiece = 64 * 1024;  // most that waits for a client's socket
using catcher::Status;
using namespace example;

struct Stream {
  std::shared_ptr<catcher::Catcher> caught;
  std::string type;
  std::string tag;  // bytes at an offset never change, so one for its life
};

// One answer, from the request until it is sent or its client has gone. Lives as long as its
// message, on which its signals end with it. Thread: the loop's.
class Answer {
 public:
  static void begin(SoupServerMessage* message, const Stream& stream) {
    auto* answer = new Answer(message, stream);
    g_signal_connect(message, "wrote-chunk",
                     G_CALLBACK(+[](SoupServerMessage*, Answer* self) { self->go_on(); }), answer);
    // Sent, or the connection has broken.
    g_signal_connect(message, "finished",
                     G_CALLBACK(+[](SoupServerMessage*, Answer* self) { delete self; }), answer);
    answer->start();
  }

 private:
  Answer(SoupServerMessage* message, const Stream& stream)
      : message_(static_cast<SoupServerMessage*>(g_object_ref(message))),
        stream_(stream),
        wanted_(wanted_by(message, stream.tag)),
        reader_(stream.caught),
        request_(this, [](void* self, Status) noexcept {
          // On any thread: it only wakes the loop.
          g_source_set_ready_time(static_cast<Answer*>(self)->wake_, 0);
        }) {
    static GSourceFuncs on_time{nullptr,
                                nullptr,
                                [](GSource* source, GSourceFunc call, gpointer self) {
                                  g_source_set_ready_time(source, -1);
                                  return call(self);
                                },
                                nullptr,
                                nullptr,
                                nullptr};
    wake_ = g_source_new(&on_time, sizeof(GSource));
    g_source_set_callback(
        wake_,
        [](gpointer self) -> gboolean {
          static_cast<Answer*>(self)->look();
          return G_SOURCE_CONTINUE;
        },
        this, nullptr);
    g_source_attach(wake_, nullptr);
    watch(G_IO_IN);
  }
  ~Answer() {
    request_.cancel();
    g_source_destroy(wake_);
    g_source_unref(wake_);
    unwatch();
    g_signal_handlers_disconnect_by_data(message_, this);
    g_object_unref(message_);
  }

  // ---- the client -------------------------------------------------------------------
  // libsoup does not look at the connection of a message that it has nothing to write of.
  void watch(GIOCondition more) {
    GSocket* socket = soup_server_message_get_socket(message_);
    watch_ = g_socket_create_source(socket, static_cast<GIOCondition>(more | G_IO_HUP | G_IO_ERR),
                                    nullptr);
    const GSocketSourceFunc call = [](GSocket* from, GIOCondition, gpointer self) -> gboolean {
      return static_cast<Answer*>(self)->look_at_client(g_socket_get_fd(from));
    };
    g_source_set_callback(watch_, G_SOURCE_FUNC(call), this, nullptr);
    g_source_attach(watch_, nullptr);
  }
  void unwatch() {
    if (watch_ == nullptr) return;
    g_source_destroy(watch_);
    g_source_unref(std::exchange(watch_, nullptr));
  }
  gboolean look_at_client(int descriptor) {
    char byte;
    const ssize_t got = ::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return G_SOURCE_CONTINUE;
    unwatch();
    if (got > 0) {
      watch(GIOCondition{});  // its next request; that stays there
    } else {
      give_up();
    }
    return G_SOURCE_REMOVE;
  }

  // Ends the connection: the client is gone, or learns so that there is less than was said.
  void give_up() {
    shut_down();
    if (!paused_) return;  // libsoup writes, and finds out
    if (answered_) soup_message_body_append(body(), SOUP_MEMORY_STATIC, "", 1);
    unpause();  // so that it writes; nothing is sent any more
  }
  void shut_down() {
    is_complete_ = true;
    request_.cancel();
    g_source_set_ready_time(wake_, -1);
    unwatch();
    g_socket_shutdown(soup_server_message_get_socket(message_), TRUE, TRUE, nullptr);
  }

  // ---- the stream -------------------------------------------------------------------
  void start() {
    soup_server_message_pause(message_);
    paused_ = true;
    const bool is_head = soup_server_message_get_method(message_) == SOUP_METHOD_HEAD;
    if (is_head || wanted_.kind == Wanted::Kind::suffix) return answer();
    static_cast<void>(reader_.seek(static_cast<std::int64_t>(wanted_.first)));
    look();
  }

  // There may be something to go on with.
  void look() {
    if (is_complete_) return;
    if (answered_) {
      if (send()) unpause();
    } else if (reader_.once_readable(request_) != Status::would_block) {
      answer();
    }
  }

  // Requires: the first byte that is asked for has come, or never will.
  void answer() {
    answered_ = true;
    const catcher::Catcher& caught = *stream_.caught;
    const bool is_head = soup_server_message_get_method(message_) == SOUP_METHOD_HEAD;
    Part part = part_of(wanted_, caught);
    if (!is_head && part.text.empty() && part.first >= caught.window().end && caught.has_failed()) {
      part = refusal(SOUP_STATUS_BAD_GATEWAY, "The stream broke off.\n");
    }
    SoupMessageHeaders* headers = soup_server_message_get_response_headers(message_);
    soup_server_message_set_status(message_, part.status, nullptr);
    soup_message_headers_replace(headers, "Accept-Ranges", "bytes");
    soup_message_headers_replace(headers, "Cache-Control", "no-store");
    soup_message_headers_replace(headers, "ETag", stream_.tag.c_str());
    if (!part.range.empty()) {
      soup_message_headers_replace(headers, "Content-Range", part.range.c_str());
    }
    if (!part.text.empty()) {
      is_complete_ = true;
      soup_server_message_set_response(message_, "text/plain", SOUP_MEMORY_COPY, part.text.data(),
                                       part.text.size());
      return unpause();
    }
    soup_message_headers_set_content_type(headers, stream_.type.c_str(), nullptr);
    soup_message_body_set_accumulate(body(), FALSE);
    if (part.sized) {
      soup_message_headers_set_content_length(headers,
                                              static_cast<goffset>(part.behind - part.first));
    } else if (soup_server_message_get_http_version(message_) == SOUP_HTTP_1_0) {
      soup_message_headers_set_encoding(headers, SOUP_ENCODING_EOF);
    } else {
      soup_message_headers_set_encoding(headers, SOUP_ENCODING_CHUNKED);
    }
    behind_ = is_head ? 0 : part.behind;
    static_cast<void>(reader_.seek(static_cast<std::int64_t>(part.first)));
    if (send()) unpause();
  }

  // A piece was sent. Without another, libsoup pauses the message.
  void go_on() {
    if (!is_complete_) paused_ = !send();
  }

  // Gives libsoup the next piece, as it lies in the stream, or the end. False: it has to wait.
  bool send() {
    while (reader_.offset() < behind_) {
      const std::uint64_t left = behind_ - reader_.offset();
      catcher::LeaseResult got =
          reader_.lease_now(static_cast<std::size_t>(std::min<std::uint64_t>(left, kPiece)));
      if (got.status == Status::ok) return append(std::move(got.lease)), true;
      if (got.status == Status::end) break;
      const bool is_live = got.status == Status::would_block;
      const Status now = is_live ? reader_.once_readable(request_) : got.status;
      if (now == Status::would_block) return false;
      if (is_live && now != Status::bad_argument) continue;
      // Broken off, or evicted before it could be sent.
      shut_down();
      soup_message_body_append(body(), SOUP_MEMORY_STATIC, "", 1);
      return true;
    }
    is_complete_ = true;
    soup_message_body_complete(body());
    return true;
  }

  void append(catcher::Lease lease) {
    auto* kept = new catcher::Lease(std::move(lease));
    GBytes* bytes = g_bytes_new_with_free_func(
        kept->bytes().data(), kept->size(),
        [](gpointer sent) { delete static_cast<catcher::Lease*>(sent); }, kept);
    soup_message_body_append_bytes(body(), bytes);
    g_bytes_unref(bytes);
  }

  void unpause() {
    if (std::exchange(paused_, false)) soup_server_message_unpause(message_);
  }
  SoupMessageBody* body() const { return soup_server_message_get_response_body(message_); }

  SoupServerMessage* const message_;
  const Stream& stream_;
  const Wanted wanted_;
  catcher::Reader reader_;
  catcher::ReadableRequest request_;
  GSource* wake_ = nullptr;
  GSource* watch_ = nullptr;
  std::uint64_t behind_ = 0;
  bool paused_ = false;       // the message is, or is about to be
  bool answered_ = false;     // its header is decided
  bool is_complete_ = false;  // libsoup has been given all, or the connection is ended
};

// Reads stdin or a command's output into the stream, in the loop.
class Feed {
 public:
  Feed(catcher::Writer writer, char** command) : writer_(std::move(writer)) {
    if (*command == nullptr) {
      input_ = g_unix_input_stream_new(STDIN_FILENO, FALSE);
      read();
      return;
    }
    GError* error = nullptr;
    child_ = g_subprocess_newv(command, G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error);
    if (child_ == nullptr) {
      fail(error);
      return;
    }
    input_ = static_cast<GInputStream*>(g_object_ref(g_subprocess_get_stdout_pipe(child_)));
    read();
  }
  // The loop has ended: nothing that was begun comes to an end any more.
  ~Feed() {
    if (child_ != nullptr) g_subprocess_send_signal(child_, SIGTERM);
    g_clear_object(&child_);
  }
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

 private:
  void read() {
    const auto reserved = writer_.reserve(1);
    if (reserved.status != Status::ok) {
      std::fprintf(stderr, "stopped: %s\n", catcher::to_string(reserved.status).data());
      return writer_.fail(std::make_error_code(std::errc::not_enough_memory));
    }
    const GAsyncReadyCallback done = [](GObject* from, GAsyncResult* result, gpointer self) {
      GError* error = nullptr;
      const gssize got = g_input_stream_read_finish(G_INPUT_STREAM(from), result, &error);
      static_cast<Feed*>(self)->took(got, error);
    };
    g_input_stream_read_async(input_, reserved.space.data(), reserved.space.size(),
                              G_PRIORITY_DEFAULT, nullptr, done, this);
  }
  void took(gssize got, GError* error) {
    if (got < 0) return fail(error);
    if (got > 0) {
      writer_.commit(static_cast<std::size_t>(got));
      return read();
    }
    if (child_ == nullptr) return writer_.finish();
    const GAsyncReadyCallback done = [](GObject* from, GAsyncResult* result, gpointer self) {
      GError* wrong = nullptr;
      if (g_subprocess_wait_check_finish(G_SUBPROCESS(from), result, &wrong)) {
        static_cast<Feed*>(self)->writer_.finish();
      } else {
        static_cast<Feed*>(self)->fail(wrong);
      }
    };
    g_subprocess_wait_check_async(child_, nullptr, done, this);
  }
  // What was caught is served on; who waits for more is disconnected.
  void fail(GError* error) {
    std::fprintf(stderr, "the stream broke off: %s\n", error->message);
    g_error_free(error);
    writer_.fail(std::make_error_code(std::errc::io_error));
  }

  catcher::Writer writer_;
  GSubprocess* child_ = nullptr;
  GInputStream* input_ = nullptr;
};

void say_stats(SoupServerMessage* message, const catcher::Catcher& caught) {
  const catcher::Window window = caught.window();
  const std::string text = "{\"begin\": " + number(window.begin) +
                           ", \"end\": " + number(window.end) +
                           ", \"finished\": " + (caught.is_finished() ? "true" : "false") +
                           ", \"readers\": " + number(caught.stats().readers) + "}\n";
  soup_server_message_set_status(message, SOUP_STATUS_OK, nullptr);
  soup_server_message_set_response(message, "application/json", SOUP_MEMORY_COPY, text.data(),
                                   text.size());
}

void handle(SoupServer*, SoupServerMessage* message, const char* path, GHashTable*,
            gpointer data) noexcept {
  const Stream& stream = *static_cast<const Stream*>(data);
  const std::string method = soup_server_message_get_method(message);
  const std::string host = g_uri_get_host(soup_server_message_get_uri(message));
  const std::string what = path;
  if (host != "127.0.0.1" && host != "localhost") {
    // A page of some site whose name leads here.
    soup_server_message_set_status(message, SOUP_STATUS_FORBIDDEN, nullptr);
  } else if (method != "GET" && method != "HEAD") {
    soup_message_headers_replace(soup_server_message_get_response_headers(message), "Allow",
                                 "GET, HEAD");
    soup_server_message_set_status(message, SOUP_STATUS_METHOD_NOT_ALLOWED, nullptr);
  } else if (what == "/stats") {
    say_stats(message, *stream.caught);
  } else if (what == "/") {
    Answer::begin(message, stream);
  } else {
    soup_server_message_set_status(message, SOUP_STATUS_NOT_FOUND, nullptr);
  }
}

}  // namespace

int main(int count, char** words) {
  int port = 8080;
  gint64 keep = 0;
  char* type = nullptr;
  const GOptionEntry entries[] = {
      {"port", 'p', 0, G_OPTION_ARG_INT, &port, "where to listen; 0: any (8080)", "PORT"},
      {"keep", 'k', 0, G_OPTION_ARG_INT64, &keep, "how much to keep; 0: all (0)", "BYTES"},
      {"type", 't', 0, G_OPTION_ARG_STRING, &type, "Content-Type (application/octet-stream)",
       "TYPE"},
      {}};
  GOptionContext* options = g_option_context_new("[COMMAND [ARGUMENT...]]");
  g_option_context_add_main_entries(options, entries, nullptr);
  g_option_context_set_strict_posix(options, TRUE);
  GError* error = nullptr;
  if (!g_option_context_parse(options, &count, &words, &error)) {
    std::fprintf(stderr, "%s\n", error->message);
    return 2;
  }
  g_option_context_free(options);
  char** command = words + 1;
  if (*command != nullptr && std::string(*command) == "--") ++command;

  auto made =
      catcher::Catcher::push({.max_bytes = static_cast<std::uint64_t>(std::max<gint64>(keep, 0))});
  if (made.status != Status::ok) {
    std::fprintf(stderr, "%s\n", made.why.c_str());
    return 2;
  }
  const Stream stream{made.catcher, type != nullptr ? type : "application/octet-stream",
                      '"' + number(static_cast<std::uint64_t>(g_get_real_time())) + '"'};

  SoupServer* server = soup_server_new("server-header", "catcher", nullptr);
  soup_server_add_handler(server, nullptr, handle, const_cast<Stream*>(&stream), nullptr);
  if (!soup_server_listen_local(server, static_cast<guint>(port), SOUP_SERVER_LISTEN_IPV4_ONLY,
                                &error)) {
    std::fprintf(stderr, "%s\n", error->message);
    return 1;
  }
  GSList* addresses = soup_server_get_uris(server);
  std::printf("http://127.0.0.1:%d/\n", g_uri_get_port(static_cast<GUri*>(addresses->data)));
  std::fflush(stdout);
  g_slist_free_full(addresses, [](gpointer uri) { g_uri_unref(static_cast<GUri*>(uri)); });

  GMainLoop* loop = g_main_loop_new(nullptr, FALSE);
  const GSourceFunc quit = [](gpointer running) -> gboolean {
    g_main_loop_quit(static_cast<GMainLoop*>(running));
    return G_SOURCE_CONTINUE;
  };
  g_unix_signal_add(SIGINT, quit, loop);
  g_unix_signal_add(SIGTERM, quit, loop);
  {
    const Feed feed(std::move(made.writer), command);
    g_main_loop_run(loop);
    soup_server_disconnect(server);
  }
  g_object_unref(server);
  g_main_loop_unref(loop);
  g_free(type);
}
