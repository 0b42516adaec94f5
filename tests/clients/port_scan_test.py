#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""port_scan_test - port_scan finds the ports that the test listens at."""

import contextlib
import socket
import subprocess

from peers import PATIENCE, must, must_be, run

TESTS = {}


def test(function):
    TESTS[function.__name__] = function
    return function


def scan(options, *args):
    command = [*options.command, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def listen(stack):
    s = stack.enter_context(socket.socket())
    s.bind(("127.0.0.1", 0))
    s.listen(200)
    return s.getsockname()[1]


@test
def finds(options):
    with contextlib.ExitStack() as stack:
        ports = {listen(stack) for _ in range(5)}
        for host, at_once in (("127.0.0.1", 100), ("localhost", 1)):
            first = min(ports)
            last = max(ports) if at_once > 1 else first + 20
            last = min(last, first + 20 * options.scale)
            got = scan(options, "--at-once", at_once, host, first, last)
            must_be([got.returncode, got.stderr], [0, ""])
            *found, total = got.stdout.split("\n")[:-1]
            must({p for p in ports if p <= last} <= set(map(int, found)), "not found:", ports, found)
            must_be(total, f"{len(found)} of {last - first + 1} ports are open")


@test
def none(options):
    """A port that is bound, but where nobody listens."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        got = scan(options, "127.0.0.1", port, port)
        must_be([got.returncode, got.stdout, got.stderr], [0, "0 of 1 ports are open\n", ""])


@test
def refuses(options):
    for host in ("192.0.2.1", "example.org", "127.0.0.1.example.org", ""):
        got = scan(options, host, 1, 2)
        must_be([got.returncode, got.stdout], [2, ""])
        must("only this machine is scanned" in got.stderr, got.stderr)
    for args in (("127.0.0.1", 0, 1), ("127.0.0.1", 2, 1), ("127.0.0.1", "1x", 2), ("127.0.0.1", 1, 65536), ("--at-once", 0, "::1", 1, 2)):
        got = scan(options, *args)
        must_be([got.returncode, got.stdout], [2, ""])


if __name__ == "__main__":
    run(TESTS, __doc__)
