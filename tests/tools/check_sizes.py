#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_sizes.py [TOP]: no source file has more than 500 lines."""
import pathlib
import sys

LIMIT = 500
top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
sizes = {path: len(path.read_text().splitlines())
         for folder in ("core", "plugin", "tests", "docs")
         for path in sorted((top / folder).rglob("*"))
         if path.suffix in (".cpp", ".hpp", ".py", ".sh")}
faults = [f"{path.relative_to(top)}: {size} lines, the limit is {LIMIT}"
          for path, size in sizes.items() if size > LIMIT]

print("\n".join(faults) or f"{len(sizes)} files, the longest has {max(sizes.values())} lines")
sys.exit(bool(faults))
