#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a detach and a reattach cost: by the bus and by vfioctl, against the bare writes to sysfs.

Each round makes all three, one after the other, so that a ratio compares what ran side by side. The ratios are medians over the rounds.
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


def report(tap, rounds, direction):
    bare = [took[f"{direction} bare"] for took in rounds]
    tap.note(f"{direction}: bare writes {statistics.median(bare) / 1000:.1f} ms")
    for way in ("bus", "vfioctl"):
        times = [took[f"{direction} {way}"] for took in rounds]
        less = [time - took["start"] for time, took in zip(times, rounds)]
        ratio = statistics.median(time / floor for time, floor in zip(times, bare))
        text = f"{direction}: {way} {statistics.median(times) / 1000:.1f} ms, ratio {ratio:.2f}"
        if way == "vfioctl":
            text += f", less the start of vfioctl {statistics.median(time / floor for time, floor in zip(less, bare)):.2f}"
        tap.note(text)
        tap.check(f"{direction} by {way}: every round was measured", len(times) == len(bare) > 0)


def run(tap, destdir, count):
    with Guest("full", destdir=destdir) as guest:
        tap.watch(guest)
        guest.boot()
        machine = Machine(tap, guest)
        guest.check_run("modprobe vfio-pci")
        guest.check_run(f"cat > {CHANGER} <<'END'\n{(HERE / 'changer.py').read_text()}END")
        output = guest.check_run(f"python3 -IS {CHANGER} {machine.nic} {count}", timeout=1200)
        rounds = [json.loads(line) for line in output.splitlines()]
        for direction in ("detach", "reattach"):
            report(tap, rounds, direction)


def main():
    parser = options.parser(__doc__)
    parser.add_argument("--runs", type=int, default=ROUNDS)
    choice = parser.parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("latency", run, tap, destdir, choice.runs)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
