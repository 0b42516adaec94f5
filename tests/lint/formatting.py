# SPDX-License-Identifier: MIT
"""Format: .clang-format is law. Another version than the one named here may differ in details, so it isn't asked."""

import re
import shutil
import subprocess

from tree import ROOT, Skipped, files

VERSION = 14


def _program():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if path:
            out = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
            match = re.search(r"version (\d+)\.", out)
            if match and int(match[1]) == VERSION:
                return path
    raise Skipped(f"no clang-format {VERSION}")


def check(_args):
    program = _program()
    names = files("include/", "src/", "tests/", "examples/", suffixes=(".c", ".h"))
    run = subprocess.run([program, "--dry-run", "-Werror", *names], cwd=ROOT, capture_output=True, text=True)
    wrong = {}
    for match in re.finditer(r"^(?:\./)?([^:\n]+):(\d+):\d+: error: code should be clang-formatted", run.stderr, re.M):
        wrong.setdefault(match[1], set()).add(int(match[2]))
    problems = [f"{name}: lines {', '.join(map(str, sorted(lines)))}" for name, lines in sorted(wrong.items())]
    if run.returncode and not problems:
        problems = run.stderr.splitlines()[:10]
    return f"{len(names)} files as clang-format {VERSION} writes them", problems
