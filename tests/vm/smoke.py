#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks the guest itself, without vfiod: its devices and groups, its tools, and its kernel.

If this test fails, all other tests here fail too, and vfiod is not the reason. no-iommu.py checks a guest without an
IOMMU, and story.py checks a guest with a slot controller.
"""

import sys

import byhand
import host
import options
import systems
from guest import Guest
from overlay import HOLDER
from tap import Tap
from topology import MACS

TOOLS = ["busctl", "virsh", "driverctl", "qemu-system-x86_64", "lspci", "strace", "pvs", "cryptsetup", "mdadm"]


def check_groups(tap, guest):
    """The IOMMU groups are as the topology describes them."""
    address = {name: guest.address(name)
               for name in ("story-bridge", "story-left", "story-right", "dual-0", "dual-1", "nic", "disk",
                            "sriov")}
    group = {name: guest.group(place) for name, place in address.items()}
    tap.check("there are IOMMU groups", None not in group.values(), group)
    tap.equal("the bridge and both ports are in one group", guest.members(group["story-left"]),
              sorted([address["story-bridge"], address["story-left"], address["story-right"]]))
    tap.equal("the two PCI functions of the card are in one group", guest.members(group["dual-0"]),
              [address["dual-0"], address["dual-1"]])
    for name in ("nic", "disk", "sriov"):
        tap.equal(f"{name} is alone in its group", guest.members(group[name]), [address[name]])
    drivers = {name: guest.driver(address[name]) for name in ("story-left", "story-right", "nic", "disk")}
    tap.equal("host drivers are bound", drivers,
              {"story-left": "e1000", "story-right": "e1000", "nic": "e1000e", "disk": "nvme"})
    names = guest.check_run(f"cd /sys/bus/pci/devices; ls {address['dual-0']}/net {address['dual-1']}/net").split()
    tap.check("the interfaces of the card have slot names", {"ens1f0", "ens1f1"} <= set(names), names)
    macs = {name: guest.check_run(f"cat /sys/bus/pci/devices/{address[name]}/net/*/address") for name in MACS if name in address}
    tap.equal("the MAC addresses are the fixed ones", macs, {name: MACS[name] for name in macs})
    return address, group


def check_tools(tap, guest):
    """The tools that tests need are installed and work."""
    tap.equal("systemd is running", guest.check_run("systemctl is-system-running"), "running")
    for tool in TOOLS:
        tap.check(f"{tool} is installed", guest.run(f"command -v {tool}")[0] == 0)
    tap.contains("busctl talks to the bus", guest.check_run("busctl --no-pager list"), "org.freedesktop.PolicyKit1")
    tap.equal("there is an unprivileged user", guest.check_run("id -un", user="alice"), "alice")
    guest.check_run("modprobe vfio-pci")
    tap.equal("vfio-pci can be loaded", guest.run("test -d /sys/bus/pci/drivers/vfio-pci")[0], 0)
    guest.check_run("systemctl start libvirtd", timeout=120)
    tap.contains("virsh lists PCI devices", guest.check_run("virsh nodedev-list --cap pci", timeout=120),
                 "pci_" + guest.address("nic").replace(":", "_").replace(".", "_"))
    guest.check_run("systemctl stop libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket")


def check_nodes(tap, guest, *ports):
    """The kernel makes the nodes that systems.py says."""
    nodes = {systems.GROUP: f"/dev/vfio/{guest.group(ports[0])}", systems.CDEV: host.cdev(guest, ports[0])}
    tap.equal("the kernel makes the nodes that systems.py says",
              [way for way, node in nodes.items() if guest.run(f"test -c {node}")[0] == 0], list(guest.facts.ways))


def check_holders(tap, guest, way, *ports):
    """A VM, and the holder, have both ports. Nobody else can take them meanwhile."""
    command = f"python3 -IS /{HOLDER} {way.name} {' '.join(ports)}"
    started, machine = byhand.start_machine(guest, byhand.device_arguments(guest, *ports, way=way))
    if tap.check(f"by {way.name}: with both ports on vfio-pci the VM starts", started, machine.output):
        tap.contains(f"by {way.name}: nobody else can take the ports", guest.run(command)[1], way.taken)
        tap.equal(f"by {way.name}: the VM ends without error", byhand.stop_machine(machine), 0)
    holder = guest.hold(*ports, way=way)
    tap.contains(f"by {way.name}: the holder holds the ports", guest.run(command)[1], way.taken)
    holder.close_input()
    tap.equal(f"by {way.name}: the holder ends and releases the ports", holder.wait(), 0)


def check_viability(tap, guest, address, group):
    """With one port on vfio-pci the group is not viable. With both ports a VM starts and holds the group."""
    left, right = address["story-left"], address["story-right"]
    name = guest.check_run(f"ls /sys/bus/pci/devices/{left}/net")
    byhand.take(guest, left)
    tap.equal("one port is on vfio-pci", (guest.driver(left), guest.driver(right)), ("vfio-pci", "e1000"))
    for way in guest.facts.ways:
        started, machine = byhand.start_machine(guest, byhand.device_arguments(guest, left, way=way))
        tap.check(f"by {way.name}: a VM does not start with it", not started, machine.output)
        tap.check(f"by {way.name}: QEMU says that the group is not viable",
                  byhand.says_not_viable(machine.output, group["story-left"], way), machine.output)
    byhand.take(guest, right)
    check_nodes(tap, guest, left, right)
    for way in guest.facts.ways:
        check_holders(tap, guest, way, left, right)
    for port in (left, right):
        byhand.reattach(guest, port)
    tap.equal("both ports are on their host driver", (guest.driver(left), guest.driver(right)), ("e1000", "e1000"))
    tap.equal("the port has its name again", guest.check_run(f"ls /sys/bus/pci/devices/{left}/net"), name)


def check_hotplug(tap, guest):
    """A device is hot-plugged and unplugged through QEMU's monitor."""
    events = guest.start("udevadm monitor --udev --subsystem-match=pci")
    events.read_until("UDEV - ")
    guest.plug("e1000e", "plugged", "hot-0", mac="52:54:00:00:09:01", romfile="")
    events.read_until("UDEV  ")
    place = guest.address("plugged")
    tap.contains("udev reports the plugged device", events.read_until("(pci)"), place)
    tap.check("its driver binds it", guest.wait_for(f"test -e /sys/bus/pci/drivers/e1000e/{place}"))
    guest.pull("plugged")
    tap.check("the unplugged device disappears", guest.wait_for(f"! test -e /sys/bus/pci/devices/{place}"))
    events.stop()


def check_virtual_functions(tap, guest, address):
    """The SR-IOV controller supports four VFs, each in its own group."""
    place = address["sriov"]
    guest.check_run(f"cd /sys/bus/pci/devices/{place}; echo 0 > sriov_drivers_autoprobe; echo 4 > sriov_numvfs")
    vfs = guest.check_run(f"for link in /sys/bus/pci/devices/{place}/virtfn*; do"
                                " basename $(readlink $link); done").split()
    tap.equal("four VFs appear", len(vfs), 4)
    tap.equal("each VF is in its own group", len({guest.group(vf) for vf in vfs}), 4)
    guest.check_run(f"echo 0 > /sys/bus/pci/devices/{place}/sriov_numvfs")


def check_guest(tap):
    with Guest("full") as guest:
        tap.watch(guest)
        guest.boot()
        tap.note(f"full: booted in {guest.boot_seconds:.1f} s")
        address, group = check_groups(tap, guest)
        check_tools(tap, guest)
        check_viability(tap, guest, address, group)
        check_hotplug(tap, guest)
        check_virtual_functions(tap, guest, address)
        guest.shutdown()


def main():
    options.parser(__doc__).parse_args()  # accepts the same options as the other tests, but needs no build
    tap = Tap()
    tap.run("the guest", check_guest, tap)
    return tap.finish()


if __name__ == "__main__":
    sys.exit(main())
