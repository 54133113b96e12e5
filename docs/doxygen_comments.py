#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""doxygen_comments.py HEADER: the header with its plain comments as Doxygen's, line by line.

Comments of declarations become `///`, those behind one `///<`, the first of the file its own; what is
indented in them keeps its lines. Comments inside functions remain plain.
"""
import html
import pathlib
import re
import sys

COMMENT = re.compile(r"^(.*?)//(?!/)(.*)$")
RULER = re.compile(r"^ -{3,}")
DECLARES = re.compile(r"^(?:template\s*<.*?>\s*)?(?:inline\s+)?(?:namespace|class|struct|enum|union)\b")
UNCOMMENTED = re.compile(r"^\n(?:class|struct) (?:CATCHER_API )?(\w+)[^;]*$", re.MULTILINE)
MOVE = re.compile(r"^(\s+)(?=(\w+)(?:& operator=)?\(\2&& ?\w*\))")
LITERAL = re.compile(r'"(?:\\.|[^"\\])*"' r"|'(?:\\.|[^'\\])'")


def escaped(prose):
    """Nothing in it is a command or a tag, except in code spans, where nothing is anyway."""
    parts = prose.split("`")
    parts[::2] = [re.sub(r"([<>#@\\&$%])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


def as_it_is(note):
    """A line of an example or a list: a line of its own, with the spaces that it has."""
    marked = html.escape(note[1:], quote=False).replace("  ", "&nbsp; ")
    return "<tt>" + re.sub(r"([#@\\$%])", r"\\\1", marked) + "</tt><br>"


class Scopes:
    """Whether what comes next is declared, or done."""

    def __init__(self):
        self.stack, self.statement = [], ""

    def declaring(self):
        return all(self.stack)

    def see(self, code):
        for sign in LITERAL.sub('""', code) + " ":
            if sign == "{":
                self.stack.append(bool(DECLARES.match(self.statement.strip())))
            elif sign == "}" and self.stack:
                self.stack.pop()
            if sign in "{};" or self.statement.endswith(("public:", "private:", "protected:")):
                self.statement = ""
            if sign not in "{};":
                self.statement += sign


def subject(path, text):
    """What the first comment of a header is about: the class that has no comment of its own."""
    if path.stem == "all":
        return "@namespace catcher"
    found = UNCOMMENTED.search(text)
    return f"@class catcher::{found.group(1)}" if found else "@file"


path = pathlib.Path(sys.argv[1])
text = path.read_text()
scopes, column, out = Scopes(), None, []
for line in text.splitlines():
    found = COMMENT.match(LITERAL.sub(lambda quoted: quoted.group().replace("//", "\\/"), line))
    code, note = (line[:found.start(2) - 2], line[found.start(2):]) if found else (line, "")
    alone = bool(found) and not code.strip()
    mark = "///"
    if alone and column == len(code):
        mark = "///<"  # goes on with the comment behind the line before
    else:
        column = len(code) if found and not alone else None
        mark = "///<" if column else mark

    if note.startswith(" SPDX-License"):
        out.append("")
    elif note.startswith(" SPDX"):
        out.append(f"/// {subject(path, text)}")
    elif code.startswith(("template <>", "struct std::")):
        out.append("")  # tells the standard library something, and readers nothing
    elif not found or not scopes.declaring() or code.startswith("}"):
        out.append(MOVE.sub(r"\1/** Moves; the other may then be assigned to or destroyed. */ ", line)
                   if scopes.declaring() else line)
    elif alone and RULER.match(note):
        out.append("")
    else:
        out.append(f"{code}{mark} {as_it_is(note) if note.startswith('   ') else escaped(note.strip())}")
    scopes.see("" if code.lstrip().startswith("#") else code)
print("\n".join(out))
