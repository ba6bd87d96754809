#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""vfioctl nodedev-dumpxml: every element, attribute and text is that of virsh nodedev-dumpxml, for each PCI device of the guest.

libvirt lists the members of an IOMMU group in no order, so they are compared as a set. Without root, one attribute is missing: the
number of the port of a PCI Express link is in the configuration space, of which only root sees more than the header. libvirt also reads
it to wake up a suspended device, whose current link is not known otherwise.
"""

import collections
import sys
import xml.etree.ElementTree

import neighbours
from machine import play


def node(address):
    """libvirt's name of a device."""
    return "pci_" + address.replace(":", "_").replace(".", "_")


def elements(text):
    """Every element with its path, attributes and text: the order of siblings does not matter, their number does."""
    found = collections.Counter()

    def visit(element, path):
        here = f"{path}/{element.tag}"
        found[(here, tuple(sorted(element.attrib.items())), (element.text or "").strip())] += 1
        # Elements of the same name differ by their attributes.
        for child in element:
            visit(child, here + "".join(f"[{key}={value}]" for key, value in sorted(element.attrib.items())))

    visit(xml.etree.ElementTree.fromstring(text), "")
    return found


def differences(ours, theirs):
    """The elements that only one of the texts has."""
    ours, theirs = elements(ours), elements(theirs)
    return sorted([("only vfioctl", *key) for key in ours - theirs] + [("only virsh", *key) for key in theirs - ours])


def pci_devices(machine):
    """The addresses of all PCI functions."""
    return machine.guest.check_run("ls /sys/bus/pci/devices").split()


def compare_all(machine, when):
    """As root: nothing differs."""
    tap, guest, count = machine.tap, machine.guest, 0
    for address in pci_devices(machine):
        ours = guest.check_run(f"vfioctl nodedev-dumpxml {node(address)}")
        theirs = guest.check_run(f"virsh nodedev-dumpxml {node(address)}")
        different = differences(ours, theirs)
        count += sum(elements(theirs).values())
        tap.check(f"{when}: {address}: 0 differing elements", not different, different)
    tap.note(f"{when}: compared {count} elements of {len(pci_devices(machine))} devices")
    tap.check(f"{when}: there are elements", count > 200, count)


def check_all(machine):
    """All devices as the host has them, and the list."""
    tap, guest = machine.tap, machine.guest
    guest.check_run("systemctl start libvirtd", timeout=120)
    compare_all(machine, "on the host's drivers")
    tap.equal("the list is that of virsh", guest.check_run("vfioctl nodedev-list --cap pci").split(),
              guest.check_run("virsh nodedev-list --cap pci").split())
    ours = guest.check_run("vfioctl nodedev-list --tree").split("\n")
    theirs = guest.check_run("virsh nodedev-list --tree").split("\n")
    tap.equal("the tree has the PCI devices of virsh at the same depth", [line.replace("|", " ") for line in ours if "pci_" in line],
              [line.replace("|", " ") for line in theirs if "pci_" in line])


def check_detached(machine):
    """A detached card."""
    machine.guest.check_run(f"vfioctl detach {machine.nic}")
    compare_all(machine, "with a detached card")
    machine.guest.check_run(f"vfioctl reattach {machine.nic}")


def check_virtual_functions(machine):
    """A PF and its VFs."""
    place = machine.controller
    machine.write("0", f"devices/{place}/sriov_drivers_autoprobe")
    machine.write("2", f"devices/{place}/sriov_numvfs")
    compare_all(machine, "with VFs")
    machine.tap.contains("the PF has its VFs", machine.guest.check_run(f"vfioctl show --xml {place}"), "maxCount='4'>")
    machine.write("0", f"devices/{place}/sriov_numvfs")
    machine.write("1", f"devices/{place}/sriov_drivers_autoprobe")


def check_plain_user(machine):
    """Without root: only the number of the port is missing."""
    tap, guest = machine.tap, machine.guest
    for address in pci_devices(machine):
        status, ours = machine.view.vfioctl(f"show --xml {address}", "alice")
        theirs = guest.check_run(f"virsh nodedev-dumpxml {node(address)}")
        tap.equal(f"{address}: exit status for an ordinary user", status, 0)
        left = [row for row in differences(ours, theirs) if not row[1].endswith("/pci-express/link")]
        tap.check(f"{address}: an ordinary user misses only the port", not left, left)
        links = [row for row in differences(ours, theirs) if row[1].endswith("/pci-express/link")]
        without_port = {tuple(item for item in attributes if item[0] != "port") for _, _, attributes, _ in links}
        is_suspended = guest.check_run(f"cat /sys/bus/pci/devices/{address}/power/runtime_status").strip() == "suspended"
        tap.check(f"{address}: the link is the same, but for the port",
                  is_suspended or len(links) in (0, 2) and len(without_port) < 2, links)


def check_hostdev(machine):
    """libvirt accepts the element <hostdev>."""
    tap, guest = machine.tap, machine.guest
    fragment = guest.check_run(f"vfioctl show --libvirt {machine.nic}")
    domain = ("<domain type='qemu'><name>x</name><memory>65536</memory><os><type>hvm</type></os><devices>"
              f"{fragment}</devices></domain>")
    guest.check_run(f"cat > /tmp/domain.xml <<'END'\n{domain}\nEND")
    guest.check_run("virt-xml-validate /tmp/domain.xml domain || virsh define --validate /tmp/domain.xml", timeout=120)
    guest.run("virsh undefine x")
    guest.check_run(f"systemctl stop {neighbours.LIBVIRT_UNITS}")
    tap.check("libvirt accepts the element", True)


PARTS = [check_all, check_detached, check_virtual_functions, check_plain_user, check_hostdev]

if __name__ == "__main__":
    sys.exit(play("nodedev", __doc__, "full", PARTS))
