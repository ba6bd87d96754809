#!/usr/bin/python3 -IS
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs inside the guest: holds PCI devices through VFIO, as a VM does.

    holder.py WAY ADDRESS...      prints "held" when it has the devices; ends when its input ends, or by a signal

The devices are in one group. WAY is a name of systems.py: "group" opens the container, the group and each device;
"cdev" opens an iommufd and the own node of each device, binds the devices, and attaches them to one address space.
"""

import fcntl
import os
import struct
import sys

SET_IOMMU = 0x3B66
GROUP_SET_CONTAINER = 0x3B68
GROUP_GET_DEVICE_FD = 0x3B6A
DEVICE_BIND_IOMMUFD = 0x3B76
DEVICE_ATTACH_IOMMUFD_PT = 0x3B77
IOMMU_IOAS_ALLOC = 0x3B81
TYPE1_IOMMU = 1


def hold_group(addresses):
    """Return the open file descriptors."""
    link = os.readlink(f"/sys/bus/pci/devices/{addresses[0]}/iommu_group")
    group = os.open(f"/dev/vfio/{os.path.basename(link)}", os.O_RDWR)
    container = os.open("/dev/vfio/vfio", os.O_RDWR)
    fcntl.ioctl(group, GROUP_SET_CONTAINER, container.to_bytes(4, "little"))
    fcntl.ioctl(container, SET_IOMMU, TYPE1_IOMMU)
    devices = [fcntl.ioctl(group, GROUP_GET_DEVICE_FD, bytearray(address.encode() + b"\0"))
               for address in addresses]
    return [group, container, *devices]


def hold_cdevs(addresses):
    """Return the open file descriptors."""
    iommufd = os.open("/dev/iommu", os.O_RDWR)
    space = bytearray(struct.pack("=III", 12, 0, 0))  # size, flags, the id that the kernel returns
    fcntl.ioctl(iommufd, IOMMU_IOAS_ALLOC, space)
    (number,) = struct.unpack_from("=I", space, 8)
    devices = []
    for address in addresses:
        (name,) = os.listdir(f"/sys/bus/pci/devices/{address}/vfio-dev")
        devices.append(os.open(f"/dev/vfio/devices/{name}", os.O_RDWR))
        fcntl.ioctl(devices[-1], DEVICE_BIND_IOMMUFD, bytearray(struct.pack("=IIiI", 16, 0, iommufd, 0)))
        fcntl.ioctl(devices[-1], DEVICE_ATTACH_IOMMUFD_PT, bytearray(struct.pack("=III", 12, 0, number)))
    return [iommufd, *devices]


WAYS = {"group": hold_group, "cdev": hold_cdevs}


def main(way, *addresses):
    try:
        WAYS[way](addresses)
    except OSError as error:
        sys.exit(f"cannot hold {' '.join(addresses)}: {error.strerror}")
    print("held", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
