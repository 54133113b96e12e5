#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_decode_from.py PROGRAM: what catcher-decode-from plays of a piped track are slices of all.

The second half of the track is written only after what lies in the first has been played, and gone
back to. Exits with 77 where there is no track (CATCHER_TEST_TRACK).
"""
import os
import pathlib
import subprocess
import sys
import threading

PATIENCE = 60
SECOND = 44100 * 2 * 2  # bytes
program = sys.argv[1]
path = pathlib.Path(os.environ.get("CATCHER_TEST_TRACK", ""))
if not path.is_file():
    print("skipped: there is no track")
    sys.exit(77)
track = path.read_bytes()
half = len(track) // 2


class Played:
    """The program with (FROM, FOR) to play. It is killed if it takes longer than PATIENCE."""

    def __init__(self, *pieces):
        self.run = subprocess.Popen([program, *(f"{a}+{b}" for a, b in pieces)],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.watchdog = threading.Timer(PATIENCE, self.run.kill)
        self.watchdog.start()
        self.go_on = threading.Event()
        self.writer = threading.Thread(target=self.write, daemon=True)
        self.writer.start()

    def write(self):
        try:
            self.run.stdin.write(track[:half])
            self.run.stdin.flush()
            self.go_on.wait()
            self.run.stdin.write(track[half:])
            self.run.stdin.close()
        except BrokenPipeError:
            pass  # it has played all that was asked for

    def end(self):
        rest = self.run.stdout.read()
        status = self.run.wait()
        self.watchdog.cancel()
        self.writer.join()
        if status != 0:
            sys.exit(f"it ends with {status}")
        return rest


def samples(piece):
    begin, length = piece
    return everything[int(begin * SECOND):int((begin + length) * SECOND)]


def compare(what, got, wanted):
    if got != wanted:
        same = len(os.path.commonprefix([got, wanted]))
        sys.exit(f"{what}: {len(got)} bytes, {len(wanted)} in the whole track, alike for {same}")


wrong = subprocess.Popen([program, "no piece"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
said = wrong.stderr.read()  # stdin stays open, and silent
if wrong.wait(PATIENCE) != 1 or b"is not FROM+FOR" not in said:
    sys.exit(f"a wrong piece ends with {wrong.returncode} and says {said!r}")

whole = Played((0, 1000))
whole.go_on.set()
everything = whole.end()
if len(everything) < 170 * SECOND:
    sys.exit(f"all of it is {len(everything)} bytes")

early = [(60, 10), (20, 5), (0, 1), (70.5, 2)]
late = [(170, 30), (100, 5), (3, 1)]
parts = Played(*early, *late)
for one in early:
    wanted = samples(one)
    compare(one, parts.run.stdout.read(len(wanted)), wanted)
parts.go_on.set()
compare(late, parts.end(), b"".join(map(samples, late)))
print(f"{len(early)} pieces before the second half has come, {len(late)} afterwards")
