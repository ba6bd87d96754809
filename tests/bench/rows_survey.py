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
MS_BIND, MNT_DETACH = 4096, 2
MOUNTED = "/run/mounts"

libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def crowd(lab):
    """Many processes, during a with block."""
    with subprocess.Popen([lab.tool("crowd"), str(PROCESSES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdout.readline() != b"ready\n":
            raise RuntimeError("the processes could not be started")
        yield


@contextlib.contextmanager
def mounts():
    """Many mounts, during a with block. In private namespaces nobody else sees them."""
    os.makedirs(f"{MOUNTED}/source")
    if libc.mount(b"tmpfs", MOUNTED.encode(), b"tmpfs", 0, b"nr_inodes=0") < 0:
        raise OSError(ctypes.get_errno(), "mount")
    os.mkdir(f"{MOUNTED}/source")
    try:
        for number in range(MOUNTS):
            target = f"{MOUNTED}/{number}"
            os.mkdir(target)
            if libc.mount(f"{MOUNTED}/source".encode(), target.encode(), None, MS_BIND, None) < 0:
                raise OSError(ctypes.get_errno(), target)
        yield
    finally:
        libc.umount2(MOUNTED.encode(), MNT_DETACH)


def survey(lab, report):
    with lab.session(FUNCTIONS) as session:
        disks = len([name for name in os.listdir("/sys/class/nvme")])
        if disks != DISKS:
            raise RuntimeError(f"the tree has {disks} disks")
        with crowd(lab), mounts():
            session.start_vfiod()
            report.attempt("survey", time_survey, lab)


def time_survey(lab):
    """A plan for all groups, as lists ask for, against one walk."""
    plan = [program("busctl"), "--timeout=120", "call", *MANAGER, "Plan", "ssa{sv}", "", "detach", "0"]
    ours, peers = timing.commands_in_turn([plan, [lab.tool("walk-peer")]], ROUNDS)
    return timing.ratio(ours, peers), *(f"{statistics.median(times):.0f} ms" for times in (ours, peers))
