#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a detach and a reattach cost: by the bus and by vfioctl, against the bare writes to sysfs.

Each round makes all three, one after the other, so that a ratio compares what ran side by side. The ratios are medians
over the rounds. --before names an installed tree of an earlier edition, which is measured first, in a guest of its own.
"""

import json
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "vm"))

import options  # noqa: E402
from guest import Guest  # noqa: E402
from machine import Machine  # noqa: E402
from tap import Tap  # noqa: E402

CHANGER = "/run/changer.py"
ROUNDS = 30


def ratio(rounds, way, floor):
    return statistics.median(took[way] / took[floor] for took in rounds)


def median_ms(rounds, way):
    return statistics.median(took[way] for took in rounds) / 1000


def report(tap, rounds, direction):
    floor = f"{direction} bare"
    tap.note(f"{direction}: bare writes {median_ms(rounds, floor):.1f} ms")
    for way in ("bus", "vfioctl", "cold"):
        name = f"{direction} {way}"
        if name not in rounds[0]:
            continue
        text = f"{direction}: {way} {median_ms(rounds, name):.1f} ms, ratio {ratio(rounds, name, floor):.2f}"
        if way == "vfioctl":
            less = statistics.median((took[name] - took["start"]) / took[floor] for took in rounds)
            text += f", less the start of vfioctl {less:.2f}"
        tap.note(text)


def run(tap, destdir, count):
    with Guest("full", destdir=destdir) as guest:
        tap.watch(guest)
        guest.boot()
        machine = Machine(tap, guest)
        guest.check_run("modprobe vfio-pci")
        guest.check_run(f"cat > {CHANGER} <<'END'\n{(HERE / 'changer.py').read_text()}END")
        output = guest.check_run(f"python3 -IS {CHANGER} {machine.nic} {count}", timeout=1200)
        rounds = [json.loads(line) for line in output.splitlines()]
        tap.equal("every round was measured", len(rounds), count)
        for direction in ("detach", "reattach"):
            report(tap, rounds, direction)
        if "hop" in rounds[0]:
            tap.note(f"one hop to the worker: {median_ms(rounds, 'hop'):.1f} ms")


def main():
    parser = options.parser(__doc__)
    parser.add_argument("--runs", type=int, default=ROUNDS)
    parser.add_argument("--before", metavar="FOLDER", action="append", default=[], help="installed tree of an edition")
    choice = parser.parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        for tree in [*choice.before, destdir]:
            name = "this edition" if tree == destdir else tree
            tap.note(f"{name}:")
            tap.run(f"latency of {name}", run, tap, tree, choice.runs)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
