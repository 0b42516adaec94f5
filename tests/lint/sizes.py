# SPDX-License-Identifier: MIT
"""Sizes and headers: short files, short and flat functions; a licence line first, then what the file is for."""

import re

from tree import code_only, files, read, without_preprocessor

FILE_LINES = 500
FUNCTION_LINES = 60
NESTING = 4
LICENCE = "SPDX-License-Identifier: MIT"
LICENSED = (".c", ".h", ".S", ".go", ".py", ".sh", ".cmake", "CMakeLists.txt")


# What stands before the brace of a block; a compound literal's has no space before it, an initializer's a = or a comma.
BLOCK = re.compile(r"(?:[)};{:]|\belse|\bdo)\s+$")


def functions(text):
    """(line, lines, deepest nesting of blocks) of each function body; lines count from 1."""
    code = without_preprocessor(code_only(text))
    depth = start = deepest = 0
    blocks = []  # whether each open brace is a block's
    for match in re.finditer(r"[{}]", code):
        at = match.start()
        if match.group() == "}":
            if blocks:
                depth -= blocks.pop()
            if not blocks and start:
                yield start, code.count("\n", 0, at) + 2 - start, deepest
                start = 0
            continue
        is_block = bool(BLOCK.search(code, max(0, at - 80), at))
        if not blocks:
            start = code.count("\n", 0, at) + 1 if is_block and code[:at].rstrip().endswith(")") else 0
            depth = deepest = 0
        else:
            depth += is_block
            deepest = max(deepest, depth)
        blocks.append(is_block)


def _check_functions(name, problems):
    for line, lines, deepest in functions(read(name)):
        if lines >= FUNCTION_LINES:
            problems.append(f"{name}:{line}: a function of {lines} lines, {FUNCTION_LINES - 1} at most")
        if deepest > NESTING:
            problems.append(f"{name}:{line}: a function nested {deepest} deep, {NESTING} at most")


def _check_job(name, text, problems):
    """The header of a source file: /* noun - what it is. and a Job: line."""
    stem = name.rsplit("/", 1)[1].rsplit(".", 1)[0]
    noun = stem.split("_")[0] if name.endswith(".S") else stem
    header = text.split("*/", 2)[1] if text.count("*/") > 1 else ""
    if not header.lstrip().startswith(f"/* {noun} - "):
        problems.append(f"{name}:2: the header does not begin with /* {noun} - ...")
    if "Job:" not in header:
        problems.append(f"{name}:2: the header has no Job: line")


def check(_args):
    problems = []
    names = files("include/", "src/", "tests/", "examples/", ".ci/", "CMake")
    for name in names:
        text = read(name)
        lines = text.split("\n")
        if len(lines) > FILE_LINES:
            problems.append(f"{name}: {len(lines) - 1} lines, {FILE_LINES - 1} at most")
        if lines[0].startswith("#!"):
            licensed = LICENCE in lines[1]
        else:
            licensed = LICENCE in lines[0] or not name.endswith(LICENSED)
        if not licensed:
            problems.append(f"{name}:1: the first line does not say {LICENCE}")
        if name.startswith("src/") and name.endswith((".c", ".h", ".S")):
            _check_job(name, text, problems)
        if name.startswith("src/") and name.endswith((".c", ".h")):
            _check_functions(name, problems)
    return f"{len(names)} files within limits", problems
