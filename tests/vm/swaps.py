#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards that are pulled while they are detached, while a guest has them, and in the middle of a job; and what comes into their slots.

No rule says anything of them: what vfiod detached for a call, it detaches again when it returns.
"""

import sys

import host
from hotplug import check_managed, plug_known, pull
from machine import ERROR, play, refused
from midway import Pause, await_step, file_of
from rules import Rules, status
from hotplug import KNOWN_KIND, PLUGGED
from view import REFUSED, UNIT, eventually
from watch import Signals


def plug_home(machine, port="hot-0"):
    """Plug the card in, and wait until it is the host's with its interface; returns its address."""
    place = plug_known(machine, port)
    machine.tap.equal("a card is plugged in", eventually(lambda: machine.view.state(place), "host", 30), "host")
    check_managed(machine, "a card is plugged in", place)
    return place


def journal(machine, text):
    """Whether the daemon has said this."""
    return machine.guest.wait_for(f"journalctl --unit={UNIT} --boot | grep -qF '{text}'", 10)


def check_return(machine):
    """Pulled while it is detached, and plugged in again"""
    tap, view = machine.tap, machine.view
    place = plug_home(machine)
    name, group = host.interface(machine.guest, place), machine.guest.group(place)
    tap.equal("it is detached", view.vfioctl(f"detach {name}")[0], 0)
    signals = Signals(machine.guest)
    pull(machine)
    tap.check("pulled, it is signalled as absent", signals.state(place, "absent"), signals.lines())
    tap.check("and its group as gone", signals.wait(
        lambda line: (line["object"], line["event"]) == (f"/org/vfiod1/groups/{group}", "removed")))
    tap.equal("what it was is kept", (view.properties("Device", name)["OriginalDriver"], view.records()),
              ("e1000e", [f"devices/{place}"]))
    refused(machine, "an absent card", "detach", name, REFUSED, ERROR + "AlreadyDetached")

    plug_known(machine)
    tap.check("back in its slot, it is signalled as detached", signals.state(place, "detached"), signals.lines())
    signals.end()
    tap.check("the journal says why", journal(machine, f"{place} is on vfio-pci now, was on e1000e") and
              journal(machine, "for hot-plug"))
    machine.guest.check_run(f"systemctl restart {UNIT}")
    tap.equal("the next daemon knows it", (view.state(place), view.properties("Device", place)["OriginalDriver"]),
              ("detached", "e1000e"))
    status_code, output = view.vfioctl(f"reattach {place}")
    tap.check("it is given back", (status_code, machine.driver(place)) == (0, "e1000e"), output)
    check_managed(machine, "given back", place)
    pull(machine)
    tap.equal("pulled then, it is not known any more", (eventually(lambda: view.state(place), None), view.records()),
              (None, []))

    place = plug_home(machine)
    tap.equal("it is detached once more", view.vfioctl(f"detach {place}")[0], 0)
    pull(machine)
    tap.equal("pulled, it is absent", eventually(lambda: view.state(place), "absent"), "absent")
    tap.equal("a reattach forgets it", view.vfioctl(f"reattach {place}")[0], 0)
    tap.equal("and nothing is kept of it", (eventually(lambda: view.state(place), None), view.records()), (None, []))


def check_strangers(machine):
    """It is pulled while it is detached; another card comes into its slot, and it into another slot"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    place = plug_home(machine)
    tap.equal("it is detached", view.vfioctl(f"detach {place}")[0], 0)
    pull(machine)
    guest.plug("e1000e", "plugged", "hot-0", subsys=0x4321, **PLUGGED)
    tap.equal("another card in its slot is the host's", eventually(lambda: view.state(place), "host", 30), "host")
    check_managed(machine, "another card", place)
    tap.check("the journal says so", journal(machine, f"{place}: the slot of a detached card holds another card now"))
    output = refused(machine, "another card", "reattach", place, REFUSED, ERROR + "IdentityChanged")
    tap.contains("vfioctl says why", output, "another card is there now")
    guest.check_run(f"systemctl restart {UNIT}")
    tap.equal("to the next daemon too", (view.state(place), machine.bindings(place)), ("host", [["e1000e", "(null)"]]))
    pull(machine)
    tap.equal("it is pulled: the one that was detached is still known", eventually(lambda: view.state(place), "absent"),
              "absent")

    elsewhere = plug_home(machine, "hot-1")
    tap.check("in another slot, the card is the host's", elsewhere != place and view.state(elsewhere) == "host")
    tap.equal("what was detached is still absent", view.state(place), "absent")
    pull(machine)
    eventually(lambda: view.state(elsewhere), None)
    plug_known(machine)
    tap.equal("back in its slot, it is detached", eventually(lambda: view.state(place), "detached", 30), "detached")
    tap.equal("it is given back", (view.vfioctl(f"reattach {place}")[0], view.records()), (0, []))
    check_managed(machine, "given back", place)
    pull(machine)
    eventually(lambda: view.state(place), None)


def check_held(machine):
    """It is pulled while a virtual machine has it: the kernel waits, and nobody else does"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    with Rules(machine, known=KNOWN_KIND):
        place = plug_known(machine)
        tap.equal("a card is detached by rule", eventually(lambda: view.state(place), "detached", 30), "detached")
        holder = guest.hold(place)
        signals = Signals(guest)
        guest.unplug("plugged")
        tap.check("the kernel took the driver from it, and waits",
                  guest.wait_for(f"[ -e /sys/bus/pci/devices/{place} -a ! -e /sys/bus/pci/devices/{place}/driver ]"))
        tap.equal("nobody hears of that: it is still called detached", view.state(place), "detached")
        tap.contains("and who holds it is shown", view.vfioctl(f"show {place}")[1], "Held by: process")
        tap.equal("looked at, it has no driver", (view.vfioctl("rescan")[0], view.state(place)), (0, "driverless"))
        tap.equal("the rule leaves it alone", status(machine, "known")[place][0], "released")
        tap.equal("no job is made", view.vfioctl("--json jobs")[1].count("number"), 0)
        tap.equal("another device comes and goes", [view.vfioctl(f"{verb} {machine.nic}")[0]
                                                    for verb in ("detach", "reattach")], [0, 0])
        holder.stop()
        tap.check("let go, it is signalled as absent", signals.state(place, "absent"), signals.lines())
        guest.qmp.await_event("DEVICE_DELETED", device="plugged")
        plug_known(machine)
        tap.equal("plugged in again, it is detached again", eventually(lambda: view.state(place), "detached", 30), "detached")
        signals.end()
    tap.equal("without the rule it stays so", view.state(place), "detached")
    tap.equal("it is given back", (view.vfioctl(f"reattach {place}")[0], machine.driver(place)), (0, "e1000e"))
    check_managed(machine, "given back", place)
    pull(machine)
    eventually(lambda: view.state(place), None)


def check_pulled_midway(machine):
    """It is pulled in the middle of a job"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    for verb, step, driver in (("detach", "unbind", "e1000e"), ("reattach", "probe", "vfio-pci")):
        what = f"pulled before the {step} of a {verb}"
        place = plug_home(machine)
        if verb == "reattach":
            guest.check_run(f"vfioctl --quiet detach {place}")
        signals = Signals(guest)
        with Pause(machine, file_of(step, machine, place, driver)):
            job = guest.start(f"vfioctl {verb} {place}")
            tap.equal(f"{what}: it is there", await_step(machine, step), [step])
            pull(machine)
        tap.check(f"{what}: the job fails", job.wait() != 0, job.output)
        tap.note(job.output)
        tap.equal(f"{what}: the card is not known any more", eventually(lambda: view.state(place), None), None)
        tap.equal(f"{what}: no job is left", view.vfioctl("--json jobs")[1].count("number"), 0)
        signals.end()
        if verb == "reattach":
            plug_known(machine)
            tap.equal(f"{what}: back, it is the host's", eventually(lambda: view.state(place), "host", 30), "host")
            pull(machine)
            eventually(lambda: view.state(place), None)
        tap.equal(f"{what}: no record is left", view.records(), [])


PARTS = [check_return, check_strangers, check_held, check_pulled_midway]


if __name__ == "__main__":
    sys.exit(play("swaps", __doc__, "full", PARTS))
