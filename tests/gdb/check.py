# SPDX-License-Identifier: MIT
"""What gdb shows of subject.c with the installed script: of the stopped process, of its core file, and without debug information.

Each property is checked against the output of a whole session of gdb, in which a line "@@ COMMAND" comes before what a command said.
Status 77: gdb may trace nothing here.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
# No worker may stand in for those that the spinner and the runner hold up: new tasks would start, in the third home.
ENVIRONMENT = dict(os.environ, MOTE_PROCS="2", MOTEDEBUG="homes=3,max_stack=256k,max_blocked=-1", MALLOC_ARENA_MAX="1", LC_ALL="C", DEBUGINFOD_URLS="")
DEEP = range(6)

PRELUDE = """
set pagination off
set width 0
python
import re
def number(match):
    text = gdb.execute("info motes", to_string=True)
    return sorted(re.findall("(?m)^[* ] ([0-9]+) +" + match.group(1) + ": ", text), key=int)[int(match.group(2) or 0)]
def x(command):
    print("@@ " + command, flush=True)
    try:
        gdb.execute(re.sub("<([a-z ]+)([0-9]*)>", number, command))
    except gdb.error as error:
        print("error: " + str(error))
end
"""


def fail(what, output):
    sys.exit(f"{output}\n\nFAILED: {what}")


class Session:
    """One run of gdb: says[command] is what it printed."""

    def __init__(self, args, program, script, before, commands, after=()):
        text = PRELUDE + f"source {script}\n" + "\n".join(before) + "\n"
        text += "".join(f'python x("""{command}""")\n' for command in (*commands, *after))
        with tempfile.NamedTemporaryFile("w", suffix=".gdb") as file:
            file.write(text)
            file.flush()
            for _ in range(3):  # gdb 13 may lose track of a process whose threads end just then, and says that it is its own fault
                done = subprocess.run(
                    [args.gdb, "-nx", "-batch", "-x", file.name, str(program)],
                    env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240,
                )  # fmt: skip
                self.output = done.stdout
                if "A problem internal to GDB has been detected" not in self.output:
                    break
        if re.search(r"ptrace: Operation not permitted|Could not trace the inferior|Cannot create process", self.output):
            print(self.output)
            sys.exit(77)
        parts = re.split(r"^@@ (.*)\n", self.output, flags=re.M)
        self.says = dict(zip(parts[1::2], parts[2::2]))

    def must(self, command, *patterns):
        for pattern in patterns:
            if not re.search(pattern, self.says.get(command, ""), re.M | re.S):
                fail(f"{command!r} does not say {pattern!r}", self.output)

    def functions(self, command):
        return re.findall(r"^#\d+ +(?:0x[0-9a-f]+ in )?(\w+) \(", self.says.get(command, ""), re.M)


LIST = ["info motes", "info motes -g", "info motes new", "info motes waiting lo"]


def check_list(s):
    s.must(
        "info motes",
        r"^  1 +main: waiting to join task \d+, for [0-9.]+ s; pinned home \d+$",
        r"^  \d+ +quick: ended, not joined yet, started at .*subject\.c:\d+; no stack any more$",
        r"^  \d+ +the sleeper: waiting for a time, for [0-9.]+ s, started at .*subject\.c:\d+; ",
        r"^  \d+ +locker: waiting to lock mutex 0x[0-9a-f]+, held by task \d+, for ",
        r"^  \d+ +lender: waiting to receive from channel 0x[0-9a-f]+, for [^\n]*; pinned home \d+$",
        r"^\* \d+ +spinner: running, started at ",
        r"^\* \d+ +runner: running, started at ",
        r"^  \d+ +deep: [^\n]*; image of \d+ bytes at 0x[0-9a-f]+, of home [123]$",
        r"^  \d+ +(deep|locker|the sleeper): waiting [^\n]*; home [123]$",
    )
    s.must("info motes -g", r"^ +6 \(deep\): waiting to receive from channel 0x[0-9a-f]+, started at ", r"^ +2 \(late\): not started yet")
    s.must("info motes new", r"^  \d+ +late: not started yet[^\n]*; no stack yet\n  \d+ +late: [^\n]*\n$")
    s.must("info motes waiting lo", r"^  \d+ +locker: [^\n]*\n$")


LOOK = "frame function deep -- info locals -- print *on_heap"
REFUSED = ("continue", "s", "ni 3", "finish")
TASKS = [
    *(f"mote <deep{i}> bt" for i in DEEP),
    *(f"mote <deep{i}> {LOOK}" for i in DEEP),
    *(f"mote <{name}> bt" for name in ("runner", "spinner", "lender", "locker", "the sleeper", "late", "quick")),
    "mote <deep> print descend(1, 1)",
    "frame 1",
    "mote <runner> frame function runner -- info locals",
    "mote <lender> frame function lender -- print lent",
    *(f"mote <deep3> {command}" for command in (*REFUSED, "no-such-command")),
    "mote 999999 bt",
    "mote bt",
    "mote all bt 1",
    "mote <main>",
    "info motes --no-such-option",
    "frame",
]


def check_deep(s, i):
    """One frame for each depth, with its arguments; what its locals point to on the heap."""
    command = f"mote <deep{i}> bt"
    functions = [name for name in s.functions(command) if name in ("descend", "deep")]
    if functions != ["descend"] * (i * 3 + 1) + ["deep"]:
        fail(f"the frames of {command}: {functions}", s.output)
    s.must(command, *(rf"descend \(task={i}, depth={depth}\) at .*subject\.c:\d+" for depth in range(i * 3 + 1)))
    s.must(command, r"mote_recv|park_to_receive", rf" deep \(task={i}\) at .*subject\.c:\d+")
    s.must(f"mote <deep{i}> {LOOK}", r"^on_heap = 0x", rf"^\$\d+ = {7000 + i}$")


def check_tasks(s):
    for i in DEEP:
        check_deep(s, i)
    for name in ("locker", "lender"):
        s.must(f"mote <{name}> bt", rf" {name} \(\) at .*subject\.c:\d+")
    s.must("mote <the sleeper> bt", r" named \(\) at .*subject\.c:\d+")
    s.must("mote <runner> bt", r"\A#0 +stop_here \(\).*\n#1 [^\n]* runner \(answer=41\)")
    s.must("mote <spinner> bt", r"\A#0 [^\n]*spinner \(\)")
    s.must("mote <runner> frame function runner -- info locals", r"^local = 42$")
    s.must("mote <lender> frame function lender -- print lent", r"= 4711$")
    s.must("mote <late> bt", "has not started yet: it has no stack; it will call late")
    s.must("mote <quick> bt", "has ended, and waits to be joined")
    for command in REFUSED:
        s.must(f"mote <deep3> {command}", "no task can be made to run from here")
    s.must("mote <deep> print descend(1, 1)", "may-call-functions is off|without a process")
    s.must("mote <deep3> no-such-command", "Undefined command")
    s.must("mote 999999 bt", "there is no task 999999")
    s.must("mote bt", "Usage: mote N")
    s.must("mote <main>", r"main: waiting to join task \d+")
    s.must("info motes --no-such-option", "has no option --no-such-option")
    s.must("mote all bt 1", r"deep: [^\n]*\n#0", r"the sleeper: [^\n]*\n#0", r"runner: [^\n]*\n#0 +stop_here")
    s.must("frame", "^#1 .*runner")  # what the user had selected


def check_process(args, program, script, core):
    s = Session(
        args, program, script, ["break stop_here", "run"],
        LIST + TASKS, [f"generate-core-file {core}", "delete", "continue", "info motes ended"],
    )  # fmt: skip
    if "info motes -g" not in s.says:
        fail("gdb ended", s.output)
    check_list(s)
    check_tasks(s)
    s.must("continue", "exited normally")
    s.must("info motes ended", "mote: no process and no core file")


def check_core(args, program, script, core):
    before = core.read_bytes()
    s = Session(args, program, script, [f"core-file {core}"], LIST + TASKS)
    check_list(s)
    check_tasks(s)
    if core.read_bytes() != before:
        fail("the core file has changed", "")


def check_without_debug_information(args, program, script, core):
    bare, stripped = (program.with_name(name) for name in ("bare", "stripped"))
    subprocess.run(["objcopy", "--strip-debug", program, bare], check=True)
    subprocess.run(["objcopy", "--strip-all", program, stripped], check=True)
    s = Session(args, bare, script, [f"core-file {core}"], ["info motes", "mote <deep1> bt"])
    s.must("info motes", r"deep: waiting to receive", r"the sleeper")
    if [name for name in s.functions("mote <deep1> bt") if name in ("descend", "deep")] != ["descend"] * 4 + ["deep"]:
        fail("the frames without debug information", s.output)
    s = Session(args, stripped, script, [f"core-file {core}"], ["info motes"])
    s.must("info motes", "isn't linked with mote, or its symbols were stripped")
    s = Session(args, program, script, ["break main", "run"], ["info motes"])
    s.must("info motes", "no runtime runs")


def build(args, folder):
    subprocess.run([args.cmake, "--install", args.build, "--prefix", folder], check=True, stdout=subprocess.DEVNULL)
    library = next(folder.rglob("libmote.a"))
    program = folder / "subject"
    subprocess.run([args.cc, "-O0", "-g", "-I", folder / "include", "-o", program, HERE / "subject.c", library, "-pthread"], check=True)
    return program, folder / args.script


def main():
    parser = argparse.ArgumentParser()
    for name in ("gdb", "cc", "cmake", "build", "script"):
        parser.add_argument("--" + name, required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        program, script = build(args, folder)
        core = folder / "core"
        check_process(args, program, script, core)
        check_core(args, program, script, core)
        check_without_debug_information(args, program, script, core)


main()
