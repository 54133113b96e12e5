#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""check_abi.py TOP NM LIBRARY... [--update]: what each LIBRARY exports is what is on record.

On record is TOP/docs/abi/NAME.symbols. What goes from it breaks programs: see docs/abi.md, then
record it with --update. Copies of inline functions, templates and tables, which any program has
of its own, are not on record.
"""
import pathlib
import subprocess
import sys

words = [word for word in sys.argv[1:] if word != "--update"]
update = len(words) < len(sys.argv) - 1
top, nm, libraries = pathlib.Path(words[0]), words[1], words[2:]

faults = 0
for library in map(pathlib.Path, libraries):
    listed = subprocess.run([nm, "-DC", "--defined-only", library], stdout=subprocess.PIPE, text=True,
                            check=True).stdout
    exported = set()
    for line in listed.splitlines():
        _, kind, symbol = line.split(" ", 2)
        if kind in "TDBR":
            exported.add(symbol)
    record = top / "docs" / "abi" / (library.name.removeprefix("lib").partition(".so")[0] + ".symbols")
    if update:
        record.parent.mkdir(exist_ok=True)
        record.write_text("".join(f"{symbol}\n" for symbol in sorted(exported)))
    recorded = set(record.read_text().splitlines()) if record.exists() else set()
    for sign, symbols in (("+", exported - recorded), ("-", recorded - exported)):
        for symbol in sorted(symbols):
            faults += 1
            print(f"{library.name}: {sign} {symbol}")
    # A GObject's type is told by a C function.
    foreign = [symbol for symbol in exported
               if "catcher::" not in symbol and not symbol.startswith("catcher_")]
    faults += len(foreign)
    print(*(f"{library.name}: not in namespace catcher: {symbol}" for symbol in foreign),
          f"{library.name}: {len(exported)} symbols", sep="\n")
if faults:
    print(f"{faults} differences; once the soversion is right: ninja -C build record-abi")
sys.exit(bool(faults))
