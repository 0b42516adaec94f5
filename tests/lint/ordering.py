# SPDX-License-Identifier: MIT
"""Ordering pairs: every atomic operation says why its memory order is right.

An operation with an order carries a tag, `[Q publish]`, or a reason, `seq: ...` (`acq:`, `rel:`); a relaxed one carries
`rlx: ...`, or a tag when a fence orders it. The comment stands on a line of the statement or directly above it, and also
covers, if it is a reason, the atomic statements that follow without a line in between. A file's header may say `seq: ...` for all of its
untagged seq_cst operations: where everything is rare, the strongest order needs no argument at each place.

A tag stands at both ends: at two atomic operations at least, one of which stores and one of which loads. A
read-modify-write or a fence does both; one that is acq_rel may pair with itself, as where references are dropped.
"""

import re

from tree import ROOT, code_only, comments_only, files, read

OPERATION = re.compile(r"\batom_(load|store|swap|add|sub|cas|fence|or|and)_(rlx|acq_rel|acq|rel|seq)\b")
TAG = re.compile(r"\[([A-Z][A-Za-z0-9]* [a-z][a-z ]*)\]")
REASON = re.compile(r"\b(rlx|acq|rel|seq): ")

ENDS = {"load": {"load"}, "store": {"store"}}
BOTH = {"load", "store"}


def statements(code):
    """(first, last) line numbers, from 0, of each statement, brace or directive."""
    first = None
    depth = 0
    for number, line in enumerate(code.split("\n")):
        stripped = line.strip()
        if not stripped:
            if first is None:
                continue
        elif first is None:
            first, depth = number, 0
        depth += stripped.count("(") - stripped.count(")")
        if stripped and depth <= 0 and not stripped.endswith(("&&", "||", ",", "=", "?", ":", "+", "\\")):
            yield first, number
            first = None


def _comment_of(comments, code, first, last):
    """What is said on the statement's lines and in the comment directly above it."""
    said = comments[first : last + 1]
    line = first - 1
    while line >= 0 and not code[line].strip() and comments[line].strip():
        said.insert(0, comments[line])
        line -= 1
    return " ".join(said)


def _examine(name, ends, problems):
    text = read(name)
    code, comments = code_only(text), comments_only(text).split("\n")
    lines = code.split("\n")
    header = set(REASON.findall(text.split("*/", 2)[1])) if text.count("*/") > 1 else set()
    carried, carried_to = set(), -2
    count = 0
    for first, last in statements(code):
        found = OPERATION.findall("\n".join(lines[first : last + 1]))
        if not found:
            continue
        count += len(found)
        said = _comment_of(comments, lines, first, last)
        tags = set(TAG.findall(said))
        reasons = set(REASON.findall(said))
        if not tags and not reasons and carried_to == first - 1:
            reasons = carried
        carried, carried_to = reasons, last
        for what, order in found:
            for tag in tags:
                ends.setdefault(tag, []).append((f"{name}:{first + 1}", ENDS.get(what, BOTH), order))
            parts = {"acq", "rel"} if order == "acq_rel" else {order}
            if not tags and not parts & reasons and not (order == "seq" and "seq" in header):
                want = "why it may be relaxed (rlx: ...)" if order == "rlx" else f"a tag or a reason ({order}: ...)"
                problems.append(f"{name}:{first + 1}: atom_{what}_{order} without {want}")
    return count


def _check_pairs(ends, problems):
    for tag, sites in sorted(ends.items()):
        places = sorted({place for place, _, _ in sites})
        both = set().union(*(end for _, end, _ in sites))
        if len(places) < 2 and sites[0][2] != "acq_rel":
            problems.append(f"{places[0]}: [{tag}] has only one end")
        elif both != BOTH:
            problems.append(f"{places[0]}: [{tag}] only ever {both.pop()}s: {', '.join(places)}")


def _check_strays(names, ends, problems):
    """Tags in comments that no operation carries are allowed in prose, but must name a pair that exists."""
    for name in names:
        for number, line in enumerate(comments_only(read(name)).split("\n"), 1):
            for tag in TAG.findall(line):
                if tag not in ends:
                    problems.append(f"{name}:{number}: [{tag}] stands beside no atomic operation")


def _check_index(ends, problems):
    """The table under "Ordering pairs" in src/README.md: its first column names every pair there is."""
    index = "src/README.md"
    section = read(index).partition("\n## Ordering pairs\n")[2].partition("\n## ")[0] if (ROOT / index).is_file() else ""
    listed = {tag for cell in re.findall(r"^\| *([^|]+?) *\|", section, re.M) for tag in cell.split(", ")}
    listed = {tag for tag in listed if TAG.fullmatch(f"[{tag}]")}
    for what, tags in (("does not list", set(ends) - listed), ("lists, but nothing carries,", listed - set(ends))):
        if tags:
            problems.append(f"{index} {what} {' '.join(f'[{tag}]' for tag in sorted(tags))}")


def check(_args):
    problems, ends, count = [], {}, 0
    names = [n for n in files("src/", suffixes=(".c", ".h")) if n != "src/base/atomic.h"]
    for name in names:
        count += _examine(name, ends, problems)
    _check_pairs(ends, problems)
    _check_strays(names, ends, problems)
    _check_index(ends, problems)
    return f"{count} atomic operations, {len(ends)} ordering pairs", problems
