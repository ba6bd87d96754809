#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vfiod ends when it has nothing to do. A call, root and an event of a PCI device start it again; events of other devices do not."""

import sys

from machine import play
from view import UNIT, eventually

# It ends 30 seconds after the last call, and one second later if it must ask the bus for its callers.
ENDS_S = 120
STAYS_S = 40

# Devices whose events vfiod ignores. Their modules are loaded by the first events, which then bind drivers.
OTHERS = "udevadm trigger --action=change --subsystem-match=cpu --subsystem-match=thermal --subsystem-match=tty; udevadm settle"


def await_end(machine, what):
    ended = machine.view.await_unit("inactive", ENDS_S)
    machine.tap.check(f"{what}: vfiod ends", ended, machine.guest.run(f"systemctl status {UNIT}")[1])
    machine.tap.equal(f"{what}: without an error", (machine.view.unit("Result"), machine.view.unit("NRestarts")), ("success", "0"))


def starts(machine):
    """How often systemd has started vfiod. Here are no rules, so vfiod tells systemd that it is ready before it answers anybody. systemd
    reads and logs that before it answers the question here."""
    machine.view.unit("ActiveState")
    return str(sum(line.startswith("Started") for line in machine.view.journal("--boot --output=cat").splitlines()))


def check_starts(machine):
    """It ends, and each of its clients starts it once."""
    tap, guest, view = machine.tap, machine.guest, machine.view
    guest.check_run(f"systemctl start {UNIT}")
    await_end(machine, "after the start")

    guest.check_run(OTHERS)
    guest.check_run("busctl call org.freedesktop.DBus / org.freedesktop.DBus ListNames")
    tap.equal("events of other devices do not start it", (view.unit("ActiveState"), starts(machine)), ("inactive", "1"))

    tap.check("a call of an ordinary user starts it", "IOMMU" in view.vfioctl("status", user="nobody")[1])
    tap.equal("once", starts(machine), "2")
    await_end(machine, "after a call")

    tap.equal("root's socket starts it", guest.run("vfioctl --address=unix:path=/run/vfiod/root status")[0], 0)
    tap.equal("once more", starts(machine), "3")
    await_end(machine, "after root's call")

    guest.plug("e1000e", "plugged", "hot-0")
    address = guest.address("plugged")
    tap.check("a card that is plugged in starts it", view.await_unit("active"))
    tap.equal("it has the card", eventually(lambda: view.device(address)["address"], address), address)
    await_end(machine, "after the card")


def check_stays(machine):
    """A device that vfiod detached is watched, and so is a front end that is connected."""
    tap, guest, view = machine.tap, machine.guest, machine.view
    monitor = guest.start("exec vfioctl monitor")
    guest.check_run("vfioctl status")
    before = starts(machine)
    tap.check("it stays for a front end", not view.await_unit("inactive", STAYS_S))
    monitor.stop()
    await_end(machine, "without the front end")

    tap.equal("detach", view.vfioctl(f"detach {machine.nic}")[0], 0)
    tap.check("it stays for a detached device", not view.await_unit("inactive", STAYS_S))
    tap.equal("reattach", view.vfioctl(f"reattach {machine.nic}")[0], 0)
    guest.check_run(f"systemctl stop {UNIT}")
    tap.check("after systemctl stop, an event does not start it",
              guest.run(f"echo change > /sys/bus/pci/devices/{machine.nic}/uevent; udevadm settle; systemctl is-active {UNIT}")[0] != 0)
    tap.equal("a call does", (view.vfioctl("status")[0], starts(machine)), (0, str(int(before) + 2)))


if __name__ == "__main__":
    sys.exit(play("idle", __doc__, "full", [check_starts, check_stays]))
