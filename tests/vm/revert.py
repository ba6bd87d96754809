#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Safe experiments: vfioctl detach --revert-after, with a network card that the host uses.

The card is back, with the name of its interface, although vfioctl has ended, and vfiod was killed or did not run at the deadline.
With vfioctl confirm it stays detached. While a process holds the card, vfiod waits, and says so.
"""

import json
import sys

from machine import Machine, play
from view import NO_SUCH, REFUSED, UNIT, eventually

# What must happen before the deadline, in a guest on a busy machine.
SPAN, SECONDS = "20s", 20
ADDRESS = "192.0.2.1/24"
GENERAL = "a process"


def uptime(machine):
    """The clock of the deadline, in microseconds."""
    return int(float(machine.guest.read("/proc/uptime").split()[0]) * 1_000_000)


def deadline(machine):
    return machine.view.group(machine.nic)["revert_at_usec"]


def await_time(machine, time):
    """Wait until the clock of the guest has reached the time. Each round runs a command in the guest."""
    return eventually(lambda: uptime(machine) > time, True)


def detach(machine, span, options=""):
    """Detach the card for a trial, and return the deadline."""
    status, output = machine.view.vfioctl(f"detach {machine.name} --revert-after {span} {options}")
    machine.tap.check(f"the card is detached, for {span}", status == 0 and machine.driver(machine.nic) == "vfio-pci", output)
    machine.tap.contains("vfioctl says how to keep it", output, f"unless you run 'vfioctl confirm {machine.name}'.")
    return deadline(machine)


def check_home(machine, what, before):
    """The card is with the host as before, and nothing is left."""
    tap = machine.tap
    tap.equal(f"{what}: the card is with the host", eventually(lambda: machine.view.state(machine.nic), "host"),
              "host")
    tap.equal(f"{what}: it is bound as before, with its name", eventually(lambda: machine.snapshot(machine.nic), before), before)
    tap.equal(f"{what}: no state file is left", eventually(machine.view.records, []), [])


def check_killed(machine):
    """The card has an address; vfiod is killed before the deadline"""
    tap, guest, before = machine.tap, machine.guest, machine.snapshot(machine.nic)
    guest.check_run(f"ip address add {ADDRESS} dev {machine.name}")
    status, output = machine.view.vfioctl(f"detach {machine.name} --revert-after {SPAN}")
    tap.check("without an override, the guard refuses", status == REFUSED, output)
    detach(machine, SPAN, "--override=network")
    pid = machine.view.unit("MainPID")
    machine.view.kill()
    check_home(machine, "killed", before)
    tap.check("another daemon did that", machine.view.unit("MainPID") not in ("0", pid))
    output = machine.view.journal("--output=cat VFIOD_CALLER_KIND=revert")
    tap.contains("the journal has the reason", output, "Nobody confirmed the detach of group")
    tap.contains("the journal has the job", output, f"{machine.nic} is on e1000e now, was on vfio-pci")
    job = json.loads(guest.check_run("vfioctl jobs --all --json"))["jobs"][-1]
    tap.equal("the job has its own kind of caller", (job["kind"], job["caller"]["kind"]), ("reattach", "revert"))
    status, output = machine.view.vfioctl(f"confirm {machine.name}")
    tap.check("it is too late to confirm", status == NO_SUCH, output)


def check_stopped(machine):
    """vfiod does not run at the deadline"""
    before = machine.snapshot(machine.nic)
    time = detach(machine, SPAN)
    machine.guest.check_run(f"systemctl stop {UNIT}")
    machine.tap.check("the deadline passes", await_time(machine, time))
    machine.tap.equal("without vfiod, the card stays detached", machine.driver(machine.nic), "vfio-pci")
    machine.guest.check_run(f"systemctl start {UNIT}")
    check_home(machine, "stopped", before)


def check_confirmed(machine):
    """vfioctl confirm comes in time, also to another vfiod"""
    tap, view, before = machine.tap, machine.view, machine.snapshot(machine.nic)
    time = detach(machine, SPAN)
    tap.contains("vfioctl status lists it", view.vfioctl("status")[1], "unless you run 'vfioctl confirm group:")
    machine.guest.check_run(f"systemctl restart {UNIT}")
    tap.equal("a restart does not move the deadline", deadline(machine), time)
    status, output = view.vfioctl(f"confirm {machine.name}")
    tap.check("it is confirmed", status == 0, output)
    tap.check("the deadline passes", await_time(machine, time))
    machine.guest.check_run(f"systemctl restart {UNIT}")
    tap.equal("the card stays detached", (view.state(machine.nic), machine.driver(machine.nic)), ("detached", "vfio-pci"))
    tap.equal("it can be reattached", view.vfioctl(f"reattach {machine.name}")[0], 0)
    check_home(machine, "confirmed and reattached", before)


def check_held(machine):
    """A process holds the card at the deadline"""
    tap, before = machine.tap, machine.snapshot(machine.nic)
    detach(machine, SPAN)
    holder = machine.guest.hold(machine.nic)

    def obstacle():
        return machine.view.properties("Group", machine.nic)["RevertWaitsFor"]

    tap.equal("vfiod waits for the process", eventually(obstacle, GENERAL), GENERAL)
    tap.contains("vfioctl status names it for root", machine.view.vfioctl("status")[1], "it waits for process ")
    machine.view.kill()
    tap.equal("killed, the next vfiod waits, too", eventually(obstacle, GENERAL), GENERAL)
    tap.equal("the card is still with the process", machine.driver(machine.nic), "vfio-pci")
    holder.close_input()
    holder.wait()
    check_home(machine, "released", before)


PARTS = [check_killed, check_stopped, check_confirmed, check_held]


if __name__ == "__main__":
    sys.exit(play("revert", __doc__, "full", PARTS, Machine))
