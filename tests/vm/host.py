# SPDX-License-Identifier: GPL-2.0-or-later
"""The state of PCI devices in the guest's kernel, to compare it before and after a test.

It reads attributes whose read blocks while a device is stuck. Use it only when no device is stuck.
"""

import json
import shlex

# Runs in the guest. For each address: the driver, driver_override as read, and the names of its interfaces and disks.
SCRIPT = r"""
import glob, json, os, re, sys

FUNCTION = re.compile(r"/([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}[.][0-7])(?=/)")

def read(path):
    with open(path) as file:
        return file.read().strip()

def below(address, kind):
    for path in glob.glob(f"/sys/class/{kind}/*"):
        if FUNCTION.findall(os.path.realpath(path))[-1:] == [address]:
            yield path

def facts(address):
    device = f"/sys/bus/pci/devices/{address}"
    link = f"{device}/driver"
    return {"driver": os.path.basename(os.readlink(link)) if os.path.islink(link) else "",
            "override": read(f"{device}/driver_override"),
            "network": {os.path.basename(path): read(f"{path}/address") for path in below(address, "net")},
            "disks": sorted(os.path.basename(path) for path in below(address, "block"))}

print(json.dumps({address: facts(address) for address in sys.argv[1:]}))
"""


def snapshot(guest, *addresses):
    """{address: {"driver", "override", "network": {name: MAC}, "disks": [names]}}."""
    return json.loads(guest.check_run(f"python3 -IS -c {shlex.quote(SCRIPT)} {' '.join(addresses)}"))


def drivers(guest, *addresses):
    """The drivers of these devices, in the same order; an empty string if a device has none."""
    found = snapshot(guest, *addresses)
    return [found[address]["driver"] for address in addresses]


def interface(guest, address):
    """The name of the only network interface of a device."""
    (name,) = snapshot(guest, address)[address]["network"]
    return name


def members(guest):
    """{(group number, address)} from sysfs."""
    links = guest.check_run("find /sys/kernel/iommu_groups -type l").split()
    return {(int(link.split("/")[4]), link.split("/")[6]) for link in links}
