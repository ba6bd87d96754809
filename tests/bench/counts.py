# SPDX-License-Identifier: GPL-2.0-or-later
"""What gate.py counts: instructions (callgrind) and system calls (strace) of fixed operations.

Neither depends on the load of the machine. Each operation is repeated, so that a wake-up more or less does not matter.
"""

import glob
import os
import pathlib
import re
import subprocess
import time

from lab import MANAGER, await_rest, event, program, send_events
from sim import STORY, Simulation

FUNCTIONS = 200
EVENTS = 100
ROUNDS = 5
CHANGE_ROUNDS = 3  # each waits until the helpers have ended
CARD = "0000:05:00.0"  # alone in its group
PROFILE, TRACE = "/run/profile", "/run/trace"
CLIENTS = (("--version",), ("status",), ("list",), ("groups",), ("devices", "--json"))
HELPERS = ("vfiod-worker", "vfiod-job", "vfiod-census", "vfiod-search", "vfiod-links")
# How often a program waits, and how much it receives at a time, depends on how fast the others are. gettid() is part of each wait of
# sd-event. When malloc() calls brk() depends on how full the last page is.
NOT_COUNTED = (b"epoll_wait", b"gettid", b"poll", b"ppoll", b"restart_syscall", b"timerfd_settime", b"recvmsg", b"recvfrom", b"brk")
CALL = re.compile(rb"(\d+) +(\w+)\(")
# Addresses do not differ from run to run.
FIXED = ("/usr/bin/setarch", "-R")


class Instructions:
    """Counts the instructions of a program and of the processes that it forks."""

    name = "instructions"

    def __init__(self):
        self.pid = None

    def prefix(self):
        self.remove_profiles()
        return [*FIXED, program("valgrind"), "--tool=callgrind", "--quiet", "--vgdb-prefix=/run/vgdb", f"--callgrind-out-file={PROFILE}.%p",
                "--dump-after=sd_notify"]

    def remove_profiles(self):
        for path in glob.glob(f"{PROFILE}.*"):
            os.unlink(path)

    def start_count(self, pid):
        """Until READY=1, for which vfiod calls sd_notify() for the first time."""
        path = pathlib.Path(f"{PROFILE}.{pid}.1")
        deadline = time.monotonic() + 60
        while not path.exists() or "totals: " not in path.read_text(encoding="ascii"):
            if time.monotonic() > deadline:
                raise RuntimeError("vfiod did not call sd_notify()")
            time.sleep(0.05)
        return profile_total(path)

    def begin(self, pid):
        self.command(pid, "zero")
        self.remove_profiles()

    def end(self, pid, with_children):
        """A child has counted what the process counted before the fork, too."""
        self.command(pid, "dump")
        return sum(map(profile_total, glob.glob(f"{PROFILE}.*" if with_children else f"{PROFILE}.{pid}.*")))

    def command(self, pid, text):
        subprocess.run([program("vgdb"), "--vgdb-prefix=/run/vgdb", f"--pid={pid}", text], stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=60)

    def of_command(self, command):
        run_silent([*self.prefix(), *command])
        return sum(map(profile_total, glob.glob(f"{PROFILE}.*")))


class SystemCalls:
    """Counts the system calls of a program and of the processes that it forks."""

    name = "system calls"

    def __init__(self):
        self.start = 0

    def prefix(self):
        if os.path.exists(TRACE):
            os.unlink(TRACE)
        return [*FIXED, program("strace"), "-D", "-f", "-qq", "-s", "16", "-e", "signal=none", "-o", TRACE]

    def start_count(self, pid):
        before, _, _ = self.read(0).partition(b"READY=1")
        return count_calls(before, pid)

    def begin(self, pid):
        self.start = os.path.getsize(TRACE)

    def end(self, pid, with_children):
        return count_calls(self.read(self.start), None if with_children else pid)

    def read(self, start):
        with open(TRACE, "rb") as file:
            file.seek(start)
            return file.read()

    def of_command(self, command):
        run_silent([*self.prefix(), *command])
        return count_calls(self.read(0))


def count_calls(trace, pid=None):
    """The number of calls in an output of strace, of this process or of all."""
    calls = [found for found in map(CALL.match, trace.splitlines()) if found]
    return sum((pid is None or int(found[1]) == pid) and found[2] not in NOT_COUNTED for found in calls)


def profile_total(path):
    for line in pathlib.Path(path).read_text(encoding="ascii").splitlines():
        if line.startswith("totals: "):
            return int(line.split()[1])
    raise RuntimeError(f"callgrind did not write {path}")


def run_silent(command):
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=60)


def of_vfiod(lab, count, report):
    """Start-up, lists and events, with a constructed /sys."""
    with lab.session(FUNCTIONS) as session:
        session.start_vfiod(*count.prefix())
        report("start-up to READY", count.start_count(session.vfiod))
        send_in_turn(session.vfiod, bind_events(session.paths()))
        names = [name for path in session.paths() if os.path.isdir(f"/sys{path}/net") for name in os.listdir(f"/sys{path}/net")]
        for what, calls, arguments in (
                ("ListDevices", 10, ()), ("ListGroups", 20, ()),
                ("GetDevice by address", 200, ("-s", os.path.basename(session.paths()[-1]))),
                ("GetDevice by name", 200, ("-s", names[-1]))):
            target = [*arguments, *MANAGER, what.split()[0]]
            session.call_times("-n", 1, "-w", 0, *target)
            report(what, measured(count, session.vfiod, session.call_times, "-n", calls, "-w", 0, *target))
        bound = [path for path in session.paths() if os.path.islink(f"/sys{path}/driver")][:EVENTS]
        report("event, nothing changed", measured(count, session.vfiod, send_in_turn, session.vfiod, bind_events(bound)))
        report("event, driver changed", measured(count, session.vfiod, change_drivers, session.vfiod, bound))


def measured(count, pid, callback, *arguments):
    """The least of some rounds: what else happens can only add to a count."""
    return min(measured_once(count, pid, False, callback, *arguments) for _ in range(ROUNDS))


def measured_once(count, pid, with_children, callback, *arguments):
    count.begin(pid)
    callback(*arguments)
    await_rest(pid)
    return count.end(pid, with_children)


def bind_events(paths):
    """After these, vfiod does not read the driver links again later."""
    return [event("bind", path) for path in paths]


def send_in_turn(pid, messages):
    """Each when the process has handled the one before: it handles as many as it can in a turn, which has a length in time."""
    for message in messages:
        send_events([message])
        await_idle(pid)


def await_idle(pid):
    """Wait until the process has received all events, and waits for more."""
    deadline = time.monotonic() + 60
    while any(is_busy(pid) for _ in range(2)):
        if time.monotonic() > deadline:
            raise RuntimeError("vfiod does not come to rest")
        time.sleep(0.002)


def is_busy(pid):
    sockets = pathlib.Path("/proc/net/netlink").read_text(encoding="ascii").splitlines()[1:]
    state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    return state != "S" or any(line.split()[4] != "0" for line in sockets)


def change_drivers(pid, paths):
    """They go, and come back."""
    links = {path: os.readlink(f"/sys{path}/driver") for path in paths}
    for path in links:
        os.unlink(f"/sys{path}/driver")
    send_in_turn(pid, [event("unbind", path) for path in links])
    for path, target in links.items():
        os.symlink(target, f"/sys{path}/driver")
    send_in_turn(pid, bind_events(links))


def of_client(lab, count, report):
    with lab.session(FUNCTIONS) as session:
        session.start_vfiod()
        for words in CLIENTS:
            command = [lab.vfioctl, *words]
            run_silent(command)
            report(f"vfioctl {' '.join(words)}", min(count.of_command(command) for _ in range(ROUNDS)))


def of_change(lab, count, report):
    """Detach and reattach by vfiod and its helpers, on the fake kernel."""
    with Simulation(lab, STORY.read_text(), count.prefix()) as sim:
        for words in (("detach", CARD), ("reattach", CARD)):  # loads the module
            changed(sim, words)
        found = {"detach": [], "reattach": []}
        for _ in range(CHANGE_ROUNDS):
            for verb, values in found.items():
                values.append(measured_once(count, sim.vfiod.pid, True, changed, sim, (verb, CARD)))
        for verb, values in found.items():
            report(verb, min(values))


def changed(sim, words):
    """Until the helpers have ended."""
    sim.run(*words)
    deadline = time.monotonic() + 60
    while any(name in HELPERS for name in process_names()):
        if time.monotonic() > deadline:
            raise RuntimeError("the helpers do not end")
        time.sleep(0.05)


def process_names():
    """Of all processes of this PID namespace."""
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            yield pathlib.Path(path).read_text(encoding="utf-8").strip()
        except OSError:
            pass


PARTS = (of_vfiod, of_client, of_change)
