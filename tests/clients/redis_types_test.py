#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""redis_types_test - redis_server's sets, hashes and sorted sets; and all that redis-benchmark does when it isn't told what."""

import random
import subprocess
import threading

from peers import PATIENCE, Server, eventually, must, must_be, run
from redis_test import answer, ask, converse, request, tool, used_memory

TESTS = {}


def test(function):
    TESTS[function.__name__] = function
    return function


DIALOGUE = r"""
SADD s a                                 => (integer) 1
SADD s a b a c                           => (integer) 2
SCARD s                                  => (integer) 3
SCARD none                               => (integer) 0
SISMEMBER s b                            => (integer) 1
SISMEMBER s d                            => (integer) 0
SISMEMBER none a                         => (integer) 0
SREM s a a d c                           => (integer) 2
SMEMBERS s                               => 1) "b"
SMEMBERS none                            => (empty array)
TYPE s                                   => set
SPOP s 0                                 => (empty array)
SPOP s                                   => "b"
SPOP s                                   => (nil)
SPOP s 5                                 => (empty array)
TYPE s                                   => none
SADD s ""                                => (integer) 1
SPOP s 5                                 => 1) ""
EXISTS s                                 => (integer) 0
SREM s a                                 => (integer) 0
SPOP s -1                                => (error) ERR value is out of range, must be positive
SPOP s x                                 => (error) ERR value is out of range, must be positive
SPOP s 1 2                               => (error) ERR syntax error
HSET h f 1                               => (integer) 1
HSET h f 2 g 3 f 4                       => (integer) 1
HGET h f                                 => "4"
HGET h none                              => (nil)
HGET none f                              => (nil)
HLEN h                                   => (integer) 2
HEXISTS h g                              => (integer) 1
HEXISTS h x                              => (integer) 0
HDEL h g g x                             => (integer) 1
HGETALL h                                => 1) "f"|2) "4"
HGETALL none                             => (empty array)
HSET h "" ""                             => (integer) 1
HGET h ""                                => ""
TYPE h                                   => hash
HDEL h f ""                              => (integer) 2
EXISTS h                                 => (integer) 0
HLEN h                                   => (integer) 0
HDEL h f                                 => (integer) 0
HSET h f 1 g                             => (error) ERR wrong number of arguments for 'hset' command
ZADD z 1 a 3 c 2 b 1 a                   => (integer) 3
ZADD z 5 a                               => (integer) 0
ZSCORE z a                               => "5"
ZSCORE z none                            => (nil)
ZSCORE none a                            => (nil)
ZRANGE z 0 -1                            => 1) "b"|2) "c"|3) "a"
ZRANGE z 0 0 WITHSCORES                  => 1) "b"|2) "2"
ZRANGE z -2 100 withscores               => 1) "c"|2) "3"|3) "a"|4) "5"
ZRANGE z 2 1                             => (empty array)
ZRANGE z 3 9                             => (empty array)
ZRANGE none 0 -1 WITHSCORES              => (empty array)
ZRANGE z 0 -1 WITHOUT                    => (error) ERR syntax error
ZRANGE z 0 -1 WITHSCORES x               => (error) ERR syntax error
ZRANGE z 0 x                             => (error) ERR value is not an integer or out of range
ZCARD z                                  => (integer) 3
ZCARD none                               => (integer) 0
ZREM z b b x                             => (integer) 1
ZREM none b                              => (integer) 0
TYPE z                                   => zset
ZPOPMIN z                                => 1) "c"|2) "3"
ZPOPMIN z 0                              => (empty array)
ZPOPMIN z 9                              => 1) "a"|2) "5"
ZPOPMIN z                                => (empty array)
EXISTS z                                 => (integer) 0
ZPOPMIN z -1                             => (error) ERR value is out of range, must be positive
ZPOPMIN z 1 2                            => (error) ERR syntax error
ZADD z 0 b 0 a 0 "" 0 aa -1 c            => (integer) 5
ZRANGE z 0 -1                            => 1) "c"|2) ""|3) "a"|4) "aa"|5) "b"
ZADD z 1 a x b                           => (error) ERR value is not a valid float
ZSCORE z a                               => "0"
ZADD z 1 a 2                             => (error) ERR syntax error
ZREM z a b c aa ""                       => (integer) 5
TYPE z                                   => none
SET str x                                => OK
RPUSH l x                                => (integer) 1
SADD s x                                 => (integer) 1
HSET h x y                               => (integer) 1
ZADD z 1 x                               => (integer) 1
EXPIRE s 1000                            => (integer) 1
TTL s                                    => (integer) 1000
SADD s y                                 => (integer) 1
TTL s                                    => (integer) 1000
EXPIRE h -1                              => (integer) 1
HLEN h                                   => (integer) 0
SET z x                                  => OK
TYPE z                                   => string
SET s x GET                              => (error) WRONGTYPE Operation against a key holding the wrong kind of value
SET l x                                  => OK
TTL s                                    => (integer) 1000
DEL str l s h z                          => (integer) 4
DBSIZE                                   => (integer) 0
"""


@test
def types(options):
    with Server(options.command) as server:
        converse(server, DIALOGUE)


# What each takes behind its key; and which of the kinds it is for.
OF_KIND = {
    "string": ["GET", "STRLEN", "APPEND x", "GETSET x", "INCR", "DECRBY 1", "SET x GET"],
    "list": ["LPUSH x", "RPUSH x", "LPOP", "RPOP 2", "LLEN", "LRANGE 0 -1", "LINDEX 0"],
    "set": ["SADD x", "SREM x", "SPOP", "SPOP 2", "SCARD", "SISMEMBER x", "SMEMBERS"],
    "hash": ["HSET x y", "HGET x", "HGETALL", "HDEL x", "HLEN", "HEXISTS x"],
    "zset": ["ZADD 1 x", "ZREM x", "ZPOPMIN", "ZPOPMIN 2", "ZCARD", "ZSCORE x", "ZRANGE 0 -1", "ZRANGE 0 -1 WITHSCORES"],
}
FILL = {"string": ["SET", "string", "text"], "list": ["RPUSH", "list", "a"], "set": ["SADD", "set", "a"],
        "hash": ["HSET", "hash", "a", "b"], "zset": ["ZADD", "zset", "1", "a"]}  # fmt: skip


@test
def wrong_types(options):
    """Every command on every other kind: it is refused, and nothing is changed."""
    with Server(options.command) as server, server.connect() as c:
        for kind, fill in FILL.items():
            must(not str(ask(c, *fill)).startswith("-"), kind)
            must_be(ask(c, "TYPE", kind), "+" + kind)
        for kind, commands in OF_KIND.items():
            for other in OF_KIND.keys() - {kind}:
                for command in commands:
                    name, *rest = command.split()
                    must_be(ask(c, name, other, *rest), "-WRONGTYPE Operation against a key holding the wrong kind of value", command)
        must_be(ask(c, "MGET", *FILL), [b"text", None, None, None, None])
        must_be(ask(c, "GET", "string"), b"text")
        must_be(ask(c, "LRANGE", "list", 0, -1), [b"a"])
        must_be(ask(c, "SMEMBERS", "set"), [b"a"])
        must_be(ask(c, "HGETALL", "hash"), [b"a", b"b"])
        must_be(ask(c, "ZRANGE", "zset", 0, -1, "WITHSCORES"), [b"a", b"1"])


@test
def arguments(options):
    """Fewer than each needs, and more than those take that take a fixed number."""
    fixed = {"SCARD": 1, "SISMEMBER": 2, "SMEMBERS": 1, "HGET": 2, "HGETALL": 1, "HLEN": 1, "HEXISTS": 2, "ZCARD": 1, "ZSCORE": 2, "TYPE": 1}
    least = {"SADD": 2, "SREM": 2, "SPOP": 1, "HSET": 3, "HDEL": 2, "ZADD": 3, "ZREM": 2, "ZPOPMIN": 1, "ZRANGE": 3}
    with Server(options.command) as server, server.connect() as c:
        for name, count in (fixed | least).items():
            wrong = [*range(count), count + 1] if name in fixed else range(count)
            for n in wrong:
                must_be(ask(c, name, *["1"] * n), f"-ERR wrong number of arguments for '{name.lower()}' command", n)
        must_be(ask(c, "DBSIZE"), 0)


@test
def scores(options):
    good = {
        "0": "0", "-0": "0", "+1": "1", "1e3": "1000", "3.0": "3", "0.1": "0.1", "-1.5": "-1.5", "1e17": "1e+17", "1e-5": "1e-05",
        "99999999999999999": "1e+17", "9007199254740993": "9007199254740992", "0.30000000000000004": "0.30000000000000004",
        "1e308": "1e+308", "5e-324": "5e-324", "inf": "inf", "-inf": "-inf", "+Infinity": "inf", "0x10": "16",
        "12345678901234567": "12345678901234568", "3.14159265358979312": "3.141592653589793", "1" + "0" * 300: "1e+300",
    }  # fmt: skip
    bad = ["", " 1", "1 ", "1x", "x", "nan", "-nan", "nan(1)", "--1", "1e400", "-1e400", "1e-400", "1,5", "1e", "1\0", "\0", "1\n",
           "9" * 1000, "9" * 100000, "x" * 100000, "0" * 1000000]  # fmt: skip
    with Server(options.command) as server, server.connect() as c:
        for text, shown in good.items():
            must_be(ask(c, "ZADD", "z", text, text), 1)
            must_be(ask(c, "ZSCORE", "z", text), shown.encode(), text)
        for text in bad:
            must_be(ask(c, "ZADD", "z", 1, "m", text, "n"), "-ERR value is not a valid float", text[:20])
        must_be(ask(c, "ZCARD", "z"), len(good))
        chance = random.Random(2)
        for _ in range(options.scale):
            score = chance.uniform(-1, 1) * 10.0 ** chance.randrange(-300, 300)
            ask(c, "ZADD", "z", repr(score), "m")
            must(float(ask(c, "ZSCORE", "z", "m")) == score, "another score than", repr(score))
        must_be(ask(c, "ZADD", "order", "inf", "d", "-inf", "a", "-0", "b", "0", "c", "1e308", "c9"), 5)
        must_be(ask(c, "ZRANGE", "order", 0, -1), [b"a", b"b", b"c", b"c9", b"d"])


def agree(c, chance, model):
    """One step on a set, a hash and a sorted set, here and there."""
    member, number = b"%d" % chance.randrange(300), chance.randrange(20)
    added = 0 if member in model else 1
    what = chance.randrange(5)
    if what < chance.choice([2, 4]):
        model[member] = number
        wanted = [added, added, added]
        got = [ask(c, "SADD", "s", member), ask(c, "HSET", "h", member, number), ask(c, "ZADD", "z", number, member)]
    elif what < 4 or not model:
        model.pop(member, None)
        wanted = [1 - added] * 3
        got = [ask(c, "SREM", "s", member), ask(c, "HDEL", "h", member), ask(c, "ZREM", "z", member)]
    else:
        member = min((score, name) for name, score in model.items())[1]
        wanted = [[member, b"%d" % model.pop(member)], 1, 1]
        got = [ask(c, "ZPOPMIN", "z"), ask(c, "SREM", "s", member), ask(c, "HDEL", "h", member)]
    must_be(got, wanted)


@test
def models(options):
    """Against a dictionary: many steps, and now and then all of it."""
    chance, model = random.Random(11), {}
    with Server(options.command) as server, server.connect() as c:
        for step in range(20 * options.scale):
            agree(c, chance, model)
            if step % 50:
                continue
            ordered = sorted((score, name) for name, score in model.items())
            must_be(sorted(ask(c, "SMEMBERS", "s")), sorted(model))
            pairs = ask(c, "HGETALL", "h")
            must_be(dict(zip(pairs[::2], pairs[1::2])), {name: b"%d" % score for name, score in model.items()})
            must_be(ask(c, "ZRANGE", "z", 0, -1, "WITHSCORES"), [part for score, name in ordered for part in (name, b"%d" % score)])
            first, last = sorted(chance.randrange(len(model) + 1) for _ in range(2))
            must_be(ask(c, "ZRANGE", "z", first, last), [name for _, name in ordered[first : last + 1]])
            must_be([ask(c, "SCARD", "s"), ask(c, "HLEN", "h"), ask(c, "ZCARD", "z")], [len(model)] * 3)


@test
def popping(options):
    """Any member comes out, each once, and none is favoured much."""
    n = 1000
    members = [b"%d" % i for i in range(n)]
    with Server(options.command) as server, server.connect() as c:
        ask(c, "SADD", "s", *members)
        got = ask(c, "SPOP", "s", n // 2)
        while (one := ask(c, "SPOP", "s")) is not None:
            got.append(one)
        must_be(sorted(got), sorted(members))
        must(got != members, "they come as they went in")
        counts = dict.fromkeys(b"abcd", 0)
        for _ in range(400):
            ask(c, "SADD", "s", "a", "b", "c", "d")
            counts[ask(c, "SPOP", "s")[0]] += 1
        must(min(counts.values()) > 20, "one is hardly ever popped:", counts)


@test
def removing(options):
    """Some add, others remove: what went in comes out once, or is there in the end."""
    each = min(50 * options.scale, 1000)
    taken, failed = {"s": [], "z": [], "h": []}, []

    def add(number):
        with server.connect() as c:
            for i in range(0, each, 10):
                names = [f"{number}.{i + k}" for k in range(10)]
                fields = [part for name in names for part in (name, i)]
                scored = [part for name in names for part in (i, name)]
                c.send(request("SADD", "s", *names) + request("ZADD", "z", *scored) + request("HSET", "h", *fields))
                must_be([answer(c) for _ in range(3)], [10, 10, 10])

    def remove(number):
        with server.connect() as c:
            for i in range(each):
                name = f"{number}.{i}"
                c.send(request("SPOP", "s") + request("ZPOPMIN", "z", 2) + request("HDEL", "h", name))
                member, pairs, gone = (answer(c) for _ in range(3))
                taken["s"] += [member] if member else []
                taken["z"] += pairs[::2]
                taken["h"] += [name.encode()] * gone
                if i % 20 == 0:
                    fields = ask(c, "HGETALL", "h")[::2]
                    must(len(set(fields)) == len(fields), "a field twice")

    def guarded(function, number):
        try:
            function(number)
        except Exception as problem:  # noqa: BLE001 - whatever it is, the test has failed
            failed.append(problem)

    with Server(options.command) as server:
        threads = [threading.Thread(target=guarded, args=(function, i)) for i in range(2) for function in (add, remove)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        must(not failed, failed[:1])
        with server.connect() as c:
            left = {"s": ask(c, "SMEMBERS", "s"), "z": ask(c, "ZRANGE", "z", 0, -1), "h": ask(c, "HGETALL", "h")[::2]}
            added = sorted(f"{number}.{i}".encode() for number in range(2) for i in range(each))
            for key, names in left.items():
                must(sorted(names + taken[key]) == added, "lost or doubled in", key)
            ask(c, "DEL", "s", "z", "h")
            must(used_memory(c) < 2000, "still counted:", used_memory(c))


# What is added for a name; what takes all of it out again; bytes for each name, at least.
ADDING = {"SADD": lambda name: [name], "HSET": lambda name: [name, "x" * 100], "ZADD": lambda name: [1, name]}
EMPTYING = {"SADD": lambda names: ["SREM", "k", *names], "HSET": lambda names: ["HDEL", "k", *names], "ZADD": lambda names: ["ZPOPMIN", "k", len(names)]}
LEAST = {"SADD": 40 + 8 + 5, "HSET": 40 + 8 + 5 + 16 + 100, "ZADD": 64 + 8 + 5}


@test
def counted(options):
    """What they take counts, and stops counting when it goes, in whatever way."""
    names = [f"name{i}" for i in range(20 * options.scale)]
    with Server(options.command) as server, server.connect() as c:
        for command, adding in ADDING.items():
            must_be(used_memory(c), 0)
            fill = [command, "k", *[part for name in names for part in adding(name)]]
            must_be(ask(c, *fill), len(names))
            full = used_memory(c)
            must(full > LEAST[command] * len(names), command, "doesn't count:", full, len(names))
            must_be(ask(c, *fill), 0)
            must_be(used_memory(c), full)
            for end in (EMPTYING[command](names), ["DEL", "k"], ["SET", "k", "x"], ["PEXPIRE", "k", 1]):
                must(not str(ask(c, *end)).startswith("-"), end[0])
                eventually(lambda: used_memory(c) < 2000, "it doesn't count any more")
                ask(c, "DEL", "k")
                must_be(ask(c, *fill), len(names))
            ask(c, "FLUSHALL")


@test
def within(options):
    """The limit of memory holds for them, for many small ones and for one that is large."""
    oom = "-OOM command not allowed when used memory > 'maxmemory'."
    with Server(options.command, "--max-memory", 100_000) as server, server.connect() as c:
        for command, adding in ADDING.items():
            must_be(ask(c, command, "k", *adding(b"x" * 200_000)), oom)
            must_be(ask(c, command, "k", *[part for i in range(2000) for part in adding(i)]), oom)
            must_be(ask(c, "EXISTS", "k"), 0)
            answers = [ask(c, command, "k", *adding(i)) for i in range(2000)]
            must_be([answers[0], answers[-1]], [1, oom])
            must(90_000 < used_memory(c) <= 100_000, "far from the limit, or beyond:", used_memory(c))
            must_be(ask(c, "DEL", "k"), 1)


@test
def whole_benchmark(options):
    """The list of tests that it has when none are named."""
    tests = "PING_INLINE PING_MBULK SET GET INCR LPUSH RPUSH LPOP RPOP SADD HSET SPOP ZADD ZPOPMIN LRANGE_100 LRANGE_300 LRANGE_500 LRANGE_600 MSET"
    with Server(options.command) as server:
        for more in ([], ["-r", "1000", "-P", "16"]):
            command = [tool("redis-benchmark"), "-p", str(server.address[1]), "-n", str(20 * options.scale), "-q", *more]
            got = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
            must_be(got.returncode, 0, got.stdout, got.stderr)
            must_be(got.stderr.strip(), "")
            must("rror" not in got.stdout, got.stdout)
            results = [line.split(":")[0].split()[0] for line in got.stdout.replace("\r", "\n").split("\n") if "requests per second" in line]
            for name in tests.split():
                must(name in results, "no figure of", name, "but of", results)


if __name__ == "__main__":
    run(TESTS, __doc__)
