#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""run_launch_lines.py DOC...: runs the command lines that stand below `<!-- run: FILE... -->`.

Each is an indented block, run in an empty folder of its own. It must end well within a minute and
leave FILE..., none of them empty; with `==` between two of them they must be alike. A leading
`meson devenv -C build` is left out: the environment is taken to be that already.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^<!-- run: (.+) -->\n+((?:    .*\n)+)", re.MULTILINE)
DEVENV = "meson devenv -C build "
SECONDS = 60


def fault_of(command, wanted):
    """What is wrong with a command line, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(["sh", "-ec", command], cwd=folder, timeout=SECONDS, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired:
            return f"has not ended after {SECONDS} s"
        if done.returncode != 0:
            return f"ends with status {done.returncode}:\n{done.stdout}"
        files = {name: pathlib.Path(folder, name) for name in wanted if name != "=="}
        for name, path in files.items():
            if not path.exists() or path.stat().st_size == 0:
                return f"leaves no {name}"
        for n, name in enumerate(wanted):
            if name == "==":
                first, second = wanted[n - 1], wanted[n + 1]
                if files[first].read_bytes() != files[second].read_bytes():
                    return f"leaves {first} and {second}, which differ"
    return None


runs = faults = 0
for doc in sys.argv[1:]:
    for wanted, block in BLOCK.findall(pathlib.Path(doc).read_text()):
        command = "\n".join(line[4:] for line in block.splitlines()).removeprefix(DEVENV)
        fault = fault_of(command, wanted.split())
        runs += 1
        if fault:
            faults += 1
            print(f"{doc}:\n{command}\n{fault}")
print(f"{runs} command lines, {faults} with faults")
sys.exit(bool(faults) or not runs)
