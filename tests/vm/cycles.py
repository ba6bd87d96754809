#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Detaches and reattaches the two-port group many times: cycles.py [--cycles N].

At the end the card is bound as before, and vfiod does not use more memory, open files or child processes.
"""

import statistics
import sys
import time

import host
import options
from guest import Guest
from tap import Tap
from view import View, eventually

CYCLES = 200
WARM_UP = 20  # after so many cycles, the jobs have used all their code and data once
GROWTH = 64  # KiB of resident memory that all later cycles together may add
CYCLE_TIMEOUT = 120
REPORT_EVERY = 20

# Runs in the guest. It uses bash builtins so that the loop itself costs little. It prints a line for each cycle:
# whether the drivers were right after detach and after reattach, resident KiB, and open files.
LOOP = """
is_on() { [ "/sys/bus/pci/devices/$1/driver" -ef "/sys/bus/pci/drivers/$2" ]; }
for ((i = 0; i < %(cycles)d; i++)); do
    detached=failed attached=failed
    vfioctl --quiet detach %(name)s --group && is_on %(left)s vfio-pci && is_on %(right)s vfio-pci && detached=yes
    vfioctl --quiet reattach %(name)s && is_on %(left)s e1000 && is_on %(right)s e1000 && attached=yes
    read -r _ resident _ < /proc/%(pid)s/statm
    files=(/proc/%(pid)s/fd/*)
    echo "$detached $attached $((resident * 4)) ${#files[@]}"
done
"""


def children(guest, pid):
    """State and name of each child process of the daemon."""
    return guest.run(f"ps --ppid {pid} -o stat=,comm=")[1].split()


def open_files(guest, pid):
    return int(guest.check_run(f"ls /proc/{pid}/fd | wc -l"))


def run_cycles(tap, guest, cycles, loop):
    """Run the loop in the guest. Returns resident memory and open files after each cycle."""
    program = guest.start(loop)
    memory, files, bad = [], [], []
    for number in range(1, cycles + 1):
        line = program.read_line(CYCLE_TIMEOUT)
        words = line.split()
        if words[:2] != ["yes", "yes"]:
            bad.append(f"cycle {number}: {line}")
            program.stop()
            break
        memory.append(int(words[2]))
        files.append(int(words[3]))
        if number % REPORT_EVERY == 0:
            tap.note(f"{number} cycles: {memory[-1]} KiB resident, {files[-1]} open files")
    tap.equal(f"in each of {cycles} cycles both ports were on vfio-pci and then on the host driver", bad, [])
    return memory, files


def check_cycles(tap, destdir, cycles):
    with Guest("story", destdir=destdir) as guest:
        tap.watch(guest)
        guest.boot()
        view = View(guest)
        guest.check_run("systemctl start vfiod")
        pid = view.unit("MainPID")
        left, right = ports = guest.address("story-left"), guest.address("story-right")
        before = host.snapshot(guest, *ports)
        eventually(lambda: children(guest, pid), [])  # at its start, a child reads the PCIe links
        quiet_files = open_files(guest, pid)

        started = time.monotonic()
        memory, files = run_cycles(tap, guest, cycles, LOOP % {
            "cycles": cycles, "name": host.interface(guest, left), "left": left, "right": right, "pid": pid})
        seconds = time.monotonic() - started
        tap.note(f"{seconds:.0f} s, {seconds / cycles:.2f} s a cycle")

        tap.equal("drivers, overrides, names and MAC addresses are as before",
                  eventually(lambda: host.snapshot(guest, *ports), before), before)
        tap.equal("no state file is left", eventually(view.records, []), [])
        tap.equal("the same daemon is still running", view.unit("MainPID"), pid)
        if tap.check("the loop measured every cycle", len(memory) == cycles, len(memory)):
            warm = memory[WARM_UP - 1]
            tap.note(f"resident: {memory[0]} KiB at first, {warm} after {WARM_UP} cycles, {memory[-1]} at the end;"
                     f" open files in the cycles: {min(files)} to {max(files)}, usually {statistics.mode(files)}")
            tap.check("the daemon's memory does not grow after the first cycles", memory[-1] - warm <= GROWTH,
                      f"by {memory[-1] - warm} KiB")
        tap.equal("the daemon has as many open files as before",
                  eventually(lambda: open_files(guest, pid), quiet_files),
                  quiet_files)
        tap.equal("the daemon has no child process left, not even a zombie",
                  eventually(lambda: children(guest, pid), []), [])


def main():
    parser = options.parser(__doc__)
    parser.add_argument("--cycles", type=int, default=CYCLES, metavar="N", help=f"number of cycles (default: {CYCLES})")
    choice = parser.parse_args()
    if choice.cycles <= WARM_UP:
        parser.error(f"at least {WARM_UP + 1} cycles are needed")
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("cycles", check_cycles, tap, destdir, choice.cycles)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
