#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vfiod refuses to detach what the host uses: every use of uses.py.

Each refusal has its own error, names the evidence and gives the command that overrides it. Nothing is written, and
the use continues. When the use is over, the device can be detached.
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
          "console": "InUseConsole", "memory": "InUseMemory", "process": "InUseProcess", "virtual-functions": "VirtualFunctionsInUse"}
# The command at the end of a refusal.
COMMAND = re.compile(r"vfioctl detach (\S+)((?: --group)?) --override=(\S+?)\.?$", re.MULTILINE)
TAKEN_AFTERWARDS = ["a mounted partition", "an active logical volume on a partition", "a port of a bridge, without address",
                    "an interface in another network namespace", "a sound card with a process", "the only keyboard",
                    "an NVMe controller that an NVMe target passes through", "CXL memory that is RAM"]
OVERRIDDEN = ["an exclusive claim that no file of the kernel shows", "the default route",
              "an NVMe controller whose own node is open", "the boot display", "the console of the kernel",
              "the only keyboard"]


def check_refused(machine, what, selector, guard, evidence):
    """The guard refuses the detach, for vfioctl and on the bus. Returns the command that overrides it."""
    tap, view = machine.tap, machine.view
    status, output = view.vfioctl(f"detach {selector} --group")
    tap.equal(f"{what}: detach is refused", status, REFUSED)
    for words in evidence:
        tap.contains(f"{what}: the refusal says {words}", output, words)
    command = COMMAND.search(output)
    if tap.check(f"{what}: the refusal gives the command that overrides it", command is not None, output):
        tap.check(f"{what}: the command names the guard", guard in command.group(3).split(","), output)
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
        tap.check(f"{what}: the use still works", used.works())
        if use.guard == "process":
            tap.contains(f"{what}: show names the holder", view.vfioctl(f"show {used.address}")[1],
                         f"process {used.words['pid']} (sleep) of vfiod-guest-agent.service: {used.evidence[0]}")
        if what in OVERRIDDEN:
            check_overridden(machine, what, used.address, command)
    if use.device in ("disk", "usb"):
        machine.guest.check_run("udevadm settle")  # udev may still read the disk and have it open
    if use.end != "true":
        check_free(machine, what, used.address)


def check_fake(machine, fake):
    """What an ordinary user can fake must not keep root from detaching the device."""
    tap, view, what = machine.tap, machine.view, fake.what
    with uses.in_use(machine.guest, fake) as used:
        status, output = view.vfioctl(f"detach {used.address}")
        tap.check(f"{what}: the device is detached", status == 0, output)
        tap.check(f"{what}: the fake use still exists", used.works())
        tap.equal(f"{what}: the device is reattached", view.vfioctl(f"reattach {used.address}")[0], 0)


def check_overridden(machine, what, address, command):
    """The command that the refusal gave does what it says."""
    tap, view = machine.tap, machine.view
    status, output = machine.guest.run(command)
    tap.check(f"{what}: with the override the detach succeeds", status == 0, output)
    tap.equal(f"{what}: it is detached", view.state(address), "detached")
    status, output = view.vfioctl(f"reattach {address}")
    tap.check(f"{what}: the device is reattached", status == 0, output)


def check_free(machine, what, address):
    """The use is over: the device can be detached."""
    tap, view = machine.tap, machine.view
    status, output = view.vfioctl(f"plan {address}")
    tap.check(f"{what}: afterwards the plan is not refused", status == 0, output)
    if what in TAKEN_AFTERWARDS:
        before = machine.bindings(address)
        tap.equal(f"{what}: afterwards the device is detached", view.vfioctl(f"detach {address}")[0], 0)
        tap.equal(f"{what}: the device is reattached", view.vfioctl(f"reattach {address}")[0], 0)
        tap.equal(f"{what}: the device is bound as before", machine.bindings(address), before)


def check_member(machine):
    """The use of one port blocks the detach of the whole card."""
    tap, guest = machine.tap, machine.guest
    ports = [guest.address("dual-0"), guest.address("dual-1")]
    before = machine.snapshot(*ports)
    guest.check_run("ip address add 192.0.2.2/24 dev ens1f1")
    check_refused(machine, "a port whose neighbour in the group is in use",
                  "ens1f0", "network", [ports[1], "ens1f1", "192.0.2.2"])
    guest.check_run("ip address flush dev ens1f1")
    tap.equal("vfiod did not change the card", (machine.snapshot(*ports), machine.view.records()), (before, []))
    check_free(machine, "the other port", f"group:{guest.group(ports[0])}")


def check_vfs(machine):
    """vfiod refuses to detach a PF while one of its VFs may be in use by a guest."""
    tap, view, guest = machine.tap, machine.view, machine.guest
    controller = guest.address("sriov")
    folder = f"/sys/bus/pci/devices/{controller}"
    guest.check_run(f"echo 0 > {folder}/sriov_drivers_autoprobe; echo 2 > {folder}/sriov_numvfs; udevadm settle")
    vf = guest.check_run(f"basename $(readlink {folder}/virtfn1)")
    tap.equal("a VF is detached", view.vfioctl(f"detach {vf}")[0], 0)
    before = machine.snapshot(controller, vf)
    check_refused(machine, "the PF of a detached VF", controller, "virtual-functions", [vf])
    tap.equal("neither was changed", machine.snapshot(controller, vf), before)
    tap.equal("the VF is reattached", view.vfioctl(f"reattach {vf}")[0], 0)
    guest.check_run(f"echo 0 > {folder}/sriov_numvfs; udevadm settle")
    check_free(machine, "a PF without VFs", controller)


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
            tap.run("VFs", check_vfs, machine)


def main():
    parser = options.parser(__doc__)
    parser.add_argument("--use", default="", metavar="TEXT", help="test only uses whose description contains TEXT")
    choice = parser.parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("uses", run_uses, tap, destdir, choice.use)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
