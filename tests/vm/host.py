# SPDX-License-Identifier: GPL-2.0-or-later
"""The state of PCI devices in the guest's kernel, to compare it before and after a test.

It reads attributes whose read blocks while a device is stuck. Use it only when no device is stuck.
"""

import re

import systems

# Runs in the guest, where starting an interpreter takes longer than all of this: a part for each kind of fact.
SCRIPT = """
cd /sys/bus/pci/devices
for address in {addresses}; do read -r override < $address/driver_override || exit 1; echo "$address $override"; done
echo --
find {folders} -maxdepth 1 -name driver -printf '%h %l\\n' 2>/dev/null
echo --
for name in /sys/class/net/*; do read -r mac < $name/address; printf '%s %s\\n' "${{name##*/}}" "$mac"; done 2>/dev/null
echo --
readlink -f /sys/class/net/*
echo --
readlink -f /sys/class/block/*
true
"""

DRIVERS = "cd /sys/bus/pci/devices && for address in {}; do readlink $address/driver || echo; done"

FUNCTION = re.compile(r"/([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}[.][0-7])(?=/)")


def below(address, paths):
    """The names of the interfaces or disks whose closest PCI device this is."""
    return [path.rpartition("/")[2] for path in paths if FUNCTION.findall(path)[-1:] == [address]]


def snapshot(guest, *addresses):
    """{address: {"driver", "override", "network": {name: MAC}, "disks": [names]}}."""
    output = guest.check_run(SCRIPT.format(addresses=" ".join(addresses), folders=" ".join(f"{address}/" for address in addresses)))
    overrides, drivers_now, macs, interfaces, disks = ([line for line in part.split("\n") if line] for part in output.split("--\n"))
    overrides = dict(line.split(" ", 1) for line in overrides)
    drivers_now = {line.split()[0].rstrip("/"): line.rpartition("/")[2] for line in drivers_now}
    macs = dict(line.rsplit(" ", 1) for line in macs)
    return {address: {"driver": drivers_now.get(address, ""), "override": overrides[address],
                      "network": {name: macs.get(name, "") for name in below(address, interfaces)},
                      "disks": sorted(below(address, disks))} for address in addresses}


def drivers(guest, *addresses):
    """The drivers of these devices, in the same order; an empty string if a device has none."""
    return [line.rpartition("/")[2] for line in guest.check_run(DRIVERS.format(" ".join(addresses))).split("\n")[:len(addresses)]]


def cdev(guest, address):
    """The path of the own node of a device that is on vfio-pci."""
    return "/dev/vfio/devices/" + guest.check_run(f"ls /sys/bus/pci/devices/{address}/vfio-dev")


def node(guest, address):
    """The path of the node that vfiod shows for a device that is on vfio-pci."""
    if guest.facts.ways[0] is systems.GROUP:
        return f"/dev/vfio/{guest.group(address)}"
    return cdev(guest, address)


def interface(guest, address):
    """The name of the only network interface of a device."""
    (name,) = snapshot(guest, address)[address]["network"]
    return name


def members(guest):
    """{(group number, address)} from sysfs."""
    links = guest.check_run("find /sys/kernel/iommu_groups -type l").split()
    return {(int(link.split("/")[4]), link.split("/")[6]) for link in links}
