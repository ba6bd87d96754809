# SPDX-License-Identifier: GPL-2.0-or-later
"""The row survey: how long it takes to find out what the host uses, on a host with many processes and mounts."""

import contextlib
import ctypes
import os
import statistics
import subprocess

import timing
from lab import MANAGER, program

PROCESSES, MOUNTS, DISKS = 10000, 50000, 16
FUNCTIONS = 400  # these have so many disks
ROUNDS = 3
COPIED = 250
MS_BIND, MS_REC, MNT_DETACH = 4096, 16384, 2
MOUNTED = "/run/mounts"

libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def crowd(lab):
    """Many processes, during a with block."""
    with subprocess.Popen([lab.tool("crowd"), str(PROCESSES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the processes could not be started")
        yield


def bind(source, target, flags):
    os.mkdir(target)
    if libc.mount(source.encode(), target.encode(), None, MS_BIND | flags, None) < 0:
        raise OSError(ctypes.get_errno(), target)


@contextlib.contextmanager
def mounts():
    """Many mounts, during a with block: a folder with some, and copies of the folder. In private namespaces nobody else sees them."""
    os.mkdir(MOUNTED)
    if libc.mount(b"tmpfs", MOUNTED.encode(), b"tmpfs", 0, b"nr_inodes=0") < 0:
        raise OSError(ctypes.get_errno(), "mount")
    try:
        os.makedirs(f"{MOUNTED}/copies/source")
        for number in range(COPIED - 1):
            bind(f"{MOUNTED}/copies/source", f"{MOUNTED}/copies/{number}", 0)
        for number in range(MOUNTS // COPIED):
            bind(f"{MOUNTED}/copies", f"{MOUNTED}/{number}", MS_REC)
        yield
    finally:
        libc.umount2(MOUNTED.encode(), MNT_DETACH)


def survey(lab, report):
    with lab.session(FUNCTIONS) as session:
        disks = len([name for name in os.listdir("/sys/class/nvme")])
        if disks != DISKS:
            raise RuntimeError(f"the tree has {disks} disks")
        with crowd(lab), mounts():
            with open("/proc/self/mountinfo", "rb") as file:
                found = sum(1 for _ in file)
            if found < MOUNTS:
                raise RuntimeError(f"there are only {found} mounts")
            session.start_vfiod()
            report.attempt("survey", time_survey, lab)


def time_survey(lab):
    """A plan for all groups, as lists ask for, against one walk."""
    plan = [program("busctl"), "--timeout=120", "call", *MANAGER, "Plan", "ssa{sv}", "", "detach", "0"]
    ours, peers = timing.commands_in_turn([plan, [lab.tool("walk-peer")]], ROUNDS)
    return timing.ratio(ours, peers), *(f"{statistics.median(times):.0f} ms" for times in (ours, peers))
