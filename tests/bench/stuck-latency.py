#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a stuck device costs other callers: 1,000 calls of ListGroups with and without a stuck device, in turn.

The best of several rounds counts, to exclude other load on the machine. The goal: with a stuck device, the 99th
percentile is less than 5 ms higher than without.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vm"))

import options  # noqa: E402
import stuck  # noqa: E402
from guest import Guest  # noqa: E402
from tap import Tap  # noqa: E402

ROUNDS = 3
GOAL_US = 5000


def measure(machine, rounds):
    """(without, with a stuck device): the 99th percentile of each round, in microseconds."""
    quiet, held = [], []
    for _ in range(rounds):
        quiet.append(stuck.percentile(stuck.latencies(machine.guest), 99))
        holder, pid = stuck.hold(machine, machine.nic)
        stuck.force(machine, [machine.nic], machine.nic, pid)
        held.append(stuck.percentile(stuck.latencies(machine.guest), 99))
        stuck.end(holder)
        stuck.eventually(lambda: machine.view.state(machine.nic), "host", 30)
    return quiet, held


def run(tap, destdir):
    with Guest("used", destdir=destdir) as guest:
        tap.watch(guest)
        guest.boot()
        quiet, held = measure(stuck.Machine(tap, guest), ROUNDS)
        for what, found in (("without", quiet), ("with", held)):
            tap.note(f"p99 {what} a stuck device: " + ", ".join(f"{value / 1000:.2f} ms" for value in found))
        difference = min(held) - min(quiet)
        tap.note(f"difference {difference / 1000:.2f} ms, ratio {min(held) / min(quiet):.2f}")
        tap.check("the difference is below 5 ms", difference < GOAL_US)


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("latency", run, tap, destdir)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
