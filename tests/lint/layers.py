# SPDX-License-Identifier: MIT
"""Layers: who may include what.

A file in src/ includes only its own layer and those below it, without a circle. What is built on the scheduler includes
only its waist. Some headers have a single door.
"""

import re

from tree import files, read

ORDER = ["base", "arch", "stack", "sched", "sync", "io", "debug"]
WAIST = {"sched/sched.h", "sched/timer.h"}
ABOVE_WAIST = {"sync", "io"}

# header or prefix: the only file, or folder, that may include it
DOORS = {
    "stdatomic.h": "src/base/atomic.h",
    "uv.h": "src/io/",
    "libunwind.h": "src/debug/backtrace.c",
    "sanitizer/": "src/base/sanitizer.h",
    "valgrind/": "src/base/sanitizer.h",
}

STANDARD = set(
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic stdbool "
    "stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype".split()
)
CXX_STANDARD = {"type_traits"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<|")([^>"]+)[>"]', re.M)


def includes(name):
    text = read(name)
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(1), match.group(2)


def _check_source(name, graph, problems):
    layer = name.split("/")[1]
    for line, quote, header in includes(name):
        where = f"{name}:{line}"
        for guarded, door in DOORS.items():
            hit = header.startswith(guarded) if guarded.endswith("/") else header == guarded
            if hit and not name.startswith(door):
                problems.append(f"{where}: only {door} includes <{header}>")
        if quote != '"':
            continue
        other = header.split("/")[0]
        if other not in ORDER or "/" not in header:
            problems.append(f'{where}: "{header}" does not begin with the name of a layer')
            continue
        graph.setdefault(name, []).append("src/" + header)
        if ORDER.index(other) > ORDER.index(layer):
            problems.append(f"{where}: {layer} is below {other} and must not include {header}")
        if layer in ABOVE_WAIST and other == "sched" and header not in WAIST:
            problems.append(f"{where}: {layer} is built on {' and '.join(sorted(WAIST))} alone, not on {header}")


def _check_public(name, problems):
    for line, quote, header in includes(name):
        mote = header.startswith("mote/") or header == "mote.h"
        if quote != "<" or not (mote or header in CXX_STANDARD or header[:-2] in STANDARD and header.endswith(".h")):
            problems.append(f"{name}:{line}: public headers include only standard headers and <mote/...>, not {header}")


def _circle(graph):
    """One circle of includes, as a list of files; None."""
    done = set()

    def visit(name, path):
        if name in path:
            return path[path.index(name) :] + [name]
        if name in done:
            return None
        for other in graph.get(name, []):
            found = visit(other, path + [name])
            if found:
                return found
        done.add(name)
        return None

    for name in graph:
        found = visit(name, [])
        if found:
            return found
    return None


def check(_args):
    problems, graph = [], {}
    sources = files("src/", suffixes=(".c", ".h", ".S"))
    for name in sources:
        if name.split("/")[1] not in ORDER:
            problems.append(f"{name}: not in the folder of a layer ({', '.join(ORDER)})")
        else:
            _check_source(name, graph, problems)
    for name in files("include/", suffixes=(".h",)):
        _check_public(name, problems)
    circle = _circle(graph)
    if circle:
        problems.append("a circle: " + " -> ".join(circle))
    return f"{len(sources)} files include only downwards", problems
