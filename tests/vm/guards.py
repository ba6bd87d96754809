#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host uses is not taken away from it: every use of uses.py, and the machine's own root and route.

Each is refused with its own error, evidence and the command that would go on; nothing is written, and
the use goes on. When it is over, the device can be detached.
"""

import re
import sys

import options
import uses
from guest import Guest
from machine import ERROR, Host
from tap import Tap
from view import REFUSED

ERRORS = {"firmware": "FirmwareMapping", "storage": "InUseStorage", "network": "InUseNetwork", "display": "InUseDisplay",
          "process": "InUseProcess", "virtual-functions": "VirtualFunctionsInUse"}
# The command at the end of a refusal.
COMMAND = re.compile(r"vfioctl detach (\S+)((?: --group)?) --override=(\S+?)\.?$", re.MULTILINE)
TAKEN_AFTERWARDS = ["a mounted partition", "an active logical volume on a partition", "a port of a bridge, without address",
                    "another network namespace", "a sound card with a process"]
OVERRIDDEN = ["an exclusive claim that is to be seen nowhere", "the default route",
              "an NVMe controller whose own node is open", "the boot display"]


def check_refused(machine, what, selector, guard, evidence):
    """Detach is refused by the guard, on the client and on the bus; returns the command that would go on."""
    tap, view = machine.tap, machine.view
    status, output = view.vfioctl(f"detach {selector} --group")
    tap.equal(f"{what}: detach is refused", status, REFUSED)
    for words in evidence:
        tap.contains(f"{what}: it says {words}", output, words)
    command = COMMAND.search(output)
    if tap.check(f"{what}: it gives the command to go on", command is not None, output):
        tap.check(f"{what}: with the guard's name", guard in command.group(3).split(","), output)
    if guard not in machine.named:
        machine.named.add(guard)
        tap.equal(f"{what}: the error is {ERRORS[guard]}", view.error("Detach", selector, "1 companions as 1 '*'"),
                  ERROR + ERRORS[guard])
    return command.group(0).rstrip(".") if command else "false"


def check_use(machine, use):
    tap, view, what = machine.tap, machine.view, use.what
    with uses.in_use(machine.guest, use) as used:
        before = machine.bindings(used.address)
        command = check_refused(machine, what, used.address, use.guard, used.evidence)
        tap.equal(f"{what}: nothing was changed", (machine.bindings(used.address), view.records()), (before, []))
        tap.check(f"{what}: the use goes on", used.works())
        if use.guard == "process":
            tap.contains(f"{what}: show names the holder", view.vfioctl(f"show {used.address}")[1],
                         f"process {used.words['pid']} (sleep) of vfiod-guest-agent.service: {used.evidence[0]}")
        if what in OVERRIDDEN:
            check_overridden(machine, what, used.address, command)
    if use.device in ("disk", "usb"):
        machine.guest.check_run("udevadm settle")  # it may look at the disk still, and has it open then
    if use.device != "display":
        check_free(machine, what, used.address)


def check_fake(machine, fake):
    """What an ordinary user can make keeps root from nothing."""
    tap, view, what = machine.tap, machine.view, fake.what
    with uses.in_use(machine.guest, fake) as used:
        status, output = view.vfioctl(f"detach {used.address}")
        tap.check(f"{what}: the device goes", status == 0, output)
        tap.check(f"{what}: it is still there", used.works())
        tap.equal(f"{what}: the device comes back", view.vfioctl(f"reattach {used.address}")[0], 0)


def check_overridden(machine, what, address, command):
    """The command that the refusal gave does what it says."""
    tap, view = machine.tap, machine.view
    status, output = machine.guest.run(command)
    tap.check(f"{what}: with the override it goes", status == 0, output)
    tap.equal(f"{what}: it is detached", view.state(address), "detached")
    status, output = view.vfioctl(f"reattach {address}")
    tap.check(f"{what}: and is given back", status == 0, output)


def check_free(machine, what, address):
    """The use is over."""
    tap, view = machine.tap, machine.view
    status, output = view.vfioctl(f"plan {address}")
    tap.check(f"{what}: afterwards it would go", status == 0, output)
    if what in TAKEN_AFTERWARDS:
        before = machine.bindings(address)
        tap.equal(f"{what}: afterwards it goes", view.vfioctl(f"detach {address}")[0], 0)
        tap.equal(f"{what}: and comes back", view.vfioctl(f"reattach {address}")[0], 0)
        tap.equal(f"{what}: and is as it was", machine.bindings(address), before)


def check_member(machine):
    """The use of one port keeps the whole card."""
    tap, guest = machine.tap, machine.guest
    ports = [guest.address("dual-0"), guest.address("dual-1")]
    before = machine.snapshot(*ports)
    guest.check_run("ip address add 192.0.2.2/24 dev ens1f1")
    check_refused(machine, "the other port of a port in use", "ens1f0", "network", [ports[1], "ens1f1", "192.0.2.2"])
    guest.check_run("ip address flush dev ens1f1")
    tap.equal("the card was left alone", (machine.snapshot(*ports), machine.view.records()), (before, []))
    check_free(machine, "the other port", f"group:{guest.group(ports[0])}")


def check_functions(machine):
    """A physical function stays while a guest may have one of its virtual functions."""
    tap, view, guest = machine.tap, machine.view, machine.guest
    controller = guest.address("sriov")
    folder = f"/sys/bus/pci/devices/{controller}"
    guest.check_run(f"echo 0 > {folder}/sriov_drivers_autoprobe; echo 2 > {folder}/sriov_numvfs; udevadm settle")
    function = guest.check_run(f"basename $(readlink {folder}/virtfn1)")
    tap.equal("a virtual function is detached", view.vfioctl(f"detach {function}")[0], 0)
    before = machine.snapshot(controller, function)
    check_refused(machine, "the physical function of a detached one", controller, "virtual-functions", [function])
    tap.equal("both were left alone", machine.snapshot(controller, function), before)
    tap.equal("the virtual function comes back", view.vfioctl(f"reattach {function}")[0], 0)
    guest.check_run(f"echo 0 > {folder}/sriov_numvfs; udevadm settle")
    check_free(machine, "a physical function without virtual ones", controller)


def run_uses(tap, destdir, wanted):
    with Guest("used", destdir=destdir) as guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"booted in {guest.boot_seconds:.1f} s")
        machine = Host(tap, guest)
        for use in uses.EVERY:
            if wanted in use.what:
                tap.run(use.what, check_use, machine, use)
        for fake in uses.FAKES:
            if wanted in fake.what:
                tap.run(fake.what, check_fake, machine, fake)
        if not wanted:
            tap.run("a member of a group", check_member, machine)
            tap.run("virtual functions", check_functions, machine)


def main():
    parser = options.parser(__doc__)
    parser.add_argument("--use", default="", metavar="TEXT", help="only uses whose description has this")
    choice = parser.parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("uses", run_uses, tap, destdir, choice.use)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
