# SPDX-License-Identifier: MIT
"""Symbols: the library exports what the public headers declare, and nothing else."""

import pathlib
import re
import shutil
import subprocess

from tree import ROOT, Skipped, code_only, files, read, without_preprocessor

PROTOTYPE = re.compile(r"\b(\w+)[\s*]+(mote_\w+)\s*\(")
NOT_TYPES = {"return", "else", "typedef"}


def declared():
    """Names of the functions that the public headers declare: name -> file."""
    names = {}
    for name in files("include/", suffixes=(".h",)):
        for match in PROTOTYPE.finditer(without_preprocessor(code_only(read(name)))):
            if match.group(1) not in NOT_TYPES:
                names[match.group(2)] = name
    return names


def _newest_library():
    found = sorted(ROOT.glob("build/*/libmote.a"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise Skipped("no build/*/libmote.a: build first, or pass --library")
    return found[-1]


def exported(library):
    nm = shutil.which("nm")
    if not nm:
        raise Skipped("no nm")
    out = subprocess.run([nm, "-g", "--defined-only", str(library)], capture_output=True, text=True, check=True).stdout
    return {line.split()[2] for line in out.splitlines() if len(line.split()) == 3}


def check(args):
    library = pathlib.Path(args.library) if args.library else _newest_library()
    names, headers = exported(library), declared()
    problems = [f"{library.name}: exports {name}, which no public header declares" for name in sorted(names - set(headers))]
    problems += [f"{headers[name]}: declares {name}, which the library lacks" for name in sorted(set(headers) - names)]
    problems += [f"{library.name}: {name} does not begin with mote_" for name in sorted(names) if not name.startswith("mote_")]
    return f"{len(names)} symbols exported", problems
