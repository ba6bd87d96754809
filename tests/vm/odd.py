#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vfiod refuses to detach what only some hosts have: the uses ODD of uses.py.

A serial card that is the console of the kernel, a USB controller with the only keyboard, an NVMe disk of an NVMe target, and
CXL memory. The checks are those of guards.py. It needs the kernel and the QEMU of Debian 13.
"""

import sys

import topology
import uses
from guards import check_use
from machine import Host, play
from view import eventually

# Code in emulated CXL memory runs too slowly, so the memory belongs to the host, but the host does not use it.
KERNEL_ARGUMENTS = "memhp_default_state=offline"


def check_uses(machine):
    """Each use"""
    for use in uses.ODD:
        machine.tap.run(use.what, check_use, machine, use)


def check_console(machine):
    """After the override, the console is as before"""
    tap, guest = machine.tap, machine.guest
    tap.equal("the serial card is the console again", guest.read("/sys/class/tty/console/active"), "ttyS0")
    guest.check_run("echo '<3>a line after the reattach' > /dev/kmsg")
    tap.equal("the kernel writes to it", eventually(lambda: "a line after the reattach" in guest.log.read_text(errors="replace"),
                                                   True), True)


def check_memory(machine):
    """CXL memory is shown as such, and it has no driver or another one: vfiod cannot tell, so it counts as in use"""
    tap, view, cxl = machine.tap, machine.view, machine.guest.address("cxl")
    tap.contains("show tells the class of the device", view.vfioctl(f"show {cxl}")[1], "CXL")
    machine.guest.check_run(f"echo {cxl} > /sys/bus/pci/drivers/cxl_pci/unbind")
    status, output = view.vfioctl(f"plan {cxl}")
    tap.contains("CXL memory without its driver is refused", output, "refused by memory")
    tap.contains("vfiod says why", output, "it is CXL memory, but not on its driver cxl_pci")
    machine.guest.check_run(f"echo {cxl} > /sys/bus/pci/drivers/cxl_pci/bind; udevadm settle")
    status, output = view.vfioctl(f"plan {cxl}")
    tap.check("on its driver, and not in use, it can be detached", status == 0, output)


PARTS = [check_uses, check_console, check_memory]


if __name__ == "__main__":
    sys.exit(play("odd", __doc__, "odd", PARTS, Host, console_on_pci=True, qemu_arguments=topology.HARDWARE,
                  kernel_arguments=KERNEL_ARGUMENTS))
