# SPDX-License-Identifier: GPL-2.0-or-later
"""vfiod stops and starts, devices are plugged in and pulled: parts of devices.py."""

from machine import ERROR, refused
from rules import EARLY, Rules
from view import REFUSED, UNIT, eventually

# A rule for a card that this machine does not have.
OTHER_CARD = {"Match": {"Vendor": "8086", "Device": "10d3", "Subsystem": "ffff:ffff"}}

PLUGGED = {"mac": "52:54:00:00:09:01", "romfile": ""}


def check_known(machine, what, addresses):
    """A new daemon knows what its predecessor detached, and reattaches it."""
    tap, view = machine.tap, machine.view
    for address in addresses:
        properties = view.properties("Device", address)
        tap.equal(f"{what}: {address} is still known as detached, with its original driver",
                  (properties["State"], properties["OriginalDriver"]), ("detached", "e1000e"))
    status, output = view.vfioctl(f"reattach {addresses[0]}")
    tap.check(f"{what}: it is reattached", status == 0, output)


def check_restart(machine):
    """systemctl restart while a device is detached"""
    before, pid = machine.snapshot(machine.nic), machine.view.unit("MainPID")
    machine.view.vfioctl(f"detach {machine.nic}")
    machine.guest.check_run(f"systemctl restart {UNIT}")
    machine.tap.check("the restarted daemon is another process", machine.view.unit("MainPID") not in ("0", pid))
    check_known(machine, "restarted", [machine.nic])
    machine.tap.equal("restarted: the device is bound as before", eventually(lambda: machine.snapshot(machine.nic), before), before)


def check_kill(machine):
    """SIGKILL while a two-function card is detached"""
    before, pid = machine.snapshot(*machine.card), machine.view.unit("MainPID")
    machine.view.vfioctl(f"detach {machine.card[0]} --group")
    machine.view.kill()
    check_known(machine, "killed", machine.card)
    machine.tap.check("the daemon after the kill is another process", machine.view.unit("MainPID") not in ("0", pid))
    machine.tap.equal("killed: the card is bound as before", eventually(lambda: machine.snapshot(*machine.card), before), before)


def check_stop(machine):
    """systemctl stop while a device is detached"""
    before = machine.snapshot(machine.nic)
    machine.view.vfioctl(f"detach {machine.nic}")
    with Rules(machine, early=OTHER_CARD):
        machine.guest.check_run(f"systemctl stop {UNIT}")
        # On a slow machine, vfiod does not wait until the worker has done this.
        machine.tap.check("stopped: vfiod's rules for udev are gone", machine.guest.wait_for(f"! test -e {EARLY}"))
        check_ended(machine, "stopped")
    machine.tap.equal("stopped: the device stays on vfio-pci", machine.driver(machine.nic), "vfio-pci")
    check_known(machine, "stopped and started again", [machine.nic])
    machine.tap.equal("stopped: the device is bound as before", eventually(lambda: machine.snapshot(machine.nic), before), before)


def check_interrupt(machine):
    """SIGINT and SIGTERM"""
    for name in ("INT", "TERM"):
        machine.guest.check_run(f"systemctl start {UNIT}")
        machine.tap.equal("systemctl start starts the daemon", machine.view.unit("ActiveState"), "active")
        machine.guest.check_run(f"kill -{name} {machine.view.unit('MainPID')}")
        machine.view.await_unit("inactive")
        check_ended(machine, f"SIG{name}")


def check_ended(machine, what):
    """systemd would keep a unit that failed as failed, with the reason as its result."""
    machine.tap.equal(f"{what}: the daemon ended without error",
                      (machine.view.unit("ActiveState"), machine.view.unit("Result")), ("inactive", "success"))
    machine.tap.contains(f"{what}: systemd says so", machine.view.journal("--lines=3"),
                         "Deactivated successfully")


def check_hotplug(machine):
    """A card is plugged in, detached, pulled, plugged in again, and pulled."""
    tap, view, guest = machine.tap, machine.view, machine.guest
    guest.plug("e1000e", "plugged", "hot-0", **PLUGGED)
    place = guest.address("plugged")
    tap.equal("vfiod lists a card that is plugged in", eventually(lambda: view.state(place), "host"), "host")
    group = guest.group(place)
    tap.equal("vfiod lists its group", view.groups()[group]["members"], [place])
    name = eventually_named(view, place)
    tap.equal("the card is detached", view.vfioctl(f"detach {name}")[0], 0)

    guest.pull("plugged")
    tap.equal("pulled while it is detached, the card is absent",
              eventually(lambda: view.state(name), "absent"), "absent")
    tap.check("vfiod no longer lists its group", group not in view.groups(), view.groups())
    refused(machine, "an absent card", "detach", name, REFUSED, ERROR + "AlreadyDetached")

    guest.plug("e1000e", "plugged", "hot-0", **PLUGGED)
    tap.equal("plugged in again, the card is detached again",
              eventually(lambda: view.state(place), "detached"), "detached")
    tap.equal("the card is reattached", view.vfioctl(f"reattach {name}")[0], 0)
    guest.pull("plugged")
    tap.equal("after it is pulled, vfiod does not know it any more", eventually(lambda: view.state(place), None), None)


def eventually_named(view, address):
    """The name of a card's interface, as soon as vfiod knows it."""
    names = []

    def named():
        names[:] = view.device(address)["names"]
        return bool(names) and not names[0].startswith("eth")

    eventually(named, True)
    return names[0]
