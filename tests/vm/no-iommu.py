#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines on which no device can be assigned to a guest: without an IOMMU, and with an IOMMU that is not in use.

vfiod lists the devices, reports the state of the IOMMU and its reason, and refuses to detach. Here every probe of
vfio-pci fails: the kernel shows the driver link for a moment, and sends no event when it removes the link. vfiod
must not keep the driver that it read in this moment.
"""

import json
import shlex
import sys

import host
import options
from guest import Guest
from tap import Tap
from view import REFUSED, View


ROUNDS = 60

# Runs in the guest with the arguments ADDRESS, PATH of its object, number of ROUNDS. For each round it prints how often
# it asked until the bus agreed with the driver link, and the final value of both.
PROBE_SCRIPT = r"""
import json, os, subprocess, sys, time

address, path, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
device = f"/sys/bus/pci/devices/{address}"

def write(name, value):
    with open(name, "w") as file:
        file.write(value)

def link():
    try:
        return os.path.basename(os.readlink(f"{device}/driver"))
    except FileNotFoundError:
        return ""

def on_bus():
    reply = subprocess.run(["busctl", "--json=short", "call", "org.vfiod1", path, "org.freedesktop.DBus.Properties", "GetAll",
                            "s", "org.vfiod1.Device"], stdout=subprocess.PIPE, check=True).stdout
    found = json.loads(reply)["data"][0]
    return found["Driver"]["data"], found["State"]["data"]

def expected():
    driver = link()
    return driver, "foreign" if driver == "vfio-pci" else "host" if driver else "driverless"

def play():
    write(f"{device}/driver_override", "\n")
    write("/sys/bus/pci/drivers_probe", address)
    if link() in ("", "vfio-pci"):
        sys.exit("the host driver did not come back")
    write(f"{device}/driver_override", "vfio-pci")
    write(f"{device}/driver/unbind", address)
    for _ in range(8):
        write("/sys/bus/pci/drivers_probe", address)

results = []
for _ in range(rounds):
    play()
    deadline, asked = time.monotonic() + 30, 1
    while on_bus() != expected() and time.monotonic() < deadline:
        asked += 1
    results.append((asked, on_bus(), expected()))
write(f"{device}/driver_override", "\n")
write("/sys/bus/pci/drivers_probe", address)
print(json.dumps(results))
"""


def check_failed_probes(tap, guest):
    """vfio-pci refuses a device without an IOMMU, and the driver link exists until the probe has failed."""
    view, nic = View(guest), guest.address("nic")
    (path,) = view.call("GetDevice", nic)
    guest.check_run("modprobe vfio-pci")
    output = guest.check_run(f"python3 -IS -c {shlex.quote(PROBE_SCRIPT)} {nic} {path} {ROUNDS}", timeout=900)
    results = json.loads(output.splitlines()[-1])
    wrong = [(number, found, link) for number, (_, found, link) in enumerate(results, 1) if found != link]
    tap.equal(f"{ROUNDS} rounds of failed probes: the bus agrees with the driver link",
              (len(results), wrong), (ROUNDS, []))
    tap.equal("no probe bound vfio-pci", {link[0] for _, _, link in results}, {""})
    late = sum(asked > 1 for asked, _, _ in results)
    tap.note(f"in {late} rounds the script asked the bus more than once")


def check_machine(tap, guest, state, hint):
    view, nic = View(guest), guest.address("nic")
    name = host.interface(guest, nic)
    before = host.snapshot(guest, nic)
    tap.equal(f"IOMMU {state}: sysfs has no groups", host.members(guest), set())

    status = json.loads(guest.check_run("vfioctl --json status"))
    tap.equal(f"IOMMU {state}: vfioctl status says so", status["iommu"], state)
    tap.contains(f"IOMMU {state}: vfioctl status says what to do", status["iommu_reason"], hint)
    tap.note(status["iommu_reason"])
    tap.equal(f"IOMMU {state}: vfioctl groups lists none",
              json.loads(guest.check_run("vfioctl --json groups 2>/dev/null"))["groups"], [])
    (devices,) = view.call("ListDevices")
    tap.equal(f"IOMMU {state}: every PCI function is listed, without a group", [(row[0], row[2]) for row in devices],
              [(address, -1) for address in guest.check_run("ls /sys/bus/pci/devices").split()])
    tap.equal(f"IOMMU {state}: vfioctl show has a device without a group", view.show(name)[1], None)

    code, output = view.vfioctl(f"detach {name}")
    tap.equal(f"IOMMU {state}: detach is refused", code, REFUSED)
    tap.contains(f"IOMMU {state}: the refusal gives the reason", output, status["iommu_reason"])
    tap.equal(f"IOMMU {state}: the error is NoIommu", view.error("Detach", nic), "org.vfiod1.Error.NoIommu")
    tap.equal(f"IOMMU {state}: reattach is refused because nothing is detached", view.error("Reattach", nic),
              "org.vfiod1.Error.NotDetached")
    tap.equal(f"IOMMU {state}: nothing was changed", (host.snapshot(guest, nic), view.records()), (before, []))
    tap.check(f"IOMMU {state}: vfio-pci was not loaded", guest.run("test -e /sys/bus/pci/drivers/vfio-pci")[0] != 0)


def check_boot(tap, destdir, state, hint, probes=False, **properties):
    with Guest("e1000e", destdir=destdir, **properties) as guest:
        tap.watch(guest)
        guest.boot()
        check_machine(tap, guest, state, hint)
        if probes:
            check_failed_probes(tap, guest)


def main():
    choice = options.parser(__doc__).parse_args()
    tap = Tap()
    with options.installed(choice) as destdir:
        tap.run("a machine without an IOMMU", check_boot, tap, destdir, "absent", "virtual IOMMU", probes=True, iommu=False)
        tap.run("a machine with an IOMMU that is not in use", check_boot, tap, destdir, "off", "intel_iommu=off",
                kernel_arguments="intel_iommu=off")
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
