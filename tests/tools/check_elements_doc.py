#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_elements_doc.py DOC ELEMENT...: compares the tables in DOC with what gst-inspect-1.0 lists.

Under `## ELEMENT` stand the element's own properties (`### Properties`) and those of its pads
(`### Pad properties`); under `## Choices` the values of every enum. When a table differs, the one
that is right is printed.
"""
import pathlib
import re
import subprocess
import sys

TYPES = {"Unsigned Integer64": "uint64", "Integer64": "int64", "Integer": "int", "String": "string",
         "Boolean": "boolean", "Double": "double",
         'Boxed pointer of type "GstStructure"': "GstStructure"}
WHEN = {"changeable only in NULL or READY state": "before PAUSED",
        "changeable in NULL, READY, PAUSED or PLAYING state": "any time"}
LIMITS = {str(2 ** 31 - 1): "2^31-1", str(2 ** 63 - 1): "2^63-1", str(-2 ** 63): "-2^63", str(2 ** 64 - 1): "2^64-1"}
INHERITED = {"name", "parent"}


def short(number):
    return LIMITS.get(number, number)



def is_deeper(line, depth):
    return line.startswith(" " * (depth + 1))


def rows_of(lines, choices):
    """The table rows for a list of properties, as gst-inspect prints it."""
    rows = []
    depth = min(len(line) - len(line.lstrip()) for line in lines)
    starts = [n for n, line in enumerate(lines) if not is_deeper(line, depth)]
    for start, stop in zip(starts, [*starts[1:], len(lines)]):
        name, _, blurb = (part.strip() for part in lines[start].partition(":"))
        flags = lines[start + 1].partition("flags:")[2].strip()
        kind, _, default = (part.strip() for part in lines[start + 2].partition("Default:"))
        kind, _, span = (part.strip(" .") for part in kind.partition("Range:"))
        enum = re.fullmatch(r'Enum "(\w+)"', kind)
        if enum:
            default = default.split('"')[1]
            for line in lines[start + 3:stop]:
                value, meaning = re.match(r"\s+\(-?\d+\): (\S+)\s+- (.*)", line).groups()
                choices.add(f"| `{enum[1]}` | `{value}` | {meaning.strip()} |")
        if name in INHERITED:
            continue
        kind = f"`{enum[1]}`" if enum else TYPES[kind]
        span = " to ".join(short(end.strip()) for end in span.split(" - ")) if span else ""
        access = WHEN[flags.partition("writable, ")[2]] if "writable" in flags else "read only"
        default = "" if access == "read only" else short(default.replace("null", "NULL"))
        rows.append(f"| `{name}` | {kind} | {default} | {span} | {access} | {blurb} |")
    return rows


def block_after(text, heading):
    """The indented lines below a heading."""
    lines = text.splitlines()
    at = next((n for n, line in enumerate(lines) if line.strip() == heading), None)
    if at is None:
        return []
    depth = len(lines[at]) - len(lines[at].lstrip())
    found = []
    for line in lines[at + 1:]:
        if not is_deeper(line, depth):
            break
        found.append(line)
    return found


def tables(doc):
    """Rows that begin with a name in backquotes, by their second and third level headings."""
    found, section, part = {}, "", ""
    for line in doc.splitlines():
        if line.startswith("## "):
            section, part = line[3:].strip(), ""
        elif line.startswith("### "):
            part = line[4:].strip()
        elif line.startswith("| `"):
            found.setdefault((section, part), []).append(line)
    return found


stated = tables(pathlib.Path(sys.argv[1]).read_text())
wanted, choices = {}, set()
for element in sys.argv[2:]:
    text = subprocess.run(["gst-inspect-1.0", element], check=True, capture_output=True,
                          text=True).stdout
    for heading, part in (("Element Properties:", "Properties"),
                          ("Pad Properties:", "Pad properties")):
        lines = block_after(text, heading)
        if lines:
            wanted[element, part] = rows_of(lines, choices)
wanted["Choices", ""] = sorted(choices)
stated["Choices", ""] = sorted(stated.get(("Choices", ""), []))

faults = 0
for (section, part), rows in wanted.items():
    if stated.get((section, part)) != rows:
        faults += 1
        print(f"{sys.argv[1]}: {section} {part} is not what gst-inspect-1.0 lists:",
              *rows, sep="\n")
print(f"{sum(map(len, wanted.values()))} rows in {len(wanted)} tables, {faults} tables differ")
sys.exit(bool(faults) or not wanted)
