# SPDX-License-Identifier: MIT
"""Public headers: each compiles alone, as C and as C++, and wrong uses don't compile.

A file in tests/lint/reject holds a right use, and a wrong one under WRONG. The right one must compile. The wrong one must
not, and the compiler must say something that its line `/* expect: REGULAR EXPRESSION */` matches. With a line
`/* also: C++ */` the same goes for C++ compilers.
"""

import re
import shutil
import subprocess

from tree import ROOT, Skipped, files, read

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", str(ROOT / "include")]
C = ["-x", "c", "-std=c11"]
CXX = ["-x", "c++", "-std=c++17"]
OLD_CXX = ["-x", "c++", "-std=c++11"]
COMPILERS = [("gcc", C), ("clang", C), ("g++", CXX), ("clang++", CXX), ("g++", OLD_CXX), ("clang++", OLD_CXX)]


def compilers():
    """The compilers that work here; a clang without C++ headers doesn't."""
    works = []
    for name, language in COMPILERS:
        probe = "#include <stdint.h>\n" + ("#include <type_traits>\n" if language is not C else "")
        if shutil.which(name) and _compile(name, language, "-", text=probe).returncode == 0:
            works.append((name, language))
    if not works:
        raise Skipped("no compiler")
    return works


def _compile(compiler, language, name, *flags, text=None):
    command = [compiler, *language, *WARNINGS, *flags, name]
    return subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True)


def _names(works):
    return dict.fromkeys(name for name, _ in works)


def _first_error(run):
    for line in run.stderr.splitlines():
        if "error:" in line:
            return line
    return run.stderr.strip().split("\n")[0]


def check(_args):
    problems, names, works = [], files("include/", suffixes=(".h",)), compilers()
    for name in names:
        include = f"#include <{name.removeprefix('include/')}>\n"
        for compiler, language in works:
            # Twice, so that the guard counts too.
            run = _compile(compiler, language, "-", text=include + include)
            if run.returncode:
                problems.append(f"{name}: alone under {compiler}: {_first_error(run)}")
    return f"{len(names)} headers compile alone under {', '.join(_names(works))}", problems


def check_reject(_args):
    problems, names, works = [], files("tests/lint/reject/", suffixes=(".c",)), compilers()
    for name in names:
        text = read(name)
        expect = re.search(r"/\* expect: (.*) \*/", text)
        for compiler, language in works:
            if language is OLD_CXX or language is CXX and "/* also: C++ */" not in text:
                continue
            right = _compile(compiler, language, name)
            if right.returncode:
                problems.append(f"{name}: the right use fails under {compiler}: {_first_error(right)}")
            wrong = _compile(compiler, language, name, "-DWRONG")
            if not wrong.returncode:
                problems.append(f"{name}: the wrong use compiles under {compiler}")
            elif not expect or not re.search(expect[1], wrong.stderr):
                problems.append(f"{name}: {compiler} says something unexpected: {_first_error(wrong)}")
    return f"{len(names)} wrong uses are refused by {', '.join(_names(works))}", problems
