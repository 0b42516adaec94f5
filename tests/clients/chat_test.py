#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""chat_test - chat: everyone hears what anyone says, in order; who doesn't listen has to go."""

import signal

from peers import Server, must, must_be, run

TESTS = {}


def test(function):
    TESTS[function.__name__] = function
    return function


def chat(options):
    if options.kill:
        return Server(options.command, want=-signal.SIGKILL, end=signal.SIGKILL)
    return Server(options.command, end=signal.SIGINT)


def join(server, name, *others, receive_buffer=0):
    peer = server.connect(receive_buffer)
    must_be(peer.line(), b"your name?")
    peer.send(name + "\n")
    must_be(peer.line(), name[:31].encode() + b" is here")
    for other in others:
        must_be(other.line(), name.encode() + b" is here")
    return peer


@test
def talk(options):
    with chat(options) as server:
        a = join(server, "anna")
        b = join(server, "bert", a)
        c = join(server, "carl", a, b)
        for i in range(options.scale):
            a.send(f"line {i}\r\n")
        for peer in (b, c):
            for i in range(options.scale):
                must_be(peer.line(), b"anna: line %d" % i)
        b.send("in\x1b two")
        b.send(" parts\nand more\n")
        must_be([a.line(), a.line()], [b"bert: in two parts", b"bert: and more"])
        must_be(c.line(), b"bert: in two parts")
        b.send("x" * 300 + "\n")
        must_be([a.line(), a.line()], [b"bert: " + b"x" * 255, b"bert: " + b"x" * 45])
        b.reset()
        must_be(a.line(), b"bert is gone")
        c.half_close()
        must_be(a.line(), b"carl is gone")


@test
def names(options):
    """Who has none, or goes before he says one, was never here."""
    with chat(options) as server:
        a = join(server, "anna")
        for text in ("", "\n", "\x01\n", "no end"):
            with server.connect() as peer:
                peer.send(text)
                peer.half_close()
                must_be(peer.rest(), b"your name?\n")
        b = join(server, "b" * 100)
        must_be(a.line(), b"b" * 31 + b" is here")
        b.reset()
        must_be(a.line(), b"b" * 31 + b" is gone")


@test
def taken(options):
    """Who asks for the name of one who is there is asked again, and nobody hears of it; it is free when that one has gone."""
    with chat(options) as server:
        a = join(server, "anna")
        b = server.connect()
        must_be(b.line(), b"your name?")
        b.send("anna\nanna\n")
        for _ in range(2):
            must_be(b.line(), b"that name is taken, your name?")
        a.send("not to b\n")
        b.send("bert\nhello\n")
        must_be([b.line(), a.line(), a.line()], [b"bert is here", b"bert is here", b"bert: hello"])
        with server.connect() as c:  # who gives up wasn't here
            c.send("anna\n")
            must_be([c.line(), c.line()], [b"your name?", b"that name is taken, your name?"])
            c.half_close()
            must_be(c.rest(), b"")
        a.reset()
        must_be(b.line(), b"anna is gone")
        join(server, "anna", b)


@test
def interrupted(options):
    """All are let go, who has said his name and who hasn't."""
    with chat(options) as server:
        a = join(server, "anna")
        b = join(server, "bert", a)
        c = server.connect()
        must_be(c.line(), b"your name?")
        server.process.send_signal(signal.SIGKILL if options.kill else signal.SIGTERM)
        for peer in (a, b, c):
            must(peer.rest() in (b"", b"anna is gone\n", b"bert is gone\n"))
        server.wait()


@test
def slow(options):
    with chat(options) as server:
        a = join(server, "anna")
        b = join(server, "bert", a)
        s = join(server, "slow", a, b, receive_buffer=4096)
        text, said, is_here = b"t" * 250, 0, True
        while is_here:
            must(said < 1000000, "who does not read may stay")
            a.send(text + b"\n")
            said += 1
            line = b.line()
            if line == b"slow is gone":
                is_here, line = False, b.line()
            must_be(line, b"anna: " + text)
        s.rest()
        b.send("still here\n")
        must_be(a.line(), b"slow is gone")
        must_be(a.line(), b"bert: still here")


if __name__ == "__main__":
    run(TESTS, __doc__)
