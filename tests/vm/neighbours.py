# SPDX-License-Identifier: GPL-2.0-or-later
"""Other tools that move devices about, beside the running vfiod: parts of devices.py.

vfiod's view follows what they do, and it leaves alone what it did not detach.
"""

from machine import ERROR, refused
from view import REFUSED, eventually

LIBVIRT_UNITS = "libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"


def check_taken_by(machine, tool, take, give_back):
    """A tool takes the e1000e by one command and gives it back by another."""
    tap, view, nic = machine.tap, machine.view, machine.nic
    before = machine.snapshot(nic)
    machine.guest.check_run(take)
    tap.equal(f"a device taken by {tool} is foreign", eventually(lambda: view.state(nic), "foreign"), "foreign")
    for verb in ("detach", "reattach"):
        refused(machine, f"what {tool} took", verb, nic, REFUSED, ERROR + "Foreign")
    tap.equal("it was left alone", machine.driver(nic), "vfio-pci")
    machine.guest.check_run(give_back)
    tap.equal(f"given back by {tool}, it is the host's", eventually(lambda: view.state(nic), "host"), "host")
    tap.equal("and as it was", eventually(lambda: machine.snapshot(nic), before), before)


def check_given_back_by(machine, tool, take, give_back):
    """A tool gives back what vfiod detached: from then on it is not vfiod's, also when the tool takes it again."""
    tap, view, nic = machine.tap, machine.view, machine.nic
    before = machine.snapshot(nic)
    view.vfioctl(f"detach {nic}")
    machine.guest.check_run(give_back)
    tap.equal(f"a detached device given back by {tool} is the host's",
              eventually(lambda: view.state(nic), "host"), "host")
    tap.equal("vfiod keeps nothing of it",
              (view.properties("Device", nic)["OriginalDriver"], eventually(view.records, [])), ("", []))
    machine.guest.check_run(take)
    tap.equal(f"taken by {tool} then, it is foreign", eventually(lambda: view.state(nic), "foreign"), "foreign")
    machine.guest.check_run(give_back)
    eventually(lambda: view.state(nic), "host")
    tap.equal("it can be detached again", view.vfioctl(f"detach {nic}")[0], 0)
    tap.equal("and reattached", view.vfioctl(f"reattach {nic}")[0], 0)
    tap.equal("and is as it was", machine.snapshot(nic), before)


def check_tool(machine, tool, take, give_back):
    check_taken_by(machine, tool, take, give_back)
    check_given_back_by(machine, tool, take, give_back)


def check_driverctl(machine):
    """driverctl"""
    check_tool(machine, "driverctl", f"driverctl set-override {machine.nic} vfio-pci",
               f"driverctl unset-override {machine.nic}")


def check_libvirt(machine):
    """libvirt"""
    node = "pci_" + machine.nic.replace(":", "_").replace(".", "_")
    machine.guest.check_run("systemctl start libvirtd", timeout=120)
    check_tool(machine, "virsh", f"virsh nodedev-detach {node}", f"virsh nodedev-reattach {node}")
    machine.guest.check_run(f"systemctl stop {LIBVIRT_UNITS}")
