#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_promises.py DOC TOP HEADING...: each promise that DOC lists is kept by a test that there is.

Under each `## HEADING` stands a table: a name, the promise, and what tests it, as
`PROGRAM`: `case`, with `;` between several. A PROGRAM is a file of TOP/tests that stands in the list
of a meson.build, and has the case as START_TEST(case). What has no cases is named by the folder
that it is in: model `PROGRAM`, stress `PROGRAM`.
"""
import pathlib
import re
import sys

ROW = re.compile(r"^\| `([^`]*)` \|(.*)\|(.*)\|$")
TEST = re.compile(r"`([\w/]+)`: `(\w+)`|\b(model|stress) `(\w+)`")
CASE = re.compile(r"START_TEST\((\w+)\)")
LISTED = re.compile(r"^\s*'(\w+)',", re.MULTILINE)

doc, top = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
cases, folders, section = {}, {}, []
for heading in sys.argv[3:]:
    found = doc.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0].splitlines()
    rows = [line for line in found if line.startswith("|")]
    if len(rows) < 3:
        sys.exit(f"{doc} has no table below {heading}")
    section += rows[2:]
for lists in (top / "tests").glob("*/meson.build"):
    for name in LISTED.findall(lists.read_text()):
        source = lists.parent / f"{name}.cpp"
        if source.exists():
            cases[name] = set(CASE.findall(source.read_text()))
            folders[name] = lists.parent.name

names, tests, faults = set(), 0, []
for line in section:
    row = ROW.match(line)
    if not row:
        faults.append(f"not a name, a promise and its tests: {line}")
        continue
    name, promise, tested = (part.strip() for part in row.groups())
    if not name or name in names:
        faults.append(f"{name}: each promise has a name of its own")
    names.add(name)
    if not promise:
        faults.append(f"{name}: nothing is promised")
    found = TEST.findall(tested)
    if not found or TEST.sub("", tested).strip(" ;"):
        faults.append(f"{name}: not a list of tests: {tested or 'nothing'}")
    for program, case, folder, whole in found:
        tests += 1
        if whole:
            if folders.get(whole) != folder:
                faults.append(f"{name}: {folder} has no {whole}")
        elif program not in cases:
            faults.append(f"{name}: {program} is in no list of tests")
        elif case not in cases[program]:
            faults.append(f"{name}: {program} has no {case}")

print(*faults, f"{len(names)} promises, {tests} tests, {len(faults)} faults", sep="\n")
sys.exit(bool(faults) or not names)
