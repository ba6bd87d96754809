#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that has a variant driver of vfio: a virtio network card, and virtio_vfio_pci.

vfiod finds the driver in the kernel's modules.alias, loads it with the real libkmod, and obeys /etc/modprobe.d. A caller or a
rule names another driver. Debian's kernels have no variant driver: it needs a kernel of kernel.py, where the driver of
the host, virtio-pci, is built in.
"""

import re
import sys

import byhand
import host
import rules
from machine import ERROR, INVALID_ARGUMENTS, Host, play
from rules import Rules
from view import FAILED, REFUSED, UNIT, USAGE, eventually
from watch import Signals

HOST_DRIVER, VARIANT, PLAIN = "virtio-pci", "virtio_vfio_pci", "vfio-pci"
IDS = "1af4:1041"
CARD = {"mac": "52:54:00:00:09:02", "romfile": "", "disable-legacy": "on"}
MATCH = {"Vendor": "1af4", "Device": "1041"}
MODPROBE = "/etc/modprobe.d/variant.conf"
BOOT = "/etc/udev/rules.d/10-vfiod.rules"
SOCKETS = "vfiod.socket vfiod-root.socket vfiod-worker.socket"


class Machine(Host):
    """The guest, and the virtio network card in the slot hot-0."""

    def __init__(self, tap, guest):
        super().__init__(tap, guest)
        self.card = None

    def plug(self):
        """Plug the card in, and wait until udev knows it."""
        self.guest.plug("virtio-net-pci", "card", "hot-0", **CARD)
        self.card = self.guest.address("card")
        self.guest.wait_for(f"test -e /sys/bus/pci/devices/{self.card}/driver")
        self.guest.check_run("udevadm settle")

    def pull(self):
        self.guest.pull("card")
        eventually(lambda: self.view.state(self.card), None)

    def driver(self):
        return host.drivers(self.guest, self.card)[0]

    def before(self):
        """The card as it is with the host, named by udev."""
        self.guest.wait_for(f"ls /sys/bus/pci/devices/{self.card}/virtio*/net | grep -q ^en")
        return self.snapshot(self.card)

    def unload(self):
        """Unload the module of the variant driver."""
        self.guest.check_run(f"modprobe --remove {VARIANT}")


def check_gets(machine, what, options, driver, planned=None):
    """Plan and detach with these options: the card gets this driver. It is reattached. Returns the output of the plan."""
    tap, view = machine.tap, machine.view
    before = machine.before()
    status, plan = view.vfioctl(f"plan {machine.card} {options}")
    tap.check(f"{what}: the plan can be done", status == 0, plan)
    tap.contains(f"{what}: the plan names the driver", plan, f"it gets {planned or driver}\n")
    status, output = view.vfioctl(f"detach {machine.card} {options}")
    tap.check(f"{what}: the card is detached", status == 0, output)
    tap.contains(f"{what}: detach says the driver", output, f"{machine.card}: {HOST_DRIVER} -> {driver}\n")
    tap.equal(f"{what}: the kernel's driver and driver_override", machine.bindings(machine.card), [[driver, driver]])
    tap.equal(f"{what}: it is reattached", view.vfioctl(f"reattach {machine.card}")[0], 0)
    tap.equal(f"{what}: it is bound as before, with its name", eventually(lambda: machine.before(), before), before)
    return plan


def check_chosen(machine):
    """Without a wish, the card gets the variant driver that is made for it"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    tap.contains("the kernel has a variant driver for the card",
                 guest.check_run("grep ^alias.vfio_pci: /lib/modules/$(uname -r)/modules.alias"), f" {VARIANT}")
    tap.equal("its module is not loaded", guest.run(f"test -e /sys/module/{VARIANT}")[0], 1)
    machine.plug()
    tap.equal("the card is with the host", (machine.driver(), view.state(machine.card)), (HOST_DRIVER, "host"))
    before = machine.before()
    name = host.interface(guest, machine.card)
    for what in ("the module is not loaded", "the module is loaded"):
        check_gets(machine, what, "", VARIANT)
    status, output = view.vfioctl(f"detach {name}")
    tap.check("the card is detached by its name", status == 0, output)
    device = view.device(name)
    tap.equal("JSON has the driver and the state", (device["driver"], device["state"]), (VARIANT, "detached"))
    tap.check("show names the driver", re.search(rf"^ *Driver: {VARIANT}$", view.vfioctl(f"show {name}")[1], re.MULTILINE),
              view.vfioctl(f"show {name}")[1])
    tap.equal("the bus has it, and the driver of the host", [view.properties("Device", name)[key] for key in
              ("Driver", "OriginalDriver", "OriginalNames")], [VARIANT, HOST_DRIVER, [name]])
    tap.equal("its group is viable", view.group(name)["viable"], True)
    tap.equal("the nodes are there", guest.run(f"test -c {host.node(guest, machine.card)}")[0], 0)
    arguments = byhand.device_arguments(guest, machine.card)
    tap.equal("vfioctl prints the arguments of QEMU", output.partition("QEMU: ")[2].strip(), arguments)
    started, vm = byhand.start_machine(guest, arguments)
    if tap.check("a virtual machine starts with them", started, vm.output):
        tap.equal("it has the card", byhand.machine_devices(vm).count(IDS), 1)
        status, output = view.vfioctl(f"reattach {name}")
        tap.equal("reattach is refused while it has the card", status, REFUSED)
        tap.contains("the refusal names the process", output, f"process {byhand.machine_pid(guest)} (qemu-system-x86)")
        byhand.stop_machine(vm)
    tap.equal("the card is reattached", view.vfioctl(f"reattach {name}")[0], 0)
    tap.equal("it is bound as before", eventually(lambda: machine.before(), before), before)


def check_named(machine):
    """A named driver is bound, or nothing is changed"""
    tap, view = machine.tap, machine.view
    check_gets(machine, "--driver=vfio-pci", "--driver=vfio-pci", PLAIN)
    check_gets(machine, "--driver=virtio-vfio-pci", "--driver=virtio-vfio-pci", VARIANT)
    before = machine.before()
    for name, code, error, words in (
            ("e1000e", USAGE, INVALID_ARGUMENTS, "'e1000e' is no vfio driver"),
            ("none_vfio_pci", FAILED, ERROR + "DriverUnavailable", "no driver and no module 'none_vfio_pci'")):
        status, output = view.vfioctl(f"detach {machine.card} --driver={name}")
        tap.equal(f"--driver={name}: exit status {code}", status, code)
        tap.contains(f"--driver={name}: vfiod says why", output, words)
        tap.equal(f"--driver={name}: the error", view.error("Detach", machine.card, f"1 driver s {name}"), error)
    tap.equal("nothing was changed", machine.before(), before)


def check_modprobe(machine):
    """/etc/modprobe.d keeps the module from being loaded: vfio-pci binds, and vfiod says why"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    for what, line, planned, words in (
            ("blacklist", f"blacklist {VARIANT}", PLAIN, "it is blacklisted in /etc/modprobe.d"),
            ("install", f"install {VARIANT} /bin/false", VARIANT, "/etc/modprobe.d has an 'install' command for it")):
        machine.unload()
        guest.check_run(f"echo '{line}' > {MODPROBE}")
        plan = check_gets(machine, what, "", PLAIN, planned)
        if planned == PLAIN:
            tap.contains(f"{what}: the plan warns", plan, f"the module '{VARIANT}', which can do more than {PLAIN}")
            tap.contains(f"{what}: the plan says why", plan, words)
        tap.contains(f"{what}: the journal says why", view.journal("--boot --output=cat"),
                     f"There is a variant driver for {machine.card}, the module '{VARIANT}', which can do more than {PLAIN}")
        before = machine.before()
        status, output = view.vfioctl(f"detach {machine.card} --driver={VARIANT}")
        tap.equal(f"{what}: the named driver is refused", status, FAILED)
        tap.contains(f"{what}: the refusal says why", output, words)
        tap.equal(f"{what}: nothing was changed", machine.before(), before)
        tap.equal(f"{what}: the module is not loaded", guest.run(f"test -e /sys/module/{VARIANT}")[0], 1)
        guest.check_run(f"rm {MODPROBE}")
    check_gets(machine, "without these lines", "", VARIANT)


def check_rules(machine):
    """A rule names the driver, or leaves it to vfiod, for a card that is there and one that is plugged in"""
    tap, view = machine.tap, machine.view
    for what, keys, driver in (("Driver= of the module", {"Driver": VARIANT}, VARIANT), ("Driver=vfio-pci", {"Driver": PLAIN}, PLAIN),
                               ("no Driver=", {}, VARIANT)):
        before = machine.before()
        with Rules(machine, card={"Match": MATCH, "Detach": keys}):
            tap.equal(f"{what}: the rule detaches the card", eventually(lambda: view.state(machine.card), "detached"), "detached")
            tap.equal(f"{what}: the driver and driver_override", machine.bindings(machine.card), [[driver, driver]])
            check_boot_line(machine, what, driver)
            machine.pull()
            signals = Signals(machine.guest)
            machine.plug()
            tap.check(f"{what}: the rule detaches the card when it is plugged in", signals.state(machine.card, "detached"),
                      signals.lines())
            signals.end()
            tap.equal(f"{what}: it has the same driver", machine.bindings(machine.card), [[driver, driver]])
            tap.equal(f"{what}: the rule is applied", rules.await_status(machine, "card", machine.card, "applied"), ("applied", None))
            tap.equal(f"{what}: it is reattached", view.vfioctl(f"reattach {machine.card}")[0], 0)
        tap.equal(f"{what}: it is bound as before", eventually(lambda: machine.before(), before), before)
    with Rules(machine, card={"Match": MATCH, "Detach": {"Driver": "none_vfio_pci"}}):
        found, message = rules.await_status(machine, "card", machine.card, "refused")
        tap.equal("Driver= of no module: the rule is refused", found, "refused")
        tap.contains("Driver= of no module: the rule says why", message, "no driver and no module 'none_vfio_pci'")
        tap.equal("Driver= of no module: the card is with the host", (machine.driver(), view.state(machine.card)),
                  (HOST_DRIVER, "host"))


def check_boot_line(machine, what, driver):
    """The line for the next boot names the driver that the card got, and loads it."""
    def line():
        return machine.guest.run(f"grep '^KERNEL==\"{machine.card}\"' {BOOT}")[1]
    machine.tap.check(f"{what}: the line for the boot names the driver", eventually(
        lambda: f'ATTR{{driver_override}}="{driver}"' in line() and f'"kmod load {driver}"' in line(), True), line())


def check_early(machine):
    """The next boot, as far as udev sees it: no driver has the card, vfiod does not run, and udev gets the event of the card"""
    tap, guest, view = machine.tap, machine.guest, machine.view
    folder = f"/sys/bus/pci/devices/{machine.card}"
    with Rules(machine, card={"Match": MATCH, "Detach": {"Driver": VARIANT}}):
        tap.equal("the rule detaches the card", eventually(lambda: view.state(machine.card), "detached"), "detached")
        check_boot_line(machine, "before", VARIANT)
        guest.check_run(f"systemctl stop {UNIT} vfiod-worker.service {SOCKETS}; rm -f {rules.EARLY} /run/vfiod/worker;"
                        " find /run/vfiod/devices -type f -delete; udevadm control --reload")
        guest.check_run(f"echo {machine.card} > {folder}/driver/unbind; echo > {folder}/driver_override")
        machine.unload()
        guest.check_run(f"udevadm trigger --action=add {folder}; udevadm settle")
        tap.equal("udev has loaded and bound the variant driver", machine.bindings(machine.card), [[VARIANT, VARIANT]])
        guest.check_run(f"systemctl start {SOCKETS} {UNIT}")
        tap.equal("vfiod has detached the card", eventually(lambda: view.state(machine.card), "detached"), "detached")
        tap.equal("the rule is applied", rules.await_status(machine, "card", machine.card, "applied"), ("applied", None))
        tap.equal("it has the same driver", machine.driver(), VARIANT)
        tap.equal("it is reattached", view.vfioctl(f"reattach {machine.card}")[0], 0)
        tap.equal("it is with the host", (machine.before()[machine.card]["driver"], view.state(machine.card)),
                  (HOST_DRIVER, "host"))
    tap.equal("no state file is left", eventually(view.records, []), [])


PARTS = [check_chosen, check_named, check_modprobe, check_rules, check_early]


if __name__ == "__main__":
    # With several processors, a change of the card's memory can end QEMU 10: "iotlb_to_section: Assertion [...] failed".
    sys.exit(play("variant", __doc__, "hotplug", PARTS, Machine, processors=1))
