# SPDX-License-Identifier: MIT
"""Text: nothing that belongs to one developer's machine or day."""

import re

from tree import files, read

# Put together from pieces, so that this file passes its own check.
FORBIDDEN = {
    "a path of a developer's machine": re.compile(r"(?<![\w.])/(?:home|root|Users|work|workspace" r")/\w"),
    "a note to oneself: write an issue": re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b"),
    "a conflict mark": re.compile(r"^(?:<{7}|>{7}|={7})(?: |$)"),
    "white space at the end": re.compile(r"[ \t]+$"),
    "a tab": re.compile(r"\t"),
}
TABS_ALLOWED = (".go", ".mod", "Makefile")


def check(_args):
    problems = []
    names = files()
    for name in names:
        try:
            text = read(name)
        except UnicodeDecodeError:
            problems.append(f"{name}: not text in UTF-8")
            continue
        for number, line in enumerate(text.split("\n"), 1):
            for what, pattern in FORBIDDEN.items():
                if pattern.search(line) and not (what == "a tab" and name.endswith(TABS_ALLOWED)):
                    problems.append(f"{name}:{number}: {what}")
        if text and not text.endswith("\n"):
            problems.append(f"{name}: no newline at the end")
    return f"{len(names)} files clean", problems
