# SPDX-License-Identifier: MIT
"""Examples: each program stands in examples/README.md, and its first lines say what it is. One of several files is a folder
with a main.c."""

import re

from tree import files, read

README = "examples/README.md"


def check(_args):
    problems = []
    named = set(re.findall(r"\]\(((?:\w+/)?[\w.]+\.c)\)", read(README)))
    sources = files("examples/", suffixes=(".c", ".h"))
    programs = [name for name in sources if name.endswith(".c") and (name.count("/") == 1 or name.endswith("/main.c"))]
    for name in programs:
        if name.removeprefix("examples/") not in named:
            problems.append(f"{name}: {README} does not link to it")
    for name in sources:
        noun = name.rsplit("/", 1)[1].rsplit(".", 1)[0]
        if not read(name).split("\n")[1].startswith(f"/* {noun} - "):
            problems.append(f"{name}:2: the file does not say what it is: /* {noun} - ...")
    return f"{len(programs)} programs in {README}", problems
