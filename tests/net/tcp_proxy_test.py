#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tcp_proxy_test - what goes through tcp_proxy: all of it, both ways at once, and the ends."""

import contextlib
import random
import signal
import socket
import subprocess
import threading

from client import PATIENCE, Server, eventually, must, run


@contextlib.contextmanager
def proxied(options):
    """A listener, and the proxy before it."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        listener.settimeout(PATIENCE)
        with Server(options.command, "--to", "127.0.0.1:%d" % listener.getsockname()[1]) as server:
            if options.kill:
                server.signal, server.want_status = signal.SIGKILL, -signal.SIGKILL
            yield listener, server


def pair(listener, server):
    """Both ends of a way through."""
    client = server.connect()
    far, _ = listener.accept()
    far.settimeout(PATIENCE)
    return client, far


def both_ways(options):
    """Each end sends megabytes while it receives."""
    data = [random.Random(i).randbytes(max(100_000, 30_000 * options.scale)) for i in range(2)]
    with proxied(options) as (listener, server):
        client, far = pair(listener, server)

        def send(end, what):
            end.sendall(what)
            end.shutdown(socket.SHUT_WR)

        senders = [threading.Thread(target=send, args=(far, data[0])), threading.Thread(target=send, args=(client.socket, data[1]))]
        got = []
        receiver = threading.Thread(target=lambda: got.append(b"".join(iter(lambda: far.recv(65536), b""))))
        for thread in (*senders, receiver):
            thread.start()
        must(client.rest() == data[0], "the client got something else")
        for thread in (*senders, receiver):
            thread.join()
        must(got == [data[1]], "the far end got something else")
        eventually(lambda: server.in_use() == 0, "both connections are closed")


def half_close(options):
    """Who has said all still hears the rest."""
    with proxied(options) as (listener, server):
        client, far = pair(listener, server)
        client.send("question")
        client.half_close()
        question = b"".join(iter(lambda: far.recv(100), b""))
        must(question == b"question", question)
        must(client.is_silent(), "the end came back")
        far.sendall(b"answer")
        must(client.take(6) == b"answer")
        far.close()
        client.must_end()
        eventually(lambda: server.in_use() == 0, "both connections are closed")


def broken(options):
    """A reset at one end ends the other, too; and so does a far end that isn't there."""
    with proxied(options) as (listener, server):
        client, far = pair(listener, server)
        client.send("x")
        must(far.recv(1) == b"x")
        client.reset()
        must(far.recv(1) == b"")
        far.close()
        eventually(lambda: server.in_use() == 0, "both connections are closed")
        listener.close()
        with server.connect() as client:
            client.must_end()


def interrupted(options):
    """It ends, and so do connections that would have gone on; what listens nowhere is refused at the start."""
    with proxied(options) as (listener, server):
        client, far = pair(listener, server)
        client.send("x")
        must(far.recv(1) == b"x")
        server.interrupt()
        client.must_end()
        must(far.recv(1) == b"")
        server.end()
    for address in ("nonsense", "localhost", "127.0.0.1:99999", ""):
        got = subprocess.run([*options.command, "--to", address], capture_output=True, text=True, timeout=PATIENCE, check=False)
        must(got.returncode == 1 and not got.stdout and f"tcp_proxy: {address}: " in got.stderr, address, got)


def many(options):
    with proxied(options) as (listener, server):
        ends = []
        for i in range(max(5, options.scale)):
            client, far = pair(listener, server)
            ends.append((client, far))
        for i, (client, far) in enumerate(ends):
            client.send(b"%d" % i)
            number = far.recv(100)
            far.sendall(number * 2)
            must(client.take(2 * len(number)) == b"%d" % i * 2)
        for client, far in ends:
            client.close()
            must(far.recv(1) == b"")
            far.close()
        eventually(lambda: server.in_use() == 0, "all are closed")


if __name__ == "__main__":
    run({"both_ways": both_ways, "half_close": half_close, "broken": broken, "interrupted": interrupted, "many": many}, __doc__)
