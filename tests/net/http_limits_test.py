#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_limits_test - http_server with clients that are slow, gone or many, with too few descriptors, and when it has to end."""

import contextlib
import resource
import time

from client import Skip, eventually, must, run
from client import Server as Program
from http_test import GREETING, HELLO, must_live, serving

TESTS = {}
SHORT = 300  # ms: long enough for a client that isn't meant to be slow, in a test of those that are
BIG = 30_000_000  # bytes: more than the system takes from a server whose client doesn't read


def test(function):
    TESTS[function.__name__] = function
    return function


@test
def slow_head(options):
    """A head that dribbles is answered by 408 though each byte of it comes in time, and so is a body."""
    body = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"
    with Program(options.command, "--idle", SHORT) as server:
        for start in ("G", GREETING + "GET / HTTP/1.1\r\nX: ", body):
            with server.connect() as c:
                c.send(start)
                must(not start.startswith(GREETING) or c.answer().body == HELLO, "the good request before")
                end = time.monotonic() + 60
                while c.is_silent():
                    must(time.monotonic() < end, "it waits for ever")
                    with contextlib.suppress(ConnectionError):
                        c.send("E")
                    time.sleep(SHORT / 1000 / 10)
                must(c.answer().status == 408)
                c.half_close()
                c.must_end()


@test
def idle(options):
    """A connection that says nothing is closed without a word, at the beginning and between requests."""
    with Program(options.command, "--idle", SHORT) as server, server.connect() as c, server.connect() as d:
        d.send(GREETING)
        must(d.answer().body == HELLO)
        c.must_end()
        d.must_end()


@test
def slow_reader(options):
    """Who takes nothing of a file for too long doesn't get the rest."""
    with serving(options, "--idle", SHORT, big=BIG) as server:
        with server.connect(receive_buffer=4096) as c:
            c.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            eventually(lambda: server.in_use() == 2, "it has the connection and the file")
            eventually(lambda: server.in_use() == 0, "it has closed both")
            must(len(c.rest()) < BIG)
        with server.connect() as c:  # and who never reads answers while asking on and on
            eventually(lambda: server.in_use() == 1, "it has the connection")
            c.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError, ConnectionError):
                for _ in range(BIG // len(GREETING)):
                    c.socket.send(GREETING.encode() * 100)
            eventually(lambda: server.in_use() == 0, "it has closed the connection")


@test
def reset(options):
    """Clients that go away in the middle of a file, or of a request."""
    with serving(options, big=BIG) as server:
        for i in range(40):
            c = server.connect(receive_buffer=4096)
            c.send(["GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HT", GREETING * 100, ""][i % 4])
            if i % 4 == 0:
                c.take(5000)
            c.reset()
        eventually(lambda: server.in_use() == 0, "all is closed")
        must_live(server)


def open_many(server, n):
    clients = []
    for _ in range(n):
        clients.append(server.connect())
    return clients


@test
def many(options):
    """Ten thousand connections at once: all idle, then all asking, then a few asking among the others."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    n = max(20, 10000 * options.scale // 100)
    if hard < n + 100:
        raise Skip(f"{hard} descriptors are not enough for {n} connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with Program(options.command, "--idle", 600000) as server:
        must_live(server)
        before = server.resident()
        clients = open_many(server, n)
        eventually(lambda: server.in_use() == n, "all are accepted")
        fresh = (server.resident() - before) / n
        for round in range(2):
            for c in clients:
                c.send(GREETING)
            for c in clients:
                must(c.answer().body == HELLO)
        for i in range(2000 * options.scale // 100):
            must(clients[i % 20 * (n // 20)].get("/").body == HELLO)
        used = (server.resident() - before) / n
        print(f"     {n} connections: {fresh:.0f} bytes each, {used:.0f} when all have been used")
        for c in clients[::2]:
            c.close()
        eventually(lambda: server.in_use() == n - len(clients[::2]), "half of them are closed")
        for c in clients[1::2]:
            must(c.get("/").body == HELLO)
        server.interrupt()
        for c in clients[1::2]:
            c.must_end()
            c.close()
        server.end()
        if not options.tool:
            must(used < 4096, "an idle connection takes", used, "bytes")


@test
def no_descriptors(options):
    """With too few of them it waits, without spinning, for some to be given back."""
    if "valgrind" in options.command[0]:
        raise Skip("valgrind has descriptors of its own")
    with Program(options.command, "--idle", 600000, files=64) as server:
        clients = open_many(server, 150)
        eventually(lambda: len(server.descriptors()) == 64, "all descriptors are in use")
        started, used = time.monotonic(), server.cpu_seconds()
        time.sleep(2)
        used = server.cpu_seconds() - used
        must(used < 0.5 * (time.monotonic() - started), "it spins:", used, "s")
        served = 0
        for c in clients:  # those that are accepted first are served, and make room for the others
            c.send(GREETING)
        for c in clients:
            served += c.answer().body == HELLO
            c.close()
        must(served == len(clients))
        must_live(server)


def refuses(server):
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    except ConnectionResetError:  # it closed just then
        pass
    return False


@test
def graceful(options):
    """Interrupted, it closes what is idle, accepts nothing, finishes what it is at, and ends."""
    with serving(options, "--grace", 120000, big=BIG) as server:
        quiet = [server.connect() for _ in range(10)]
        used, asks, uploads, loads = (server.connect() for _ in range(4))
        must(used.get("/").body == HELLO)
        asks.send("GET / HTTP/1.1\r\nHost:")
        uploads.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
        loads.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        _, fields = loads.head()
        eventually(lambda: server.in_use() == 15, "all are accepted, and the file is open")
        time.sleep(0.2)  # until the half requests are read; if they aren't, they are refused by an end instead
        server.interrupt()
        for c in (*quiet, used):
            c.must_end()
        eventually(lambda: refuses(server), "nobody is accepted any more")
        asks.send(" a\r\n\r\n")
        a = asks.answer()
        must(a.body == HELLO and a.fields["connection"] == "close", a.fields)
        asks.half_close()
        asks.must_end()
        uploads.send("lo")
        must(uploads.answer().status == 405)
        uploads.close()
        must(len(loads.take(int(fields["content-length"]))) == BIG)
        loads.must_end()
        loads.close()
        server.end()


@test
def grace_is_over(options):
    """Who doesn't finish in time is cut off, which is said, and shows in the status."""
    with serving(options, "--grace", SHORT, big=BIG) as server, server.connect(receive_buffer=4096) as c:
        server.want_status = 1
        c.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        c.head()
        server.interrupt()
        server.end()
        must("1 connections were not finished in time" in server.err, server.err)
        must(len(c.rest()) < BIG)


@test
def second_signal(options):
    with serving(options, "--grace", 1000000, big=BIG) as server, server.connect(receive_buffer=4096) as c:
        server.want_status = 1
        c.send("GET /big.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        c.head()
        server.interrupt()
        eventually(lambda: refuses(server), "nobody is accepted any more")
        server.interrupt()
        server.end()


@test
def interrupted_under_load(options):
    """Every answer that has begun is whole, whenever the signal comes."""
    for i in range(5):
        with serving(options, "--grace", 60000) as server:
            clients = open_many(server, 20)
            for c in clients:
                c.send(GREETING * (1 + i * 10))
            server.interrupt()
            for c in clients:
                rest = c.rest()
                must(not rest or rest.endswith(HELLO), "a part of an answer:", rest[-60:])
                c.close()
            server.end()


if __name__ == "__main__":
    run(TESTS, __doc__)
