#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""redis_peers_test - redis_server: publishing and subscribing, those who don't read, and how it ends."""

import subprocess
import time

from peers import PATIENCE, Server, eventually, must, must_be, run
from redis_test import answer, ask, request, tool

TESTS = {}


def test(function):
    TESTS[function.__name__] = function
    return function


@test
def pubsub(options):
    with Server(options.command) as server, server.connect() as a, server.connect() as b, server.connect() as c:
        a.send(request("SUBSCRIBE", "x", "y\0"))
        must_be([answer(a), answer(a)], [[b"subscribe", b"x", 1], [b"subscribe", b"y\0", 2]])
        must_be(ask(b, "subscribe", "x"), [b"subscribe", b"x", 1])
        must_be(ask(b, "SUBSCRIBE", "x"), [b"subscribe", b"x", 1])
        must_be(ask(c, "PUBLISH", "x", "1"), 2)
        must_be(ask(c, "PUBLISH", "y\0", "2\r\n"), 1)
        must_be([answer(a), answer(a)], [[b"message", b"x", b"1"], [b"message", b"y\0", b"2\r\n"]])
        must_be(answer(b), [b"message", b"x", b"1"])
        must(ask(a, "GET", "k").startswith("-ERR Can't execute 'get'"), "a subscriber may GET")
        must_be(ask(a, "PING"), [b"pong", b""])
        must_be(ask(a, "PING", "z"), [b"pong", b"z"])
        must_be(ask(a, "UNSUBSCRIBE", "none"), [b"unsubscribe", b"none", 2])
        must_be(ask(a, "UNSUBSCRIBE", "x"), [b"unsubscribe", b"x", 1])
        must_be(ask(c, "PUBLISH", "x", "3"), 1)
        must_be(ask(a, "UNSUBSCRIBE"), [b"unsubscribe", b"y\0", 0])
        must_be(ask(a, "SET", "k", "v" * 20000), "+OK")
        must_be(ask(a, "GET", "k"), b"v" * 20000)
        must_be(answer(b), [b"message", b"x", b"3"])
        b.send(request("QUIT"))
        must_be(b.rest(), b"+OK\r\n")
        eventually(lambda: ask(c, "PUBLISH", "x", "4") == 0, "who has quit listens no more")


@test
def order(options):
    """Many subscribers, each with all messages in the order of their publisher; pipelined."""
    n = 50 * options.scale
    with Server(options.command) as server, server.connect() as c:
        peers = [server.connect() for _ in range(10)]
        for p in peers:
            names = [f"c{i}" for i in range(100)]
            p.send(b"".join(request("SUBSCRIBE", name) for name in names))
            for i, name in enumerate(names):
                must_be(answer(p), [b"subscribe", name.encode(), i + 1])
        c.send(b"".join(request("PUBLISH", f"c{i % 100}", i) for i in range(n)))
        for _ in range(n):
            must_be(answer(c), len(peers))
        for p in peers:
            for i in range(n):
                must_be(answer(p), [b"message", b"c%d" % (i % 100), b"%d" % i])
            p.socket.close()


@test
def slow_subscriber(options):
    """He is disconnected; the others get everything, and nobody waits."""
    with Server(options.command, "--max-queue", 200000) as server, server.connect() as c:
        with server.connect(receive_buffer=4096) as slow, server.connect() as quick:
            must_be(ask(slow, "SUBSCRIBE", "x"), [b"subscribe", b"x", 1])
            must_be(ask(quick, "SUBSCRIBE", "x"), [b"subscribe", b"x", 1])
            text, count, both = b"t" * 50000, 0, 2
            while both == 2:
                both = ask(c, "PUBLISH", "x", text)
                must_be(answer(quick), [b"message", b"x", text])
                count += 1
                must(count < 10000, "he is never disconnected")
            got = slow.rest()
            must(len(got) < count * len(text), "he was disconnected, but has it all")
            must(b"_disconnections:1\r\n" in ask(c, "INFO"), "it isn't counted")
            must_be(ask(quick, "PING"), [b"pong", b""])


@test
def subscribing_cli(options):
    with Server(options.command) as server, server.connect() as c:
        child = subprocess.Popen(
            [tool("redis-cli"), "-p", str(server.address[1]), "SUBSCRIBE", "news"], stdout=subprocess.PIPE, text=True
        )
        try:
            eventually(lambda: ask(c, "PUBLISH", "news", "hello") == 1, "redis-cli listens")
            must_be([child.stdout.readline().strip() for _ in range(6)], ["subscribe", "news", "1", "message", "news", "hello"])
        finally:
            child.kill()
            child.wait(PATIENCE)


@test
def slow_reader(options):
    """Who doesn't read his answers waits alone."""
    with Server(options.command, "--grace", 200, may_say=True) as server, server.connect() as c:
        must_be(ask(c, "SET", "a", "x" * 1000000), "+OK")
        slow = [server.connect(receive_buffer=4096) for _ in range(5)]
        for s in slow:
            s.send(request("GET", "a") * 20)
        for _ in range(options.scale):
            must_be(ask(c, "INCR", "n") > 0, True)
        must_be(answer(slow[0]), b"x" * 1000000)
        c.socket.close()
        server.process.terminate()  # and it ends all the same
        server.wait()
        must("4 clients" in server.said or "5 clients" in server.said, server.said)
        for s in slow:
            s.socket.close()


@test
def graceful(options):
    """What has been sent is answered, or nothing of it; then comes the end, and status 0."""
    with Server(options.command) as server:
        idle, sub, busy, half = (server.connect() for _ in range(4))
        must_be(ask(sub, "SUBSCRIBE", "x"), [b"subscribe", b"x", 1])
        must_be(ask(idle, "PING"), "+PONG")
        n = 10 * options.scale
        half.send(b"*2\r\n$3\r\nGET")
        busy.send(request("INCR", "n") * n)
        must_be(busy.line(), b":1")
        server.process.terminate()
        must_be([idle.rest(), sub.rest(), half.rest()], [b"", b"", b""])
        rest = busy.rest().split(b"\r\n")
        must_be(rest, [b":%d" % i for i in range(2, len(rest) + 1)] + [b""])
        server.wait()


@test
def under_load(options):
    with Server(options.command, may_say=True) as server:
        child = subprocess.Popen(
            [tool("redis-benchmark"), "-p", str(server.address[1]), "-n", "100000000", "-c", "20", "-q", "-t", "set,get"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        try:
            with server.connect() as c:
                eventually(lambda: b"connected_clients:21\r\n" in ask(c, "INFO"), "its clients are there")
            server.process.terminate()
            server.wait()
        finally:
            child.kill()
            child.wait(PATIENCE)


@test
def second_signal(options):
    with Server(options.command, "--grace", 1000000, want=1) as server, server.connect(receive_buffer=4096) as c:
        must_be(ask(c, "SET", "a", b"x" * 3000000), "+OK")
        c.send(request("GET", "a") * 10)
        must_be(c.take(3), b"$30")
        server.process.terminate()

        def refuses():
            try:
                server.connect().socket.close()
            except ConnectionError:
                return True
            return False

        eventually(refuses, "it accepts nothing more")
        time.sleep(0.1)
        must(server.process.poll() is None, "it does not wait for a client")
        server.process.terminate()
        server.wait()


if __name__ == "__main__":
    run(TESTS, __doc__)
