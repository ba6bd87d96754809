# SPDX-License-Identifier: GPL-2.0-or-later
"""Other tools detach and reattach devices while vfiod runs: parts of devices.py.

vfiod reports what they do, and it does not change what it did not detach.
"""

from machine import ERROR, refused
from view import REFUSED, eventually

LIBVIRT_UNITS = "libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"


def check_detached_by(machine, tool, take, reattach):
    """A tool detaches the e1000e with one command and reattaches it with another."""
    tap, view, nic = machine.tap, machine.view, machine.nic
    before = machine.snapshot(nic)
    machine.guest.check_run(take)
    tap.equal(f"a device that {tool} detached is foreign", eventually(lambda: view.state(nic), "foreign"), "foreign")
    for verb in ("detach", "reattach"):
        refused(machine, f"a device that {tool} detached", verb, nic, REFUSED, ERROR + "Foreign")
    tap.equal("vfiod did not change it", machine.driver(nic), "vfio-pci")
    machine.guest.check_run(reattach)
    tap.equal(f"after {tool} reattached it, its state is host", eventually(lambda: view.state(nic), "host"), "host")
    tap.equal("it is bound as before", eventually(lambda: machine.snapshot(nic), before), before)


def check_reattached_by(machine, tool, take, reattach):
    """A tool reattaches what vfiod detached. From then on vfiod does not manage it, even if the tool detaches it again."""
    tap, view, nic = machine.tap, machine.view, machine.nic
    before = machine.snapshot(nic)
    view.vfioctl(f"detach {nic}")
    machine.guest.check_run(reattach)
    tap.equal(f"a detached device that {tool} reattached has the state host",
              eventually(lambda: view.state(nic), "host"), "host")
    tap.equal("vfiod keeps nothing about it",
              eventually(lambda: (view.properties("Device", nic)["OriginalDriver"], view.records()), ("", [])), ("", []))
    machine.guest.check_run(take)
    tap.equal(f"after {tool} detaches it again, it is foreign",
              eventually(lambda: view.state(nic), "foreign"), "foreign")
    machine.guest.check_run(reattach)
    eventually(lambda: view.state(nic), "host")
    tap.equal("vfiod can detach it again", view.vfioctl(f"detach {nic}")[0], 0)
    tap.equal("vfiod reattaches it", view.vfioctl(f"reattach {nic}")[0], 0)
    tap.equal("it is bound as before", eventually(lambda: machine.snapshot(nic), before), before)


def check_tool(machine, tool, take, reattach):
    check_detached_by(machine, tool, take, reattach)
    check_reattached_by(machine, tool, take, reattach)


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
