#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_lists.py [TOP]: fails if a .cpp file stands in no list of the meson.build above it."""
import pathlib
import sys

top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
faults = []
seen = 0
for folder in ("core", "plugin", "tests", "docs"):
    for path in sorted((top / folder).rglob("*.cpp")):
        seen += 1
        home = path.parent
        while home != top and not (home / "meson.build").exists():
            home = home.parent
        lists = "\n".join(line.partition("#")[0]
                          for line in (home / "meson.build").read_text().splitlines())
        name = path.relative_to(home).as_posix()
        if f"'{name}'" not in lists and f"'{name[:-len('.cpp')]}'" not in lists:
            faults.append(f"{path.relative_to(top)} is in no list of "
                          f"{(home / 'meson.build').relative_to(top)}")

print("\n".join(faults) or f"{seen} files, each in a list")
sys.exit(bool(faults) or not seen)
