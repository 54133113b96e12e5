#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_http_range_server.py PROGRAM: many clients of catcher-http-range-server, while the stream
arrives and after its end. Each byte that a client gets is compared with what was piped in.
"""
import http.client
import json
import random
import socket
import subprocess
import sys
import threading
import time

PATIENCE = 60
program = sys.argv[1]
data = random.Random(4).randbytes(3_000_000)


def demand(fact, *what):
    if not fact:
        sys.exit("not so: " + " ".join(map(str, what)))


class Server:
    """The program, fed by write() and end(), or by a command."""

    def __init__(self, *words):
        self.run = subprocess.Popen([program, "--port=0", *words],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=False)
        self.watchdog = threading.Timer(PATIENCE, self.run.kill)
        self.watchdog.start()
        url = self.run.stdout.readline().decode()
        demand(url.startswith("http://127.0.0.1:"), "it says where it is:", url)
        self.port = int(url.split(":")[2].strip("/\n"))
        self.fed = 0

    def write(self, size):
        """Waits until it has arrived."""
        self.run.stdin.write(data[self.fed:self.fed + size])
        self.run.stdin.flush()
        self.fed += size
        self.wait("end", self.fed)

    def end(self):
        self.run.stdin.close()
        self.wait("finished", True)

    def ask(self, headers=None, method="GET", path="/"):
        """A response whose header has come; its body is still to be read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request(method, path, headers=headers or {})
        return connection.getresponse()

    def ask_range(self, text):
        return self.ask({"Range": "bytes=" + text})

    def stats(self):
        return json.loads(self.ask(path="/stats").read())

    def wait(self, name, value):
        """Waits until a figure of /stats is so."""
        until = time.monotonic() + PATIENCE
        while (now := self.stats()[name]) != value:
            demand(time.monotonic() < until, name, "becomes", value, "and not", now)

    def stop(self):
        self.run.terminate()
        demand(self.run.wait() == 0, "it ends when told to")
        self.watchdog.cancel()


def whole(response, status, content_range=None):
    demand(response.status == status, "the status is", status, "and not", response.status)
    demand(response.getheader("Content-Range") == content_range, "Content-Range is", content_range,
           "and not", response.getheader("Content-Range"))
    return response


def live():
    server = Server("--type=audio/x-test")
    # Who comes before the first byte waits for it.
    early = []
    comer = threading.Thread(target=lambda: early.append(server.ask()))
    comer.start()
    server.wait("readers", 1)
    server.write(1_000_000)
    comer.join()
    first = whole(early[0], 200)
    demand(first.getheader("Transfer-Encoding") == "chunked", "it has no length yet")
    demand(first.getheader("Content-Length") is None, "it has no length yet")
    demand(first.getheader("Content-Type") == "audio/x-test", "the type is as told")
    demand(first.getheader("Accept-Ranges") == "bytes", "ranges are offered")
    demand(first.read(1_000_000) == data[:1_000_000], "all that has come is there")

    head = whole(server.ask(method="HEAD"), 200)
    demand(head.getheader("Content-Length") is None, "HEAD tells no length")
    got = whole(server.ask_range("10-109"), 206, "bytes 10-109/*")
    demand(got.getheader("Content-Length") == "100" and got.read() == data[10:110], "10-109")
    got = whole(server.ask_range("999000-"), 206, "bytes 999000-999999/*")
    demand(got.read() == data[999_000:1_000_000], "what has come by now")
    got = whole(server.ask_range("-100"), 416)
    demand(b"no end yet" in got.read(), "a suffix is explained")
    got = whole(server.ask({"Range": "bytes=5-9", "If-Range": '"another"'}), 200)
    got.close()
    got = whole(server.ask({"Range": "bytes=5-9", "If-Range": head.getheader("ETag")}), 206,
                "bytes 5-9/*")
    demand(got.read() == data[5:10], "If-Range of this stream")
    whole(server.ask_range("5-9,20-29"), 200).close()
    whole(server.ask(path="/else"), 404)
    whole(server.ask(method="POST"), 405)
    whole(server.ask({"Host": "example.org"}), 403)
    server.wait("readers", 1)

    # One that follows from its own place, and one that waits for a place that is still to come.
    follower = whole(server.ask_range("500000-99999999999"), 206, "bytes 500000-99999999999/*")
    demand(follower.read(500_000) == data[500_000:1_000_000], "the follower's part so far")
    ahead = []
    waiter = threading.Thread(target=lambda: ahead.append(server.ask_range("1200000-1200009")))
    waiter.start()
    server.wait("readers", 3)

    # One that does not read at all holds up nobody: what it has not taken does not fit its socket.
    slow = socket.create_connection(("127.0.0.1", server.port))
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    server.wait("readers", 4)
    server.write(1_000_000)
    waiter.join()
    got = whole(ahead[0], 206, "bytes 1200000-1200009/*")
    demand(got.read() == data[1_200_000:1_200_010], "what was waited for")
    demand(first.read(1_000_000) == data[1_000_000:2_000_000], "the first goes on")
    demand(follower.read(1_000_000) == data[1_000_000:2_000_000], "the follower goes on")
    server.wait("readers", 3)

    # Who leaves is forgotten at once: at the edge, with its socket full, before its answer began.
    follower.fp.raw._sock.shutdown(socket.SHUT_RDWR)
    server.wait("readers", 2)
    slow.close()
    server.wait("readers", 1)
    gone = socket.create_connection(("127.0.0.1", server.port))
    gone.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=2500000-\r\n\r\n")
    server.wait("readers", 2)
    gone.close()
    server.wait("readers", 1)

    beyond = []
    waiter = threading.Thread(target=lambda: beyond.append(server.ask_range("3000000-")))
    waiter.start()
    server.wait("readers", 2)
    server.write(1_000_000)
    server.end()
    waiter.join()
    whole(beyond[0], 416, "bytes */3000000")
    demand(first.read() == data[2_000_000:], "the first comes to the end")
    finished(server)
    server.stop()


def finished(server):
    got = whole(server.ask(), 200)
    demand(got.getheader("Content-Length") == "3000000", "the length is known")
    demand(got.read() == data, "all of it")
    head = whole(server.ask(method="HEAD"), 200)
    demand(head.getheader("Content-Length") == "3000000", "HEAD tells it too")
    for asked, told, begin, behind in (("-100", "2999900-2999999", 2_999_900, 3_000_000),
                                       ("-9999999", "0-2999999", 0, 3_000_000),
                                       ("2000000-", "2000000-2999999", 2_000_000, 3_000_000),
                                       ("7-99999999", "7-2999999", 7, 3_000_000),
                                       ("0-0", "0-0", 0, 1)):
        got = whole(server.ask_range(asked), 206, f"bytes {told}/3000000")
        demand(got.read() == data[begin:behind], asked)
    whole(server.ask_range("3000000-"), 416, "bytes */3000000")
    # Two requests on one connection, sent at once.
    both = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE)
    one = b"GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=%s\r\n"
    both.sendall(one % b"0-9" + b"\r\n" + one % b"10-19" + b"Connection: close\r\n\r\n")
    text = b"".join(iter(lambda: both.recv(65536), b""))
    demand(data[:10] in text and data[10:20] in text, "both are answered")
    server.wait("readers", 0)


def crowd():
    """40 clients, each at its own place, while it arrives in 30 pieces."""
    server = Server()
    server.write(100_000)
    wrong = []

    def client(number):
        begin = number * 2_000
        got = server.ask_range(f"{begin}-99999999999").read()
        if got != data[begin:]:
            wrong.append((number, len(got)))

    clients = [threading.Thread(target=client, args=(number,)) for number in range(40)]
    for one in clients:
        one.start()
    server.wait("readers", 40)
    with open(f"/proc/{server.run.pid}/status") as status:
        threads = next(int(line.split()[1]) for line in status if line.startswith("Threads:"))
    demand(threads < 10, "there is no thread for each of 40 clients, but", threads, "threads")
    while server.fed < len(data):
        server.write(100_000)
    server.end()
    for one in clients:
        one.join()
    demand(not wrong, "each gets all from its place on:", wrong)
    server.stop()


def window():
    server = Server("--keep=640000")
    server.write(2_000_000)
    begin = server.stats()["begin"]
    demand(begin > 1_000_000, "the window has moved on to", begin)
    demand(str(begin).encode() in whole(server.ask(), 410).read(), "it says where it begins now")
    whole(server.ask_range("0-9"), 416)
    got = whole(server.ask_range(f"{begin}-{begin + 9}"), 206, f"bytes {begin}-{begin + 9}/*")
    demand(got.read() == data[begin:begin + 10], "what is kept is served")
    server.stop()


def commands():
    server = Server("--", "printf", "some words")
    server.wait("finished", True)
    demand(whole(server.ask(), 200).read() == b"some words", "a command's output")
    server.stop()

    server = Server("sh", "-c", "printf words; exit 3")
    got = whole(server.ask(), 200)
    try:
        demand(False, "a stream that broke off is not said to be whole:", got.read())
    except http.client.IncompleteRead as short:
        demand(short.partial == b"words", "what came before is served:", short.partial)
    whole(server.ask_range("100-"), 502)
    server.wait("readers", 0)
    server.stop()


for scene in (live, crowd, window, commands):
    scene()
print("all as it was piped in")
