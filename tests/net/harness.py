# SPDX-License-Identifier: MIT
"""What tests of programs that serve have in common: how they fail, wait, and are chosen on the command line."""

import argparse
import os
import sys
import time

PATIENCE = 120  # seconds: longer than any machine is away; whoever waits so long waits for what will never come


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def must(condition, *what):
    if not condition:
        raise Failure(" ".join(str(part) for part in what))


def must_be(got, wanted, *what):
    must(got == wanted, *what, "got:", repr(got)[:300], "wanted:", repr(wanted)[:300])


def eventually(condition, what):
    """Waits until it is so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        must(time.monotonic() < end, "never so:", what)
        time.sleep(0.01)


def run(tests, description):
    """The tests named on the command line, or all: functions of the options."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--scale", type=int, default=100, help="percent of the usual work")
    parser.add_argument("--check-scale", type=int, default=100, help="at most that in check mode, where every task has a stack of its own")
    parser.add_argument("--tool", action="store_true", help="the program runs under a tool: its memory says nothing")
    parser.add_argument("--kill", action="store_true", help="the tool keeps signals back that the program waits for: it is killed")
    parser.add_argument("--test", action="append", choices=sorted(tests), help="only this one")
    parser.add_argument("command", nargs="+", help="the program, with what it runs under before it")
    options = parser.parse_args()
    if "stackcheck=" in os.environ.get("MOTEDEBUG", ""):
        options.scale, options.tool = min(options.scale, options.check_scale), True
    status = 0
    for name in options.test or tests:
        try:
            tests[name](options)
            print("ok  ", name, flush=True)
        except Skip as reason:
            print("SKIP", name, "-", reason, flush=True)
            status = status or 77
        except (Failure, OSError) as problem:
            print("FAIL", name, "-", type(problem).__name__, problem, flush=True)
            status = 1
    sys.exit(status)
