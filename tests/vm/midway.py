#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemon and worker are killed in the middle of a job, or another card is put into the slot.

strace delays the worker before a chosen write. After a kill, all devices are either bound as before or detached, and
the next daemon knows them. vfiod does not change a card that replaced the card of the job.
"""

import json
import sys

from machine import ERROR, play
from tracing import Trace
from view import REFUSED, UNIT, WORKER, eventually

DELAY = 120 * 1000 * 1000  # microseconds: longer than everything that the test does meanwhile
POINTS = [("detach", "override"), ("detach", "unbind"), ("detach", "probe"), ("reattach", "unbind"), ("reattach", "probe")]
CARD = {"mac": "52:54:00:00:09:01", "romfile": ""}
OTHER_CARD = {"mac": "52:54:00:00:09:02", "romfile": "", "subsys": 0x1234}
# This card was never detached. vfiod would detach the other cards again when they return.
THIRD_CARD = {"mac": "52:54:00:00:09:03", "romfile": "", "subsys": 0x5678}


class Pause:
    """Stops the daemon's worker before its first write to a sysfs file (or a later write), during a with block."""

    def __init__(self, machine, path, occurrence=1):
        machine.guest.check_run(f"systemctl start {UNIT} {WORKER}")
        self.tracer = Trace(machine.guest, [machine.view.unit("MainPID", WORKER)],
                            f"--trace-path={path} --trace=write --inject=write:delay_enter={DELAY}:when={occurrence}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.tracer.stop()


def file_of(step, machine, address, driver):
    """The file that a step of a job writes to."""
    folder = machine.guest.check_run(f"realpath /sys/bus/pci/devices/{address}")
    return {"override": f"{folder}/driver_override", "unbind": f"/sys/bus/pci/drivers/{driver}/unbind",
            "probe": "/sys/bus/pci/drivers_probe"}[step]


def await_step(machine, action):
    """Wait until the only job is at this step."""
    return eventually(lambda: [job["action"] for job in json.loads(machine.view.vfioctl("--json jobs")[1])["jobs"]],
                      [action])


def check_killed(machine, verb, step):
    """SIGKILL daemon and worker before the first write of a step."""
    tap, view, guest, card = machine.tap, machine.view, machine.guest, machine.card
    what = f"{verb} killed at {step}"
    before = machine.snapshot(*card)
    if verb == "reattach":
        guest.check_run(f"vfioctl --quiet detach {card[0]} --group")
    driver = "e1000e" if verb == "detach" else "vfio-pci"
    with Pause(machine, file_of(step, machine, card[1], driver)):
        job = guest.start(f"vfioctl {verb} {card[0]}" + (" --group" if verb == "detach" else ""))
        tap.equal(f"{what}: the job is at this step", await_step(machine, step), [step])
        guest.check_run(f"systemctl kill --kill-whom=all --signal=KILL {UNIT} {WORKER}")
        tap.check(f"{what}: the caller gets an error", job.wait() != 0, job.output)
    eventually(lambda: {view.state(port) for port in card} <= {"host", "detached"}, True)
    states = [view.state(port) for port in card]
    found = machine.snapshot(*card)
    tap.note(f"{what}: the states are then {states}")
    tap.check(f"{what}: all devices are attached, or all are detached",
              len(set(states)) == 1 and states[0] in ("host", "detached"), states)
    if states[0] == "host":
        tap.equal(f"{what}: they are bound as before", eventually(lambda: machine.snapshot(*card), before), before)
        tap.equal(f"{what}: no state file is left", eventually(view.records, []), [])
    else:
        tap.equal(f"{what}: all are on vfio-pci", [found[port]["driver"] for port in card], ["vfio-pci", "vfio-pci"])
        guest.check_run(f"systemctl restart {UNIT}")
        tap.equal(f"{what}: another restart changes nothing", machine.snapshot(*card), found)
        tap.equal(f"{what}: they can be reattached", view.vfioctl(f"reattach {card[0]}")[0], 0)
        tap.equal(f"{what}: they are bound as before", eventually(lambda: machine.snapshot(*card), before), before)


def check_kills(machine):
    """SIGKILL to daemon and worker"""
    for verb, step in POINTS:
        machine.tap.run(f"{verb} killed at {step}", check_killed, machine, verb, step)


def plug(machine, card):
    """Put a card into the empty slot. Returns its address as soon as vfiod reports the state host and its interface
    exists."""
    guest = machine.guest
    guest.plug("e1000e", "plugged", "hot-0", **card)
    place = guest.address("plugged")
    machine.tap.check("a card is plugged in", guest.wait_for(f"[ -e /sys/bus/pci/drivers/e1000e/{place}/net/ens* ]"))
    eventually(lambda: machine.view.state(place), "host")
    return place


def pull(machine):
    machine.guest.pull("plugged")


def check_untouched(machine, what, place, mac):
    """The new card is on the host's driver, and nobody wrote to it."""
    found = machine.snapshot(place)[place]
    machine.tap.equal(f"{what}: the new card is unchanged",
                      (found["driver"], found["override"], list(found["network"].values())), ("e1000e", "(null)", [mac]))


def check_swapped(machine):
    """Another card is put into the slot"""
    tap, view, guest = machine.tap, machine.view, machine.guest
    what = "swapped between plan and detach"
    place = plug(machine, CARD)
    fingerprint = json.loads(view.vfioctl(f"--json plan {place}")[1])["fingerprint"]
    pull(machine)
    tap.equal(f"{what}: the new card has the same address", plug(machine, OTHER_CARD), place)
    tap.equal(f"{what}: the old plan is refused", view.vfioctl(f"detach {place} --plan={fingerprint}")[0], REFUSED)
    tap.equal(f"{what}: the error is PlanStale", view.error("Detach", place, f"1 plan s {fingerprint}"),
              ERROR + "PlanStale")
    check_untouched(machine, what, place, OTHER_CARD["mac"])

    what = "swapped while detached"
    tap.equal(f"{what}: the card is detached", view.vfioctl(f"detach {place}")[0], 0)
    pull(machine)
    plug(machine, CARD)
    status, output = view.vfioctl(f"reattach {place}")
    tap.equal(f"{what}: the refusal says why", status, REFUSED)
    tap.contains(f"{what}: it says why", output, "another card is there now")
    guest.check_run(f"systemctl restart {UNIT}")
    tap.equal(f"{what}: after a restart the state of the new card is host", view.state(place), "host")
    check_untouched(machine, what, place, CARD["mac"])

    what = "swapped while the worker runs"
    with Pause(machine, file_of("override", machine, place, "e1000e")):
        job = guest.start(f"vfioctl detach {place}")
        tap.equal(f"{what}: the worker is about to write", await_step(machine, "override"), ["override"])
        pull(machine)
        plug(machine, THIRD_CARD)
    tap.check(f"{what}: the detach fails", job.wait() != 0, job.output)
    tap.note(job.output)
    check_untouched(machine, what, place, THIRD_CARD["mac"])
    tap.equal(f"{what}: the state of the new card is host", eventually(lambda: view.state(place), "host"), "host")
    tap.equal(f"{what}: no state file is left", eventually(view.records, []), [])
    pull(machine)
    plug(machine, CARD)
    tap.equal(f"{what}: the old card is in the slot again, and vfiod keeps nothing about it",
              (view.state(place), view.properties("Device", place)["OriginalDriver"]), ("host", ""))
    pull(machine)


PARTS = [check_kills, check_swapped]


if __name__ == "__main__":
    sys.exit(play("midway", __doc__, "full", PARTS))
