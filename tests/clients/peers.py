# SPDX-License-Identifier: MIT
"""peers - programs that serve, as child processes, and raw sockets to talk to them."""

import pathlib
import resource
import signal
import socket
import struct
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "net"))
from harness import PATIENCE, Failure, Skip, eventually, must, must_be, run  # noqa: E402, F401 - for those who import this


class Server:
    """A program that says HOST:PORT at the end of its first line. want: its status after the signal that ends it."""

    def __init__(self, command, *args, want=0, end=signal.SIGTERM, may_say=False):
        self.command = [*command, "--listen", "127.0.0.1:0", *map(str, args)]
        self.want, self.signal, self.may_say, self.said = want, end, may_say, ""

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        line = self.process.stdout.readline()
        if not line:
            raise Failure("it did not start: " + self.process.stderr.read())
        host, port = line.split()[-1].rsplit(":", 1)
        self.address = (host, int(port))
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
            print(self.process.communicate()[1])
            return
        self.process.send_signal(self.signal)
        self.wait()

    def wait(self):
        if self.process.stdout.closed:
            return
        try:
            _, self.said = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failure("it did not end: " + self.process.communicate()[1]) from None
        must(self.process.returncode == self.want, "it ended with", self.process.returncode, "and said:", self.said)
        must(self.want != 0 or self.may_say or not self.said, "it said:", self.said)  # of whom is killed, tools complain

    def connect(self, receive_buffer=0):
        return Peer(self.address, receive_buffer)

    def resident(self):
        """Bytes."""
        with open("/proc/%d/statm" % self.process.pid) as file:
            return int(file.read().split()[1]) * resource.getpagesize()


class Peer:
    def __init__(self, address, receive_buffer=0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def more(self):
        got = self.socket.recv(1 << 20)
        must(got, "the end came after", self.buffer[:300])
        self.buffer += got

    def take(self, size):
        if len(self.buffer) < size:
            parts, have = [self.buffer], len(self.buffer)
            while have < size:
                got = self.socket.recv(1 << 20)
                must(got, "the end came after", have, "of", size, "bytes")
                parts.append(got)
                have += len(got)
            self.buffer = b"".join(parts)
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def line(self):
        while b"\n" not in self.buffer:
            self.more()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r")

    def rest(self):
        """All until the end; a reset is one, too."""
        try:
            while got := self.socket.recv(1 << 20):
                self.buffer += got
        except ConnectionError:
            pass
        data, self.buffer = self.buffer, b""
        return data
