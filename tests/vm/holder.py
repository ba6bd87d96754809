#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest: holds PCI devices through VFIO, as a VM does.

    holder.py ADDRESS...      prints "held" when it has the devices; ends when its input ends, or by a signal

The devices are in one group. Opens the container, the group and each device; with --group-only it opens only the
group's node.
"""

import fcntl
import os
import sys

GET_API_VERSION = 0x3B64
SET_IOMMU = 0x3B66
GROUP_GET_STATUS = 0x3B67
GROUP_SET_CONTAINER = 0x3B68
GROUP_GET_DEVICE_FD = 0x3B6A
TYPE1_IOMMU = 1


def hold(addresses, group_only):
    """Open what the arguments name and return the file descriptors."""
    link = os.readlink(f"/sys/bus/pci/devices/{addresses[0]}/iommu_group")
    group = os.open(f"/dev/vfio/{os.path.basename(link)}", os.O_RDWR)
    if group_only:
        return [group]
    container = os.open("/dev/vfio/vfio", os.O_RDWR)
    fcntl.ioctl(group, GROUP_SET_CONTAINER, container.to_bytes(4, "little"))
    fcntl.ioctl(container, SET_IOMMU, TYPE1_IOMMU)
    devices = [fcntl.ioctl(group, GROUP_GET_DEVICE_FD, bytearray(address.encode() + b"\0"))
               for address in addresses]
    return [group, container, *devices]


def main(arguments):
    group_only = "--group-only" in arguments
    addresses = [argument for argument in arguments if not argument.startswith("--")]
    try:
        hold(addresses, group_only)
    except OSError as error:
        sys.exit(f"cannot hold {' '.join(addresses)}: {error.strerror}")
    print("held", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
