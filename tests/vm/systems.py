# SPDX-License-Identifier: GPL-2.0-or-later
"""The systems and kernels of the guest, and what is known of each.

    bookworm  debian        Debian 12: kernel 6.1, systemd 252, libvirt 9, started by this machine's QEMU 7
    trixie    debian        Debian 13: kernel 6.12, systemd 257, libvirt 11, started by its own QEMU 10
              backports     Debian 13 with the kernel of its backports, 7.x
              iommufd       Debian 13 with a kernel of kernel.py: group nodes and cdevs
              iommufd-cdev  Debian 13 with a kernel of kernel.py: cdevs only
    dracut    debian        Debian 13 with dracut instead of initramfs-tools

All programs here have the options --system and --kernel. Their defaults are $VFIOD_SYSTEM and $VFIOD_KERNEL, or
bookworm and Debian's kernel.
"""

import argparse
import dataclasses
import os


@dataclasses.dataclass(frozen=True)
class System:
    """A release of Debian. `debian_kernels` are in its image, from old to new."""

    name: str
    release: str
    debian_kernels: tuple
    own_qemu: bool


@dataclasses.dataclass(frozen=True)
class Way:
    """A way in which a VM gets a device, and how the kernel refuses it. holder.py knows the names."""

    name: str
    not_viable: str  # what QEMU says if a member of the group is on a host driver: a pattern
    taken: str  # what a second process gets


GROUP = Way("group", "group {group} is not viable", "Device or resource busy")  # it opens /dev/vfio/GROUP
CDEV = Way("cdev", "error bind device fd=[0-9]+ to iommufd=[0-9]+: Operation not permitted",
           "Invalid argument")  # it opens /dev/vfio/devices/vfioN and /dev/iommu


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a kernel has. Tests expect exactly this."""

    ways: tuple = (GROUP,)  # vfioctl prints the first one
    override_waits: bool = False  # a read of driver_override waits while the driver of the device waits (before 2026)


SYSTEMS = {system.name: system for system in (
    System("bookworm", "bookworm", ("debian",), own_qemu=False),
    System("trixie", "trixie", ("debian", "backports"), own_qemu=True),
    System("dracut", "trixie", ("debian",), own_qemu=True))}

# {(system, kernel): Facts}
KERNELS = {
    ("bookworm", "debian"): Facts(override_waits=True),
    ("trixie", "debian"): Facts(),
    ("trixie", "backports"): Facts(),
    ("trixie", "iommufd"): Facts(ways=(GROUP, CDEV)),
    ("trixie", "iommufd-cdev"): Facts(ways=(CDEV,)),
    ("dracut", "debian"): Facts(),
}


class Choose(argparse.Action):
    """Set the environment variable that belongs to the option, so that each Guest of the program obeys it."""

    def __call__(self, parser, namespace, values, option=None):
        os.environ[f"VFIOD_{self.dest.upper()}"] = values
        setattr(namespace, self.dest, values)


def chosen():
    """(system, kernel) of the command line or the environment. Raises ValueError if they do not exist."""
    choice = (os.environ.get("VFIOD_SYSTEM") or "bookworm", os.environ.get("VFIOD_KERNEL") or "debian")
    if choice not in KERNELS:
        raise ValueError(f"no system {choice[0]} with kernel {choice[1]}")
    return choice


def add_choice(parser):
    """Add --system and --kernel to a parser of arguments."""
    parser.add_argument("--system", choices=sorted(SYSTEMS), action=Choose,
                        default=os.environ.get("VFIOD_SYSTEM") or "bookworm", help="system of the guest")
    parser.add_argument("--kernel", choices=sorted({kernel for _, kernel in KERNELS}), action=Choose,
                        default=os.environ.get("VFIOD_KERNEL") or "debian", help="its kernel")
    return parser
