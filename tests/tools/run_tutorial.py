#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""run_tutorial.py DOC COMPILER...: the code of DOC is a program that prints what DOC says.

Blocks marked `cpp top` stand before main(), those marked `cpp` in it, all in the order of DOC; those
marked `text` are what the program prints. COMPILER... may name libraries: they stand behind the source.
"""
import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```(cpp top|cpp|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 60

doc, compiler = pathlib.Path(sys.argv[1]), sys.argv[2:]
text = doc.read_text()
top, body, wanted, blocks = [], [], [], 0
for block in BLOCK.finditer(text):
    blocks += 1
    kind, code = block.groups()
    # Faults are reported where the code stands.
    place = f'#line {text.count(chr(10), 0, block.start(2)) + 1} "{doc}"\n'
    if kind == "text":
        wanted += code.splitlines()
    else:
        (top if kind == "cpp top" else body).append(place + code)

with tempfile.TemporaryDirectory() as folder:
    source, program = pathlib.Path(folder, "tutorial.cpp"), pathlib.Path(folder, "tutorial")
    source.write_text("\n".join([*top, "int main() {", *body, "}", ""]))
    libraries = [word for word in compiler if word.endswith((".a", ".so"))]
    flags = [word for word in compiler if word not in libraries]
    if subprocess.run([*flags, source, *libraries, "-o", program], check=False).returncode:
        sys.exit(f"{doc} does not compile")
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True, timeout=SECONDS, check=False)

printed = [line.rstrip() for line in done.stdout.splitlines()]
difference = list(difflib.unified_diff(wanted, printed, str(doc), "printed", lineterm=""))
print(*difference, f"{blocks} blocks, {len(printed)} lines, status {done.returncode}", sep="\n")
sys.exit(bool(difference) or done.returncode != 0 or not printed)
