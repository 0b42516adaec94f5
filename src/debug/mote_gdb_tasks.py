# SPDX-License-Identifier: MIT
"""mote_gdb_tasks - what a stopped program, or a core file, has of tasks, for mote-gdb.

Job:    read the table of src/debug/layout.c, then the records, homes and images that it leads to.
Holds:  MT1 it only reads. MT2 no number about the library stands here: all of them come from the table.
Why:    a million records must not take minutes: a chunk of 2 MiB is one read.
"""

import struct

import gdb

VERSION = 1

STATES = {
    "TASK_NEW": ("new", "not started yet"),
    "TASK_READY": ("ready", "ready to run"),
    "TASK_RUNNING": ("running", "running"),
    "TASK_PARKED": ("waiting", "waiting"),
    "TASK_DONE": ("ended", "ended, not joined yet"),
}
WAITS = {
    "WAIT_NOTHING": "for something",
    "WAIT_NO_CHANNEL": "on a null channel",
    "WAIT_SEND": "to send to channel",
    "WAIT_RECV": "to receive from channel",
    "WAIT_SELECT": "in a select",
    "WAIT_GROUP_END": "for the end of group",
    "WAIT_GROUP_PLACE": "for a place in group",
    "WAIT_WG": "for wait group",
    "WAIT_MUTEX": "to lock mutex",
    "WAIT_READ": "to read with rwmutex",
    "WAIT_WRITE": "to write with rwmutex",
    "WAIT_COND": "for condition",
    "WAIT_ONCE": "for once",
    "WAIT_SEM": "for semaphore",
    "WAIT_BARRIER": "at barrier",
    "WAIT_JOIN": "to join a task",
    "WAIT_SLEEP": "for a time",
    "WAIT_READ_FD": "to read fd",
    "WAIT_WRITE_FD": "to write fd",
    "WAIT_FD": "to read or write fd",
}

def memory(address, size):
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.MemoryError:
        raise gdb.GdbError(f"mote: can't read {size} bytes of memory at {address:#x}")


def word(address):
    return struct.unpack("<Q", memory(address, 8))[0]


def text_at(address, size=256):
    """A string, or what can be read of it. Its end may be the end of a mapping."""
    found = b""
    while address and len(found) < size and b"\0" not in found:
        part = min(size - len(found), 64 - (address + len(found)) % 64)
        try:
            found += bytes(gdb.selected_inferior().read_memory(address + len(found), part))
        except gdb.MemoryError:
            break
    return found.split(b"\0")[0].decode(errors="replace")


class Layout:
    """The table that layout.c has put into the program."""

    ENTRY = struct.Struct("<24sQ")

    def __init__(self):
        at = self._find()
        self.value = {}
        while True:
            name, value = self.ENTRY.unpack(memory(at, self.ENTRY.size))
            name = name.split(b"\0")[0].decode()
            if not name:
                break
            self.value[name] = value
            at += self.ENTRY.size
        if self.value.get("mote") != VERSION:
            raise gdb.GdbError("mote: this script belongs to another version of the library; use the one that is installed beside it")

    @staticmethod
    def _find():
        try:
            return int(gdb.parse_and_eval("(unsigned long)&mote_debug_layout"))
        except gdb.error:
            if not gdb.objfiles():
                raise gdb.GdbError("mote: there is no program: give gdb the executable, too")
            raise gdb.GdbError("mote: the program isn't linked with mote, or its symbols were stripped (strip -g keeps them)")

    def __getitem__(self, name):
        if name not in self.value:
            raise gdb.GdbError(f"mote: the library is older than this script: it doesn't tell of {name}")
        return self.value[name]

    def names(self, table):
        return {self.value[name]: name for name in table if name in self.value}


class Task:
    """A record as it was read."""

    __slots__ = ("at", "sp", "site", "wait_on", "extra", "id", "home", "state", "image_class", "flags", "inline")

    @property
    def copied(self):
        return self.home is not None and self.home.occupant != self.at


class Home:
    __slots__ = ("number", "occupant", "low", "top")


class Runtime:
    """What the stopped program, or the core file, has. Read anew by every command."""

    RECORD = [
        ("task.sp", "Q"), ("task.site", "Q"), ("task.wait_on", "Q"), ("task.extra", "Q"), ("task.id_low", "I"), ("task.id_high", "H"),
        ("task.home", "H"), ("task.state", "B"), ("task.image_class", "B"), ("task.flags", "B"),
    ]  # fmt: skip

    def __init__(self):
        if not gdb.selected_inferior().threads():
            raise gdb.GdbError("mote: no process and no core file")
        for thread in gdb.selected_inferior().threads():
            if thread.is_running():
                raise gdb.GdbError("mote: the program runs; interrupt all of its threads first")
        self.layout = Layout()
        L = self.layout
        state = self._number("I", L["rt"] + L["runtime.state"])
        if state not in (L["RUNTIME_RUNNING"], L["RUNTIME_STOPPING"], L["RUNTIME_ENDING"]):
            raise gdb.GdbError("mote: no runtime runs in this program at present")
        self.states = {L[name]: text for name, text in STATES.items()}
        self.waits = {value: WAITS[name] for value, name in L.names(WAITS).items()}
        self.sites = {}
        self._read_homes()
        made = self._number("I", L["rt"] + L["runtime.made"])
        workers = struct.unpack(f"<{made}Q", memory(L["rt"] + L["runtime.worker"], 8 * made)) if made else ()
        self.current = {word(w + L["worker.current"]): w for w in workers if w}

    @staticmethod
    def _number(kind, address):
        return struct.unpack("<" + kind, memory(address, struct.calcsize(kind)))[0]

    def _read_homes(self):
        L = self.layout
        at, size = word(L["homes"] + L["home_table.at"]), L["home.size"]
        copied = self._number("I", L["homes"] + L["home_table.copied"])
        pinned = self._number("I", L["homes"] + L["home_table.pinned"])
        self.pinned_from = L["HOME_MAX"] - pinned + 1
        self.homes = {}
        for first, count in ((1, copied), (self.pinned_from, pinned)):
            data = memory(at + first * size, count * size) if count else b""
            for i in range(count):
                home = Home()
                home.number = first + i
                for name in ("occupant", "low", "top"):
                    setattr(home, name, struct.unpack_from("<Q", data, i * size + L["home." + name])[0])
                self.homes[home.number] = home

    def _record_format(self):
        """One format for a whole record, with what is of no interest left out."""
        L, text, at = self.layout, "<", 0
        fields = sorted((L[name], name, kind) for name, kind in self.RECORD)
        for offset, _, kind in fields:
            text += f"{offset - at}x{kind}"
            at = offset + struct.calcsize("<" + kind)
        text += f"{L['record.inline_at'] - at}x{L['record.inline']}s"
        return struct.Struct(text), [name.split(".")[1] for _, name, _ in fields]

    def records(self):
        """All that are in use. A chunk at a time: a million of them are a hundred reads."""
        L = self.layout
        form, names = self._record_format()
        count = self._number("I", word(L["slab_walk"] + L["slab_walk.count"]))
        table = word(word(L["slab_walk"] + L["slab_walk.table"]))
        size, header, class_at = (word(L["slab_walk"] + L["slab_walk." + name]) for name in ("chunk", "header", "class_at"))
        state_at = names.index("state")
        if not count:
            return
        if form.size != L["record.size"]:
            raise gdb.GdbError("mote: the table of the library contradicts itself")
        for chunk in struct.unpack(f"<{count}Q", memory(table, 8 * count)):
            if not chunk or word(chunk + class_at) != L["record_slab"]:
                continue
            n = (size - header) // form.size
            for i, values in enumerate(form.iter_unpack(memory(chunk + header, n * form.size))):
                if values[state_at] in self.states:
                    yield self._task(chunk + header + i * form.size, dict(zip(names, values)), values[-1])

    def _task(self, at, values, inline):
        t = Task()
        t.at, t.inline = at, inline
        for name in ("sp", "site", "wait_on", "extra", "state", "image_class", "flags"):
            setattr(t, name, values[name])
        t.id = values["id_high"] << 32 | values["id_low"]
        t.home = self.homes.get(values["home"])
        if t.home and t.home.number >= self.pinned_from:
            t.home.occupant = t.at  # the field says so only of some
        return t

    def find(self, number):
        for t in self.records():
            if t.id == number:
                return t
        raise gdb.GdbError(f"mote: there is no task {number}")

    def site(self, t):
        if t.site not in self.sites:
            L = self.layout
            if t.site:
                name, file = (text_at(word(t.site + L["mote__site." + field])) for field in ("name", "file"))
                self.sites[t.site] = (name, f"{file}:{self._number('i', t.site + L['mote__site.line'])}")
            else:
                self.sites[t.site] = ("main", "")
        return self.sites[t.site]

    def name(self, t):
        own = text_at(t.extra + self.layout["task_extra.name"], self.layout["task_extra.name_size"]) if t.extra else ""
        return own or self.site(t)[0]

    def live(self, t):
        """Bytes of a task that is not running; None: it has no stack, or its record is being changed."""
        if t.home and t.home.low <= t.sp <= t.home.top:
            return t.home.top - t.sp
        return None

    def image_at(self, t):
        L = self.layout
        return struct.unpack_from("<Q", t.inline)[0] if t.image_class else t.at + L["record.inline_at"]

    def stack(self, t, size):
        """The lowest bytes of a parked task's stack, wherever they are."""
        if not t.copied:
            return memory(t.sp, size)
        return memory(self.image_at(t), size) if t.image_class else t.inline[:size]

    def place(self, t):
        """Where its frames are."""
        if t.state == self.layout["TASK_NEW"]:
            return "no stack yet"
        if t.state == self.layout["TASK_DONE"] or not t.home:
            return "no stack any more"
        kind = "pinned home" if t.home.number >= self.pinned_from else "home"
        if not t.copied:
            return f"{kind} {t.home.number}"
        size = self.layout["block.min"] << (t.image_class - 1) if t.image_class else self.layout["record.inline"]
        return f"image of {size} bytes at {self.image_at(t):#x}, of home {t.home.number}"

    def seconds(self, t):
        """How long it has waited."""
        L = self.layout
        at = L["SWITCH_TICKS_AT"]
        if (self.live(t) or 0) < at + 2:
            return None
        low = struct.unpack_from("<H", self.stack(t, at + 2), at)[0]
        since = (t.wait_on & L["WAIT_TIME_MASK"]) >> L["WAIT_TIME_SHIFT"] << 16 | low
        ticks = (self._number("I", L["switch_ticks"]) - since) & L["WAIT_TICKS_MASK"]
        return 0.0 if ticks > L["WAIT_TICKS_MASK"] // 2 else ticks * L["WAIT_TICK"] * 1e-9

    def number(self, at):
        """Of the task whose record is there; None: a plain thread's, or it is in use no more."""
        L = self.layout
        state, flags = (self._number("B", at + L["task." + field]) for field in ("state", "flags"))
        if state not in self.states or flags & (L["TASK_THREAD"] | L["TASK_NODE"]):
            return None
        return self._number("H", at + L["task.id_high"]) << 32 | self._number("I", at + L["task.id_low"])

    def wait(self, t, whom=True):
        """For what, and on which object; whom: also for which other task, which differs in a crowd."""
        L = self.layout
        kind, object = self.waits.get(t.wait_on >> L["WAIT_KIND_SHIFT"], "for something"), t.wait_on & L["WAIT_OBJECT_MASK"]
        if object and kind.endswith("fd"):
            return f"{kind} {object - 1}"
        if not object or kind == WAITS["WAIT_JOIN"]:
            number = self.number(object) if object and whom else None
            return f"to join task {number}" if number else kind
        owner = word(object + L["mutex.owner"]) if whom and kind == WAITS["WAIT_MUTEX"] else 0
        number = self.number(owner) if owner else None
        return f"{kind} {object:#x}" + (f", held by task {number}" if number else "")

    def says(self, t):
        """What it does."""
        if t.state != self.layout["TASK_PARKED"]:
            return self.states[t.state][1]
        seconds = self.seconds(t)
        return f"waiting {self.wait(t)}" + (f", for {seconds:.1f} s" if seconds is not None else "")

    def describe(self, t):
        where = self.site(t)[1]
        started = f", started at {where}" if where else ""
        mark = "*" if t.at in self.current else " "
        return f"{mark} {t.id:<6} {self.name(t)}: {self.says(t)}{started}; {self.place(t)}"
