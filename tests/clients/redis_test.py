#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""redis_test - redis_server and its clients: redis-cli, redis-benchmark, and raw sockets."""

import random
import shutil
import subprocess
import threading
import time

from peers import PATIENCE, Server, Skip, eventually, must, must_be, run

TESTS = {}


def test(function):
    TESTS[function.__name__] = function
    return function


def request(*args):
    parts = [a if isinstance(a, bytes) else str(a).encode() for a in args]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


def answer(peer):
    """The next one: a number, bytes, a list, None, or an error or status as text."""
    line = peer.line()
    kind, rest = line[:1], line[1:]
    if kind in b"+-":
        return line.decode("latin-1")
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else peer.take(int(rest) + 2)[:-2]
    must(kind == b"*", "no answer:", line)
    return None if rest == b"-1" else [answer(peer) for _ in range(int(rest))]


def ask(peer, *args):
    peer.send(request(*args))
    return answer(peer)


def tool(name):
    if not shutil.which(name):
        raise Skip(f"no {name}: install redis-tools")
    return name


# What is typed, and what redis-cli shows.
DIALOGUE = r"""
PING                                     => PONG
PING hello                               => "hello"
ping a b                                 => (error) ERR wrong number of arguments for 'ping' command
ECHO "a b"                               => "a b"
SET a 1                                  => OK
GET a                                    => "1"
GET none                                 => (nil)
INCR a                                   => (integer) 2
INCRBY a -5                              => (integer) -3
DECR a                                   => (integer) -4
INCR n                                   => (integer) 1
SET text x                               => OK
INCR text                                => (error) ERR value is not an integer or out of range
SET most 9223372036854775807             => OK
INCR most                                => (error) ERR increment or decrement would overflow
GET most                                 => "9223372036854775807"
SET a 2 NX                               => (nil)
SET b 2 NX                               => OK
SET c 2 XX                               => (nil)
SET b 3 XX                               => OK
SET b 4 GET                              => "3"
SET b 5 NX XX                            => (error) ERR syntax error
SET b 5 EX                               => (error) ERR syntax error
SET b 5 EX 0                             => (error) ERR invalid expire time in 'set' command
SET b 5 EX x                             => (error) ERR value is not an integer or out of range
SET b 5 EX 99999999999999999             => (error) ERR invalid expire time in 'set' command
GET b                                    => "4"
DEL a b none                             => (integer) 2
EXISTS n n none text                     => (integer) 3
MSET x 1 y 2 z 3                         => OK
MSET x 1 y                               => (error) ERR wrong number of arguments for 'mset' command
MGET x none z                            => 1) "1"|2) (nil)|3) "3"
APPEND x 23                              => (integer) 3
STRLEN x                                 => (integer) 3
GETSET x new                             => "123"
SETNX x 7                                => (integer) 0
RPUSH l b c                              => (integer) 2
LPUSH l a                                => (integer) 3
LRANGE l 0 -1                            => 1) "a"|2) "b"|3) "c"
LRANGE l -2 1                            => 1) "b"
LRANGE l 5 9                             => (empty array)
LRANGE l -100 100                        => 1) "a"|2) "b"|3) "c"
LRANGE none 0 -1                         => (empty array)
LLEN l                                   => (integer) 3
LINDEX l -1                              => "c"
LINDEX l 3                               => (nil)
TYPE l                                   => list
GET l                                    => (error) WRONGTYPE Operation against a key holding the wrong kind of value
LPUSH x 1                                => (error) WRONGTYPE Operation against a key holding the wrong kind of value
MGET l x                                 => 1) (nil)|2) "new"
LPOP l                                   => "a"
RPOP l                                   => "c"
LPOP l 5                                 => 1) "b"
LPOP l                                   => (nil)
EXISTS l                                 => (integer) 0
LPOP none 2                              => (nil)
LPOP none -1                             => (error) ERR value is out of range, must be positive
TTL x                                    => (integer) -1
TTL none                                 => (integer) -2
EXPIRE x 1000                            => (integer) 1
TTL x                                    => (integer) 1000
PERSIST x                                => (integer) 1
PERSIST x                                => (integer) 0
SET x 1 EX 1000                          => OK
SET x 2 KEEPTTL                          => OK
TTL x                                    => (integer) 1000
SET x 3                                  => OK
TTL x                                    => (integer) -1
EXPIRE x -1                              => (integer) 1
EXISTS x                                 => (integer) 0
EXPIRE none 5                            => (integer) 0
EXPIRE y 99999999999999                  => (error) ERR invalid expire time in 'expire' command
PUBLISH nobody x                         => (integer) 0
UNSUBSCRIBE                              => 1) "unsubscribe"|2) (nil)|3) (integer) 0
CONFIG GET save                          => 1) "save"|2) ""
CONFIG GET app*                          => 1) "appendonly"|2) "no"
SELECT 0                                 => OK
SELECT 1                                 => (error) ERR DB index is out of range
GET                                      => (error) ERR wrong number of arguments for 'get' command
FOO bar                                  => (error) ERR unknown command 'FOO', with args beginning with: 'bar'
COMMAND COUNT                            => (integer) 59
DBSIZE                                   => (integer) 5
FLUSHALL                                 => OK
DBSIZE                                   => (integer) 0
"""


def converse(server, dialogue):
    """Types it all, and sees what redis-cli shows."""
    said, wanted = [], []
    for line in dialogue.strip().split("\n"):
        typed, shown = line.split(" => ")
        said.append(typed)
        wanted += [(part.strip(), typed.strip()) for part in shown.split("|")]
    got = subprocess.run(
        [tool("redis-cli"), "--no-raw", "-p", str(server.address[1])],
        input="\n".join(said) + "\n", capture_output=True, text=True, timeout=PATIENCE, check=False,
    )
    must_be(got.stderr, "")
    lines = [line.strip() for line in got.stdout.split("\n") if line.strip()]
    for a, (b, typed) in zip(lines, wanted):
        must_be(a, b, typed)
    must_be(len(lines), len(wanted))


@test
def cli(options):
    with Server(options.command) as server:
        converse(server, DIALOGUE)
        single = [tool("redis-cli"), "-p", str(server.address[1]), "INFO"]
        info = subprocess.run(single, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
        must("connected_clients:1" in info and "redis_version:" in info, info)


@test
def benchmark(options):
    with Server(options.command) as server:
        command = [tool("redis-benchmark"), "-p", str(server.address[1]), "-n", str(200 * options.scale), "-c", "50", "-P", "16", "-q"]
        for tests in ("ping,set,get,incr,lpush,rpush,lpop,rpop,mset", "lrange_100"):
            got = subprocess.run([*command, "-r", "1000", "-t", tests], capture_output=True, text=True, timeout=PATIENCE, check=False)
            must_be(got.returncode, 0, got.stdout, got.stderr)
            must_be(got.stderr.strip(), "")
            must("rror" not in got.stdout, got.stdout)
            must_be(got.stdout.count("requests per second"), 10 if "set" in tests else 2)


@test
def split(options):
    """Byte by byte, and cut anywhere."""
    text = request("SET", b"k\0\r\n\xff", b"v\r\n$1\r\n") + request("GET", b"k\0\r\n\xff") + b"PING\r\n" + request("EXISTS", b"k")
    wanted = b"+OK\r\n$7\r\nv\r\n$1\r\n\r\n+PONG\r\n:0\r\n"
    chance = random.Random(7)
    with Server(options.command) as server, server.connect() as c:
        for byte in text:
            c.send(bytes([byte]))
        must_be(c.take(len(wanted)), wanted)
        for _ in range(options.scale):
            at = 0
            while at < len(text):
                to = at + chance.randrange(1, 30)
                c.send(text[at:to])
                at = to
            must_be(c.take(len(wanted)), wanted)


@test
def pipeline(options):
    """All at once, while nobody reads yet; answers in order."""
    n = 1000 * options.scale
    with Server(options.command) as server, server.connect() as c:
        sender = threading.Thread(target=c.send, args=(request("INCR", "n") * n,))
        sender.start()
        wanted = b"".join(b":%d\r\n" % (i + 1) for i in range(n))
        must(c.take(len(wanted)) == wanted, "answers are not in order")
        sender.join()
        c.send("PING\r\n" * n)
        must(c.take(7 * n) == b"+PONG\r\n" * n, "not so many PONGs")


@test
def garbage(options):
    wrong = [b"*1\r\n:1\r\n", b"*x\r\n", b"*1\r\n$-5\r\n", b"*1\r\n$1\r\nabc\r\n", b"*9999999\r\n", b"SET 'a\r\n", b"x" * 70000, b"*1" + b"1" * 70]
    chance = random.Random(3)
    with Server(options.command) as server:
        for text in wrong:
            with server.connect() as c:
                c.send(b"PING\r\n" + text + b"PING\r\n" * 10000)
                got = c.rest()
                must(got.startswith(b"+PONG\r\n-ERR Protocol error: ") and got.count(b"\n") == 2, text[:20], got[:100])
        for _ in range(options.scale):
            with server.connect() as c:
                c.send(b"*3\r\n$3\r\n" + chance.randbytes(500))
                c.half_close()
                c.rest()
        for text in (b"", b"*", b"*2\r\n$3\r\nGET\r\n", b"*1\r\n$4\r\nPI"):
            with server.connect() as c:
                c.send(text)
                c.half_close()
                must_be(c.rest(), b"")
        with server.connect() as c:
            must_be(ask(c, "a\r\nb", "c\nd"), "-ERR unknown command 'a  b', with args beginning with: 'c d' ")
            must_be(ask(c, "PING"), "+PONG")


@test
def large(options):
    data = random.Random(5).randbytes(160000 * options.scale)
    with Server(options.command, "--max-value", len(data)) as server, server.connect() as c:
        must_be(ask(c, "SET", "a", data), "+OK")
        c.send(request("GET", "a") + request("MGET", "a", "none", "a") + b"PING\r\n")
        must(answer(c) == data, "it is another value")
        must(answer(c) == [data, None, data], "they are other values")
        must_be(answer(c), "+PONG")
        must_be(ask(c, "APPEND", "a", "x"), "-ERR string exceeds maximum allowed size (proto-max-bulk-len)")
        must_be(ask(c, "SET", "a", data + b"x")[:33], "-ERR Protocol error: invalid bulk")


@test
def promises(options):
    """What is announced takes no memory; only what comes."""
    with Server(options.command) as server:
        with server.connect() as c:
            must_be(ask(c, "PING"), "+PONG")
        before = server.resident()
        peers = [server.connect() for _ in range(20)]
        for c in peers:
            c.send(b"*1000000\r\n$3\r\nSET\r\n$536870912\r\nabc")
        with server.connect() as c:
            must_be(ask(c, "PING"), "+PONG")
        must(server.resident() < before + (200 << 20), "it takes too much memory:", server.resident() - before)
        for c in peers:
            c.socket.close()


@test
def limits(options):
    with Server(options.command, "--max-memory", 200000, "--max-clients", 3) as server:
        with server.connect() as a, server.connect() as b, server.connect() as c:
            for peer in (a, b, c):
                must_be(ask(peer, "PING"), "+PONG")
            with server.connect() as d:
                must_be(d.rest(), b"-ERR max number of clients reached\r\n")
            answers = [ask(a, "SET", i, "x" * 100) for i in range(3000)]
            must_be(answers[0], "+OK")
            must_be(answers[-1], "-OOM command not allowed when used memory > 'maxmemory'.")
            must_be(ask(b, "GET", 0), b"x" * 100)
            must_be(ask(b, "FLUSHALL"), "+OK")
            must_be(ask(c, "SET", "a", "b"), "+OK")

        def is_admitted():
            with server.connect() as e:
                e.send("PING\r\n")
                return e.line() == b"+PONG"

        eventually(is_admitted, "another client after one has gone")


def used_memory(peer):
    return int(ask(peer, "INFO").split(b"used_memory:")[1].split(b"\r")[0])


@test
def memory(options):
    """What a command would add counts before it is done; keys, lists and their tables count, and stop counting when they go."""
    limit = 20_000_000
    with Server(options.command, "--max-memory", limit) as server, server.connect() as a:
        empty = used_memory(a)
        oom = "-OOM command not allowed when used memory > 'maxmemory'."
        must_be(ask(a, "SET", "a", b"x" * 25_000_000), oom)
        must_be(ask(a, "MSET", *[b"x" * 7_000_000] * 6), oom)
        must_be(ask(a, "SET", "a", b"x" * 19_000_000), "+OK")
        must_be(ask(a, "APPEND", "a", b"x" * 2_000_000), oom)
        must_be(ask(a, "DEL", "a"), 1)
        must(used_memory(a) < empty + 10_000, "still counted:", used_memory(a), empty)
        must_be(ask(a, "SET", b"k" * 10_000_000, ""), "+OK")
        must(used_memory(a) > 10_000_000, "a key doesn't count:", used_memory(a))
        must_be(ask(a, "SET", b"l" * 11_000_000, ""), oom)
        must_be(ask(a, "DEL", b"k" * 10_000_000), 1)
        n = 20 * options.scale
        before = used_memory(a)
        a.send(b"".join(request("SET", i, "") for i in range(n)))
        must_be([answer(a) for _ in range(n)], ["+OK"] * n)
        must(used_memory(a) > before + 80 * n, "keys and their table don't count:", used_memory(a) - before)
        before = used_memory(a)
        must_be(ask(a, "RPUSH", "list", *[""] * n), n)
        must(used_memory(a) > before + (16 + 8) * n, "a list doesn't count:", used_memory(a) - before)
        must_be(ask(a, "FLUSHALL"), "+OK")
        must_be(used_memory(a), 0)


@test
def atomic(options):
    """MSET and MGET on keys of different shards: never half of one."""
    keys = [f"k{i}" for i in range(8)]
    with Server(options.command) as server:
        failed = []

        def write(number):
            with server.connect() as c:
                for i in range(5 * options.scale):
                    order = random.sample(keys, len(keys))
                    must_be(ask(c, "MSET", *[part for key in order for part in (key, f"{number}.{i}")]), "+OK")

        def read():
            with server.connect() as c:
                for _ in range(5 * options.scale):
                    got = ask(c, "MGET", *random.sample(keys, len(keys)))
                    if len(set(got)) != 1:
                        failed.append(got)

        threads = [threading.Thread(target=write, args=(i,)) for i in range(3)] + [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        must(not failed, failed[:1])
        n = 10 * options.scale

        def count():
            with server.connect() as c:
                c.send(request("INCR", "n") * n)
                for _ in range(n):
                    answer(c)

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with server.connect() as c:
            must_be(ask(c, "GET", "n"), b"%d" % (4 * n))


@test
def expiry(options):
    with Server(options.command) as server, server.connect() as c:
        start = time.monotonic()
        must_be(ask(c, "SET", "a", "1", "PX", 300), "+OK")
        must_be(ask(c, "SET", "stays", "1", "EX", 100000), "+OK")
        while ask(c, "GET", "a") is not None:
            must(time.monotonic() - start < PATIENCE, "it never expires")
        must(time.monotonic() - start >= 0.299, "it expires too early")
        n = 20 * options.scale
        c.send(b"".join(request("SET", i, "x", "PX", 1) for i in range(n)))
        for _ in range(n):
            must_be(answer(c), "+OK")
        eventually(lambda: ask(c, "DBSIZE") == 1, "only the key that stays is left, though nobody asks for the others")
        must_be(ask(c, "GET", "stays"), b"1")
        must_be(ask(c, "PEXPIRE", "stays", 0), 1)
        must_be(ask(c, "EXISTS", "stays"), 0)


@test
def killed(options):
    """Clients that vanish in the middle of something."""
    with Server(options.command) as server:
        with server.connect() as c:
            must_be(ask(c, "SET", "big", b"x" * 4000000), "+OK")
        for i in range(options.scale):
            c = server.connect()
            what = i % 4
            c.send([request("GET", "big") * 5, request("SET", "half", "x" * 1000)[:-500], request("SUBSCRIBE", "a", "b"), b"*1\r\n$4\r\nPI"][what])
            c.reset()
        with server.connect() as c:
            must_be(ask(c, "PUBLISH", "x", "y"), 0)
            eventually(lambda: b"connected_clients:1\r\n" in ask(c, "INFO"), "all others are gone")
            eventually(lambda: ask(c, "PUBLISH", "a", "y") == 0, "no subscriber is left")


if __name__ == "__main__":
    run(TESTS, __doc__)
