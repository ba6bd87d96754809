# SPDX-License-Identifier: GPL-2.0-or-later
"""The systems and kernels of the guest, and what is known of each.

    bookworm  debian        Debian 12: kernel 6.1, systemd 252, libvirt 9, started by this machine's QEMU 7
    trixie    debian        Debian 13: kernel 6.12, systemd 257, libvirt 11, started by its own QEMU 10
              backports     Debian 13 with the kernel of its backports, 7.x
              iommufd       Debian 13 with a kernel of kernel.py: group nodes and cdevs
              iommufd-cdev  Debian 13 with a kernel of kernel.py: cdevs only
    dracut    debian        Debian 13 with dracut instead of initramfs-tools
    autopkgtest debian      Debian 12 with autopkgtest, which runs the test of the packages

All programs here have the options --system, --kernel, --iommu and --bus. Their defaults are $VFIOD_SYSTEM, $VFIOD_KERNEL,
$VFIOD_IOMMU and $VFIOD_BUS, or bookworm, Debian's kernel, Intel's IOMMU and dbus-daemon.
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
    System("dracut", "trixie", ("debian",), own_qemu=True),
    System("autopkgtest", "bookworm", ("debian",), own_qemu=False))}

# {(system, kernel): Facts}
KERNELS = {
    ("bookworm", "debian"): Facts(override_waits=True),
    ("trixie", "debian"): Facts(),
    ("trixie", "backports"): Facts(),
    ("trixie", "iommufd"): Facts(ways=(GROUP, CDEV)),
    ("trixie", "iommufd-cdev"): Facts(ways=(CDEV,)),
    ("dracut", "debian"): Facts(),
    ("autopkgtest", "debian"): Facts(override_waits=True),
}


@dataclasses.dataclass(frozen=True)
class Iommu:
    """An IOMMU of QEMU. `card` is the topology with a card of two ports in one group."""

    device: str  # for QEMU
    parameters: tuple = ()  # of the kernel
    card: str = "story"
    maps_iommufd: bool = True  # QEMU can map its memory through an iommufd


# Without interrupt remapping, QEMU starts with a device only with these.
UNSAFE = ("vfio_iommu_type1.allow_unsafe_interrupts=1", "iommufd.allow_unsafe_interrupts=1")
IOMMUS = {
    "intel": Iommu("intel-iommu,intremap=on,caching-mode=on", ("intel_iommu=on",)),
    # Linux 7.3 does not remap interrupts on QEMU's machine: "No southbridge IOAPIC found".
    "amd": Iommu("amd-iommu,intremap=on", UNSAFE),
    # It does not remap interrupts, and the kernel puts no device behind a bridge to conventional PCI into a group. On Linux 6.12,
    # each mapping through an iommufd fails with EINVAL. Debian's kernels have its driver as a module, which is not in the initramfs.
    "virtio": Iommu("virtio-iommu-pci,bus=pcie.0,addr=0x6", UNSAFE, "dual", maps_iommufd=False),
}


# As the file of the package, which the guest has, but does not use.
BROKER = """[Unit]
Description=D-Bus System Message Bus
DefaultDependencies=false
After=dbus.socket
Before=basic.target shutdown.target
Requires=dbus.socket
Conflicts=shutdown.target
[Service]
Type=notify
Sockets=dbus.socket
OOMScoreAdjust=-900
LimitNOFILE=16384
ProtectSystem=full
PrivateTmp=true
PrivateDevices=true
ExecStart=/usr/bin/dbus-broker-launch --scope system --audit
ExecReload=/usr/bin/busctl call org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus ReloadConfig
"""
# {message bus: files of the guest}
BUSES = {"dbus-daemon": {}, "dbus-broker": {"/etc/systemd/system/dbus.service": BROKER}}


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


def chosen_iommu():
    """The Iommu of the command line or the environment. Raises ValueError if it does not exist."""
    name = os.environ.get("VFIOD_IOMMU") or "intel"
    if name not in IOMMUS:
        raise ValueError(f"no IOMMU {name}")
    return IOMMUS[name]


def bus_files():
    """The files of the guest for the message bus of the command line or the environment."""
    return BUSES[os.environ.get("VFIOD_BUS") or "dbus-daemon"]


def add_choice(parser):
    """Add --system, --kernel and --iommu to a parser of arguments."""
    parser.add_argument("--system", choices=sorted(SYSTEMS), action=Choose,
                        default=os.environ.get("VFIOD_SYSTEM") or "bookworm", help="system of the guest")
    parser.add_argument("--kernel", choices=sorted({kernel for _, kernel in KERNELS}), action=Choose,
                        default=os.environ.get("VFIOD_KERNEL") or "debian", help="its kernel")
    parser.add_argument("--iommu", choices=sorted(IOMMUS), action=Choose,
                        default=os.environ.get("VFIOD_IOMMU") or "intel", help="the guest's IOMMU")
    parser.add_argument("--bus", choices=sorted(BUSES), action=Choose,
                        default=os.environ.get("VFIOD_BUS") or "dbus-daemon", help="the guest's message bus")
    return parser
