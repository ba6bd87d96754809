# SPDX-License-Identifier: GPL-2.0-or-later
"""All PCI devices of the guest in the same form, once from /sys and once from vfiod."""

import json
import shlex

# Runs in the guest and uses nothing of vfiod.
SCRIPT = r"""
import glob, json, os, re

FUNCTION = re.compile(r"/([0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}[.][0-7])(?=/)")

def read(path, otherwise=""):
    try:
        with open(path) as file:
            return file.read().strip()
    except FileNotFoundError:
        return otherwise

def link(path):
    return os.path.basename(os.readlink(path)) if os.path.islink(path) else ""

def carriers(path):
    target = os.path.realpath(path)
    if "/virtual/nvme-subsystem/" in target:
        return [FUNCTION.findall(os.path.realpath(controller) + "/")[-1]
                for controller in glob.glob(os.path.dirname(target) + "/nvme[0-9]*")
                if re.fullmatch(r"nvme[0-9]+", os.path.basename(controller))]
    return FUNCTION.findall(target)[-1:]

names = {}
for path in glob.glob("/sys/class/net/*") + glob.glob("/sys/class/block/*"):
    if not os.path.exists(path + "/partition") and read(path + "/hidden", "0") == "0":
        for address in carriers(path):
            names.setdefault(address, []).append(os.path.basename(path))

def facts(address):
    device = f"/sys/bus/pci/devices/{address}"
    return [int(link(device + "/iommu_group") or -1), link(device + "/driver"),
            *(int(read(f"{device}/{name}"), 16) for name in ("class", "vendor", "device")), sorted(names.get(address, []))]

print(json.dumps({address: facts(address) for address in os.listdir("/sys/bus/pci/devices")}))
"""


def fresh(guest):
    """{address: [group, driver, class, vendor, device, names]} from /sys."""
    return json.loads(guest.check_run(f"python3 -IS -c {shlex.quote(SCRIPT)}"))


def known(view):
    """The same from ListDevices. ListGroups must have the same groups."""
    (rows,) = view.call("ListDevices")
    devices = {address: [group, driver, kind, vendor, device, sorted(names)]
               for address, _path, group, _state, driver, kind, vendor, device, names, _details in rows}
    members = {(facts[0], address) for address, facts in devices.items() if facts[0] >= 0}
    return devices if members == view.members() else {"groups": sorted(view.members())}


def vf_addresses(guest, address):
    """The addresses of a device's VFs, from /sys."""
    return sorted(guest.check_run(f"for link in /sys/bus/pci/devices/{address}/virtfn*; do"
                                  " basename $(readlink $link); done").split())
