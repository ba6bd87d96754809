#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary users attack vfiod and its helpers, with the shipped units, on dbus-daemon and on dbus-broker.

During each attack, vfioctl answers root at once, and root detaches and reattaches a card. No process of vfiod needs much
memory or restarts. Afterwards, ordinary users get answers again.

root's vfioctl does not need the system bus. Some attacks send so many messages that the bus daemon itself is busy for
seconds; what root waits on the system bus then is a note.
"""

import pathlib
import statistics
import sys

import options
import systems
from guest import Guest
from machine import Machine
from overlay import CALLER
from tap import Tap
from view import UNIT, WORKER, eventually, timed

HERE = pathlib.Path(__file__).resolve().parent
ATTACKER = "/usr/lib/vfiod-guest/attacker.py"
# vfioctl says this beside its answer if the search for uses has not ended in time.
UNKNOWN_USES = "vfioctl: it is not known which of the available devices the host uses"
NOBODY, UNKNOWN = 65534, 4_000_000_000  # the second one has no name

# {bus: {user: attacks}}. dbus-daemon accepts no user without a name. The attacks that do not use the bus are beside one of
# the two. tests/attack has all attacks on both buses, on a private bus.
ATTACKS = {
    "dbus-daemon": {NOBODY: ("bomb", "mute", "descriptors")},
    "dbus-broker": {NOBODY: ("calls", "plans", "mounts"), UNKNOWN: ("mute",)},
}
UNITS = (UNIT, WORKER, "vfiod-census.service", "vfiod-modules.service", "vfiod-reaper.service")

# An emulated guest of two processors, which the attackers use as well. Without bounds, these attacks kept root waiting for
# good. A change may also have to start the helpers, which end when they are idle.
WAIT_MAX = 30
CHANGE_MAX = 120

# A quarter of MemoryMax=. Without a bound, the mute reader made it 997 MiB.
MEMORY_MAX = 128 << 20

CALLS = "while [ -e /run/attack ]; do python3 -IS /{caller} 1; done 2>&1"
CLIENT = """while [ -e /run/attack ]; do
    begin=${EPOCHREALTIME/./}; vfioctl groups >/dev/null || exit 1; echo $((${EPOCHREALTIME/./} - begin))
done"""


def memory(guest, unit):
    """The highest memory use of a unit, in bytes; 0 if it never ran. Counts files that the kernel keeps for it, too."""
    path = f"/sys/fs/cgroup/system.slice/{unit}/memory.peak"
    return int(guest.check_run(f"cat {path} 2>/dev/null || echo 0"))


def restarts(machine):
    return {unit: machine.view.unit("NRestarts", unit) for unit in UNITS}


def change(machine, selector):
    """Detach and reattach a device. Returns the seconds of both, or None after a failure."""
    took = []
    for verb in ("detach", "reattach"):
        status, output, seconds = timed(machine.guest, f"vfioctl {verb} {selector}", 2 * CHANGE_MAX)
        if not machine.tap.check(f"{verb} succeeds", status == 0, output):
            return None
        took.append(seconds)
    return took


def check_attack(machine, bus, name, uid, selector, calm):
    """One attack: root's calls, and root's detach and reattach of a device, while it is under way."""
    tap, guest = machine.tap, machine.guest
    what = f"{bus}, {name}, uid {uid}"
    attacker = guest.start(f"exec python3 -IS {ATTACKER} {uid} {name}")
    try:
        during_attack(machine, what, attacker, selector, calm)
    finally:
        guest.check_run("rm -f /run/attack")
        attacker.stop()
    tap.equal(f"{what}: afterwards ordinary users get answers",
              eventually(lambda: machine.view.vfioctl("status", user="alice")[0], 0, 180), 0)


def during_attack(machine, what, attacker, selector, calm):
    tap, guest = machine.tap, machine.guest
    attacker.read_until("under way", 300)
    guest.check_run("touch /run/attack")
    caller, client = guest.start(CALLS.format(caller=CALLER)), guest.start(CLIENT)
    took = change(machine, selector)
    guest.check_run("rm /run/attack")
    tap.equal(f"{what}: vfioctl answers root each time", client.wait(120), 0)
    caller.wait(120)
    attacker.close_input()
    tap.equal(f"{what}: the attacker was still under way", attacker.wait(120), 0)
    waits = [int(line) / 1e6 for line in client.output.splitlines() if line.isdigit()]
    said = sorted({line for line in client.output.splitlines() if not line.isdigit()})
    tap.note("\n".join(said))
    tap.equal(f"{what}: vfioctl says nothing else", [line for line in said if not line.startswith(UNKNOWN_USES)], [])
    longest = max(waits)
    on_bus = [int(line) / 1e6 for line in caller.output.splitlines() if line.isdigit()]
    lost = sum(not line.isdigit() for line in caller.output.splitlines())
    tap.check(f"{what}: root waits less than {WAIT_MAX} s", longest < WAIT_MAX, longest)
    if took:
        tap.check(f"{what}: root detaches and reattaches in less than {CHANGE_MAX} s", max(took) < CHANGE_MAX, took)
        tap.note(f"{what}: detach {took[0]:.2f} s ({took[0] / calm[0]:.1f} times), "
                 f"reattach {took[1]:.2f} s ({took[1] / calm[1]:.1f} times)")
    used = {unit: memory(guest, unit) for unit in UNITS}
    tap.check(f"{what}: no process of vfiod needs much memory", max(used.values()) < MEMORY_MAX, used)
    mebibytes = ", ".join(f"{unit.partition('.')[0]} {size / (1 << 20):.0f}" for unit, size in used.items())
    tap.note(f"{what}: root called vfioctl {len(waits)} times, the slowest took {longest:.2f} s; on the system bus "
             f"{len(on_bus)} answers, the slowest {max(on_bus, default=0):.2f} s, {lost} without an answer")
    tap.note(f"{what}: MiB at most: {mebibytes}; the attacker {attacker.output.partition('way')[2].strip() or 'was there'}")


def check_bus(tap, destdir, bus, files):
    files = {**files, ATTACKER: (HERE / "attacker.py").read_text()}
    with Guest("full", destdir=destdir, files=files) as guest:
        tap.watch(guest)
        guest.boot()
        machine = Machine(tap, guest)
        tap.check(f"the bus is {bus}", bus in guest.check_run("ps -A -o comm="))
        change(machine, machine.nic)
        calm = [statistics.median(times) for times in zip(*(change(machine, machine.nic) for _ in range(3)))]
        tap.note(f"{bus}, no attack: detach {calm[0]:.2f} s, reattach {calm[1]:.2f} s")
        before = restarts(machine)
        bindings = machine.snapshot(machine.nic, machine.disk)
        for uid, names in ATTACKS[bus].items():
            for name in names:
                # Each mount claims to be the disk, so a detach of the disk shows that nobody believes it.
                tap.run(name, check_attack, machine, bus, name, uid, machine.disk if name == "mounts" else machine.nic, calm)
        if UNKNOWN not in ATTACKS[bus]:
            status, output = guest.run(f"python3 -IS {ATTACKER} {UNKNOWN} mute")
            tap.check(f"{bus}: the bus does not accept the user {UNKNOWN}",
                      status == 1 and output == "the bus does not accept this user\n", output)
        tap.equal(f"{bus}: the devices are bound as before", eventually(lambda: machine.snapshot(machine.nic, machine.disk), bindings), bindings)
        tap.equal(f"{bus}: no unit was started again after a failure", restarts(machine), before)
        tap.equal(f"{bus}: no state file is left", eventually(machine.view.records, []), [])


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        for bus, files in systems.BUSES.items():
            tap.run(bus, check_bus, tap, destdir, bus, files)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
