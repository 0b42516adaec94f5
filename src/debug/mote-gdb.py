# SPDX-License-Identifier: MIT
"""mote-gdb - commands for gdb that show tasks.

Job:    info motes, mote N COMMAND: for running, parked and copied-out tasks, of a stopped process or a core file.
Holds:  MG1 a process is left as it was found: what a command changes for its time (two registers of a thread, the bytes of a home) is
        put back even when it fails, and meanwhile nothing may run. MG2 a core file is never written: tasks are shown from a copy.
Why:    a parked task is a stack pointer and the bytes above it, which lie in its home or, while another task uses that, in its image.
        gdb unwinds by a thread's registers and memory, and a script can't lay other bytes over memory. So in a process the bytes are
        written to where they belong, and in a core file to a copy of it, which takes its place for one command. Tried and left: to
        open the copy in a second inferior (gdb 13 crashes after some of them have come and gone).
Not here: where things lie (mote_gdb_tasks.py, which stands beside this file).
"""

import atexit
import bisect
import contextlib
import os
import re
import shutil
import struct
import sys
import tempfile

import gdb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True  # not into the library's folder

from mote_gdb_tasks import Runtime, memory  # noqa: E402: it is found only now

# The program counter and the stack pointer: their names in gdb, and where they lie in a core file's note about a thread.
REGISTERS = {"x86-64": ("rip", "rsp", 112 + 16 * 8, 112 + 19 * 8), "aarch64": ("pc", "sp", 112 + 32 * 8, 112 + 31 * 8)}

# What would let the program run on while one of its threads has another one's registers.
RUNNING = {
    "advance", "attach", "call", "checkpoint", "compile", "continue", "detach", "disconnect", "finish", "fg", "generate-core-file", "inferior",
    "interrupt", "jump", "kill", "next", "nexti", "record", "return", "reverse-continue", "reverse-finish", "reverse-next", "reverse-nexti",
    "reverse-step", "reverse-stepi", "run", "signal", "queue-signal", "start", "starti", "step", "stepi", "target", "thread", "until",
}  # fmt: skip


class Threads:
    """Which thread stands on which stack. By ptid: gdb's own objects don't outlive a change of the core file."""

    def __init__(self):
        self.at = []
        with kept_selection():
            for thread in gdb.selected_inferior().threads():
                thread.switch()
                self.at.append((int(gdb.newest_frame().read_register(registers()[1])), thread.ptid))
        self.at.sort()

    def within(self, low, top):
        i = bisect.bisect_left(self.at, (low,))
        return thread_with(self.at[i][1]) if i < len(self.at) and self.at[i][0] <= top else None


def thread_with(ptid):
    return next((thread for thread in gdb.selected_inferior().threads() if thread.ptid == ptid), None)


def registers():
    name = gdb.selected_inferior().architecture().name()
    if "x86-64" in name:
        return REGISTERS["x86-64"]
    if name.startswith("aarch64"):
        return REGISTERS["aarch64"]
    raise gdb.GdbError(f"mote: there are no tasks on {name}")


def quiet(command):
    return gdb.execute(command, to_string=True)


@contextlib.contextmanager
def kept_selection():
    """The thread and frame that the user has selected."""
    ptid, level = gdb.selected_thread().ptid if gdb.selected_thread() else None, 0
    with contextlib.suppress(gdb.error):
        level = gdb.selected_frame().level()
    try:
        yield
    finally:
        thread = ptid and thread_with(ptid)
        if thread:
            thread.switch()
            frame = gdb.newest_frame()
            for _ in range(level):
                frame = frame.older() or frame
            frame.select()


@contextlib.contextmanager
def setting(name, value):
    before = gdb.parameter(name)
    before = {True: "on", False: "off", None: "unlimited"}.get(before, before)
    quiet(f"set {name} {value}")
    try:
        yield
    finally:
        quiet(f"set {name} {before}")


@contextlib.contextmanager
def in_thread(thread):
    with kept_selection():
        thread.switch()
        yield


@contextlib.contextmanager
def in_process(t, pc, stack):
    """A parked task of a live process, on the selected thread."""
    inferior = gdb.selected_inferior()
    pc_name, sp_name = registers()[:2]
    with kept_selection(), setting("may-call-functions", "off"):
        gdb.newest_frame().select()
        old = [int(gdb.newest_frame().read_register(name)) for name in (pc_name, sp_name)]
        old_bytes = bytes(inferior.read_memory(t.sp, len(stack))) if stack else b""
        try:
            if stack:
                inferior.write_memory(t.sp, stack)
            set_registers((pc_name, sp_name), (pc, t.sp))
            yield
        except gdb.MemoryError:
            raise gdb.GdbError("mote: this target lets nobody write its memory; save a core file, and look at that")
        finally:
            set_registers((pc_name, sp_name), old)
            if stack:
                inferior.write_memory(t.sp, old_bytes)


def set_registers(names, values):
    gdb.newest_frame().select()
    for name, value in zip(names, values):
        quiet(f"set var ${name} = {value:#x}")
        gdb.newest_frame().select()


class Core:
    """A copy of a core file, in which every thread stands where the task does."""

    PROGRAM = struct.Struct("<IIQQQQQQ")
    PT_LOAD, PT_NOTE, NT_PRSTATUS = 1, 4, 1

    def __init__(self, path):
        self.folder = tempfile.mkdtemp(prefix="mote-gdb-")
        self.path = os.path.join(self.folder, "core")
        try:
            copy_sparsely(path, self.path)
            self.file = open(self.path, "r+b")
            self._read_headers()
        except (OSError, struct.error) as error:
            self.close()
            raise gdb.GdbError(f"mote: can't make a copy of {path} in {self.folder}: {error}")

    last = None

    @classmethod
    def of(cls, path):
        """The copy is kept for the next command: it may be of gigabytes."""
        now = (path, os.stat(path).st_mtime_ns)
        if not cls.last or cls.last.source != now:
            if cls.last:
                cls.last.close()
            cls.last = None
            cls.last = cls(path)
            cls.last.source = now
            atexit.register(cls.last.close)
        return cls.last

    def close(self):
        if getattr(self, "file", None):
            self.file.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _write(self, offset, data):
        self.undo.append((offset, self._at(offset, len(data))))
        self.file.seek(offset)
        self.file.write(data)

    @contextlib.contextmanager
    def showing(self, pc, sp, stack):
        self.undo = []
        try:
            self._set_registers(pc, sp)
            if stack:
                self._set_stack(sp, stack)
            self.file.flush()
            yield
        finally:
            for offset, data in reversed(self.undo):
                self.file.seek(offset)
                self.file.write(data)
            self.file.flush()

    def _at(self, offset, size):
        self.file.seek(offset)
        return self.file.read(size)

    def _read_headers(self):
        head = self._at(0, 64)
        start, count, sections = struct.unpack_from("<Q", head, 32)[0], struct.unpack_from("<H", head, 56)[0], struct.unpack_from("<Q", head, 40)[0]
        if count == 0xFFFF:  # there are more of them: the first section says how many
            count = struct.unpack_from("<I", self._at(sections, 64), 44)[0]
        self.parts = [self.PROGRAM.unpack_from(self._at(start + i * self.PROGRAM.size, self.PROGRAM.size)) for i in range(count)]

    def _set_stack(self, at, stack):
        for kind, _, offset, address, _, size, _, _ in self.parts:
            if kind == self.PT_LOAD and address <= at and at + len(stack) <= address + size:
                self._write(offset + at - address, stack)
                return
        raise gdb.GdbError(f"mote: the core file has no memory at {at:#x}")

    def _set_registers(self, pc, sp):
        for kind, _, offset, _, _, size, _, _ in self.parts:
            if kind == self.PT_NOTE:
                self._set_in_notes(offset, offset + size, pc, sp)

    def _set_in_notes(self, at, end, pc, sp):
        pc_at, sp_at = registers()[2:]
        while at + 12 <= end:
            name, size, kind = struct.unpack("<III", self._at(at, 12))
            body = at + 12 + (name + 3 & ~3)
            if kind == self.NT_PRSTATUS:
                for where, value in ((pc_at, pc), (sp_at, sp)):
                    self._write(body + where, struct.pack("<Q", value))
            at = body + (size + 3 & ~3)


def copy_sparsely(source, to):
    """Without the holes: those of a core file are most of it."""
    with open(source, "rb") as a, open(to, "wb") as b:
        end, at = os.fstat(a.fileno()).st_size, 0
        os.truncate(to, end)
        while at < end:
            try:
                at = os.lseek(a.fileno(), at, os.SEEK_DATA)
            except OSError:  # only a hole is left
                break
            hole = os.lseek(a.fileno(), at, os.SEEK_HOLE)
            b.seek(at)
            a.seek(at)
            while at < hole:
                part = a.read(min(hole - at, 16 << 20))
                if not part:
                    return
                b.write(part)
                at += len(part)


@contextlib.contextmanager
def in_core(t, pc, stack):
    """A parked task of a core file."""
    path = re.search(r"^\s*[`'](.*)', file type", quiet("info target"), re.M)
    if not path:
        raise gdb.GdbError("mote: can't find out which core file this is")
    core = Core.of(path.group(1))
    with core.showing(pc, t.sp, stack), kept_selection(), setting("confirm", "off"):
        try:
            quiet(f"core-file {core.path}")
            gdb.newest_frame().select()
            yield
        finally:
            quiet(f"core-file {path.group(1)}")


def is_core():
    connection = gdb.selected_inferior().connection
    return connection is not None and connection.type == "core"


def context_of(runtime, t, threads):
    L = runtime.layout
    if t.state == L["TASK_NEW"]:
        raise gdb.GdbError(f"mote: task {t.id} has not started yet: it has no stack; it will call {runtime.site(t)[0]}")
    if t.state == L["TASK_DONE"] or not t.home:
        raise gdb.GdbError(f"mote: task {t.id} has ended, and waits to be joined: it has no stack")
    thread = None if t.copied else threads.within(t.home.low, t.home.top)
    if thread:
        return in_thread(thread)
    if t.state == L["TASK_RUNNING"]:
        thread = thread_of_worker(L, runtime.current.get(t.at))
        if thread:
            return in_thread(thread)
        raise gdb.GdbError(f"mote: task {t.id} runs, but no thread stands on its stack: it is about to be switched to or from")
    live = runtime.live(t)
    if live is None:
        raise gdb.GdbError(f"mote: the stack pointer of task {t.id} is not in its home")
    stack = runtime.stack(t, live) if t.copied else b""
    return (in_core if is_core() else in_process)(t, L["switch_continued"], stack)


def thread_of_worker(layout, worker):
    """By glibc's handle, where gdb knows it: the thread may stand on a stack for signals."""
    if not worker:
        return None
    handle = memory(worker + layout["worker.thread"], 8)
    for thread in gdb.selected_inferior().threads():
        with contextlib.suppress(gdb.error):
            if bytes(thread.handle())[:8] == handle:
                return thread
    return None


def full_name(verb):
    """Of a command that was abbreviated, or has an alias; as far as gdb tells."""
    for text in (verb, verb.rstrip("0123456789")):
        with contextlib.suppress(gdb.error):
            names = re.match(r"[\w, -]+", quiet(f"help {text}"))
            if names:
                return {name.strip() for name in names.group(0).split(",")}
    return {verb}


def check_command(command):
    verb = re.match(r"[\w-]*", command).group(0)
    if verb and (full_name(verb) | {verb}) & RUNNING:
        raise gdb.GdbError(f"mote: {verb} can't be used in a task that is looked at: no task can be made to run from here")


class InfoMotes(gdb.Command):
    """Show mote's tasks: number, name or function, what each does or waits for and how long, where it was started, where its
stack lies. * marks those that run.

Usage: info motes [-g] [STATE | NAME | NUMBER]...
-g counts those together that do the same. STATE is new, ready, running, waiting or ended; NAME a task's name or function, or
the beginning of it. Without -g at most 1000 are shown; mote N COMMAND looks at one of them."""

    MOST = 1000

    def __init__(self):
        super().__init__("info motes", gdb.COMMAND_STATUS)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        together = "-g" in words
        unknown = [w for w in words if w.startswith("-") and w != "-g"]
        if unknown:
            raise gdb.GdbError(f"mote: info motes has no option {unknown[0]}")
        runtime = Runtime()
        tasks = self._chosen(runtime, [w for w in words if w != "-g"])
        if together:
            self._count(runtime, tasks)
        else:
            self._list(runtime, tasks)

    @staticmethod
    def _chosen(runtime, words):
        states = {value: text[0] for value, text in runtime.states.items()}
        wanted = {w for w in words if w in states.values()}
        numbers = {int(w) for w in words if w.isdecimal()}
        names = tuple(w for w in words if w not in wanted and not w.isdecimal())
        for t in runtime.records():
            if wanted and states[t.state] not in wanted or numbers and t.id not in numbers:
                continue
            if names and not runtime.name(t).startswith(names) and not runtime.site(t)[0].startswith(names):
                continue
            yield t

    def _list(self, runtime, tasks):
        tasks = sorted(tasks, key=lambda t: t.id)
        for t in tasks[: self.MOST]:
            print(runtime.describe(t))
        if len(tasks) > self.MOST:
            print(f"and {len(tasks) - self.MOST} more: info motes -g counts them together")
        if not tasks:
            print("No tasks.")

    @staticmethod
    def _count(runtime, tasks):
        groups = {}
        for t in tasks:
            waits = runtime.wait(t, whom=False) if t.state == runtime.layout["TASK_PARKED"] else ""
            key = (t.site, t.state, waits)
            count, first = groups.get(key, (0, t))
            groups[key] = (count + 1, first if first.id < t.id else t)
        for (_, state, waits), (count, first) in sorted(groups.items(), key=lambda item: -item[1][0]):
            name, where = runtime.site(first)
            says = f"waiting {waits}" if waits else runtime.states[state][1]
            started = f", started at {where}" if where else ""
            print(f"{count:>9} ({name}): {says}{started}; the first is {first.id}")
        if not groups:
            print("No tasks.")


class Mote(gdb.Command):
    """Run a command of gdb in a task's context, as thread apply does for threads.

Usage: mote N [COMMAND]
       mote all COMMAND
N is a task's number (info motes). COMMAND is bt, info locals, frame function NAME, print EXPRESSION or whatever else looks
without letting the program run; without one the task is described. Parked tasks are shown where they wait. all: each task that has a
stack, or the first 1000 of them.

To print a local of another frame than the innermost one, give both at once: frame apply, or bt full, or
mote N frame function NAME -- info locals."""

    MOST = 1000

    def __init__(self):
        super().__init__("mote", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        who, _, command = argument.strip().partition(" ")
        command = command.strip()
        if who == "all" and command:
            self._each(command)
        elif who.isdecimal():
            self._one(int(who), command)
        else:
            raise gdb.GdbError("Usage: mote N [COMMAND], or mote all COMMAND; info motes has the numbers")

    @staticmethod
    def _run(runtime, t, threads, command):
        check_all = [part.strip() for part in command.split(" -- ")]
        for part in check_all:
            check_command(part)
        with context_of(runtime, t, threads):
            for part in check_all:
                try:
                    gdb.execute(part)
                except gdb.error as error:
                    raise gdb.GdbError(str(error))

    def _one(self, number, command):
        runtime = Runtime()
        t = runtime.find(number)
        if command:
            self._run(runtime, t, Threads(), command)
        else:
            print(runtime.describe(t))

    def _each(self, command):
        runtime = Runtime()
        threads, shown = Threads(), 0
        for t in sorted(runtime.records(), key=lambda t: t.id):
            if not t.home or t.state in (runtime.layout["TASK_NEW"], runtime.layout["TASK_DONE"]):
                continue
            if shown == self.MOST:
                print(f"mote: the first {shown} were shown")
                break
            shown += 1
            print(f"\n{runtime.describe(t)}")
            try:
                self._run(runtime, t, threads, command)
            except (gdb.error, gdb.GdbError) as error:
                print(error)


InfoMotes()
Mote()
