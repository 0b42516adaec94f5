# SPDX-License-Identifier: MIT
"""Public documentation: a comment stands above every public function, macro and type, or above its group.

A group is what follows a comment without an empty line.
"""

import re

from tree import files, read

NAME = re.compile(
    r"^(?:#define (?P<macro>mote_(?!_)\w+|MOTE_(?!_)\w+)"
    r"|(?:typedef )?(?:struct|enum|union) (?P<type>mote_(?!_)\w+) *\{"
    r"|typedef [^(;]*\b(?P<alias>mote_(?!_)\w+);"
    r"|[a-z][\w ]*[ *](?P<function>mote_(?!_)\w+)\()"
)


def check(_args):
    problems, count = [], 0
    for header in files("include/mote/", suffixes=(".h",)):
        documented = False
        for number, line in enumerate(read(header).split("\n"), 1):
            if not line.strip():
                documented = False
            elif line.startswith(("/*", " *")) and number > 2:
                documented = True
            match = NAME.match(line)
            if not match or (match["macro"] or "").endswith("_H"):
                continue
            count += 1
            if not documented:
                problems.append(f"{header}:{number}: {match[match.lastgroup]} has no comment above it")
        if not read(header).split("\n")[1].startswith(f"/* {header.removeprefix('include/')} - "):
            problems.append(f"{header}:2: the file does not say what it is: /* {header.removeprefix('include/')} - ... */")
    return f"{count} public names documented", problems
