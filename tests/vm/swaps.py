#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Cards are pulled while they are detached, while a guest has them, and in the middle of a job.

Other cards are put into their slots.

No rule matches them: vfiod detaches a card again when it returns because a call had detached it.
"""

import sys

import host
from hotplug import check_managed, plug_known, pull
from machine import ERROR, play, refused
from midway import Pause, await_step, file_of
from rules import Rules, await_status
from hotplug import KNOWN_KIND, PLUGGED
from view import REFUSED, UNIT, eventually
from watch import Signals


def plug_attached(machine, port="hot-0"):
    """Plug the card in, and wait until its state is host and its interface exists. Returns its address."""
    place = plug_known(machine, port)
    machine.tap.equal("a card is plugged in", eventually(lambda: machine.view.state(place), "host"), "host")
    check_managed(machine, "a card is plugged in", place)
    return place


def journal(machine, text):
    """Whether the journal of the daemon contains this text."""
    return machine.guest.wait_for(f"journalctl --unit={UNIT} --boot | grep -qF '{text}'")


def check_return(machine):
    """A card is pulled while it is detached, and plugged in again"""
    tap, view = machine.tap, machine.view
    place = plug_attached(machine)
    name, group = host.interface(machine.guest, place), machine.guest.group(place)
    tap.equal("the card is detached", view.vfioctl(f"detach {name}")[0], 0)
    signals = Signals(machine.guest)
    pull(machine)
    tap.check("vfiod signals that the pulled card is absent", signals.state(place, "absent"), signals.lines())
    tap.check("vfiod signals that its group was removed", signals.wait(
        lambda line: (line["object"], line["event"]) == (f"/org/vfiod1/groups/{group}", "removed")))
    tap.equal("its original driver and its state file are kept",
              (view.properties("Device", name)["OriginalDriver"], view.records()),
              ("e1000e", [f"devices/{place}"]))
    refused(machine, "an absent card", "detach", name, REFUSED, ERROR + "AlreadyDetached")

    plug_known(machine)
    tap.check("in its slot again, vfiod signals the state detached", signals.state(place, "detached"), signals.lines())
    signals.end()
    tap.check("the journal says why", journal(machine, f"{place} is on vfio-pci now, was on e1000e") and
              journal(machine, "for hot-plug"))
    machine.guest.check_run(f"systemctl restart {UNIT}")
    tap.equal("the next daemon knows that it is detached",
              (view.state(place), view.properties("Device", place)["OriginalDriver"]),
              ("detached", "e1000e"))
    status_code, output = view.vfioctl(f"reattach {place}")
    tap.check("it is reattached", (status_code, machine.driver(place)) == (0, "e1000e"), output)
    check_managed(machine, "after reattach", place)
    pull(machine)
    tap.equal("after it is pulled, vfiod does not know it any more",
              (eventually(lambda: view.state(place), None), view.records()),
              (None, []))

    place = plug_attached(machine)
    tap.equal("it is detached once more", view.vfioctl(f"detach {place}")[0], 0)
    pull(machine)
    tap.equal("the pulled card is absent", eventually(lambda: view.state(place), "absent"), "absent")
    tap.equal("a reattach forgets it", view.vfioctl(f"reattach {place}")[0], 0)
    tap.equal("vfiod keeps nothing about it", (eventually(lambda: view.state(place), None), view.records()), (None, []))


def check_other_card(machine):
    """A card is pulled while it is detached; another card is put into its slot, and the card is put into another slot"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    place = plug_attached(machine)
    tap.equal("the card is detached", view.vfioctl(f"detach {place}")[0], 0)
    pull(machine)
    guest.plug("e1000e", "plugged", "hot-0", subsys=0x4321, **PLUGGED)
    tap.equal("the state of another card in its slot is host",
              eventually(lambda: view.state(place), "host"), "host")
    check_managed(machine, "another card", place)
    tap.check("the journal says so", journal(machine, f"{place}: the slot of a detached card holds another card now"))
    output = refused(machine, "another card", "reattach", place, REFUSED, ERROR + "IdentityChanged")
    tap.contains("vfioctl says why", output, "another card is there now")
    guest.check_run(f"systemctl restart {UNIT}")
    tap.equal("the next daemon reports the same",
              (view.state(place), machine.bindings(place)), ("host", [["e1000e", "(null)"]]))
    pull(machine)
    tap.equal("after the other card is pulled, vfiod still knows the detached card",
              eventually(lambda: view.state(place), "absent"),
              "absent")

    elsewhere = plug_attached(machine, "hot-1")
    tap.check("in another slot, the state of the card is host", elsewhere != place and view.state(elsewhere) == "host")
    tap.equal("the device in the first slot is still absent", view.state(place), "absent")
    pull(machine)
    eventually(lambda: view.state(elsewhere), None)
    plug_known(machine)
    tap.equal("in its first slot again, the card is detached",
              eventually(lambda: view.state(place), "detached"), "detached")
    tap.equal("it is reattached", (view.vfioctl(f"reattach {place}")[0], view.records()), (0, []))
    check_managed(machine, "after reattach", place)
    pull(machine)
    eventually(lambda: view.state(place), None)


def check_held(machine):
    """A card is pulled while a VM has it: only the kernel waits"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    with Rules(machine, known=KNOWN_KIND):
        place = plug_known(machine)
        tap.equal("a rule detaches a card", eventually(lambda: view.state(place), "detached"), "detached")
        holder = guest.hold(place)
        signals = Signals(guest)

        def press():
            guest.unplug("plugged")
            return guest.wait_for(f"[ -e /sys/bus/pci/devices/{place} -a ! -e /sys/bus/pci/devices/{place}/driver ]", 30)

        # As in Guest.pull(), the kernel may have forgotten the button.
        tap.check("the kernel unbound its driver and waits", press() or press())
        # For 12.5 seconds after a job, vfiod reads the driver again now and then.
        state = view.state(place)
        tap.check("the kernel sends no event for this: vfiod reports the state detached until it reads the driver again",
                  state in ("detached", "driverless"), state)
        tap.contains("vfioctl show names the holder", view.vfioctl(f"show {place}")[1], "Held by: process")
        tap.equal("a rescan finds that it has no driver",
                  (view.vfioctl("rescan")[0], view.state(place)), (0, "driverless"))
        tap.equal("the rule does not detach it again", await_status(machine, "known", place, "released")[0], "released")
        tap.equal("vfiod makes no job", view.vfioctl("--json jobs")[1].count("number"), 0)
        tap.equal("another device can be detached and reattached", [view.vfioctl(f"{verb} {machine.nic}")[0]
                                                    for verb in ("detach", "reattach")], [0, 0])
        holder.stop()
        tap.check("after it is released, vfiod signals the state absent",
                  signals.state(place, "absent"), signals.lines())
        guest.await_deleted("plugged")
        plug_known(machine)
        tap.equal("plugged in again, the card is detached again",
                  eventually(lambda: view.state(place), "detached"), "detached")
        signals.end()
    tap.equal("without the rule it stays detached", view.state(place), "detached")
    tap.equal("it is reattached", (view.vfioctl(f"reattach {place}")[0], machine.driver(place)), (0, "e1000e"))
    check_managed(machine, "after reattach", place)
    pull(machine)
    eventually(lambda: view.state(place), None)


def check_pulled_midway(machine):
    """A card is pulled in the middle of a job"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    for verb, step, driver in (("detach", "unbind", "e1000e"), ("reattach", "probe", "vfio-pci")):
        what = f"pulled before the {step} of a {verb}"
        place = plug_attached(machine)
        if verb == "reattach":
            guest.check_run(f"vfioctl --quiet detach {place}")
        signals = Signals(guest)
        with Pause(machine, file_of(step, machine, place, driver)):
            job = guest.start(f"vfioctl {verb} {place}")
            tap.equal(f"{what}: the job is at this step", await_step(machine, step), [step])
            pull(machine)
        tap.check(f"{what}: the job fails", job.wait() != 0, job.output)
        tap.note(job.output)
        tap.equal(f"{what}: vfiod does not know the card any more", eventually(lambda: view.state(place), None), None)
        tap.equal(f"{what}: no job is left", view.vfioctl("--json jobs")[1].count("number"), 0)
        signals.end()
        if verb == "reattach":
            plug_known(machine)
            tap.equal(f"{what}: plugged in again, its state is host",
                      eventually(lambda: view.state(place), "host"), "host")
            pull(machine)
            eventually(lambda: view.state(place), None)
        tap.equal(f"{what}: no state file is left", eventually(view.records, []), [])


PARTS = [check_return, check_other_card, check_held, check_pulled_midway]


if __name__ == "__main__":
    sys.exit(play("swaps", __doc__, "full", PARTS))
