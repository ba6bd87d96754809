#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines on which no device can be given to a guest: without an IOMMU, and with one that is not in use.

vfiod lists the devices, says how it is and why, and refuses to detach.
"""

import json
import sys

import host
import options
from guest import Guest
from tap import Tap
from view import REFUSED, View


def check_machine(tap, guest, state, hint):
    view, nic = View(guest), guest.address("nic")
    name = host.interface(guest, nic)
    before = host.snapshot(guest, nic)
    tap.equal(f"IOMMU {state}: sysfs has no groups", host.members(guest), set())

    status = json.loads(guest.check_run("vfioctl --json status"))
    tap.equal(f"IOMMU {state}: status says so", status["iommu"], state)
    tap.contains(f"IOMMU {state}: and what to do", status["iommu_reason"], hint)
    tap.note(status["iommu_reason"])
    tap.equal(f"IOMMU {state}: groups lists none",
              json.loads(guest.check_run("vfioctl --json groups 2>/dev/null"))["groups"], [])
    (devices,) = view.call("ListDevices")
    tap.equal(f"IOMMU {state}: every PCI function is listed, in no group", [(row[0], row[2]) for row in devices],
              [(address, -1) for address in guest.check_run("ls /sys/bus/pci/devices").split()])
    tap.equal(f"IOMMU {state}: show has a device without group", view.show(name)[1], None)

    code, output = view.vfioctl(f"detach {name}")
    tap.equal(f"IOMMU {state}: detach is refused", code, REFUSED)
    tap.contains(f"IOMMU {state}: with the reason", output, status["iommu_reason"])
    tap.equal(f"IOMMU {state}: the error is NoIommu", view.error("Detach", nic), "org.vfiod1.Error.NoIommu")
    tap.equal(f"IOMMU {state}: reattach is refused: nothing is detached", view.error("Reattach", nic),
              "org.vfiod1.Error.NotDetached")
    tap.equal(f"IOMMU {state}: nothing was changed", (host.snapshot(guest, nic), view.records()), (before, []))
    tap.check(f"IOMMU {state}: vfio-pci was not loaded", guest.run("test -e /sys/bus/pci/drivers/vfio-pci")[0] != 0)


def check_boot(tap, destdir, state, hint, **properties):
    with Guest("e1000e", destdir=destdir, **properties) as guest:
        tap.watch(guest)
        guest.boot()
        check_machine(tap, guest, state, hint)


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("a machine without IOMMU", check_boot, tap, destdir, "absent", "firmware", iommu=False)
        tap.run("a machine with an IOMMU not in use", check_boot, tap, destdir, "off", "intel_iommu=off",
                kernel_arguments="intel_iommu=off")
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
