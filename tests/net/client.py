# SPDX-License-Identifier: MIT
"""Programs that serve, as child processes, and clients that are as raw as sockets are."""

import contextlib
import os
import re
import resource
import select
import signal
import socket
import struct
import subprocess

from harness import PATIENCE, Failure, Skip, eventually, must, run  # noqa: F401 - for those who import this


def limit_files(most):
    """For a child: at most so many descriptors; 0: as many as allowed."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = most or hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Server:
    """A program that says "http://HOST:PORT" or "HOST:PORT" in its first line."""

    def __init__(self, command, *args, files=0):
        self.command = [*command, "--listen", "127.0.0.1:0", *map(str, args)]
        self.files = files
        self.signal = signal.SIGINT
        self.want_status = 0
        self.err = ""

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=lambda: limit_files(self.files),
        )
        line = self.process.stdout.readline()
        if not line:
            raise Failure("it did not start: " + self.process.stderr.read())
        host, port = line.split()[-1].removeprefix("http://").rsplit(":", 1)
        self.address = (host, int(port))
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.interrupt()
            self.end()
        elif not self.process.stdout.closed:
            status = self.process.poll()
            self.process.kill()
            err = self.process.communicate()[1]
            print("it", "ran" if status is None else "had ended with status %d" % status, "and had said:", err)

    def interrupt(self):
        if self.process.poll() is None:
            self.process.send_signal(self.signal)

    def end(self):
        """Waits for it, and looks how it ended."""
        if self.process.stdout.closed:
            return
        try:
            _, self.err = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Failure("it did not end") from None
        status = self.process.returncode
        must(status == self.want_status, "it ended with status", status, "and said:", self.err)
        said = re.sub(r"(?m)^--\d+-- .*\n", "", self.err)  # valgrind's remarks about calls that it doesn't know
        must(self.want_status != 0 or not said, "it said:", said)

    def url(self, path):
        return "http://%s:%d%s" % (*self.address, path)

    def connect(self, receive_buffer=0):
        return Client(self.address, receive_buffer)

    def descriptors(self):
        """What each stands for."""
        folder, found = "/proc/%d/fd" % self.process.pid, []
        for fd in os.listdir(folder):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found.append(os.readlink(os.path.join(folder, fd)))
        return found

    def in_use(self):
        """Connections and files of a folder "docs"."""
        return sum(what.startswith("socket:") or "/docs/" in what for what in self.descriptors()) - 1

    def resident(self):
        """Bytes."""
        with open("/proc/%d/statm" % self.process.pid) as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.process.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body


class Client:
    def __init__(self, address, receive_buffer=0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(address)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def receive(self):
        """What is there, b"" at the end."""
        return self.socket.recv(65536)

    def is_silent(self):
        """Nothing has come, nor the end."""
        return not self.buffer and not select.select([self.socket], [], [], 0)[0]

    def rest(self):
        """All until the end. A reset is an end, too."""
        try:
            while more := self.receive():
                self.buffer += more
        except ConnectionError:
            pass
        data, self.buffer = self.buffer, b""
        return data

    def take(self, size):
        while len(self.buffer) < size:
            more = self.receive()
            must(more, "the end came after", len(self.buffer), "of", size, "bytes")
            self.buffer += more
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            more = self.receive()
            must(more, "the end came instead of an answer:", self.buffer)
            self.buffer += more
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        must(first.startswith("HTTP/1.1 "), first)
        fields = {}
        for line in lines:
            name, value = line.split(": ", 1)
            must(name.lower() not in fields, "twice:", line)
            fields[name.lower()] = value
        return int(first.split()[1]), fields

    def answer(self, has_body=True):
        status, fields = self.head()
        if status not in (100, 304):
            must("content-length" in fields, status, fields)
        size = int(fields.get("content-length", 0)) if has_body and status not in (100, 304) else 0
        return Answer(status, fields, self.take(size))

    def get(self, path, *fields, method="GET", version="1.1"):
        lines = [f"{method} {path} HTTP/{version}", *(["Host: a"] if version == "1.1" else []), *fields, "", ""]
        self.send("\r\n".join(lines))
        return self.answer(method != "HEAD")

    def must_end(self):
        must(self.rest() == b"", "something came instead of the end")
