#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""programs_test - the examples: wrong arguments, full disks, what they print and report. The command ends with their folder."""

import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "net"))
from harness import PATIENCE, must, must_be, run  # noqa: E402

TESTS = {}


def test(function):
    TESTS[function.__name__] = function
    return function


def command(options, line):
    """"NAME ARGUMENT..." as a list, or the list itself."""
    name, *arguments = line.split() if isinstance(line, str) else line
    *launcher, folder = options.command
    return [*launcher, os.path.join(folder, name), *arguments]


def ran(options, line, **more):
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": PATIENCE, "check": False, **more}
    return subprocess.run(command(options, line), **given)


WRONG = """
blocking --calls 0, blocking --calls 5x, blocking 5, cancel_tree --cancel, cancel_tree --cancel nobody, cancel_tree search,
chat --listen, chat 127.0.0.1:0, debugging nothing, debugging leak leak, echo_server --port, echo_server --port 80x,
echo_server --port 65536, echo_server --self-test 0, fan_in_out --jobs 0, fan_in_out 3, fan_in_out --workers x, gmp_live abc,
gmp_live 1x, gmp_live -1, gmp_live nan, gmp_live 1 2, graceful_shutdown --after -1, graceful_shutdown --after 1x, http_server 1,
http_server --procs 0, leak --requests 0, leak 3, loop_variable right, million --tasks 0, million --tasks, million 5,
million --procs 1025, panics 1, ping_pong --rounds 0, ping_pong 5, pipeline 0, pipeline 1x, pipeline 1 2, port_scan localhost 1,
port_scan localhost 0 1, port_scan localhost 1 65536, port_scan --at-once 0 localhost 1 2, redis_server 1,
redis_server --max-memory x, simulate --help, simulate 0, simulate 1x, simulate 1 2, stack_growth 1, stack_growth --help, tcp_proxy,
tcp_proxy --listen 127.0.0.1:0, tcp_proxy --to, timeouts --service -1, timeouts 5, unbounded --items 0, unbounded --items 5 --limit 5,
unbounded --limit 2, unbounded 5, worker_pool --workers 0, worker_pool a b
"""


@test
def wrong_arguments(options):
    for line in WRONG.replace("\n", " ").split(","):
        got = ran(options, line)
        must_be([got.returncode, got.stdout], [2, b""], line)
        must(b"usage: " + line.split()[0].encode() in got.stderr, line, got.stderr)
    got = ran(options, "port_scan localhost 100 1")
    must_be([got.returncode, got.stdout, got.stderr], [2, b"", b"port_scan: FIRST is behind LAST\n"])


PRINTING = """
blocking --calls 5, cancel_tree, echo_server --self-test 3, fan_in_out --jobs 100, gmp_live 0.1, leak --requests 2, loop_variable,
million --tasks 100 --messages 100, million --tasks 100 --messages 100 --json, panics, ping_pong --rounds 10, pipeline 5,
port_scan 127.0.0.1 1 2, simulate 20, stack_growth, timeouts --service 1, unbounded --items 100 --limit 3, worker_pool
"""


@test
def full_device(options):
    """What can't be written is no success, whether it is written at once or at the end."""
    for line in PRINTING.replace("\n", " ").split(","):
        with open("/dev/full", "wb") as full:
            got = ran(options, line, stdout=full)
        must_be(got.returncode, 1, line)
        must(b"what it prints can't be written" in got.stderr, line, got.stderr)


@test
def greeting(options):
    """Who starts a server with its output in a file finds there where it listens, while it runs; an interrupt ends it well."""
    for line in (
        "chat --listen 127.0.0.1:0",
        "echo_server --port 0",
        "http_server --listen 127.0.0.1:0",
        "redis_server --listen 127.0.0.1:0",
        "tcp_proxy --listen 127.0.0.1:0 --to 127.0.0.1:1",
    ):
        with tempfile.NamedTemporaryFile() as file, subprocess.Popen(command(options, line), stdout=file) as process:
            try:
                said = b""
                while b"\n" not in said and process.poll() is None:
                    said = pathlib.Path(file.name).read_bytes()
                must(re.search(rb"127\.0\.0\.1:[1-9]\d*\n$", said), line, said)
                end = signal.SIGKILL if options.kill else signal.SIGINT
                process.send_signal(end)
                must_be(process.wait(PATIENCE), -end if options.kill else 0, line)
            finally:
                if process.poll() is None:
                    process.kill()


def frames(options, rows, columns, procs):
    """What gmp_live draws on a terminal of that size, frame by frame, without the escapes."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    env = {**os.environ, "MOTE_PROCS": str(procs)}
    env.pop("LINES", None)
    drawn = b""
    with subprocess.Popen(command(options, "gmp_live 1.2"), stdout=its, env=env) as process:
        os.close(its)
        while True:
            try:
                got = os.read(ours, 65536)
            except OSError:  # it has ended
                break
            drawn += got
    os.close(ours)
    must_be(process.returncode, 0)
    return [re.sub(rb"\x1b\[[?\d]*[A-Za-z]", b"", frame).decode() for frame in drawn.split(b"\x1b[H")[1:]]


@test
def picture_fits(options):
    for rows, procs in ((24, 40), (12, 40), (24, 2), (0, 40)):
        drawn = frames(options, rows, 80, procs)
        must(drawn, "nothing is drawn")
        for frame in drawn:
            *lines, last = frame.split("\r\n")
            must_be(last, "", "a last line that isn't ended")
            must(len(lines) < (rows or 24), rows, "rows, but:", frame)
            must(max(map(len, lines)) <= 79, "wider than a terminal:", frame)
            if procs == 40:
                must(re.fullmatch(r" +and \d+ more", lines[-1]), frame)
                must_be(len(lines), (rows or 24) - 1)
            else:
                must(re.match(r" +\d", lines[-1]), frame)


@test
def words(options):
    text = b"One two, three.\nTwo three\nthree " + b"x" * 70000
    expected = b"      3 three\n      2 two\n      1 one\n      1 " + b"x" * 70000 + b"\n      7 words, 4 different ones\n"
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text")
        pathlib.Path(path).write_bytes(text)
        got = ran(options, ["worker_pool", path])
        must_be([got.returncode, got.stdout], [0, expected])
        got = ran(options, ["worker_pool", folder])
        must_be([got.returncode, got.stdout], [1, b""])
        must(folder.encode() + b": Is a directory" in got.stderr, got.stderr)
    got = ran(options, "worker_pool --workers 2 -", input=text)
    must_be([got.returncode, got.stdout], [0, expected])
    got = ran(options, "worker_pool no-such-file")
    must_be([got.returncode, got.stdout], [1, b""])


@test
def reports(options):
    """What the library says of mistakes, as debugging, leak and unbounded show it."""
    got = ran(options, "debugging leak")
    must_be(got.returncode, 0)
    for line in (r"mote: 1 task is left", r"task \d+ \(answer\): waiting to send to channel 0x\w+, .*debugging\.c:\d+"):
        must(re.search(line, got.stderr.decode()), "not said:", line, got.stderr.decode())
    got = ran(options, "debugging hog")
    must_be(got.returncode, 0)
    for line in (r"mote: 2 tasks, \d+ procs?", r"\(main\): waiting to join task \d+", r"\(count_for_ever\): running, started at .*debugging\.c:\d+"):
        must(re.search(line, got.stderr.decode()), "not said:", line, got.stderr.decode())
    got = ran(options, "leak --requests 10")
    must_be(got.returncode, 0)
    must(b"wrong:         20 tasks leaked\n" in got.stdout and b"context:        0 tasks leaked\n" in got.stdout, got.stdout)
    must(re.search(rb"mote: 20 tasks are left\n.*\(replica\).*waiting to send to channel", got.stderr), got.stderr)


@test
def deadlock(options):
    got = ran(options, "debugging deadlock")
    must(b"it ended with status 2\n" in got.stdout, got.stdout)
    for line in (r"mote: all tasks are asleep - deadlock", r"\(main\): waiting to lock mutex", r"\(lock_both\): waiting to lock mutex"):
        must(re.search(line, got.stderr.decode()), "not said:", line, got.stderr.decode())


@test
def alive(options):
    got = ran(options, "million --tasks 500 --messages 100 --json")
    must_be(got.returncode, 0)
    must(json.loads(got.stdout)["alive"] >= 500, got.stdout)


if __name__ == "__main__":
    run(TESTS, __doc__)
