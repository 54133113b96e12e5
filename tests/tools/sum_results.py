#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""sum_results.py COUNTS: adds up what `meson test` runs left behind, and prints it as the last line.
Before it come the failures, each with the end of what it printed: a reader may have no more than the
last lines of a run.

COUNTS has one line for each run: `log PATH STATUS` (the JSON log, which may be missing where
the run broke off, and the exit status) or `fail WHAT` for a step that failed before any test.
"""
import json
import pathlib
import sys

PASSED, SKIPPED = {"OK", "EXPECTEDFAIL"}, {"SKIP"}
LAST_LINES, LINE_LENGTH = 30, 240


def last_words(result):
    """The end of what a test printed, indented."""
    text = "\n".join(result.get(stream) or "" for stream in ("stdout", "stderr"))
    lines = [line for line in text.splitlines() if line.strip()][-LAST_LINES:]
    return "".join(f"\n    {line[:LINE_LENGTH]}" for line in lines)


passed, skipped, failures = 0, 0, []
for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
    kind, _, rest = line.partition(" ")
    if kind == "fail":
        failures.append(rest)
        continue
    name, status = rest.rsplit(" ", 1)
    path = pathlib.Path(name)
    where = f"{path.parent.parent.name} ({path.stem.partition('-')[0]})"
    results = [json.loads(row) for row in path.read_text().splitlines()] if path.exists() else []
    failed = [r for r in results if r["result"] not in PASSED | SKIPPED]
    passed += sum(r["result"] in PASSED for r in results)
    skipped += sum(r["result"] in SKIPPED for r in results)
    failures += [f"{where}: {r['name']} ({r['result'].lower()}){last_words(r)}" for r in failed]
    if not results:
        failures.append(f"{where}: no test ran (meson test ended with {status})")
    elif status != "0" and not failed:
        failures.append(f"{where}: meson test ended with {status}")

for failure in failures:
    print(f"failed: {failure}")
print(f"{passed} passed, {len(failures)} failed" + (f", {skipped} skipped" if skipped else ""))
sys.exit(bool(failures) or not passed)
