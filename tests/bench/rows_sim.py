# SPDX-License-Identifier: GPL-2.0-or-later
"""The rows lookups and survey: what a detach costs vfiod and its worker, on the fake kernel."""

import os
import pathlib
import re
import signal
import statistics
import subprocess
import time

import timing
from lab import MANAGER, program
from sim import DEVICES, ROOT, STORY, Simulation, wide_group

CARD = "0000:05:00.0"  # alone in its group
WIDE = 64
TRACE = "/run/trace"
ROUNDS = 5
LOOKUP_ROUNDS = 3
# A name below a folder that is open already, or a path below /sys or /dev.
LOOKUP_CALLS = ("openat", "openat2", "readlinkat", "faccessat", "faccessat2", "newfstatat", "statx", "readlink", "open")
LINE = re.compile(r"(?:\d+ +)?(\w+)\((?:AT_FDCWD|\d+<([^>]*)>)?,? ?\"([^\"]*)\"")


def is_lookup(line):
    """Whether a line of strace is a look-up by name below /sys and /dev of the fake kernel."""
    found = LINE.match(line)
    if not found or found[1] not in LOOKUP_CALLS or not found[3]:
        return False
    path = os.path.normpath(os.path.join(found[2] or "/", found[3]))
    return path.startswith((f"{ROOT}/sys/", f"{ROOT}/dev/"))


def count_lookups(sim, callback, *arguments):
    """The look-ups of vfiod and its helpers while callback() runs. strace follows only later children, so it gets the processes that
    start the helpers, too."""
    pids = family(sim.vfiod.pid)
    tracer = subprocess.Popen([program("strace"), "-f", "-qq", "-yy", "-s", "256", "-o", TRACE, "-e", "trace=%file",
                               *(f"--attach={pid}" for pid in pids)], stderr=subprocess.PIPE, text=True)
    try:
        for pid in pids:
            await_traced(pid)
        callback(*arguments)
        time.sleep(0.3)  # what is done after the answer counts, too
    finally:
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        tracer.stderr.close()
    with open(TRACE, encoding="utf-8", errors="replace") as file:
        return sum(map(is_lookup, file))


def family(pid):
    """The process, its children, their children, and so on. A child may end meanwhile."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(member for child in children for member in family(int(child)))]


def await_traced(pid):
    """Until strace traces the process, or it has ended."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        except OSError:
            return
        if "TracerPid:\t0\n" not in status:
            return
        time.sleep(0.01)
    raise RuntimeError("strace does not trace vfiod")


def lookups(lab, report):
    with Simulation(lab, STORY.read_text()) as sim:
        warm_up(sim, CARD)
        report.attempt("lookups-1", lookups_of, sim, CARD, 1)
    topology = "\n".join([STORY.read_text(), *wide_group(WIDE), ""])
    with Simulation(lab, topology) as sim:
        wide = wide_addresses()
        warm_up(sim, wide[0])
        report.attempt("lookups-64", lookups_of, sim, wide[0], WIDE)
        report.attempt_all(["detach-64", "reattach-64"], time_wide, lab, sim, wide, report)


def warm_up(sim, address):
    """Load the module, and start the helpers."""
    sim.run("detach", address, "--group")
    sim.run("reattach", address)


def wide_addresses():
    return sorted(name for name in os.listdir(DEVICES) if name.startswith("0001:"))


def lookups_of(sim, address, devices):
    """The least of some rounds: vfiod reads driver links of other devices again for some time after its start."""
    rounds = [(count_lookups(sim, sim.run, "detach", address, "--group"), count_lookups(sim, sim.run, "reattach", address))
              for _ in range(LOOKUP_ROUNDS)]
    detach, reattach = map(min, zip(*rounds))
    return detach / devices, f"{detach} in all", f"reattach {reattach / devices:.0f} for each device"


def time_wide(lab, sim, wide, report):
    """By the bus, without a client, and by bare writes, in turn. vfiod has nothing to do between, because each ends with the host."""
    def by_bus(method):
        options = ["1", "companions", "as", "1", "*"] if method == "Detach" else ["0"]
        return timing.run_once([program("busctl"), "call", *MANAGER, method, "sa{sv}", wide[0], *options])

    def bare(driver):
        return timing.run_once([lab.tool("write-peer"), f"{ROOT}/sys", driver, *wide])

    def both(first, second, *values):
        return first(values[0]), second(values[1])

    ours, peers = timing.in_turn([lambda: both(by_bus, by_bus, "Detach", "Reattach"), lambda: both(bare, bare, "vfio-pci", "-")],
                                 ROUNDS)
    for case, of_ours, of_peers in zip(("detach-64", "reattach-64"), zip(*ours), zip(*peers)):
        report.value(case, timing.ratio(of_ours, of_peers), f"{statistics.median(of_ours):.0f} ms",
                     f"{statistics.median(of_peers):.0f} ms")
