#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""http_test - what http_server says to its clients, to those that do as they should and to the others."""

import contextlib
import os
import random
import shutil
import subprocess
import tempfile
import threading

from client import Failure, Server, Skip, must, run

HELLO = b"Hello, world!\n"
GREETING = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
TESTS = {}


def test(function):
    TESTS[function.__name__] = function
    return function


@contextlib.contextmanager
def serving(options, *args, big=0):
    """A server with a root, in which a.txt and big.bin are; a secret beside it, and ways that seem to lead there."""
    with tempfile.TemporaryDirectory() as folder:
        root = os.path.join(folder, "docs")
        os.makedirs(os.path.join(root, "sub", ".hidden"))
        for name, data in {
            "secret": b"secret",
            "docs/a.txt": b"0123456789" * 10,
            "docs/empty": b"",
            "docs/sub/index.html": b"<p>",
            "docs/sub/.hidden/b": b"hidden",
            "docs/big.bin": random.Random(1).randbytes(big),
        }.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)
        os.symlink("../secret", os.path.join(root, "out"))
        os.symlink("..", os.path.join(root, "up"))
        os.symlink(os.path.join(folder, "secret"), os.path.join(root, "absolute"))
        os.symlink("a.txt", os.path.join(root, "in.txt"))
        os.mkfifo(os.path.join(root, "pipe"))
        with Server(options.command, "--root", root, *args) as server:
            server.root = root
            yield server


def must_live(server):
    with server.connect() as c:
        must(c.get("/").body == HELLO, "it does not greet any more")


@test
def keep_alive(options):
    with serving(options) as server:
        with server.connect() as c:
            for _ in range(50):
                must(c.get("/").body == HELLO)
                must(c.get("/hello", method="HEAD").fields["content-length"] == "14")
            a = c.get("/", "Connection: close")
            must(a.body == HELLO and a.fields["connection"] == "close", a.fields)
            c.must_end()
        with server.connect() as c:
            for _ in range(3):
                a = c.get("/", "Connection: keep-alive", version="1.0")
                must(a.body == HELLO and a.fields["connection"] == "keep-alive", a.fields)
            must(c.get("/", version="1.0").body == HELLO)
            c.must_end()


@test
def pipelining(options):
    """A thousand requests in one piece, all of them different from their neighbours."""
    kinds = [
        ("GET /", 200, HELLO),
        ("GET /a.txt", 200, b"0123456789" * 10),
        ("HEAD /a.txt", 200, b""),
        ("GET /none", 404, b"404 Not Found\n"),
        ("POST /", 405, b"405 Method Not Allowed\n"),
        ("GET /empty", 200, b""),
    ]
    with serving(options) as server, server.connect() as c:
        order = random.Random(2).choices(kinds, k=max(60, 10 * options.scale))
        said = "".join(f"{line} HTTP/1.1\r\nHost: a\r\n\r\n" for line, _, _ in order)
        sender = threading.Thread(target=c.send, args=(said,))
        sender.start()
        for line, status, body in order:
            a = c.answer(not line.startswith("HEAD"))
            must(a.status == status and a.body == body, line, "got", a.status, a.body)
        sender.join()
        c.half_close()
        c.must_end()


@test
def files(options):
    with serving(options) as server, server.connect() as c:
        a = c.get("/a.txt")
        must(a.body == b"0123456789" * 10 and a.fields["content-type"] == "text/plain; charset=utf-8", a.fields)
        must(c.get("/a.txt?query").body == a.body)
        link = c.get("/in.txt")  # valgrind and qemu lack openat2, and without it there are no links
        must(link.body == a.body or (options.tool and link.status == 404), "a link:", link.status)
        must(c.get("/sub/").body == b"<p>")
        must(c.get("/sub//%69ndex.html").body == b"<p>")
        must(c.get("/empty").status == 200)
        tag, date = a.fields["etag"], a.fields["last-modified"]
        must(c.get("/a.txt", "If-None-Match: " + tag).status == 304)
        must(c.get("/a.txt", "If-Modified-Since: " + date).status == 304)
        must(c.get("/a.txt", 'If-None-Match: "x"', "If-Modified-Since: " + date).status == 200)
        part = c.get("/a.txt", "Range: bytes=5-9", "If-Range: " + tag)
        must(part.status == 206 and part.body == b"56789", part.status, part.body)
        must(part.fields["content-range"] == "bytes 5-9/100", part.fields)
        must(c.get("/a.txt", "Range: bytes=-1").body == b"9")
        part = c.get("/a.txt", "Range: bytes=100-")
        must(part.status == 416 and part.fields["content-range"] == "bytes */100", part.fields)
        must(c.get("/a.txt", "Range: bytes=0-0", method="HEAD").status == 200)
        for folder in ("/sub", "/pipe", "/none", "/a.txt/", "/a.txt/b", "/" + "x" * 300):
            status = c.get(folder).status
            must(status in (404, 414), folder, status)


@test
def traversal(options):
    with serving(options) as server, server.connect() as c:
        for path in (
            "/../secret /sub/../../secret /%2e%2e/secret /%2E%2E%2Fsecret /..%2fsecret /.%2e/secret /./a.txt /out /absolute"
            " /up/secret /up/docs/a.txt /sub/.hidden/b /sub/%2ehidden/b //../secret /sub/..%5c..%5csecret http://a/../secret"
        ).split():
            a = c.get(path)
            must(a.status == 404 and b"secret" not in a.body, path, a.status, a.body)
        must(c.get("/a%00.txt").status == 400)


@test
def big_file(options):
    with serving(options, big=12_000_000) as server:
        with open(os.path.join(server.root, "big.bin"), "rb") as file:
            data = file.read()
        with server.connect() as c:
            for _ in range(3):
                must(c.get("/big.bin").body == data, "another file came")
            must(c.get("/big.bin", "Range: bytes=1000001-11000000").body == data[1000001:11000001])
        with server.connect(receive_buffer=4096) as c:
            must(c.get("/big.bin").body == data, "another file came, slowly")


@test
def bodies(options):
    with serving(options) as server, server.connect() as c:
        for body in ("Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"):
            for method, status in (("GET", 200), ("POST", 405), ("BREW", 501)):
                c.send(f"{method} / HTTP/1.1\r\nHost: a\r\n{body}{GREETING}")
                must(c.answer().status == status, method)
                must(c.answer().body == HELLO, "after", method)
        c.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + "x" * 1000000 + GREETING)
        must(c.answer().status == 405 and c.answer().body == HELLO)
        c.send("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        must(c.answer().status == 100, "it does not say that it waits for the body")
        c.send("hello" + GREETING)
        must(c.answer().status == 405 and c.answer().body == HELLO)
        c.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + "x" * 1000000)
        must(c.answer().status == 413)
        c.must_end()


MALFORMED = {
    400: [
        "\n", "\0", "\x16\x03\x01\x02\0\x01\0", " / HTTP/1.1\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/1.1\n\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / FTP/1.1\r\n\r\n", "GET /\x7f HTTP/1.1\r\n\r\n", "GET nowhere HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "Q" * 100 + " / HTTP/1.1\r\n",
        "PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
    413: ["GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
          "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffffff\r\n"],
    414: ["GET /" + "a" * 10000 + " HTTP/1.1\r\n"],
    417: ["GET / HTTP/1.1\r\nHost: a\r\nExpect: wonders\r\n\r\n"],
    431: ["GET / HTTP/1.1\r\nHost: a\r\nX: " + "a" * 10000, "GET / HTTP/1.1\r\nHost: a\r\n" + "X: y\r\n" * 150 + "\r\n"],
    501: ["GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"],
    505: ["GET / HTTP/3.0\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
}  # fmt: skip


@test
def malformed(options):
    """Each is refused, alone and behind a good request, and the connection ends though its client says more."""
    with serving(options) as server:
        for status, cases in MALFORMED.items():
            for said in cases:
                for before in ("", GREETING):
                    with server.connect() as c:
                        c.send(before + said)
                        must(not before or c.answer().body == HELLO, "the good request before", said)
                        a = c.answer()
                        must(a.status == status and a.fields["connection"] == "close", said[:60], "got", a.status)
                        with contextlib.suppress(ConnectionError):
                            c.send(GREETING)
                        c.half_close()
                        c.must_end()
        must_live(server)


@test
def noise(options):
    """Whatever comes, what is answered is HTTP, and the end comes. Good requests with something wrong in them, and noise."""
    chance = random.Random(3)
    good = [GREETING * 3, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + GREETING]
    with serving(options) as server:
        for i in range(max(50, 3 * options.scale)):
            said = bytearray(chance.choice(good).encode()) if i % 3 else bytearray(chance.randbytes(200))
            for _ in range(chance.randrange(4)):
                said[chance.randrange(len(said))] = chance.choice(b"\r\n :/\0\xff5aA")
            with server.connect() as c:
                with contextlib.suppress(ConnectionError, OSError):
                    at = chance.randrange(len(said))
                    c.send(bytes(said[:at]))
                    c.send(bytes(said[at:]))
                    c.half_close()
                rest = c.rest()
                must(rest.startswith(b"HTTP/1.1 ") or not rest, said, "got", rest[:60])
        must_live(server)


@test
def half_closed(options):
    with serving(options, big=3_000_000) as server:
        for path, size in (("/", 14), ("/big.bin", 3_000_000)):
            with server.connect(receive_buffer=4096) as c:
                c.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
                c.half_close()
                must(len(c.answer().body) == size, path)
                c.must_end()
        with server.connect() as c:
            c.send("GET / HT")
            c.half_close()
            must(c.answer().status == 400)
            c.must_end()


def tool(name, *args):
    """Its output. One that isn't installed is a reason to skip the test."""
    path = shutil.which(name)
    if not path:
        raise Skip("no " + name)
    done = subprocess.run([path, *args], capture_output=True, timeout=300)
    if done.returncode:
        raise Failure(f"{name}: status {done.returncode}: {done.stderr.decode()}")
    return done.stdout


@test
def curl(options):
    with serving(options, big=5_000_000) as server:
        big = os.path.join(server.root, "big.bin")
        copy = os.path.join(server.root, "copy")
        url = server.url("/big.bin")
        show = ("-w", "%{http_code} %{num_connects} ", "-o", os.devnull)
        two = tool("curl", "-sS", *show, server.url("/"), *show, server.url("/none"))
        must(two == b"200 1 404 0 ", "one connection, two answers:", two)
        tool("curl", "-sSf", "-o", copy, url)
        tool("cmp", big, copy)
        os.truncate(copy, 1234567)
        tool("curl", "-sSf", "-C", "-", "-o", copy, url)
        tool("cmp", big, copy)
        must(tool("curl", "-sS", "-z", big, *show, url) == b"304 1 ", "not modified")
        must(tool("curl", "-sS", "-0", server.url("/")) == HELLO)
        must(tool("curl", "-sS", "-T", big, *show, server.url("/x")) == b"413 1 ", "an upload")


@test
def wrk(options):
    with serving(options) as server:
        for path in ("/", "/a.txt"):
            said = tool("wrk", "-t1", "-c50", "-d1", "--timeout", "60", server.url(path)).decode()
            must("Non-2xx" not in said and "Socket errors" not in said and " 0 requests" not in said, said)


if __name__ == "__main__":
    run(TESTS, __doc__)
