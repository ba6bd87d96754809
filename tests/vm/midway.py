#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""In the middle of a job: daemon and worker are killed, or another card is put into the slot.

The worker is stopped before a chosen write by strace, which delays it. After a kill the devices are where
they were or where they should go, all of them, and the next start knows them. A card that came in place of
the one that was meant is not touched.
"""

import json
import sys

from machine import ERROR, play
from view import REFUSED, UNIT, eventually

DELAY = 120 * 1000 * 1000  # microseconds: longer than all that is done meanwhile
POINTS = [("detach", "override"), ("detach", "unbind"), ("detach", "probe"), ("reattach", "unbind"), ("reattach", "probe")]
CARD = {"mac": "52:54:00:00:09:01", "romfile": ""}
OTHER_CARD = {"mac": "52:54:00:00:09:02", "romfile": "", "subsys": 0x1234}
THIRD_CARD = {"mac": "52:54:00:00:09:03", "romfile": "", "subsys": 0x5678}  # never detached: it would be so again


class Pause:
    """Stops the daemon's worker before its write to a file of sysfs, or a later one, for the length of a with block."""

    def __init__(self, machine, path, occurrence=1):
        self.guest = machine.guest
        machine.guest.check_run(f"systemctl start {UNIT}")
        self.tracer = machine.guest.start(
            f"exec strace --follow-forks --trace-path={path} --trace=write --inject=write:delay_enter={DELAY}:when={occurrence}"
            f" --output=/run/trace --attach={machine.view.unit('MainPID')}")
        self.tracer.read_until("attached")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.tracer.stop()


def file_of(step, machine, address, driver):
    """What a step of a job writes to."""
    folder = machine.guest.check_run(f"realpath /sys/bus/pci/devices/{address}")
    return {"override": f"{folder}/driver_override", "unbind": f"/sys/bus/pci/drivers/{driver}/unbind",
            "probe": "/sys/bus/pci/drivers_probe"}[step]


def await_step(machine, action):
    """Wait until the one job is at this step."""
    return eventually(lambda: [job["action"] for job in json.loads(machine.view.vfioctl("--json jobs")[1])["jobs"]],
                      [action], 60)


def check_killed(machine, verb, step):
    """Daemon and worker get SIGKILL before the first write of a step."""
    tap, view, guest, card = machine.tap, machine.view, machine.guest, machine.card
    what = f"{verb} killed at {step}"
    home = machine.snapshot(*card)
    if verb == "reattach":
        guest.check_run(f"vfioctl --quiet detach {card[0]} --group")
    driver = "e1000e" if verb == "detach" else "vfio-pci"
    with Pause(machine, file_of(step, machine, card[1], driver)):
        job = guest.start(f"vfioctl {verb} {card[0]}" + (" --group" if verb == "detach" else ""))
        tap.equal(f"{what}: it is there", await_step(machine, step), [step])
        guest.check_run(f"systemctl kill --kill-whom=all --signal=KILL {UNIT}")
        tap.check(f"{what}: its caller hears of it", job.wait() != 0, job.output)
    eventually(lambda: "changing" in [view.state(port) for port in card], False, 30)
    states = [view.state(port) for port in card]
    found = machine.snapshot(*card)
    tap.note(f"{what}: then {states}")
    tap.check(f"{what}: all are old or all are new", len(set(states)) == 1 and states[0] in ("host", "detached"), states)
    if states[0] == "host":
        tap.equal(f"{what}: as it was before", eventually(lambda: machine.snapshot(*card), home), home)
        tap.equal(f"{what}: no record is left", view.records(), [])
    else:
        tap.equal(f"{what}: on vfio-pci", [found[port]["driver"] for port in card], ["vfio-pci", "vfio-pci"])
        guest.check_run(f"systemctl restart {UNIT}")
        tap.equal(f"{what}: another start changes nothing", machine.snapshot(*card), found)
        tap.equal(f"{what}: it can be reattached", view.vfioctl(f"reattach {card[0]}")[0], 0)
        tap.equal(f"{what}: and is as it was", machine.snapshot(*card), home)


def check_kills(machine):
    """SIGKILL to daemon and worker"""
    for verb, step in POINTS:
        machine.tap.run(f"{verb} killed at {step}", check_killed, machine, verb, step)


def plug(machine, card):
    """Put a card into the empty slot; returns its address when vfiod knows it as the host's, with its interface."""
    guest = machine.guest
    guest.plug("e1000e", "plugged", "hot-0", **card)
    place = guest.address("plugged")
    machine.tap.check("a card is plugged in", guest.wait_for(f"[ -e /sys/bus/pci/drivers/e1000e/{place}/net/ens* ]"))
    eventually(lambda: machine.view.state(place), "host")
    return place


def pull(machine):
    machine.guest.unplug("plugged")
    machine.guest.qmp.await_event("DEVICE_DELETED", device="plugged")


def check_untouched(machine, what, place, mac):
    """The card that came is on the host's driver, and nobody wrote to it."""
    found = machine.snapshot(place)[place]
    machine.tap.equal(f"{what}: the card that came is untouched",
                      (found["driver"], found["override"], list(found["network"].values())), ("e1000e", "(null)", [mac]))


def check_swapped(machine):
    """Another card in the slot"""
    tap, view, guest = machine.tap, machine.view, machine.guest
    what = "swapped between plan and detach"
    place = plug(machine, CARD)
    fingerprint = json.loads(view.vfioctl(f"--json plan {place}")[1])["fingerprint"]
    pull(machine)
    tap.equal(f"{what}: it is the same place", plug(machine, OTHER_CARD), place)
    tap.equal(f"{what}: the old plan is refused", view.vfioctl(f"detach {place} --plan={fingerprint}")[0], REFUSED)
    tap.equal(f"{what}: the error is PlanStale", view.error("Detach", place, f"1 plan s {fingerprint}"),
              ERROR + "PlanStale")
    check_untouched(machine, what, place, OTHER_CARD["mac"])

    what = "swapped while detached"
    tap.equal(f"{what}: the card is detached", view.vfioctl(f"detach {place}")[0], 0)
    pull(machine)
    plug(machine, CARD)
    status, output = view.vfioctl(f"reattach {place}")
    tap.equal(f"{what}: reattach is refused", status, REFUSED)
    tap.contains(f"{what}: it says why", output, "another card is there now")
    guest.check_run(f"systemctl restart {UNIT}")
    tap.equal(f"{what}: the card that came is the host's, also to the next daemon", view.state(place), "host")
    check_untouched(machine, what, place, CARD["mac"])

    what = "swapped under the worker's hands"
    with Pause(machine, file_of("override", machine, place, "e1000e")):
        job = guest.start(f"vfioctl detach {place}")
        tap.equal(f"{what}: the worker is about to write", await_step(machine, "override"), ["override"])
        pull(machine)
        plug(machine, THIRD_CARD)
    tap.check(f"{what}: the detach fails", job.wait() != 0, job.output)
    tap.note(job.output)
    check_untouched(machine, what, place, THIRD_CARD["mac"])
    tap.equal(f"{what}: the card that came is the host's", eventually(lambda: view.state(place), "host"), "host")
    tap.equal(f"{what}: no record is left", view.records(), [])
    pull(machine)
    plug(machine, CARD)
    tap.equal(f"{what}: the card that was meant is back, and nothing is kept of it",
              (view.state(place), view.properties("Device", place)["OriginalDriver"]), ("host", ""))
    pull(machine)


PARTS = [check_kills, check_swapped]


if __name__ == "__main__":
    sys.exit(play("midway", __doc__, "full", PARTS))
