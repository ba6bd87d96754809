# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI devices as the guest's kernel has them: what must be the same before and after.

Reads attributes that block while a device is stuck: only for tests that leave none so.
"""

import json
import shlex

# Runs in the guest. For each address: driver, driver_override as read, and the host names of what it carries.
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

def look(address):
    device = f"/sys/bus/pci/devices/{address}"
    link = f"{device}/driver"
    return {"driver": os.path.basename(os.readlink(link)) if os.path.islink(link) else "",
            "override": read(f"{device}/driver_override"),
            "network": {os.path.basename(path): read(f"{path}/address") for path in below(address, "net")},
            "disks": sorted(os.path.basename(path) for path in below(address, "block"))}

print(json.dumps({address: look(address) for address in sys.argv[1:]}))
"""


def snapshot(guest, *addresses):
    """{address: {"driver", "override", "network": {name: MAC}, "disks": [names]}}."""
    return json.loads(guest.check_run(f"python3 -IS -c {shlex.quote(SCRIPT)} {' '.join(addresses)}"))


def drivers(guest, *addresses):
    """The drivers of these devices, in their order; an empty string for none."""
    found = snapshot(guest, *addresses)
    return [found[address]["driver"] for address in addresses]


def interface(guest, address):
    """The name of a device's one network interface."""
    (name,) = snapshot(guest, address)[address]["network"]
    return name


def members(guest):
    """{(group number, address)} as sysfs has them."""
    links = guest.check_run("find /sys/kernel/iommu_groups -type l").split()
    return {(int(link.split("/")[4]), link.split("/")[6]) for link in links}
