// SPDX-License-Identifier: LGPL-2.1-or-later
// SPDX-FileCopyrightText: The catcher authors
//
// The end of a read at each of its moments: by its slot, by the stream, by the stream's end and by
// the end of its context. No byte is lost. Run under AddressSanitizer and ThreadSanitizer.
#include <asio.hpp>
#include <optional>

#include "tests/support/check.hpp"

#include "tests/support/asio_reading.hpp"
#include "tests/support/async_sources.hpp"
#include "tests/support/stress.hpp"

namespace {

using catcher::AsioStream;
using catcher::ReadDone;
using catcher::Reader;
using catcher::SourceResult;
using catcher::Status;
using namespace catcher::test;

const std::error_code kAborted = asio::error::operation_aborted;

// What ends a read.
enum class End { slot, cancel, close, destroy, move_over };
constexpr End kEnds[] = {End::slot, End::cancel, End::close, End::destroy, End::move_over};

// A stream at a stream of bytes, and one read of it that can be ended.
struct Scene {
  asio::io_context io;
  catcher::Catcher::Pushed made;
  asio::cancellation_signal signal;
  std::optional<Stream> stream;
  Read read;

  explicit Scene(std::size_t size = 0) : made(filled(size)) {
    stream.emplace(io, Reader(made.catcher));
  }
  void begin() {
    read = a_read(stream->reader());
    stream->async_read_some(space_of(read),
                            asio::bind_cancellation_slot(signal.slot(), note(read)));
  }
  void end(End how, asio::cancellation_type type = asio::cancellation_type::total) {
    switch (how) {
      case End::slot: return signal.emit(type);
      case End::cancel: return stream->cancel();
      case End::close: return stream->close();
      case End::destroy: return stream.reset();
      case End::move_over: *stream = Stream(io, Reader(made.catcher)); return;
    }
  }
};

START_TEST(while_it_waits) {
  for (const End how : kEnds) {
    Scene scene;
    scene.begin();
    run_ready(scene.io);

    scene.end(how);

    ck_assert_msg(!scene.read->is_over(), "a handler is not called by who cancels");
    run_ready(scene.io);
    ck_assert(scene.read->error == kAborted);
    ck_assert(scene.io.stopped());
    add(scene.made.writer, 10);
    run_ready(scene.io);
  }
}
END_TEST

START_TEST(by_each_type_and_by_no_other) {
  using Type = asio::cancellation_type;
  for (const Type type : {Type::terminal, Type::partial, Type::total, Type::all, Type::none}) {
    Scene scene;
    scene.begin();

    scene.end(End::slot, type);
    run_ready(scene.io);

    ck_assert(scene.read->is_over() == (type != Type::none));
    scene.end(End::cancel);
    run_ready(scene.io);
    ck_assert(scene.read->error == kAborted);
  }
}
END_TEST

START_TEST(when_bytes_have_come_and_it_is_about_to_look) {
  for (const End how : kEnds) {
    Scene scene;
    Reader witness(scene.made.catcher);
    scene.begin();
    add(scene.made.writer, 10);

    scene.end(how);
    run_ready(scene.io);

    ck_assert(scene.read->error == kAborted);
    if (how == End::slot || how == End::cancel) {
      const Read after = begin_read(*scene.stream);
      run_ready(scene.io);
      ck_assert_uint_eq(after->bytes, 10);
    }
  }
}
END_TEST

START_TEST(when_it_has_its_bytes) {
  for (const End how : kEnds) {
    Scene scene(10);
    scene.begin();

    scene.end(how);
    run_ready(scene.io);

    ck_assert(!scene.read->error);
    ck_assert_uint_eq(scene.read->bytes, 10);
  }
}
END_TEST

START_TEST(when_it_is_over) {
  Scene scene(10);
  scene.begin();
  run_ready(scene.io);
  const Read second = begin_read(*scene.stream);

  scene.end(End::slot);
  run_ready(scene.io);
  ck_assert_msg(!second->is_over(), "an old slot ends no other read");
  scene.stream.reset();
  run_ready(scene.io);
  ck_assert(second->error == kAborted);

  scene.end(End::slot);
}
END_TEST

// Ends the read when a read of the source is begun, which is when a request is about to be entered.
class EndingSource final : public catcher::AsyncSource {
 public:
  EndingSource(std::function<void()> end, bool tells) : end_(std::move(end)), tells_(tells) {}
  void start_read(std::span<std::byte> space, ReadDone done) override {
    if (const auto end = std::exchange(end_, nullptr)) end();
    if (tells_) {
      fill_pattern(space.first(10), 0);
      done(SourceResult::at_end(10));
    } else {
      done_ = std::move(done);
    }
  }
  void cancel() noexcept override {
    ReadDone done = std::move(done_);
    done(SourceResult{});
  }

 private:
  std::function<void()> end_;
  const bool tells_;
  ReadDone done_;
};

START_TEST(while_it_enters_its_request) {
  for (const bool tells : {false, true}) {
    for (const End how : {End::slot, End::cancel}) {
      Scene scene;
      auto source = std::make_unique<EndingSource>([&] { scene.end(how); }, tells);
      scene.stream.emplace(scene.io, Reader(pulled_async(std::move(source))));

      scene.begin();
      run_ready(scene.io);

      ck_assert(scene.read->is_over());
      if (tells) {
        ck_assert_uint_eq(scene.read->bytes, 10);
      } else {
        ck_assert(scene.read->error == kAborted);
      }
    }
  }
}
END_TEST

// ---- the context ends ---------------------------------------------------------------

START_TEST(with_its_context_while_it_waits) {
  auto made = pushed();
  const auto alive = std::make_shared<int>();
  {
    asio::io_context io;
    Stream stream(io, Reader(made.catcher));
    std::array<std::byte, 10> space{};
    stream.async_read_some(asio::buffer(space), [alive](std::error_code, std::size_t) {
      give_up("no handler is called when its context ends");
    });
    // The stream may be what its own handler keeps.
    auto own = std::make_shared<Stream>(io, Reader(made.catcher));
    own->async_read_some(asio::buffer(space), [alive, own](std::error_code, std::size_t) {
      give_up("no handler is called when its context ends");
    });
    own.reset();
    ck_assert_int_eq(alive.use_count(), 3);
  }
  ck_assert_int_eq(alive.use_count(), 1);
  add(made.writer, 10);
}
END_TEST

START_TEST(with_its_context_when_bytes_have_come) {
  const auto alive = std::make_shared<int>();
  for (const bool waited : {true, false}) {
    auto made = pushed();
    asio::io_context io;
    Stream stream(io, Reader(made.catcher));
    std::array<std::byte, 10> space{};
    const auto begin = [&] {
      stream.async_read_some(asio::buffer(space), [alive](std::error_code, std::size_t) {
        give_up("no handler is called when its context ends");
      });
    };
    if (waited) begin();
    add(made.writer, 10);
    if (!waited) begin();
  }
  ck_assert_int_eq(alive.use_count(), 1);
}
END_TEST

asio::awaitable<void> read_for_ever(std::shared_ptr<catcher::Catcher> catcher,
                                    std::error_code* error, std::shared_ptr<int> /*alive*/) {
  AsioStream<> stream(co_await asio::this_coro::executor, Reader(std::move(catcher)));
  std::array<std::byte, 10> space{};
  while (!*error) {
    co_await stream.async_read_some(asio::buffer(space),
                                    asio::redirect_error(asio::use_awaitable, *error));
  }
}

START_TEST(coroutines_end_with_their_context_or_by_their_slot) {
  const auto alive = std::make_shared<int>();
  for (const bool is_cancelled : {false, true}) {
    auto made = pushed();
    std::error_code error;
    asio::cancellation_signal signal;
    {
      asio::io_context io;
      asio::co_spawn(io, read_for_ever(made.catcher, &error, alive),
                     asio::bind_cancellation_slot(signal.slot(), asio::detached));
      run_ready(io);
      add(made.writer, 3);
      run_ready(io);
      ck_assert_int_eq(alive.use_count(), 2);
      if (is_cancelled) {
        signal.emit(asio::cancellation_type::terminal);
        run_ready(io);
        ck_assert(error == kAborted);
        ck_assert_int_eq(alive.use_count(), 1);
      }
    }
    ck_assert_int_eq(alive.use_count(), 1);
    add(made.writer, 3);
  }
}
END_TEST

START_TEST(nothing_begins_in_a_context_that_ends) {
  // Begins a read when it is destroyed.
  struct Late {
    std::shared_ptr<Stream> stream;
    std::shared_ptr<std::array<std::byte, 10>> space =
        std::make_shared<std::array<std::byte, 10>>();
    Late(std::shared_ptr<Stream> its_stream) : stream(std::move(its_stream)) {}
    Late(Late&&) = default;
    ~Late() {
      if (stream == nullptr) return;
      stream->async_read_some(asio::buffer(*space), [](std::error_code, std::size_t) {
        give_up("no handler is called when its context ends");
      });
    }
    void operator()() const {}
  };
  auto made = pushed();
  {
    asio::io_context io;
    asio::post(io, Late(std::make_shared<Stream>(io, Reader(made.catcher))));
  }
  add(made.writer, 10);
}
END_TEST

// ---- races ---------------------------------------------------------------------------

// Reads on; each read is ended somehow while another thread writes.
START_TEST(against_bytes_from_another_thread) {
  stress(2, [](std::size_t kind, Random& random) {
    const End how = kind == 0 ? End::slot : End::cancel;
    const std::size_t size = random.up_to(300);
    const std::uint64_t seed = random.fork();
    Scene scene;
    std::jthread writer([&] {
      Random own(seed);
      for (std::size_t done = 0; done < size;) {
        const std::size_t piece = std::min(size - done, own.up_to(5));
        add(scene.made.writer, piece);
        done += piece;
      }
      scene.made.writer.finish();
    });
    for (bool is_over = false; !is_over;) {
      scene.begin();
      const std::uint64_t before = scene.read->offset;
      if (random.one_in(2)) run_ready(scene.io);
      scene.end(how);
      run_until(scene.io, "the read is over", [&] { return scene.read->is_over(); });
      const std::error_code error = scene.read->error;
      demand(scene.stream->reader().offset() == before + scene.read->bytes, "no byte is lost");
      is_over = error == asio::error::eof;
      demand(!error || is_over || error == kAborted, "bytes, the end or aborted", before);
    }
    demand(scene.stream->reader().offset() == size, "all was read", size);
  });
}
END_TEST

// cancel() by one thread, bytes by a second, the context run by a third.
START_TEST(by_any_thread) {
  stress(1, [](std::size_t, Random& random) {
    Scene scene;
    const auto work = asio::make_work_guard(scene.io);
    const std::size_t size = random.up_to(200);
    std::size_t total = 0;
    std::array<std::byte, 50> space{};
    std::function<void()> go_on = [&] {
      const std::uint64_t offset = scene.stream->reader().offset();
      scene.stream->async_read_some(asio::buffer(space),
                                    [&, offset](std::error_code error, std::size_t bytes) {
                                      demand_pattern(std::span(space).first(bytes), offset);
                                      total += bytes;
                                      if (error == asio::error::eof) return scene.io.stop();
                                      go_on();
                                    });
    };
    go_on();
    {
      std::jthread runner([&] { scene.io.run_for(kPatience); });
      std::jthread canceller([&](const std::stop_token& stop) {
        while (!stop.stop_requested()) {
          scene.stream->cancel();
          std::this_thread::yield();
        }
      });
      for (std::size_t done = 0; done < size; ++done) add(scene.made.writer, 1);
      scene.made.writer.finish();
      runner.join();
    }
    demand(total == size, "all was read", total);
  });
}
END_TEST

START_TEST(the_end_of_the_stream_or_of_its_context_against_bytes) {
  stress(2, [](std::size_t kind, Random& random) {
    auto made = pushed();
    const auto alive = std::make_shared<int>();
    const std::size_t streams = random.up_to(5);
    const std::uint64_t seed = random.fork();
    std::jthread writer;
    {
      asio::io_context io;
      std::vector<Stream> all;
      std::array<std::byte, 10> space{};
      for (std::size_t i = 0; i < streams; ++i) all.emplace_back(io, Reader(made.catcher));
      for (Stream& each : all)
        each.async_read_some(asio::buffer(space), [alive](std::error_code, std::size_t) {});
      Gate begun;
      writer = std::jthread([&made, &begun, seed] {
        Random own(seed);
        begun.open();
        for (std::size_t i = own.up_to(20); i > 0; --i) add(made.writer, 1);
      });
      begun.wait("the writer goes");
      if (kind == 0) {
        all.clear();
        run_until(io, "all have ended", [&] { return alive.use_count() == 1; });
      } else if (random.one_in(2)) {
        run_ready(io);
      }
    }
    demand(alive.use_count() == 1, "every handler is gone");
  });
}
END_TEST

}  // namespace

int main() {
  return run_suite("AsioStream",
                   {
                       {"moments",
                        {while_it_waits, by_each_type_and_by_no_other,
                         when_bytes_have_come_and_it_is_about_to_look, when_it_has_its_bytes,
                         when_it_is_over, while_it_enters_its_request}},
                       {"contexts",
                        {with_its_context_while_it_waits, with_its_context_when_bytes_have_come,
                         coroutines_end_with_their_context_or_by_their_slot,
                         nothing_begins_in_a_context_that_ends}},
                       {"races",
                        {against_bytes_from_another_thread, by_any_thread,
                         the_end_of_the_stream_or_of_its_context_against_bytes}},
                   });
}
