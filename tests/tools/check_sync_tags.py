#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_sync_tags.py [TOP]: ties the memory orders of the core to their reasons.

Each order::acquire, release, acq_rel or seq_cst stands under a `// sync(name) side:` comment of its
side, each order::relaxed under a comment with the word "relaxed". Each tag has a release and an
acquire side, and a row in docs/memory-model.md that names an existing model test.
"""
import pathlib
import re
import sys

TAG = re.compile(r"sync\(([\w-]+)\)\s+(release|acquire|acq_rel)\b")
USE = re.compile(r"\border::(relaxed|acquire|release|acq_rel|seq_cst)\b")
CALL = re.compile(r"[.>](?:load|store|exchange|fetch_\w+|compare_exchange_\w+)\(")
SIDES = {"acquire": {"acquire"}, "release": {"release"}, "acq_rel": {"acquire", "release"}}
REACH = 14  # lines between a comment's first line and the order it explains

top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
sides, faults = {}, []


def paragraph_above(lines, number):
    """The comments that explain a line: up to a blank line or the end of an earlier block."""
    found = []
    for line in reversed(lines[max(0, number - REACH):number + 1]):
        if found and (not line.strip() or line.strip() in ("}", "};")):
            break
        found.append(line.partition("//")[2])
    return " ".join(reversed(found))


for path in sorted([*top.glob("core/**/*.hpp"), *top.glob("core/**/*.cpp")]):
    if path.name == "atomic.hpp":  # where the aliases are made
        continue
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        where = f"{path.relative_to(top)}:{number + 1}"
        code, _, comment = line.partition("//")
        for name, side in TAG.findall(comment):
            sides.setdefault(name, set()).update(SIDES[side])
        if "memory_order" in code:
            faults.append(f"{where}: memory_order is written as order::")
        call = CALL.search(code)
        if call and "order::" not in " ".join(lines[number:number + 5])[call.start():].split(";")[0]:
            faults.append(f"{where}: an atomic operation without its order")
        for order in USE.findall(code):
            reason = paragraph_above(lines, number)
            tagged = set().union(*(SIDES[side] for _, side in TAG.findall(reason)))
            if order == "relaxed" and "relaxed" not in reason.lower():
                faults.append(f"{where}: relaxed without a reason")
            if order == "seq_cst" and "seq_cst" not in reason:
                faults.append(f"{where}: seq_cst without its paragraph")
            if order in SIDES and not SIDES[order] <= tagged:
                faults.append(f"{where}: {order} without a sync tag of its side")

ledger = top / "docs/memory-model.md"
rows = [line for line in ledger.read_text().splitlines() if line.startswith("|")] \
    if ledger.exists() else []
for name, found in sorted(sides.items()):
    for side in {"acquire", "release"} - found:
        faults.append(f"sync({name}): no {side} side")
    row = [r for r in rows if re.search(rf"\b{name}\b", r.split("|")[1])]
    models = re.findall(r"tests/model/\w+\.cpp", " ".join(row))
    if not row:
        faults.append(f"sync({name}): no row in docs/memory-model.md")
    elif not models or not all((top / model).exists() for model in models):
        faults.append(f"sync({name}): its row names no existing tests/model/*.cpp")
for row in rows:
    name = row.split("|")[1].strip(" `")
    if re.fullmatch(r"sync\([\w-]+\)", name) and name[5:-1] not in sides:
        faults.append(f"docs/memory-model.md: {name} is nowhere in core")

print("\n".join(faults) or f"{len(sides)} tags, each with both sides, a row and a model")
sys.exit(bool(faults))
