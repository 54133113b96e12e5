#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_command_replay.py PROGRAM: the example runs a command once and plays it as often as it says."""
import pathlib
import subprocess
import sys
import tempfile

program = sys.argv[1]


def replay(*command):
    done = subprocess.run([program, *command], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def expected(text):
    return f"-- as it comes\n{text}-- once more\n{text}-- the last 10 bytes\n{text[-10:]}"


faults = []


def check(what, found, wanted):
    if found != wanted:
        faults.append(f"{what}: {found!r}, not {wanted!r}")


with tempfile.TemporaryDirectory() as folder:
    runs = pathlib.Path(folder) / "runs"
    status, out, err = replay("sh", "-c", f"echo run >> {runs}; echo one; echo two, and more")
    check("status", status, 0)
    check("output", out, expected("one\ntwo, and more\n"))
    check("runs", runs.read_text(), "run\n")

status, out, err = replay("sh", "-c", "echo here; echo oh no >&2; exit 3")
check("failed status", status, 3)
check("failed output", out, expected("here\n"))
for part in ("exit status 3", "after 5 bytes", "oh no"):
    check(f"{part} is told", part in err, True)

status, out, err = replay("catcher-no-such-program")
check("absent status", status, 127)
check("absent is named", "catcher-no-such-program" in err, True)

print(*faults, f"{len(faults)} faults", sep="\n")
sys.exit(bool(faults))
