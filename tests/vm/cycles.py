#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The two-port group goes away and comes back, again and again: cycles.py [--cycles N].

At the end the card is as it was, and vfiod has not grown: neither its memory, nor its open
files, nor its children.
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
WARM_UP = 20  # cycles until all code and data that jobs touch have been touched
GROWTH = 64  # KiB of resident memory that all cycles after these may take
CYCLE_TIMEOUT = 120
REPORT_EVERY = 20

# Runs in the guest, with bash's own commands so that the loop costs little beside the work:
# a line for each cycle with the drivers found away and at home, resident KiB and open files.
LOOP = """
is_on() { [ "/sys/bus/pci/devices/$1/driver" -ef "/sys/bus/pci/drivers/$2" ]; }
for ((i = 0; i < %(cycles)d; i++)); do
    away=failed home=failed
    vfioctl --quiet detach %(name)s --group && is_on %(left)s vfio-pci && is_on %(right)s vfio-pci && away=away
    vfioctl --quiet reattach %(name)s && is_on %(left)s e1000 && is_on %(right)s e1000 && home=home
    read -r _ resident _ < /proc/%(pid)s/statm
    files=(/proc/%(pid)s/fd/*)
    echo "$away $home $((resident * 4)) ${#files[@]}"
done
"""


def children(guest, pid):
    """States and names of the daemon's child processes."""
    return guest.run(f"ps --ppid {pid} -o stat=,comm=")[1].split()


def open_files(guest, pid):
    return int(guest.check_run(f"ls /proc/{pid}/fd | wc -l"))


def run_cycles(tap, guest, cycles, loop):
    """Run the loop in the guest; returns resident memory and open files after each cycle."""
    program = guest.start(loop)
    memory, files, bad = [], [], []
    for number in range(1, cycles + 1):
        line = program.read_line(CYCLE_TIMEOUT)
        words = line.split()
        if words[:2] != ["away", "home"]:
            bad.append(f"cycle {number}: {line}")
            program.stop()
            break
        memory.append(int(words[2]))
        files.append(int(words[3]))
        if number % REPORT_EVERY == 0:
            tap.note(f"{number} cycles: {memory[-1]} KiB resident, {files[-1]} open files")
    tap.equal(f"in each of {cycles} cycles both ports went to vfio-pci and came back", bad, [])
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
        quiet_files = open_files(guest, pid)

        started = time.monotonic()
        memory, files = run_cycles(tap, guest, cycles, LOOP % {
            "cycles": cycles, "name": host.interface(guest, left), "left": left, "right": right, "pid": pid})
        seconds = time.monotonic() - started
        tap.note(f"{seconds:.0f} s, {seconds / cycles:.2f} s a cycle")

        tap.equal("drivers, overrides, names and MAC addresses are as at the start",
                  host.snapshot(guest, *ports), before)
        tap.equal("no record is left", view.records(), [])
        tap.equal("the same daemon still runs", view.unit("MainPID"), pid)
        if tap.check("every cycle was measured", len(memory) == cycles, len(memory)):
            warm = memory[WARM_UP - 1]
            tap.note(f"resident: {memory[0]} KiB at first, {warm} after {WARM_UP} cycles, {memory[-1]} at last;"
                     f" open files in the cycles: {min(files)} to {max(files)}, usually {statistics.mode(files)}")
            tap.check("its memory has not grown since it was warm", memory[-1] - warm <= GROWTH,
                      f"by {memory[-1] - warm} KiB")
        tap.equal("its open files are as many as before", eventually(lambda: open_files(guest, pid), quiet_files),
                  quiet_files)
        tap.equal("no child is left, dead or alive", eventually(lambda: children(guest, pid), []), [])


def main():
    parser = options.parser(__doc__)
    parser.add_argument("--cycles", type=int, default=CYCLES, metavar="N", help=f"how many ({CYCLES} unless given)")
    choice = parser.parse_args()
    if choice.cycles <= WARM_UP:
        parser.error(f"more than {WARM_UP} cycles are needed")
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("cycles", check_cycles, tap, destdir, choice.cycles)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
