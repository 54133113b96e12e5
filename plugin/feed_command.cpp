// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The source in a feed that runs a command. It posts the command's failure before its end goes
// downstream, so that whoever has played all knows what became of it.
#include "feed_command.hpp"

#include <csignal>
#include <cstring>
#include <memory>
#include <new>

#include <sys/wait.h>

#include "core/sources/child_process.hpp"
#include "support/gst_ptr.hpp"

GST_DEBUG_CATEGORY_STATIC(catchercommand_debug);
#define GST_CAT_DEFAULT catchercommand_debug

namespace {

using namespace catcher::plugin;
using catcher::ChildProcess;

// What a pipe holds, by default.
constexpr std::size_t kPiece = 64 * 1024;
// How long a command that has closed its stdout may take to say how it ended.
constexpr std::chrono::seconds kFarewell{5};

GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

struct CommandState {
  std::string command;
  std::unique_ptr<ChildProcess> child;  // from start() to stop()
  guint64 bytes = 0;
};

}  // namespace

struct _GstCatcherCommand {
  GstPushSrc parent;
  CommandState* state;
};

G_DEFINE_FINAL_TYPE_WITH_CODE(GstCatcherCommand, gst_catcher_command, GST_TYPE_PUSH_SRC,
                              GST_DEBUG_CATEGORY_INIT(catchercommand_debug, "catchercommand", 0,
                                                      "what a feed's command prints"))

namespace {

CommandState& state_of(gpointer source) {
  return *GST_CATCHER_COMMAND(source)->state;
}

TextPtr shown(const std::string& text) {
  return TextPtr(g_utf8_make_valid(text.data(), static_cast<gssize>(text.size())));
}

gboolean refuse_start(gpointer source, std::error_code error, const std::string& why) {
  const TextPtr command = shown(state_of(source).command);
  if (error == std::errc::no_such_file_or_directory) {
    GST_ELEMENT_ERROR(
        source, RESOURCE, NOT_FOUND, ("There is no program for command \"%s\".", command.get()),
        ("%s. Name one that is in PATH, or a whole path; no shell reads this.", why.c_str()));
  } else {
    GST_ELEMENT_ERROR(source, RESOURCE, OPEN_READ, ("Command \"%s\" cannot be run.", command.get()),
                      ("%s", why.c_str()));
  }
  return FALSE;
}

gboolean start(GstBaseSrc* source) noexcept {
  CommandState& state = state_of(source);
  std::string why;
  const std::vector<std::string> words = words_of(state.command, why);
  if (words.empty()) {
    return refuse_start(source, std::make_error_code(std::errc::invalid_argument), why);
  }
  ChildProcess::Started started = ChildProcess::start(words);
  if (started.child == nullptr) {
    return refuse_start(source, started.error, words[0] + ": " + started.error.message());
  }
  state.child = std::move(started.child);
  state.bytes = 0;
  GST_INFO_OBJECT(source, "process %d runs %s", static_cast<int>(state.child->pid()),
                  state.command.c_str());
  return TRUE;
}

gboolean stop(GstBaseSrc* source) noexcept {
  state_of(source).child.reset();
  return TRUE;
}

GstFlowReturn ended(gpointer source) {
  CommandState& state = state_of(source);
  switch (state.child->wait_exit(catcher::Clock::now() + kFarewell)) {
    case ChildProcess::Exit::interrupted: return GST_FLOW_FLUSHING;
    case ChildProcess::Exit::late: return GST_FLOW_EOS;  // it prints nothing any more
    case ChildProcess::Exit::exited: break;
  }
  const TextPtr command = shown(state.command);
  if (!state.child->exit_status()) {
    GST_ELEMENT_ERROR(source, RESOURCE, READ,
                      ("How command \"%s\" has ended is not known.", command.get()),
                      ("After %" G_GUINT64_FORMAT
                       " bytes. Somebody else in this process reaps its children; let SIGCHLD have "
                       "its default action, and wait for own children only.",
                       state.bytes));
    return GST_FLOW_ERROR;
  }
  if (!state.child->has_failed()) return GST_FLOW_EOS;
  const int status = *state.child->exit_status();
  const TextPtr words = shown(state.child->last_words());
  const bool spoke = words.get()[0] != '\0';
  const std::string how = WIFEXITED(status) ? "exit status " + std::to_string(WEXITSTATUS(status))
                                            : "signal " + std::to_string(WTERMSIG(status)) + " (" +
                                                  strsignal(WTERMSIG(status)) + ")";
  GST_ELEMENT_ERROR(
      source, RESOURCE, READ, ("Command \"%s\" has failed with %s.", command.get(), how.c_str()),
      ("After %" G_GUINT64_FORMAT " bytes. %s%s", state.bytes,
       spoke ? "The last that it wrote to stderr: " : "It wrote nothing to stderr.", words.get()));
  return GST_FLOW_ERROR;
}

GstFlowReturn create(GstPushSrc* source, GstBuffer** buffer) noexcept {
  CommandState& state = state_of(source);
  BufferPtr made(gst_buffer_new_allocate(nullptr, kPiece, nullptr));
  GstMapInfo map;
  if (made == nullptr || !gst_buffer_map(made.get(), &map, GST_MAP_WRITE)) {
    GST_ELEMENT_ERROR(source, RESOURCE, NO_SPACE_LEFT, ("No memory for what a command prints."),
                      (nullptr));
    return GST_FLOW_ERROR;
  }
  const ChildProcess::Output output =
      state.child->read(std::as_writable_bytes(std::span(map.data, map.size)));
  gst_buffer_unmap(made.get(), &map);
  switch (output.kind) {
    case ChildProcess::Output::Kind::interrupted:
    case ChildProcess::Output::Kind::late: return GST_FLOW_FLUSHING;
    case ChildProcess::Output::Kind::end: return ended(source);
    case ChildProcess::Output::Kind::bytes: break;
  }
  gst_buffer_set_size(made.get(), static_cast<gssize>(output.size));
  GST_BUFFER_OFFSET(made.get()) = state.bytes;
  state.bytes += output.size;
  GST_BUFFER_OFFSET_END(made.get()) = state.bytes;
  *buffer = made.release();
  return GST_FLOW_OK;
}

}  // namespace

static void gst_catcher_command_finalize(GObject* object) noexcept {
  delete GST_CATCHER_COMMAND(object)->state;
  G_OBJECT_CLASS(gst_catcher_command_parent_class)->finalize(object);
}

static void gst_catcher_command_class_init(GstCatcherCommandClass* klass) {
  auto* element_class = GST_ELEMENT_CLASS(klass);
  auto* base_class = GST_BASE_SRC_CLASS(klass);
  G_OBJECT_CLASS(klass)->finalize = gst_catcher_command_finalize;
  base_class->start = start;
  base_class->stop = stop;
  base_class->is_seekable = [](GstBaseSrc*) noexcept -> gboolean { return FALSE; };
  base_class->unlock = [](GstBaseSrc* source) noexcept -> gboolean {
    if (state_of(source).child != nullptr) state_of(source).child->interrupt(true);
    return TRUE;
  };
  base_class->unlock_stop = [](GstBaseSrc* source) noexcept -> gboolean {
    if (state_of(source).child != nullptr) state_of(source).child->interrupt(false);
    return TRUE;
  };
  GST_PUSH_SRC_CLASS(klass)->create = create;
  gst_element_class_add_static_pad_template(element_class, &src_template);
  gst_element_class_set_static_metadata(element_class, "Command source", "Source",
                                        "Gives what a command prints", "The catcher authors");
}

static void gst_catcher_command_init(GstCatcherCommand* source) {
  source->state = new CommandState;
}

namespace catcher::plugin {

std::vector<std::string> words_of(const std::string& command, std::string& why) {
  gint count = 0;
  gchar** words = nullptr;
  GError* error = nullptr;
  if (!g_shell_parse_argv(command.c_str(), &count, &words, &error)) {
    why = error->message;
    g_error_free(error);
    return {};
  }
  std::vector<std::string> all(words, words + count);
  g_strfreev(words);
  return all;
}

GstElement* make_command_source(const std::string& command) {
  auto* source = GST_ELEMENT_CAST(g_object_new(GST_TYPE_CATCHER_COMMAND, nullptr));
  state_of(source).command = command;
  return source;
}

}  // namespace catcher::plugin
