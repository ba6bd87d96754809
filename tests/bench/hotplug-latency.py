#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long it takes to detach a card by rule.

The time is from device_add to the state detached. The program also counts how often the host's driver bound the card
first.

Half of the runs use a card whose driver is loaded, the other half a card whose driver is not. Times from device_add
use this machine's clock, until vfiod's signal has left the guest. Times from the kernel's add event use the guest's
clock.
"""

import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "vm"))

import hotplug  # noqa: E402
import options  # noqa: E402
from guest import Guest  # noqa: E402
from machine import Machine  # noqa: E402
from rules import Rules  # noqa: E402
from tap import Tap  # noqa: E402
from view import eventually  # noqa: E402
from watch import Events, Signals  # noqa: E402

RUNS = 25  # runs of each kind


def measure(machine, driver, properties, prepare):
    """One run: (seconds from device_add, seconds from the add event until vfio-pci bound, seconds on the host's
    driver or None)."""
    guest = machine.guest
    guest.run(prepare)
    signals, events = Signals(guest), Events(guest)
    began = time.monotonic()
    guest.plug(driver, "plugged", "hot-0", **hotplug.PLUGGED, **properties)
    place = guest.address("plugged")
    if not signals.state(place, "detached", 60):
        raise RuntimeError(f"not detached: {signals.lines()}")
    took = time.monotonic() - began
    signals.end()
    guest.check_run("udevadm settle")
    events.end()
    first, *_ = events.drivers(place)
    left = events.seconds(place, "unbind")
    on_host = left - events.seconds(place, "bind", first) if first != "vfio-pci" else None
    bound = events.seconds(place, "bind", "vfio-pci")
    hotplug.pull(machine)
    eventually(lambda: machine.view.state(place), "absent")
    return took, bound, on_host


def report(tap, what, runs):
    on_host = [run[2] for run in runs if run[2] is not None]
    for name, values in (("from device_add to detached", [run[0] for run in runs]),
                         ("from the kernel's add event to vfio-pci", [run[1] for run in runs]),
                         ("on the host's driver", on_host)):
        if values:
            tap.note(f"{what}: {name}: median {statistics.median(values):.3f} s, most {max(values):.3f} s")
    tap.note(f"{what}: the host's driver bound it first in {len(on_host)} of {len(runs)} runs")
    return on_host


def run(tap, destdir, count):
    with Guest("full", destdir=destdir) as guest:
        tap.watch(guest)
        guest.boot()
        machine = Machine(tap, guest)
        with Rules(machine, known=hotplug.KNOWN_KIND, new=hotplug.NEW_KIND):
            loaded = [measure(machine, "e1000e", {"subsys": 0x1234}, "true") for _ in range(count)]
            missing = [measure(machine, "vmxnet3", {}, "modprobe --remove vmxnet3") for _ in range(count)]
        report(tap, "driver loaded", loaded)
        tap.equal("the host's driver never binds it if it is not loaded", report(tap, "driver not loaded", missing), [])
        report(tap, "all", loaded + missing)


def main():
    parser = options.parser(__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help="runs of each kind")
    choice = parser.parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("latency", run, tap, destdir, choice.runs)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
