# SPDX-License-Identifier: MIT
"""The files of this tree, and C text without its comments."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Skipped(Exception):
    """A check that can't run here: some program is missing."""


def _listed():
    """Paths that git knows or doesn't ignore; in a tree without git, all but dot folders and build."""
    git = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        out = subprocess.run(git, capture_output=True, check=True).stdout
        return [name for name in out.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
        for folder, folders, files in os.walk(ROOT):
            folders[:] = [f for f in folders if f not in ("build", ".git", "__pycache__")]
            names += [os.path.relpath(os.path.join(folder, f), ROOT) for f in files]
        return names


def files(*prefixes, suffixes=()):
    """Sorted repository-relative names under any of the prefixes, with any of the suffixes."""
    return sorted(
        name
        for name in set(_listed())
        if (not prefixes or name.startswith(prefixes)) and (not suffixes or name.endswith(suffixes)) and (ROOT / name).is_file()
    )


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """The same text, line for line and column for column, with comments and the insides of strings blanked out."""

    def replace(match):
        token = match.group()
        return _blank(token) if token.startswith("/") else token[0] + " " * (len(token) - 2) + token[0]

    return TOKEN.sub(replace, text)


def comments_only(text):
    """The same text with everything but comments blanked out."""
    out, at = [], 0
    for match in TOKEN.finditer(text):
        out.append(_blank(text[at : match.start()]))
        token = match.group()
        out.append(token if token.startswith("/") else _blank(token))
        at = match.end()
    return "".join(out) + _blank(text[at:])


def without_preprocessor(code):
    """Blanks out directives and their continuation lines."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: _blank(m.group()), code, flags=re.M)
